package source_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
)

// fakeBigQuery answers as BigQuery's API is documented to, and complains of calls that it would not take.
type fakeBigQuery struct {
	t *testing.T

	mu       sync.Mutex
	days     map[string][]string // pages of rows, by day
	jobs     map[string]string   // day by job
	made     map[string]time.Time
	began    map[string]bool // whether a job's result was asked for before: the first time it still runs
	asked    []string
	inserted []string
	throttle int
	denied   bool
	cost     string
	kind     string
	lose     int    // answers to insert that are lost
	fail     string // reason of the error that a job ends with
	schema   string
}

const bigQueryQuery = "SELECT * FROM `p.logs.events_{yyyy}{mm}{dd}` WHERE day = @day"

func (w *fakeBigQuery) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.URL.Path == "/token" {
		w.token(rw, r)
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/bigquery/v2/projects/payer/")
	switch {
	case !ok:
		w.t.Errorf("a call of %s", r.URL)
		http.NotFound(rw, r)
	case r.Header.Get("Authorization") != "Bearer ya29."+sourcetest.Secret:
		bigQueryFails(rw, 401, "authError", "Invalid Credentials "+r.Header.Get("Authorization"))
	case w.denied:
		bigQueryFails(rw, 403, "accessDenied", "Access Denied: Project payer with "+r.Header.Get("Authorization"))
	case w.throttle > 0:
		w.throttle--
		bigQueryFails(rw, 403, "rateLimitExceeded", "Exceeded rate limits: too many api requests per user per method for this user_method")
	case r.Method == http.MethodPost && path == "jobs":
		w.insert(rw, r)
	case strings.HasPrefix(path, "jobs/"):
		id := strings.TrimPrefix(path, "jobs/")
		fmt.Fprintf(rw, `{"jobReference":{"projectId":"payer","jobId":%q,"location":"asia-northeast3"},"status":{"state":"RUNNING"},"statistics":{"creationTime":"%d"}}`, id, w.made[id].UnixMilli())
	default:
		w.results(rw, r, strings.TrimPrefix(path, "queries/"))
	}
}

func (w *fakeBigQuery) token(rw http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		w.t.Error(err)
	}
	parts := strings.Split(r.Form.Get("assertion"), ".")
	claims, err := base64.RawURLEncoding.DecodeString(parts[min(1, len(parts)-1)])
	if err != nil || len(parts) != 3 || !strings.Contains(string(claims), `"scope":"https://www.googleapis.com/auth/bigquery"`) || !strings.Contains(string(claims), "reader@payer") {
		w.t.Errorf("assertion of %s: %v", claims, err)
	}
	rw.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(rw, `{"access_token":"ya29.%s","expires_in":3599,"token_type":"Bearer"}`, sourcetest.Secret)
}

func bigQueryFails(rw http.ResponseWriter, status int, reason, message string) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	fmt.Fprintf(rw, `{"error":{"code":%d,"message":%q,"errors":[{"message":%q,"domain":"global","reason":%q}],"status":"X"}}`, status, message, message, reason)
}

func (w *fakeBigQuery) insert(rw http.ResponseWriter, r *http.Request) {
	var job struct {
		JobReference  struct{ ProjectID, JobID, Location string }
		Configuration struct {
			DryRun bool
			Query  struct {
				Query, ParameterMode, MaximumBytesBilled string
				UseLegacySQL                             *bool
				QueryParameters                          []struct {
					Name           string
					ParameterType  struct{ Type string }
					ParameterValue struct{ Value string }
				}
			}
		}
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &job)
	}
	q := job.Configuration.Query
	if err != nil || q.UseLegacySQL == nil || *q.UseLegacySQL || q.ParameterMode != "NAMED" || len(q.QueryParameters) != 1 || q.QueryParameters[0].Name != "day" ||
		q.QueryParameters[0].ParameterType.Type != "DATE" || q.MaximumBytesBilled != "1000000" || job.JobReference.ProjectID != "payer" {
		w.t.Errorf("a job %s: %v", body, err)
		return
	}
	day := q.QueryParameters[0].ParameterValue.Value
	table := "events_" + strings.ReplaceAll(day, "-", "")
	if !strings.Contains(q.Query, table) {
		w.t.Errorf("the query is %s on %s", q.Query, day)
	}
	id := job.JobReference.JobID
	_, there := w.days[day]
	_, taken := w.jobs[id]
	switch {
	case !there:
		bigQueryFails(rw, 404, "notFound", "Not found: Table p:logs."+table+" was not found in location asia-northeast3")
	case job.Configuration.DryRun:
		fmt.Fprintf(rw, `{"jobReference":{"projectId":"payer","location":"asia-northeast3"},"status":{"state":"DONE"},"statistics":{"totalBytesProcessed":%q,"query":{"statementType":%q}}}`, w.cost, w.kind)
	case job.JobReference.Location != "asia-northeast3":
		w.t.Errorf("a job in %q", job.JobReference.Location)
	case taken:
		bigQueryFails(rw, 409, "duplicate", "Already Exists: Job payer:asia-northeast3."+id)
	default:
		w.jobs[id], w.made[id] = day, time.Now()
		w.inserted = append(w.inserted, id)
		if w.lose > 0 {
			w.lose--
			conn, _, err := rw.(http.Hijacker).Hijack()
			if err != nil {
				w.t.Error(err)
				return
			}
			_ = conn.Close()
			return
		}
		fmt.Fprintf(rw, `{"jobReference":{"projectId":"payer","jobId":%q,"location":"asia-northeast3"},"status":{"state":"RUNNING"}}`, id)
	}
}

func (w *fakeBigQuery) results(rw http.ResponseWriter, r *http.Request, id string) {
	q := r.URL.Query()
	day, ok := w.jobs[id]
	if q.Get("location") != "asia-northeast3" || q.Get("formatOptions.useInt64Timestamp") != "true" {
		w.t.Errorf("results by %s", r.URL)
	}
	switch {
	case !ok:
		bigQueryFails(rw, 404, "notFound", "Not found: Job payer:"+id)
		return
	case w.fail != "":
		bigQueryFails(rw, 400, w.fail, map[bool]string{true: "Not found: Table p:logs.x", false: "the job failed"}[w.fail == "notFound"])
		return
	case !w.began[id]:
		w.began[id] = true
		fmt.Fprintf(rw, `{"jobComplete":false,"jobReference":{"jobId":%q}}`, id)
		return
	}
	w.asked = append(w.asked, r.URL.RequestURI())
	page, _ := strconv.Atoi(q.Get("pageToken"))
	total, pages := 0, w.days[day]
	for _, p := range pages {
		total += strings.Count(p, "\n")
	}
	var rows []string
	if page < len(pages) {
		for line := range strings.Lines(pages[page]) {
			rows = append(rows, fmt.Sprintf(`{"f":[{"v":%q}]}`, strings.TrimSuffix(line, "\n")))
			if strings.HasPrefix(line, "raw ") {
				rows[len(rows)-1] = strings.TrimPrefix(strings.TrimSpace(line), "raw ")
			}
		}
	}
	token := ""
	if page+1 < len(pages) {
		token = fmt.Sprintf(`,"pageToken":"%d"`, page+1)
	}
	schema := `[{"name":"record","type":"JSON","mode":"NULLABLE"}]`
	if w.schema != "" {
		schema = w.schema
	}
	fmt.Fprintf(rw, `{"kind":"bigquery#getQueryResultsResponse","schema":{"fields":%s},"jobComplete":true,"totalRows":"%d","rows":[%s]%s}`, schema, total, strings.Join(rows, ","), token)
}

// bigQueryWorld is a warehouse and what makes requests of it.
func bigQueryWorld(t *testing.T) (*fakeBigQuery, func(d calendar.Day) source.Request) {
	t.Helper()
	w := &fakeBigQuery{t: t, days: map[string][]string{}, jobs: map[string]string{}, made: map[string]time.Time{}, began: map[string]bool{}, cost: "999999", kind: "SELECT"}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	private, err := rsa.GenerateKey(rand.Reader, 1024) // quickly made
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{"type": "service_account", "client_email": "reader@payer.iam.gserviceaccount.example", "private_key_id": "k1-" + sourcetest.Secret,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": server.URL + "/token"})
	if err != nil {
		t.Fatal(err)
	}
	weekdays, err := calendar.ParseWeekdays("weekdays")
	if err != nil {
		t.Fatal(err)
	}
	s := project.Source{Name: "events", File: "sources/events.yaml", Line: 3, From: "bigquery", Format: "ndjson", Zone: time.UTC, Days: weekdays, Holds: "day",
		BigQuery: project.BigQuery{Project: "payer", SQL: bigQueryQuery, Limit: 1e6, Credentials: "file:key.json", Endpoint: server.URL}}
	if err := source.Validate(s); err != nil {
		t.Fatal(err)
	}
	return w, func(d calendar.Day) source.Request {
		r := sourcetest.Request(s, d)
		r.Secret = func(context.Context, string) (string, error) { return string(text), nil }
		return r
	}
}

func TestBigQueryIsASource(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, func(t *testing.T) sourcetest.World {
		w, request := bigQueryWorld(t)
		locked := func(f func()) { w.mu.Lock(); defer w.mu.Unlock(); f() }
		return sourcetest.World{
			Source: kindOf(t, "bigquery"), Request: request, Secret: sourcetest.Secret,
			Fill: func(d calendar.Day, parts []string) { locked(func() { w.days[d.String()] = parts }) },
			Records: func(b []byte) (out []string) {
				for line := range strings.Lines(string(b)) {
					var row struct{ Record json.RawMessage }
					if err := json.Unmarshal([]byte(line), &row); err != nil {
						t.Fatal(err)
					}
					out = append(out, string(row.Record))
				}
				return out
			},
			Deny:     func() { locked(func() { w.denied = true }) },
			Asked:    func() (asked []string) { locked(func() { asked = slices.Clone(w.asked) }); return asked },
			Throttle: func(n int) { locked(func() { w.throttle = n }) },
		}
	})
}

// fetchBigQuery fetches 2026-11-19.
func fetchBigQuery(t *testing.T, r source.Request) ([]string, error) {
	t.Helper()
	s := &sink{}
	_, err := kindOf(t, "bigquery").Fetch(t.Context(), r, s)
	if err != nil && strings.Contains(err.Error(), sourcetest.Secret) {
		t.Errorf("the error has the secret: %v", err)
	}
	return s.objects, err
}

func TestRowsOfBigQueryKeepEveryDigit(t *testing.T) {
	t.Parallel()
	w, request := bigQueryWorld(t)
	w.schema = `[{"name":"i","type":"INTEGER","mode":"REQUIRED"},{"name":"n","type":"NUMERIC"},{"name":"f","type":"FLOAT"},{"name":"b","type":"BOOLEAN"},{"name":"ts","type":"TIMESTAMP"},
{"name":"d","type":"DATE"},{"name":"dt","type":"DATETIME"},{"name":"t","type":"TIME"},{"name":"by","type":"BYTES"},{"name":"j","type":"JSON"},{"name":"s","type":"STRING"},
{"name":"a","type":"INTEGER","mode":"REPEATED"},{"name":"r","type":"RECORD","mode":"REPEATED","fields":[{"name":"x","type":"STRING"},{"name":"y","type":"RECORD","fields":[{"name":"z","type":"BIGNUMERIC"}]}]}]`
	v := func(values ...string) string { return `raw {"f":[{"v":` + strings.Join(values, `},{"v":`) + "}]}\n" }
	nulls := slices.Repeat([]string{"null"}, 11)
	w.days["2026-11-19"] = []string{
		v(`"9223372036854775807"`, `"99999999999999999999999999999.999999999"`, `"0.1"`, `"true"`, `"1763769600123456"`, `"2026-11-19"`, `"2026-11-19T01:02:03.5"`, `"01:02:03.000001"`, `"aGk="`,
			`"{\"k\": [1, 12345678901234567890]}"`, `"a \"<b>\" 한"`, `[{"v":"1"},{"v":"2"}]`, `[{"v":{"f":[{"v":"p"},{"v":{"f":[{"v":"0.12345678901234567890123456789"}]}}]}}]`) +
			v(append(slices.Clone(nulls), `[]`, `[]`)...) +
			v(`"0"`, `"-1"`, `"NaN"`, `"false"`, `"1.763769600123456E9"`, `"0001-01-01"`, `null`, `null`, `null`, `"null"`, `""`, `[]`, `[]`),
	}
	objects, err := fetchBigQuery(t, request(calendar.MustDay("2026-11-19")))
	if err != nil || len(objects) != 1 {
		t.Fatal(objects, err)
	}
	want := "page-000001.ndjson < bigquery daybook_events_20261119_1 page 1 = " +
		`{"i":"9223372036854775807","n":"99999999999999999999999999999.999999999","f":0.1,"b":true,"ts":"2025-11-22T00:00:00.123456Z","d":"2026-11-19","dt":"2026-11-19 01:02:03.5","t":"01:02:03.000001","by":"aGk=","j":{"k":[1,12345678901234567890]},"s":"a \"<b>\" 한","a":["1","2"],"r":[{"x":"p","y":{"z":"0.12345678901234567890123456789"}}]}` + "\n" +
		`{"i":null,"n":null,"f":null,"b":null,"ts":null,"d":null,"dt":null,"t":null,"by":null,"j":null,"s":null,"a":[],"r":[]}` + "\n" +
		`{"i":"0","n":"-1","f":"NaN","b":false,"ts":"2025-11-22T00:00:00.123456Z","d":"0001-01-01","dt":null,"t":null,"by":null,"j":null,"s":"","a":[],"r":[]}` + "\n"
	if d := cmp.Diff(want, objects[0]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestRowsUnlikeTheSchemaAreDamaged(t *testing.T) {
	t.Parallel()
	for _, row := range []string{`{"f":[]}`, `{"f":[{"v":"1"},{"v":"2"}]}`, `{"f":[{"v":{"f":[]}}]}`, `{"f":[{"v":"{"}]}`, `[]`} {
		w, request := bigQueryWorld(t)
		w.days["2026-11-19"] = []string{"raw " + row + "\n"}
		if objects, err := fetchBigQuery(t, request(calendar.MustDay("2026-11-19"))); !fault.Is(err, fault.Damaged) || len(objects) > 0 {
			t.Errorf("%s: %q, %v", row, objects, err)
		}
	}
}

func TestQueryBeyondItsLimitIsNotRun(t *testing.T) {
	t.Parallel()
	w, request := bigQueryWorld(t)
	w.days["2026-11-19"] = []string{"{}\n"}
	w.cost = "1000001"
	_, err := fetchBigQuery(t, request(calendar.MustDay("2026-11-19")))
	if !fault.Is(err, fault.Refused) || !strings.Contains(err.Error(), "1000001") || !strings.Contains(err.Error(), "limit is 1000000") || len(w.inserted) > 0 {
		t.Errorf("%v, jobs %q", err, w.inserted)
	}
	w.cost, w.kind = "0", "DELETE"
	if _, err := fetchBigQuery(t, request(calendar.MustDay("2026-11-19"))); !fault.Is(err, fault.Refused) || !strings.Contains(err.Error(), "DELETE") || len(w.inserted) > 0 {
		t.Errorf("%v, jobs %q", err, w.inserted)
	}
}

func TestLostAnswerDoesNotRunTheQueryTwice(t *testing.T) {
	t.Parallel()
	w, request := bigQueryWorld(t)
	w.days["2026-11-19"] = []string{"{}\n"}
	w.lose = 1
	objects, err := fetchBigQuery(t, request(calendar.MustDay("2026-11-19")))
	if err != nil || len(objects) != 1 || len(w.inserted) != 1 {
		t.Errorf("%q, %v, jobs %q", objects, err, w.inserted)
	}
	w.made["daybook_events_20261119_1"] = time.Now().Add(-time.Hour)
	if _, err := fetchBigQuery(t, request(calendar.MustDay("2026-11-19"))); err != nil || len(w.inserted) != 2 || w.inserted[1] != "daybook_events_20261119_2" {
		t.Errorf("another fetch an hour later: %v, jobs %q", err, w.inserted)
	}
}

func TestErrorsOfBigQueryAreFaults(t *testing.T) {
	t.Parallel()
	for reason, code := range map[string]string{"quotaExceeded": fault.Quota, "bytesBilledLimitExceeded": fault.Refused, "invalidQuery": fault.Invalid, "backendError": fault.Unavailable, "notFound": fault.Missing} {
		w, request := bigQueryWorld(t)
		w.days["2026-11-19"], w.fail = []string{"{}\n"}, reason
		r := request(calendar.MustDay("2026-11-19"))
		r.Now = func() time.Time { return time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC) }
		_, err := fetchBigQuery(t, r)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != code || f.Hint == "" {
			t.Errorf("%s: %v, want %s", reason, err, code)
		}
		if code == fault.Quota && !f.Until.Equal(time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)) {
			t.Errorf("%s until %s", reason, f.Until)
		}
	}
}

func TestResultThatWentAwayBeginsAnew(t *testing.T) {
	t.Parallel()
	_, request := bigQueryWorld(t)
	r := request(calendar.MustDay("2026-11-19"))
	r.Kept = []source.Part{{Name: "page-000001.ndjson", State: `{"job":"daybook_events_20261119_1","location":"asia-northeast3","page":1,"next":"1","seen":2}`}}
	if _, err := fetchBigQuery(t, r); !errors.Is(err, source.ErrChanged) {
		t.Error(err)
	}
}

func TestCredentialsThatAreNoKeyAreRefusedAndNotRepeated(t *testing.T) {
	t.Parallel()
	_, request := bigQueryWorld(t)
	r := request(calendar.MustDay("2026-11-19"))
	for _, text := range []string{sourcetest.Secret, `{"type":"authorized_user","client_secret":"` + sourcetest.Secret + `"}`,
		`{"type":"service_account","client_email":"a","private_key":"` + sourcetest.Secret + `","token_uri":"http://127.0.0.1:1/"}`} {
		r.Secret = func(context.Context, string) (string, error) { return text, nil }
		if _, err := fetchBigQuery(t, r); !fault.Is(err, fault.Refused) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
