package handlers

import (
	"context"
	"fmt"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/templates"
)

// goal is the percentage of people who must have a report's mail by its deadline for the day to be on time.
const goal = 98

// lateRelease is how long after it was due a release is said to have been held.
const lateRelease = 10 * time.Minute

// timeliness is whether a day's report came by its deadline.
type timeliness struct {
	day          calendar.Day
	deadline     time.Time
	mark         string        // of the strip; empty where nothing was due
	edition      store.Edition // the first that was mailed
	last         time.Time     // when its last mail was accepted
	reached, all int
	counted, on  bool
}

// timely judges every day of the span, oldest first. A day counts when its deadline is past and a report was due or mailed; one that
// was left out on purpose does not, and a notice in place of the report is not the report.
func (h *Handlers) timely(ctx context.Context, s sendings) ([]timeliness, error) {
	first := map[calendar.Day]store.EditionCount{}
	for _, c := range s.counts { // newest first: the last one seen is the first that was mailed
		if c.Edition.Kind != store.EditionNotice {
			first[c.Edition.Day] = c
		}
	}
	unsent := map[calendar.Day]bool{}
	for _, e := range s.unsent {
		unsent[e.Day] = true
	}
	now := h.Now()
	var list []timeliness
	for _, day := range s.span.days() {
		t := timeliness{day: day}
		t.deadline, _ = h.Mailer.Deadline(s.report.Name, day)
		past := !t.deadline.After(now)
		count, mailed := first[day]
		due, wasDue := s.due[day]
		switch {
		case mailed:
			if err := h.judge(ctx, &t, count, due, past); err != nil {
				return nil, err
			}
		case unsent[day]:
			t.mark = templates.MarkNone
		case wasDue && past:
			t.mark, t.counted = templates.MarkNone, true
		}
		list = append(list, t)
	}
	return list, nil
}

// judge asks the ledger how many had the edition by the deadline.
func (h *Handlers) judge(ctx context.Context, t *timeliness, count store.EditionCount, due store.Occurrence, past bool) error {
	var err error
	t.edition, t.last = count.Edition, count.Last
	if t.reached, t.all, err = h.Store.SentBy(ctx, count.Edition.ID, t.deadline); err != nil {
		return err
	}
	t.on = t.all > 0 && t.reached*100 >= t.all*goal
	t.counted = t.all > 0 && (past || t.on)
	switch {
	case !t.counted:
	case !t.on:
		t.mark = templates.MarkLate
	case count.Edition.Kind == store.EditionPartial:
		t.mark = templates.MarkPartial
	case count.Unknown > 0:
		t.mark = templates.MarkUnknown
	case !due.Due.IsZero() && count.Edition.Released.Sub(due.Due) > lateRelease:
		t.mark = templates.MarkHeld
	default:
		t.mark = templates.MarkOnTime
	}
	return nil
}

// marks are those of the strip in the order of its legend.
func marks() []string {
	return []string{templates.MarkOnTime, templates.MarkHeld, templates.MarkPartial, templates.MarkUnknown, templates.MarkLate, templates.MarkNone}
}

// strip is the days as marks at the times at which their last mails were accepted; only marks that occur are explained.
func (h *Handlers) strip(r project.Report, list []timeliness, on, of int, l text.Locale) *templates.OnTime {
	before := opening(r)
	s := &templates.OnTime{Label: l.T("strip.label", len(list), on, of, r.Deadline), Subtitle: l.T("strip.sub", len(list)), Deadline: r.Deadline, Word: l.T("ledger.deadline"), Lines: hourLines(r, before)}
	seen := map[string]bool{}
	for i, t := range list {
		d := templates.OnTimeDay{Mark: t.mark, Last: i == len(list)-1}
		if d.Last || t.day.Weekday() == time.Monday {
			d.Tick = l.DayShort(t.day)
		}
		if t.mark != "" {
			seen[t.mark] = true
			d.Title, d.At = l.T("strip.nothing", t.day.String(), l.T("strip."+t.mark)), 0
			d.Href = dayPath(r.Name, t.day)
		}
		if t.edition.ID != "" {
			d.Href = deliveriesPath(r.Name, t.day, t.edition.Number)
			d.Title = l.T("strip.title", t.day.String(), l.T("strip."+t.mark), h.clock(t.last, l))
			d.At = 1 - float64(t.deadline.Sub(t.last))/float64(before)
			if d.At = min(max(d.At, 0), 1); !t.on {
				d.At = templates.Late
			}
		}
		s.Days = append(s.Days, d)
	}
	for _, m := range marks() {
		if seen[m] {
			s.Legend = append(s.Legend, templates.OnTimeMark{Mark: m, Label: l.T("strip." + m)})
		}
	}
	return s
}

// opening is how long before its deadline a report is due: by its schedule, else two hours.
func opening(r project.Report) time.Duration {
	hour, minute, err := calendar.ParseClock(r.Deadline)
	if err != nil || r.Schedule == nil || r.Schedule.Cron != nil {
		return 2 * time.Hour
	}
	if d := time.Duration(hour-r.Schedule.Hour)*time.Hour + time.Duration(minute-r.Schedule.Minute)*time.Minute; d > 0 {
		return d
	}
	return 2 * time.Hour
}

// hourLines are up to three times of day above the deadline, the first being when the report is due.
func hourLines(r project.Report, before time.Duration) []templates.OnTimeLine {
	hour, minute, err := calendar.ParseClock(r.Deadline)
	if err != nil {
		return nil
	}
	deadline := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
	step := time.Hour * time.Duration(1+int(before.Hours())/4)
	var lines []templates.OnTimeLine
	for at := deadline - before; at < deadline-step/2; at += step {
		of := (at + 24*time.Hour) % (24 * time.Hour)
		lines = append(lines, templates.OnTimeLine{Label: fmt.Sprintf("%02d:%02d", int(of.Hours()), int(of.Minutes())%60), At: 1 - float64(deadline-at)/float64(before)})
	}
	return lines
}
