package publish_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/publish"
	"daybook/internal/publish/publishtest"
)

// database is what the tests of PostgreSQL and of MySQL have in common.
type database struct {
	to      string
	world   publishtest.World
	exec    func(t *testing.T, statement string)
	strings func(t *testing.T, query string) []string // one column
}

// onDatabases runs a test on both.
func onDatabases(t *testing.T, test func(t *testing.T, db database)) {
	t.Run("postgres", func(t *testing.T) {
		p := postgresWorld(t)
		test(t, database{"postgres", p.World, p.exec, p.strings})
	})
	t.Run("mysql", func(t *testing.T) {
		p := mysqlWorld(t)
		test(t, database{"mysql", p.World, p.exec, p.strings})
	})
}

var day = calendar.MustDay("2026-11-19")

// table is a publication of a mart of these columns, "name TYPE", into a table of the same name.
func (db database) table(name string, columns ...string) publish.Request {
	r := publish.Request{
		Publication: project.Publication{Name: name, File: "publish/" + name + ".yaml", Line: 1, Mart: name, To: db.to, Mode: "swap", URL: "env:TARGET", Table: name,
			Lock: time.Second, Timeout: time.Minute, Orphans: "fail"},
		Day: day, Run: "run",
		Secret: func(_ context.Context, ref string) (string, error) { return db.world.Secrets[ref], nil },
		Wait:   func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Log:    func(string, string, ...any) {},
	}
	for _, c := range columns {
		name, kind, _ := strings.Cut(c, " ")
		r.Columns = append(r.Columns, publish.Column{Name: name, Type: kind})
	}
	r.Keys = []string{r.Columns[0].Name}
	return r
}

func with(r publish.Request, rows ...[]any) publish.Request {
	r.Rows, r.Count = publishtest.Values(rows, nil), int64(len(rows))
	return r
}

func send(t *testing.T, r publish.Request) (publish.Result, error) {
	t.Helper()
	target, err := publish.New(r.Publication.To)
	if err != nil {
		t.Fatal(err)
	}
	return target.Publish(t.Context(), r)
}

func must(t *testing.T, r publish.Request) publish.Result {
	t.Helper()
	result, err := send(t, r)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// refused holds that the publish fails with the code, and that its error says all of the words.
func refused(t *testing.T, r publish.Request, code string, words ...string) {
	t.Helper()
	_, err := send(t, r)
	if !fault.Is(err, code) || fault.Hint(err) == "" {
		t.Fatalf("want a fault of code %s with a hint: %v", code, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%v does not say %q", err, w)
		}
	}
}

func (db database) holds(t *testing.T, query string, want ...string) {
	t.Helper()
	got := db.strings(t, query)
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", query, d)
	}
}

// halls makes a table and one that refers to it, as a performance to its facility.
func halls(t *testing.T, db database) (facilities, shows publish.Request) {
	facilities = db.table("facilities", "fac VARCHAR", "name VARCHAR")
	facilities.Publication.Create = true
	must(t, with(facilities, []any{"F1", "one"}, []any{"F2", "two"}))
	shows = db.table("shows", "id BIGINT", "fac VARCHAR")
	shows.Publication.Create = true
	shows.Publication.References = []project.Reference{{Column: "fac", Publication: "facilities", Of: "fac", Table: "facilities", As: "fac"}}
	return facilities, shows
}

func TestOrphansAreRefusedByName(t *testing.T) {
	t.Parallel()
	onDatabases(t, func(t *testing.T, db database) {
		_, shows := halls(t, db)
		must(t, with(shows, []any{int64(1), "F1"}))
		refused(t, with(shows, []any{int64(1), "F2"}, []any{int64(7), "F9"}), fault.CheckFailed, "1 rows have a fac that is not in facilities.fac", "id=7, fac=F9", "orphans: hold")
		db.holds(t, "SELECT fac FROM shows", "F1")
	})
}

func TestOrphansAreHeldBackAndCounted(t *testing.T) {
	t.Parallel()
	onDatabases(t, func(t *testing.T, db database) {
		_, shows := halls(t, db)
		shows.Publication.Orphans = "hold"
		var said []string
		shows.Log = func(level, format string, args ...any) { said = append(said, level+" "+fmt.Sprintf(format, args...)) }
		got := must(t, with(shows, []any{int64(1), "F1"}, []any{int64(2), nil}, []any{int64(7), "F9"}, []any{int64(8), "F8"}))
		if got.Sent != 4 || got.Held != 2 || got.Written != 2 || !slices.Equal(got.Examples, []string{"id=7, fac=F9", "id=8, fac=F8"}) {
			t.Errorf("%+v", got)
		}
		if len(said) != 1 || !strings.HasPrefix(said[0], "warn 2 rows held back") {
			t.Errorf("said %q", said)
		}
		db.holds(t, "SELECT coalesce(fac, 'none') FROM shows", "F1", "none")
	})
}

func TestRowThatIsStillReferredToStaysUntilItIsLetGo(t *testing.T) {
	t.Parallel()
	onDatabases(t, func(t *testing.T, db database) {
		facilities, shows := halls(t, db)
		must(t, with(shows, []any{int64(1), "F1"}, []any{int64(2), "F2"}))
		got := must(t, with(facilities, []any{"F2", "two"}, []any{"F3", "three"}))
		if got.Kept != 1 || got.Removed != 0 || got.Written != 1 || !slices.Equal(got.Examples, []string{"fac=F1"}) {
			t.Errorf("F1 is still referred to: %+v", got)
		}
		must(t, with(shows, []any{int64(2), "F2"}, []any{int64(3), "F3"}))
		if got := must(t, with(facilities, []any{"F2", "two"}, []any{"F3", "three"})); got.Kept != 0 || got.Removed != 1 || got.Written != 0 {
			t.Errorf("nobody refers to F1 any more: %+v", got)
		}
		db.holds(t, "SELECT fac FROM facilities", "F2", "F3")
	})
}

func TestAbsentTableIsNamedWithTheStatementThatMakesIt(t *testing.T) {
	t.Parallel()
	onDatabases(t, func(t *testing.T, db database) {
		r := with(db.table("books", "isbn VARCHAR", "price DECIMAL(18,2)", "tags VARCHAR[]", "at TIMESTAMP WITH TIME ZONE"), []any{"x", "1.50", []any{"a"}, time.Unix(0, 0)})
		_, err := send(t, r)
		if !fault.Is(err, fault.Invalid) {
			t.Fatal(err)
		}
		_, statement, ok := strings.Cut(fault.Hint(err), "run: ")
		if !ok {
			t.Fatal(fault.Hint(err))
		}
		db.exec(t, statement)
		must(t, r)
		db.holds(t, "SELECT isbn FROM books", "x")
	})
}

func TestAbsentColumnIsNamed(t *testing.T) {
	t.Parallel()
	onDatabases(t, func(t *testing.T, db database) {
		db.exec(t, "CREATE TABLE books (isbn varchar(20) PRIMARY KEY)")
		refused(t, with(db.table("books", "isbn VARCHAR", "price DECIMAL(18,2)"), []any{"x", "1"}), fault.Invalid, "table books has no column price", "ALTER TABLE")
	})
}

func TestColumnsArePublishedUnderTheirOwnNames(t *testing.T) {
	t.Parallel()
	onDatabases(t, func(t *testing.T, db database) {
		db.exec(t, "CREATE TABLE books (code varchar(20) PRIMARY KEY, cost decimal(30,10), stock int NOT NULL DEFAULT 5)")
		r := db.table("books", "isbn VARCHAR", "secret VARCHAR", "price DECIMAL(18,2)")
		r.Publication.Columns = []project.PublishedColumn{{Column: "price", As: "cost"}, {Column: "isbn", As: "code"}}
		must(t, with(r, []any{"x", "s", "1234567890123456.78"}))
		db.holds(t, "SELECT concat(code, ' ', cost, ' ', stock) FROM books", "x 1234567890123456.7800000000 5")
		db.exec(t, "UPDATE books SET stock = 9")
		must(t, with(r, []any{"x", "s", "2.00"}))
		db.holds(t, "SELECT concat(code, ' ', cost, ' ', stock) FROM books", "x 2.0000000000 9")
		r.Publication.Columns[0].Column = "prise"
		refused(t, with(r, []any{"x", "s", "2.00"}), fault.Invalid, "prise", "isbn, secret, price")
	})
}

func TestMartWithoutAKeyIsReplacedWhole(t *testing.T) {
	t.Parallel()
	onDatabases(t, func(t *testing.T, db database) {
		db.exec(t, "CREATE TABLE notes (day date, n int)")
		r := db.table("notes", "day DATE", "n BIGINT")
		r.Keys = nil
		for range 2 {
			must(t, with(r, []any{day, int64(1)}, []any{day, int64(1)}))
			db.holds(t, "SELECT concat(n, '') FROM notes", "1", "1")
		}
		r.Publication.Mode, r.Day = "day", day.Add(1)
		for range 2 {
			must(t, with(r, []any{day.Add(1), int64(2)}))
			db.holds(t, "SELECT concat(n, '') FROM notes", "1", "1", "2")
		}
		r.Publication.Mode = "upsert"
		refused(t, with(r), fault.Invalid, "without a key")
	})
}

func TestTableThatIsFilledIsNotTakenOverUnasked(t *testing.T) {
	t.Parallel()
	onDatabases(t, func(t *testing.T, db database) {
		db.exec(t, "CREATE TABLE books (isbn varchar(20) PRIMARY KEY, day date)")
		db.exec(t, "INSERT INTO books VALUES ('somebody', '2020-01-01')")
		r := db.table("books", "isbn VARCHAR", "day DATE")
		r.First = true
		for _, mode := range []string{"swap", "day"} {
			for _, rows := range [][][]any{{}, {{"x", day}}, {{"x", day}, {"y", day}}} {
				r.Publication.Mode = mode
				refused(t, with(r, rows...), fault.Invalid, "table books has 1 rows already")
			}
		}
		r.Keys = nil
		refused(t, with(r, []any{"x", day}), fault.Invalid, "table books has 1 rows already")
		db.holds(t, "SELECT isbn FROM books", "somebody")
		r.Publication.Mode, r.Publication.TakesOver, r.Keys = "swap", true, []string{"isbn"}
		must(t, with(r, []any{"x", day}))
		db.holds(t, "SELECT isbn FROM books", "x")
		r.Publication.TakesOver = false
		for _, mode := range []string{"swap", "day"} { // it was published, and that was not recorded
			r.Publication.Mode = mode
			must(t, with(r, []any{"x", day}))
		}
	})
}

func TestTableThatWouldShrinkStays(t *testing.T) {
	t.Parallel()
	onDatabases(t, func(t *testing.T, db database) {
		r := db.table("books", "isbn VARCHAR", "day DATE")
		r.Publication.Create, r.Publication.Shrink = true, 0.5
		must(t, with(r, []any{"a", day}, []any{"b", day}, []any{"c", day}))
		must(t, with(r, []any{"x", day}, []any{"y", day})) // other rows are not fewer
		refused(t, with(r), fault.CheckFailed, "the target has 2 rows and would have 0, and 50% of them may go at once")
		db.holds(t, "SELECT isbn FROM books", "x", "y")
		r.Publication.Mode, r.Day = "day", day.Add(1)
		must(t, with(r, []any{"z", day.Add(1)}))
		refused(t, with(r), fault.CheckFailed, "the target has 1 rows") // of the day
		r.Publication.Shrink = 1
		must(t, with(r))
		db.holds(t, "SELECT isbn FROM books", "x", "y")
	})
}

func TestNULInATextIsNamedWithRowAndColumn(t *testing.T) {
	t.Parallel()
	p := postgresWorld(t)
	db := database{"postgres", p.World, p.exec, p.strings}
	r := db.table("books", "isbn VARCHAR", "note VARCHAR", "data JSON")
	r.Publication.Create = true
	for _, c := range []struct{ isbn, note, data, column string }{
		{"x1", "a\x00b", "{}", "note of the row isbn=x1"},
		{"x\x002", "", "{}", `isbn of the row isbn=x\02`},
		{"x3", "", `{"a": "b\u0000"}`, "data of the row isbn=x3"},
		{"x4", "", `{"a": "b\\\\\u0000"}`, "data of the row isbn=x4"},
	} {
		refused(t, with(r, []any{"fine", "", `{"a": "\\u0000 \\"}`}, []any{c.isbn, c.note, c.data}), fault.Invalid, c.column, "NUL")
	}
	must(t, with(r, []any{"fine", "", `{"a": "\\u0000 \\"}`}))
}

func TestTableWithoutAUniqueKeyIsNamed(t *testing.T) {
	t.Parallel()
	onDatabases(t, func(t *testing.T, db database) {
		db.exec(t, "CREATE TABLE books (isbn varchar(20), n int)")
		refused(t, with(db.table("books", "isbn VARCHAR", "n BIGINT"), []any{"x", int64(1)}), fault.Invalid, "UNIQUE")
	})
}

func TestKeyOfAnotherDayDoesNotMove(t *testing.T) {
	t.Parallel()
	onDatabases(t, func(t *testing.T, db database) {
		r := db.table("books", "isbn VARCHAR", "day DATE")
		r.Publication.Create, r.Publication.Mode = true, "day"
		must(t, with(r, []any{"x", day}))
		r.Day = day.Add(1)
		refused(t, with(r, []any{"x", day.Add(1)}), fault.CheckFailed, "isbn=x, day=2026-11-19")
		r.Publication.Mode = "upsert"
		must(t, with(r, []any{"x", day.Add(1)}))
		db.holds(t, "SELECT concat(day, '') FROM books", "2026-11-20")
	})
}

func TestValueThatDoesNotFitIsAFaultAndChangesNothing(t *testing.T) {
	t.Parallel()
	onDatabases(t, func(t *testing.T, db database) {
		db.exec(t, "CREATE TABLE books (isbn varchar(5) PRIMARY KEY, n smallint)")
		r := db.table("books", "isbn VARCHAR", "n BIGINT")
		must(t, with(r, []any{"x", int64(1)}))
		refused(t, with(r, []any{"y", int64(2)}, []any{"z", int64(70000)}), fault.Invalid, "n")
		refused(t, with(r, []any{"y", int64(2)}, []any{"longer than five", int64(1)}), fault.Invalid, "fit")
		db.holds(t, "SELECT isbn FROM books", "x")
	})
}

func TestTriggerThatDropsRowsIsNoticed(t *testing.T) {
	t.Parallel()
	t.Run("postgres", func(t *testing.T) {
		p := postgresWorld(t)
		db := database{"postgres", p.World, p.exec, p.strings}
		db.exec(t, "CREATE TABLE books (isbn text PRIMARY KEY)")
		db.exec(t, "CREATE FUNCTION drops() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.isbn = ''b'' THEN RETURN NULL; END IF; RETURN NEW; END'")
		db.exec(t, "CREATE TRIGGER drops BEFORE INSERT ON books FOR EACH ROW EXECUTE FUNCTION drops()")
		refused(t, with(db.table("books", "isbn VARCHAR"), []any{"a"}, []any{"b"}), fault.CheckFailed, "would hold 1 rows", "not 2")
		db.holds(t, "SELECT isbn FROM books")
	})
	t.Run("mysql", func(t *testing.T) { // a second unique index lets ON DUPLICATE KEY find another row
		p := mysqlWorld(t)
		db := database{"mysql", p.World, p.exec, p.strings}
		db.exec(t, "CREATE TABLE books (isbn varchar(20) PRIMARY KEY, code int UNIQUE)")
		r := db.table("books", "isbn VARCHAR", "code BIGINT")
		r.Publication.Mode = "upsert"
		must(t, with(r, []any{"a", int64(1)}))
		refused(t, with(r, []any{"b", int64(1)}), fault.CheckFailed, "would hold 0 rows", "not 1")
		db.holds(t, "SELECT isbn FROM books", "a")
	})
}

func TestLockedTableIsUnavailableAfterItsPatience(t *testing.T) {
	t.Parallel()
	t.Run("postgres", func(t *testing.T) {
		p := postgresWorld(t)
		db := database{"postgres", p.World, p.exec, p.strings}
		r := db.table("books", "isbn VARCHAR")
		r.Publication.Create = true
		must(t, with(r, []any{"a"}))
		holder := p.connect(t)
		if _, err := holder.Exec(t.Context(), "BEGIN; UPDATE books SET isbn = 'c'"); err != nil {
			t.Fatal(err)
		}
		r.Publication.Lock = 50 * time.Millisecond
		refused(t, with(r, []any{"b"}), fault.Unavailable, "lock:")
		if _, err := holder.Exec(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		must(t, with(r, []any{"b"}))
	})
	t.Run("mysql", func(t *testing.T) {
		p := mysqlWorld(t)
		db := database{"mysql", p.World, p.exec, p.strings}
		r := db.table("books", "isbn VARCHAR")
		r.Publication.Create = true
		must(t, with(r, []any{"a"}))
		holder, err := p.db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer holder.Rollback()
		if _, err := holder.ExecContext(t.Context(), "UPDATE books SET isbn = 'c'"); err != nil {
			t.Fatal(err)
		}
		refused(t, with(r, []any{"b"}), fault.Unavailable, "lock:")
	})
}
