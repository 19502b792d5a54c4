package source_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
)

// The log that writes segments is not below this package; the suite runs over the real one where the two are joined, in cmd/daybook.
func TestCollect(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, func(t *testing.T) sourcetest.World {
		dir := t.TempDir()
		weekdays, err := calendar.ParseWeekdays("mon-fri")
		if err != nil {
			t.Fatal(err)
		}
		return sourcetest.World{
			Source: source.Collect{},
			Request: func(d calendar.Day) source.Request {
				r := sourcetest.Request(project.Source{Name: "clicks", From: "collect", Format: "ndjson", Days: weekdays}, d)
				r.Collected = func(_ context.Context, d calendar.Day) ([]source.Segment, error) { return closedSegments(dir, d) }
				return r
			},
			Fill: func(d calendar.Day, parts []string) {
				if err := os.MkdirAll(filepath.Join(dir, d.String()), 0o700); err != nil {
					t.Fatal(err)
				}
				for i, p := range parts {
					if err := os.WriteFile(filepath.Join(dir, d.String(), fmt.Sprintf("%06d.ndjson", i+1)), []byte(p), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			},
			Records: func(object []byte) []string { return strings.Split(strings.TrimSuffix(string(object), "\n"), "\n") },
		}
	})
}

func closedSegments(dir string, d calendar.Day) ([]source.Segment, error) {
	entries, err := os.ReadDir(filepath.Join(dir, d.String()))
	if os.IsNotExist(err) {
		return nil, fault.Wrap(fault.Missing, fs.ErrNotExist, "nothing was collected", "")
	}
	var list []source.Segment
	for _, e := range entries {
		list = append(list, source.Segment{Name: e.Name(), Path: filepath.Join(dir, d.String(), e.Name())})
	}
	return list, err
}

func TestRunningDayOfCollectIsUnavailable(t *testing.T) {
	t.Parallel()
	r := sourcetest.Request(project.Source{Name: "clicks", From: "collect"}, calendar.MustDay("2026-11-19"))
	r.Collected = func(context.Context, calendar.Day) ([]source.Segment, error) {
		return nil, fault.New(fault.Unavailable, "records are still taken", "")
	}
	_, err := source.Collect{}.Fetch(t.Context(), r, nil)
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "clicks") {
		t.Error(err)
	}
}

func TestWhatIsKeptOfASegmentThatIsGoneIsNotThrownAway(t *testing.T) {
	t.Parallel()
	r := sourcetest.Request(project.Source{Name: "clicks", From: "collect"}, calendar.MustDay("2026-11-20"))
	r.Source.Days, _ = calendar.ParseWeekdays("mon-sun")
	r.Collected = func(context.Context, calendar.Day) ([]source.Segment, error) { return nil, nil }
	r.Kept = []source.Part{{Name: "000001.ndjson", Origin: "collect/clicks/2026-11-20/000001.ndjson"}}
	_, err := source.Collect{}.Fetch(t.Context(), r, nil)
	if !fault.Is(err, fault.Damaged) || errors.Is(err, source.ErrChanged) || !strings.Contains(err.Error(), "000001.ndjson") {
		t.Error(err)
	}
}
