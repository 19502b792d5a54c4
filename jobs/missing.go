package jobs

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/report"
	"daybook/internal/store"
	"daybook/internal/text"
)

// incomplete lists the sources of a report that did not have the whole day: what is drawn from two of 24 hours must not look like
// a whole day.
func (r *Runner) incomplete(name string, day calendar.Day) []report.Missing {
	upstream := r.Graph.Upstream(name)
	var list []report.Missing
	for _, n := range r.Graph.Order {
		if n.Source == nil || !upstream[n.Name] {
			continue
		}
		if b, ok := r.ledger.at(n.Key(day)); ok && b.Note != "" {
			list = append(list, report.Missing{Node: n.Name, State: report.MissingParts, Parts: strings.Split(b.Note, "\n")})
		}
	}
	return list
}

// missing lists the nodes upstream of a report whose build for the day is not what it should be, the causes only: what merely waits
// for them is not named. Empty means that the report can be made whole.
func (r *Runner) missing(ctx context.Context, name string, day calendar.Day) ([]report.Missing, error) {
	plan, err := r.Plan(ctx, Request{Nodes: []string{name}, Day: day})
	if err != nil {
		return nil, err
	}
	planned := map[string]bool{}
	for _, s := range plan.Steps {
		planned[s.Cell.Node] = true
	}
	var list []report.Missing
	for _, s := range plan.Steps {
		n := r.Graph.nodes[s.Cell.Node]
		if n.Report != nil || slices.ContainsFunc(n.Inputs, func(in string) bool { return planned[in] }) {
			continue
		}
		m, err := r.absence(ctx, n, s, day)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// absence says what became of a build that is not there, and since when.
func (r *Runner) absence(ctx context.Context, n *Node, s Step, day calendar.Day) (report.Missing, error) {
	m := report.Missing{Node: n.Name, State: store.StateMissing, Reason: s.Why.Code}
	tasks, err := r.Store.NodeTasks(ctx, n.Name, s.Cell.Day, 0)
	if err != nil {
		return m, err
	}
	for i, t := range tasks { // newest first
		if t.State == store.StateDone {
			break
		}
		if i == 0 {
			m.State, m.Reason = t.State, t.Error
		}
		if !t.Started.IsZero() {
			m.Since = t.Started.UTC().Truncate(time.Second)
		}
	}
	for _, d := range r.ledger.days(n.Name) {
		if d.Before(day) {
			m.Last = d
		}
	}
	return m, nil
}

// missingWords says in a line what figures were made without, empty when they had everything.
func missingWords(f report.Figures, l text.Locale, zone *time.Location) string {
	var list []string
	for _, m := range f.Missing {
		list = append(list, m.Node+": "+missingWord(m, l, zone))
	}
	return strings.Join(list, "; ")
}

func missingWord(m report.Missing, l text.Locale, zone *time.Location) string {
	if m.State == report.MissingParts {
		return absentWords(m.Parts, l)
	}
	words := []string{l.T("missing." + missingKind(m.State))}
	if !m.Since.IsZero() {
		words = append(words, l.T("missing.since", l.DayShort(calendar.DayOf(m.Since, zone))+" "+l.Clock(m.Since, zone)))
	}
	if !m.Last.IsZero() {
		words = append(words, l.T("missing.last", l.DayShort(m.Last)))
	}
	return strings.Join(words, ", ")
}

// missingKind tells people three things apart: it failed, it is under way, it is not there.
func missingKind(state string) string {
	switch state {
	case store.StateFailed, store.StateInterrupted, store.StateCanceled:
		return "failed"
	case store.StateRunning, store.StateRetrying, store.StateQueued, store.StateWaiting:
		return "underway"
	}
	return "absent"
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
