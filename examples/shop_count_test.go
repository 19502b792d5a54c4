package examples_test

import (
	"encoding/json"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"daybook/internal/calendar"
)

// orderLine, cancelled and assigned are what the files say; money is whole cents.
type orderLine struct {
	invoice, code, at, visitor string
	quantity, cents            int64
}

type cancelled struct {
	Cancellation, Invoice, Reason string
	Lines                         []struct {
		Code     string `json:"stock_code"`
		Quantity int64
		Price    string `json:"unit_price"`
	}
}

func (c cancelled) cents(t *testing.T) (sum int64) {
	for _, l := range c.Lines {
		sum -= l.Quantity * cents(t, l.Price)
	}
	return sum
}

type assigned struct {
	Visitor, Experiment, Variant string
	At                           string `json:"assigned_at"`
}

// ledger is everything that the files of some days say; a closed day has nothing.
type ledger struct {
	lines     map[calendar.Day][]orderLine
	cancelled map[calendar.Day][]cancelled
	assigned  map[calendar.Day][]assigned
	names     map[string]string // of products
}

func cents(t *testing.T, amount string) int64 {
	t.Helper()
	whole, part, _ := strings.Cut(amount, ".")
	n, err := strconv.ParseInt(whole+part, 10, 64)
	if err != nil || len(part) != 2 {
		t.Fatalf("%s is no amount", amount)
	}
	return n
}

// dollars is how the warehouse gives an amount.
func dollars(cents int64) string {
	return new(big.Rat).SetFrac64(cents, 100).FloatString(2)
}

func closed(day calendar.Day) bool { return day.Weekday() == time.Sunday }

func (h *house) ledger(from, through calendar.Day) ledger {
	h.t.Helper()
	l := ledger{map[calendar.Day][]orderLine{}, map[calendar.Day][]cancelled{}, map[calendar.Day][]assigned{}, map[string]string{}}
	for _, day := range calendar.Range(from, through) {
		if closed(day) {
			continue
		}
		seen := map[string]bool{}
		for _, r := range table(h.t, filepath.Join(h.dir, "data/orders", day.String()+".csv")) {
			quantity, err := strconv.ParseInt(r["quantity"], 10, 64)
			if key := r["invoice"] + "/" + r["line"]; err == nil && !seen[key] {
				seen[key] = true
				l.lines[day] = append(l.lines[day], orderLine{r["invoice"], r["stock_code"], r["ordered_at"], r["visitor"], quantity, cents(h.t, r["unit_price"])})
			}
		}
		l.cancelled[day] = plain[cancelled](h.t, filepath.Join(h.dir, "data/cancellations", day.String()+".ndjson"))
		lines(h.t, filepath.Join(h.dir, "data/assignments", day.String()+".ndjson.gz"), func(line []byte) {
			var a assigned
			if err := json.Unmarshal(line, &a); err != nil {
				h.t.Fatal(err)
			}
			l.assigned[day] = append(l.assigned[day], a)
		})
		for _, r := range table(h.t, filepath.Join(h.dir, "data/prices", day.String()+".csv")) {
			l.names[r["stock_code"]] = r["description"]
		}
	}
	return l
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// plain reads a file of JSON lines.
func plain[T any](t *testing.T, path string) (list []T) {
	t.Helper()
	for line := range strings.Lines(readFile(t, path)) {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

// money is a day's part of daily_sales.
type money struct{ orders, units, gross, cancellations, cancelled int64 }

func (l ledger) money(t *testing.T, days ...calendar.Day) (m money) {
	for _, day := range days {
		invoices := map[string]bool{}
		for _, o := range l.lines[day] {
			invoices[o.invoice] = true
			m.units += o.quantity
			m.gross += o.quantity * o.cents
		}
		m.orders += int64(len(invoices))
		for _, c := range l.cancelled[day] {
			m.cancellations++
			m.cancelled += c.cents(t)
		}
	}
	return m
}

// near compares rows with differences of rates, whose last digits are lost where they cancel out.
var near = gocmp.Options{cmpopts.EquateComparable(calendar.Day{}), cmpopts.EquateApprox(0, 1e-12), cmpopts.EquateEmpty()}

// arm is what became of the visitors of one variant.
type arm struct{ visitors, conversions int64 }

// experiment counts visitor by visitor the experiment that begins on since, up to day; both is who came under both variants.
func (l ledger) experiment(name string, since, day calendar.Day) (arms map[string]arm, both int64) {
	first, variants := map[string]string{}, map[string]string{}
	ordered := map[string]bool{}
	for _, d := range calendar.Range(since, day) {
		for _, a := range l.assigned[d] {
			if a.Experiment != name {
				continue
			}
			if first[a.Visitor] == "" || a.At < first[a.Visitor] {
				first[a.Visitor] = a.At
			}
			if !strings.Contains(variants[a.Visitor], a.Variant) {
				variants[a.Visitor] += a.Variant
			}
		}
	}
	for _, d := range calendar.Range(since, day) {
		for _, o := range l.lines[d] {
			if at, known := first[o.visitor]; known && o.at >= at {
				ordered[o.visitor] = true
			}
		}
	}
	arms = map[string]arm{}
	for visitor, v := range variants {
		if len(v) > 1 {
			both++
			continue
		}
		a := arms[v]
		a.visitors++
		if ordered[visitor] {
			a.conversions++
		}
		arms[v] = a
	}
	return arms, both
}

// wilson solves (p - q)² = z² q (1 - q) / n for q: the rates that x of n does not contradict.
func wilson(x, n int64) (p, low, high float64) {
	const z = 1.959963984540054
	p = float64(x) / float64(n)
	a, b, c := 1+z*z/float64(n), -2*p-z*z/float64(n), p*p
	root := math.Sqrt(b*b - 4*a*c)
	return p, max(0, (-b-root)/(2*a)), min(1, (-b+root)/(2*a))
}

// newcombe is the hybrid score interval of the second rate minus the first.
func newcombe(a, b arm) (difference, low, high float64) {
	p, l, u := wilson(a.conversions, a.visitors)
	q, m, v := wilson(b.conversions, b.visitors)
	return q - p, q - p - math.Hypot(q-m, u-p), q - p + math.Hypot(v-q, p-l)
}
