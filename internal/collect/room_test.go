package collect

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"daybook/internal/fault"
	"daybook/internal/project"
)

// fill admits requests of n bytes each until no more fit, which has to be because memory is used up.
func fill(t *testing.T, l *Log, page bool, n int64) []*Room {
	t.Helper()
	var rooms []*Room
	for {
		r, err := l.Admit("clicks", page, n)
		if err == nil {
			if err = r.Grow(n); err != nil {
				r.Release()
			}
		}
		if err != nil {
			if !fault.Is(err, CodeFull) || fault.Hint(err) == "" {
				t.Error(err)
			}
			return rooms
		}
		rooms = append(rooms, r)
	}
}

func TestMemoryIsLentUpToItsBound(t *testing.T) {
	l := open(t, t.TempDir(), noon(), 0)
	rooms := fill(t, l, false, 100<<10)
	if want := (1 << 20) / (100<<10 + toll); len(rooms) != want {
		t.Errorf("%d requests were let in, not %d", len(rooms), want)
	}
	for range 2 {
		rooms[0].Release() // twice gives back once
	}
	if again := fill(t, l, false, 100<<10); len(again) != 1 {
		t.Errorf("%d requests were let in for one that left", len(again))
	}
}

func TestMemoryIsTakenAsBytesArriveNotAsTheyAreAnnounced(t *testing.T) {
	l := open(t, t.TempDir(), noon(), 0)
	for range 10 {
		if _, err := l.Admit("clicks", false, 500<<10); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Admit("clicks", false, 900<<10); !fault.Is(err, CodeFull) {
		t.Errorf("one that cannot fit is let in: %v", err)
	}
}

func TestPagesTakeHalfOfTheMemoryAtMost(t *testing.T) {
	l := open(t, t.TempDir(), noon(), 0)
	pages := fill(t, l, true, 16<<10)
	if held := l.streams["clicks"].held; held > 1<<19 || held < 1<<18 {
		t.Errorf("pages hold %d bytes", held)
	}
	if programs := fill(t, l, false, 16<<10); len(programs) < len(pages) {
		t.Errorf("%d requests of programs found room beside %d of pages", len(programs), len(pages))
	}
}

func TestRequestThatIsAloneFits(t *testing.T) {
	l := open(t, t.TempDir(), noon(), 0)
	r, err := l.Admit("clicks", true, 1<<20)
	if err == nil {
		err = r.Grow(1 << 20)
	}
	if err != nil {
		t.Error(err)
	}
}

// limited opens a log whose pages may send 100 bytes a day.
func limited(t *testing.T, dir string, c *clock) *Log {
	t.Helper()
	s := clicks(1 << 20)
	s.Collect.Limit = 100
	l, err := Open(dir, Options{Sources: []project.Source{s}, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func spend(l *Log, page bool, n int64) error {
	r, err := l.Admit("clicks", page, n)
	if err != nil {
		return err
	}
	defer r.Release()
	return r.Spend(n)
}

func TestPagesSendSoMuchADayAndProgramsAsTheyLike(t *testing.T) {
	dir, c := t.TempDir(), noon()
	l := limited(t, dir, c)
	refused := func(err error) {
		t.Helper()
		var said *fault.Error
		if !errors.As(err, &said) || said.Code != fault.Quota || !said.Until.Equal(day.End(seoul)) {
			t.Error(err)
		}
	}
	if err := spend(l, true, 90); err != nil {
		t.Fatal(err)
	}
	refused(spend(l, true, 20))
	var told []error
	ended, end := context.WithCancel(t.Context())
	end()
	l.Attend(ended, func(err error) { told = append(told, err) })
	if len(told) != 1 || !strings.Contains(told[0].Error(), "limit: of the source") {
		t.Errorf("told: %v", told)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = limited(t, dir, c) // a restart forgets nothing
	defer l.Close()
	refused(spend(l, true, 20))
	if err := errors.Join(spend(l, true, 10), spend(l, false, 1000)); err != nil {
		t.Error(err)
	}
	refused(spend(l, true, 1))
	c.set("2026-11-20T00:00:00+09:00")
	if err := spend(l, true, 100); err != nil {
		t.Error("the next day:", err)
	}
}

func TestNothingIsLetInWhileTheDiskHasLessThanItsReserve(t *testing.T) {
	free, all := int64(0), int64(0)
	l, err := Open(t.TempDir(), Options{Sources: []project.Source{clicks(1 << 20)}, Now: time.Now, Space: func(string) (int64, int64, error) { return free, all, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, c := range []struct {
		free, all int64
		full      bool
	}{
		{0, 0, false}, // a disk without a size
		{49e6, 1e9, true}, {51e6, 1e9, false},
		{999e6, 1e12, true}, {1001e6, 1e12, false},
	} {
		free, all = c.free, c.all
		if err := spend(l, false, 1); fault.Is(err, fault.NoSpace) != c.full || c.full && fault.Hint(err) == "" {
			t.Errorf("%d of %d bytes are free: %v", c.free, c.all, err)
		}
	}
	free, all = 0, 1e9
	told := 0
	ended, end := context.WithCancel(t.Context())
	end()
	l.Attend(ended, func(err error) {
		if told++; !fault.Is(err, fault.NoSpace) {
			t.Error(err)
		}
	})
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}
