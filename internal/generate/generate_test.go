package generate

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

var update = flag.Bool("update", false, "write the golden files")

// search is a line of a day's searches as a reader sees it.
type search struct {
	QueryID    string    `json:"query_id"`
	QueryDate  string    `json:"query_date"`
	SearchedAt time.Time `json:"searched_at"`
	UserID     string    `json:"user_id"`
	UserSearch []string  `json:"user_search"`
	Libraries  []string  `json:"selected_lib"`
	ISBN13     []string  `json:"isbn13_list"`
}

func weeks(t *testing.T, n, perDay int) Library {
	t.Helper()
	to := calendar.MustDay("2026-11-15") // a Sunday
	return Library{Seed: 1, From: to.Add(1 - 7*n), To: to, PerDay: perDay, Dir: t.TempDir()}
}

func write(t *testing.T, l Library) Summary {
	t.Helper()
	sum, err := l.Write(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// content returns what a file holds, uncompressed.
func content(t *testing.T, l Library, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join(l.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = bufio.NewReader(f)
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(r); err != nil {
			t.Fatal(err)
		}
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// searches reads a day, each different line once.
func searches(t *testing.T, l Library, day calendar.Day) []search {
	t.Helper()
	var out []search
	seen := map[string]bool{}
	for line := range strings.Lines(string(content(t, l, "searches/"+day.String()+".ndjson.gz"))) {
		if seen[line] {
			continue
		}
		seen[line] = true
		var s search
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out = append(out, s)
	}
	return out
}

// sums returns the SHA-256 of every file by its name; compressed files count as what they hold.
func sums(t *testing.T, l Library, raw bool) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(l.Dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(l.Dir, path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !raw {
			b = content(t, l, name)
		}
		out[filepath.ToSlash(name)] = fmt.Sprintf("%x", sha256.Sum256(b))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSameSeedGivesTheSameBytesWhateverTheWorkers(t *testing.T) {
	a, b := weeks(t, 1, 300), weeks(t, 1, 300)
	a.Workers, b.Workers = 1, 3
	if diff := cmp.Diff(write(t, a), write(t, b)); diff != "" {
		t.Errorf("summaries differ (-one worker +three):\n%s", diff)
	}
	first := sums(t, a, true)
	if diff := cmp.Diff(first, sums(t, b, true)); diff != "" {
		t.Errorf("files differ (-one worker +three):\n%s", diff)
	}
	write(t, a)
	if diff := cmp.Diff(first, sums(t, a, true)); diff != "" {
		t.Errorf("writing again changed files:\n%s", diff)
	}
	if len(first) != 15 {
		t.Errorf("%d files, want 7 days of two and the catalogue: no unfinished ones", len(first))
	}
	b.Seed = 2
	write(t, b)
	for name, sum := range sums(t, b, true) {
		if first[name] == sum {
			t.Errorf("%s does not depend on the seed", name)
		}
	}
}

func TestADayMadeAloneEqualsTheDayInARange(t *testing.T) {
	many := weeks(t, 1, 300)
	write(t, many)
	alone := many
	alone.Dir = t.TempDir()
	alone.From = many.From.Add(3)
	alone.To = alone.From
	write(t, alone)
	in := sums(t, many, true)
	for name, sum := range sums(t, alone, true) {
		if in[name] != sum {
			t.Errorf("%s differs", name)
		}
	}
}

func TestASmallDayIsAsItWas(t *testing.T) {
	day := calendar.MustDay("2026-11-19")
	l := Library{Seed: 7, From: day, To: day, PerDay: 50, Bad: 5, Dir: t.TempDir()}
	write(t, l)
	got := sums(t, l, false)
	var text strings.Builder
	for _, name := range []string{"books.csv", "searches/2026-11-19.ndjson.gz", "selections/2026-11-19.csv"} {
		fmt.Fprintf(&text, "%s  %s\n", got[name], name)
	}
	golden := filepath.Join("testdata", "day.sha256")
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

func TestSummaryAgreesWithTheFiles(t *testing.T) {
	l := weeks(t, 1, 4000)
	l.From, l.Bad = l.To.Add(-1), 3
	var calls []int
	l.Progress = func(done, total int) { calls = append(calls, done, total) }
	got := write(t, l)
	var want Summary
	seen := map[string]bool{}
	for day := l.From; !day.After(l.To); day = day.Add(1) {
		want.Days++
		for line := range strings.Lines(string(content(t, l, "searches/"+day.String()+".ndjson.gz"))) {
			var s search
			switch err := json.Unmarshal([]byte(line), &s); {
			case seen[line]:
				want.Repeated++
			case err != nil || len(s.QueryID) != 36 || s.QueryDate != day.String():
				want.Bad++
			default:
				want.Requests++
				if len(s.ISBN13) == 0 {
					want.Failed++
				}
			}
			seen[line] = true
		}
		want.Selections += strings.Count(string(content(t, l, "selections/"+day.String()+".csv")), "\n") - 1
	}
	want.Books = strings.Count(string(content(t, l, "books.csv")), "\n") - 1
	for name := range sums(t, l, true) {
		info, err := os.Stat(filepath.Join(l.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		want.Bytes += info.Size()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-files +summary):\n%s", diff)
	}
	if got.Bad != 6 || got.Repeated == 0 {
		t.Errorf("%d bad and %d repeated lines, want 6 and some", got.Bad, got.Repeated)
	}
	if diff := cmp.Diff([]int{1, 2, 2, 2}, calls); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

func TestSettingsOutOfBoundsAreRefused(t *testing.T) {
	good := weeks(t, 1, 10)
	for name, spoil := range map[string]func(*Library){
		"days swapped":    func(l *Library) { l.From, l.To = l.To, l.From },
		"before opening":  func(l *Library) { l.From = calendar.MustDay("2019-12-31") },
		"no requests":     func(l *Library) { l.PerDay = 0 },
		"too many":        func(l *Library) { l.PerDay = 10*million + 1 },
		"too many books":  func(l *Library) { l.ChildrenMax = 51 },
		"fewer than none": func(l *Library) { l.Bad = -1 },
		"no workers":      func(l *Library) { l.Workers = -1 },
		"nowhere":         func(l *Library) { l.Dir = "" },
	} {
		l := good
		spoil(&l)
		_, err := l.Write(context.Background())
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.Invalid || f.Hint == "" {
			t.Errorf("%s: %v, want an invalid fault with a hint", name, err)
		}
	}
}

func TestTheSmallestDayHasOneRequest(t *testing.T) {
	l := weeks(t, 1, 1)
	l.From, l.Bad = opened(), 9
	l.To = l.From
	if got := write(t, l); got.Requests != 1 || got.Bad != 9 {
		t.Errorf("%+v, want one request and nine bad lines", got)
	}
}

func TestListsGrowToChildrenMax(t *testing.T) {
	l := weeks(t, 1, 2000)
	l.From, l.ChildrenMax = l.To, 50
	write(t, l)
	longest := 0
	for _, s := range searches(t, l, l.To) {
		longest = max(longest, len(s.ISBN13))
	}
	if longest != 50 {
		t.Errorf("longest list has %d books, want 50", longest)
	}
}

func TestAnEndedContextLeavesNoHalfFile(t *testing.T) {
	l := weeks(t, 1, 5000)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.Write(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want canceled", err)
	}
	for name := range sums(t, l, true) {
		if name != "books.csv" {
			t.Errorf("%s was left", name)
		}
	}
}

func TestTheCatalogueHoldsEveryBookOnceAndNoRealOne(t *testing.T) {
	l := weeks(t, 1, 500)
	write(t, l)
	rows, err := csv.NewReader(strings.NewReader(string(content(t, l, "books.csv")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"isbn13", "title", "authors", "publisher", "class_no", "registered_on"}, rows[0]); diff != "" {
		t.Fatal(diff)
	}
	if len(rows) != 6001 {
		t.Errorf("%d books, want 6000", len(rows)-1)
	}
	numbers, names := map[string]bool{}, map[string]bool{}
	for _, row := range rows[1:] {
		sum := 0
		for i, r := range row[0] {
			sum += int(r-'0') * (1 + i%2*2)
		}
		if len(row[0]) != 13 || sum%10 != 0 || !strings.HasPrefix(row[0], "9799") {
			t.Errorf("%s is no made-up ISBN", row[0])
		}
		if numbers[row[0]] || names[row[1]] {
			t.Errorf("%s %q comes twice", row[0], row[1])
		}
		numbers[row[0]], names[row[1]] = true, true
		if _, err := calendar.ParseDay(row[5]); err != nil {
			t.Error(err)
		}
	}
	for _, s := range searches(t, l, l.To) {
		for _, isbn := range s.ISBN13 {
			if !numbers[isbn] {
				t.Errorf("%s is not in the catalogue", isbn)
			}
		}
	}
}
