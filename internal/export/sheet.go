package export

import (
	"fmt"
	"strings"
	"unicode"

	"daybook/internal/calendar"
	"daybook/internal/text"
)

const maxSheetName = 31 // UTF-16 units

// sheetNames makes the names valid, at most 31 units without []:*?/\ and quotes, and unique where capitals do not count.
func sheetNames(sheets []Sheet) []string {
	names := make([]string, len(sheets))
	taken := map[string]bool{"history": true} // Excel keeps that name for itself
	for i, s := range sheets {
		name := sheetName(s.Name, maxSheetName)
		for n := 2; taken[strings.ToLower(name)]; n++ {
			end := fmt.Sprintf(" (%d)", n)
			name = sheetName(s.Name, maxSheetName-len(end)) + end
		}
		taken[strings.ToLower(name)] = true
		names[i] = name
	}
	return names
}

func sheetName(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(`[]:*?/\`, r):
			return ' '
		case r == '\'':
			return '’' // formulas quote names with it
		case !unicode.IsGraphic(r) && !unicode.IsSpace(r):
			return -1
		}
		return r
	}, oneLine(s))
	s = strings.TrimSpace(capped(oneLine(s), limit))
	if s == "" {
		return "Sheet"
	}
	return s
}

// Widths in characters of Excel's default font.
const (
	narrowest = 8
	widest    = 60
	button    = 3   // of the filter, in the head
	looked    = 500 // rows that a width is measured by
)

// columnWidth fits the head and the first rows.
func columnWidth(s Sheet, i int) float64 {
	c := s.Columns[i]
	n := wide(capped(c.head(), widest)) + button
	for _, row := range s.Rows[:min(len(s.Rows), looked)] {
		if i < len(row) {
			n = max(n, shown(row[i], c))
		}
	}
	return float64(min(max(n+2, narrowest), widest))
}

// shown is about how wide a cell is.
func shown(v any, c Column) int {
	switch v := v.(type) {
	case nil:
		return 0
	case bool:
		return len("FALSE")
	case calendar.Day:
		return len("2026-11-19")
	case int64:
		return wide(text.English.Count(v))
	case float64:
		if c.Format == Percent {
			return wide(text.English.Percent(v, c.digits())) + 1
		}
		if c.measured() {
			return wide(text.English.Decimal(v, c.digits()))
		}
		return len(fmt.Sprint(v))
	case string:
		longest := 0
		for line := range strings.Lines(capped(v, 4*widest)) {
			longest = max(longest, wide(strings.TrimSpace(line)))
		}
		return longest
	}
	return len("2026-11-19 06:12:00")
}
