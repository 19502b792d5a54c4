package jobs

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"daybook/internal/calendar"
	"daybook/internal/store"
	"daybook/internal/testenv"
)

// target is a database that marts are published to.
type target struct {
	t    *testing.T
	conn *pgx.Conn
	url  string
}

func openTarget(t *testing.T, statements ...string) *target {
	t.Helper()
	url := testenv.Postgres(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return &target{t, conn, url}
}

func (d *target) rows(sql string) []string {
	d.t.Helper()
	rows, err := d.conn.Query(d.t.Context(), sql)
	if err != nil {
		d.t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		d.t.Fatal(err)
	}
	return got
}

func (d *target) secret(r *Runner) {
	r.Secret = func(context.Context, string) (string, error) { return d.url, nil }
}

func TestAMartIsPublishedAfterItsChecksAndInTheOrderOfReferences(t *testing.T) {
	d := openTarget(t,
		"CREATE TABLE item (item text PRIMARY KEY, orders bigint)",
		"CREATE TABLE sale (id text PRIMARY KEY, item text REFERENCES item, amount double precision)")
	f := shop().with(files{
		"marts/wares.sql":        "/*\nrefresh: full\nkey: item\nchecks:\n  - rows: {max: 3}\n*/\nSELECT item, count(*) AS orders FROM sales WHERE item <> 'd' GROUP BY item\n",
		"marts/sold.sql":         "/*\nkey: id\n*/\nSELECT day, id, item, amount FROM sales WHERE day = $day\n",
		"publish/a_sales.yaml":   "mart: sold\nto: postgres\nurl: env:PRODUCTION\ntable: sale\nmode: upsert\ncolumns: [id, item, amount]\nreferences: {item: z_items.item}\norphans: hold\n",
		"publish/z_items.yaml":   "mart: wares\nto: postgres\nurl: env:PRODUCTION\ntable: item\nmode: swap\n",
		"data/2026-11-16.ndjson": orders("a3", "b3", "c3", "d3"),
	})
	h := open(t, f, d.secret)
	h.run(store.StateDone, Request{Nodes: []string{"a_sales"}}) // in another order every sale would be held back
	if diff := cmp.Diff([]string{"a3", "b3", "c3"}, d.rows("SELECT id FROM sale ORDER BY id")); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
	b := h.build("a_sales", calendar.MustDay("2026-11-16"))
	if b.RowsIn != 4 || b.Rows != 3 || b.Rejected != 1 || !strings.Contains(b.Note, "d3") {
		t.Errorf("the build says %d rows of %d, %d held back: %q", b.Rows, b.RowsIn, b.Rejected, b.Note)
	}
	h.wants(Request{Nodes: []string{"a_sales"}}) // nothing is stale

	// A check that says no keeps what is published as it was, of the mart and of what refers to it.
	h.write(files{"data/2026-11-16.ndjson": orders("e3", "f3", "g3", "h3")})
	h.run(store.StateFailed, Request{Nodes: []string{"orders"}, Downstream: true, Force: ForceFetch})
	if diff := cmp.Diff([]string{"a", "b", "c"}, d.rows("SELECT item FROM item ORDER BY item")); diff != "" {
		t.Errorf("published after a failed check (-want +got):\n%s", diff)
	}
	if got := d.rows("SELECT count(*)::text FROM sale"); got[0] != "3" {
		t.Errorf("%s sales are published", got)
	}
}

func TestASwapHoldsEveryDayOfItsMart(t *testing.T) {
	d := openTarget(t, "CREATE TABLE daily (day date PRIMARY KEY, orders bigint, total double precision)")
	f := shop().with(files{"publish/days.yaml": "mart: daily\nto: postgres\nurl: env:PRODUCTION\ntable: daily\nkey: [day]\n"})
	h := open(t, f, d.secret)
	for _, day := range []string{"2026-11-15", "2026-11-14", "2026-11-16"} {
		h.run(store.StateDone, Request{Nodes: []string{"days"}, Day: calendar.MustDay(day)})
	}
	want := []string{"2026-11-14 2", "2026-11-15 3", "2026-11-16 4"}
	if diff := cmp.Diff(want, d.rows("SELECT day || ' ' || orders FROM daily ORDER BY day")); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
}

func TestSwapAfterALostWarehouseWaitsForItsDays(t *testing.T) {
	d := openTarget(t, "CREATE TABLE daily (day date PRIMARY KEY, orders bigint, total double precision)")
	publication := "mart: daily\nto: postgres\nurl: env:PRODUCTION\ntable: daily\nkey: [day]\n"
	h := open(t, shop().with(files{"publish/days.yaml": publication}), d.secret)
	for _, day := range []string{"2026-11-14", "2026-11-15", "2026-11-16"} {
		h.run(store.StateDone, Request{Nodes: []string{"days"}, Day: calendar.MustDay(day)})
	}
	h.close()
	lost, err := filepath.Glob(filepath.Join(h.dir, ".daybook", "warehouse.duckdb*"))
	if err != nil || len(lost) == 0 {
		t.Fatal(lost, err)
	}
	for _, file := range lost {
		if err := os.RemoveAll(file); err != nil {
			t.Fatal(err)
		}
	}
	h.reopen(d.secret)
	run := h.run(store.StateFailed, Request{Nodes: []string{"days"}, Day: calendar.MustDay("2026-11-16")})
	if !strings.Contains(run.Error, "2 days of daily that are published, from 2026-11-14 to 2026-11-15") {
		t.Errorf("the run says %q", run.Error)
	}
	count := func() string { return d.rows("SELECT count(*)::text FROM daily")[0] }
	if got := count(); got != "3" {
		t.Errorf("%s days are published", got)
	}
	h.run(store.StateDone, Request{Nodes: []string{"days"}, Day: calendar.MustDay("2026-11-14"), Through: calendar.MustDay("2026-11-16")})
	if got := count(); got != "3" {
		t.Errorf("%s days are published after all were built again", got)
	}
}

func TestTableOfAnotherIsNotTakenOverUnasked(t *testing.T) {
	const filled = "INSERT INTO users SELECT '2000-01-01'::date + i, i, i, 'x' FROM generate_series(1, 10) i"
	d := openTarget(t, "CREATE TABLE users (day date PRIMARY KEY, orders bigint, total double precision, email text)", filled,
		"CREATE TABLE daily (LIKE users INCLUDING ALL)")
	publication := "mart: daily\nto: postgres\nurl: env:PRODUCTION\ntable: users\nkey: [day]\n"
	own := strings.Replace(publication, "users", "daily", 1)
	h := open(t, shop().with(files{"publish/days.yaml": own}), d.secret)
	h.run(store.StateDone, Request{Nodes: []string{"days"}})
	for _, c := range []struct{ name, text, state string }{
		{"a record of another table", publication, store.StateFailed},
		{"a record of rows put in", publication + "mode: upsert\n", store.StateDone},
		{"one day", publication + "mode: day\n", store.StateFailed},
		{"all days", publication, store.StateFailed},
	} {
		before := d.rows("SELECT day::text FROM users ORDER BY day")
		h.close()
		h.write(files{"publish/days.yaml": c.text})
		h.reopen(d.secret)
		run := h.run(c.state, Request{Nodes: []string{"days"}, Day: calendar.MustDay("2026-11-15")})
		if c.state == store.StateFailed && !strings.Contains(run.Error, "table users has") {
			t.Errorf("%s: the run says %q", c.name, run.Error)
		}
		if after := d.rows("SELECT day::text FROM users ORDER BY day"); c.state == store.StateFailed && !cmp.Equal(before, after) {
			t.Errorf("%s: %q became %q", c.name, before, after)
		}
	}
	h.close()
	h.write(files{"publish/days.yaml": publication + "takes_over: true\nshrink: 100%\n"})
	h.reopen(d.secret)
	h.run(store.StateDone, Request{Nodes: []string{"days"}})
	if got := d.rows("SELECT day::text FROM users ORDER BY day"); len(got) != 2 {
		t.Errorf("taken over, the table holds %q", got)
	}
}

func TestHeldRowsGoOutWhenWhatTheyReferToIsPublished(t *testing.T) {
	d := openTarget(t,
		"CREATE TABLE item (item text PRIMARY KEY)",
		"CREATE TABLE sale (id text PRIMARY KEY, item text REFERENCES item, amount double precision)")
	const three = "{\"item\":\"a\"}\n{\"item\":\"b\"}\n{\"item\":\"c\"}\n"
	f := shop().with(files{
		"sources/catalog.yaml":   "from: files\npath: \"catalog.ndjson\"\nholds: snapshot\nkey: item\ncolumns:\n  item: text\n",
		"tables/catalogue.sql":   "/*\nrefresh: full\n*/\nSELECT item FROM catalog\n",
		"marts/wares.sql":        "/*\nrefresh: full\nkey: item\n*/\nSELECT item FROM catalogue\n",
		"marts/sold.sql":         "/*\nkey: id\n*/\nSELECT day, id, item, amount FROM sales WHERE day = $day\n",
		"publish/a_sales.yaml":   "mart: sold\nto: postgres\nurl: env:PRODUCTION\ntable: sale\nmode: upsert\ncolumns: [id, item, amount]\nreferences: {item: z_items.item}\norphans: hold\n",
		"publish/z_items.yaml":   "mart: wares\nto: postgres\nurl: env:PRODUCTION\ntable: item\n",
		"catalog.ndjson":         three,
		"data/2026-11-16.ndjson": orders("a3", "b3", "c3", "d3"),
	})
	h := open(t, f, d.secret)
	monday := calendar.MustDay("2026-11-16")
	h.run(store.StateDone, Request{Nodes: []string{"a_sales"}, Day: monday})
	h.wants(Request{Nodes: []string{"a_sales"}, Day: monday})
	h.write(files{"catalog.ndjson": three + "{\"item\":\"d\"}\n"})
	h.run(store.StateDone, Request{Nodes: []string{"z_items"}, Day: monday.Add(1)})
	h.run(store.StateDone, Request{Nodes: []string{"a_sales"}, Day: monday})
	if got := d.rows("SELECT id FROM sale ORDER BY id"); len(got) != 4 {
		t.Errorf("%q are published, and the item of d3 is there", got)
	}
	h.wants(Request{Nodes: []string{"a_sales"}, Day: monday}) // and none is stale for ever
}

func TestDaysPublishedAtOnceAreOneAnothersNotStrangers(t *testing.T) {
	d := openTarget(t, "CREATE TABLE sold (day date, id text PRIMARY KEY)")
	h := open(t, shop().with(files{
		"marts/sold.sql":     "/*\nkey: id\n*/\nSELECT day, id FROM sales WHERE day = $day\n",
		"publish/shelf.yaml": "mart: sold\nto: postgres\nurl: env:PRODUCTION\ntable: sold\nmode: day\nkey: [id]\n",
	}), d.secret)
	day := calendar.MustDay("2026-11-14")
	h.run(store.StateDone, Request{Nodes: []string{"shelf"}, Day: day, Through: day.Add(4)})
	if got := d.rows("SELECT count(*)::text FROM sold"); got[0] != "12" {
		t.Errorf("%s rows are published", got)
	}
}
