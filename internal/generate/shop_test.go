package generate

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

func shopWeeks(t *testing.T, n, perDay int) Shop {
	t.Helper()
	to := calendar.MustDay("2026-11-29") // a Sunday, the last day of an experiment
	return Shop{Seed: 1, From: to.Add(1 - 7*n), To: to, PerDay: perDay, Dir: t.TempDir()}
}

func writeShop(t *testing.T, s Shop) ShopSummary {
	t.Helper()
	sum, err := s.Write(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// dir lets the readers of the library's files read the shop's.
func (s Shop) dir() Library { return Library{Dir: s.Dir} }

// rowsOf reads a CSV file of a day without its header, each different line once.
func rowsOf(t *testing.T, s Shop, kind string, day calendar.Day) (rows [][]string) {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(string(content(t, s.dir(), kind+"/"+day.String()+".csv")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range all[1:] {
		if line := strings.Join(r, ","); !seen[line] {
			seen[line] = true
			rows = append(rows, r)
		}
	}
	return rows
}

// records reads the JSON lines of a day.
func records[T any](t *testing.T, s Shop, name string) (list []T) {
	t.Helper()
	for line := range strings.Lines(string(content(t, s.dir(), name))) {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, v)
	}
	return list
}

type cancellation struct {
	Cancellation, Invoice, Reason string
	At                            string `json:"cancelled_at"`
	Lines                         []struct {
		Code     string `json:"stock_code"`
		Quantity int
		Price    string `json:"unit_price"`
	}
}

type assigned struct {
	Visitor, Experiment, Variant string
	At                           string `json:"assigned_at"`
}

func (s Shop) open() (days []calendar.Day) {
	for _, day := range calendar.Range(s.From, s.To) {
		if day.Weekday() != time.Sunday {
			days = append(days, day)
		}
	}
	return days
}

func TestTheShopIsTheSameWhateverTheWorkersAndTheRange(t *testing.T) {
	a, b := shopWeeks(t, 2, 900), shopWeeks(t, 2, 900)
	a.Workers, b.Workers = 1, 3
	if diff := cmp.Diff(writeShop(t, a), writeShop(t, b)); diff != "" {
		t.Errorf("summaries differ (-one worker +three):\n%s", diff)
	}
	first := sums(t, a.dir(), true)
	if diff := cmp.Diff(first, sums(t, b.dir(), true)); diff != "" {
		t.Errorf("files differ (-one worker +three):\n%s", diff)
	}
	if len(first) != 12*4 {
		t.Errorf("%d files, want four for each of twelve open days", len(first))
	}
	alone := a
	alone.Dir, alone.From = t.TempDir(), a.To.Add(-3)
	alone.To = alone.From
	writeShop(t, alone)
	for name, sum := range sums(t, alone.dir(), true) {
		if first[name] != sum {
			t.Errorf("%s differs when its day is made alone", name)
		}
	}
	b.Seed = 2
	writeShop(t, b)
	for name, sum := range sums(t, b.dir(), true) {
		if first[name] == sum {
			t.Errorf("%s does not depend on the seed", name)
		}
	}
}

func TestASmallDayOfTheShopIsAsItWas(t *testing.T) {
	day := calendar.MustDay("2026-11-19")
	s := Shop{Seed: 7, From: day, To: day, PerDay: 300, Bad: 2, Dir: t.TempDir()}
	writeShop(t, s)
	got := sums(t, s.dir(), false)
	var text strings.Builder
	for _, name := range []string{"assignments/2026-11-19.ndjson.gz", "cancellations/2026-11-19.ndjson", "orders/2026-11-19.csv", "prices/2026-11-19.csv"} {
		fmt.Fprintf(&text, "%s  %s\n", got[name], name)
	}
	golden := filepath.Join("testdata", "shop.sha256")
	if *update {
		if err := os.WriteFile(golden, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text.String()); diff != "" {
		t.Errorf("content changed (-want +got):\n%s", diff)
	}
}

func TestCancellationsComeAfterOrdersAndWithinThem(t *testing.T) {
	s := shopWeeks(t, 5, 800)
	writeShop(t, s)
	type line struct {
		on       calendar.Day
		quantity int
		price    string
	}
	lines, orders, visitorless := map[string]line{}, map[string]bool{}, 0
	for _, day := range s.open() {
		prices := map[string]string{}
		for _, r := range rowsOf(t, s, "prices", day) {
			prices[r[0]] = r[3]
		}
		for _, r := range rowsOf(t, s, "orders", day) {
			var quantity int
			if _, err := fmt.Sscan(r[3], &quantity); err != nil || quantity < 1 || !strings.HasPrefix(r[4], day.String()+" ") || prices[r[2]] == "" {
				t.Fatalf("%v is no line of %s", r, day)
			}
			if _, known := lines[r[0]+" "+r[2]]; known {
				t.Errorf("%s has %s twice", r[0], r[2])
			}
			lines[r[0]+" "+r[2]] = line{day, quantity, r[5]}
			if !orders[r[0]] && r[7] == "" {
				visitorless++
			}
			orders[r[0]] = true
		}
	}
	between(t, "share of orders by telephone", float64(visitorless)/float64(len(orders)), 0.06, 0.16)
	seen, cancelled := map[string]bool{}, 0
	for _, day := range s.open() {
		for _, c := range records[cancellation](t, s, "cancellations/"+day.String()+".ndjson") {
			if seen[c.Cancellation] || c.Cancellation != "C"+c.Invoice || len(c.Lines) == 0 {
				t.Errorf("%+v comes twice or empty", c)
			}
			seen[c.Cancellation] = true
			for _, l := range c.Lines {
				was, known := lines[c.Invoice+" "+l.Code]
				if !known && day.Sub(s.From) > longestReturn {
					t.Errorf("%s of %s was never ordered", l.Code, c.Invoice)
				}
				if after := day.Sub(was.on); known && (after < 1 || after > longestReturn || l.Quantity >= 0 || -l.Quantity > was.quantity || l.Price != was.price) {
					t.Errorf("%+v of %s does not follow from %+v", l, c.Cancellation, was)
				}
			}
			cancelled++
		}
	}
	between(t, "cancellations for each order", float64(cancelled)/float64(len(orders)), 0.045, 0.08)
}

func TestTheExperimentHasItsTrueEffect(t *testing.T) {
	s := shopWeeks(t, 4, 2500)
	sum := writeShop(t, s)
	variants, first, ordered := map[string]string{}, map[string]string{}, map[string]bool{}
	var early, both int
	for _, day := range s.open() {
		for _, a := range records[assigned](t, s, "assignments/"+day.String()+".ndjson.gz") {
			if a.Experiment != "checkout-90" {
				t.Fatalf("%+v is of another experiment", a)
			}
			switch variants[a.Visitor] {
			case "":
				variants[a.Visitor], first[a.Visitor] = a.Variant, a.At
			case a.Variant:
				t.Errorf("%s comes under %s twice", a.Visitor, a.Variant)
			default:
				variants[a.Visitor] = "both"
				both++
			}
		}
		for _, r := range rowsOf(t, s, "orders", day) {
			if at := first[r[7]]; at != "" && r[4] < at {
				early++
			} else if at != "" {
				ordered[r[7]] = true
			}
		}
	}
	n, x := map[string]float64{}, map[string]float64{}
	for visitor, v := range variants {
		n[v]++
		if ordered[visitor] {
			x[v]++
		}
	}
	// Who comes near the end has not yet ordered, so that the rates lie a little below the true ones.
	between(t, "conversion of A", x["A"]/n["A"], 0.07, 0.083)
	between(t, "effect", x["B"]/n["B"]-x["A"]/n["A"], 0.008, 0.022)
	between(t, "share of B", n["B"]/(n["A"]+n["B"]), 0.48, 0.52)
	between(t, "share of visitors under both", n["both"]/float64(sum.Visitors), 0.007, 0.012)
	if early == 0 || both != sum.Both || math.Abs(n["A"]+n["B"]+n["both"]-float64(sum.Visitors)) > 0 {
		t.Errorf("%d early orders, %d of %d under both, %v of %d visitors", early, both, sum.Both, n, sum.Visitors)
	}
}

func TestTheSummaryOfTheShopAgreesWithItsFiles(t *testing.T) {
	s := shopWeeks(t, 1, 1500)
	s.Bad = 2
	var calls []int
	s.Progress = func(done, total int) { calls = append(calls, done, total) }
	got := writeShop(t, s)
	want := ShopSummary{Closed: 1}
	for _, day := range s.open() {
		want.Days++
		orders, seen := map[string]bool{}, map[string]bool{}
		for i, line := range strings.Split(strings.TrimSpace(string(content(t, s.dir(), "orders/"+day.String()+".csv"))), "\n") {
			switch {
			case i == 0:
			case strings.Contains(line, ",two,"):
				want.Bad++
			case seen[line]:
				want.Repeated++
			default:
				want.Lines++
				orders[strings.Split(line, ",")[0]] = true
			}
			seen[line] = true
		}
		want.Orders += len(orders)
		want.Cancellations += len(records[cancellation](t, s, "cancellations/"+day.String()+".ndjson"))
		want.Visitors += len(records[assigned](t, s, "assignments/"+day.String()+".ndjson.gz"))
	}
	want.Both = got.Both // counted by the test of the experiment
	want.Visitors -= want.Both
	for name := range sums(t, s.dir(), true) {
		info, err := os.Stat(filepath.Join(s.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		want.Bytes += info.Size()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-files +summary):\n%s", diff)
	}
	if got.Bad != 12 || got.Repeated == 0 || got.Both == 0 {
		t.Errorf("%+v, want twelve bad lines, some repeated and some visitors under both variants", got)
	}
	if len(calls) != 14 || calls[12] != 7 || calls[13] != 7 {
		t.Errorf("progress was told %v", calls)
	}
}

func TestSettingsOfTheShopOutOfBoundsAreRefused(t *testing.T) {
	good := shopWeeks(t, 1, 10)
	for name, spoil := range map[string]func(*Shop){
		"days swapped":    func(s *Shop) { s.From, s.To = s.To, s.From },
		"before opening":  func(s *Shop) { s.From = calendar.MustDay("2019-12-31") },
		"no visitors":     func(s *Shop) { s.PerDay = 0 },
		"too many":        func(s *Shop) { s.PerDay = mostVisitors + 1 },
		"fewer than none": func(s *Shop) { s.Bad = -1 },
		"no workers":      func(s *Shop) { s.Workers = -1 },
		"nowhere":         func(s *Shop) { s.Dir = "" },
	} {
		s := good
		spoil(&s)
		_, err := s.Write(context.Background())
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.Invalid || f.Hint == "" {
			t.Errorf("%s: %v, want an invalid fault with a hint", name, err)
		}
	}
}

func TestTheBusiestDayHasRoomForItsVisitors(t *testing.T) {
	m := newMarket(Shop{PerDay: mostVisitors})
	most := 0
	for number := range 60_000 {
		most = max(most, m.crowded(opened().Add(number)))
	}
	if most >= visitorNumbers {
		t.Errorf("%d visitors do not fit into %d numbers", most, visitorNumbers)
	}
}

func TestTheFirstDayOfTheShopIsSmallAndWhole(t *testing.T) {
	s := shopWeeks(t, 1, 1)
	s.From = opened()
	s.To = s.From
	if got := writeShop(t, s); got.Visitors != 1 || got.Days != 1 {
		t.Errorf("%+v, want one visitor", got)
	}
	seen := map[string]bool{}
	for _, g := range goods() {
		if seen[g.code] || seen[g.description] {
			t.Errorf("%s %s comes twice", g.code, g.description)
		}
		seen[g.code], seen[g.description] = true, true
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Write(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context gives %v", err)
	}
}
