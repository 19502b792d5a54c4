package jobs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/store"
)

const checkedItems = `/*
checks:
  - unique: [item]
  - {rows: {max: 3}, severity: warning}
  - accepted: {column: item, values: [a, b, c, d]}
  - not_null: [item, orders]
  - total: {measure: sum(orders), of: sales}
*/
SELECT day, item, count(*) AS orders FROM sales WHERE day = $day GROUP BY day, item
`

func TestABlockingCheckKeepsTheLastGoodRowsVisible(t *testing.T) {
	h := open(t, shop().with(files{"marts/items.sql": checkedItems}))
	h.run(store.StateDone, Request{})
	good, before := h.rows("SELECT * FROM items ORDER BY ALL"), h.build("items", monday)
	h.write(files{"data/2026-11-16.ndjson": orders("a3", "x3")})
	h.run(store.StateDone, Request{Nodes: []string{"orders"}, Force: ForceFetch})
	run := h.run(store.StateFailed, Request{})
	if !strings.Contains(run.Error, "accepted(item) is 1 others, not a, b, c, d") {
		t.Errorf("the run says %q", run.Error)
	}
	if got := h.rows("SELECT * FROM items ORDER BY ALL"); !slices.Equal(got, good) {
		t.Errorf("items is %v, was %v", got, good)
	}
	if d := cmp.Diff(before, h.build("items", monday), cmp.AllowUnexported(monday)); d != "" {
		t.Error(d)
	}
	checks, err := h.Store.Checks(t.Context(), "items", monday, monday)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range checks {
		got = append(got, strings.Join([]string{c.Name, c.State, c.Value, strings.Join(c.Examples, " ")}, "|"))
	}
	want := []string{"accepted(item)|failed|1 others|x", "not_null(item, orders)|passed|0 null|", "rows|passed|2|",
		"sum(orders) = count(*) of sales|passed|2|", "unique(item)|passed|0 repeated|"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAWarningIsNotedAndStopsNothing(t *testing.T) {
	h := open(t, shop().with(files{"marts/items.sql": checkedItems}))
	h.run(store.StateDone, Request{})
	checks, err := h.Store.Checks(t.Context(), "items", monday, monday)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(checks, func(c store.CheckResult) bool { return c.Name == "rows" })
	if i < 0 || checks[i].State != "warned" || checks[i].Severity != "warning" || checks[i].Value != "4" {
		t.Errorf("checks %+v", checks)
	}
}

func TestALoadThatDoesNotComeToItsChecksLeavesTheRecordedOnes(t *testing.T) {
	h := open(t, shop().with(files{"marts/items.sql": checkedItems}))
	h.run(store.StateDone, Request{})
	h.write(files{"marts/items.sql": strings.Replace(checkedItems, "item, count(*)", "error('broken') AS item, count(*)", 1)})
	h.reopen()
	h.run(store.StateFailed, Request{})
	checks, err := h.Store.Checks(t.Context(), "items", monday, monday)
	if err != nil || len(checks) != 5 {
		t.Errorf("checks %v, %v", checks, err)
	}
}

func TestEveryKindOfCheckCanSayNo(t *testing.T) {
	for check, want := range map[string]string{
		"unique: [item]":                                      "unique(item) is 1 repeated, not each once",
		"not_null: [id]":                                      "not_null(id) is 1 null, not none",
		"rows: {min: 4}":                                      "rows is 3, not at least 4",
		"accepted: {column: item, values: [a]}":               "accepted(item) is 1 others, not a",
		"range: {column: amount, min: 2.25, max: 4}":          "range(amount) is 1 wrong, not 2.25 to 4 (",
		"length: {column: item, min: 2}":                      "length(item) is 3 wrong, not at least 2 (a; a; b)",
		"matches: {column: item, pattern: '[a]'}":             "matches(item) is 1 wrong, not [a] (b)",
		"relationship: {column: item, in: things, key: name}": "item in things is 1 without one, not each in things (b)",
		"rule: item < 'b'":                                    "item < 'b' is 1 wrong, not item < 'b' ({",
		"sql: SELECT item FROM sales GROUP BY item HAVING count(*) > 1\n    name: items sold twice": `items sold twice is 1 wrong, not none ({"item":"a"})`,
		"sql: SELECT s.item FROM sales s ANTI JOIN things t ON s.item = t.name\n    name: no thing": `no thing is 1 wrong, not none ({"item":"b"})`,
		"total: {measure: count(id), of: orders}":                                                   "count(id) = count(*) of orders is 2, not 3",
		"total: {measure: sum(amount), of: orders, equals: sum(amount)*2}":                          "sum(amount) = sum(amount)*2 of orders is 7.5, not 15.0",
	} {
		t.Run(check, func(t *testing.T) {
			h := open(t, shop().with(files{
				"sources/orders.yaml":    "from: files\npath: \"data/{day}.ndjson\"\ncolumns:\n  id: text\n  item: text\n  amount: double\n",
				"tables/sales.sql":       "/*\nchecks:\n  - " + check + "\n*/\nSELECT id, item, amount FROM orders\n",
				"sources/wares.yaml":     "from: files\npath: wares.csv\nholds: snapshot\ncolumns:\n  name: text\n",
				"tables/things.sql":      "/*\nrefresh: full\n*/\nSELECT name FROM wares\n",
				"wares.csv":              "name\na\nc\n",
				"data/2026-11-16.ndjson": orders("a1", "a2", "b1"),
			}))
			h.write(files{"data/2026-11-16.ndjson": strings.Replace(orders("a1", "a2", "b1"), `"id":"a2"`, `"id":null`, 1)})
			run := h.run(store.StateFailed, Request{Nodes: []string{"sales"}})
			if !strings.Contains(run.Error, want) {
				t.Errorf("the run says %q, not %q", run.Error, want)
			}
		})
	}
}

func TestRowsAreComparedWithTheSameWeekdayOfLastWeek(t *testing.T) {
	h := open(t, shop().with(files{
		"tables/sales.sql":       "/*\nchecks:\n  - rows: {within: 30%}\n*/\nSELECT id, item, amount FROM orders\n",
		"data/2026-11-23.ndjson": orders("a1", "b1", "c1"), "data/2026-11-30.ndjson": orders("a1", "b1", "c1", "d1", "e1"),
	}))
	sales := []string{"sales"}
	h.run(store.StateDone, Request{Nodes: sales}) // no rows a week ago is no yardstick
	h.run(store.StateDone, Request{Nodes: sales, Day: monday.Add(7)})
	run := h.run(store.StateFailed, Request{Nodes: sales, Day: monday.Add(14)})
	if !strings.Contains(run.Error, "rows is 5, not within 30% of a week before: 3") {
		t.Errorf("the run says %q", run.Error)
	}
}

func TestACurrentStateHasNoWeekBefore(t *testing.T) {
	h := open(t, shop().with(files{"marts/ever.sql": "/*\nrefresh: full\nchecks:\n  - rows: {within: 30%}\n*/\nSELECT count(*) AS orders FROM sales\n"}))
	h.run(store.StateDone, Request{})
}

func TestATotalOfACurrentStateIsOfEveryDay(t *testing.T) {
	h := open(t, shop().with(files{"marts/ever.sql": "/*\nrefresh: full\nchecks:\n  - total: {measure: sum(orders), of: sales}\n*/\nSELECT item, count(*) AS orders FROM sales GROUP BY item\n"}))
	h.run(store.StateDone, Request{Day: monday, Through: monday.Add(1)})
}

func TestRejectsAreVisibleAlsoWhenTheyFailTheBuild(t *testing.T) {
	h := open(t, shop())
	h.run(store.StateDone, Request{})
	h.write(files{"data/2026-11-16.ndjson": orders("a3") + `{"id":"b3","item":"b","amount":"much"}` + "\n"})
	run := h.run(store.StateFailed, Request{Nodes: []string{"orders"}, Force: ForceFetch})
	if !strings.Contains(run.Error, "1 of 2 records of orders do not fit (0 may): 2026-11-16.ndjson line 2: ") {
		t.Errorf("the run says %q", run.Error)
	}
	key := lake.Key{Layer: lake.Stage, Node: RejectsNode("orders"), Day: monday}
	m, err := h.Lake.Manifest(t.Context(), key)
	if err != nil || m.Facts["rejected"] != "1" || m.Facts["records"] != "2" || m.Objects[0].Rows != 1 {
		t.Errorf("rejects %+v, %v", m, err)
	}
	if got := h.rows("SELECT count(*) FROM sales"); !slices.Equal(got, []string{"4"}) {
		t.Errorf("sales has %v rows", got)
	}
	task := h.task("orders", monday)
	if task.Rejected != 1 || task.RowsIn != 2 {
		t.Errorf("task %+v", task)
	}
}

func TestBytesThatDidNotFitAreStagedWhenTheContractIsMended(t *testing.T) {
	h := open(t, shop())
	h.run(store.StateDone, Request{})
	h.write(files{"data/2026-11-16.ndjson": orders("a3") + `{"id":"b3","item":"b","amount":"much"}` + "\n"})
	h.run(store.StateFailed, Request{Nodes: []string{"orders"}, Force: ForceFetch})
	check := func() {
		t.Helper()
		if got := h.stale(Request{Nodes: []string{"sales"}}); !slices.Equal(got, []string{"orders of 2026-11-16: input_changed:orders", "sales of 2026-11-16: input_rebuilt:orders?"}) {
			t.Errorf("stale: %q", got)
		}
	}
	check()
	h.write(files{"sources/orders.yaml": shop()["sources/orders.yaml"] + "max_rejects: 1\n"})
	h.reopen()
	check()
	h.remove("data")
	h.run(store.StateDone, Request{})
	if got := h.rows("SELECT count(*) FROM sales"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("sales has %v rows", got)
	}
	h.wants(Request{})
}

// ledgers is a project with current states over days.
func ledgers() files {
	return shop().with(files{
		"tables/customers.sql": "/*\nrefresh: full\n*/\nSELECT item, count(*) AS orders FROM orders GROUP BY item\n",
		"marts/ever.sql":       "/*\nrefresh: full\n*/\nSELECT sum(orders) AS orders FROM daily\n",
		"marts/share.sql":      "SELECT d.day, d.orders, e.orders AS ever FROM daily AS d, ever AS e WHERE d.day = $day\n",
	})
}

func TestACurrentStateReadsEveryDayThatIsBuilt(t *testing.T) {
	h := open(t, ledgers())
	h.run(store.StateDone, Request{Day: monday})
	h.run(store.StateDone, Request{Day: monday.Add(1), Through: monday.Add(2)})
	if got := h.rows("SELECT (SELECT sum(orders) FROM customers), (SELECT orders FROM ever)"); !slices.Equal(got, []string{"7 7"}) {
		t.Errorf("customers and ever are %v", got)
	}
	h.wants(Request{Day: monday.Add(2)})
	if got := h.rows("SELECT day, ever FROM share ORDER BY day"); !slices.Equal(got, []string{"2026-11-16 4", "2026-11-17 7", "2026-11-18 7"}) {
		t.Errorf("share is %v", got)
	}
	h.wants(Request{}) // a newer current state makes no day stale
}

func TestACurrentStateIsMadeOfTheDaysThatAreThereWhenOthersFail(t *testing.T) {
	h := open(t, ledgers().with(files{"data/2026-11-17.ndjson": "", "data/2026-11-18.ndjson": "not json\n"}))
	run := h.run(store.StateFailed, Request{Day: monday, Through: monday.Add(2)})
	for _, want := range []string{"customers: up to date (never_built)", "ever: up to date (never_built)", "share of 2026-11-16: up to date (never_built)",
		"share of 2026-11-17: skipped (skipped:daily)", "orders of 2026-11-17: missing at source (never_built)", "orders of 2026-11-18: failed (never_built)"} {
		if !slices.Contains(h.tasks(run), want) {
			t.Errorf("no %q in %q", want, h.tasks(run))
		}
	}
}

func TestACurrentStateOfWhichNoDayIsBuiltIsSkipped(t *testing.T) {
	h := open(t, ledgers().with(files{"data/2026-11-16.ndjson": ""}))
	run := h.run(store.StateMissing, Request{})
	for _, want := range []string{"customers: skipped (skipped:orders)", "ever: skipped (skipped:daily)", "share of 2026-11-16: skipped (skipped:daily)"} {
		if !slices.Contains(h.tasks(run), want) {
			t.Errorf("no %q in %q", want, h.tasks(run))
		}
	}
}

func TestANeedOrdersWhatTheSQLDoesNotShow(t *testing.T) {
	h := open(t, shop().with(files{
		"tables/late.sql": "/*\nneeds: [sales]\n*/\nSELECT id FROM orders\n",
		"marts/after.sql": "/*\nneeds: [daily, orders]\n*/\nSELECT day, count(*) AS orders FROM items WHERE day = $day GROUP BY day\n",
	}))
	h.run(store.StateDone, Request{})
	if got := h.Graph.nodes["after"].Inputs; !slices.Equal(got, []string{"daily", "items", "orders"}) {
		t.Errorf("after needs %v", got)
	}
	h.write(files{"marts/daily.sql": "SELECT day, count(*) + 1 AS orders, sum(amount) AS total FROM sales WHERE day = $day GROUP BY day\n"})
	h.reopen()
	run := h.run(store.StateDone, Request{})
	if !slices.Contains(h.tasks(run), "after of 2026-11-16: up to date (input_rebuilt:daily)") {
		t.Errorf("tasks %q", h.tasks(run))
	}
}

func TestATableThatLooksBackReadsTheDaysThatAreStaged(t *testing.T) {
	h := open(t, shop().with(files{"tables/recent.sql": "/*\nlookback: 1d\n*/\nSELECT count(*) AS orders FROM orders\n"}))
	h.run(store.StateDone, Request{Nodes: []string{"recent"}})
	if got := h.rows("SELECT orders FROM recent"); !slices.Equal(got, []string{"4"}) {
		t.Errorf("recent is %v", got)
	}
	h.run(store.StateDone, Request{Nodes: []string{"recent"}, Day: monday.Add(1)})
	if got := h.rows("SELECT orders FROM recent ORDER BY day"); !slices.Equal(got, []string{"4", "5"}) {
		t.Errorf("recent is %v", got)
	}
}

func TestAStagedFileThatIsGoneIsDamageAndFetchingAgainMendsIt(t *testing.T) {
	h := open(t, shop())
	h.run(store.StateDone, Request{})
	h.remove(".daybook/lake/stage/orders")
	h.write(files{"tables/sales.sql": "SELECT id, item, amount + 1 AS amount FROM orders\n"})
	h.reopen()
	run := h.run(store.StateFailed, Request{})
	if !strings.Contains(run.Error, "the lake has no stage orders 2026-11-16") {
		t.Errorf("the run says %q", run.Error)
	}
	h.run(store.StateDone, Request{Nodes: []string{"orders"}, Force: ForceRebuild})
	h.run(store.StateDone, Request{})
}

func TestADamagedManifestStopsItsOwnDayOnlyAndAFetchMendsIt(t *testing.T) {
	h := open(t, shop())
	h.run(store.StateDone, Request{Day: monday, Through: monday.Add(1)})
	h.write(files{".daybook/lake/raw/orders/day=2026-11-16/manifest.json": "{"})
	h.reopen()
	if !strings.Contains(h.log.String(), "raw/orders/day=2026-11-16/manifest.json") {
		t.Errorf("the log says %s", h.log)
	}
	h.run(store.StateDone, Request{Day: monday.Add(2)})
	run := h.run(store.StateFailed, Request{Nodes: []string{"orders"}, Force: ForceRebuild})
	if task := h.task("orders", monday); !strings.Contains(run.Error, "manifest") || task.Attempt != 1 {
		t.Errorf("the run says %q after attempt %d", run.Error, task.Attempt)
	}
	h.run(store.StateDone, Request{Nodes: []string{"orders"}, Force: ForceFetch})
	h.wants(Request{})
}

func TestAQueryOfAnUnknownTableIsAFault(t *testing.T) {
	h := open(t, shop())
	if _, _, err := h.Query(t.Context(), "SELECT * FROM nothing", calendar.Day{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v", err)
	}
}

func TestRawBytesThatAreGoneLeaveTheirBuildsFresh(t *testing.T) {
	h := open(t, shop())
	h.run(store.StateDone, Request{})
	h.remove(".daybook/lake/raw")
	h.reopen()
	h.wants(Request{})
}

// meanwhile is a lake in which something else happens once a reader has found the staged orders.
type meanwhile struct {
	lake.Lake
	happens func()
}

func (l *meanwhile) Manifest(ctx context.Context, k lake.Key) (lake.Manifest, error) {
	m, err := l.Lake.Manifest(ctx, k)
	if happens := l.happens; happens != nil && k.Layer == lake.Stage && k.Node == "orders" {
		l.happens = nil
		happens()
	}
	return m, err
}

func TestASourceThatChangesWhileATableIsLoadedLeavesTheTableStale(t *testing.T) {
	f := shop()
	h := open(t, f.with(files{"daybook.yaml": f["daybook.yaml"] + "pools: {default: 4}\n"}))
	h.run(store.StateDone, Request{})
	h.write(files{"data/2026-11-16.ndjson": orders("a3")})
	h.Lake = &meanwhile{h.Lake, func() { h.run(store.StateDone, Request{Nodes: []string{"orders"}, Force: ForceFetch}) }}
	h.run(store.StateDone, Request{Nodes: []string{"sales"}, Force: ForceRebuild})
	h.wants(Request{Nodes: []string{"sales"}}, "sales of 2026-11-16: input_changed:orders")
}

func TestLatestKeepsTheNewestRowOfAKeyInWhateverOrderItsDaysCome(t *testing.T) {
	const row = `{"id":"%s","name":"%s","v":%d,"gone":%v}` + "\n"
	days := map[string]string{
		"2026-11-14": fmt.Sprintf(row, "a", "first", 1, false) + fmt.Sprintf(row, "b", "first", 1, false) + fmt.Sprintf(row, "c", "first", 1, false),
		"2026-11-15": fmt.Sprintf(row, "a", "second", 2, false) + fmt.Sprintf(row, "b", "first", 2, true) + fmt.Sprintf(row, "d", "x", 5, false),
		"2026-11-16": fmt.Sprintf(row, "c", "old", 0, false) + fmt.Sprintf(row, "d", "y", 5, false) + fmt.Sprintf(row, "e", "gone at once", 1, true),
	}
	for _, order := range [][]string{{"2026-11-14", "2026-11-15", "2026-11-16"}, {"2026-11-16", "2026-11-14", "2026-11-15"}, {"2026-11-15", "2026-11-16", "2026-11-14"}} {
		f := files{
			"sources/orders.yaml": "from: files\npath: \"data/{day}.ndjson\"\ncolumns:\n  id: text\n  name: text\n  v: integer\n  gone: boolean\n",
			"tables/sales.sql":    "/*\nrefresh: latest\nkey: id\nversion: v\ndeleted: gone\nchecks:\n  - unique: id\n*/\nSELECT id, name, v, gone FROM orders\n",
		}
		for day, text := range days {
			f["data/"+day+".ndjson"] = text
		}
		f["daybook.yaml"] = "name: shop\nattempts: 1\n"
		h := open(t, f)
		for _, day := range order {
			h.run(store.StateDone, Request{Nodes: []string{"sales"}, Day: calendar.MustDay(day)})
		}
		if d := cmp.Diff([]string{"a second", "c first", "d y"}, h.rows("SELECT id || ' ' || name FROM sales ORDER BY id")); d != "" {
			t.Errorf("days in the order %v (-want +got):\n%s", order, d)
		}
	}
}
