package source_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
)

// streamDay is the day that the tests of streams read.
var streamDay = calendar.MustDay("2026-11-19")

// streamSource is a source of a stream for the suite: with data from monday to friday, in a zone of its own.
func streamSource(from, name string) project.Source {
	days, _ := calendar.ParseWeekdays("mon-fri")
	zone, _ := time.LoadLocation("Asia/Seoul")
	return project.Source{Name: "clicks", From: from, File: "sources/clicks.yaml", Line: 1, Format: "ndjson", Holds: "day", Days: days, Zone: zone,
		Stream: project.Stream{Name: name, Lateness: 5 * time.Minute}}
}

// streamClock is the time of requests: an hour after a day for those that were filled, and an hour before the others.
type streamClock struct {
	mu     sync.Mutex
	filled map[calendar.Day]bool
}

func (c *streamClock) fill(d calendar.Day) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.filled == nil {
		c.filled = map[calendar.Day]bool{}
	}
	c.filled[d] = true
}

func (c *streamClock) at(s project.Source, d calendar.Day) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.filled[d] {
		return d.End(s.Zone).Add(time.Hour)
	}
	return d.Start(s.Zone).Add(-time.Hour)
}

// kept is a sink that stands for the lake: what it took is the next request's Kept.
type kept struct {
	mu    sync.Mutex
	parts []source.Part
	text  map[string]string
	most  int // parts to take before it fails, 0 for any number
}

func (k *kept) Put(ctx context.Context, p source.Part, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.most > 0 && len(k.parts) == k.most {
		return fmt.Errorf("the sink took %d parts", k.most)
	}
	if k.text == nil {
		k.text = map[string]string{}
	}
	if _, twice := k.text[p.Name]; twice {
		return fmt.Errorf("part %s was put twice", p.Name)
	}
	k.parts, k.text[p.Name] = append(k.parts, p), string(b)
	return ctx.Err()
}

// lines are the records of all parts, in order.
func (k *kept) lines() []string {
	var all []string
	for _, text := range k.text {
		all = append(all, slices.Collect(strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n"))...)
	}
	slices.Sort(all)
	return all
}

// fetchDay fetches a day at an instant into a sink, behind what the sink has.
func fetchDay(t *testing.T, kind source.Source, s project.Source, d calendar.Day, now time.Time, checkpoint map[string]string, into *kept) (source.Result, error) {
	t.Helper()
	r := sourcetest.Request(s, d)
	r.Now = func() time.Time { return now }
	r.Kept, r.Checkpoint = slices.Clone(into.parts), checkpoint
	r.Log = func(level, format string, args ...any) { t.Logf(level+": "+format, args...) }
	return kind.Fetch(t.Context(), r, into)
}

func sameRecords(t *testing.T, want []string, got *kept) {
	t.Helper()
	want = slices.Sorted(slices.Values(want))
	if d := cmp.Diff(want, got.lines()); d != "" {
		t.Errorf("records (-want +got):\n%s", d)
	}
}

func isFault(t *testing.T, err error, code string, says ...string) {
	t.Helper()
	if !fault.Is(err, code) {
		t.Fatalf("%v is not a fault of code %s", err, code)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q does not say %q", err, s)
		}
	}
}

// ids are records of numbers, as JSON lines.
func numbered(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf(`{"id":%d}`, i))
	}
	return all
}

func mustZone(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// twentyFiveHours holds that a day of so many hours has them all; put writes a record that comes at an instant, fetch fetches a day.
func twentyFiveHours(t *testing.T, s *project.Source, put func(at time.Time, value string), fetch func(d calendar.Day, now time.Time, into *kept) error) {
	t.Helper()
	s.Zone, s.Days = mustZone(t, "America/New_York"), 0
	d := calendar.MustDay("2026-11-01")
	start := d.Start(s.Zone)
	for i, value := range numbered(0, 27) { // one before, 25 of the day, one after
		put(start.Add(time.Duration(i-1)*time.Hour), value)
	}
	got := &kept{}
	if err := fetch(d, start.Add(26*time.Hour), got); err != nil {
		t.Fatal(err)
	}
	sameRecords(t, numbered(1, 26), got)
}
