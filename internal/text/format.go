package text

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"daybook/internal/calendar"
)

// None stands for a figure that is absent, Dash for an absent cell.
const (
	None = "—"
	Dash = "–"
)

// Count writes a whole number with thousands separators: 100,096; the minus sign is U+2212.
func (l Locale) Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	if n < 0 {
		return "−" + grouped(s[1:])
	}
	return grouped(s)
}

func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Decimal writes v with the given number of digits after the point, rounded half away from zero on the decimal value.
func (l Locale) Decimal(v float64, digits int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return None
	}
	// A ratio such as 0.125 must round as its shortest decimal reads, not as its binary value happens to lie.
	s := roundDecimal(strconv.FormatFloat(math.Abs(v), 'f', -1, 64), digits)
	whole, frac, _ := strings.Cut(s, ".")
	whole = grouped(whole)
	if digits > 0 {
		whole += "." + frac
	}
	if v < 0 && strings.Trim(s, "0.") != "" {
		return "−" + whole
	}
	return whole
}

// roundDecimal rounds the decimal string s ("12.345", no sign) half up to digits places.
func roundDecimal(s string, digits int) string {
	whole, frac, _ := strings.Cut(s, ".")
	if len(frac) <= digits {
		frac += strings.Repeat("0", digits-len(frac))
		return strings.TrimSuffix(whole+"."+frac, ".")
	}
	up := frac[digits] >= '5'
	d := []byte(whole + frac[:digits])
	for i := len(d) - 1; up && i >= 0; i-- {
		if d[i] == '9' {
			d[i] = '0'
			continue
		}
		d[i]++
		up = false
	}
	out := string(d)
	if up {
		out = "1" + out
	}
	cut := len(out) - digits
	return strings.TrimSuffix(out[:cut]+"."+out[cut:], ".")
}

// Percent writes a ratio as a percentage with the given digits: Percent(0.2504, 1) is "25.0".
func (l Locale) Percent(ratio float64, digits int) string {
	// The shift by two places is done on the decimal text: 0.285*100 is 28.499999999999996 in binary.
	s := strconv.FormatFloat(ratio, 'f', -1, 64)
	v, err := strconv.ParseFloat(s+"e2", 64)
	if err != nil {
		return None
	}
	return l.Decimal(v, digits)
}

var koWeekdays = [...]string{"일", "월", "화", "수", "목", "금", "토"}

// DayShort is "5월 22일" or "22 May".
func (l Locale) DayShort(d calendar.Day) string {
	if l == Korean {
		_, m, day := d.Date()
		return fmt.Sprintf("%d월 %d일", int(m), day)
	}
	return d.Format("2 Jan")
}

// DayLong is "5월 22일 월요일" or "Monday 22 May".
func (l Locale) DayLong(d calendar.Day) string {
	if l == Korean {
		return l.DayShort(d) + " " + l.Weekday(d.Weekday()) + "요일"
	}
	return d.Format("Monday 2 Jan")
}

// Weekday is "월" or "Mon".
func (l Locale) Weekday(w time.Weekday) string {
	if l == Korean {
		return koWeekdays[w]
	}
	return w.String()[:3]
}

// Month is "2026년 11월" or "November 2026".
func (l Locale) Month(d calendar.Day) string {
	if l == Korean {
		y, m, _ := d.Date()
		return fmt.Sprintf("%d년 %d월", y, int(m))
	}
	return d.Format("January 2006")
}

// Clock is "06:12" in the zone.
func (l Locale) Clock(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return Dash
	}
	return t.In(zone).Format("15:04")
}

// Took writes a duration for people: 0.4s, 11.4s, 9m 12s, 1h 15m; in Korean 9분 12초.
func (l Locale) Took(d time.Duration) string {
	h, m, s := "h", "m", "s"
	if l == Korean {
		h, m, s = "시간", "분", "초"
	}
	switch d = d.Round(100 * time.Millisecond); { // 59.97s is a minute, not 60.0s
	case d < 0:
		return Dash
	case d < time.Minute:
		return fmt.Sprintf("%.1f%s", d.Seconds(), s)
	case d < time.Hour:
		return fmt.Sprintf("%d%s %02d%s", int(d.Minutes()), m, int(d.Seconds())%60, s)
	}
	return fmt.Sprintf("%d%s %02d%s", int(d.Hours()), h, int(d.Minutes())%60, m)
}

// Bytes writes a size: 38.1 MB (powers of ten).
func (l Locale) Bytes(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	v, i := float64(n), 0
	for v >= 999.95 && i < len(units)-1 { // 999.96 kB would be written as 1000.0 kB
		v /= 1000
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}
