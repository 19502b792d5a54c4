package handlers

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"daybook/internal/auth"
	"daybook/internal/calendar"
	"daybook/internal/lake"
	"daybook/internal/mail"
	"daybook/internal/project"
	"daybook/internal/sqlparse"
	"daybook/internal/stage"
	"daybook/internal/store"
	"daybook/internal/warehouse"
	"daybook/jobs"
	"daybook/static"
)

// monday is the day that most tests ask for; the clock stands on the morning after it.
var monday = calendar.MustDay("2026-11-16")

// hostile is what somebody may search for; formula is what a spreadsheet would run.
const (
	hostile = `</script><script>alert(1)</script><img src=x onerror=alert(1)>`
	formula = `=HYPERLINK("x")`
)

// library is a project of two sources, with a section of every kind that the page shows.
var library = map[string]string{
	"daybook.yaml": "name: library\ntimezone: Asia/Seoul\nlocale: en\nhome: daily\nattempts: 1\nwarehouse: {memory: 256MB, threads: 1}\n",
	"sources/searches.yaml": `from: files
path: "data/searches-{day}.ndjson"
owner: data team
description: What people searched for
key: [id]
max_rejects: 5
columns:
  id: {type: text, required: true, description: The search}
  word: text
  hour: {type: integer, required: true}
`,
	"sources/loans.yaml": `from: files
path: "data/loans-{day}.ndjson"
key: [id]
columns:
  id: {type: text, required: true}
  branch: text
`,
	"tables/requests.sql": "SELECT id, word, hour FROM searches\n",
	"tables/lent.sql":     "SELECT id, branch FROM loans\n",
	"marts/words.sql": `/*
owner: data team
description: How often each word was searched for
key: [day, word]
columns: {searches: how many searches had it}
checks:
  - unique: [day, word]
*/
SELECT day, word, count(*) AS searches FROM requests WHERE day = $day GROUP BY day, word
`,
	"marts/hours.sql":    "SELECT day, hour, count(*) AS searches FROM requests WHERE day = $day GROUP BY day, hour\n",
	"marts/usage.sql":    "SELECT day, count(*) AS searches FROM requests WHERE day = $day GROUP BY day\n",
	"marts/branches.sql": "SELECT day, branch, count(*) AS loans FROM lent WHERE day = $day GROUP BY day, branch\n",
	"reports/daily.yaml": `title: {en: Daily use, ko: 하루 이용}
locales: [ko, en]
sections:
  - {kind: kpi, mart: usage, value: searches, title: {en: Searches, ko: 검색}, unit: {en: searches, ko: 건}, compare: [day], days: 7, headline: true}
  - {kind: line, mart: hours, x: hour, value: searches, title: {en: By hour, ko: 시간대별}, compare: [day]}
  - {kind: bar, mart: words, label: word, value: searches, title: {en: Words, ko: 검색어}, tab: {en: Words, ko: 검색어}, group: {en: Ranks, ko: 순위}}
  - {kind: bar, mart: branches, label: branch, value: loans, title: {en: Branches, ko: 분관}, tab: {en: Branches, ko: 분관}, group: {en: Ranks, ko: 순위}}
  - {kind: pie, name: share, mart: branches, label: branch, value: loans, title: {en: Share, ko: 비중}}
  - {kind: table, name: list, mart: words, order: -searches, columns: {word: {title: {en: Word, ko: 낱말}}, searches: {title: {en: Count, ko: 건수}, format: number}}}
  - {kind: text, title: {en: To know, ko: 알아 둘 것}, text: {en: "One.\n\nTwo.", ko: "하나.\n\n둘."}}
`,
	"reports/lending.yaml": "title: Loans\nsections:\n  - {kind: table, mart: branches, columns: {branch: {title: Branch}, loans: {title: Loans, format: number}}}\n",
	"data/searches-2026-11-15.ndjson": `{"id":"a1","word":"sql","hour":9}
{"id":"a2","word":"go","hour":13}
`,
	"data/searches-2026-11-16.ndjson": `{"id":"b1","word":"sql","hour":9}
{"id":"b2","word":"sql","hour":13}
{"id":"b3","word":"</script><script>alert(1)</script><img src=x onerror=alert(1)>","hour":13}
{"id":"b4","word":"=HYPERLINK(\"x\")","hour":14}
{"id":"b5","word":"late","hour":"<b>noon</b>"}
`,
	"data/loans-2026-11-15.ndjson": `{"id":"l1","branch":"Guro"}` + "\n",
	"data/loans-2026-11-16.ndjson": `{"id":"l2","branch":"Guro"}` + "\n" + `{"id":"l3","branch":"Yongsan"}` + "\n",
}

// clock is moved by tests.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// site is the library behind a server.
type site struct {
	*Handlers
	t     *testing.T
	dir   string
	clock *clock
	log   *buffer
	url   string
}

// buffer is a log that several goroutines write.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// missing ends a test for want of a part: a failure when the tests are strict, else a skip.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("DAYBOOK_TEST") == "strict" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// serve opens the library, as the program would.
func serve(t *testing.T, changes map[string]string) *site {
	t.Helper()
	ctx := context.Background()
	s := &site{t: t, dir: t.TempDir(), clock: &clock{now: time.Date(2026, 11, 17, 0, 30, 0, 0, time.UTC)}, log: &buffer{}}
	for _, files := range []map[string]string{library, changes} {
		for name, text := range files {
			s.write(name, text)
		}
	}
	files, err := static.New()
	if err != nil {
		missing(t, "static/dist is not built: run make build")
	}
	p := must(project.Load(s.dir, func(string) (string, bool) { return "", false }))(t)
	parser := must(sqlparse.Open(ctx))(t)
	g := must(jobs.NewGraph(ctx, p, parser))(t)
	data := filepath.Join(s.dir, ".daybook")
	temp := filepath.Join(data, "tmp")
	check(t, os.MkdirAll(temp, 0o700))
	l := must(lake.OpenDir(filepath.Join(data, "lake")))(t)
	w := must(warehouse.Duck(ctx, warehouse.Options{Path: filepath.Join(data, "warehouse.duckdb"), Memory: p.Engine.Memory, Threads: p.Engine.Threads,
		Zone: p.Zone, Temp: filepath.Join(temp, "warehouse")}))(t)
	records := must(store.Open(ctx, "sqlite:"+filepath.Join(data, "app.db")))(t)
	log := slog.New(slog.NewTextHandler(s.log, nil))
	r := &jobs.Runner{Project: p, Graph: g, Store: records, Lake: l, Warehouse: w, Now: s.clock.time, Log: log, Temp: temp}
	check(t, r.Open(ctx))
	closing := make(chan struct{})
	s.Handlers = &Handlers{Project: p, Runner: r, Store: records, Lake: l, Static: files, Outbox: mail.Outbox{Dir: filepath.Join(data, "outbox")}, Hasher: auth.NewHasher(2),
		Peek: stage.Peek, Now: s.clock.time, Log: log, Closing: closing}
	server := httptest.NewServer(s.Routes())
	s.url, s.BaseURL = server.URL, server.URL
	t.Cleanup(func() {
		close(closing)
		r.Close()
		server.Close()
		for _, c := range []func() error{records.Close, w.Close, parser.Close} {
			if err := c(); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

func (s *site) write(name, text string) {
	s.t.Helper()
	file := filepath.Join(s.dir, name)
	check(s.t, os.MkdirAll(filepath.Dir(file), 0o755))
	check(s.t, os.WriteFile(file, []byte(text), 0o644))
}

// build brings days up to date and wants them to be.
func (s *site) build(from, to calendar.Day) store.Run {
	s.t.Helper()
	run := must(s.Runner.Run(context.Background(), jobs.Request{Day: from, Through: to, Cause: "cli", By: "cli:test"}))(s.t)
	if run.State != store.StateDone {
		s.t.Fatalf("run %d is %s: %s\n%s", run.Number, run.State, run.Error, s.log)
	}
	return run
}

const password = "a good morning report"

// add makes a person with the password.
func (s *site) add(address, role string) store.Person {
	s.t.Helper()
	p := store.Person{Address: address, Role: role, PasswordHash: must(s.Hasher.Hash(context.Background(), password))(s.t), Created: s.Now()}
	check(s.t, s.Store.SavePerson(context.Background(), &p))
	return p
}

// browser is somebody with cookies who reads pages and sends their forms. Redirects are not followed.
type browser struct {
	*site
	client *http.Client
	accept string // Accept-Language
	csrf   string // of the last page that had a form
}

func (s *site) browser() *browser {
	jar := must(cookiejar.New(nil))(s.t)
	return &browser{site: s, client: &http.Client{Jar: jar, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// answer is a response, read.
type answer struct {
	code int
	head http.Header
	body string
}

func (b *browser) do(method, path string, form url.Values, head map[string]string) answer {
	b.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req := must(http.NewRequest(method, b.url+path, body))(b.t)
	req.Header.Set("Accept", "text/html")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if b.accept != "" {
		req.Header.Set("Accept-Language", b.accept)
	}
	for k, v := range head {
		req.Header.Set(k, v)
	}
	resp, err := b.client.Do(req)
	check(b.t, err)
	defer resp.Body.Close()
	out := answer{resp.StatusCode, resp.Header, string(must(io.ReadAll(resp.Body))(b.t))}
	if token := tokenOf(out.body); token != "" {
		b.csrf = token
	}
	return out
}

func (b *browser) get(path string) answer {
	b.t.Helper()
	return b.do(http.MethodGet, path, nil, nil)
}

// post sends a form with the token of the last page.
func (b *browser) post(path string, fields ...string) answer {
	b.t.Helper()
	form := url.Values{"csrf": {b.csrf}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return b.do(http.MethodPost, path, form, nil)
}

// signedIn is a browser of a person of the role.
func (s *site) signedIn(role string) *browser {
	s.t.Helper()
	address := role + "@example.com"
	s.add(address, role)
	b := s.browser()
	b.get("/signin")
	if a := b.post("/signin", "address", address, "password", password); a.code != http.StatusSeeOther {
		s.t.Fatalf("sign in: %d\n%s", a.code, a.body)
	}
	if a := b.get("/data"); a.code != http.StatusOK {
		s.t.Fatalf("/data: %d", a.code)
	}
	return b
}

// tokenOf is the value of the first form's csrf field.
func tokenOf(body string) string {
	_, rest, ok := strings.Cut(body, `name="csrf" value="`)
	if !ok {
		return ""
	}
	token, _, _ := strings.Cut(rest, `"`)
	return token
}

// each calls visit for every element of a page.
func each(t *testing.T, page string, visit func(n *html.Node, attr map[string]string)) {
	t.Helper()
	root := must(html.Parse(strings.NewReader(page)))(t)
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		visit(n, attr)
	}
}

// until waits for something that is about to be so.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("still waiting until " + what)
		}
	}
}
