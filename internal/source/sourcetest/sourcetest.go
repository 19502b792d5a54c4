// Package sourcetest states what every kind of source must do, as a test suite that each kind's test runs.
package sourcetest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/source"
)

// World is a place that a source fetches from, made for one test and without any day at first.
type World struct {
	Source  source.Source
	Request func(d calendar.Day) source.Request // with Source.Days set to weekdays, made by Request of this package

	// Fill gives the world a day of these parts: each is what comes as one object, if the kind has objects, and has the
	// records of its lines. No parts is a day that is there and empty.
	Fill func(d calendar.Day, parts []string)
	// Records reads the records back from an object.
	Records func(object []byte) []string
	// Secret is the credential that requests carry, empty for a kind without.
	Secret string
	// Deny makes the world refuse the credential, or fail in the way that shows it most easily; nil for a kind without.
	Deny func()
	// Asked lists what was asked for since the world was made, one entry for each answer that brought records and naming them, such as
	// a page's URL with its cursor; nil for a kind that asks nobody.
	Asked func() []string
	// Throttle makes the world refuse the next n requests as too many; nil for a kind that nobody throttles.
	Throttle func(n int)
}

// Request is the request of a kind that needs nothing from the house: no wait is waited, every secret is secret, no other source
// has values, every call is allowed. The kind's test puts in its source and what it needs beside.
func Request(s project.Source, d calendar.Day) source.Request {
	return source.Request{
		Source: s, Day: d, Now: time.Now,
		Wait:   func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Secret: func(context.Context, string) (string, error) { return Secret, nil },
		Log:    func(string, string, ...any) {},
		Values: func(_ context.Context, name, _ string) ([]string, error) {
			return nil, fault.New(fault.NotFound, "there is no source "+name, "")
		},
		Spend:     func(context.Context, string, string, int64) (bool, error) { return true, nil },
		Collected: func(context.Context, calendar.Day) ([]source.Segment, error) { return nil, nil },
	}
}

// Secret is what every reference of Request stands for.
const Secret = "sEcReT-7f3a9c"

// thursday to saturday are days of the tests: two with data expected, and one without.
const (
	thursday = "2026-11-19"
	friday   = "2026-11-20"
	saturday = "2026-11-21"
)

func parts() []string {
	return []string{`{"id":1}` + "\n" + `{"id":2}` + "\n", `{"id":3}` + "\n", `{"id":4,"name":"한국어"}` + "\n"}
}

// Run runs the suite; open makes a new world.
func Run(t *testing.T, open func(t *testing.T) World) {
	for _, c := range []struct {
		name string
		test func(*testing.T, World)
	}{
		{"EveryRecordOfTheDayIsFetchedOnce", everyRecordOnce},
		{"AnotherFetchGivesTheSameObjects", fetchTwice},
		{"ObjectNamesAreSafeAndDistinct", safeNames},
		{"MissingDayIsToldFromAnEmptyOne", missingOrEmpty},
		{"NoDataIsExpectedOnADayThatTheSourceDoesNotHave", noData},
		{"FailureOfTheSinkEndsTheFetch", failingSink},
		{"UnfinishedFetchGoesOnWithoutAskingAgain", goesOn},
		{"ThrottledFetchWaitsAndIsWhole", throttled},
		{"CancelledFetchIsNotWhole", cancelled},
		{"CredentialsAreInNoErrorAndNoOrigin", secrets},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func everyRecordOnce(t *testing.T, w World) {
	w.Fill(calendar.MustDay(thursday), parts())
	w.Fill(calendar.MustDay(friday), []string{`{"id":5}` + "\n"})
	got := &sink{}
	result, err := w.Source.Fetch(t.Context(), w.Request(calendar.MustDay(thursday)), got)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Missing) > 0 || result.NoData {
		t.Errorf("result of a whole day: %+v", result)
	}
	var records []string
	for _, o := range got.objects {
		records = append(records, w.Records(o.bytes)...)
	}
	slices.Sort(records)
	want := slices.Sorted(strings.Lines(strings.Join(parts(), "")))
	for i := range want {
		want[i] = strings.TrimSuffix(want[i], "\n")
	}
	if d := cmp.Diff(want, records); d != "" {
		t.Errorf("records (-want +got):\n%s", d)
	}
}

func fetchTwice(t *testing.T, w World) {
	day := calendar.MustDay(thursday)
	w.Fill(day, parts())
	first, second := &sink{}, &sink{}
	for _, s := range []*sink{first, second} {
		if _, err := w.Source.Fetch(t.Context(), w.Request(day), s); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(first.sorted(), second.sorted(), cmp.AllowUnexported(object{})); d != "" {
		t.Errorf("the second fetch differs (-first +second):\n%s", d)
	}
}

func safeNames(t *testing.T, w World) {
	day := calendar.MustDay(thursday)
	w.Fill(day, parts())
	got := &sink{}
	if _, err := w.Source.Fetch(t.Context(), w.Request(day), got); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, o := range got.objects {
		bad := o.name == "" || o.name[0] == '.' || len(o.name) > 200 || seen[strings.ToLower(o.name)]
		for _, r := range o.name {
			bad = bad || !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune("._-=+@,() ", r)
		}
		if bad {
			t.Errorf("%q is no safe name, or comes twice", o.name)
		}
		seen[strings.ToLower(o.name)] = true
		if o.origin == "" {
			t.Errorf("object %s has no origin", o.name)
		}
	}
}

func missingOrEmpty(t *testing.T, w World) {
	w.Fill(calendar.MustDay(thursday), nil)
	got := &sink{}
	if _, err := w.Source.Fetch(t.Context(), w.Request(calendar.MustDay(thursday)), got); err != nil {
		t.Errorf("empty day: %v", err)
	}
	for _, o := range got.objects {
		if records := w.Records(o.bytes); len(records) > 0 {
			t.Errorf("empty day gave %q", records)
		}
	}
	_, err := w.Source.Fetch(t.Context(), w.Request(calendar.MustDay(friday)), &sink{})
	if !fault.Is(err, fault.Missing) {
		t.Errorf("missing day: %v, want a fault of code missing", err)
	}
}

func noData(t *testing.T, w World) {
	got := &sink{}
	result, err := w.Source.Fetch(t.Context(), w.Request(calendar.MustDay(saturday)), got)
	if err != nil || !result.NoData || len(got.objects) > 0 {
		t.Errorf("day outside the source's days: %+v, %v, %d objects", result, err, len(got.objects))
	}
}

func failingSink(t *testing.T, w World) {
	day := calendar.MustDay(thursday)
	w.Fill(day, parts())
	full := errors.New("the disk is full")
	for after := range 2 {
		got := &sink{before: func(n int) error {
			if n >= after {
				return full
			}
			return nil
		}}
		_, err := w.Source.Fetch(t.Context(), w.Request(day), got)
		if got.asked <= after {
			continue // the kind brings this day in fewer objects
		}
		if !errors.Is(err, full) {
			t.Errorf("sink failed at object %d: the fetch says %v", after+1, err)
		}
		if len(got.objects) > after {
			t.Errorf("the fetch went on after the sink failed: %d puts", got.asked)
		}
	}
}

// goesOn breaks a fetch off at each of its objects and lets another one go on.
func goesOn(t *testing.T, w World) {
	day := calendar.MustDay(thursday)
	w.Fill(day, parts())
	whole := &sink{}
	if _, err := w.Source.Fetch(t.Context(), w.Request(day), whole); err != nil {
		t.Fatal(err)
	}
	for cut := range whole.asked {
		crash := errors.New("crash")
		first := &sink{before: func(n int) error {
			if n >= cut {
				return crash
			}
			return nil
		}}
		if _, err := w.Source.Fetch(t.Context(), w.Request(day), first); !errors.Is(err, crash) {
			t.Fatalf("a fetch broken off at object %d says %v", cut+1, err)
		}
		r := w.Request(day)
		for _, o := range first.objects {
			r.Kept = append(r.Kept, source.Part{Name: o.name, Origin: o.origin, State: o.state})
		}
		before := w.asked()
		second := &sink{}
		if _, err := w.Source.Fetch(t.Context(), r, second); err != nil {
			t.Fatalf("a fetch that goes on behind object %d: %v", cut, err)
		}
		if d := cmp.Diff(whole.sorted(), (&sink{objects: slices.Concat(first.objects, second.objects)}).sorted(), cmp.AllowUnexported(object{})); d != "" {
			t.Errorf("broken off behind object %d (-whole +both):\n%s", cut, d)
		}
		if w.Asked != nil {
			if again := len(w.asked()) - len(before); again != whole.asked-cut {
				t.Errorf("behind object %d of %d, %d answers were asked for: %q", cut, whole.asked, again, w.asked()[len(before):])
			}
		}
	}
}

func (w World) asked() []string {
	if w.Asked == nil {
		return nil
	}
	return w.Asked()
}

func throttled(t *testing.T, w World) {
	if w.Throttle == nil {
		t.Skip("nobody throttles this kind")
	}
	day := calendar.MustDay(thursday)
	w.Fill(day, parts())
	whole, got := &sink{}, &sink{}
	if _, err := w.Source.Fetch(t.Context(), w.Request(day), whole); err != nil {
		t.Fatal(err)
	}
	r := w.Request(day)
	waits, wait := 0, r.Wait
	var mu sync.Mutex
	r.Wait = func(ctx context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		if waits++; d <= 0 {
			t.Errorf("waited for %s", d)
		}
		return wait(ctx, d)
	}
	w.Throttle(2)
	if _, err := w.Source.Fetch(t.Context(), r, got); err != nil {
		t.Fatal(err)
	}
	if waits == 0 {
		t.Error("the fetch did not wait")
	}
	if d := cmp.Diff(whole.sorted(), got.sorted(), cmp.AllowUnexported(object{})); d != "" {
		t.Errorf("throttled (-whole +got):\n%s", d)
	}
}

func cancelled(t *testing.T, w World) {
	day := calendar.MustDay(thursday)
	w.Fill(day, parts())
	ctx, cancel := context.WithCancel(t.Context())
	got := &sink{before: func(int) error { cancel(); return nil }}
	if _, err := w.Source.Fetch(ctx, w.Request(day), got); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled on the way: %v", err)
	}
	if _, err := w.Source.Fetch(ctx, w.Request(day), &sink{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
}

func secrets(t *testing.T, w World) {
	if w.Secret == "" {
		t.Skip("this kind has no credentials")
	}
	day := calendar.MustDay(thursday)
	w.Fill(day, parts())
	got := &sink{}
	if _, err := w.Source.Fetch(t.Context(), w.Request(day), got); err != nil {
		t.Fatal(err)
	}
	for _, o := range got.objects {
		if strings.Contains(o.origin, w.Secret) || strings.Contains(o.name, w.Secret) {
			t.Errorf("the credential is in object %s from %s", o.name, o.origin)
		}
	}
	_, missing := w.Source.Fetch(t.Context(), w.Request(calendar.MustDay(friday)), &sink{})
	w.Deny()
	_, denied := w.Source.Fetch(t.Context(), w.Request(day), &sink{})
	for _, err := range []error{missing, denied} {
		if err == nil || strings.Contains(err.Error(), w.Secret) {
			t.Errorf("error without, or with the credential: %v", err)
		}
	}
}

// sink keeps objects in memory.
type sink struct {
	before func(earlier int) error // called with the number of earlier puts; nil for none

	mu      sync.Mutex
	asked   int
	objects []object
}

type object struct {
	name, origin, state string
	bytes               []byte
}

// Put stops like a real sink when the fetch is cancelled.
func (s *sink) Put(ctx context.Context, p source.Part, r io.Reader) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.before != nil {
		if err := s.before(s.asked - 1); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.objects = append(s.objects, object{p.Name, p.Origin, p.State, b})
	return nil
}

// sorted is the objects by name: a kind that puts several at once has no order among them.
func (s *sink) sorted() []object {
	return slices.SortedFunc(slices.Values(s.objects), func(a, b object) int { return strings.Compare(a.name, b.name) })
}
