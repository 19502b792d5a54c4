// Package sourcetest states what every kind of source must do, as a test suite that each kind's test runs.
package sourcetest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/source"
)

// World is a place that a source fetches from, made for one test and without any day at first.
type World struct {
	Source  source.Source
	Request func(d calendar.Day) source.Request // with Source.Days set to weekdays

	// Fill gives the world a day of these parts: each is what comes as one object, if the kind has objects, and has the
	// records of its lines. No parts is a day that is there and empty.
	Fill func(d calendar.Day, parts []string)
	// Records reads the records back from an object.
	Records func(object []byte) []string
	// Secret is the credential that requests carry, empty for a kind without.
	Secret string
	// Deny makes the world refuse the credential, or fail in the way that shows it most easily; nil for a kind without.
	Deny func()
}

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
	if d := cmp.Diff(first.objects, second.objects, cmp.AllowUnexported(object{})); d != "" {
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
		if got.asked != after+1 {
			t.Errorf("the fetch went on after the sink failed: %d puts", got.asked)
		}
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
	before  func(earlier int) error // called with the number of earlier puts; nil for none
	asked   int
	objects []object
}

type object struct {
	name, origin string
	bytes        []byte
}

// Put stops like a real sink when the fetch is cancelled.
func (s *sink) Put(ctx context.Context, name, origin string, r io.Reader) error {
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
	s.objects = append(s.objects, object{name, origin, b})
	return nil
}
