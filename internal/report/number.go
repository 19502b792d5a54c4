package report

import (
	"math"
	"strings"

	"daybook/internal/text"
)

// Bare writes a value without its unit: 100,096 or 25.0 (a percent without its sign) or 6.46; nil is text.None.
func Bare(v *float64, format string, digits int, l text.Locale) string {
	switch {
	case v == nil:
		return text.None
	case format == FormatPercent:
		return l.Percent(*v, digits)
	case format == FormatDecimal:
		return l.Decimal(*v, digits)
	}
	return l.Decimal(*v, 0)
}

// Sign is what stands behind a Bare value: the percent sign, or the unit.
func Sign(format, unit string) string {
	if format == FormatPercent {
		return "%"
	}
	return unit
}

// Number writes a value with its unit: 100,096건, 100,096 requests, 25.0%. A percent takes the sign in place of any unit.
func Number(v *float64, format string, digits int, unit string, l text.Locale) string {
	s := Bare(v, format, digits, l)
	switch {
	case v == nil:
		return s
	case format == FormatPercent:
		return s + "%"
	case unit == "" || l == text.Korean:
		return s + unit
	}
	return s + " " + unit
}

// Number writes a value as the section's measure.
func (s Section) Number(v *float64, l text.Locale) string {
	return Number(v, s.Format, s.Digits, s.Unit.In(string(l)), l)
}

// The arrows of a change; no colour belongs to them, as more is not better.
const (
	Up   = "▲"
	Down = "▼"
	Same = "–"
)

// Change is how a kpi moved, in words: "▲", "22.4%", "전날보다". Where the earlier day is absent Arrow is empty, Absent is set
// and Text says which day has no data.
type Change struct {
	Arrow   string
	Text    string
	Against string
	Absent  bool
}

// Changes are the comparisons of a kpi, in the order of the section.
func Changes(s Section, l text.Locale) []Change {
	var list []Change
	for _, c := range s.Compare {
		list = append(list, change(s, c, l))
	}
	return list
}

func change(s Section, c Comparison, l text.Locale) Change {
	out := Change{Against: against(c, l)}
	switch {
	case c.Absent:
		out.Text, out.Absent = l.T("report.absent", l.DayShort(c.Day)), true
		return out
	case c.Change == nil:
		out.Text = text.None
		return out
	}
	size := math.Abs(*c.Change)
	switch {
	case s.Format == FormatPercent:
		out.Text = l.Percent(size, max(s.Digits, 1)) + "%p"
	case s.Format == FormatNumber && c.Relative != nil:
		out.Text = l.Percent(math.Abs(*c.Relative), 1) + "%"
	case s.Format == FormatDecimal:
		out.Text = l.Decimal(size, s.Digits)
	default: // a change from nothing has no percentage
		out.Text = s.Number(&size, l)
	}
	out.Arrow = arrow(*c.Change, out.Text)
	return out
}

// arrow points where v goes, and nowhere when its text shows nothing but zeros.
func arrow(v float64, written string) string {
	switch {
	case !strings.ContainsAny(written, "123456789"):
		return Same
	case v > 0:
		return Up
	}
	return Down
}

// against is "전날보다" or "지난주 월요일보다".
func against(c Comparison, l text.Locale) string {
	if c.With == WithWeek {
		return l.T("report.against.week", weekday(c, l))
	}
	return l.T("report.against.day")
}

// earlier is "전날" or "지난주 월요일".
func earlier(c Comparison, l text.Locale) string {
	if c.With == WithWeek {
		return l.T("report.earlier.week", weekday(c, l))
	}
	return l.T("report.earlier.day")
}

func weekday(c Comparison, l text.Locale) string {
	if l == text.Korean {
		return l.T("report.weekday", l.Weekday(c.Day.Weekday()))
	}
	return c.Day.Weekday().String()
}

// labelLimit is where labels of charts and mails are cut, in characters.
const labelLimit = 20

// cut shortens a label to labelLimit characters and says so.
func cut(s string) string {
	runes := []rune(s)
	if len(runes) <= labelLimit {
		return s
	}
	return strings.TrimRight(string(runes[:labelLimit]), " ") + "…"
}
