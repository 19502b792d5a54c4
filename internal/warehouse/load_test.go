package warehouse_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/warehouse"

	"github.com/google/go-cmp/cmp"
)

func loadOf(sql string, checks ...warehouse.Check) warehouse.Load {
	return warehouse.Load{Kind: "table", Node: "tally", Day: day, Asked: day, SQL: sql, Fingerprint: "f", Run: "r", At: time.Unix(0, 0), Checks: checks}
}

func tally(t *testing.T, w warehouse.Warehouse) []any {
	t.Helper()
	answer, err := w.Query(context.Background(), "SELECT n FROM tally ORDER BY n", day)
	if err != nil {
		t.Fatal(err)
	}
	var out []any
	for _, row := range answer.Values {
		out = append(out, row[0])
	}
	return out
}

func mustLoad(t *testing.T, w warehouse.Warehouse, l warehouse.Load) warehouse.Loaded {
	t.Helper()
	loaded, err := w.Load(context.Background(), l)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func mustRefuse(t *testing.T, w warehouse.Warehouse, l warehouse.Load, parts ...string) {
	t.Helper()
	_, err := w.Load(context.Background(), l)
	if !fault.Is(err, fault.Invalid) {
		t.Fatalf("got %v", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b calendar.Day) bool { return a == b })); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestRowsOfAnotherDayAreRefusedAndChangeNothing(t *testing.T) {
	w := open(t, filepath.Join(t.TempDir(), "w.duckdb"))
	defer w.Close()
	mustLoad(t, w, loadOf("SELECT $day AS day, 1 AS n"))
	const mixed = "SELECT CAST($day AS DATE) - i::INTEGER AS day, i::INTEGER AS n FROM range(3) AS t(i)"
	mustRefuse(t, w, loadOf(mixed), "2 rows of tally are of another day than 2026-11-19, such as 2026-11-17")
	mustRefuse(t, w, loadOf("SELECT CAST(NULL AS DATE) AS day, 7 AS n"), "such as null")
	same(t, tally(t, w), []any{int64(1)})
}

func TestASelectMayReadTheRowsThatItReplaces(t *testing.T) {
	w := open(t, filepath.Join(t.TempDir(), "w.duckdb"))
	defer w.Close()
	mustLoad(t, w, loadOf("SELECT 1 AS n"))
	mustLoad(t, w, loadOf(`SELECT n + 1 AS n FROM "TALLY" WHERE day = $day`))
	same(t, tally(t, w), []any{int64(2)})
}

func TestOutputDoesNotDependOnTheWayIntoTheTable(t *testing.T) {
	w := open(t, filepath.Join(t.TempDir(), "w.duckdb"))
	defer w.Close()
	for _, sql := range []string{
		"SELECT i AS n, 'x' || i AS s, [i, NULL] AS l, {'a': i, 'B': TIMESTAMPTZ '2026-11-19 00:00:00Z'} AS o, 1.50 AS d FROM range(1000) AS t(i) -- to the end",
		"SELECT NULL AS n, 1 AS twice, 2 AS twice",
		"WITH t AS (SELECT 3 AS n) SELECT *, $day AS \"Day\" FROM t",
		"VALUES (1), (2)",
		"FROM range(3) AS t(n)",
	} {
		straight, compared := loadOf(sql), loadOf(sql)
		compared.Node, compared.Diff = "other", true
		for range 2 {
			a, b := mustLoad(t, w, straight), mustLoad(t, w, compared)
			same(t, []any{a.Output, a.Rows, a.Columns}, []any{b.Output, b.Rows, b.Columns})
		}
		straight.Full, compared.Full = true, true
		straight.Day, compared.Day = calendar.Day{}, calendar.Day{}
		a, b := mustLoad(t, w, straight), mustLoad(t, w, compared)
		same(t, []any{a.Output, a.Rows, a.Columns}, []any{b.Output, b.Rows, b.Columns})
		for _, node := range []string{"tally", "other"} {
			if err := w.Drop(context.Background(), node); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestACheckThatDoesNotWorkIsNamedAmongOthers(t *testing.T) {
	w := open(t, filepath.Join(t.TempDir(), "w.duckdb"))
	defer w.Close()
	const fine = "SELECT count(*) = 1, CAST(count(*) AS VARCHAR), 'one', ['e'] FROM tally WHERE day = $day -- to the end"
	mustLoad(t, w, loadOf("SELECT 1 AS n", warehouse.Check{Name: "fine", SQL: fine}, warehouse.Check{Name: "fine too", SQL: fine}))
	for broken, says := range map[string]string{
		"SELECT nope FROM tally": "nope",
		"SELECT true, CAST(CAST('x' || n AS INTEGER) AS VARCHAR), '', [] FROM tally": "Could not convert string 'x2'",
		"SELECT true, '', '', [] FROM tally WHERE n > 5":                             "gives no row",
	} {
		mustRefuse(t, w, loadOf("SELECT 2 AS n", warehouse.Check{Name: "fine", SQL: fine}, warehouse.Check{Name: "odd", SQL: broken}), "check odd of tally", says)
		same(t, tally(t, w), []any{int64(1)})
	}
	loaded := mustLoad(t, w, loadOf("SELECT 3 AS n", warehouse.Check{Name: "fine", SQL: fine},
		warehouse.Check{Name: "wordy", Warning: true, SQL: "SELECT false, CAST(i AS VARCHAR), '', [] FROM range(2) AS t(i) ORDER BY i"}))
	same(t, loaded.Checks, []warehouse.Result{{Name: "fine", OK: true, Value: "1", Want: "one", Examples: []string{"e"}}, {Name: "wordy", Warning: true, Value: "0"}})
	same(t, tally(t, w), []any{int64(3)})
}
