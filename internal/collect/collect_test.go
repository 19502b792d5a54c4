package collect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
)

var (
	seoul = time.FixedZone("Seoul", 9*60*60)
	day   = calendar.MustDay("2026-11-19")
)

// clock is moved by tests.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time { return time.Unix(0, c.at.Load()) }

func (c *clock) set(text string) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	c.at.Store(at.UnixNano())
}

func clicks(memory int64) project.Source {
	return project.Source{Name: "clicks", From: "collect", Zone: seoul, Collect: project.Collect{Memory: memory}}
}

// open opens a log for clicks; it is closed with the test unless that closes it.
func open(t *testing.T, dir string, c *clock, size int64) *Log {
	t.Helper()
	l, err := Open(dir, Options{Sources: []project.Source{clicks(1 << 20), {Name: "orders", From: "files"}}, Now: c.now, Size: size})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func noon() *clock {
	c := &clock{}
	c.set("2026-11-19T12:00:00+09:00")
	return c
}

func add(t *testing.T, l *Log, records ...string) {
	t.Helper()
	for _, r := range records {
		if err := l.Append(t.Context(), "clicks", []byte(r+"\n")); err != nil {
			t.Fatal(err)
		}
	}
}

// held is what the closed segments of a day have, by name.
func held(t *testing.T, l *Log, d calendar.Day) map[string]string {
	t.Helper()
	list, err := l.Segments(t.Context(), "clicks", d)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, s := range list {
		text, err := os.ReadFile(s.Path)
		if err != nil || int64(len(text)) != s.Bytes {
			t.Fatalf("%d bytes of %s, %v", len(text), s.Name, err)
		}
		all[s.Name] = string(text)
	}
	return all
}

func TestRecordsBelongToTheDayOfTheirArrivalInTheSourcesZone(t *testing.T) {
	c := noon()
	l := open(t, t.TempDir(), c, 0)
	c.set("2026-11-19T23:59:59+09:00")
	add(t, l, `{"n":1}`, `{"n":2}`)
	c.set("2026-11-20T00:00:00+09:00")
	add(t, l, `{"n":3}`)
	if d := cmp.Diff(map[string]string{"000001.ndjson": "{\"n\":1}\n{\"n\":2}\n"}, held(t, l, day)); d != "" {
		t.Error(d)
	}
	c.set("2026-11-21T09:00:00+09:00")
	if d := cmp.Diff(map[string]string{"000001.ndjson": "{\"n\":3}\n"}, held(t, l, day.Add(1))); d != "" {
		t.Error(d)
	}
}

func TestSegmentIsClosedAtItsSizeAndListedInOrder(t *testing.T) {
	c := noon()
	l := open(t, t.TempDir(), c, 16)
	for i := range 11 {
		add(t, l, fmt.Sprintf(`{"n":%d}`, 10+i))
	}
	c.set("2026-11-20T00:00:00+09:00")
	list, err := l.Segments(t.Context(), "clicks", day)
	if err != nil || len(list) != 6 || !slices.IsSortedFunc(list, func(a, b Segment) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("%+v, %v", list, err)
	}
	var all strings.Builder
	for _, s := range list {
		text, err := os.ReadFile(s.Path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	if got := strings.Count(all.String(), "\n"); got != 11 || !strings.HasPrefix(all.String(), "{\"n\":10}\n{\"n\":11}\n") {
		t.Errorf("%q", all.String())
	}
}

func TestRunningDayIsUnavailableUntilItsEnd(t *testing.T) {
	c := noon()
	l := open(t, t.TempDir(), c, 0)
	add(t, l, `{"n":1}`)
	_, err := l.Segments(t.Context(), "clicks", day)
	var said *fault.Error
	if !errors.As(err, &said) || said.Code != fault.Unavailable || !said.Until.Equal(day.End(seoul)) {
		t.Error(err)
	}
}

func TestDayThatNobodyAttendedIsMissingAndAnAttendedOneEmpty(t *testing.T) {
	c := noon()
	l := open(t, t.TempDir(), c, 0)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	l.Attend(ctx, func(err error) { t.Error(err) })
	c.set("2026-11-22T12:00:00+09:00")
	if got := held(t, l, day); len(got) != 0 {
		t.Error(got)
	}
	if _, err := l.Segments(t.Context(), "clicks", day.Add(1)); !fault.Is(err, fault.Missing) || fault.Hint(err) == "" {
		t.Error(err)
	}
	if _, err := l.Segments(t.Context(), "orders", day); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

func TestClockSetBackBringsNothingIntoADayThatWasRead(t *testing.T) {
	c := noon()
	l := open(t, t.TempDir(), c, 0)
	add(t, l, `{"n":1}`)
	c.set("2026-11-20T00:00:01+09:00")
	before := held(t, l, day)
	c.set("2026-11-19T23:59:59+09:00")
	add(t, l, `{"n":2}`)
	c.set("2026-11-21T00:00:00+09:00")
	if d := cmp.Diff(before, held(t, l, day)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]string{"000001.ndjson": "{\"n\":2}\n"}, held(t, l, day.Add(1))); d != "" {
		t.Error(d)
	}
}

func TestClockSetBackOverARestartBringsNothingIntoADayThatWasRead(t *testing.T) {
	dir, c := filepath.Join(t.TempDir(), "of [2026]"), noon() // not a pattern
	first := open(t, dir, c, 0)
	add(t, first, `{"n":1}`)
	c.set("2026-11-20T00:00:01+09:00")
	held(t, first, day)
	if err := first.Remove("clicks", day); err != nil { // the lake has it
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	c.set("2026-11-19T23:59:59+09:00")
	second := open(t, dir, c, 0)
	ended, end := context.WithCancel(t.Context())
	end()
	second.Attend(ended, func(err error) { t.Error(err) })
	add(t, second, `{"n":2}`)
	c.set("2026-11-21T00:00:00+09:00")
	if list, err := second.Segments(t.Context(), "clicks", day); !fault.Is(err, fault.Missing) {
		t.Errorf("the day that was read and removed has %+v, %v", list, err)
	}
	if d := cmp.Diff(map[string]string{"000001.ndjson": "{\"n\":2}\n"}, held(t, second, day.Add(1))); d != "" {
		t.Error(d)
	}
}

// A crash is an open segment that nobody closed, with a tail that was never confirmed.
func TestCrashLosesNothingThatWasConfirmed(t *testing.T) {
	dir, c := t.TempDir(), noon()
	first := open(t, dir, c, 0)
	add(t, first, `{"n":1}`, `{"n":2}`)
	crashed := t.TempDir()
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(crashed, "clicks", day.String(), "000001.open")
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"n":3}` + "\n" + `{"n":`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	second := open(t, crashed, c, 0)
	add(t, second, `{"n":4}`)
	c.set("2026-11-20T00:00:00+09:00")
	want := map[string]string{"000001.ndjson": "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n", "000002.ndjson": "{\"n\":4}\n"}
	if d := cmp.Diff(want, held(t, second, day)); d != "" {
		t.Error(d)
	}
}

func TestRemovedDayIsGone(t *testing.T) {
	dir, c := t.TempDir(), noon()
	l := open(t, dir, c, 0)
	add(t, l, `{"n":1}`)
	if err := l.Remove("clicks", day); !fault.Is(err, fault.Refused) {
		t.Error("the running day:", err)
	}
	c.set("2026-11-20T00:00:00+09:00")
	held(t, l, day)
	add(t, l, `{"n":2}`)
	if days, err := l.Days("clicks"); err != nil || !slices.Equal(days, []calendar.Day{day, day.Add(1)}) {
		t.Error(days, err)
	}
	if err := l.Remove("clicks", day); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Segments(t.Context(), "clicks", day); !fault.Is(err, fault.Missing) {
		t.Error(err)
	}
	if days, err := l.Days("clicks"); err != nil || !slices.Equal(days, []calendar.Day{day.Add(1)}) {
		t.Error(days, err)
	}
}

func TestThoseWhoWaitAreSyncedTogether(t *testing.T) {
	c := noon()
	l := open(t, t.TempDir(), c, 0)
	s := l.streams["clicks"]
	var syncs atomic.Int64
	entered, hold := make(chan struct{}), make(chan struct{})
	s.sync = func(f *os.File) error {
		if syncs.Add(1) == 1 {
			close(entered)
			<-hold
		}
		return f.Sync()
	}
	var all sync.WaitGroup
	all.Go(func() { add(t, l, `{"n":0}`) })
	<-entered
	for i := range 100 {
		all.Go(func() { add(t, l, fmt.Sprintf(`{"n":%d}`, i+1)) })
	}
	for waiting := 0; waiting < 100; runtime.Gosched() {
		s.mu.Lock()
		waiting = len(s.queue)
		s.mu.Unlock()
	}
	close(hold)
	all.Wait()
	if n := syncs.Load(); n != 2 {
		t.Errorf("%d syncs for 101 requests", n)
	}
	c.set("2026-11-20T00:00:00+09:00")
	if n := strings.Count(held(t, l, day)["000001.ndjson"], "\n"); n != 101 {
		t.Errorf("%d records", n)
	}
}

func TestFailedSyncIsToldToAllAndLeavesWhatWasConfirmed(t *testing.T) {
	c := noon()
	l := open(t, t.TempDir(), c, 0)
	s := l.streams["clicks"]
	add(t, l, `{"n":1}`)
	for _, cause := range []error{syscall.ENOSPC, syscall.EIO} {
		s.sync = func(*os.File) error { return cause }
		err := l.Append(t.Context(), "clicks", []byte("{\"lost\":true}\n"))
		if !errors.Is(err, cause) || (cause == syscall.ENOSPC) != fault.Is(err, fault.NoSpace) {
			t.Error(err)
		}
	}
	s.sync = (*os.File).Sync
	add(t, l, `{"n":2}`)
	c.set("2026-11-20T00:00:00+09:00")
	if d := cmp.Diff(map[string]string{"000001.ndjson": "{\"n\":1}\n", "000002.ndjson": "{\"n\":2}\n"}, held(t, l, day)); d != "" {
		t.Error(d)
	}
}

func TestClosedLogTakesNothing(t *testing.T) {
	l := open(t, t.TempDir(), noon(), 0)
	add(t, l, `{"n":1}`)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(t.Context(), "clicks", []byte("{}\n")); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
}
