package jobs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// problems are the lines of the error that a project gives.
func problems(t *testing.T, f files) []string {
	t.Helper()
	h := &house{t: t, dir: t.TempDir()}
	h.write(f)
	_, _, parser, err := proven(h.dir, h.env)
	if err == nil {
		parser.Close()
		t.Fatal("the project is proven")
	}
	return strings.Split(err.Error(), "\n")
}

func TestDependenciesAreReadFromTheSQL(t *testing.T) {
	h := open(t, shop().with(files{
		"marts/mixed.sql": "WITH big AS (SELECT * FROM sales WHERE amount > 1) SELECT d.day, count(*) AS n FROM big JOIN daily AS d ON d.day = big.day WHERE d.day = $day GROUP BY d.day",
	}))
	got := map[string][]string{}
	for _, n := range h.Graph.Order {
		got[n.Name] = n.Inputs
	}
	want := map[string][]string{"orders": nil, "sales": {"orders"}, "daily": {"sales"}, "items": {"sales"}, "rolling": {"sales"},
		"mixed": {"daily", "sales"}, "usage": {"daily", "items"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestEachNodeComesAfterWhatItReads(t *testing.T) {
	h := open(t, shop())
	seen := map[string]bool{}
	for _, n := range h.Graph.Order {
		for _, in := range n.Inputs {
			if !seen[in] {
				t.Errorf("%s comes before %s", n.Name, in)
			}
		}
		seen[n.Name] = true
	}
	up, down := h.Graph.Upstream("daily"), h.Graph.Downstream("daily")
	if d := cmp.Diff(map[string]bool{"daily": true, "sales": true, "orders": true}, up); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]bool{"daily": true, "usage": true}, down); d != "" {
		t.Error(d)
	}
}

func TestMistakesSayWhereTheyAreAndWhatToWrite(t *testing.T) {
	for _, c := range []struct {
		name string
		edit files
		want string
	}{
		{"an unknown name", files{"tables/sales.sql": "SELECT id, item, amount\nFROM ordrs"},
			"tables/sales.sql:2:6: there is no ordrs; a table reads one of orders"},
		{"a table that reads a table", files{"tables/more.sql": "SELECT 1 AS one FROM sales"},
			"tables/more.sql:1:22: a table cannot read sales, a table; a table reads one of orders"},
		{"a mart that reads a source", files{"marts/daily.sql": "SELECT day, 1 AS orders FROM orders"},
			"marts/daily.sql:1:30: a mart cannot read orders, a source; a mart reads one of sales, items, rolling"},
		{"an unknown column", files{"marts/rolling.sql": "/*\nowner: me\n*/\n\nSELECT day,\n  sum(amout) AS x FROM sales WHERE day = $day GROUP BY day"},
			`marts/rolling.sql:6:7: Referenced column "amout" not found in FROM clause; Candidate bindings: "amount", "day"`},
		{"a mistake of grammar", files{"marts/rolling.sql": "SELECT day FRM sales\nWHERE"},
			"marts/rolling.sql:1:16: syntax error at or near \"sales\""},
		{"a need that is nothing", files{"marts/rolling.sql": "/*\nneeds: [nothing]\n*/\nSELECT day FROM sales WHERE day = $day"},
			"marts/rolling.sql:1:1: needs names nothing, which is no node; a mart reads one of sales, daily, items"},
		{"a cycle", files{
			"marts/a.sql": "SELECT day FROM b WHERE day = $day", "marts/b.sql": "/*\nowner: me\n*/\nSELECT day FROM c WHERE day = $day", "marts/c.sql": "SELECT day FROM a WHERE day = $day"},
			"marts/a.sql:1:1: a cycle: a reads b reads c reads a; let one of them read something else"},
		{"a mart that reads itself", files{"marts/a.sql": "SELECT day FROM a WHERE day = $day"},
			"marts/a.sql:1:1: a cycle: a reads a; let one of them read something else"},
		{"a section of a mart that is not there", files{"reports/usage.yaml": "title: Usage\nsections:\n  - {kind: kpi, mart: dayly, value: orders}\n"},
			"reports/usage.yaml:3: section orders: there is no dayly; a report reads one of sales, daily, items, rolling"},
		{"a section's column that its mart does not have", files{"reports/usage.yaml": "title: Usage\nsections:\n  - kind: kpi\n    mart: daily\n    value: visits\n"},
			"reports/usage.yaml:3: section visits: daily has no column visits; it has day, orders, total"},
		{"a section's query with a wrong column", files{"reports/usage.yaml": "title: Usage\nsections:\n  - kind: kpi\n    name: n\n    value: n\n    query: SELECT sum(visits) AS n FROM daily WHERE day = $day\n"},
			`reports/usage.yaml:3: query of section n: Referenced column "visits" not found in FROM clause; Candidate bindings: "total"`},
		{"a section's column that its query does not give", files{"reports/usage.yaml": "title: Usage\nsections:\n  - kind: kpi\n    name: n\n    value: m\n    query: SELECT sum(orders) AS n FROM daily WHERE day = $day\n"},
			"reports/usage.yaml:3: section n: its query has no column m; it has n, day"},
		{"a check on an unknown column", files{"marts/items.sql": "/*\nowner: me\nchecks:\n  - unique: [day, itm]\n*/\nSELECT day, item, count(*) AS orders FROM sales WHERE day = $day GROUP BY day, item"},
			"marts/items.sql:4: check unique: items has no column itm; it has day, item, orders"},
		{"a key of an unknown column", files{"marts/items.sql": "/*\nkey: [itm]\n*/\nSELECT day, item, count(*) AS orders FROM sales WHERE day = $day GROUP BY day, item"},
			"marts/items.sql:1: key: items has no column itm; it has day, item, orders"},
		{"a total of what is not read", files{"marts/items.sql": "/*\nchecks:\n  - total: {measure: sum(orders), of: daily}\n*/\nSELECT day, item, count(*) AS orders FROM sales WHERE day = $day GROUP BY day, item"},
			"marts/items.sql:3: check total: items does not read daily; it reads sales"},
		{"a total of an unknown column", files{"marts/items.sql": "/*\nchecks:\n  - total: {measure: sum(visits), of: sales}\n*/\nSELECT day, item, count(*) AS orders FROM sales WHERE day = $day GROUP BY day, item"},
			`marts/items.sql:3: check total: Referenced column "visits" not found in FROM clause; Candidate bindings: "item"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff([]string{c.want}, problems(t, shop().with(c.edit))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSeveralMistakesAreToldAtOnce(t *testing.T) {
	got := problems(t, shop().with(files{
		"tables/sales.sql": "SELECT id FROM ordrs", "marts/daily.sql": "SELECT day, 1 AS orders FROM nowhere",
		"reports/usage.yaml": "title: Usage\nsections:\n  - {kind: kpi, mart: dayly, value: orders}\n",
	}))
	if len(got) != 3 {
		t.Errorf("got %q", got)
	}
}

func TestAWrongNodeIsToldOnceAndNotByItsReaders(t *testing.T) {
	got := problems(t, shop().with(files{"tables/sales.sql": "SELECT id, itm FROM orders"}))
	want := []string{`tables/sales.sql:1:12: Referenced column "itm" not found in FROM clause; Candidate bindings: "item", "id", "amount"`}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestADayColumnIsAddedToWhatIsBuiltByDay(t *testing.T) {
	h := open(t, shop().with(files{"marts/ever.sql": "/*\nrefresh: full\n*/\nSELECT count(*) AS orders FROM sales"}))
	sales, ever := h.Graph.nodes["sales"], h.Graph.nodes["ever"]
	if !hasColumn(sales.Columns, "day") || hasColumn(ever.Columns, "day") {
		t.Errorf("sales has %v, ever has %v", sales.Columns, ever.Columns)
	}
}

func TestAPathWithAnUnknownPlaceholderIsFoundWithoutRunning(t *testing.T) {
	got := problems(t, shop().with(files{"sources/orders.yaml": "from: files\npath: data/{year}/{day}.ndjson\ncolumns:\n  id: text\n  item: text\n  amount: double\n"}))
	if len(got) != 1 || !strings.Contains(got[0], "sources/orders.yaml") || !strings.Contains(got[0], "{year}") {
		t.Errorf("%q", got)
	}
}

func TestARefreshNamesNodesThatExist(t *testing.T) {
	f := shop()
	f["daybook.yaml"] += "refresh:\n  - {at: \"03:00\", nodes: [daily, dayly]}\n"
	if got := problems(t, f); len(got) != 1 || !strings.Contains(got[0], "daybook.yaml: refresh daily-dayly names dayly, which is no node") {
		t.Errorf("%q", got)
	}
}
