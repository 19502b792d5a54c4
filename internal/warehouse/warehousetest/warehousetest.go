// Package warehousetest holds the promises that every warehouse keeps, as tests.
package warehousetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/warehouse"

	_ "github.com/duckdb/duckdb-go/v2" // writes the Parquet that sources stand for
	"github.com/google/go-cmp/cmp"
)

// Day is the day that most tests load.
var day = calendar.MustDay("2026-11-19")

// Run runs every test against warehouses that open gives; each one is new and empty, in the zone Asia/Seoul, and closed by the test.
func Run(t *testing.T, open func(*testing.T) warehouse.Warehouse) {
	for name, test := range map[string]func(*testing.T, warehouse.Warehouse){
		"ALoadReplacesOnlyItsDay":                         replacesOnlyItsDay,
		"TheSameLoadAgainGivesTheSameOutput":              sameOutput,
		"OutputDoesNotDependOnOrder":                      orderFree,
		"SourcesStandForTheirFiles":                       sourcesStand,
		"ASourceComesBeforeATableOfItsName":               sourceShadows,
		"AFullLoadReplacesAll":                            fullReplacesAll,
		"RowsOfAnotherDayAreRefused":                      otherDay,
		"AFailedCheckKeepsTheOldRows":                     failedCheck,
		"AWarningIsNoted":                                 warning,
		"BrokenSQLNamesItsPlace":                          brokenSQL,
		"AddedColumnsAreNullOnOtherDays":                  addedColumn,
		"DroppedAndRetypedColumnsKeepOtherDays":           reshaped,
		"ATypeThatOldValuesDoNotFitIsRefused":             misfit,
		"DiffCountsWhatChanged":                           diff,
		"RecordsSayWhatWasLoaded":                         records,
		"QueriesGiveTheKindsOfValuesThatRowsPromises":     values,
		"AnExportGivesExactDigitsInOrder":                 export,
		"QueriesOnlyRead":                                 onlyRead,
		"ADayIsBoundWhereAQueryUsesIt":                    boundDay,
		"ANodeThatWasNeverLoadedIsNotFound":               notFound,
		"ADroppedNodeIsGone":                              dropped,
		"DifferentNodesLoadAtTheSameTime":                 parallel,
		"AReaderNeverSeesHalfADay":                        snapshot,
		"ACancelledLoadChangesNothing":                    cancelledLoad,
		"ACancelledQueryEnds":                             cancelledQuery,
		"AQueryWaitsForAFreeReaderUntilItsContextIsEnded": waits,
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			t.Cleanup(func() {
				if err := w.Close(); err != nil {
					t.Error(err)
				}
			})
			test(t, w)
		})
	}
}

// load gives a load of a day with the fields that most tests do not care about.
func load(node, sql string, d calendar.Day) warehouse.Load {
	return warehouse.Load{Kind: "table", Node: node, Day: d, Asked: d, SQL: sql, Fingerprint: "fp-" + node, Run: "run-1", At: time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)}
}

func mustLoad(t *testing.T, w warehouse.Warehouse, l warehouse.Load) warehouse.Loaded {
	t.Helper()
	loaded, err := w.Load(context.Background(), l)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func mustFail(t *testing.T, err error, code string, parts ...string) {
	t.Helper()
	if !fault.Is(err, code) {
		t.Fatalf("got %v, want a fault of code %s", err, code)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

// rows gives a query's rows as text.
func rows(t *testing.T, w warehouse.Warehouse, query string) []string {
	t.Helper()
	answer, err := w.Query(context.Background(), query, day)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, row := range answer.Values {
		out = append(out, strings.Trim(fmt.Sprint(row...), "[]"))
	}
	return out
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b calendar.Day) bool { return a == b })); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func replacesOnlyItsDay(t *testing.T, w warehouse.Warehouse) {
	first := mustLoad(t, w, load("a", "SELECT 1 AS n UNION ALL SELECT 2", day))
	same(t, first.Rows, int64(2))
	same(t, first.Columns, []warehouse.Column{{Name: "n", Type: "INTEGER"}, {Name: "day", Type: "DATE"}})
	mustLoad(t, w, load("a", "SELECT 3 AS n, $day AS day", day.Add(1)))
	mustLoad(t, w, load("a", "SELECT $day AS day, 4 AS n", day))
	same(t, rows(t, w, "SELECT CAST(day AS VARCHAR) || ' ' || n FROM a ORDER BY day"), []string{"2026-11-19 4", "2026-11-20 3"})
	mustLoad(t, w, load("a", "SELECT 4 AS n WHERE false", day))
	same(t, rows(t, w, "SELECT CAST(day AS VARCHAR) || ' ' || n FROM a ORDER BY day"), []string{"2026-11-20 3"})
}

func sameOutput(t *testing.T, w warehouse.Warehouse) {
	l := load("a", "SELECT i AS n, i / 7.0 AS x, [i / 3.0] AS l, 'v' || i AS s FROM range(1000) AS t(i)", day)
	first := mustLoad(t, w, l)
	again := mustLoad(t, w, l)
	same(t, again.Output, first.Output)
	same(t, again.Rows, int64(1000))
	l.SQL = strings.Replace(l.SQL, "'v' || i", "CASE WHEN i = 500 THEN 'w' ELSE 'v' || i END", 1)
	if changed := mustLoad(t, w, l); changed.Output == first.Output {
		t.Error("one changed value does not change the output")
	}
	l.SQL = "SELECT i AS n, i / 7.0 AS x, [i / 3.0] AS l, 'v' || i AS s2 FROM range(1000) AS t(i)"
	if changed := mustLoad(t, w, l); changed.Output == first.Output {
		t.Error("a renamed column does not change the output")
	}
}

func orderFree(t *testing.T, w warehouse.Warehouse) {
	a := mustLoad(t, w, load("a", "SELECT i AS n, 0.1 + 0.2 AS f, CAST(0.1 AS DOUBLE) + CAST(0.2 AS DOUBLE) AS x, [CAST(0.3 AS DOUBLE)] AS l, -0.0::DOUBLE AS z FROM range(100) AS t(i) ORDER BY i", day))
	b := mustLoad(t, w, load("b", "SELECT 0.0::DOUBLE AS z, [CAST(0.1 AS DOUBLE) + CAST(0.2 AS DOUBLE)] AS l, CAST(0.3 AS DOUBLE) AS x, 0.1 + 0.2 AS f, i AS n FROM range(100) AS t(i) ORDER BY i DESC", day))
	same(t, b.Output, a.Output)
	c := mustLoad(t, w, load("c", "SELECT CAST(NULL AS INTEGER) AS n", day))
	d := mustLoad(t, w, load("d", "SELECT CAST(0 AS INTEGER) AS n", day))
	if c.Output == d.Output {
		t.Error("null and 0 give the same output")
	}
	e := mustLoad(t, w, load("e", "SELECT 1 AS n UNION ALL SELECT 1", day))
	f := mustLoad(t, w, load("f", "SELECT 2 AS n UNION ALL SELECT 2", day))
	if e.Output == f.Output {
		t.Error("pairs of equal rows give the same output")
	}
}

// parquet writes the rows of a SELECT to a file of the test.
func parquet(t *testing.T, query string) string {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	path := filepath.Join(t.TempDir(), "it's data.parquet")
	if _, err := db.Exec("COPY (" + query + ") TO '" + strings.ReplaceAll(path, "'", "''") + "' (FORMAT parquet)"); err != nil {
		t.Fatal(err)
	}
	return path
}

func sourcesStand(t *testing.T, w warehouse.Warehouse) {
	l := load("a", "SELECT s.id, unnest(s.tags) AS tag, extra FROM searches s -- the end", day)
	l.Staged = map[string][]string{"searches": {parquet(t, "SELECT 1 AS id, ['x', 'y'] AS tags"), parquet(t, "SELECT 2 AS id, ['z'] AS tags, 'e' AS extra")}}
	l.Checks = []warehouse.Check{{Name: "total", SQL: "SELECT a.n = b.n, CAST(a.n AS VARCHAR), CAST(b.n AS VARCHAR), CAST([] AS VARCHAR[]) FROM (SELECT count(*) AS n FROM a WHERE day = $day) a, (SELECT sum(len(tags)) AS n FROM searches) b"}}
	same(t, mustLoad(t, w, l).Rows, int64(3))
	same(t, rows(t, w, "SELECT id || tag || coalesce(extra, '') FROM a ORDER BY ALL"), []string{"1x", "1y", "2ze"})
	_, err := w.Query(context.Background(), "SELECT * FROM searches", day)
	mustFail(t, err, fault.Invalid, "searches")
}

// sourceShadows has a table that once had the name which is a source's now.
func sourceShadows(t *testing.T, w warehouse.Warehouse) {
	mustLoad(t, w, load("searches", "SELECT 'old' AS id", day))
	l := load("a", "SELECT id FROM searches", day)
	l.Staged = map[string][]string{"searches": {parquet(t, "SELECT 'new' AS id")}}
	mustLoad(t, w, l)
	same(t, rows(t, w, "SELECT a.id || searches.id FROM a, searches"), []string{"newold"})
}

func fullReplacesAll(t *testing.T, w warehouse.Warehouse) {
	l := load("books", "SELECT i AS id, $day AS seen FROM range(3) AS t(i)", calendar.Day{})
	l.Asked, l.Full = day, true
	same(t, mustLoad(t, w, l).Columns, []warehouse.Column{{Name: "id", Type: "BIGINT"}, {Name: "seen", Type: "DATE"}})
	l.SQL = "SELECT 'x' AS title"
	same(t, mustLoad(t, w, l).Rows, int64(1))
	same(t, rows(t, w, "SELECT title FROM books"), []string{"x"})
	_, ok, err := w.Record(context.Background(), "books", calendar.Day{})
	same(t, ok && err == nil, true)
}

func otherDay(t *testing.T, w warehouse.Warehouse) {
	for query, says := range map[string]string{
		"SELECT DATE '2026-11-18' AS day, 1 AS n":                "1 rows of a are of another day than 2026-11-19, such as 2026-11-18",
		"SELECT CAST(NULL AS DATE) AS day, 1 AS n":               "null",
		"SELECT '2026-11-19' AS day, 1 AS n":                     "VARCHAR, not DATE",
		"SELECT TIMESTAMP '2026-11-19 00:00:00' AS \"Day\", 1 n": "TIMESTAMP, not DATE",
	} {
		_, err := w.Load(context.Background(), load("a", query, day))
		mustFail(t, err, fault.Invalid, says)
	}
	_, err := w.Columns(context.Background(), "a")
	mustFail(t, err, fault.NotFound)
}

func check(name, condition string, warning bool) warehouse.Check {
	return warehouse.Check{Name: name, Warning: warning, SQL: "SELECT " + condition + ", CAST(count(*) AS VARCHAR), 'other', ['e1', NULL] FROM a WHERE day = $day"}
}

func failedCheck(t *testing.T, w warehouse.Warehouse) {
	before := mustLoad(t, w, load("a", "SELECT 1 AS n", day))
	l := load("a", "SELECT 2 AS n, 'new' AS shape", day)
	l.Fingerprint = "new"
	l.Checks = []warehouse.Check{check("fine", "count(*) = 1", false), check("bad", "count(*) = 5", false), check("unknown", "NULL", true)}
	loaded, err := w.Load(context.Background(), l)
	mustFail(t, err, fault.CheckFailed, "bad is 1, not other")
	same(t, loaded.Checks, []warehouse.Result{
		{Name: "fine", OK: true, Value: "1", Want: "other", Examples: []string{"e1", "null"}},
		{Name: "bad", Value: "1", Want: "other", Examples: []string{"e1", "null"}},
		{Name: "unknown", Warning: true, Value: "1", Want: "other", Examples: []string{"e1", "null"}},
	})
	same(t, rows(t, w, "SELECT n FROM a"), []string{"1"})
	record, _, err := w.Record(context.Background(), "a", day)
	same(t, err == nil && record.Output == before.Output && record.Fingerprint == "fp-a", true)
	l.Checks = []warehouse.Check{{Name: "typo", SQL: "SELECT nope FROM a"}}
	_, err = w.Load(context.Background(), l)
	mustFail(t, err, fault.Invalid, "check typo of a", "nope")
	same(t, rows(t, w, "SELECT n FROM a"), []string{"1"})
}

func warning(t *testing.T, w warehouse.Warehouse) {
	l := load("a", "SELECT 1 AS n", day)
	l.Checks = []warehouse.Check{check("odd", "count(*) = 5", true)}
	loaded := mustLoad(t, w, l)
	same(t, []bool{loaded.Checks[0].OK, loaded.Checks[0].Warning}, []bool{false, true})
	same(t, rows(t, w, "SELECT n FROM a"), []string{"1"})
}

func brokenSQL(t *testing.T, w warehouse.Warehouse) {
	mustLoad(t, w, load("a", "SELECT 1 AS n", day))
	for query, place := range map[string][2]int{
		"SELECT '한글',\n  nn FROM a":                             {2, 3},
		"SELECT n FROM":                                         {1, 14},
		"SELECT '한글',\n '한글' n FROM a b c":                      {2, 18},
		"SELECT n FROM aa":                                      {1, 15},
		"SELECT CAST(x AS INTEGER) AS n FROM (SELECT 'x' AS x)": {1, 8},
		"SELECT '\xff' AS n":                                    {0, 0},
		"DROP TABLE a":                                          {0, 0},
		"SELECT 1; DROP TABLE a":                                {0, 0},
		"":                                                      {0, 0},
	} {
		_, err := w.Load(context.Background(), load("b", query, day))
		mustFail(t, err, fault.Invalid)
		var f *fault.Error
		errors.As(err, &f)
		same(t, [2]int{f.Line, f.Column}, place)
	}
	same(t, rows(t, w, "SELECT n FROM a"), []string{"1"})
}

func addedColumn(t *testing.T, w warehouse.Warehouse) {
	mustLoad(t, w, load("a", "SELECT 1 AS n", day))
	mustLoad(t, w, load("a", "SELECT 2 AS n, 'x' AS more", day.Add(1)))
	same(t, rows(t, w, "SELECT n || coalesce(more, '-') FROM a ORDER BY n"), []string{"1-", "2x"})
	columns, err := w.Columns(context.Background(), "a")
	same(t, err == nil && len(columns) == 3, true)
}

func reshaped(t *testing.T, w warehouse.Warehouse) {
	mustLoad(t, w, load("a", "SELECT '7' AS n, 1 AS gone", day))
	first, err := w.Query(context.Background(), "SELECT n FROM a", day)
	same(t, err == nil && first.Columns[0].Type == "VARCHAR", true)
	mustLoad(t, w, load("a", "SELECT 8 AS n, 'x' AS more", day.Add(1)))
	same(t, rows(t, w, "SELECT CAST(n AS VARCHAR) || coalesce(more, '-') || day FROM a ORDER BY n"), []string{"7-2026-11-19", "8x2026-11-20"})
	columns, err := w.Columns(context.Background(), "a")
	same(t, err, error(nil))
	slices.SortFunc(columns, func(a, b warehouse.Column) int { return strings.Compare(a.Name, b.Name) })
	same(t, columns, []warehouse.Column{{Name: "day", Type: "DATE"}, {Name: "more", Type: "VARCHAR"}, {Name: "n", Type: "INTEGER"}})
}

func misfit(t *testing.T, w warehouse.Warehouse) {
	mustLoad(t, w, load("a", "SELECT 'seven' AS n", day))
	mustLoad(t, w, load("a", "SELECT '8' AS n", day.Add(1)))
	_, err := w.Load(context.Background(), load("a", "SELECT 9 AS n", day.Add(2)))
	mustFail(t, err, fault.Refused, "the column n of a becomes INTEGER", "2026-11-19", "another name")
	same(t, rows(t, w, "SELECT n FROM a ORDER BY n"), []string{"8", "seven"})
}

func diff(t *testing.T, w warehouse.Warehouse) {
	l := load("a", "SELECT i AS id, i AS v FROM range(5) AS t(i)", day)
	l.Diff, l.Key = true, []string{"id"}
	same(t, mustLoad(t, w, l).Diff, warehouse.Diff{After: 5, Added: 5})
	same(t, mustLoad(t, w, l).Diff, warehouse.Diff{Before: 5, After: 5})
	l.SQL = "SELECT i AS id, CASE WHEN i = 3 THEN 0 ELSE i END AS v FROM range(2, 8) AS t(i)"
	same(t, mustLoad(t, w, l).Diff, warehouse.Diff{Before: 5, After: 6, Added: 3, Removed: 2, Changed: 1})
	l.Key = nil
	l.SQL = "SELECT i AS id, i AS v FROM range(2, 8) AS t(i)"
	same(t, mustLoad(t, w, l).Diff, warehouse.Diff{Before: 6, After: 6, Added: 1, Removed: 1})
	l.SQL = "SELECT i AS id, i AS v, 'x' AS more FROM range(2, 9) AS t(i)"
	same(t, mustLoad(t, w, l).Diff, warehouse.Diff{Before: 6, After: 7, Added: 1})
	next := l
	next.Day, next.Asked = day.Add(1), day.Add(1)
	same(t, mustLoad(t, w, next).Diff, warehouse.Diff{After: 7, Added: 7})
}

func records(t *testing.T, w warehouse.Warehouse) {
	none, ok, err := w.Record(context.Background(), "a", day)
	same(t, none, warehouse.Record{})
	same(t, []any{ok, err}, []any{false, nil})
	loaded := mustLoad(t, w, load("b", "SELECT 1 AS n", day))
	mustLoad(t, w, load("a", "SELECT 1 AS n", day.Add(1)))
	mustLoad(t, w, load("a", "SELECT 1 AS n", day))
	want := warehouse.Record{Kind: "table", Node: "b", Day: day, Fingerprint: "fp-b", Output: loaded.Output, Rows: 1, Run: "run-1", At: time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)}
	got, ok, err := w.Record(context.Background(), "b", day)
	same(t, []any{ok, err}, []any{true, nil})
	same(t, got, want)
	all, err := w.Records(context.Background())
	same(t, err, nil)
	var cells []string
	for _, r := range all {
		cells = append(cells, r.Node+" "+r.Day.String())
	}
	same(t, cells, []string{"a 2026-11-19", "a 2026-11-20", "b 2026-11-19"})
}

func parallel(t *testing.T, w warehouse.Warehouse) {
	var wait sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wait.Go(func() {
			for d := range 3 {
				_, err := w.Load(context.Background(), load(fmt.Sprintf("n%d", i), "SELECT i AS n FROM range(1000) AS t(i)", day.Add(d)))
				errs[i] = errors.Join(errs[i], err)
			}
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for i := range errs {
		same(t, rows(t, w, fmt.Sprintf("SELECT count(*) || ' ' || count(DISTINCT day) FROM n%d", i)), []string{"3000 3"})
	}
}

// snapshot reads the sum of a day that is always 1000 rows of one value, while it is replaced again and again.
func snapshot(t *testing.T, w warehouse.Warehouse) {
	write := func(i int) error {
		_, err := w.Load(context.Background(), load("a", fmt.Sprintf("SELECT %d AS n FROM range(1000)", i), day))
		return err
	}
	if err := write(0); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		var err error
		for i := range 20 {
			err = errors.Join(err, write(i))
		}
		done <- err
	}()
	for {
		same(t, rows(t, w, "SELECT count(*) || ' rows, ' || count(DISTINCT n) || ' value' FROM a"), []string{"1000 rows, 1 value"})
		select {
		case err := <-done:
			same(t, err, nil)
			return
		default:
		}
	}
}

func cancelledLoad(t *testing.T, w warehouse.Warehouse) {
	mustLoad(t, w, load("a", "SELECT 1 AS n", day))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := w.Load(ctx, load("a", "SELECT CAST(count(*) AS INTEGER) AS n FROM range(1000000) a, range(1000000) b WHERE a.range <> b.range", day))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	same(t, rows(t, w, "SELECT n FROM a"), []string{"1"})
	mustLoad(t, w, load("a", "SELECT 2 AS n", day))
}
