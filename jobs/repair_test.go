package jobs

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/lake"
	"daybook/internal/store"
)

// fall is a failpoint that panics at the nth time a task comes by, once.
func fall(name string, nth int32) func(*Runner) {
	var passed atomic.Int32
	return func(r *Runner) {
		r.Failpoint = func(at string) {
			if at == name && passed.Add(1) == nth {
				panic("off the cliff")
			}
		}
	}
}

func TestADeletedWarehouseIsRebuiltFromTheLakeWithoutTheSources(t *testing.T) {
	h := open(t, shop())
	h.run(store.StateDone, Request{Day: monday, Through: monday.Add(2)})
	outputs, contents := h.outputs(), h.contents()
	h.close()
	h.remove("data", ".daybook/warehouse.duckdb", ".daybook/warehouse.duckdb.wal")
	h.reopen()
	run := h.run(store.StateDone, Request{Day: monday, Through: monday.Add(2)})
	if slices.ContainsFunc(h.tasks(run), func(task string) bool { return strings.HasPrefix(task, "orders") }) {
		t.Errorf("sources were asked again: %q", h.tasks(run))
	}
	if d := cmp.Diff(outputs, h.outputs()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(contents, h.contents()); d != "" {
		t.Error(d)
	}
	if editions, err := h.Store.Editions(t.Context(), "usage", monday); err != nil || len(editions) != 1 {
		t.Errorf("%d editions, %v", len(editions), err)
	}
}

func TestABuildThatTheWarehouseKnowsOtherwiseIsMadeAgain(t *testing.T) {
	h := open(t, shop())
	h.run(store.StateDone, Request{})
	b := h.build("daily", monday)
	b.Fingerprint = "of another time"
	if err := h.Store.SaveBuild(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	h.reopen()
	h.wants(Request{}, "daily of 2026-11-16: never_built", "usage of 2026-11-16: input_changed:daily")
	h.run(store.StateDone, Request{})
	h.wants(Request{})
}

// A current state has the same fingerprint for other rows when it is asked for again, so its output counts too.
func TestRowsThatWereLoadedAndNotRecordedAreLoadedAgain(t *testing.T) {
	f := stock().with(files{"sources/orders.yaml": "from: files\npath: data/orders.ndjson\nholds: snapshot\ncolumns:\n  id: text\n  item: text\n  amount: double\n",
		"data/orders.ndjson": orders("a1", "b1")})
	h := open(t, f, fall("loaded", 5))
	h.run(store.StateDone, Request{Nodes: []string{"daily", "priced"}}) // sales, daily, priced
	h.write(files{"data/orders.ndjson": orders("a1", "b1", "c1")})
	h.run(store.StateDone, Request{Nodes: []string{"orders"}, Force: ForceFetch})
	h.run(store.StateDone, Request{Nodes: []string{"priced"}, Force: ForceRebuild})
	h.run(store.StateFailed, Request{Nodes: []string{"sales"}, Force: ForceRebuild})
	if got := h.rows("SELECT count(*) FROM sales"); !slices.Equal(got, []string{"3"}) {
		t.Fatalf("sales has %v rows: they were not loaded", got)
	}
	want := []string{"sales of 2026-11-16: never_built", "daily of 2026-11-16: input_changed:sales"}
	h.wants(Request{Nodes: []string{"daily"}}, want...)
	h.reopen()
	h.wants(Request{Nodes: []string{"daily"}}, want...)
	h.run(store.StateDone, Request{Nodes: []string{"daily"}})
	if got := h.rows("SELECT orders FROM daily"); !slices.Equal(got, []string{"3"}) {
		t.Errorf("daily is %v", got)
	}
}

func TestBytesThatWereFetchedAndNotStagedAreStagedByTheNextRun(t *testing.T) {
	for _, at := range []string{"raw committed", "stage committed"} {
		t.Run(at, func(t *testing.T) {
			h := open(t, shop(), fall(at, 2))
			h.run(store.StateDone, Request{})
			h.write(files{"data/2026-11-16.ndjson": orders("z1", "z2")})
			h.run(store.StateFailed, Request{Nodes: []string{"orders"}, Force: ForceFetch})
			h.remove("data")
			for range 2 {
				if got := h.stale(Request{Nodes: []string{"sales"}}); !slices.Equal(got, []string{"orders of 2026-11-16: input_changed:orders", "sales of 2026-11-16: input_rebuilt:orders?"}) {
					t.Errorf("stale: %q", got)
				}
				h.reopen()
			}
			h.run(store.StateDone, Request{})
			if got := h.rows("SELECT count(*) FROM sales"); !slices.Equal(got, []string{"2"}) {
				t.Errorf("sales has %v rows", got)
			}
			h.wants(Request{})
		})
	}
}

func TestAnEditionWithoutItsRowIsWrittenAgain(t *testing.T) {
	h := open(t, shop(), fall("edition committed", 1))
	h.run(store.StateFailed, Request{})
	h.reopen()
	h.run(store.StateDone, Request{})
	if _, e, err := h.Figures(t.Context(), "usage", monday, 0); err != nil || e.Number != 1 {
		t.Errorf("edition %+v, %v", e, err)
	}
}

func TestOtherFiguresAreTheNextEditionAndTheSameFiguresAreNot(t *testing.T) {
	h := open(t, shop())
	h.run(store.StateDone, Request{})
	h.run(store.StateDone, Request{Nodes: []string{"usage"}, Force: ForceRebuild})
	if _, e, err := h.Figures(t.Context(), "usage", monday, 0); err != nil || e.Number != 1 {
		t.Errorf("edition %+v, %v", e, err)
	}
	h.write(files{"data/2026-11-16.ndjson": orders("a3")})
	h.run(store.StateDone, Request{Nodes: []string{"orders"}, Force: ForceFetch, Downstream: true})
	f, e, err := h.Figures(t.Context(), "usage", monday, 0)
	if err != nil || e.Number != 2 || *f.Sections[0].KPI.Value != 1 {
		t.Errorf("edition %+v, %v", e, err)
	}
	if f, _, err = h.Figures(t.Context(), "usage", monday, 1); err != nil || *f.Sections[0].KPI.Value != 4 {
		t.Errorf("edition 1 says %+v, %v", f, err)
	}
}

func TestDaysThatACurrentStateReplacedAreBuiltAgain(t *testing.T) {
	byDay := "SELECT day, count(*) AS orders FROM sales WHERE day = $day GROUP BY day\n"
	f := shop().with(files{"marts/counts.sql": byDay})
	h := open(t, f)
	both := Request{Nodes: []string{"counts"}, Day: monday, Through: monday.Add(1)}
	h.run(store.StateDone, both)
	h.write(files{"marts/counts.sql": "/*\nrefresh: full\n*/\nSELECT count(*) AS orders FROM sales\n"})
	h.reopen()
	h.run(store.StateDone, both)
	h.write(files{"marts/counts.sql": byDay})
	h.reopen()
	h.wants(both, "counts of 2026-11-16: never_built", "counts of 2026-11-17: never_built")
	h.run(store.StateDone, both)
	if got := h.rows("SELECT day, orders FROM counts ORDER BY day"); !slices.Equal(got, []string{"2026-11-16 4", "2026-11-17 1"}) {
		t.Errorf("counts is %v", got)
	}
	h.reopen()
	h.wants(both)
}

func TestAnEditionWhoseFilesWereLostIsWrittenAgainUnderItsNumber(t *testing.T) {
	h := open(t, shop())
	h.run(store.StateDone, Request{})
	if err := h.Lake.Remove(t.Context(), lake.Key{Layer: lake.Editions, Node: "usage", Day: monday, Number: 1}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Figures(t.Context(), "usage", monday, 0); err == nil {
		t.Fatal("the figures are still there")
	}
	h.run(store.StateDone, Request{Nodes: []string{"usage"}, Force: ForceRebuild})
	_, e, err := h.Figures(t.Context(), "usage", monday, 0)
	if err != nil || e.Number != 1 {
		t.Errorf("edition %d, %v", e.Number, err)
	}
}
