package generate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/korean"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

// travel is three days of the travel site that end on a Thursday.
func travel(t *testing.T) (k Korea, dir string, from, to calendar.Day) {
	t.Helper()
	k, dir, to = Korea{Seed: 1, PerDay: 300}, t.TempDir(), calendar.MustDay("2026-11-19")
	return k, dir, to.Add(-2), to
}

func writeTravel(t *testing.T, k Korea, dir string, from, to calendar.Day) KoreaSummary {
	t.Helper()
	sum, err := k.Write(context.Background(), dir, from, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func travelFile(t *testing.T, dir, name string) []byte {
	t.Helper()
	return content(t, Library{Dir: dir}, name)
}

func TestADayOfTheTravelSiteIsTheSameWhicheverDaysAreMadeWithIt(t *testing.T) {
	k, dir, from, to := travel(t)
	writeTravel(t, k, dir, from, to)
	alone := t.TempDir()
	writeTravel(t, k, alone, to, to)
	for _, name := range []string{"sessions", "searches", "clicks", "purchases"} {
		name += "/" + to.String() + ".ndjson.gz"
		if !bytes.Equal(travelFile(t, dir, name), travelFile(t, alone, name)) {
			t.Errorf("%s is another one when its day is made alone", name)
		}
	}
}

func TestASmallDayOfTheTravelSiteIsAsItWas(t *testing.T) {
	k, dir, _, to := travel(t)
	writeTravel(t, k, dir, to, to)
	var text strings.Builder
	for _, name := range []string{"airports.csv", "libraries.csv", "users.ndjson", "sessions/2026-11-19.ndjson.gz", "searches/2026-11-19.ndjson.gz",
		"clicks/2026-11-19.ndjson.gz", "purchases/2026-11-19.ndjson.gz"} {
		fmt.Fprintf(&text, "%x  %s\n", sha256.Sum256(travelFile(t, dir, name)), name)
	}
	golden := filepath.Join("testdata", "korea.sha256")
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

func TestTheFilesOfTheTravelSiteHoldWhatItsDaysSay(t *testing.T) {
	k, dir, from, to := travel(t)
	got := writeTravel(t, k, dir, from, to)
	want := KoreaSummary{Days: 3, Users: len(k.Users(to)), Bytes: got.Bytes}
	for _, day := range calendar.Range(from, to) {
		web := k.Web(day)
		want.Sessions += len(web.Sessions)
		want.Searches += len(web.Searches)
		want.Clicks += len(web.Clicks)
		want.Purchases += len(web.Purchases)
		for name, n := range map[string]int{"sessions": len(web.Sessions), "searches": len(web.Searches), "clicks": len(web.Clicks), "purchases": len(web.Purchases)} {
			lines, different := 0, map[string]bool{}
			for line := range strings.Lines(string(travelFile(t, dir, name+"/"+day.String()+".ndjson.gz"))) {
				lines++
				different[line] = true
			}
			want.Repeated += lines - len(different)
			if len(different) != n {
				t.Errorf("%s of %s has %d records, not %d", name, day, len(different), n)
			}
		}
		var r struct {
			User *int64    `json:"user_id"`
			At   time.Time `json:"searched_ts"`
		}
		line, _, _ := strings.Cut(string(travelFile(t, dir, "searches/"+day.String()+".ndjson.gz")), "\n")
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if s := web.Searches[0]; !r.At.Equal(s.At) || (r.User == nil) != (s.User == 0) {
			t.Errorf("the first search is %s, not %v", line, s)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the summary (-files +said)\n%s", diff)
	}
}

func TestRecordsOfTheTravelSiteBelongToOneDayAndHaveNamesOfTheirOwn(t *testing.T) {
	k, _, from, to := travel(t)
	seen := map[string]bool{}
	name := func(id string, at time.Time, day calendar.Day) {
		if seen[id] || calendar.DayOf(at, korea()) != day {
			t.Errorf("%s of %s comes twice, or on %s", id, at, day)
		}
		seen[id] = true
	}
	for _, day := range calendar.Range(from, to) {
		web := k.Web(day)
		for _, s := range web.Sessions {
			name(s.ID, s.Began, day)
			if s.Last.Before(s.Began) {
				t.Errorf("session %s ends before it begins", s.ID)
			}
		}
		for _, s := range web.Searches {
			name(s.ID, s.At, day)
		}
		for _, c := range web.Clicks {
			name(c.ID, c.At, day)
		}
		for _, p := range web.Purchases {
			name(p.ID, p.At, day)
			if u := k.user(int(p.User - 1)); u.ID != p.User || u.Registered.After(day) {
				t.Errorf("user %d buys on %s and registers on %s", p.User, day, u.Registered)
			}
		}
	}
}

func TestLibrariesAreInCP949AndNotInUTF8(t *testing.T) {
	k, dir, _, to := travel(t)
	writeTravel(t, k, dir, to, to)
	raw := travelFile(t, dir, "libraries.csv")
	if utf8.Valid(raw) {
		t.Error("the file is UTF-8")
	}
	plain, err := korean.EUCKR.NewDecoder().Bytes(raw)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(plain)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, r := range rows[1:] {
		got = append(got, r[0]+"|"+r[1]+"|"+r[3])
	}
	for _, r := range k.Readers() {
		want = append(want, r.Name+"|"+r.District+"|"+r.Closed)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("libraries (-truth +file)\n%s", diff)
	}
	if !strings.Contains(string(plain), "똠") {
		t.Error("no name is beyond EUC-KR")
	}
}

func TestSettingsOfTheTravelSiteOutOfBoundsAreRefused(t *testing.T) {
	k, dir, from, to := travel(t)
	for what, err := range map[string]error{
		"days that end before they begin": func() error { _, err := k.Write(context.Background(), dir, to, from, nil); return err }(),
		"days before the first user": func() error {
			_, err := k.Write(context.Background(), dir, calendar.MustDay("2024-01-01"), to, nil)
			return err
		}(),
		"no sessions":  func() error { _, err := Korea{}.Write(context.Background(), dir, from, to, nil); return err }(),
		"no directory": func() error { _, err := k.Write(context.Background(), "", from, to, nil); return err }(),
	} {
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := k.Write(ctx, dir, from, to, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled writer says %v", err)
	}
}
