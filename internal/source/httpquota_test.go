package source_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/source"
)

func TestRetryAfterIsObeyed(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"Retry-After: 7": 7 * time.Second, "Retry-After: Fri, 20 Nov 2026 03:05:00 GMT": 5 * time.Minute, "X: y": time.Second,
		fmt.Sprintf("X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: %d", now.Add(90*time.Second).Unix()): 90 * time.Second,
	} {
		var calls atomic.Int32
		r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
			if calls.Add(1) == 1 {
				answerRaw(t, w, "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n"+header+"\r\n\r\n")
				return
			}
			fmt.Fprint(w, "[]")
		})
		var waits []time.Duration
		r.Now = func() time.Time { return now }
		r.Wait = func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }
		if _, _, err := fetchHTTP(t, r); err != nil {
			t.Errorf("%s: %v", header, err)
		}
		if d := cmp.Diff([]time.Duration{want}, waits); d != "" {
			t.Errorf("%s (-want +got):\n%s", header, d)
		}
	}
}

func TestWaitsThatNobodyWouldWaitAreNotObeyed(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	soon, far := now.Add(90*time.Second), now.Add(25*time.Hour)
	reset := "X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: "
	for answer, c := range map[string]struct {
		code  string
		wait  time.Duration
		until time.Time
	}{
		"502 Bad Gateway\r\nRetry-After: 2000000000":                                       {fault.Unavailable, 0, time.Time{}},
		"500 Internal Server Error\r\nRetry-After: Fri, 20 Nov 2099 03:00:00 GMT":          {fault.Unavailable, 0, time.Time{}},
		"429 Too Many Requests\r\nRetry-After: 2000000000":                                 {fault.Quota, 0, far},
		"429 Too Many Requests\r\n" + reset + fmt.Sprint(soon.UnixMilli()):                 {"", 90 * time.Second, time.Time{}},
		"429 Too Many Requests\r\n" + reset + fmt.Sprint(now.Add(3*time.Hour).UnixMilli()): {fault.Quota, 0, now.Add(3 * time.Hour)},
		"429 Too Many Requests\r\n" + reset + fmt.Sprint(soon.UnixNano()):                  {fault.Quota, 0, far},
	} {
		var calls atomic.Int32
		r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
			if calls.Add(1) == 1 {
				answerRaw(t, w, "HTTP/1.1 "+answer+"\r\nContent-Length: 0\r\n\r\n")
				return
			}
			fmt.Fprint(w, "[]")
		})
		var waited time.Duration
		r.Now = func() time.Time { return now }
		r.Wait = func(_ context.Context, d time.Duration) error { waited += d; return nil }
		_, _, err := fetchHTTP(t, r)
		var until time.Time
		if f, ok := errors.AsType[*fault.Error](err); ok {
			until = f.Until
		}
		if fault.Code(err) != c.code || waited != c.wait || !until.Equal(c.until) {
			t.Errorf("%q: %v after %s, until %s, want %s", answer, err, waited, until, c.until)
		}
	}
}

func TestQuotaThatIsUsedUpNamesWhenItBegins(t *testing.T) {
	t.Parallel()
	seoul, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	now, midnight := time.Date(2026, 11, 19, 23, 0, 0, 0, seoul), time.Date(2026, 11, 20, 0, 0, 0, 0, seoul)
	gateway := `<OpenAPI_ServiceResponse><cmmMsgHeader><errMsg>SERVICE ERROR</errMsg><returnAuthMsg>LIMITED_NUMBER_OF_SERVICE_REQUESTS_EXCEEDS_ERROR</returnAuthMsg><returnReasonCode>22</returnReasonCode></cmmMsgHeader></OpenAPI_ServiceResponse>`
	for name, c := range map[string]struct {
		status int
		answer string
		until  time.Time
		words  string
		calls  int
	}{
		"by our own count":     {200, `{"code":"0","items":[{"a":%q}]}`, midnight, "2026-11-20 00:00 (Asia/Seoul)", 2},
		"by a long wait":       {429, "", now.Add(3601 * time.Second), "2026-11-20 00:00 (Asia/Seoul)", 1},
		"by the gateway":       {200, gateway, midnight, "2026-11-20 00:00 (Asia/Seoul)", 1},
		"by a code of the API": {200, `{"code":"E7","items":[]}`, midnight, "2026-11-20 00:00 (Asia/Seoul)", 1},
	} {
		calls := 0
		r, _ := askingHTTP(t, func(w http.ResponseWriter, req *http.Request) {
			calls++
			w.Header().Set("Retry-After", "3601")
			w.WriteHeader(c.status)
			if strings.Contains(c.answer, "%q") {
				fmt.Fprintf(w, c.answer, req.URL.Query().Get("from"))
				return
			}
			fmt.Fprint(w, c.answer)
		})
		r.Source.Records, r.Now = "items", func() time.Time { return now }
		r.Source.HTTP.OK = project.OK{Path: "code", Equals: []string{"0"}, Quota: []string{"E7"}}
		r.Source.HTTP.Quota = project.Quota{Calls: 5, Name: "portal", Resets: "00:00", Zone: seoul}
		r.Source.HTTP.Pages = project.Pages{By: "offset", Parameter: "from"}
		var spent []string
		r.Spend = func(_ context.Context, allowance, window string, limit int64) (bool, error) {
			spent = append(spent, fmt.Sprintf("%s %s %d", allowance, window, limit))
			return len(spent) <= 2, nil
		}
		objects, _, err := fetchHTTP(t, r)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.Quota || !strings.Contains(err.Error(), "waiting for quota until "+c.words) || !f.Until.Equal(c.until) {
			t.Errorf("%s: %v", name, err)
		}
		if calls != c.calls || spent[0] != "portal 2026-11-19 5" || len(objects) != calls-map[bool]int{true: 1}[c.calls == 1] {
			t.Errorf("%s: %d calls, %d objects, spent %q", name, calls, len(objects), spent)
		}
	}
}

func TestQuotaDayBeginsWhenTheQuotaSays(t *testing.T) {
	t.Parallel()
	seoul, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{"2026-11-20T08:59:00+09:00": "2026-11-19", "2026-11-20T09:00:00+09:00": "2026-11-20"} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "[]") })
		r.Now = func() time.Time { return now }
		r.Source.HTTP.Quota = project.Quota{Calls: 5, Resets: "09:00", Zone: seoul}
		r.Spend = func(_ context.Context, _, window string, _ int64) (bool, error) {
			if window != want {
				t.Errorf("at %s: window %s, want %s", at, window, want)
			}
			return true, nil
		}
		if _, _, err := fetchHTTP(t, r); err != nil {
			t.Error(err)
		}
	}
}

func TestErrorsOfStatus200AreNoEmptyDay(t *testing.T) {
	t.Parallel()
	for text, c := range map[string]struct{ code, words string }{
		`{"response":{"header":{"resultCode":"0000","resultMsg":"OK"},"body":{"items":""}}}`: {"", ""},
		`{"response":{"header":{"resultCode":"99","resultMsg":"UNKNOWN_ERROR"}}}`:            {fault.Unavailable, "99: UNKNOWN_ERROR"},
		`{"error":"maintenance"}`: {fault.Unavailable, "no response.header.resultCode"},
		`<OpenAPI_ServiceResponse><cmmMsgHeader><errMsg>SERVICE ERROR</errMsg><returnAuthMsg>SERVICE_KEY_IS_NOT_REGISTERED_ERROR</returnAuthMsg><returnReasonCode>30</returnReasonCode></cmmMsgHeader></OpenAPI_ServiceResponse>`: {fault.Refused, "30: SERVICE_KEY_IS_NOT_REGISTERED_ERROR"},
	} {
		for _, format := range []string{"json", "xml"} {
			if format == "xml" && text[0] == '{' {
				continue
			}
			r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
			r.Source.Format, r.Source.Records = format, "response.body.items.item"
			r.Source.HTTP.OK = project.OK{Path: "response.header.resultCode", Equals: []string{"0000"}, Message: "response.header.resultMsg"}
			objects, _, err := fetchHTTP(t, r)
			if c.code == "" && (err != nil || len(objects) != 1) || c.code != "" && (!fault.Is(err, c.code) || len(objects) > 0 || !strings.Contains(err.Error(), c.words)) {
				t.Errorf("%s: %d objects, %v", text, len(objects), err)
			}
		}
	}
}

func TestAnswerWithoutItsRecordsIsNoEmptyDay(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"error":"maintenance","code":7}`: "instead of data.items it has an object with error, code", `{"data":7}`: "something else on the way", `[7]`: "something else",
		`{"data":{"item":[]}}`: "an object with item",
	} {
		r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
		r.Source.Records = "data.items"
		if objects, _, err := fetchHTTP(t, r); !fault.Is(err, fault.Damaged) || len(objects) > 0 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v", text, objects, err)
		}
	}
}

func TestNoContentIsAnEmptyDay(t *testing.T) {
	t.Parallel()
	r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	if objects, _, err := fetchHTTP(t, r); err != nil || len(objects) > 0 {
		t.Errorf("%q, %v", objects, err)
	}
}

func TestTotalThatDisagreesIsDamagedAndBeginsAnew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		by, answers string // of pages, separated by |
		words       string
	}{
		"fewer":          {"page", `{"n":3,"r":[1]}|{"n":3,"r":[2]}|{"n":3,"r":[]}`, "says 3 records and gave 2"},
		"more":           {"page", `{"n":3,"r":[1,2]}|{"n":3,"r":[3,4]}`, "says 3 records and gave 4"},
		"without pages":  {"none", `{"n":3,"r":[1,2]}`, "says 3 records and gave 2"},
		"one that moves": {"page", `{"n":3,"r":[1,2]}|{"n":4,"r":[3]}`, "said 3 records on page 1 and 4 on page 2"},
		"a cursor":       {"cursor", `{"n":3,"r":[1,2],"c":"x"}|{"n":3,"r":[3,4]}`, "says 3 records and gave 4"},
	} {
		answers, calls := strings.Split(c.answers, "|"), 0
		r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answers[calls]); calls++ })
		r.Source.Records = "r"
		r.Source.HTTP.Pages = project.Pages{By: c.by, Parameter: "p", First: 1, Total: "n"}
		if c.by == "cursor" {
			r.Source.HTTP.Pages.Next = "c"
		}
		_, _, err := fetchHTTP(t, r)
		if err == nil || !strings.Contains(err.Error(), c.words) || !errors.Is(err, source.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPagesWithoutAnEndAreFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ by, answers, words string }{
		"a loop of cursors":     {"cursor", `{"r":[1],"c":"x"}|{"r":[2],"c":"y"}|{"r":[3],"c":"x"}`, "page 3 leads back"},
		"a cursor to itself":    {"cursor", `{"r":[1],"c":"x"}|{"r":[2],"c":"x"}`, "page 2 leads back"},
		"a link to itself":      {"link", `{"r":[1],"c":"?p=1"}|{"r":[2],"c":"?p=1"}`, "page 2 leads back"},
		"an unknown parameter":  {"page", `{"r":[1]}|{"r":[1]}`, "page 2 is the same as page 1"},
		"an unknown parameter2": {"offset", `{"r":[1]}|{"r":[1]}`, "page 2 is the same as page 1"},
	} {
		answers, calls := strings.Split(c.answers, "|"), 0
		r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answers[calls]); calls++ })
		r.Source.Records = "r"
		r.Source.HTTP.Pages = project.Pages{By: c.by, Parameter: "p", First: 1}
		if c.by == "cursor" || c.by == "link" {
			r.Source.HTTP.Pages.Next = "c"
		}
		if _, _, err := fetchHTTP(t, r); !fault.Is(err, fault.Damaged) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
