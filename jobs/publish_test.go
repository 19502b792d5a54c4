package jobs

import (
	"context"
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
