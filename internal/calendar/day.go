package calendar

import (
	"fmt"
	"time"

	"daybook/internal/fault"
)

// Day is a civil date, counted from 1970-01-01. Days compare with ==; the zero Day is 1970-01-01 and means "none" where a field may be empty.
type Day struct{ n int32 }

const layout = "2006-01-02"

// Date returns the day of a civil date; out-of-range values are normalised as by time.Date.
func Date(year int, month time.Month, day int) Day {
	return Day{int32(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86400)}
}

// ParseDay reads "2006-01-02"; anything else is a fault of code invalid.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(layout, s)
	if err != nil {
		return Day{}, fault.New(fault.Invalid, fmt.Sprintf("%q is not a day", s), "write a date such as 2026-11-19")
	}
	return Date(t.Date()), nil
}

// MustDay is ParseDay for constants; it panics on a bad one.
func MustDay(s string) Day {
	d, err := ParseDay(s)
	if err != nil {
		panic(err)
	}
	return d
}

// DayOf returns the day that t falls on in loc.
func DayOf(t time.Time, loc *time.Location) Day { return Date(t.In(loc).Date()) }

func (d Day) utc() time.Time { return time.Unix(int64(d.n)*86400, 0).UTC() }

// String is "2006-01-02".
func (d Day) String() string { return d.utc().Format(layout) }

// IsZero reports whether the field was never set.
func (d Day) IsZero() bool { return d.n == 0 }

// Date returns year, month and day of the month.
func (d Day) Date() (int, time.Month, int) { return d.utc().Date() }

// Weekday of the day.
func (d Day) Weekday() time.Weekday { return d.utc().Weekday() }

// Add returns the day n days later.
func (d Day) Add(n int) Day { return Day{d.n + int32(n)} }

// Sub returns how many days d lies after e.
func (d Day) Sub(e Day) int { return int(d.n - e.n) }

// Before reports whether d is earlier than e.
func (d Day) Before(e Day) bool { return d.n < e.n }

// After reports whether d is later than e.
func (d Day) After(e Day) bool { return d.n > e.n }

// Compare is -1, 0 or 1, for slices.SortFunc.
func (d Day) Compare(e Day) int {
	switch {
	case d.n < e.n:
		return -1
	case d.n > e.n:
		return 1
	}
	return 0
}

// Format formats the day by a time layout.
func (d Day) Format(layout string) string { return d.utc().Format(layout) }

// Start is the first instant of the day in loc: midnight, or the end of a gap that swallows midnight.
func (d Day) Start(loc *time.Location) time.Time {
	y, m, dd := d.Date()
	return At(y, m, dd, 0, 0, loc)
}

// End is the first instant after the day.
func (d Day) End(loc *time.Location) time.Time { return d.Add(1).Start(loc) }

// Hours lists the clock hours that the day has in loc, each once and in order: a day that skips an hour lacks it, and
// an hour that comes twice is one clock hour, as sources name their objects by the clock.
func (d Day) Hours(loc *time.Location) []int {
	var has [24]bool
	for t, end := d.Start(loc), d.End(loc); t.Before(end); t = t.Add(15 * time.Minute) {
		// A clock set back just after midnight shows the end of the day before once more.
		if DayOf(t, loc) == d {
			has[t.In(loc).Hour()] = true
		}
	}
	var hours []int
	for h, ok := range has {
		if ok {
			hours = append(hours, h)
		}
	}
	return hours
}

// Range lists the days from..to, both included; it is empty when to is before from.
func Range(from, to Day) []Day {
	var days []Day
	for d := from; !d.After(to); d = d.Add(1) {
		days = append(days, d)
	}
	return days
}

// MarshalText writes "2006-01-02", and nothing for the zero Day.
func (d Day) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, nil
	}
	return []byte(d.String()), nil
}

// UnmarshalText is the inverse of MarshalText.
func (d *Day) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = Day{}
		return nil
	}
	v, err := ParseDay(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// At is the instant of a wall-clock time in loc. A time inside a gap gives the first instant after the gap; a time that
// occurs twice gives its first occurrence.
func At(year int, month time.Month, day, hour, minute int, loc *time.Location) time.Time {
	wall := time.Date(year, month, day, hour, minute, 0, 0, time.UTC).Unix()
	probe := time.Unix(wall, 0)
	_, before := probe.Add(-26 * time.Hour).In(loc).Zone()
	best := time.Time{}
	// Every offset in force within a day of the wall time is a candidate; the earliest instant that reads as the wall time wins.
	for h := -26; h <= 26; h++ {
		_, off := probe.Add(time.Duration(h) * time.Hour).In(loc).Zone()
		t := time.Unix(wall-int64(off), 0).In(loc)
		y, mo, d := t.Date()
		if y == year && mo == month && d == day && t.Hour() == hour && t.Minute() == minute && (best.IsZero() || t.Before(best)) {
			best = t
		}
	}
	if !best.IsZero() {
		return best
	}
	// In a gap: the transition lies between the wall time read with the offset before and after it.
	lo, hi := time.Unix(wall-int64(before), 0).Add(-26*time.Hour), time.Unix(wall-int64(before), 0).Add(26*time.Hour)
	for hi.Sub(lo) > time.Second {
		mid := lo.Add(hi.Sub(lo) / 2).Truncate(time.Second)
		_, off := mid.In(loc).Zone()
		if mid.Unix()+int64(off) < wall {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi.In(loc)
}
