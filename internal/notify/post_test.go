package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
)

type answer struct {
	status int
	body   string
	header map[string]string
	act    func(http.ResponseWriter, *http.Request) // instead of the above
}

type taken struct {
	path   string
	header http.Header
	body   []byte
}

// server keeps what it was sent.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	taken []taken
}

func newServer(t *testing.T, a answer) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.taken = append(s.taken, taken{r.URL.String(), r.Header.Clone(), body})
		s.mu.Unlock()
		if a.act != nil {
			a.act(w, r)
			return
		}
		for name, value := range a.header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(a.status)
		io.WriteString(w, a.body)
	}))
	t.Cleanup(s.Close)
	return s
}

const key = "hunter2-0123456789"

func channels(t *testing.T, base string) map[string]Channel {
	t.Helper()
	slack, err := NewSlack(base + "/services/" + key + "?token=" + key)
	if err != nil {
		t.Fatal(err)
	}
	webhook, err := NewWebhook(base+"/services/"+key+"?token="+key, "")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]Channel{"Slack": slack, "webhook": webhook}
}

func TestAnswersSayWhetherAnotherTryHelps(t *testing.T) {
	date := "Fri, 20 Nov 2026 06:00:00 GMT"
	for name, c := range map[string]struct {
		answer    answer
		retryable bool
		after     time.Duration
		says      string
	}{
		"bad request":        {answer{status: 400, body: "invalid_payload"}, false, 0, "400 Bad Request: invalid_payload"},
		"forbidden":          {answer{status: 403, body: "action_prohibited"}, false, 0, "make a new address"},
		"gone":               {answer{status: 404, body: "no_service"}, false, 0, "404 Not Found: no_service; make a new address"},
		"too many":           {answer{status: 429, header: map[string]string{"Retry-After": "30"}}, true, 30 * time.Second, "429 Too Many Requests; it asks to wait 30s"},
		"too many, dated":    {answer{status: 429, header: map[string]string{"Date": date, "Retry-After": "Fri, 20 Nov 2026 06:02:00 GMT"}}, true, 2 * time.Minute, "wait 2m0s"},
		"too many, unsaid":   {answer{status: 429}, true, 0, "429"},
		"too many, nonsense": {answer{status: 429, header: map[string]string{"Retry-After": "99999999999999999999"}}, true, 0, "429"},
		"too many, for ever": {answer{status: 429, header: map[string]string{"Retry-After": "999999999"}}, true, 24 * time.Hour, "wait 24h"},
		"too many, negative": {answer{status: 429, header: map[string]string{"Retry-After": "-5"}}, true, 0, "429"},
		"down":               {answer{status: 503, header: map[string]string{"Retry-After": "5"}}, true, 5 * time.Second, "503"},
		"broken":             {answer{status: 500, body: "<h1>\x00oops</h1>\n\n"}, true, 0, "500 Internal Server Error: <h1> oops</h1>"},
		"never":              {answer{status: 501}, false, 0, "501"},
		"redirect":           {answer{status: 302, header: map[string]string{"Location": "/elsewhere?" + key}}, false, 0, "redirects are not followed"},
		"echo":               {answer{status: 400, body: "no hook at /services/" + key + "?token=" + key + " or " + key}, false, 0, "no hook at ••• or •••"},
		"odd status":         {answer{status: 499}, false, 0, "499"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, c.answer)
			for kind, channel := range channels(t, s.URL) {
				err := channel.Send(t.Context(), alert())
				var e *Error
				if !errors.As(err, &e) || e.Channel != kind || e.Status != c.answer.status || e.Retryable != c.retryable || e.After != c.after {
					t.Fatalf("%s: %+v", kind, e)
				}
				if !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v, want %q", err, c.says)
				}
				if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), key) {
					t.Errorf("the error tells the secret: %#v", err)
				}
				if after, ok := Retry(fmt.Errorf("alert: %w", err)); ok != c.retryable || after != c.after {
					t.Error(after, ok)
				}
			}
			if len(s.taken) != 2 {
				t.Errorf("%d requests for 2 alerts", len(s.taken))
			}
		})
	}
}

func TestLostConnectionsAreWorthAnotherTryAndTellNoAddress(t *testing.T) {
	reset := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		conn.Close()
	}
	hung := make(chan struct{})
	slow := func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hung:
		case <-r.Context().Done():
		}
	}
	heads := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
		w.WriteHeader(200)
	}
	closed := newServer(t, answer{status: 200})
	closed.Close()
	for name, base := range map[string]string{
		"reset": newServer(t, answer{act: reset}).URL, "slow": newServer(t, answer{act: slow}).URL, "nobody": closed.URL,
		"no TLS":     "https" + strings.TrimPrefix(newServer(t, answer{status: 200}).URL, "http"),
		"huge heads": newServer(t, answer{act: heads}).URL,
	} {
		for kind, channel := range channels(t, base) {
			if s, ok := channel.(*Slack); ok {
				s.post.client.Timeout = 200 * time.Millisecond
			} else {
				channel.(*Webhook).post.client.Timeout = 200 * time.Millisecond
			}
			err := channel.Send(t.Context(), alert())
			after, again := Retry(err)
			if err == nil || !again || after != 0 {
				t.Errorf("%s, %s: %v, %v, %v", name, kind, err, after, again)
			}
			if strings.Contains(fmt.Sprintf("%v %#v", err, err), key) || strings.Contains(err.Error(), "/services") {
				t.Errorf("%s tells the secret: %v", name, err)
			}
			if name == "slow" && (!errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within")) {
				t.Error(err)
			}
		}
	}
	close(hung)
}

func TestEndOfTheCallerEndsASend(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := newServer(t, answer{act: func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}})
	if err := channels(t, s.URL)["Slack"].Send(ctx, alert()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestHugeAnswerIsNotReadToItsEnd(t *testing.T) {
	for _, status := range []int{200, 500} {
		s := newServer(t, answer{act: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			for chunk := bytes.Repeat([]byte("x"), 1<<16); ; { // ends when the other side hangs up
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}})
		err := channels(t, s.URL)["Slack"].Send(t.Context(), alert())
		if (err == nil) != (status == 200) || err != nil && len(err.Error()) > 400 {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	other := newServer(t, answer{status: 200})
	s := newServer(t, answer{status: 307, header: map[string]string{"Location": other.URL}})
	if err := channels(t, s.URL)["webhook"].Send(t.Context(), alert()); err == nil || len(other.taken) != 0 {
		t.Error(err, other.taken)
	}
}

func TestAddressMustBeHTTPSOrOfThisMachine(t *testing.T) {
	for address, good := range map[string]bool{
		"https://hooks.example.com/services/" + key: true, "http://127.0.0.1:8080/" + key: true, "http://[::1]/" + key: true, "http://localhost/" + key: true,
		"http://hooks.example.com/" + key: false, "http://10.0.0.1/" + key: false, "http://localhost.example.com/" + key: false,
		"ftp://localhost/" + key: false, "hooks.example.com/" + key: false, "": false, "https:///" + key: false, "https://a b/" + key: false, key: false,
		"https:hooks.example.com/" + key: false, "http://127.0.0.1@evil.example.com/" + key: false, "https://h.example.com/%zz" + key: false,
	} {
		slack, err := NewSlack(address)
		_, err2 := NewWebhook(address, "secret")
		if (err == nil) != good || (err2 == nil) != good {
			t.Errorf("%s: %v, %v", address, err, err2)
		}
		if err != nil && (!fault.Is(err, fault.Invalid) || fault.Hint(err) == "" || strings.Contains(err.Error(), key)) {
			t.Errorf("%s: %v", address, err)
		}
		if err == nil && strings.Contains(fmt.Sprintf("%v %+v %s", slack, slack, slack), key) {
			t.Errorf("%v tells the secret", slack)
		}
	}
}

func TestWebhookPostsTheDocumentedShapeSigned(t *testing.T) {
	s := newServer(t, answer{status: 204})
	w, err := NewWebhook(s.URL+"/in", "s3cr3t")
	if err != nil {
		t.Fatal(err)
	}
	w.Now = func() time.Time { return time.Unix(1795154400, 0) }
	for range 2 {
		if err := w.Send(t.Context(), alert()); err != nil {
			t.Fatal(err)
		}
	}
	const want = `{"version":1,"id":"0193-a","kind":"failed","title":"일일 이용 현황: daily_usage did not build",
		"text":"no object searches-2026-11-19.json\nasked 12 times","link":"https://daybook.example.com/runs/7?a=1&b=2","project":"library",
		"node":"daily_usage","day":"2026-11-19","fields":[{"name":"rows","value":"100,096"},{"name":"owner","value":"data@example.com"}],"at":"2026-11-19T21:12:00Z"}`
	got := s.taken[0]
	if diff := cmp.Diff(decoded(t, []byte(want)), decoded(t, got.body)); diff != "" {
		t.Error(diff)
	}
	if got.header.Get("Idempotency-Key") != "0193-a" || s.taken[1].header.Get("Idempotency-Key") != "0193-a" || !bytes.Equal(got.body, s.taken[1].body) {
		t.Error("a second try cannot be told from a new alert")
	}
	if want := sign("s3cr3t", w.Now(), got.body); got.header.Get("Daybook-Signature") != want || !strings.HasPrefix(want, "t=1795154400,v1=") || len(want) != len("t=1795154400,v1=")+64 {
		t.Error(got.header.Get("Daybook-Signature"))
	}
}

// The expected value is what openssl dgst -sha256 -hmac s3cr3t gives for 1795154400.{"a":1}
func TestSignatureIsTheDocumentedHMAC(t *testing.T) {
	const want = "t=1795154400,v1=ae42bc14a475aca22764ca359eb633832cb81f4659d124ea25cf26632e8f6020"
	if got := sign("s3cr3t", time.Unix(1795154400, 0), []byte(`{"a":1}`)); got != want {
		t.Error(got)
	}
}

func TestWebhookWithoutSecretIsUnsignedAndTextsAreBounded(t *testing.T) {
	s := newServer(t, answer{status: 200, body: "thanks"})
	a := Alert{ID: "a\r\nb: c", Title: strings.Repeat("가", 10_000), Text: strings.Repeat("<b>", 100_000), Fields: make([]Field, 1000)}
	if err := channels(t, s.URL)["webhook"].Send(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	var m message
	if err := json.Unmarshal(s.taken[0].body, &m); err != nil {
		t.Fatal(err)
	}
	if units(m.Title) != maxTitle || units(m.Text) != maxText || len(m.Fields) != maxFields || m.ID != a.ID {
		t.Error(units(m.Title), units(m.Text), len(m.Fields), m.ID)
	}
	if h := s.taken[0].header; h.Get("Daybook-Signature") != "" || h.Get("Idempotency-Key") != "ab:c" {
		t.Error(h)
	}
}

func TestRetryOfOtherErrors(t *testing.T) {
	if _, ok := Retry(nil); ok {
		t.Error("nothing went wrong")
	}
	if _, ok := Retry(errors.New("x")); !ok {
		t.Error("an unknown error is worth a try")
	}
}
