package source

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"daybook/internal/calendar"
)

// keyDays are the days, in order, whose objects a key is among by a pattern with placeholders: the inverse of what a fetch lists. There
// can be several, as "*{day}*" names an object with two dates for both; digits that would be a day before 1970 are none.
func keyDays(pattern, key string, zone *time.Location) []calendar.Day {
	s := &keySearch{pattern: pattern, key: key, seen: map[keyPlace]bool{}, found: map[calendar.Day]bool{}}
	s.walk(keyPlace{})
	var days []calendar.Day
	for d := range s.found {
		if d.After(calendar.Day{}) && keyOfDay(pattern, key, d, zone) {
			days = append(days, d)
		}
	}
	slices.SortFunc(days, calendar.Day.Compare)
	return days
}

// keyOfDay reports whether a fetch of the day would find the key.
func keyOfDay(pattern, key string, d calendar.Day, zone *time.Location) bool {
	p := replace(pattern, d)
	if !strings.Contains(p, "{hour}") {
		ok, err := keyMatches(p, key)
		return ok && err == nil
	}
	for _, h := range d.Hours(zone) {
		if ok, err := keyMatches(strings.ReplaceAll(p, "{hour}", strconv.Itoa(h)), key); ok && err == nil {
			return true
		}
	}
	return false
}

// keySteps bounds a search: a key of a thousand digits, which anybody who may write to the bucket can make, fits a pattern with stars in
// more ways than anybody can wait for. Ordinary keys take some hundreds.
const keySteps = 100_000

// keySearch walks a pattern along a key and notes every day that the placeholders can stand for.
type keySearch struct {
	pattern, key string
	seen         map[keyPlace]bool
	found        map[calendar.Day]bool
}

// keyPlace is how far the walk is, and what the placeholders before it stand for.
type keyPlace struct {
	pattern, key     int
	year, month, day string
}

func (s *keySearch) walk(p keyPlace) {
	if s.seen[p] || len(s.seen) == keySteps {
		return
	}
	s.seen[p] = true
	rest, key := s.pattern[p.pattern:], s.key[p.key:]
	if rest == "" {
		if d, err := calendar.ParseDay(p.year + "-" + p.month + "-" + p.day); key == "" && err == nil {
			s.found[d] = true
		}
		return
	}
	if name := placeholder.FindString(rest); name != "" && strings.HasPrefix(rest, name) && strings.Contains("{day}{yyyy}{mm}{dd}{hour}", name) {
		p.pattern += len(name)
		s.read(name, p, key)
		return
	}
	if rest[0] == '*' {
		s.walk(keyPlace{p.pattern + 1, p.key, p.year, p.month, p.day})
		if key != "" && key[0] != '/' {
			s.walk(keyPlace{p.pattern, p.key + 1, p.year, p.month, p.day})
		}
		return
	}
	token := keyToken(rest)
	_, width := utf8.DecodeRuneInString(key)
	if ok, err := path.Match(token, key[:width]); ok && err == nil {
		s.walk(keyPlace{p.pattern + len(token), p.key + width, p.year, p.month, p.day})
	}
}

// keyToken is what stands for one character at the front of a pattern: itself, escaped or not, ? or [a-z].
func keyToken(pattern string) string {
	switch pattern[0] {
	case '\\':
		_, width := utf8.DecodeRuneInString(pattern[1:])
		return pattern[:1+width]
	case '[':
		for i := 1; i < len(pattern); i++ {
			switch {
			case pattern[i] == '\\':
				i++
			case pattern[i] == ']' && i > 1:
				return pattern[:i+1]
			}
		}
	}
	_, width := utf8.DecodeRuneInString(pattern)
	return pattern[:width]
}

// read takes what a placeholder can stand for off the front of a key; where it stood for something before, it is the same.
func (s *keySearch) read(name string, p keyPlace, key string) {
	switch name {
	case "{day}":
		if d, err := calendar.ParseDay(key[:min(len(key), len("2006-01-02"))]); err == nil {
			year, month, day := d.Format("2006"), d.Format("01"), d.Format("02")
			if (p.year == "" || p.year == year) && (p.month == "" || p.month == month) && (p.day == "" || p.day == day) {
				s.walk(keyPlace{p.pattern, p.key + len("2006-01-02"), year, month, day})
			}
		}
	case "{yyyy}":
		if d := digits(key, 4); d >= "1970" && (p.year == "" || p.year == d) {
			s.walk(keyPlace{p.pattern, p.key + 4, d, p.month, p.day})
		}
	case "{mm}":
		if d := digits(key, 2); d >= "01" && d <= "12" && (p.month == "" || p.month == d) {
			s.walk(keyPlace{p.pattern, p.key + 2, p.year, d, p.day})
		}
	case "{dd}":
		if d := digits(key, 2); d >= "01" && d <= "31" && (p.day == "" || p.day == d) {
			s.walk(keyPlace{p.pattern, p.key + 2, p.year, p.month, d})
		}
	case "{hour}": // which hours the day has, keyOfDay says
		for n := 1; n <= 2; n++ {
			if digits(key, n) != "" {
				s.walk(keyPlace{p.pattern, p.key + n, p.year, p.month, p.day})
			}
		}
	}
}

// digits are the first n of a key, empty where they are not all digits.
func digits(key string, n int) string {
	if len(key) < n || strings.Trim(key[:n], "0123456789") != "" {
		return ""
	}
	return key[:n]
}
