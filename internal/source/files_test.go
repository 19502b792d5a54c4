package source_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
)

func TestFilesAreASource(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"logs/{day}.*.ndjson", "{yyyy}/{mm}/{dd}/*/part.ndjson"} {
		t.Run(pattern, func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T) sourcetest.World { return world(t, pattern) })
		})
	}
}

func world(t *testing.T, pattern string) sourcetest.World {
	dir := t.TempDir()
	return sourcetest.World{
		Source:  files(t),
		Request: func(d calendar.Day) source.Request { return request(t, dir, pattern, d.String()) },
		Fill: func(d calendar.Day, parts []string) {
			if len(parts) == 0 {
				parts = []string{""}
			}
			for i, text := range parts {
				p := strings.NewReplacer("{day}", d.String(), "{yyyy}", d.Format("2006"), "{mm}", d.Format("01"), "{dd}", d.Format("02"), "*", fmt.Sprint(i)).Replace(pattern)
				write(t, dir, p, text)
			}
		},
		Records: func(b []byte) []string {
			return slices.Collect(func(yield func(string) bool) {
				for line := range strings.Lines(string(b)) {
					if !yield(strings.TrimSuffix(line, "\n")) {
						return
					}
				}
			})
		},
	}
}

func files(t *testing.T) source.Source {
	t.Helper()
	s, err := source.New("files")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func request(t *testing.T, dir, pattern, day string) source.Request {
	t.Helper()
	weekdays, err := calendar.ParseWeekdays("weekdays")
	if err != nil {
		t.Fatal(err)
	}
	r := sourcetest.Request(project.Source{Name: "searches", File: "sources/searches.yaml", Line: 3, From: "files", Path: pattern, Zone: time.UTC, Days: weekdays, Holds: "day"}, calendar.MustDay(day))
	r.Dir = dir
	return r
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// sink notes "name < origin = bytes" of each object.
type sink struct {
	objects []string
	during  func() // called when half of an object is read
}

func (s *sink) Put(_ context.Context, p source.Part, r io.Reader) error {
	var b bytes.Buffer
	_, err := io.CopyN(&b, r, 1)
	if s.during != nil {
		s.during()
	}
	if err == nil {
		_, err = io.Copy(&b, r)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	s.objects = append(s.objects, fmt.Sprintf("%s < %s = %s", p.Name, p.Origin, b.String()))
	return nil
}

func fetch(t *testing.T, r source.Request) (objects []string, result source.Result, err error) {
	t.Helper()
	var s sink
	result, err = files(t).Fetch(t.Context(), r, &s)
	return s.objects, result, err
}

func wantObjects(t *testing.T, r source.Request, want ...string) source.Result {
	t.Helper()
	got, result, err := fetch(t, r)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("objects (-want +got):\n%s", d)
	}
	return result
}

func wantFault(t *testing.T, r source.Request, code string, words ...string) {
	t.Helper()
	_, _, err := fetch(t, r)
	if !fault.Is(err, code) {
		t.Fatalf("error %v, want a fault of code %s", err, code)
	}
	for _, w := range append(words, fault.Hint(err)) {
		if w == "" || !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

func TestCompressedBytesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "2026-11-19.json.gz", "\x1f\x8b\x08 not even whole")
	wantObjects(t, request(t, dir, "{day}.json.gz", "2026-11-19"), "2026-11-19.json.gz < 2026-11-19.json.gz = \x1f\x8b\x08 not even whole")
}

func TestAbsentHoursAreNamedAndThePresentOnesFetchedInOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for h := range 24 {
		if h != 2 && h != 23 {
			write(t, dir, fmt.Sprintf("logs/2026-11-19-%d.json.gz", h), fmt.Sprint(h))
		}
	}
	objects, result, err := fetch(t, request(t, dir, "logs/{day}-{hour}.json.gz", "2026-11-19"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"hour 2: logs/2026-11-19-2.json.gz", "hour 23: logs/2026-11-19-23.json.gz"}, result.Missing); d != "" {
		t.Error(d)
	}
	if len(objects) != 22 || objects[2] != "2026-11-19-3.json.gz < logs/2026-11-19-3.json.gz = 3" || !strings.HasPrefix(objects[9], "2026-11-19-10.") {
		t.Errorf("%d objects: %q", len(objects), objects)
	}
}

func TestHoursAreThoseOfTheSourcesZone(t *testing.T) {
	t.Parallel()
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "2026-03-08/0/x.ndjson", "0")
	r := request(t, dir, "{day}/{hour}/x.ndjson", "2026-03-08") // 02:00 does not exist there
	r.Source.Zone, r.Source.Days = newYork, 0
	result := wantObjects(t, r, "x.ndjson < 2026-03-08/0/x.ndjson = 0")
	if len(result.Missing) != 22 || strings.Contains(strings.Join(result.Missing, " "), "hour 2:") {
		t.Errorf("missing: %q", result.Missing)
	}
}

func TestDayWithoutAnyHourIsMissing(t *testing.T) {
	t.Parallel()
	wantFault(t, request(t, t.TempDir(), "logs/{day}-{hour}.json.gz", "2026-11-19"), fault.Missing, "logs/2026-11-19-{hour}.json.gz")
	wantFault(t, request(t, t.TempDir(), "logs/{day}.ndjson", "2026-11-19"), fault.Missing, "logs/2026-11-19.ndjson")
}

func TestFileOfTwoHoursIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "2026-11-19-10.ndjson", "x")
	wantFault(t, request(t, dir, "{day}*{hour}.ndjson", "2026-11-19"), fault.Invalid, "sources/searches.yaml:3", "hour 0 and of hour 10")
}

func TestPatternMatchesInNameOrderAndTakesTheProjectLiterally(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a[b]*")
	for _, p := range []string{"b.csv", "a.csv", "ab.csv", ".c.csv", "c.txt", "sub/d.csv"} {
		write(t, dir, "in/2026-11-19/"+p, p)
	}
	write(t, dir, "in/notes.txt", "not a directory")
	for pattern, want := range map[string][]string{
		"in/{day}/*.csv":    {"a.csv < in/2026-11-19/a.csv = a.csv", "ab.csv < in/2026-11-19/ab.csv = ab.csv", "b.csv < in/2026-11-19/b.csv = b.csv"},
		"in/{day}/?.csv":    {"a.csv < in/2026-11-19/a.csv = a.csv", "b.csv < in/2026-11-19/b.csv = b.csv"},
		"in/{day}/[b-z].*":  {"b.csv < in/2026-11-19/b.csv = b.csv", "c.txt < in/2026-11-19/c.txt = c.txt"},
		"./in/{day}/.*.csv": {"_c.csv < in/2026-11-19/.c.csv = .c.csv"},
		"in/{day}/*/*.csv":  {"d.csv < in/2026-11-19/sub/d.csv = sub/d.csv"},
	} {
		t.Run(pattern, func(t *testing.T) { wantObjects(t, request(t, dir, pattern, "2026-11-19"), want...) })
	}
	abs := filepath.ToSlash(filepath.Join(t.TempDir(), "2026-11-19.csv"))
	write(t, "/", abs, "x")
	wantObjects(t, request(t, dir, strings.Replace(abs, "2026-11-19", "{day}", 1), "2026-11-19"), "2026-11-19.csv < "+abs+" = x")
}

func TestFilesOfOneNameBecomeDifferentObjects(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, p := range []string{"eu/web/hits.csv", "eu_web/hits.csv", "us/web/hits.csv"} {
		write(t, dir, "in/2026-11-19/"+p, p)
	}
	wantObjects(t, request(t, dir, "in/{day}/*/*/hits.csv", "2026-11-19"),
		"eu_web_hits.csv < in/2026-11-19/eu/web/hits.csv = eu/web/hits.csv", "us_web_hits.csv < in/2026-11-19/us/web/hits.csv = us/web/hits.csv")
}

func TestSnapshotIsFetchedOnAnyDay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "books.csv", "isbn\n")
	r := request(t, dir, "books.csv", "2026-11-21") // a Saturday
	r.Source.Holds = "snapshot"
	wantObjects(t, r, "books.csv < books.csv = isbn\n")
	r.Day = calendar.Day{}
	wantObjects(t, r, "books.csv < books.csv = isbn\n")
}

func TestFileThatGrowsWhileReadIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(file string) error{
		"grows": func(file string) error {
			f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("more\n")
			return errors.Join(err, f.Close())
		},
		"shrinks": func(file string) error { return os.Truncate(file, 1) },
		"is replaced": func(file string) error {
			return errors.Join(os.Remove(file), os.WriteFile(file, []byte("another\n"), 0o600))
		},
		"goes away": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := write(t, dir, "2026-11-19.ndjson", "one\ntwo\n")
			s := &sink{during: func() {
				if err := change(file); err != nil {
					t.Fatal(err)
				}
			}}
			_, err := files(t).Fetch(t.Context(), request(t, dir, "{day}.ndjson", "2026-11-19"), s)
			if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "2026-11-19.ndjson") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "2026-11-19"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "2026-11-19", "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantFault(t, request(t, dir, "{day}", "2026-11-19"), fault.Invalid, "2026-11-19 is a directory")
	wantFault(t, request(t, dir, "{day}/*", "2026-11-19"), fault.Invalid, "2026-11-19/pipe is not a regular file")
	wantFault(t, request(t, dir, "{day}/[", "2026-11-19"), fault.Invalid, `"[" is not a pattern`)
}

func TestUnreadableFilesAndDirectoriesAreNotTakenForMissingOnes(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("the superuser may read everything")
	}
	dir := t.TempDir()
	closed := write(t, dir, "2026-11-19.ndjson", "x")
	inner := filepath.Dir(write(t, dir, "closed/2026-11-19.ndjson", "x"))
	for p, mode := range map[string]fs.FileMode{closed: 0, inner: 0} {
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
	}
	defer os.Chmod(inner, 0o755)
	wantFault(t, request(t, dir, "{day}.ndjson", "2026-11-19"), "unreadable", "cannot read 2026-11-19.ndjson")
	wantFault(t, request(t, dir, "closed/{day}.ndjson", "2026-11-19"), "unreadable", "closed/2026-11-19.ndjson")
	wantFault(t, request(t, dir, "closed/*{day}*", "2026-11-19"), "unreadable", "closed/")
}

// It may be there under another name, and would be copied twice.
func TestAFileThatWentAwayMakesWhatIsKeptWorthless(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "2026-11-19-b.ndjson", "{}\n")
	r := request(t, dir, "{day}-*.ndjson", "2026-11-19")
	r.Kept = []source.Part{{Name: "2026-11-19-a.ndjson", Origin: "2026-11-19-a.ndjson"}}
	_, err := files(t).Fetch(t.Context(), r, &kept{})
	if !fault.Is(err, fault.Unavailable) || !errors.Is(err, source.ErrChanged) || !strings.Contains(err.Error(), "2026-11-19-a.ndjson, which an unfinished fetch has copied") {
		t.Error(err)
	}
}
