package source

import (
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/internal/calendar"
)

func TestKeyLeadsBackToTheDaysThatWouldListIt(t *testing.T) {
	t.Parallel()
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ pattern, key, want string }{
		{"logs/{day}/*.csv", "logs/2026-11-19/a.csv", "2026-11-19"},
		{"logs/{day}/*.csv", "logs/2026-11-19/b/a.csv", ""},
		{"logs/{day}/*.csv", "logs/2026-11-19/.a.csv", ""},
		{"logs/{day}/*.csv", "logs/2026-02-30/a.csv", ""},
		{"{yyyy}/{mm}/{dd}/x", "2026/11/19/x", "2026-11-19"},
		{"{yyyy}/{mm}/{dd}/x", "2026/1/19/x", ""},
		{"{yyyy}/{day}", "2026/2026-11-19", "2026-11-19"},
		{"{yyyy}/{day}", "2025/2026-11-19", ""},
		{"{dd}{mm}{yyyy}?[a-c]", "191120260b", "2026-11-19"},
		{"{dd}{mm}{yyyy}?[a-c]", "191120260d", ""},
		{"{dd}{mm}{yyyy}?[^a-c]", "19112026한d", "2026-11-19"},
		{"*{day}*", "2026-11-18-2026-11-19", "2026-11-18 2026-11-19"},
		{"*{yyyy}{mm}{dd}.csv", "120261119.csv", "2026-11-19"},
		{"*{yyyy}{mm}{dd}*", "20261119120261119", "2026-11-19"}, // and not in the year 1119
		{`\*{day}`, "*2026-11-19", "2026-11-19"},
		{`\*{day}`, "a2026-11-19", ""},
		{"{day}-{hour}.gz", "2026-03-08-1.gz", "2026-03-08"},
		{"{day}-{hour}.gz", "2026-03-08-2.gz", ""}, // the night that has no such hour
		{"{day}-{hour}.gz", "2026-03-08-23.gz", "2026-03-08"},
		{"{day}-{hour}.gz", "2026-03-08-03.gz", ""},
		{"{day}-{hour}.gz", "2026-03-08-24.gz", ""},
		{"{day}-{hour}*.gz", "2026-03-08-10.gz", "2026-03-08"},
		{"{day}", "2026-11-19/", ""},
		{"books.csv", "books.csv", ""},
	} {
		var got []string
		for _, d := range keyDays(c.pattern, c.key, newYork) {
			got = append(got, d.String())
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s by %s: %q, want %q", c.key, c.pattern, s, c.want)
		}
	}
}

func FuzzKeyOfADayLeadsBackToIt(f *testing.F) {
	f.Add("logs/{day}/*.csv", "a", uint16(20000), uint8(3))
	f.Add("*{yyyy}*{mm}*{dd}*{hour}*", "2026-11-19", uint16(20000), uint8(23))
	f.Add("[a-z]{day}?/{hour}", "", uint16(1), uint8(0))
	f.Fuzz(func(t *testing.T, pattern, star string, n uint16, hour uint8) {
		if strings.Count(pattern, "*") > 4 || len(pattern) > 60 || len(star) > 20 || strings.ContainsAny(star, "/") {
			t.Skip()
		}
		d := calendar.MustDay("1990-01-01").Add(int(n))
		hours := d.Hours(time.UTC)
		key := strings.ReplaceAll(replace(pattern, d), "{hour}", hourOf(hours, hour))
		key = strings.ReplaceAll(key, "*", star)
		listed := keyOfDay(pattern, key, d, time.UTC) && strings.Contains(pattern, "{day}")
		if got := keyDays(pattern, key, time.UTC); listed && !inClass(pattern) && !slices.Contains(got, d) {
			t.Errorf("%q is an object of %s by %q, found %v", key, d, pattern, got)
		}
	})
}

func TestKeyOfAThousandDigitsEndsTheSearch(t *testing.T) {
	t.Parallel()
	keyDays("*{yyyy}*{mm}*{dd}*{hour}*x", strings.Repeat("0121193019", 102), time.UTC)
	keyDays(strings.Repeat("*", 60)+"{day}", strings.Repeat("2026-11-19", 102), time.UTC)
}

func hourOf(hours []int, n uint8) string {
	return string(rune('0' + hours[int(n)%len(hours)]%10))
}

// inClass reports whether a placeholder may stand between brackets or behind a backslash, where it means something else.
func inClass(pattern string) bool { return strings.ContainsAny(pattern, `[\`) }
