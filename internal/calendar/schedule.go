// Package calendar counts days and instants: civil days, zones, and when a schedule is due; it has no clock inside.
package calendar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"daybook/internal/fault"
)

// Schedule says at which instants something is due. Hour and minute are wall-clock in Zone, on the days of On (all when empty).
// Where Cron is set it gives minutes, hours, days of month, months and weekdays instead.
type Schedule struct {
	Hour, Minute int
	On           Weekdays
	Cron         *Cron
	Zone         *time.Location
}

// Weekdays is a set; the zero value means every day.
type Weekdays uint8

// Has reports whether the set holds w; the empty set holds every weekday.
func (s Weekdays) Has(w time.Weekday) bool { return s == 0 || s&(1<<w) != 0 }

var weekdayNames = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func weekday(s string) (time.Weekday, bool) {
	i := slices.Index(weekdayNames[:], s)
	return time.Weekday(i), i >= 0
}

// ParseWeekdays reads "weekdays", "weekends", "every day", "mon", "mon,wed" or "sun-fri".
func ParseWeekdays(s string) (Weekdays, error) {
	switch s {
	case "", "every day", "daily":
		return 0, nil
	case "weekdays":
		return ParseWeekdays("mon-fri")
	case "weekends":
		return ParseWeekdays("sat,sun")
	}
	var set Weekdays
	for part := range strings.SplitSeq(s, ",") {
		first, last, ranged := strings.Cut(strings.ToLower(strings.TrimSpace(part)), "-")
		from, ok := weekday(first)
		to := from
		if ranged && ok {
			to, ok = weekday(last)
		}
		if !ok {
			return 0, fault.New(fault.Invalid, fmt.Sprintf("%q names no weekdays", s), "write weekdays, mon-fri, or sat,sun")
		}
		for w := from; ; w = (w + 1) % 7 {
			set |= 1 << w
			if w == to {
				break
			}
		}
	}
	return set, nil
}

// ParseClock reads "07:00" as hour and minute.
func ParseClock(s string) (hour, minute int, err error) {
	h, m, ok := strings.Cut(s, ":")
	hour, isHour := number(h)
	minute, isMinute := number(m)
	if !ok || len(h) != 2 || len(m) != 2 || !isHour || !isMinute || hour > 23 || minute > 59 {
		return 0, 0, fault.New(fault.Invalid, fmt.Sprintf("%q is not a time of day", s), `write hours and minutes such as "07:00"`)
	}
	return hour, minute, nil
}

// number reads digits only: no sign, and nothing that overflows.
func number(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return int(n), err == nil
}

// Due returns the instants at which the schedule is due on one day of its zone, in order. A time that the day skips is due
// at the first instant after the gap; one that the day has twice is due once, at the first.
func (s Schedule) Due(d Day) []time.Time {
	y, m, dd := d.Date()
	if s.Cron == nil {
		if !s.On.Has(d.Weekday()) {
			return nil
		}
		return []time.Time{At(y, m, dd, s.Hour, s.Minute, s.Zone)}
	}
	if !s.Cron.on(d) {
		return nil
	}
	var due []time.Time
	for h := range 24 {
		for mi := range 60 {
			if s.Cron.hours.has(h) && s.Cron.minutes.has(mi) {
				if t := At(y, m, dd, h, mi, s.Zone); len(due) == 0 || due[len(due)-1].Before(t) {
					due = append(due, t)
				}
			}
		}
	}
	return due
}

// horizon bounds the search for the next instant: a cron line for 29 February is due within eight years.
const horizon = 8*366 + 2

// Next is the first instant after t at which the schedule is due, and the civil day (in the schedule's zone) it is due on.
// It is the zero time for a schedule that is never due, such as 30 February.
func (s Schedule) Next(t time.Time) (time.Time, Day) {
	day := DayOf(t, s.Zone)
	for range horizon {
		for _, due := range s.Due(day) {
			if due.After(t) {
				return due, day
			}
		}
		day = day.Add(1)
	}
	return time.Time{}, Day{}
}

// String describes the schedule as it would be written.
func (s Schedule) String() string {
	if s.Cron != nil {
		return s.Cron.text
	}
	text := fmt.Sprintf("%02d:%02d", s.Hour, s.Minute)
	if s.On == 0 {
		return text
	}
	var names []string
	for w, name := range weekdayNames {
		if s.On.Has(time.Weekday(w)) {
			names = append(names, name)
		}
	}
	return text + " " + strings.Join(names, ",")
}

// Cron is a five-field cron line: minute hour day-of-month month day-of-week, each *, N, A-B, lists and /STEP.
// As in the POSIX crontab, when both day fields are restricted either may match.
type Cron struct {
	text                                   string
	minutes, hours, days, months, weekdays bits
	anyDay, anyWeekday                     bool
}

type bits uint64

func (b bits) has(i int) bool { return b&(1<<i) != 0 }

func (c *Cron) on(d Day) bool {
	_, month, day := d.Date()
	if !c.months.has(int(month)) {
		return false
	}
	byDay, byWeekday := c.days.has(day), c.weekdays.has(int(d.Weekday()))
	if !c.anyDay && !c.anyWeekday {
		return byDay || byWeekday
	}
	return byDay && byWeekday
}

// ParseCron reads a five-field cron line.
func ParseCron(s string) (*Cron, error) {
	fields := strings.Fields(s)
	if len(fields) != 5 {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("%q has %d fields, a cron line has 5", s, len(fields)), `write minute hour day month weekday, such as "0 7 * * 1-5"`)
	}
	c := &Cron{text: s, anyDay: fields[2] == "*", anyWeekday: fields[4] == "*"}
	for i, f := range []struct {
		to       *bits
		min, max int
	}{{&c.minutes, 0, 59}, {&c.hours, 0, 23}, {&c.days, 1, 31}, {&c.months, 1, 12}, {&c.weekdays, 0, 7}} {
		set, err := cronField(fields[i], f.min, f.max)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, fmt.Sprintf("field %d of cron line %q", i+1, s), `write *, a number, a list 1,15 or a range 1-5, each with /STEP if wanted`)
		}
		*f.to = set
	}
	if c.weekdays.has(7) { // 7 is Sunday too
		c.weekdays |= 1
	}
	return c, nil
}

func cronField(s string, lo, hi int) (bits, error) {
	var set bits
	for part := range strings.SplitSeq(s, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			n, ok := number(stepText)
			if !ok || n < 1 || n > hi {
				return 0, fmt.Errorf("%q is not a step", stepText)
			}
			step = n
		}
		from, to := lo, hi
		if span != "*" {
			a, b, ranged := strings.Cut(span, "-")
			n, ok := number(a)
			if !ok {
				return 0, fmt.Errorf("%q is not a number", a)
			}
			from, to = n, n
			if stepped && !ranged {
				to = hi
			}
			if ranged {
				if to, ok = number(b); !ok {
					return 0, fmt.Errorf("%q is not a number", b)
				}
			}
		}
		if from > to {
			return 0, fmt.Errorf("%q ends before it begins", span)
		}
		if from < lo || to > hi {
			return 0, fmt.Errorf("%q is outside %d-%d", span, lo, hi)
		}
		for v := from; v <= to; v += step {
			set |= 1 << v
		}
	}
	return set, nil
}
