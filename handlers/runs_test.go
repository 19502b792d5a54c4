package handlers

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/store"
	"daybook/jobs"
	"daybook/templates"
)

// ended waits for a run and returns it.
func (s *site) ended(number int64) store.Run {
	s.t.Helper()
	var run store.Run
	until(s.t, "the run has ended", func() bool {
		var err error
		run, err = s.Store.RunByNumber(context.Background(), number)
		return err == nil && !open(run.State)
	})
	return run
}

func TestRerunButtonMakesARun(t *testing.T) {
	s := serve(t, nil)
	s.build(monday, monday)
	b := s.signedIn(roleAdmin)
	for i, c := range []struct {
		fields []string
		want   map[string]string // node: state and why
	}{
		{[]string{"node", "words", "scope", "node", "reason", "a late word"}, map[string]string{"words": "asked", "daily": "never"}},
		{[]string{"node", "words", "scope", "downstream"}, map[string]string{"words": "asked", "daily": "asked"}},
		{[]string{"scope", "day"}, map[string]string{}},
		{[]string{"scope", "day", "force", "rebuild"}, map[string]string{"words": "asked", "searches": "asked"}},
	} {
		a := b.post("/runs", append(c.fields, "day", "2026-11-16")...)
		number := int64(i + 2)
		if want := "/runs/" + string(rune('0'+number)); a.code != http.StatusSeeOther || a.head.Get("Location") != want {
			t.Fatalf("%v: %d to %q, want %s\n%s", c.fields, a.code, a.head.Get("Location"), want, a.body)
		}
		run := s.ended(number)
		if run.State != store.StateDone || run.Cause != "button" || run.By != "admin@example.com" {
			t.Errorf("%v: %+v", c.fields, run)
		}
		why := map[string]string{}
		for _, task := range must(s.Store.Tasks(context.Background(), run.ID))(t) {
			why[task.Node] = task.Why
		}
		for node, want := range c.want {
			if got := why[node]; got != want && want != "never" || want == "never" && got != "" {
				t.Errorf("%v: %s because %q, want %q", c.fields, node, got, want)
			}
		}
		if a := b.get(a.head.Get("Location")); a.code != http.StatusOK {
			t.Errorf("the page of run %d: %d", number, a.code)
		}
	}
	if a := b.get("/runs/2"); !strings.Contains(a.body, "a late word") {
		t.Error("the reason is not shown")
	}
	entries := must(s.Store.AuditLog(context.Background(), 10))(t)
	if len(entries) != 4 || entries[0].By != "admin@example.com" || entries[0].Action != "rerun" {
		t.Errorf("audit %+v", entries)
	}
}

func TestRequestsThatMakeNoSenseAreRefused(t *testing.T) {
	s := serve(t, nil)
	b := s.signedIn(roleAdmin)
	for name, c := range map[string]struct {
		path   string
		fields []string
		want   int
	}{
		"no day":         {"/runs", []string{"scope", "day"}, 400},
		"unknown node":   {"/runs", []string{"day", "2026-11-16", "node", "nothing"}, 404},
		"unknown force":  {"/runs", []string{"day", "2026-11-16", "force", "magic"}, 400},
		"backward range": {"/backfills", []string{"from", "2026-11-16", "to", "2026-11-15"}, 400},
		"not over yet":   {"/backfills", []string{"from", "2026-11-16", "to", "2026-12-01"}, 400},
		"not begun":      {"/runs", []string{"day", "2026-11-18", "scope", "day"}, 400},
		"cancel nothing": {"/runs/9/cancel", nil, 404},
	} {
		if a := b.post(c.path, c.fields...); a.code != c.want {
			t.Errorf("%s: %d, want %d\n%s", name, a.code, c.want, a.body)
		}
	}
	if a := b.get("/backfills?preview=1&from=2026-11-16&to=2026-11-15"); a.code != http.StatusBadRequest || !strings.Contains(a.body, "swap the two days") {
		t.Errorf("preview of a backward range: %d", a.code)
	}
}

// hold makes loads stop at their end, before they are recorded, until it is let go.
func (s *site) hold() (letGo func()) {
	gate := make(chan struct{})
	s.Runner.Failpoint = func(name string) {
		if name == "loaded" {
			<-gate
		}
	}
	letGo = sync.OnceFunc(func() { close(gate) })
	s.t.Cleanup(letGo)
	return letGo
}

func TestForcedRerunOfWhatIsBeingBuiltIsRefusedWithTheRun(t *testing.T) {
	s := serve(t, nil)
	s.build(monday, monday)
	letGo := s.hold()
	b := s.signedIn(roleAdmin)
	b.post("/runs", "node", "words", "day", "2026-11-16", "scope", "node")
	until(t, "words is being built", func() bool {
		tasks, err := s.Store.NodeTasks(context.Background(), "words", monday, 1)
		return err == nil && len(tasks) == 1 && tasks[0].State == store.StateRunning
	})
	a := b.post("/runs", "node", "words", "day", "2026-11-16", "scope", "node")
	if a.code != http.StatusConflict || !strings.Contains(a.body, "/runs/2") {
		t.Errorf("%d\n%s", a.code, a.body)
	}
	page := b.get("/runs")
	if !strings.Contains(page.body, "Run 2") || !strings.Contains(page.body, `data-events="/events?`) {
		t.Error("the run under way is not shown")
	}
	letGo()
	if run := s.ended(2); run.State != store.StateDone {
		t.Errorf("%+v", run)
	}
}

func TestRunOfWhatIsBeingBuiltJoinsIt(t *testing.T) {
	s := serve(t, nil)
	letGo := s.hold()
	b := s.signedIn(roleAdmin)
	b.post("/runs", "day", "2026-11-16", "scope", "day")
	until(t, "requests is being built", func() bool {
		tasks, err := s.Store.NodeTasks(context.Background(), "requests", monday, 1)
		return err == nil && len(tasks) == 1 && tasks[0].State == store.StateRunning
	})
	if a := b.post("/runs", "day", "2026-11-16", "node", "requests", "scope", "node", "force", "stale"); a.code != http.StatusSeeOther {
		t.Fatalf("%d\n%s", a.code, a.body)
	}
	letGo()
	for number := range int64(2) {
		if run := s.ended(number + 1); run.State != store.StateDone {
			t.Errorf("%+v", run)
		}
	}
	tasks := must(s.Store.NodeTasks(context.Background(), "requests", monday, 2))(t)
	if tasks[0].Why != "unchanged" || tasks[1].Why != "never_built" {
		t.Errorf("the second run did not take the first one's result: %q, %q", tasks[0].Why, tasks[1].Why)
	}
}

func TestRunUnderWayCanBeCanceled(t *testing.T) {
	s := serve(t, nil)
	s.build(monday, monday)
	letGo := s.hold()
	b := s.signedIn(roleAdmin)
	b.post("/runs", "node", "words", "day", "2026-11-16", "scope", "downstream")
	until(t, "words is being built", func() bool {
		tasks, err := s.Store.NodeTasks(context.Background(), "words", monday, 1)
		return err == nil && tasks[0].State == store.StateRunning
	})
	if a := b.post("/runs/2/cancel"); a.code != http.StatusSeeOther {
		t.Errorf("%d", a.code)
	}
	letGo()
	if run := s.ended(2); run.State != store.StateCanceled {
		t.Errorf("%+v", run)
	}
	until(t, "it is over", func() bool { return b.post("/runs/2/cancel").code == http.StatusForbidden })
}

func TestBackfillIsPreviewedThenBegun(t *testing.T) {
	s := serve(t, nil)
	b := s.signedIn(roleAdmin)
	a := b.get("/backfills?preview=1&from=2026-11-15&to=2026-11-16&nodes=words%2C+branches")
	if a.code != http.StatusOK || !strings.Contains(a.body, "words × 2") || strings.Contains(a.body, "usage × 2") {
		t.Errorf("%d\n%s", a.code, a.body)
	}
	if runs := must(s.Store.Runs(context.Background(), store.RunFilter{}))(t); len(runs) != 0 {
		t.Errorf("the preview made %d runs", len(runs))
	}
	a = b.post("/backfills", "from", "2026-11-15", "to", "2026-11-16", "nodes", "words, branches", "reason", "first days")
	if a.head.Get("Location") != "/runs/1" {
		t.Fatalf("%d to %q", a.code, a.head.Get("Location"))
	}
	run := s.ended(1)
	if run.State != store.StateDone || run.Cause != "backfill" || !cmp.Equal(run.Nodes, []string{"words", "branches"}) {
		t.Errorf("%+v", run)
	}
	if a := b.get("/backfills"); !strings.Contains(a.body, "first days") {
		t.Error("the backfill is not listed")
	}
}

func TestCellShowsTheNewestOfTaskAndBuild(t *testing.T) {
	at := time.Date(2026, 11, 17, 0, 0, 0, 0, time.UTC)
	h := &Handlers{Now: func() time.Time { return at.Add(time.Hour) }}
	cell := jobs.Cell{Node: "words", Day: monday}
	build := store.Build{Node: "words", Day: monday, Rows: 7, At: at}
	task := func(state string, ended time.Time) store.Task {
		return store.Task{Node: "words", Day: monday, State: state, Started: at.Add(-time.Minute), Ended: ended, Why: "asked"}
	}
	for name, c := range map[string]struct {
		build *store.Build
		task  *store.Task
		stale string
		want  templates.Status
	}{
		"nothing":                   {want: templates.Status{}},
		"built":                     {build: &build, want: templates.Status{Kind: templates.UpToDate}},
		"built and stale":           {build: &build, stale: "definition_changed", want: templates.Status{Kind: templates.Queued, Word: "stale"}},
		"failed before it":          {build: &build, task: ptr(task(store.StateFailed, at.Add(-time.Second))), want: templates.Status{Kind: templates.UpToDate}},
		"failed after it":           {build: &build, task: ptr(task(store.StateFailed, at.Add(time.Second))), want: templates.Status{Kind: templates.Failed}},
		"running":                   {build: &build, task: ptr(task(store.StateRunning, time.Time{})), stale: "input_changed", want: templates.Status{Kind: templates.Running}},
		"never built, missing":      {task: ptr(task(store.StateMissing, at)), stale: "never_built", want: templates.Status{Kind: templates.Missing}},
		"done by the task":          {build: &build, task: ptr(task(store.StateDone, at)), want: templates.Status{Kind: templates.UpToDate}},
		"unchanged, stale by later": {build: &build, task: ptr(task(store.StateDone, at.Add(time.Second))), stale: "input_changed", want: templates.Status{Kind: templates.Queued, Word: "stale"}},
	} {
		l := ledger{builds: map[jobs.Cell]store.Build{}, tasks: map[jobs.Cell]store.Task{}, stale: map[jobs.Cell]jobs.Why{}}
		if c.build != nil {
			l.builds[cell] = *c.build
		}
		if c.task != nil {
			l.tasks[cell] = *c.task
		}
		if c.stale != "" {
			l.stale[cell] = jobs.Why{Code: c.stale}
		}
		got := l.cell(cell, monday, "en", h)
		if got.Status != c.want {
			t.Errorf("%s: %+v, want %+v", name, got.Status, c.want)
		}
		if (got.Href == "") != (c.build == nil && c.task == nil) {
			t.Errorf("%s: leads to %q", name, got.Href)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestChangedDefinitionMarksItsBuildsStale(t *testing.T) {
	s := serve(t, nil)
	s.build(monday, monday)
	n := must(s.Runner.Graph.Node("words"))(t)
	n.Definition = "another"
	b := s.signedIn(roleViewer)
	if a := b.get("/runs?days=7"); !strings.Contains(a.body, `aria-label="words 2026-11-16: stale"`) || !strings.Contains(a.body, `aria-label="usage 2026-11-16: up to date"`) {
		t.Error("words is not marked")
	}
}

// message is one of a stream.
type message struct{ event, id, data string }

// listen reads a stream until ctx ends.
func (b *browser) listen(ctx context.Context, path, last string) <-chan message {
	b.t.Helper()
	req := must(http.NewRequestWithContext(ctx, http.MethodGet, b.url+path, nil))(b.t)
	req.Header.Set("Accept", "text/event-stream")
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	client := *b.client
	client.Timeout = 0
	resp := must(client.Do(req))(b.t)
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || kind != "text/event-stream" {
		b.t.Fatalf("%s: %d %s", path, resp.StatusCode, kind)
	}
	out := make(chan message, 1000)
	go func() {
		defer close(out)
		defer resp.Body.Close()
		var m message
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 10<<20)
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "event":
				m.event = value
			case "id":
				m.id = value
			case "data":
				m.data = value
			case "":
				if m.event != "" {
					out <- m
				}
				m = message{}
			}
		}
	}()
	return out
}

// hear waits for a message with an element of the id whose HTML holds the words.
func hear(t *testing.T, from <-chan message, event, id, words string) string {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case m, ok := <-from:
			var p patch
			if !ok {
				t.Fatalf("the stream ended before %s with %q", id, words)
			}
			if m.event == event && json.Unmarshal([]byte(m.data), &p) == nil && p.ID == id && strings.Contains(p.HTML, words) {
				return p.HTML
			}
		case <-deadline:
			t.Fatalf("no %s of %s with %q", event, id, words)
		}
	}
}

func TestPagesFollowWhatHappens(t *testing.T) {
	s := serve(t, nil)
	b := s.signedIn(roleAdmin)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	grid := b.listen(ctx, "/events?page=runs&to=2026-11-16", "")
	run := must(s.Runner.Start(context.Background(), jobs.Request{Day: monday, Cause: "cli"}))(t)
	page := b.listen(ctx, "/events?after=0&run="+run.Run.ID, "")
	must(run.Wait(context.Background()))(t)
	html := hear(t, grid, "swap", templates.CellID("words", "2026-11-16"), "up to date")
	if !strings.Contains(html, `id="cell-words-2026-11-16"`) {
		t.Errorf("the cell: %s", html)
	}
	hear(t, page, "swap", templates.RunFactsID, "up to date")
	hear(t, page, "swap", templates.RunActsID, `action="/runs"`)
	tasks := must(s.Store.Tasks(context.Background(), run.Run.ID))(t)
	again := b.listen(ctx, "/events?run="+run.Run.ID+"&task="+tasks[0].ID, "0")
	hear(t, again, "swap", templates.TaskID(tasks[0].ID), "up to date")
	panel := hear(t, again, "swap", templates.TaskPaneID, "fetched")
	if strings.Count(panel, "fetched 1 objects") != 1 {
		t.Errorf("the panel: %s", panel)
	}
}

func TestStreamEndsWithTheSession(t *testing.T) {
	s := serve(t, nil)
	b := s.signedIn(roleViewer)
	if a := b.get("/events?to=x"); a.code != http.StatusBadRequest {
		t.Errorf("a bad day: %d", a.code)
	}
	v := &stream{Handlers: s.Handlers, c: s.Routes().NewContext(httptest.NewRequest(http.MethodGet, "/events", nil), httptest.NewRecorder())}
	if v.goesOn(context.Background()) {
		t.Error("a stream of nobody goes on")
	}
}

func TestAPIAnswersTrustedCallersOnly(t *testing.T) {
	s := serve(t, nil)
	api := s.API()
	ask := func(ctx context.Context, path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		api.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(body)))
		return w
	}
	mine := Trusted(context.Background(), "cli:ada")
	for _, path := range []string{"/api/v1/plan", "/api/v1/runs", "/api/v1/query", "/api/v1/report"} {
		if w := ask(context.Background(), path, "{}"); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), `"code":"refused"`) {
			t.Errorf("%s of a stranger: %d %s", path, w.Code, w.Body)
		}
		if w := ask(mine, path, `{"nonsense":1}`); w.Code != http.StatusBadRequest {
			t.Errorf("%s with nonsense: %d %s", path, w.Code, w.Body)
		}
		if a := s.browser().get(path); a.code != http.StatusNotFound {
			t.Errorf("%s over TCP: %d", path, a.code)
		}
	}
	var plan jobs.Plan
	w := ask(mine, "/api/v1/plan", `{"Day":"2026-11-16","Nodes":["usage"]}`)
	if err := json.Unmarshal(w.Body.Bytes(), &plan); err != nil || len(plan.Steps) != 3 || plan.Steps[0].Why.Code != "never_built" {
		t.Errorf("plan: %v %s", err, w.Body)
	}
	if w := ask(mine, "/api/v1/plan", `{"Day":"2026-11-16","Nodes":["nothing"]}`); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "known here") {
		t.Errorf("an unknown node: %d %s", w.Code, w.Body)
	}
	w = ask(mine, "/api/v1/runs", `{"Day":"2026-11-16","Nodes":["usage"],"By":"somebody else"}`)
	lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	var last RunLine
	check(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
	if len(lines) < 4 || last.Run == nil || last.Run.State != store.StateDone || last.Run.By != "cli:ada" || last.Run.Cause != "cli" {
		t.Errorf("%d lines, the last %s", len(lines), lines[len(lines)-1])
	}
	if w := ask(mine, "/api/v1/runs", `{"Day":"2026-11-16","Nodes":["nothing"]}`); w.Code != http.StatusNotFound {
		t.Errorf("a run of nothing: %d %s", w.Code, w.Body)
	}
	w = ask(mine, "/api/v1/query", `{"sql":"SELECT searches, day FROM usage WHERE day = $day","day":"2026-11-16"}`)
	if got := strings.TrimSpace(w.Body.String()); got != `{"columns":["searches","day"],"rows":[[4,"2026-11-16"]]}` {
		t.Errorf("query: %s", got)
	}
	if w := ask(mine, "/api/v1/query", `{"sql":"SELECT 'nan'::DOUBLE AS x"}`); !strings.Contains(w.Body.String(), `[["NaN"]]`) {
		t.Errorf("no number: %s", w.Body)
	}
	if w := ask(mine, "/api/v1/report", `{"report":"daily","day":"2026-11-16","format":"html"}`); w.Code != http.StatusServiceUnavailable {
		t.Errorf("report without a renderer: %d", w.Code)
	}
	s.Render = func(_ context.Context, report string, day calendar.Day, format, section, locale string) ([]byte, string, error) {
		return []byte(strings.Join([]string{report, day.String(), format, section, locale}, " ")), "text/plain", nil
	}
	if w := ask(mine, "/api/v1/report", `{"report":"daily","day":"2026-11-16","format":"png","section":"words_bar","locale":"ko"}`); w.Body.String() != "daily 2026-11-16 png words_bar ko" {
		t.Errorf("report: %s", w.Body)
	}
}

func TestCallerWhoLeavesCancelsTheRun(t *testing.T) {
	s := serve(t, nil)
	s.build(monday, monday)
	letGo := s.hold()
	ctx, cancel := context.WithCancel(Trusted(context.Background(), "cli:ada"))
	done := make(chan struct{})
	go func() {
		defer close(done)
		body := `{"Day":"2026-11-16","Nodes":["words"],"Force":"rebuild"}`
		s.API().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/v1/runs", strings.NewReader(body)))
	}()
	until(t, "words is being built", func() bool {
		tasks, err := s.Store.NodeTasks(context.Background(), "words", monday, 1)
		return err == nil && tasks[0].State == store.StateRunning
	})
	cancel()
	letGo()
	<-done
	if run := s.ended(2); run.State != store.StateCanceled {
		t.Errorf("%+v", run)
	}
}
