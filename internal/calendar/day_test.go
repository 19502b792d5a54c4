package calendar

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// Every day from 1900 to 2100 is compared with what package time counts.
func TestEveryDayOfTwoCenturiesCountsAsTheCalendarDoes(t *testing.T) {
	first := MustDay("1900-01-01")
	at := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 201 * 366 {
		d := first.Add(i)
		y, m, dd := d.Date()
		wy, wm, wd := at.Date()
		if y != wy || m != wm || dd != wd || d.Weekday() != at.Weekday() || d.String() != at.Format("2006-01-02") {
			t.Fatalf("day %d is %v, want %v", i, d, at)
		}
		if d.Sub(first) != i || d.Add(-i) != first || Date(y, m, dd) != d || DayOf(at, time.UTC) != d {
			t.Fatalf("%v: Add, Sub, Date and DayOf do not agree", d)
		}
		if back, err := ParseDay(d.String()); err != nil || back != d {
			t.Fatalf("%v parses as %v, %v", d, back, err)
		}
		at = at.AddDate(0, 0, 1)
	}
}

func TestDaysAreOrdered(t *testing.T) {
	a, b := MustDay("2023-12-31"), MustDay("2024-01-01")
	if !a.Before(b) || b.Before(a) || a.Before(a) || !b.After(a) || a.After(b) || a.After(a) {
		t.Error("Before and After disagree")
	}
	if a.Compare(b) != -1 || b.Compare(a) != 1 || a.Compare(a) != 0 {
		t.Error("Compare")
	}
	days := []Day{b, a, b.Add(1)}
	slices.SortFunc(days, Day.Compare)
	if days[0] != a || days[2] != b.Add(1) {
		t.Errorf("sorted: %v", days)
	}
}

func TestDateBeyondTheMonthIsCarriedOver(t *testing.T) {
	for got, want := range map[Day]string{
		Date(2023, 2, 29): "2023-03-01", Date(2024, 2, 30): "2024-03-01", Date(2026, 13, 1): "2027-01-01", Date(2026, 1, 0): "2025-12-31",
	} {
		if got.String() != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
}

func TestRangeCoversLeapDaysAndYearEnds(t *testing.T) {
	for _, c := range []struct {
		from, to string
		n        int
	}{
		{"2024-02-28", "2024-03-01", 3}, {"2023-02-28", "2023-03-01", 2}, {"2100-02-28", "2100-03-01", 2}, {"2000-02-28", "2000-03-01", 3},
		{"2026-12-30", "2027-01-02", 4}, {"2024-01-01", "2024-12-31", 366}, {"2026-01-01", "2026-12-31", 365},
		{"1969-12-30", "1970-01-02", 4}, {"2026-05-05", "2026-05-05", 1}, {"2026-05-06", "2026-05-05", 0},
	} {
		days := Range(MustDay(c.from), MustDay(c.to))
		if len(days) != c.n {
			t.Errorf("%s to %s: %d days, want %d", c.from, c.to, len(days), c.n)
			continue
		}
		for i, d := range days {
			if d != MustDay(c.from).Add(i) {
				t.Errorf("%s to %s: day %d is %v", c.from, c.to, i, d)
			}
		}
	}
}

func TestOnlyACompleteDateIsADay(t *testing.T) {
	for _, bad := range []string{"", "2026", "2026-2-3", "2026-02-30", "2023-02-29", "2026-13-01", "26-01-01", "2026-01-01T00:00:00Z", " 2026-01-01",
		"2026-01-01 ", "2026/01/01", "yesterday", "-026-01-01", "+2026-01-1", "２０２６-01-01", "2026-01-01.5"} {
		d, err := ParseDay(bad)
		if !fault.Is(err, fault.Invalid) || fault.Hint(err) == "" || !d.IsZero() {
			t.Errorf("%q: %v, %v", bad, d, err)
		}
	}
}

func TestZeroDayIsWrittenAsNothing(t *testing.T) {
	for _, c := range []struct {
		day  Day
		text string
	}{{Day{}, ""}, {MustDay("2024-02-29"), "2024-02-29"}, {MustDay("1969-12-31"), "1969-12-31"}} {
		b, err := c.day.MarshalText()
		if err != nil || string(b) != c.text {
			t.Errorf("%v writes %q, %v", c.day, b, err)
		}
		d := MustDay("2000-01-01")
		if err := d.UnmarshalText(b); err != nil || d != c.day {
			t.Errorf("%q reads %v, %v", b, d, err)
		}
	}
	d := MustDay("2000-01-01")
	if err := d.UnmarshalText([]byte("soon")); err == nil || d != MustDay("2000-01-01") {
		t.Errorf("a bad text gave %v, %v", d, err)
	}
}

func TestDayOfAnInstantDependsOnTheZone(t *testing.T) {
	at := time.Date(2026, 11, 19, 16, 30, 0, 0, time.UTC)
	for name, want := range map[string]string{"UTC": "2026-11-19", "Asia/Seoul": "2026-11-20", "Pacific/Kiritimati": "2026-11-20", "Pacific/Pago_Pago": "2026-11-19"} {
		if got := DayOf(at, zone(t, name)); got.String() != want {
			t.Errorf("%s: %v, want %s", name, got, want)
		}
	}
}

func hours(from, to int, without ...int) []int {
	var out []int
	for h := from; h < to; h++ {
		if !slices.Contains(without, h) {
			out = append(out, h)
		}
	}
	return out
}

func TestDayStartsAndEndsWhereTheClocksOfItsZoneSay(t *testing.T) {
	for _, c := range []struct {
		zone, day  string
		start, end string // as RFC 3339 with the offset in force
		hours      []int
		why        string
	}{
		{"Asia/Seoul", "2026-11-19", "2026-11-19T00:00:00+09:00", "2026-11-20T00:00:00+09:00", hours(0, 24), "no change of clocks"},
		{"America/New_York", "2026-03-08", "2026-03-08T00:00:00-05:00", "2026-03-09T00:00:00-04:00", hours(0, 24, 2), "02:00 to 03:00 is skipped"},
		{"America/New_York", "2026-11-01", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00", hours(0, 24), "01:00 to 02:00 comes twice"},
		{"Europe/London", "2026-03-29", "2026-03-29T00:00:00Z", "2026-03-30T00:00:00+01:00", hours(0, 24, 1), "01:00 to 02:00 is skipped"},
		{"Europe/London", "2026-10-25", "2026-10-25T00:00:00+01:00", "2026-10-26T00:00:00Z", hours(0, 24), "01:00 to 02:00 comes twice"},
		{"America/Santiago", "2026-09-06", "2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00", hours(1, 24), "midnight is skipped"},
		{"America/Santiago", "2026-09-05", "2026-09-05T00:00:00-04:00", "2026-09-06T01:00:00-03:00", hours(0, 24), "ends where the next begins"},
		{"America/Santiago", "2026-04-04", "2026-04-04T00:00:00-03:00", "2026-04-05T00:00:00-04:00", hours(0, 24), "23:00 to 24:00 comes twice"},
		{"Asia/Beirut", "2026-03-29", "2026-03-29T01:00:00+03:00", "2026-03-30T00:00:00+03:00", hours(1, 24), "midnight is skipped"},
		{"Asia/Beirut", "2026-10-24", "2026-10-24T00:00:00+03:00", "2026-10-25T00:00:00+02:00", hours(0, 24), "23:00 to 24:00 comes twice"},
		{"Australia/Lord_Howe", "2026-10-04", "2026-10-04T00:00:00+10:30", "2026-10-05T00:00:00+11:00", hours(0, 24), "02:00 to 02:30 is skipped, the hour 2 is there"},
		{"Australia/Lord_Howe", "2026-04-05", "2026-04-05T00:00:00+11:00", "2026-04-06T00:00:00+10:30", hours(0, 24), "01:30 to 02:00 comes twice"},
		{"America/Nuuk", "2026-03-28", "2026-03-28T00:00:00-02:00", "2026-03-29T00:00:00-01:00", hours(0, 23), "23:00 to 24:00 is skipped"},
		{"America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00", hours(0, 24), "00:00 to 01:00 comes twice"},
		{"America/St_Johns", "2010-11-07", "2010-11-07T00:00:00-02:30", "2010-11-08T00:00:00-03:30", hours(0, 24), "00:01 goes back to 23:01 of the day before"},
		{"Pacific/Apia", "2011-12-29", "2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00", hours(0, 24), "the day before the skipped one"},
		{"Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00+14:00", "2011-12-31T00:00:00+14:00", nil, "the whole day is skipped"},
		{"Pacific/Apia", "2011-12-31", "2011-12-31T00:00:00+14:00", "2012-01-01T00:00:00+14:00", hours(0, 24), "the day after the skipped one"},
		{"Asia/Kathmandu", "2026-06-01", "2026-06-01T00:00:00+05:45", "2026-06-02T00:00:00+05:45", hours(0, 24), "a zone of 45 minutes"},
	} {
		loc, day := zone(t, c.zone), MustDay(c.day)
		if got := day.Start(loc).Format(time.RFC3339); got != c.start {
			t.Errorf("%s %s (%s) starts %s, want %s", c.zone, c.day, c.why, got, c.start)
		}
		if got := day.End(loc).Format(time.RFC3339); got != c.end {
			t.Errorf("%s %s (%s) ends %s, want %s", c.zone, c.day, c.why, got, c.end)
		}
		if diff := cmp.Diff(c.hours, day.Hours(loc)); diff != "" {
			t.Errorf("%s %s (%s) hours: %s", c.zone, c.day, c.why, diff)
		}
	}
}

func TestTimeInAGapIsTheInstantAfterItAndATimeThatComesTwiceIsTheFirst(t *testing.T) {
	for _, c := range []struct{ zone, wall, want string }{
		{"America/New_York", "2026-03-08 02:30", "2026-03-08T03:00:00-04:00"},
		{"America/New_York", "2026-03-08 01:59", "2026-03-08T01:59:00-05:00"},
		{"America/New_York", "2026-03-08 03:00", "2026-03-08T03:00:00-04:00"},
		{"America/New_York", "2026-11-01 01:30", "2026-11-01T01:30:00-04:00"},
		{"America/New_York", "2026-11-01 02:00", "2026-11-01T02:00:00-05:00"},
		{"Europe/London", "2026-10-25 01:00", "2026-10-25T01:00:00+01:00"},
		{"Europe/London", "2026-10-25 01:59", "2026-10-25T01:59:00+01:00"},
		{"America/Santiago", "2026-09-06 00:30", "2026-09-06T01:00:00-03:00"},
		{"America/Santiago", "2026-04-04 23:30", "2026-04-04T23:30:00-03:00"},
		{"Asia/Beirut", "2026-03-29 00:00", "2026-03-29T01:00:00+03:00"},
		{"Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-04T02:30:00+11:00"},
		{"Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-05T01:45:00+11:00"},
		{"America/Nuuk", "2026-03-28 23:30", "2026-03-29T00:00:00-01:00"},
		{"Pacific/Apia", "2011-12-30 15:00", "2011-12-31T00:00:00+14:00"},
		{"Asia/Seoul", "2026-11-20 07:00", "2026-11-20T07:00:00+09:00"},
	} {
		w, err := time.Parse("2006-01-02 15:04", c.wall)
		if err != nil {
			t.Fatal(err)
		}
		got := At(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), zone(t, c.zone))
		if got.Format(time.RFC3339) != c.want {
			t.Errorf("%s %s is %s, want %s", c.zone, c.wall, got.Format(time.RFC3339), c.want)
		}
	}
}

// wallAt finds the instant the slow way: the first minute that reads as the wall time, else the first that reads later.
func wallAt(d Day, hour, minute int, loc *time.Location) time.Time {
	y, m, dd := d.Date()
	wall := time.Date(y, m, dd, hour, minute, 0, 0, time.UTC)
	reads := func(t time.Time) time.Time {
		_, off := t.In(loc).Zone()
		return t.Add(time.Duration(off) * time.Second)
	}
	from := wall.Add(-15 * time.Hour)
	for i := range 32 * 60 {
		if t := from.Add(time.Duration(i) * time.Minute); reads(t).Equal(wall) {
			return t
		}
	}
	for i := range 32 * 60 {
		if t := from.Add(time.Duration(i) * time.Minute); reads(t).After(wall) {
			return t
		}
	}
	return time.Time{}
}

var zones = []string{"UTC", "Asia/Seoul", "Asia/Tokyo", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Beirut", "Asia/Jerusalem", "Asia/Gaza", "Asia/Tehran",
	"Africa/Cairo", "Africa/Casablanca", "Africa/El_Aaiun", "Africa/Johannesburg", "Europe/London", "Europe/Dublin", "Europe/Berlin", "Europe/Chisinau",
	"Europe/Istanbul", "Atlantic/Azores", "America/New_York", "America/Santiago", "America/Asuncion", "America/Havana", "America/Nuuk", "America/St_Johns",
	"America/Sao_Paulo", "Australia/Lord_Howe", "Australia/Sydney", "Pacific/Chatham", "Pacific/Easter", "Pacific/Kiritimati", "Pacific/Apia", "Antarctica/Troll"}

// changes lists the days from 2024 to 2037 on which the zone's clocks change, and the days beside them.
func changes(loc *time.Location) []Day {
	var days []Day
	last := 0
	for d := MustDay("2024-01-01"); d.Before(MustDay("2038-01-01")); d = d.Add(1) {
		_, off := d.utc().In(loc).Zone()
		if off != last && d != MustDay("2024-01-01") {
			days = append(days, d.Add(-2), d.Add(-1), d, d.Add(1))
		}
		last = off
	}
	return days
}

func TestEveryWallTimeAroundEveryChangeOfClocksIsFoundAsByCountingMinutes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range zones {
		loc := zone(t, name)
		days := append(changes(loc), MustDay("2024-02-29"), MustDay("2027-12-31"))
		for range 120 {
			d, hour, minute := days[r.IntN(len(days))], r.IntN(24), r.IntN(60)
			if r.IntN(2) == 0 {
				hour = []int{0, 1, 2, 3, 23}[r.IntN(5)]
			}
			y, m, dd := d.Date()
			if got, want := At(y, m, dd, hour, minute, loc), wallAt(d, hour, minute, loc); !got.Equal(want) {
				t.Errorf("%s %v %02d:%02d is %v, want %v", name, d, hour, minute, got, want.In(loc))
			}
		}
	}
}

func TestDaysFollowEachOtherWithoutAGapInEveryZone(t *testing.T) {
	for _, name := range zones {
		loc := zone(t, name)
		for _, d := range changes(loc) {
			start, end := d.Start(loc), d.End(loc)
			if DayOf(start, loc) != d || DayOf(end.Add(-time.Second), loc) != d || DayOf(start.Add(-time.Second), loc) != d.Add(-1) {
				t.Errorf("%s %v is %v to %v", name, d, start, end)
			}
			if long := end.Sub(start); long < 22*time.Hour || long > 26*time.Hour {
				t.Errorf("%s %v lasts %v", name, d, long)
			}
		}
	}
}

func FuzzParseDay(f *testing.F) {
	for _, s := range []string{"2026-11-19", "2024-02-29", "0000-01-01", "9999-12-31", "1970-01-01", "2026-02-30", "", "2026-11-19T00:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDay(s)
		if err != nil {
			if !fault.Is(err, fault.Invalid) || !d.IsZero() {
				t.Errorf("%q: %v, %v", s, d, err)
			}
			return
		}
		if d.String() != s {
			t.Errorf("%q reads as %v", s, d)
		}
		if d.Add(1).Sub(d) != 1 || d.Add(-1).Add(1) != d {
			t.Errorf("%v cannot be counted on", d)
		}
	})
}
