package jobs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/mail"
	"daybook/internal/report"
	"daybook/internal/store"
	"daybook/internal/text"
)

// releaseKey names the occurrences of a report's release.
func releaseKey(report string) string { return "release:" + report }

// verdict is what the gate says of a report that is due.
type verdict struct {
	state string // of its occurrence
	note  string // why
	out   Delivered
}

// gate lets a report out whose builds are fresh, unless a person holds it, it has nothing to say, or it could not be read.
func (m *Mailer) gate(ctx context.Context, name string, day calendar.Day) (verdict, error) {
	node, err := m.report(name)
	if err != nil {
		return verdict{}, err
	}
	if held, ok, err := m.Runner.Store.Hold(ctx, name, day); err != nil || ok {
		return verdict{state: store.StateHeld, note: heldBy(held)}, err
	}
	figures, edition, err := m.Runner.Figures(ctx, name, day, 0)
	if err != nil {
		return verdict{}, err
	}
	if edition.Kind == store.EditionFull && figures.Empty() {
		switch node.Report.IfEmpty {
		case "skip":
			edition.State, edition.Reason = EditionUnsent, "the day has no data"
			return verdict{state: occurrenceSkipped, note: edition.Reason}, m.Runner.Store.UpdateEdition(ctx, edition)
		case "say":
			return m.notice(ctx, node, day, nil)
		}
	}
	out, err := m.deliver(ctx, node, figures, edition, true)
	return released(out, ""), err
}

func heldBy(h store.Hold) string { return "held by " + h.By + ": " + h.Reason }

// released is the verdict after a delivery: held while messages wait, which are tried again.
func released(out Delivered, note string) verdict {
	v := verdict{state: occurrenceReleased, note: out.String(), out: out}
	if note != "" {
		v.note = note + "; " + v.note
	}
	if out.Waiting > 0 {
		v.state = store.StateHeld
	}
	return v
}

// late decides about a report that is not ready at its deadline, as its if_late says.
func (m *Mailer) late(ctx context.Context, name string, day calendar.Day) (verdict, error) {
	node, err := m.report(name)
	if err != nil {
		return verdict{}, err
	}
	missing, err := m.Runner.missing(ctx, name, day)
	if err != nil {
		return verdict{}, err
	}
	if len(missing) == 0 { // the report itself is what failed, or is still being built
		own, err := m.Runner.absence(ctx, node, Step{Cell: node.Key(day)}, day)
		if err != nil {
			return verdict{}, err
		}
		missing = append(missing, own)
	}
	switch node.Report.IfLate {
	case "notice":
		return m.notice(ctx, node, day, append(missing, m.Runner.incomplete(name, day)...))
	case "partial":
		return m.partial(ctx, node, day, Request{Cause: "schedule", By: releaseKey(name)})
	}
	return verdict{state: store.StateHeld}, nil
}

// partial makes a report of what there is and mails it.
func (m *Mailer) partial(ctx context.Context, node *Node, day calendar.Day, req Request) (verdict, error) {
	// Forced: what is there may have been made before the trouble, and must say so too.
	req.Nodes, req.Day, req.Partial, req.Force = []string{node.Name}, day, true, ForceRebuild
	run, err := m.Runner.Run(ctx, req)
	if err != nil {
		return verdict{}, err
	}
	if run.State != store.StateDone {
		return verdict{}, fault.New(fault.Refused, fmt.Sprintf("%s of %s could not be made of what there is: %s", node.Name, day, heldBecause(run)), "")
	}
	figures, edition, err := m.Runner.Figures(ctx, node.Name, day, 0)
	if err != nil {
		return verdict{}, err
	}
	out, err := m.deliver(ctx, node, figures, edition, true)
	return released(out, missingWords(figures, text.English, m.Runner.Project.Zone)), err
}

// notice mails that there is no report, and why: what is missing, or nothing where the day simply has no data.
func (m *Mailer) notice(ctx context.Context, node *Node, day calendar.Day, missing []report.Missing) (verdict, error) {
	figures := report.Figures{Report: node.Name, Title: node.Report.Title, Day: day, Missing: missing}
	if err := m.Runner.board(ctx, node.Key(day), 0); err != nil { // a build of the report would take the same number
		return verdict{}, err
	}
	edition, err := m.Runner.keep(ctx, node, figures, store.EditionNotice, "")
	m.Runner.land(node.Key(day))
	if err != nil {
		return verdict{}, err
	}
	out, err := m.deliver(ctx, node, figures, edition, true)
	note := "a notice: " + missingWords(figures, text.English, m.Runner.Project.Zone)
	if len(missing) == 0 {
		note = "a notice: the day has no data"
	}
	return released(out, note), err
}

// Hold keeps a report's day from being mailed by itself until it is released by hand.
func (m *Mailer) Hold(ctx context.Context, name string, day calendar.Day, reason, by string) error {
	if _, err := m.report(name); err != nil {
		return err
	}
	if reason == "" {
		return fault.New(fault.Invalid, "holding a report needs a reason", "say why; the others will ask")
	}
	now := m.Runner.Now()
	if err := m.Runner.Store.SetHold(ctx, store.Hold{Report: name, Day: day, Reason: reason, By: by, At: now}); err != nil {
		return err
	}
	return m.Runner.Store.Audit(ctx, store.Entry{By: by, Action: "hold", Subject: name + " " + day.String(), Detail: reason, At: now})
}

// Release mails what there is of a report's day now, by hand: the whole report, or what can be made of it. It ends a hold, and
// the calendar will not release the day again.
func (m *Mailer) Release(ctx context.Context, name string, day calendar.Day, reason, by string) (Delivered, error) {
	defer m.Runner.busyUntilDone()()
	node, err := m.report(name)
	if err != nil {
		return Delivered{}, err
	}
	s, now := m.Runner.Store, m.Runner.Now()
	if err := errors.Join(s.DropHold(ctx, name, day), s.Audit(ctx, store.Entry{By: by, Action: "release", Subject: name + " " + day.String(), Detail: reason, At: now})); err != nil {
		return Delivered{}, err
	}
	missing, err := m.Runner.missing(ctx, name, day)
	if err != nil {
		return Delivered{}, err
	}
	var v verdict
	if len(missing) > 0 {
		v, err = m.partial(ctx, node, day, Request{Cause: "button", By: by, Reason: reason})
	} else {
		var run store.Run
		run, err = m.Runner.Run(ctx, Request{Nodes: []string{name}, Day: day, Cause: "button", By: by, Reason: reason})
		if err == nil && run.State != store.StateDone {
			err = fault.New(fault.Refused, fmt.Sprintf("%s of %s could not be built: %s", name, day, heldBecause(run)), "mend that and release it again")
		}
		if err != nil {
			return Delivered{}, err
		}
		v.out, err = m.Deliver(ctx, name, day)
		v = released(v.out, "released by "+by)
	}
	if v.state == "" {
		return v.out, err
	}
	_, e := s.ClaimOccurrence(ctx, releaseKey(name), day, now, now)
	return v.out, errors.Join(err, e, s.FinishOccurrence(ctx, releaseKey(name), day, v.state, "", v.note))
}

// Resend sends an edition again to those whom it did not reach because their message failed or was rejected: ids of deliveries, or
// all of them. Those that may have arrived are never sent again.
func (m *Mailer) Resend(ctx context.Context, edition string, ids []string, by string) (Delivered, error) {
	defer m.Runner.busyUntilDone()()
	e, err := m.Runner.Store.EditionByID(ctx, edition)
	if err != nil {
		return Delivered{}, err
	}
	node, err := m.report(e.Report)
	if err != nil {
		return Delivered{}, err
	}
	figures, _, err := m.Runner.Figures(ctx, e.Report, e.Day, e.Number)
	if err != nil {
		return Delivered{}, err
	}
	editions, err := m.Runner.Store.Editions(ctx, e.Report, e.Day)
	if err != nil {
		return Delivered{}, err
	}
	for _, later := range editions {
		if later.Number > e.Number && later.State == EditionReleased {
			return Delivered{}, fault.New(fault.Refused, fmt.Sprintf("edition %d took the place of edition %d", later.Number, e.Number), "send that one again")
		}
	}
	now := m.Runner.Now()
	n, err := m.Runner.Store.Resend(ctx, edition, ids, now)
	if err != nil {
		return Delivered{}, err
	}
	if err := m.Runner.Store.Audit(ctx, store.Entry{By: by, Action: "resend", Subject: fmt.Sprintf("%s %s edition %d", e.Report, e.Day, e.Number), Detail: fmt.Sprintf("%d deliveries", n), At: now}); err != nil {
		return Delivered{}, err
	}
	letters, err := m.print(ctx, figures, e)
	if err != nil {
		return Delivered{}, err
	}
	err = m.sendPending(ctx, node, e, letters)
	out, e2 := m.count(ctx, e.ID)
	if e2 == nil && out.Waiting > 0 { // the calendar sends the rest
		_, e3 := m.Runner.Store.ClaimOccurrence(ctx, releaseKey(e.Report), e.Day, now, now)
		e2 = errors.Join(e3, m.Runner.Store.FinishOccurrence(ctx, releaseKey(e.Report), e.Day, store.StateHeld, "", out.String()))
	}
	return out, errors.Join(err, e2)
}

// Settle records what a person found out about a delivery of which nobody knew whether it left.
func (m *Mailer) Settle(ctx context.Context, delivery string, arrived bool, note, by string) error {
	d, err := m.Runner.Store.Delivery(ctx, delivery)
	if err != nil {
		return err
	}
	now := m.Runner.Now()
	if err := m.Runner.Store.DecideDelivery(ctx, delivery, arrived, note+" ("+by+")", now); err != nil {
		return err
	}
	detail := "did not arrive"
	if arrived {
		detail = "arrived"
	}
	return m.Runner.Store.Audit(ctx, store.Entry{By: by, Action: "settle", Subject: d.Address, Detail: detail + ": " + note, At: now})
}

// Test sends an edition to one person alone, marked as a test; number 0 is the newest. The ledger does not know it.
func (m *Mailer) Test(ctx context.Context, name string, day calendar.Day, number int, to store.Person, by string) error {
	defer m.Runner.busyUntilDone()()
	e, err := m.Runner.Store.Edition(ctx, name, day, number)
	if err != nil {
		return err
	}
	l := m.locale(e, to.Locale)
	letter, err := m.Printed(ctx, e, l, store.VariantDaily)
	if err != nil {
		return err
	}
	id, now := "test-"+rand.Text(), m.Runner.Now()
	letter = m.addressed(letter, store.Delivery{ID: id, Edition: e.ID, Address: to.Address}, to.Name, "")
	letter.Unsubscribe, letter.ListID, letter.Tags = "", "", map[string]string{"test": id}
	letter.Subject = l.T("mail.subject.test", letter.Subject)
	if _, err := m.Sender.Send(ctx, letter); err != nil {
		return err
	}
	return m.Runner.Store.Audit(ctx, store.Entry{By: by, Action: "test", Subject: to.Address, Detail: fmt.Sprintf("%s %s edition %d", name, day, e.Number), At: now})
}

// Letter sends a plain message to one person: a sign-in link, an alert.
func (m *Mailer) Letter(ctx context.Context, to mail.Address, subject, body string) error {
	now := m.Runner.Now()
	_, err := m.Sender.Send(ctx, mail.Message{From: m.From, ReplyTo: m.Reply, To: to, Subject: subject, Text: body,
		MessageID: "letter-" + rand.Text() + "@" + m.domain(), Date: now.In(m.Runner.Project.Zone), Tags: map[string]string{"letter": "1"}})
	return err
}

// Lift takes an address off the provider's suppression list and off ours.
func (m *Mailer) Lift(ctx context.Context, address, by string) error {
	if m.List != nil {
		if err := m.List.Unsuppress(ctx, address); err != nil {
			return err
		}
	}
	if err := m.Runner.Store.RemoveSuppression(ctx, address); err != nil {
		return err
	}
	return m.Runner.Store.Audit(ctx, store.Entry{By: by, Action: "unsuppress", Subject: address, At: m.Runner.Now()})
}

// Events records what the sender says became of messages. Twice, early, late and out of order are all the same to it.
func (m *Mailer) Events(ctx context.Context, events []mail.Event) error {
	for _, e := range events {
		_, _, err := m.Runner.Store.RecordMailEvent(ctx, store.MailEvent{MessageID: e.MessageID, Delivery: e.Delivery, Kind: e.Kind,
			Address: e.Address, Detail: e.Detail, Permanent: e.Permanent, At: e.At, Received: m.Runner.Now()})
		if err != nil {
			return err
		}
	}
	return nil
}

// Mirror copies the provider's suppression list.
func (m *Mailer) Mirror(ctx context.Context) error {
	if m.List == nil {
		return nil
	}
	list, err := m.List.Suppressed(ctx)
	if err != nil {
		return err
	}
	mirrored := make([]store.Suppression, len(list))
	for i, s := range list {
		mirrored[i] = store.Suppression{Address: s.Address, Reason: s.Reason, Source: store.SuppressedBySES, Since: s.Since}
	}
	return m.Runner.Store.MirrorSuppressions(ctx, mirrored, m.Runner.Now())
}

// followed is how many days back an edition that changes is mailed by itself; older ones wait for a person. A changed mart that
// is built again for a year must not fill mailboxes.
const followed = 7

// Follow mails the editions that complete or correct what people got of the last days, and notes why it does not mail the others.
// A day that is not up to date waits.
func (m *Mailer) Follow(ctx context.Context) error {
	return m.followAll(ctx, func(string, calendar.Day) bool { return true })
}

// followAll is Follow for the days whose turn it is to be mailed.
func (m *Mailer) followAll(ctx context.Context, may func(report string, day calendar.Day) bool) error {
	built, err := m.Runner.Store.EditionsInState(ctx, EditionBuilt, calendar.DayOf(m.Runner.Now(), m.Runner.Project.Zone).Add(-followed))
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range built {
		if e.Number > 1 && e.Kind == store.EditionFull {
			if err := m.follow(ctx, e, may); err != nil {
				errs = append(errs, fmt.Errorf("edition %d of %s of %s: %w", e.Number, e.Report, e.Day, err))
			}
		}
	}
	return errors.Join(errs...)
}

func (m *Mailer) follow(ctx context.Context, e store.Edition, may func(string, calendar.Day) bool) error {
	node, err := m.report(e.Report)
	if err != nil {
		return nil // the report is gone from the project
	}
	before, err := m.before(ctx, e)
	if err != nil || before.got == nil {
		return err
	}
	if _, held, err := m.Runner.Store.Hold(ctx, e.Report, e.Day); err != nil || held {
		return err
	}
	if !m.Runner.fresh(ctx, e.Report, e.Day) {
		return nil
	}
	figures, newest, err := m.Runner.Figures(ctx, e.Report, e.Day, 0)
	if err != nil {
		return err
	}
	if err := m.compare(ctx, &before, node, figures, newest); err != nil {
		return err
	}
	switch {
	case newest.ID != e.ID:
		e.State, e.Reason = EditionUnsent, fmt.Sprintf("edition %d took its place", newest.Number)
	case figures.Empty() && node.Report.IfEmpty != "send":
		e.State, e.Reason = EditionUnsent, "the day has no data"
	case before.cause == "":
		e.State, e.Reason = EditionUnsent, fmt.Sprintf("no headline moved by more than %s%% since edition %d", text.English.Percent(node.Report.Moved, 1), before.edition.Number)
	case !may(e.Report, e.Day):
		return nil
	default:
		_, err := m.deliver(ctx, node, figures, e, false)
		return err
	}
	return m.Runner.Store.UpdateEdition(ctx, e)
}

// fresh reports whether nothing of a report's day would be built now.
func (r *Runner) fresh(ctx context.Context, name string, day calendar.Day) bool {
	plan, err := r.Plan(ctx, Request{Nodes: []string{name}, Day: day})
	return err == nil && len(plan.Steps) == 0
}

// Deadline is the instant by which a report's day should be with its people: the first time that its clock shows the hour after it
// is due. ok is false where it has none.
func (m *Mailer) Deadline(name string, day calendar.Day) (at time.Time, ok bool) {
	node, err := m.report(name)
	if err != nil || node.Report.Deadline == "" {
		return time.Time{}, false
	}
	hour, minute, err := calendar.ParseClock(node.Report.Deadline)
	if err != nil {
		return time.Time{}, false
	}
	zone := m.Runner.Project.Zone
	begin := day.Add(1).Start(zone).Add(-time.Nanosecond)
	if s := node.Report.Schedule; s != nil {
		if due, _ := s.Next(begin); !due.IsZero() && calendar.DayOf(due, zone) == day.Add(1) {
			begin = due.Add(-time.Nanosecond)
		}
		if s.Zone != nil {
			zone = s.Zone
		}
	}
	at, _ = calendar.Schedule{Zone: zone, Hour: hour, Minute: minute}.Next(begin)
	return at, true
}
