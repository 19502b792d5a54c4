package calendar

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
)

// For any zone, hour and set of weekdays: Next is after t, and following it gives every matching civil day once, in order.
func TestScheduleIsDueOnceOnEveryMatchingDayOfEveryZone(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	from, to := MustDay("2024-01-01"), MustDay("2037-12-31")
	for _, name := range zones {
		loc := zone(t, name)
		starts := changes(loc)
		for range 12 {
			starts = append(starts, from.Add(r.IntN(to.Sub(from))))
		}
		for range 25 {
			s := Schedule{Hour: r.IntN(24), Minute: r.IntN(60), On: Weekdays(r.IntN(128)), Zone: loc}
			if r.IntN(2) == 0 {
				s.Hour, s.Minute = r.IntN(4), []int{0, 30, 59}[r.IntN(3)]
			}
			start := starts[r.IntN(len(starts))]
			at := start.Start(loc).Add(time.Duration(r.IntN(86400)) * time.Second)
			followed(t, s, at, 20)
		}
	}
}

// followed follows Next from at and compares it with each day's own wall time.
func followed(t *testing.T, s Schedule, at time.Time, n int) {
	t.Helper()
	var want []time.Time
	var days []Day
	for d := DayOf(at, s.Zone).Add(-2); len(want) < n; d = d.Add(1) {
		if due := wallAt(d, s.Hour, s.Minute, s.Zone); s.On.Has(d.Weekday()) && due.After(at) {
			want, days = append(want, due), append(days, d)
		}
	}
	for i := range want {
		due, day := s.Next(at)
		if !due.After(at) || !due.Equal(want[i]) || day != days[i] {
			t.Fatalf("%v %s after %v: %v for %v, want %v for %v", s.Zone, s, at, due, day, want[i].In(s.Zone), days[i])
		}
		at = due
	}
}

func TestNextIsStrictlyAfterTheInstantAsked(t *testing.T) {
	s := Schedule{Hour: 7, Zone: zone(t, "Asia/Seoul")}
	at := time.Date(2026, 11, 19, 22, 0, 0, 0, time.UTC) // 07:00 on the 20th
	for _, c := range []struct {
		from time.Duration
		want string
	}{{-time.Nanosecond, "2026-11-20"}, {0, "2026-11-21"}, {time.Nanosecond, "2026-11-21"}} {
		if _, day := s.Next(at.Add(c.from)); day.String() != c.want {
			t.Errorf("%v from 07:00: %v, want %s", c.from, day, c.want)
		}
	}
}

func TestSkippedTimeIsDueAfterTheGapAndRepeatedTimeOnce(t *testing.T) {
	ny := zone(t, "America/New_York")
	gap := Schedule{Hour: 2, Minute: 30, Zone: ny}
	if got := gap.Due(MustDay("2026-03-08")); len(got) != 1 || got[0].Format(time.RFC3339) != "2026-03-08T03:00:00-04:00" {
		t.Errorf("in the gap: %v", got)
	}
	fold := Schedule{Hour: 1, Minute: 30, Zone: ny}
	first, _ := fold.Next(MustDay("2026-11-01").Start(ny))
	next, day := fold.Next(first)
	if first.Format(time.RFC3339) != "2026-11-01T01:30:00-04:00" || day != MustDay("2026-11-02") || next.Sub(first) != 25*time.Hour {
		t.Errorf("in the fold: %v, then %v", first, next)
	}
}

func TestDayThatAZoneSkippedIsDueWhenTheNextBegins(t *testing.T) {
	s := Schedule{Hour: 7, Zone: zone(t, "Pacific/Apia")}
	at := MustDay("2011-12-29").Start(s.Zone)
	var got []string
	for range 4 {
		var day Day
		at, day = s.Next(at)
		got = append(got, day.String()+" at "+at.Format("01-02 15:04"))
	}
	want := []string{"2011-12-29 at 12-29 07:00", "2011-12-30 at 12-31 00:00", "2011-12-31 at 12-31 07:00", "2012-01-01 at 01-01 07:00"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWeekdaysAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]string{
		"": "0123456", "every day": "0123456", "daily": "0123456", "weekdays": "12345", "weekends": "06", "mon": "1", "Mon": "1",
		"mon,wed": "13", "mon, WED": "13", "sun-fri": "012345", "sat-mon": "601", "fri-fri": "5", "mon-sun": "0123456", "mon,mon": "1", "mon-tue,sat": "126",
	} {
		set, err := ParseWeekdays(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		for w := time.Sunday; w <= time.Saturday; w++ {
			if set.Has(w) != slices.Contains([]byte(want), byte('0'+w)) {
				t.Errorf("%q has %v: %v", text, w, set.Has(w))
			}
		}
	}
	for _, bad := range []string{"monday", "mon-", "-mon", "mon,", ",", "mon-tue-wed", "월", "1-5", " "} {
		if set, err := ParseWeekdays(bad); !fault.Is(err, fault.Invalid) || fault.Hint(err) == "" || set != 0 {
			t.Errorf("%q: %v, %v", bad, set, err)
		}
	}
}

func TestClockIsTwoDigitsOfHoursAndMinutes(t *testing.T) {
	for text, want := range map[string][2]int{"00:00": {0, 0}, "07:00": {7, 0}, "23:59": {23, 59}} {
		if h, m, err := ParseClock(text); err != nil || h != want[0] || m != want[1] {
			t.Errorf("%q: %d %d %v", text, h, m, err)
		}
	}
	for _, bad := range []string{"", "7:00", "24:00", "07:60", "07", "07:00:00", "+7:00", "07:+5", "-0:00", "0７:00", "07.00", "aa:bb"} {
		if _, _, err := ParseClock(bad); !fault.Is(err, fault.Invalid) || fault.Hint(err) == "" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestCronLineIsDueAsCrontabSays(t *testing.T) {
	for _, c := range []struct {
		line, from string
		want       []string
	}{
		{"0 7 * * 1-5", "2026-11-20", []string{"2026-11-20 07:00", "2026-11-23 07:00", "2026-11-24 07:00"}},
		{"*/20 6 * * *", "2026-11-20", []string{"2026-11-20 06:00", "2026-11-20 06:20", "2026-11-20 06:40", "2026-11-21 06:00"}},
		{"5/20 6 * * *", "2026-11-20", []string{"2026-11-20 06:05", "2026-11-20 06:25", "2026-11-20 06:45", "2026-11-21 06:05"}},
		{"0 0 29 2 *", "2024-03-01", []string{"2028-02-29 00:00", "2032-02-29 00:00"}},
		{"0 0 29 2 *", "2096-03-01", []string{"2104-02-29 00:00"}},
		{"0 0 31 * *", "2026-01-31", []string{"2026-01-31 00:00", "2026-03-31 00:00", "2026-05-31 00:00", "2026-07-31 00:00", "2026-08-31 00:00"}},
		{"0 0 1,15 * 1", "2026-11-01", []string{"2026-11-01 00:00", "2026-11-02 00:00", "2026-11-09 00:00", "2026-11-15 00:00", "2026-11-16 00:00"}}, // both days: either
		{"0 0 1 * *", "2026-11-02", []string{"2026-12-01 00:00", "2027-01-01 00:00"}},
		{"0 0 * * 0", "2026-11-20", []string{"2026-11-22 00:00", "2026-11-29 00:00"}},
		{"0 0 * * 7", "2026-11-20", []string{"2026-11-22 00:00", "2026-11-29 00:00"}},
		{"0 0 * * 5-7", "2026-11-20", []string{"2026-11-20 00:00", "2026-11-21 00:00", "2026-11-22 00:00", "2026-11-27 00:00"}},
		{"59 23 31 12 *", "2026-01-01", []string{"2026-12-31 23:59", "2027-12-31 23:59"}},
		{"0,30 8-9 1-7/3 1 *", "2026-01-01", []string{"2026-01-01 08:00", "2026-01-01 08:30", "2026-01-01 09:00", "2026-01-01 09:30", "2026-01-04 08:00"}},
	} {
		cron, err := ParseCron(c.line)
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		s := Schedule{Cron: cron, Zone: zone(t, "Asia/Seoul")}
		at := MustDay(c.from).Start(s.Zone).Add(-time.Second)
		for _, want := range c.want {
			var day Day
			at, day = s.Next(at)
			if got := day.String() + at.Format(" 15:04"); got != want {
				t.Errorf("%s: %s, want %s", c.line, got, want)
			}
		}
		if s.String() != c.line {
			t.Errorf("%s is written as %s", c.line, s)
		}
	}
}

func TestCronLineAcrossAChangeOfClocks(t *testing.T) {
	ny := zone(t, "America/New_York")
	for _, c := range []struct {
		line, day string
		want      []string
	}{
		{"*/15 2 * * *", "2026-03-08", []string{"03:00 EDT"}},
		{"0 1-3 * * *", "2026-03-08", []string{"01:00 EST", "03:00 EDT"}},
		{"30 2,3 * * *", "2026-03-08", []string{"03:00 EDT", "03:30 EDT"}},
		{"0,30 0-2 * * *", "2026-11-01", []string{"00:00 EDT", "00:30 EDT", "01:00 EDT", "01:30 EDT", "02:00 EST", "02:30 EST"}},
	} {
		cron, err := ParseCron(c.line)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, due := range (Schedule{Cron: cron, Zone: ny}).Due(MustDay(c.day)) {
			got = append(got, due.Format("15:04 MST"))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s on %s: %s", c.line, c.day, diff)
		}
	}
}

func TestScheduleThatIsNeverDueEndsWithTheZeroTime(t *testing.T) {
	for _, line := range []string{"0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30,31 2 *"} {
		cron, err := ParseCron(line)
		if err != nil {
			t.Fatal(err)
		}
		if at, day := (Schedule{Cron: cron, Zone: time.UTC}).Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); !at.IsZero() || !day.IsZero() {
			t.Errorf("%s is due %v", line, at)
		}
	}
}

func TestBadCronLineSaysWhichField(t *testing.T) {
	for line, want := range map[string]string{
		"0 7 * *":                       `"0 7 * *" has 4 fields, a cron line has 5; write minute hour day month weekday, such as "0 7 * * 1-5"`,
		"60 7 * * *":                    `field 1 of cron line "60 7 * * *": "60" is outside 0-59; write *, a number, a list 1,15 or a range 1-5, each with /STEP if wanted`,
		"0 24 * * *":                    `field 2 of cron line "0 24 * * *": "24" is outside 0-23; write *, a number, a list 1,15 or a range 1-5, each with /STEP if wanted`,
		"0 7 0 * *":                     `field 3 of cron line "0 7 0 * *": "0" is outside 1-31; write *, a number, a list 1,15 or a range 1-5, each with /STEP if wanted`,
		"0 7 * jan *":                   `field 4 of cron line "0 7 * jan *": "jan" is not a number; write *, a number, a list 1,15 or a range 1-5, each with /STEP if wanted`,
		"0 7 * * 5-1":                   `field 5 of cron line "0 7 * * 5-1": "5-1" ends before it begins; write *, a number, a list 1,15 or a range 1-5, each with /STEP if wanted`,
		"*/0 * * * *":                   `field 1 of cron line "*/0 * * * *": "0" is not a step; write *, a number, a list 1,15 or a range 1-5, each with /STEP if wanted`,
		"* * 1/9223372036854775807 * *": `field 3 of cron line "* * 1/9223372036854775807 * *": "9223372036854775807" is not a step; write *, a number, a list 1,15 or a range 1-5, each with /STEP if wanted`,
	} {
		if _, err := ParseCron(line); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", line, err, want)
		}
	}
	for _, bad := range []string{"", "+5 * * * *", "-5 * * * *", "1-2-3 * * * *", "1/2/3 * * * *", ", * * * *", "1, * * * *", "* * * * mon", "@daily", "0 0 7 * * *"} {
		if _, err := ParseCron(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestScheduleIsWrittenAsItIsRead(t *testing.T) {
	for want, s := range map[string]Schedule{
		"07:00":                     {Hour: 7},
		"07:05 mon,tue,wed,thu,fri": {Hour: 7, Minute: 5, On: 0b0111110},
		"23:59 sun,sat":             {Hour: 23, Minute: 59, On: 0b1000001},
	} {
		if got := s.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func FuzzParseCron(f *testing.F) {
	for _, s := range []string{"0 7 * * 1-5", "*/15 0-23/2 1,15 2 7", "* * 1/9223372036854775807 * *", "0 0 30 2 *", "59 23 31 12 0", "1-2-3 * * * *", "* * * *"} {
		f.Add(s)
	}
	at := time.Date(2027, 12, 31, 23, 59, 59, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCron(s)
		if err != nil {
			if !fault.Is(err, fault.Invalid) || fault.Hint(err) == "" {
				t.Error(err)
			}
			return
		}
		if c.minutes == 0 || c.hours == 0 || c.days == 0 || c.months == 0 || c.weekdays == 0 {
			t.Fatalf("%q allows nothing: %+v", s, c)
		}
		due, day := Schedule{Cron: c, Zone: time.UTC}.Next(at)
		if due.IsZero() {
			return
		}
		_, month, dd := day.Date()
		if !due.After(at) || DayOf(due, time.UTC) != day || !c.minutes.has(due.Minute()) || !c.hours.has(due.Hour()) || !c.months.has(int(month)) {
			t.Errorf("%q is due %v for %v", s, due, day)
		}
		if !c.days.has(dd) && !c.weekdays.has(int(day.Weekday())) {
			t.Errorf("%q is due on %v", s, fmt.Sprint(day, " ", day.Weekday()))
		}
	})
}
