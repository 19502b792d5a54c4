package examples_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/generate"
	"daybook/internal/lake"
	"daybook/internal/text"
	"daybook/jobs"
)

// Experiment checkout-90 of the generated shop lasts from Monday, 2026-11-02, to this Sunday.
var experimentEnds = calendar.MustDay("2026-11-29")

// shop opens a copy of the example with generated data of the days that end with through.
func shop(t *testing.T, days, perDay, bad int, through calendar.Day) *house {
	t.Helper()
	dir := copyOf(t, "shop")
	_, err := generate.Shop{Seed: 1, From: through.Add(1 - days), To: through, PerDay: perDay, Bad: bad, Dir: filepath.Join(dir, "data")}.Write(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return live(t, dir, nil)
}

func TestEveryMartOfTheShopEqualsACountOfItsFiles(t *testing.T) {
	through := calendar.MustDay("2026-11-14") // in the second week of an experiment; the first days belong to the one before
	h := shop(t, 17, 500, 0, through)
	from := through.Add(-16)
	h.build(jobs.Request{Day: from, Through: through})
	h.upToDate(from, through)
	l := h.ledger(from, through)
	for _, day := range calendar.Range(from, through) {
		h.countSales(day, l)
		h.countProducts(day, l)
		h.countReturns(day, from, l)
		h.countExperiment(day, from, l)
	}
	if h.one(through, "SELECT count(*) FROM returns WHERE day = $day AND ordered_on IS NULL") > 0 {
		t.Error("a cancellation with its whole fortnight there has found no order")
	}
	if h.one(through, "SELECT count(*) FROM products") != int64(len(l.names)) {
		t.Error("the products are not those of the price lists")
	}
}

// countSales compares the marts of money.
func (h *house) countSales(day calendar.Day, l ledger) {
	h.t.Helper()
	m := l.money(h.t, day)
	want, opening := [][]any{}, "closed"
	if !closed(day) {
		opening = "open"
		want = [][]any{{m.orders, m.units, dollars(m.gross), m.cancellations, dollars(m.cancelled), dollars(m.gross - m.cancelled), float64(m.gross) / 100 / float64(m.orders)}}
	}
	h.holds(day, `SELECT orders, units, CAST(gross AS VARCHAR), cancellations, CAST(cancelled AS VARCHAR), CAST(net AS VARCHAR), average_order
		FROM daily_sales WHERE day = $day`, want)
	h.holds(day, "SELECT opening, orders FROM opening WHERE day = $day", [][]any{{opening, m.orders}})

	week := func(last calendar.Day) (days int64, list []calendar.Day) {
		for _, d := range calendar.Range(last.Add(-6), last) {
			if len(l.lines[d]) > 0 {
				days, list = days+1, append(list, d)
			}
		}
		return days, list
	}
	now, these := week(day)
	before, those := week(day.Add(-7))
	a, b := l.money(h.t, these...), l.money(h.t, those...)
	var change any
	if now == 6 && before == 6 {
		change = float64(a.gross-a.cancelled)/float64(b.gross-b.cancelled) - 1
	}
	var net, netBefore any
	if now > 0 {
		net = dollars(a.gross - a.cancelled)
	}
	if before > 0 {
		netBefore = dollars(b.gross - b.cancelled)
	}
	h.holds(day, "SELECT days, days_before, CAST(net AS VARCHAR), CAST(net_before AS VARCHAR), change FROM weekly_sales WHERE day = $day",
		[][]any{{now, before, net, netBefore, change}})
}

func (h *house) countProducts(day calendar.Day, l ledger) {
	h.t.Helper()
	type sold struct{ orders, units, amount int64 }
	products := map[string]sold{}
	for _, o := range l.lines[day] {
		s := products[o.code]
		products[o.code] = sold{s.orders + 1, s.units + o.quantity, s.amount + o.quantity*o.cents}
	}
	codes := slices.SortedFunc(maps.Keys(products), func(a, b string) int {
		return cmp.Or(cmp.Compare(products[b].amount, products[a].amount), cmp.Compare(a, b))
	})
	var want [][]any
	for i, code := range codes[:min(20, len(codes))] {
		s := products[code]
		want = append(want, []any{int64(i + 1), code, l.names[code], s.orders, s.units, dollars(s.amount)})
	}
	h.holds(day, "SELECT rank, stock_code, description, orders, units, CAST(amount AS VARCHAR) FROM top_products WHERE day = $day ORDER BY rank", want)
}

// countReturns follows every cancelled line back to its order.
func (h *house) countReturns(day, from calendar.Day, l ledger) {
	h.t.Helper()
	type reason struct{ cancellations, amount int64 }
	reasons := map[string]reason{}
	var want [][]any
	for _, c := range l.cancelled[day] {
		r := reasons[c.Reason]
		reasons[c.Reason] = reason{r.cancellations + 1, r.amount + c.cents(h.t)}
		for _, line := range c.Lines {
			row := []any{c.Cancellation, line.Code, nil, nil, -line.Quantity, nil, dollars(-line.Quantity * cents(h.t, line.Price))}
			for d := day.Add(-1); !d.Before(from) && !d.Before(day.Add(-14)); d = d.Add(-1) {
				for _, o := range l.lines[d] {
					if o.invoice == c.Invoice && o.code == line.Code {
						row[2], row[3], row[5] = d, int64(day.Sub(d)), o.quantity
					}
				}
			}
			want = append(want, row)
		}
	}
	slices.SortFunc(want, func(a, b []any) int {
		return cmp.Or(cmp.Compare(a[0].(string), b[0].(string)), cmp.Compare(a[1].(string), b[1].(string)))
	})
	h.holds(day, `SELECT cancellation, stock_code, ordered_on, days_after, CAST(quantity AS BIGINT), CAST(ordered AS BIGINT), CAST(amount AS VARCHAR)
		FROM returns WHERE day = $day ORDER BY cancellation, stock_code`, want)
	want = nil
	for _, name := range slices.Sorted(maps.Keys(reasons)) {
		want = append(want, []any{name, reasons[name].cancellations, dollars(reasons[name].amount)})
	}
	h.holds(day, "SELECT reason, cancellations, CAST(amount AS VARCHAR) FROM return_reasons WHERE day = $day ORDER BY reason", want)
}

func TestTheIntervalIsThatOfItsSource(t *testing.T) {
	// The first example of Newcombe's table II: 56 of 70 and 48 of 80.
	d, low, high := newcombe(arm{80, 48}, arm{70, 56})
	if got := fmt.Sprintf("%.4f %.4f %.4f", d, low, high); got != "0.2000 0.0524 0.3339" {
		t.Errorf("56 of 70 less 48 of 80 gives %s", got)
	}
}

func (h *house) countExperiment(day, from calendar.Day, l ledger) {
	h.t.Helper()
	experimentName, since := "checkout-90", experimentEnds.Add(-27)
	if day.Before(since) {
		experimentName, since = "checkout-89", since.Add(-28)
	}
	if since.Before(from) {
		since = from
	}
	arms, both := l.experiment(experimentName, since, day)
	var want [][]any
	for _, v := range []string{"A", "B"} {
		p, low, high := wilson(arms[v].conversions, arms[v].visitors)
		want = append(want, []any{experimentName, since, v, arms[v].visitors, arms[v].conversions, p, low, high, both})
	}
	compare := func(sql string, want [][]any) {
		h.t.Helper()
		if diff := gocmp.Diff(want, h.rows(day, sql), near); diff != "" {
			h.t.Errorf("%s: %s (-counted +warehouse)\n%s", day, sql, diff)
		}
	}
	compare("SELECT experiment, since, variant, visitors, conversions, rate, low, high, under_both FROM experiment_variants WHERE day = $day ORDER BY variant", want)
	d, low, high := newcombe(arms["A"], arms["B"])
	verdict := "unclear"
	if low > 0 {
		verdict = "b_higher"
	} else if high < 0 {
		verdict = "a_higher"
	}
	compare("SELECT difference, low, high, verdict, under_both FROM experiment WHERE day = $day", [][]any{{d, low, high, verdict, both}})
	want = nil
	for _, on := range calendar.Range(since, day) {
		arms, _ := l.experiment(experimentName, since, on)
		d, low, high := newcombe(arms["A"], arms["B"])
		want = append(want, []any{on, d, low, high})
	}
	compare("SELECT counted_on, difference, low, high FROM experiment_course WHERE day = $day ORDER BY counted_on", want)
}

func TestTheLastDayOfAnExperimentFindsItsEffect(t *testing.T) {
	h := shop(t, 28, 1200, 0, experimentEnds)
	from := experimentEnds.Add(-27)
	h.build(jobs.Request{Nodes: []string{"assignments", "orders"}, Day: from, Through: experimentEnds})
	h.build(jobs.Request{Nodes: []string{"experiment", "experiment_course"}, Day: from, Through: experimentEnds})
	l := h.ledger(from, experimentEnds)
	h.countExperiment(experimentEnds, from, l)
	rows := h.rows(experimentEnds, "SELECT verdict, low, high, under_both FROM experiment WHERE day = $day")
	if low, high := rows[0][1].(float64), rows[0][2].(float64); rows[0][0] != "b_higher" || low > 0.015 || high < 0.015 || rows[0][3].(int64) < 100 {
		t.Errorf("an effect of 1.5 points comes out as %v", rows)
	}
}

func TestAClosedSundayExpectsNoDataAndTheReportSaysSo(t *testing.T) {
	sunday := calendar.MustDay("2026-11-15")
	h := shop(t, 3, 200, 0, sunday.Add(1))
	h.build(jobs.Request{Day: sunday.Add(-1), Through: sunday.Add(1)})
	h.upToDate(sunday.Add(-1), sunday.Add(1))
	for _, name := range []string{"order_log", "cancellation_log", "assignment_log", "price_list"} {
		raw, err := h.Lake.Manifest(context.Background(), lake.Key{Layer: lake.Raw, Node: name, Day: sunday})
		if err != nil || len(raw.Objects) > 0 || raw.Facts["no_data"] != "Sunday" {
			t.Errorf("the raw layer of %s holds %d objects, %v: %v", name, len(raw.Objects), raw.Facts, err)
		}
	}
	h.holds(sunday, "SELECT opening, orders FROM opening WHERE day = $day", [][]any{{"closed", int64(0)}})
	h.holds(sunday, "SELECT count(*) FROM daily_sales WHERE day = $day", [][]any{{int64(0)}})
	f, _, err := h.Figures(context.Background(), "sales", sunday, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range f.Sections {
		if s.KPI != nil && s.KPI.Value != nil {
			t.Errorf("%s of a closed day is %v, not absent", s.Name, *s.KPI.Value)
		}
		if s.Name == "opening" && !strings.Contains(fmt.Sprint(s.Table.Rows), "휴무일, 자료가 없는 날 Closed, no data expected") {
			t.Errorf("the report says %v", s.Table.Rows)
		}
	}
	monday, _, err := h.Figures(context.Background(), "sales", sunday.Add(1), 0)
	if err != nil {
		t.Fatal(err)
	}
	if shown(t, monday, "orders", text.English) == text.None {
		t.Error("the report of Monday has no orders")
	}
	if !slices.Contains(monday.Absent(), sunday) {
		t.Errorf("Monday is compared with a Sunday without data, and does not say so: %v", monday.Absent())
	}
}

func TestRecordsOfTheShopAreStagedRejectedOrRepeated(t *testing.T) {
	day := calendar.MustDay("2026-11-19")
	h := shop(t, 1, 3000, 3, day)
	h.edit("sources/order_log.yaml", "days: mon-sat", "days: mon-sat\nmax_rejects: 3")
	h = h.again()
	h.build(jobs.Request{Day: day})
	staged, err := h.Lake.Manifest(context.Background(), lake.Key{Layer: lake.Stage, Node: "order_log", Day: day})
	if err != nil {
		t.Fatal(err)
	}
	all := int64(len(table(t, filepath.Join(h.dir, "data/orders", day.String()+".csv"))))
	kept := int64(len(h.ledger(day, day).lines[day]))
	want := map[string]string{"records": fmt.Sprint(all), "staged": fmt.Sprint(kept), "rejected": "3", "deduplicated": fmt.Sprint(all - kept - 3)}
	got := map[string]string{}
	for name := range want {
		got[name] = staged.Facts[name]
	}
	if diff := gocmp.Diff(want, got); diff != "" || all-kept-3 < 1 {
		t.Errorf("%d repeats (-file +staged)\n%s", all-kept-3, diff)
	}
	h.holds(day, "SELECT count(*) FROM order_lines", [][]any{{kept}})
}

func TestRunningTheShopAgainChangesNothing(t *testing.T) {
	day := calendar.MustDay("2026-11-17")
	h := shop(t, 4, 200, 0, day)
	h.build(jobs.Request{Day: day.Add(-3), Through: day})
	first := h.outputs(day)
	if built := h.build(jobs.Request{Day: day.Add(-3), Through: day}); len(built) > 0 {
		t.Errorf("the second run built %v", built)
	}
	h.build(jobs.Request{Day: day, Force: jobs.ForceFetch})
	if diff := gocmp.Diff(first, h.outputs(day)); diff != "" {
		t.Errorf("fetched again it gives other outputs (-first +again)\n%s", diff)
	}
	h.upToDate(day.Add(-3), day)
}

func TestACancellationOfWhatWasNeverOrderedFailsTheDay(t *testing.T) {
	day := calendar.MustDay("2026-11-19")
	h := shop(t, 15, 100, 0, day)
	h.build(jobs.Request{Nodes: []string{"orders", "returns"}, Day: day.Add(-14), Through: day})
	path := filepath.Join("data/cancellations", day.String()+".ndjson")
	h.write(path, readFile(t, filepath.Join(h.dir, path))+`{"cancellation":"C77","invoice":"77","cancelled_at":"2026-11-19 10:00:00","reason":"late",`+
		`"lines":[{"stock_code":"20000","quantity":-1,"unit_price":"4.50"}]}`+"\n")
	var built []string
	run, err := h.try(jobs.Request{Day: day, Force: jobs.ForceFetch}, &built)
	if err != nil || slices.Contains(built, "returns") || !strings.Contains(run.Error, "what is cancelled was ordered") {
		t.Errorf("the run ended %s: %s %v", run.State, run.Error, err)
	}
}

func TestMartsOfTheShopGiveTheSameRowsInPostgreSQL(t *testing.T) {
	const days = 16
	h := shop(t, days, 250, 0, thursday)
	first := thursday.Add(1 - days)
	h.build(jobs.Request{Day: first, Through: thursday})
	portable(t, h, first, thursday, near)
}
