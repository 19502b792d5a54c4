// Package publishtest states what every kind of target must do, as a test suite that each kind's test runs.
package publishtest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/publish"
)

// World is a place that is published to, made for one test and empty.
type World struct {
	To    string
	Modes []string
	// Publication is to this place, for a mode. The suite sets nothing in it.
	Publication func(mode string) project.Publication
	// Secrets are what references stand for, and Secret the part of them that nobody may see.
	Secrets map[string]string
	Secret  string
	// Read gives the rows that the place holds, those of the mode and the day where each day has its place, each as Text writes it.
	Read func(mode string, d calendar.Day) []string
	// Proxy is on the way to the server.
	Proxy *Proxy
	// Atomic: whatever happens, readers find all of the old rows or all of the new.
	Atomic bool
	// Differs: rows that are as they were are not written again.
	Differs bool
	// Denied is a publication, and what its references stand for, that the place refuses; the secret is in what they stand for.
	Denied func(mode string) (project.Publication, map[string]string)
}

// Row is a row of the suite's mart.
type Row struct {
	Day   calendar.Day
	ID    any // int64 or nil
	Name  any // string or nil
	Price string
	Score float64
}

// Columns are those of the suite's mart. Its key is id; tags and data are the same in each row.
func Columns() []publish.Column {
	return []publish.Column{{Name: "day", Type: "DATE"}, {Name: "id", Type: "BIGINT"}, {Name: "name", Type: "VARCHAR"}, {Name: "price", Type: "DECIMAL(24,4)"},
		{Name: "score", Type: "DOUBLE"}, {Name: "tags", Type: "VARCHAR[]"}, {Name: "data", Type: "JSON"}, {Name: "at", Type: "TIMESTAMP WITH TIME ZONE"}}
}

// Tags, Data and At are in every row.
var (
	Tags = []any{"a\"b", nil, "c,d"}
	At   = time.Date(2026, 11, 19, 7, 30, 0, 123456000, time.FixedZone("", 9*3600))
)

// Data is in every row.
const Data = `{"n":1,"deep":[true,null]}`

func (r Row) values() []any {
	return []any{r.Day, r.ID, r.Name, r.Price, r.Score, Tags, Data, At}
}

// Text is how Read gives a row: day, id, name and price.
func Text(day, id, name, price string) string {
	if whole, fraction, ok := strings.Cut(price, "."); ok {
		if fraction = strings.TrimRight(fraction, "0"); fraction == "" {
			price = whole
		} else {
			price = whole + "." + fraction
		}
	}
	return day + "|" + id + "|" + name + "|" + price
}

// Null is the name of a row without one, in Text.
const Null = "<null>"

func (r Row) text() string {
	name, ok := r.Name.(string)
	if !ok {
		name = Null
	}
	return Text(r.Day.String(), fmt.Sprint(r.ID), name, r.Price)
}

func texts(rows ...[]Row) []string {
	var out []string
	for _, some := range rows {
		for _, r := range some {
			out = append(out, r.text())
		}
	}
	slices.Sort(out)
	return out
}

var (
	thursday = calendar.MustDay("2026-11-19")
	friday   = calendar.MustDay("2026-11-20")
)

// rows are n rows of a day; their names tell them from those of another edition.
func rows(d calendar.Day, from, n int, edition string) []Row {
	var out []Row
	for i := from; i < from+n; i++ {
		out = append(out, Row{d, int64(i), fmt.Sprintf("%s %d", edition, i), fmt.Sprintf("%d.2500", i), 0.5})
	}
	return out
}

// Request asks for the rows with no more than a target needs: no wait is waited.
func (w World) Request(mode string, d calendar.Day, rows ...[]Row) publish.Request {
	var values [][]any
	for _, some := range rows {
		for _, r := range some {
			values = append(values, r.values())
		}
	}
	return publish.Request{
		Publication: w.Publication(mode), Day: d, Columns: Columns(), Rows: Values(values, nil), Count: int64(len(values)), Keys: []string{"id"}, Run: "run-1",
		Secret: func(_ context.Context, ref string) (string, error) { return w.Secrets[ref], nil },
		Wait:   func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Log:    func(string, string, ...any) {},
	}
}

// Values gives the rows and then, if there is one, the error.
func Values(rows [][]any, err error) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func (w World) publish(t *testing.T, r publish.Request) (publish.Result, error) {
	t.Helper()
	target, err := publish.New(w.To)
	if err != nil {
		t.Fatal(err)
	}
	return target.Publish(t.Context(), r)
}

func (w World) must(t *testing.T, r publish.Request) publish.Result {
	t.Helper()
	result, err := w.publish(t, r)
	if err != nil {
		t.Fatal(err)
	}
	if result.Sent != r.Count || result.Step == "" {
		t.Errorf("result %+v of %d rows", result, r.Count)
	}
	return result
}

func (w World) holds(t *testing.T, mode string, d calendar.Day, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, w.Read(mode, d)); diff != "" {
		t.Errorf("the target (-want +got):\n%s", diff)
	}
}

// Run runs the suite; open makes a new world.
func Run(t *testing.T, open func(t *testing.T) World) {
	for _, c := range []struct {
		name string
		test func(*testing.T, World)
	}{
		{"SwapMakesTheTargetExactlyTheMart", swaps},
		{"SameRowsAgainChangeNothing", again},
		{"DayReplacesItsOwnRowsOnly", days},
		{"UpsertLeavesOtherRows", upserts},
		{"EmptyMartEmptiesTheTarget", empties},
		{"FailureOfTheRowsLeavesTheOldContent", failingRows},
		{"CutConnectionLeavesOldOrNew", cuts},
		{"OtherCountThanTheMartsIsRefused", counts},
		{"HostileTextsArriveAsTheyAre", hostile},
		{"WhatTheTargetCannotHoldIsNamed", impossible},
		{"KeysTwiceOrNullAreRefusedByName", keys},
		{"RowOfAnotherDayIsRefused", otherDays},
		{"ReadersSeeOldOrNew", readers},
		{"CancelledPublishSaysSo", cancelled},
		{"CredentialsAreInNoError", secrets},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func swaps(t *testing.T, w World) {
	old := rows(thursday, 1, 60, "old")
	if got := w.must(t, w.Request("swap", thursday, old)); got.Written != 60 || got.Removed != 0 {
		t.Errorf("the first publish: %+v", got)
	}
	w.holds(t, "swap", thursday, texts(old))
	kept, changed, added := rows(thursday, 1, 20, "old"), rows(thursday, 21, 20, "new"), rows(friday, 100, 20, "new")
	got := w.must(t, w.Request("swap", friday, kept, changed, added))
	w.holds(t, "swap", friday, texts(kept, changed, added))
	if w.Differs && (got.Written != 40 || got.Removed != 20) {
		t.Errorf("20 rows changed, 20 are new, 20 are gone: %+v", got)
	}
}

func again(t *testing.T, w World) {
	for _, mode := range w.Modes {
		all := rows(thursday, 1, 40, "same")
		w.must(t, w.Request(mode, thursday, all))
		second := w.Request(mode, thursday, all)
		second.Run = "run-2"
		got := w.must(t, second)
		w.holds(t, mode, thursday, texts(all))
		if w.Differs && (got.Written != 0 || got.Removed != 0) {
			t.Errorf("%s of the same rows: %+v", mode, got)
		}
	}
}

func (w World) has(t *testing.T, mode string) {
	t.Helper()
	if !slices.Contains(w.Modes, mode) {
		t.Skip("this kind has no mode: " + mode)
	}
}

func days(t *testing.T, w World) {
	w.has(t, "day")
	first, second := rows(thursday, 1, 30, "thursday"), rows(friday, 31, 30, "friday")
	w.must(t, w.Request("day", thursday, first))
	w.must(t, w.Request("day", friday, second))
	fewer := rows(thursday, 11, 5, "again")
	w.must(t, w.Request("day", thursday, fewer))
	got := w.Read("day", thursday)
	if slices.Equal(got, texts(fewer)) { // each day has its place
		w.holds(t, "day", friday, texts(second))
		return
	}
	w.holds(t, "day", thursday, texts(fewer, second))
}

func upserts(t *testing.T, w World) {
	w.has(t, "upsert")
	first := rows(thursday, 1, 30, "thursday")
	w.must(t, w.Request("upsert", thursday, first))
	second := rows(friday, 21, 30, "friday")
	w.must(t, w.Request("upsert", friday, second))
	w.holds(t, "upsert", friday, texts(first[:20], second))
}

func empties(t *testing.T, w World) {
	w.must(t, w.Request("swap", thursday))
	w.holds(t, "swap", thursday, nil)
	w.must(t, w.Request("swap", thursday, rows(thursday, 1, 30, "old")))
	w.must(t, w.Request("swap", friday))
	w.holds(t, "swap", friday, nil)
}

func failingRows(t *testing.T, w World) {
	old := rows(thursday, 1, 30, "old")
	w.must(t, w.Request("swap", thursday, old))
	broken := errors.New("the warehouse went away")
	for _, after := range []int{0, 1, 29, 300} {
		r := w.Request("swap", thursday, rows(thursday, 2, 301, "new"))
		var some [][]any
		for row := range r.Rows {
			if some = append(some, row); len(some) == after {
				break
			}
		}
		r.Rows = Values(some[:after], broken)
		if _, err := w.publish(t, r); !errors.Is(err, broken) {
			t.Fatalf("rows broken off after %d: %v", after, err)
		}
		if w.Atomic {
			w.holds(t, "swap", thursday, texts(old))
		}
	}
	w.must(t, w.Request("swap", thursday, old))
	w.holds(t, "swap", thursday, texts(old))
}

func cuts(t *testing.T, w World) {
	old, fresh := rows(thursday, 1, 200, "old"), rows(thursday, 50, 200, "new")
	w.must(t, w.Request("swap", thursday, old))
	for after := int64(10); ; after += after/2 + 500 {
		w.Proxy.CutAfter(after)
		_, err := w.publish(t, w.Request("swap", thursday, fresh))
		cut := w.Proxy.Mend()
		got := w.Read("swap", thursday)
		if w.Atomic && !slices.Equal(got, texts(old)) && (err == nil || !slices.Equal(got, texts(fresh))) && !slices.Equal(got, texts(fresh)) {
			t.Fatalf("cut after %d bytes, %d rows that are neither the old nor the new ones: %v", after, len(got), err)
		}
		if err == nil {
			w.holds(t, "swap", thursday, texts(fresh))
			if !cut {
				break // all of it went through
			}
		} else if code := fault.Code(err); code != fault.Unavailable {
			t.Errorf("cut after %d bytes: code %q: %v", after, code, err)
		}
		w.must(t, w.Request("swap", thursday, old))
		w.holds(t, "swap", thursday, texts(old))
	}
}

func counts(t *testing.T, w World) {
	old := rows(thursday, 1, 10, "old")
	w.must(t, w.Request("swap", thursday, old))
	for _, count := range []int64{9, 12} {
		r := w.Request("swap", thursday, rows(thursday, 1, 11, "new"))
		r.Count = count
		if _, err := w.publish(t, r); !fault.Is(err, fault.Damaged) || !strings.Contains(err.Error(), "11") {
			t.Errorf("11 rows of %d: %v", count, err)
		}
	}
	if w.Atomic {
		w.holds(t, "swap", thursday, texts(old))
	}
}

func hostile(t *testing.T, w World) {
	var all []Row
	for i, name := range []any{
		``, `'; DROP TABLE x; --`, `"quoted"`, "`tick`", `back\slash`, `\N`, `\.`, "tab\tnewline\ncr\rend", "한국어 도서관", "😀👩‍👩‍👧 𠮷", "{a,b}", `{"json":1}`, "NULL",
		"$1 ? %s :name {day}", " spaces ", "\u202eright to left", "\x01\x1f\x7f", strings.Repeat("길", 30000), nil, "<script>&amp;",
	} {
		all = append(all, Row{thursday, int64(i + 1), name, "9007199254740993.1234", 1e100})
	}
	all = append(all, Row{thursday, int64(math.MaxInt64), "largest", "-99999999999999999999.9999", -1.25e-100}, Row{thursday, int64(math.MinInt64 + 1), "least", "0.0001", 0})
	for _, mode := range w.Modes {
		w.must(t, w.Request(mode, thursday, all))
		w.holds(t, mode, thursday, texts(all))
	}
}

// impossible: what one kind takes another cannot; it takes it whole or names row and column.
func impossible(t *testing.T, w World) {
	old := rows(thursday, 1, 5, "old")
	for _, c := range []struct {
		column string
		row    Row
	}{
		{"name", Row{thursday, int64(77), "nul\x00byte", "1", 0}},
		{"score", Row{thursday, int64(77), "not a number", "1", math.NaN()}},
		{"score", Row{thursday, int64(77), "infinity", "1", math.Inf(-1)}},
		{"score", Row{thursday, int64(77), "large", "1", math.MaxFloat64}},
		{"score", Row{thursday, int64(77), "small", "1", math.SmallestNonzeroFloat64}},
	} {
		w.must(t, w.Request("swap", thursday, old))
		_, err := w.publish(t, w.Request("swap", thursday, old, []Row{c.row}))
		switch {
		case err == nil:
			w.holds(t, "swap", thursday, texts(old, []Row{c.row}))
		case !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "id=77") || !strings.Contains(err.Error(), c.column):
			t.Errorf("%q: %v", c.row.Name, err)
		case w.Atomic:
			w.holds(t, "swap", thursday, texts(old))
		}
	}
}

func keys(t *testing.T, w World) {
	old := rows(thursday, 1, 5, "old")
	w.must(t, w.Request("swap", thursday, old))
	twice := Row{thursday, int64(3), "twice", "1", 0}
	null := Row{thursday, nil, "without a key", "1", 0}
	for _, mode := range w.Modes {
		if _, err := w.publish(t, w.Request(mode, thursday, rows(thursday, 1, 40, "new"), []Row{twice})); !fault.Is(err, fault.CheckFailed) || !strings.Contains(err.Error(), "3") {
			t.Errorf("%s with a key twice: %v", mode, err)
		}
		if _, err := w.publish(t, w.Request(mode, thursday, rows(thursday, 1, 40, "new"), []Row{null})); !fault.Is(err, fault.CheckFailed) || !strings.Contains(err.Error(), "id") {
			t.Errorf("%s with a key that is null: %v", mode, err)
		}
	}
	if w.Atomic {
		w.holds(t, "swap", thursday, texts(old))
	}
}

func otherDays(t *testing.T, w World) {
	for _, mode := range w.Modes {
		if mode == "swap" {
			continue
		}
		if _, err := w.publish(t, w.Request(mode, thursday, rows(thursday, 1, 5, "a"), rows(friday, 6, 1, "b"))); !fault.Is(err, fault.Damaged) || !strings.Contains(err.Error(), "id=6") {
			t.Errorf("%s with a row of another day: %v", mode, err)
		}
	}
}

func readers(t *testing.T, w World) {
	if !w.Atomic {
		t.Skip("readers of this kind can see a mixture, as its documentation says")
	}
	editions := [][]Row{rows(thursday, 1, 300, "first"), rows(thursday, 150, 300, "second")}
	want := [][]string{texts(editions[0]), texts(editions[1])}
	w.must(t, w.Request("swap", thursday, editions[1]))
	var wait sync.WaitGroup
	done := make(chan struct{})
	reads := 0
	wait.Go(func() {
		for {
			if got := w.Read("swap", thursday); !slices.Equal(got, want[0]) && !slices.Equal(got, want[1]) {
				t.Errorf("a reader saw %d rows that are neither the old nor the new ones", len(got))
				return
			}
			reads++
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for i := range 8 {
		if _, err := w.publish(t, w.Request("swap", thursday, editions[i%2])); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wait.Wait()
	t.Logf("%d reads beside 8 publishes", reads)
}

func cancelled(t *testing.T, w World) {
	ctx, cancel := context.WithCancel(t.Context())
	target, err := publish.New(w.To)
	if err != nil {
		t.Fatal(err)
	}
	old := rows(thursday, 1, 5, "old")
	w.must(t, w.Request("swap", thursday, old))
	r := w.Request("swap", thursday, rows(thursday, 1, 50, "new"))
	inner := r.Rows
	r.Rows = func(yield func([]any, error) bool) {
		n := 0
		for row, err := range inner {
			if n++; n == 20 {
				cancel()
			}
			if !yield(row, err) {
				return
			}
		}
	}
	if _, err := target.Publish(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled on the way: %v", err)
	}
	if w.Atomic {
		w.holds(t, "swap", thursday, texts(old))
	}
}

func secrets(t *testing.T, w World) {
	var said []string
	note := func(level, format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	try := func(r publish.Request, code string) {
		t.Helper()
		r.Log = note
		_, err := w.publish(t, r)
		if !fault.Is(err, code) || fault.Hint(err) == "" {
			t.Errorf("want a fault of code %s with a hint: %v", code, err)
		}
		said = append(said, fmt.Sprintf("%v %#v", err, err))
	}
	denied := w.Request("swap", thursday, rows(thursday, 1, 5, "a"))
	var wrong map[string]string
	denied.Publication, wrong = w.Denied("swap")
	denied.Secret = func(_ context.Context, ref string) (string, error) { return wrong[ref], nil }
	try(denied, fault.Refused)
	w.Proxy.CutAfter(0)
	try(w.Request("swap", thursday, rows(thursday, 1, 5, "a")), fault.Unavailable)
	w.Proxy.Mend()
	for _, s := range said {
		if strings.Contains(s, w.Secret) || strings.Contains(s, "wrong-"+w.Secret) {
			t.Errorf("the credential is in %s", s)
		}
	}
}
