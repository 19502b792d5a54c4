package jobs

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/store"
)

// api is a list of things and their details, which counts what it is asked.
type api struct {
	mu     sync.Mutex
	things []string
	asked  []string
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.URL.Path)
	if day, ok := strings.CutPrefix(r.URL.Path, "/list/"); ok {
		fmt.Fprintf(w, `{"day":%q,"items":[{"id":"%s"}]}`, day, strings.Join(a.things, `"},{"id":"`))
		return
	}
	fmt.Fprintf(w, `{"id":%q,"name":"name of %[1]s"}`, strings.TrimPrefix(r.URL.Path, "/detail/"))
}

func (a *api) calls() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	asked := a.asked
	a.asked = nil
	return asked
}

func catalog(t *testing.T, a *api, quota string) files {
	t.Helper()
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	limit := "allow: [127.0.0.0/8]\nquota: {calls: " + quota + ", name: things, timezone: UTC}\nformat: json\n"
	return files{
		"daybook.yaml":         "name: things\nattempts: 1\n",
		"sources/list.yaml":    "from: http\nurl: \"" + server.URL + "/list/{day}\"\nrecords: items\nkey: id\ncolumns:\n  id: {type: text, required: true}\n" + limit,
		"sources/details.yaml": "from: http\nurl: \"" + server.URL + "/detail/{each}\"\nfor_each: {source: list, column: id}\nkey: id\ncolumns:\n  id: {type: text, required: true}\n  name: text\n" + limit,
		"tables/things.sql":    "SELECT l.id, d.name FROM list l LEFT JOIN details d USING (id)\n",
	}
}

func TestDetailsAreFetchedForTheListAndOnlyOnce(t *testing.T) {
	a := &api{things: []string{"b", "a"}}
	h := open(t, catalog(t, a, "1000"))
	h.run(store.StateDone, Request{})
	if d := cmp.Diff([]string{"/list/2026-11-16", "/detail/a", "/detail/b"}, a.calls()); d != "" {
		t.Errorf("asked (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"a name of a", "b name of b"}, h.rows("SELECT id || ' ' || name FROM things ORDER BY id")); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	h.wants(Request{})
	h.run(store.StateDone, Request{Nodes: []string{"list"}, Downstream: true, Force: ForceRebuild})
	if asked := a.calls(); len(asked) > 0 {
		t.Errorf("a rerun asked for %v", asked)
	}
	// Another list has other details; the same one, fetched again, has those that are there.
	h.run(store.StateDone, Request{Nodes: []string{"list"}, Force: ForceFetch})
	h.run(store.StateDone, Request{})
	if d := cmp.Diff([]string{"/list/2026-11-16"}, a.calls()); d != "" {
		t.Errorf("asked for the same list (-want +got):\n%s", d)
	}
	a.things = []string{"a", "c"}
	h.run(store.StateDone, Request{Nodes: []string{"list"}, Force: ForceFetch})
	h.run(store.StateDone, Request{})
	if d := cmp.Diff([]string{"/list/2026-11-16", "/detail/a", "/detail/c"}, a.calls()); d != "" {
		t.Errorf("asked for another list (-want +got):\n%s", d)
	}
}

func TestABackfillSaysHowManyCallsItNeedsAndWaitsForTheQuota(t *testing.T) {
	a := &api{things: []string{"a", "b", "c"}}
	h := open(t, catalog(t, a, "6"))
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	h.Now = func() time.Time { return noon }
	day := calendar.MustDay("2026-11-16")
	h.run(store.StateDone, Request{}) // four calls
	request := Request{Day: day, Through: day.Add(3)}
	plan, err := h.Plan(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	want := "things: about 12 calls for 6 days, 2 of 6 are left until 2026-11-21 00:00 UTC; done on 2026-11-22"
	if len(plan.Calls) != 1 || plan.Calls[0].String() != want {
		t.Errorf("the plan says %v, not %q", plan.Calls, want)
	}
	a.calls()
	run := h.run(store.StateQuota, request)
	if asked := a.calls(); len(asked) != 2 {
		t.Errorf("asked for %v", asked)
	}
	waiting := h.task("list", day.Add(3))
	if !strings.Contains(strings.Join(h.tasks(run), " "), store.StateQuota) || waiting.State == store.StateFailed {
		t.Errorf("tasks: %v", h.tasks(run))
	}
	for range 2 { // the day after, and the one after that: it goes on by itself behind what it has
		noon = noon.Add(24 * time.Hour)
		h.run(map[bool]string{true: store.StateQuota, false: store.StateDone}[noon.Day() == 21], request)
	}
	if asked := a.calls(); len(asked) != 10 {
		t.Errorf("asked for %d in all: %v", len(asked), asked)
	}
}
