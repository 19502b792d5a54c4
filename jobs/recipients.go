package jobs

import (
	"context"
	"slices"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/report"
	"daybook/internal/store"
)

// The variants of an edition's mail.
const (
	VariantDaily  = "daily"
	VariantWeekly = "weekly" // with the numbers of the week, for who chose to hear once a week
)

// before is what people got of a day before an edition.
type before struct {
	edition store.Edition   // the newest one that reached somebody
	all     []store.Edition // every earlier one
	got     map[string]bool // by person, whom an earlier one reached; nil for nobody
	cause   string          // why those should get the edition too; empty when it says nothing new to them
}

// before looks up what people got of the day of e.
func (m *Mailer) before(ctx context.Context, e store.Edition) (before, error) {
	var b before
	editions, err := m.Runner.Store.Editions(ctx, e.Report, e.Day)
	if err != nil {
		return b, err
	}
	for _, older := range editions { // newest first
		if older.Number >= e.Number {
			continue
		}
		b.all = append(b.all, older)
		reached, err := m.Runner.Store.RecipientsOf(ctx, []string{older.ID})
		if err != nil {
			return b, err
		}
		if len(reached) > 0 && b.got == nil {
			b.edition, b.got = older, map[string]bool{}
		}
		for id := range reached {
			b.got[id] = true
		}
	}
	return b, nil
}

// cause says why those who got an earlier edition should get this one.
func (m *Mailer) cause(ctx context.Context, b before, node *Node, f report.Figures) (string, error) {
	switch {
	case b.got == nil:
		return "", nil
	case b.edition.Kind != store.EditionFull:
		return CauseCompletion, nil
	}
	was, _, err := m.Runner.Figures(ctx, b.edition.Report, b.edition.Day, b.edition.Number)
	if err != nil {
		return "", err
	}
	if moved(was, f, node.Report.Moved) {
		return CauseCorrection, nil
	}
	return "", nil
}

// moved reports whether a headline changed by more than a share of itself.
func moved(before, after report.Figures, share float64) bool {
	return slices.ContainsFunc(report.Diff(before, after), func(d report.Difference) bool { return d.Headline && d.Relative() > share })
}

// recipients lists who gets an edition, by cause.
func (m *Mailer) recipients(ctx context.Context, node *Node, e store.Edition, b before, everybody bool) (map[string][]store.Recipient, error) {
	r := node.Report
	people, err := m.Runner.Store.PeopleIn(ctx, r.To)
	if err != nil {
		return nil, err
	}
	cadence, err := m.Runner.Store.Subscriptions(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	refused, err := m.refused(ctx)
	if err != nil {
		return nil, err
	}
	digest := digestDay(r, e.Day, m.Runner.Project.Zone)
	out := map[string][]store.Recipient{}
	for _, p := range people {
		to := store.Recipient{Person: p, Variant: VariantDaily, Refused: refused[p.Address]}
		if !m.Runner.Project.Mail.Allows(p.Address) {
			to.Refused = outside
		}
		if b.got[p.ID] {
			if b.cause != "" {
				out[b.cause] = append(out[b.cause], to)
			}
			continue
		}
		if !everybody {
			continue
		}
		switch c := effective(cadence[p.ID], r.Required); {
		case c == store.CadenceOff, c == store.CadenceWeekly && !digest:
			continue
		case c == store.CadenceWeekly:
			to.Variant = VariantWeekly
		}
		out[CauseRelease] = append(out[CauseRelease], to)
	}
	return out, nil
}

// effective is the cadence that counts: nobody can leave a required report.
func effective(cadence string, required bool) string {
	if cadence == store.CadenceOff && required {
		return store.CadenceWeekly
	}
	return cadence
}

// outside is why an address gets nothing that daybook.yaml does not let in.
const outside = "the address is outside the mail's domains"

// refused lists the suppressed addresses, with why.
func (m *Mailer) refused(ctx context.Context) (map[string]string, error) {
	list, err := m.Runner.Store.Suppressions(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, s := range list {
		out[s.Address] = "the address is suppressed since " + s.Since.In(m.Runner.Project.Zone).Format("2006-01-02") + ": " + s.Reason
	}
	return out, nil
}

// digestDay reports whether the edition of a day is the one that weekly readers get: the first that is released in a week, which
// begins on Monday; without a schedule that of a Sunday.
func digestDay(r *project.Report, day calendar.Day, zone *time.Location) bool {
	released := day.Add(1)
	monday := released.Add(-(int(released.Weekday()) + 6) % 7)
	if r.Schedule == nil {
		return released == monday
	}
	first, _ := r.Schedule.Next(monday.Start(zone).Add(-time.Second))
	return calendar.DayOf(first, zone) == released
}
