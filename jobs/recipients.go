package jobs

import (
	"context"
	"slices"

	"daybook/internal/report"
	"daybook/internal/store"
)

// before is what people got of a day before an edition.
type before struct {
	edition store.Edition            // the newest one that reached somebody; once there is a cause, the oldest that it is for
	all     []store.Edition          // every earlier one
	got     map[string]store.Edition // by person, the newest that reached them; nil for nobody
	newest  []store.Edition          // those of got, newest first
	causes  map[string]string        // by edition, why those who got it last should get this one too
	cause   string                   // of edition; empty when it says nothing new to anybody
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
			b.edition, b.got = older, map[string]store.Edition{}
		}
		fresh := false
		for id := range reached {
			if _, later := b.got[id]; !later {
				b.got[id], fresh = older, true
			}
		}
		if fresh {
			b.newest = append(b.newest, older)
		}
	}
	return b, nil
}

// compare finds out for whom of those who got something an edition has news.
func (m *Mailer) compare(ctx context.Context, b *before, node *Node, f report.Figures, e store.Edition) error {
	b.causes = map[string]string{}
	for _, older := range b.newest {
		cause, err := m.cause(ctx, older, node, f, e)
		if err != nil {
			return err
		}
		if cause != "" {
			b.causes[older.ID], b.edition, b.cause = cause, older, cause
		}
	}
	return nil
}

// cause says why those who got an older edition last should get this one. One that is not whole says no more than what they have,
// unless that was a notice.
func (m *Mailer) cause(ctx context.Context, older store.Edition, node *Node, f report.Figures, e store.Edition) (string, error) {
	switch {
	case e.Kind == store.EditionNotice, e.Kind == store.EditionPartial && older.Kind != store.EditionNotice:
		return "", nil
	case older.Kind != store.EditionFull:
		return store.CauseCompletion, nil
	}
	was, _, err := m.Runner.Figures(ctx, older.Report, older.Day, older.Number)
	if err != nil {
		return "", err
	}
	if moved(was, f, node.Report.Moved) {
		return store.CauseCorrection, nil
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
	heard, err := m.heard(ctx, e)
	if err != nil {
		return nil, err
	}
	out := map[string][]store.Recipient{}
	for _, p := range people {
		to := store.Recipient{Person: p, Variant: store.VariantDaily, Refused: refused[p.Address]}
		if !m.Runner.Project.Mail.Allows(p.Address) {
			to.Refused = outside
		}
		if last, ok := b.got[p.ID]; ok {
			if cause := b.causes[last.ID]; cause != "" {
				out[cause] = append(out[cause], to)
			}
			continue
		}
		if !everybody {
			continue
		}
		switch c := effective(cadence[p.ID], r.Required); {
		case c == store.CadenceOff, c == store.CadenceWeekly && heard[p.ID]:
			continue
		case c == store.CadenceWeekly:
			to.Variant = store.VariantWeekly
		}
		out[store.CauseRelease] = append(out[store.CauseRelease], to)
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

// heard lists whom an earlier edition of the same week has reached. A week begins with the release on Monday, that of Sunday's edition.
func (m *Mailer) heard(ctx context.Context, e store.Edition) (map[string]bool, error) {
	released := e.Day.Add(1)
	sunday := released.Add(-(int(released.Weekday())+6)%7 - 1)
	counts, err := m.Runner.Store.DeliveryCounts(ctx, e.Report, sunday, e.Day.Add(-1))
	if err != nil || len(counts) == 0 {
		return nil, err
	}
	ids := make([]string, len(counts))
	for i, c := range counts {
		ids[i] = c.Edition.ID
	}
	return m.Runner.Store.RecipientsOf(ctx, ids)
}
