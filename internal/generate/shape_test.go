package generate

import (
	"encoding/csv"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"daybook/internal/calendar"
)

func between(t *testing.T, what string, got, low, high float64) {
	t.Helper()
	if got < low || got > high || math.IsNaN(got) {
		t.Errorf("%s is %.3f, want %.3f to %.3f", what, got, low, high)
	} else {
		t.Logf("%s is %.3f", what, got)
	}
}

func TestWeekdaysAreBusierThanWeekends(t *testing.T) {
	l := weeks(t, 4, 1000)
	write(t, l)
	var perWeekday [7]int
	total := 0
	for day := l.From; !day.After(l.To); day = day.Add(1) {
		n := len(searches(t, l, day))
		perWeekday[day.Weekday()] += n
		total += n
	}
	between(t, "mean requests a day", float64(total)/28, 960, 1040)
	for d := time.Monday; d <= time.Friday; d++ {
		if perWeekday[d] <= perWeekday[time.Saturday] || perWeekday[d] <= perWeekday[time.Sunday] {
			t.Errorf("%s is not busier than the weekend: %v", d, perWeekday)
		}
	}
}

func TestLunchAndEveningArePeaksOfAWorkingDay(t *testing.T) {
	l := weeks(t, 1, 10_000)
	l.From = l.From.Add(2) // Wednesday
	l.To = l.From
	write(t, l)
	var hours [24]int
	previous := time.Time{}
	for _, s := range searches(t, l, l.From) {
		if s.SearchedAt.Before(previous) || s.SearchedAt.Format(time.DateOnly) != s.QueryDate {
			t.Fatalf("%v after %v on %s", s.SearchedAt, previous, s.QueryDate)
		}
		previous = s.SearchedAt
		hours[s.SearchedAt.Hour()]++
	}
	for _, peak := range []int{12, 20} {
		if hours[peak] <= hours[peak-2] || hours[peak] <= hours[peak+3] {
			t.Errorf("%d o'clock is no peak: %v", peak, hours)
		}
	}
	if hours[4]*10 > hours[12] {
		t.Errorf("nights are not quiet: %v", hours)
	}
}

func TestEachWeekHasAboutOnePercentMore(t *testing.T) {
	for _, start := range []string{"2026-09-07", "2026-11-02", "2027-09-06"} {
		week := func(first calendar.Day) (n float64) {
			for i := range 7 {
				n += float64(level(million, first.Add(i)))
			}
			return n
		}
		first := calendar.MustDay(start)
		between(t, "growth in four weeks from "+start, week(first.Add(28))/week(first), 1.02, 1.06)
	}
	between(t, "level of the first day", float64(growth(0))/million, 0.49, 0.55)
	between(t, "level of a far day", float64(growth(20_000))/million, 1.9, 2)
}

func TestPopularityFallsAsItsRankRises(t *testing.T) {
	l := weeks(t, 1, 6000)
	write(t, l)
	words, libs, books, users := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	for day := l.From; !day.After(l.To); day = day.Add(1) {
		for _, s := range searches(t, l, day) {
			for _, w := range s.UserSearch {
				words[norm.NFC.String(strings.TrimSpace(w))]++
			}
			for _, lib := range s.Libraries {
				libs[lib]++
			}
			for _, isbn := range s.ISBN13 {
				books[isbn]++
			}
			users[s.UserID]++
		}
	}
	if len(libs) != 20 {
		t.Errorf("%d libraries, want 20", len(libs))
	}
	for i, k := range keywords()[:5] {
		if next := keywords()[i+1].text; words[k.text] <= words[next] {
			t.Errorf("%s has %d searches, %s has %d", k.text, words[k.text], next, words[next])
		}
	}
	for i, name := range libraries()[:5] {
		if next := libraries()[i+1]; libs[name] <= libs[next] {
			t.Errorf("%s has %d searches, %s has %d", name, libs[name], next, libs[next])
		}
	}
	for name, counts := range map[string]map[string]int{"books": books, "users": users} {
		var n []int
		total := 0
		for _, c := range counts {
			n = append(n, c)
			total += c
		}
		slices.Sort(n)
		head := 0
		for _, c := range n[len(n)*9/10:] {
			head += c
		}
		between(t, "share of the top tenth of "+name, float64(head)/float64(total), 0.3, 0.75)
	}
}

func TestAFourthOfSearchesFailsBecauseOfTheirWords(t *testing.T) {
	l := weeks(t, 1, 8000)
	write(t, l)
	for day := l.From; !day.After(l.To); day = day.Add(1) {
		all, failed, children := 0, 0, 0
		succeeded, tried := map[string]bool{}, map[string]bool{}
		for _, s := range searches(t, l, day) {
			all++
			children += len(s.UserSearch) + len(s.Libraries) + len(s.ISBN13)
			if n := len(s.UserSearch); n < 1 || n > 5 {
				t.Errorf("%d keywords", n)
			}
			if n := len(s.Libraries); n < 1 || n > 3 {
				t.Errorf("%d libraries", n)
			}
			if len(s.ISBN13) > 8 {
				t.Errorf("%d books", len(s.ISBN13))
			}
			if len(s.ISBN13) == 0 {
				failed++
			}
			for _, w := range s.UserSearch {
				tried[w] = true
				succeeded[w] = succeeded[w] || len(s.ISBN13) > 0
			}
		}
		between(t, "share of failed searches", float64(failed)/float64(all), 0.22, 0.27)
		between(t, "rows of lists for each search", float64(children)/float64(all), 6.5, 7.6)
		never, now := 0, 0
		for _, w := range misses() {
			switch {
			case tried[w] && !succeeded[w]:
				never++
			case tried[w]:
				now++
			}
		}
		between(t, "failing words that never succeeded", float64(never), 40, 59)
		between(t, "failing words that sometimes succeed", float64(now), 1, 20)
		for _, k := range keywords()[:20] {
			if !succeeded[k.text] {
				t.Errorf("%s never succeeded on %s", k.text, day)
			}
		}
	}
}

func TestKeywordsHaveTheDirtThatPeopleType(t *testing.T) {
	l := weeks(t, 1, 5000)
	l.From = l.To
	write(t, l)
	var spaces, parted, empty, twice int
	for _, s := range searches(t, l, l.To) {
		seen := map[string]bool{}
		for _, w := range s.UserSearch {
			if w == "" {
				empty++
			} else if strings.TrimSpace(w) != w {
				spaces++
			}
			if norm.NFC.String(w) != w {
				parted++
			}
			if seen[w] {
				twice++
			}
			seen[w] = true
		}
	}
	if min(spaces, parted, empty, twice) == 0 {
		t.Errorf("%d with spaces, %d decomposed, %d empty, %d repeated, want some of each", spaces, parted, empty, twice)
	}
}

func TestPeopleComeBackLessAndLess(t *testing.T) {
	l := weeks(t, 6, 2000)
	write(t, l)
	first, days := map[string]int{}, map[string]map[int]bool{}
	active := make([]map[string]bool, 42)
	for i := range active {
		active[i] = map[string]bool{}
		for _, s := range searches(t, l, l.From.Add(i)) {
			active[i][s.UserID] = true
			if _, known := first[s.UserID]; !known {
				first[s.UserID] = i
				days[s.UserID] = map[int]bool{}
			}
			days[s.UserID][i-first[s.UserID]] = true
		}
	}
	month := map[string]bool{}
	for _, day := range active[14:] {
		for u := range day {
			month[u] = true
		}
	}
	between(t, "daily share of the people of four weeks", float64(len(active[37]))/float64(len(month)), 0.1, 0.35)
	// People first seen after two weeks are mostly new.
	retention := func(after int) float64 {
		joined, back := 0, 0
		for u, day := range first {
			if day < 14 || day+after >= 42 {
				continue
			}
			joined++
			if days[u][after] {
				back++
			}
		}
		return float64(back) / float64(joined)
	}
	between(t, "back after a day", retention(1), 0.1, 0.35)
	between(t, "back after a week", retention(7), 0.06, 0.3)
	between(t, "back after three weeks", retention(21), 0.03, 0.2)
	if retention(1) <= retention(7) || retention(7) <= retention(21) {
		t.Error("people do not leave")
	}
}

func TestSelectionsAreBooksOfTheirRequest(t *testing.T) {
	l := weeks(t, 1, 3000)
	l.From = l.To.Add(-1)
	write(t, l)
	ids, requests, total := map[string]bool{}, map[string]int{}, 0
	for day := l.From; !day.After(l.To); day = day.Add(1) {
		byID := map[string]search{}
		for _, s := range searches(t, l, day) {
			byID[s.QueryID] = s
		}
		rows, err := csv.NewReader(strings.NewReader(string(content(t, l, "selections/"+day.String()+".csv")))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			s := byID[row[1]]
			at, err := time.Parse(time.RFC3339Nano, row[4])
			if err != nil {
				t.Fatal(err)
			}
			if ids[row[0]] || !slices.Contains(s.ISBN13, row[2]) || s.UserID != row[3] ||
				at.Before(s.SearchedAt) || at.Format(time.DateOnly) != day.String() {
				t.Errorf("%v does not follow from %v", row, s)
			}
			ids[row[0]] = true
			requests[row[1]]++
			total++
		}
	}
	between(t, "books chosen for each request that has any", float64(total)/float64(len(requests)), 1.5, 3.5)
}
