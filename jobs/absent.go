package jobs

import (
	"fmt"
	"strconv"
	"strings"

	"daybook/internal/calendar"
	"daybook/internal/text"
)

// absences says which parts of a day the sources of a report did not have, empty when they had everything: what is drawn from two
// of 24 hours must not look like a whole day.
func (r *Runner) absences(report string, day calendar.Day, l text.Locale) string {
	upstream := r.Graph.Upstream(report)
	var list []string
	for _, n := range r.Graph.Order {
		if n.Source == nil || !upstream[n.Name] {
			continue
		}
		if b, ok := r.ledger.at(n.Key(day)); ok && b.Note != "" {
			list = append(list, n.Name+": "+absentWords(strings.Split(b.Note, "\n"), l))
		}
	}
	return strings.Join(list, "; ")
}

// absentWords names missing parts: hours as ranges, everything else as the source called it.
func absentWords(missing []string, l text.Locale) string {
	var spans, others []string
	first, last := -1, -1
	flush := func() {
		switch {
		case first < 0:
		case first == last:
			spans = append(spans, strconv.Itoa(first))
		default:
			spans = append(spans, fmt.Sprintf("%d–%d", first, last))
		}
		first, last = -1, -1
	}
	for _, m := range missing {
		name, _, _ := strings.Cut(m, ":")
		hour, err := strconv.Atoi(strings.TrimPrefix(name, "hour "))
		if err != nil {
			others = append(others, name)
			continue
		}
		if hour != last+1 || first < 0 {
			flush()
			first = hour
		}
		last = hour
	}
	flush()
	if len(spans) > 0 {
		others = append([]string{l.T("page.hours", strings.Join(spans, ", "))}, others...)
	}
	return strings.Join(others, ", ")
}
