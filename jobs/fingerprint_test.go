package jobs

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/store"
)

func TestWhatChangesNoRowsRebuildsNothing(t *testing.T) {
	h := open(t, shop())
	h.run(store.StateDone, Request{})
	h.write(files{
		"daybook.yaml":        "# the shop\nname: The shop\nattempts: 2\nlocale: ko\n",
		"sources/orders.yaml": "# orders\nowner: sales@example.com\ndescription: what was ordered\nmax_rejects: 3\n" + shop()["sources/orders.yaml"],
		"tables/sales.sql":    "/*\nowner: sales@example.com\ndescription: sold\nkey: [id]\nchecks:\n  - unique: [id]\n*/\n-- one row for an order\nSELECT id,\n  item, /* what */ amount\nFROM orders;\n",
		"reports/usage.yaml":  "# usage\nowner: sales@example.com\nsubject: Usage\n" + shop()["reports/usage.yaml"],
	})
	h.reopen()
	h.wants(Request{})
}

func TestAChangedLiteralRebuildsItsMartAndWhatReadsIt(t *testing.T) {
	h := open(t, shop().with(files{"marts/twice.sql": "SELECT day, orders * 2 AS orders FROM daily WHERE day = $day"}))
	h.run(store.StateDone, Request{})
	h.write(files{"marts/daily.sql": "SELECT day, count(*) + 10 AS orders, sum(amount) AS total FROM sales WHERE day = $day GROUP BY day\n"})
	h.reopen()
	h.wants(Request{}, "daily of 2026-11-16: definition_changed", "twice of 2026-11-16: input_rebuilt:daily?", "usage of 2026-11-16: input_rebuilt:daily?")
	run := h.run(store.StateDone, Request{})
	want := []string{"daily of 2026-11-16: up to date (definition_changed)", "twice of 2026-11-16: up to date (input_rebuilt:daily)", "usage of 2026-11-16: up to date (input_rebuilt:daily)"}
	if d := cmp.Diff(want, h.tasks(run)); d != "" {
		t.Error(d)
	}
	if got := h.rows("SELECT orders FROM twice WHERE day = $day"); !slices.Equal(got, []string{"28"}) {
		t.Errorf("twice is %v", got)
	}
}

func TestTheSameOutputLeavesWhatReadsItFresh(t *testing.T) {
	h := open(t, shop())
	h.run(store.StateDone, Request{})
	h.write(files{"marts/daily.sql": "SELECT day, count(id) AS orders, sum(amount) AS total FROM sales WHERE day = $day GROUP BY day\n"})
	h.reopen()
	run := h.run(store.StateDone, Request{})
	want := []string{"daily of 2026-11-16: up to date (definition_changed)", "usage of 2026-11-16: up to date (unchanged)"}
	if d := cmp.Diff(want, h.tasks(run)); d != "" {
		t.Error(d)
	}
	h.wants(Request{})
}

func TestTheSameBytesFetchedAgainRebuildNothing(t *testing.T) {
	h := open(t, shop())
	h.run(store.StateDone, Request{})
	run := h.run(store.StateDone, Request{Nodes: []string{"orders"}, Force: ForceFetch})
	if run.Tasks != 1 {
		t.Errorf("%d tasks", run.Tasks)
	}
	h.wants(Request{})
	h.write(files{"data/2026-11-16.ndjson": orders("a3")})
	h.wants(Request{})
	h.run(store.StateDone, Request{Nodes: []string{"orders"}, Force: ForceFetch})
	h.wants(Request{}, "sales of 2026-11-16: input_changed:orders", "daily of 2026-11-16: input_rebuilt:sales?", "items of 2026-11-16: input_rebuilt:sales?",
		"rolling of 2026-11-16: input_rebuilt:sales?", "usage of 2026-11-16: input_rebuilt:daily?")
}

func TestAChangedContractStagesAgainWithoutFetching(t *testing.T) {
	h := open(t, shop())
	h.run(store.StateDone, Request{})
	h.remove("data")
	h.write(files{"sources/orders.yaml": shop()["sources/orders.yaml"] + "  note: text\n"})
	h.reopen()
	if got := h.stale(Request{})[:2]; !slices.Equal(got, []string{"orders of 2026-11-16: contract_changed", "sales of 2026-11-16: input_rebuilt:orders?"}) {
		t.Errorf("stale: %q", got)
	}
	h.run(store.StateDone, Request{})
	h.wants(Request{})
}

func TestAnotherValueOfTheEnvironmentAloneRebuildsNothing(t *testing.T) {
	f := shop().with(files{"sources/orders.yaml": "from: files\npath: \"${DATA}/{day}.ndjson\"\ncolumns:\n  id: text\n  item: text\n  amount: double\n"})
	h := &house{t: t, dir: t.TempDir(), env: map[string]string{"DATA": "data"}}
	h.write(f)
	h.reopen()
	h.run(store.StateDone, Request{})
	h.env["DATA"] = "elsewhere"
	h.reopen()
	h.wants(Request{})
}

func TestDoublesThatDifferInTheirLastDigitsAreTheSame(t *testing.T) {
	h := open(t, shop().with(files{"marts/daily.sql": "SELECT day, count(*) AS orders, CAST(0.1 AS DOUBLE) + CAST(0.2 AS DOUBLE) AS total FROM sales WHERE day = $day GROUP BY day\n"}))
	h.run(store.StateDone, Request{})
	h.write(files{"marts/daily.sql": "SELECT day, count(*) AS orders, CAST(0.3 AS DOUBLE) AS total FROM sales WHERE day = $day GROUP BY day\n"})
	h.reopen()
	run := h.run(store.StateDone, Request{})
	if got := h.tasks(run); !slices.Contains(got, "usage of 2026-11-16: up to date (unchanged)") {
		t.Errorf("tasks %q", got)
	}
}

// stock reads a source that only gives the present.
func stock() files {
	return shop().with(files{
		"sources/prices.yaml": "from: files\npath: data/prices.csv\nholds: snapshot\nkey: [item]\ncolumns:\n  item: text\n  price: double\n",
		"tables/priced.sql":   "SELECT o.id, p.price FROM orders AS o JOIN prices AS p USING (item)\n",
		"data/prices.csv":     "item,price\na,1\nb,2\nc,3\nd,4\n",
	})
}

func TestNewContentOfASnapshotMakesNoDayStale(t *testing.T) {
	h := open(t, stock())
	h.run(store.StateDone, Request{})
	h.write(files{"data/prices.csv": "item,price\na,10\nb,20\nc,30\nd,40\n"})
	h.run(store.StateDone, Request{Day: monday.Add(1)})
	h.wants(Request{})
	if got := h.rows("SELECT day, sum(price) FROM priced GROUP BY day ORDER BY day"); !slices.Equal(got, []string{"2026-11-16 10", "2026-11-17 10"}) {
		t.Errorf("priced is %v", got)
	}
	if a, b := h.build("priced", monday), h.build("priced", monday.Add(1)); a.Inputs[1].Hash == b.Inputs[1].Hash {
		t.Error("the two days do not say that they read different snapshots")
	}
}

func TestASnapshotIsFetchedAgainForALaterDayAndNotForAnEarlierOne(t *testing.T) {
	h := open(t, stock())
	h.run(store.StateDone, Request{Nodes: []string{"prices"}})
	h.wants(Request{Day: monday.Add(1), Nodes: []string{"prices"}}, "prices: snapshot_older:2026-11-16")
	h.wants(Request{Day: monday.Add(-1), Nodes: []string{"prices"}})
}

func TestTheDefinitionOfASnapshotMakesItsReadersStale(t *testing.T) {
	h := open(t, stock())
	h.run(store.StateDone, Request{})
	h.write(files{"sources/prices.yaml": "from: files\npath: data/prices.csv\nholds: snapshot\nkey: [item]\ncolumns:\n  item: text\n  price: integer\n"})
	h.reopen()
	h.wants(Request{}, "prices: contract_changed", "priced of 2026-11-16: inputs_changed")
}

func TestAnAbsentDayOfALookbackCountsWhenItAppears(t *testing.T) {
	h := open(t, shop())
	h.run(store.StateDone, Request{})
	if got := h.rows("SELECT orders FROM rolling WHERE day = $day"); !slices.Equal(got, []string{"4"}) {
		t.Errorf("rolling is %v", got)
	}
	inputs := h.build("rolling", monday).Inputs
	if len(inputs) != 3 || inputs[0].Hash != absent || inputs[1].Hash != absent {
		t.Errorf("inputs %+v", inputs)
	}
	h.run(store.StateDone, Request{Day: monday.Add(-1)})
	h.wants(Request{}, "rolling of 2026-11-16: input_changed:sales")
	h.run(store.StateDone, Request{})
	if got := h.rows("SELECT orders FROM rolling WHERE day = $day"); !slices.Equal(got, []string{"7"}) {
		t.Errorf("rolling is %v", got)
	}
}
