package jobs

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
	"daybook/internal/store"
)

// wants compares what is stale with what should be.
func (h *house) wants(req Request, want ...string) {
	h.t.Helper()
	if d := cmp.Diff(append([]string{}, want...), h.stale(req)); d != "" {
		h.t.Error(d)
	}
}

func TestAPlanSaysWhyAndChangesNothing(t *testing.T) {
	h := open(t, shop())
	want := []string{"orders of 2026-11-16: never_built", "sales of 2026-11-16: never_built", "daily of 2026-11-16: never_built",
		"items of 2026-11-16: never_built", "rolling of 2026-11-16: never_built", "usage of 2026-11-16: never_built"}
	h.wants(Request{}, want...)
	h.wants(Request{}, want...)
}

func TestWhatIsUpToDateIsNotPlanned(t *testing.T) {
	h := open(t, shop())
	h.run(store.StateDone, Request{})
	h.wants(Request{})
	if run := h.run(store.StateDone, Request{}); run.Tasks != 0 {
		t.Errorf("%d tasks", run.Tasks)
	}
	h.reopen()
	h.wants(Request{})
}

func TestANodeIsPlannedWithAllThatItReads(t *testing.T) {
	h := open(t, shop())
	h.wants(Request{Nodes: []string{"daily"}}, "orders of 2026-11-16: never_built", "sales of 2026-11-16: never_built", "daily of 2026-11-16: never_built")
}

func TestDownstreamIsPlannedWhenAskedFor(t *testing.T) {
	h := open(t, shop())
	h.run(store.StateDone, Request{})
	h.wants(Request{Nodes: []string{"daily"}, Force: ForceRebuild}, "daily of 2026-11-16: asked")
	h.wants(Request{Nodes: []string{"daily"}, Force: ForceRebuild, Downstream: true}, "daily of 2026-11-16: asked", "usage of 2026-11-16: asked")
	h.write(files{"marts/daily.sql": "SELECT day, count(*) + 1 AS orders, sum(amount) AS total FROM sales WHERE day = $day GROUP BY day\n"})
	h.reopen()
	h.wants(Request{Nodes: []string{"daily"}}, "daily of 2026-11-16: definition_changed")
	h.wants(Request{Nodes: []string{"daily"}, Downstream: true}, "daily of 2026-11-16: definition_changed", "usage of 2026-11-16: input_rebuilt:daily?")
}

func TestLaterBuildsThatReadAPlannedDayAreNamedAndNotPlanned(t *testing.T) {
	h := open(t, shop().with(files{"marts/echo.sql": "SELECT day, orders FROM rolling WHERE day = $day"}))
	h.run(store.StateDone, Request{Day: monday, Through: monday.Add(2)})
	plan, err := h.Plan(context.Background(), Request{Day: monday, Nodes: []string{"sales"}, Force: ForceRebuild})
	if err != nil {
		t.Fatal(err)
	}
	want := []Cell{{"rolling", monday.Add(1)}, {"rolling", monday.Add(2)}, {"echo", monday.Add(1)}, {"echo", monday.Add(2)}}
	if d := cmp.Diff(want, plan.Later, cmp.AllowUnexported(monday)); d != "" {
		t.Error(d)
	}
	if len(plan.Steps) != 1 || !plan.Steps[0].Forced {
		t.Errorf("steps %+v", plan.Steps)
	}
}

func TestAWrongRequestIsRefused(t *testing.T) {
	h := open(t, shop())
	for _, c := range []struct {
		req  Request
		code string
	}{
		{Request{}, fault.Invalid},
		{Request{Day: monday, Through: monday.Add(-1)}, fault.Invalid},
		{Request{Day: monday, Through: monday.Add(maxDays)}, fault.Invalid},
		{Request{Day: monday, Nodes: []string{"nothing"}}, fault.NotFound},
	} {
		if _, err := h.Plan(context.Background(), c.req); !fault.Is(err, c.code) {
			t.Errorf("%+v gives %v", c.req, err)
		}
		if _, err := h.Start(context.Background(), c.req); !fault.Is(err, c.code) {
			t.Errorf("%+v starts with %v", c.req, err)
		}
	}
}

func TestReasonsAreReadBack(t *testing.T) {
	for _, w := range []Why{{}, {Code: "asked"}, {"input_changed", "sales"}} {
		if got := ParseWhy(w.String()); got != w {
			t.Errorf("%v is read back as %v", w, got)
		}
	}
}

func TestWhatIsStaleIsNotWhatIsMissing(t *testing.T) {
	h := open(t, shop())
	h.run(store.StateDone, Request{})
	h.write(files{"marts/daily.sql": "SELECT day, count(*) + 1 AS orders, sum(amount) AS total FROM sales WHERE day = $day GROUP BY day\n"})
	h.reopen()
	stale, err := h.Stale(t.Context(), monday, monday.Add(1))
	if err != nil {
		t.Fatal(err)
	}
	want := map[Cell]Why{{"daily", monday}: {Code: "definition_changed"}, {"usage", monday}: {"input_rebuilt", "daily"}}
	if d := cmp.Diff(want, stale, cmp.AllowUnexported(monday)); d != "" {
		t.Error(d)
	}
}
