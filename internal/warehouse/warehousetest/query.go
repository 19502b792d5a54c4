package warehousetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/warehouse"
)

func values(t *testing.T, w warehouse.Warehouse) {
	seoul, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := w.Query(context.Background(), `SELECT NULL AS nothing, true AS yes, CAST(7 AS TINYINT) AS tiny, CAST(7 AS UBIGINT) AS big, sum(7) AS huge, CAST(1.25 AS DECIMAL(10,2)) AS dec,
CAST(1.5 AS FLOAT) AS flt, 'x' AS txt, DATE '2026-11-19' AS d, TIMESTAMP '2026-11-19 10:00:00' AS ts, TIMESTAMPTZ '2026-11-19 10:00:00' AS tz, TIME '10:00:00.5' AS tm,
CAST('6e1b0a52-3aae-4803-857a-3f2c19f9ae3e' AS UUID) AS id, ['a', NULL] AS list, [[DATE '2026-11-19']] AS days, {'a': 1} AS st, CAST('{"b":[1]}' AS JSON) AS js, CAST('[1]' AS JSON) AS ja, CAST('"s"' AS JSON) AS jt`, day)
	if err != nil {
		t.Fatal(err)
	}
	same(t, answer.Values[0], []any{nil, true, int64(7), int64(7), int64(7), 1.25, 1.5, "x", calendar.MustDay("2026-11-19"), time.Date(2026, 11, 19, 10, 0, 0, 0, time.UTC),
		time.Date(2026, 11, 19, 10, 0, 0, 0, seoul), "10:00:00.5", "6e1b0a52-3aae-4803-857a-3f2c19f9ae3e", []any{"a", nil}, []any{[]any{calendar.MustDay("2026-11-19")}},
		`{"a":1}`, `{"b":[1]}`, `[1]`, `"s"`})
	same(t, answer.Columns[:3], []warehouse.Column{{Name: "nothing", Type: "INTEGER"}, {Name: "yes", Type: "BOOLEAN"}, {Name: "tiny", Type: "TINYINT"}})
	_, err = w.Query(context.Background(), "SELECT CAST('170141183460469231731687303715884105727' AS HUGEINT) AS n", day)
	mustFail(t, err, fault.Invalid, "64 bits")
	empty, err := w.Query(context.Background(), "SELECT 1 AS n WHERE false", day)
	same(t, err == nil && len(empty.Values) == 0 && len(empty.Columns) == 1, true)
}

func onlyRead(t *testing.T, w warehouse.Warehouse) {
	mustLoad(t, w, load("a", "SELECT 1 AS n", day))
	for _, query := range []string{
		"DROP TABLE a", "DELETE FROM a", "SELECT 1; SELECT 2", "SELECT 1; DROP TABLE a", "DROP TABLE a; SELECT 1", "INSERT INTO a VALUES (1, NULL)", "SET threads = 1", "COPY a TO 'x'",
		"CREATE TEMP TABLE x AS SELECT 1", "ATTACH 'x'", "CALL pragma_version()", "EXPLAIN ANALYZE DELETE FROM a", "", ";", "-- nothing",
	} {
		_, err := w.Query(context.Background(), query, day)
		mustFail(t, err, fault.Invalid)
	}
	same(t, rows(t, w, "SELECT n FROM a; -- the end"), []string{"1"})
}

func boundDay(t *testing.T, w warehouse.Warehouse) {
	mustLoad(t, w, load("a", "SELECT 1 AS n", day))
	mustLoad(t, w, load("a", "SELECT 2 AS n", day.Add(-1)))
	same(t, rows(t, w, "SELECT n FROM a WHERE day BETWEEN $day - 1 AND $day ORDER BY n"), []string{"1", "2"})
	same(t, rows(t, w, "SELECT n FROM a WHERE day = $day"), []string{"1"})
	same(t, rows(t, w, "SELECT n FROM a WHERE day = CAST($day AS DATE) - INTERVAL 1 DAY"), []string{"2"})
}

func notFound(t *testing.T, w warehouse.Warehouse) {
	_, err := w.Columns(context.Background(), "a")
	mustFail(t, err, fault.NotFound, "a is not in the warehouse")
	_, err = w.Columns(context.Background(), "_incoming")
	mustFail(t, err, fault.NotFound)
}

func dropped(t *testing.T, w warehouse.Warehouse) {
	mustLoad(t, w, load("a", "SELECT 1 AS n", day))
	for range 2 {
		if err := w.Drop(context.Background(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.Columns(context.Background(), "a")
	mustFail(t, err, fault.NotFound)
	all, err := w.Records(context.Background())
	same(t, err == nil && len(all) == 0, true)
}

// endless takes far longer than any test.
const endless = "SELECT count(*) AS n FROM range(1000000) AS a(i), range(1000000) AS b(i), range(1000000) AS c(i) WHERE a.i <> b.i AND b.i <> c.i"

func cancelledQuery(t *testing.T, w warehouse.Warehouse) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := w.Query(ctx, endless, day); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	same(t, rows(t, w, "SELECT 1"), []string{"1"})
}

func waits(t *testing.T, w warehouse.Warehouse) {
	busy, free := context.WithCancel(context.Background())
	const readers = 2
	ended := make(chan error, readers)
	for range readers {
		go func() {
			_, err := w.Query(busy, endless, day)
			ended <- err
		}()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	for ctx.Err() == nil {
		if _, err := w.Query(ctx, "SELECT 1", day); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	}
	free()
	for range readers {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	same(t, rows(t, w, "SELECT 1"), []string{"1"})
}
