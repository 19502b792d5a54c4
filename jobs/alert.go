package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	netmail "net/mail"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"daybook/internal/calendar"
	"daybook/internal/mail"
	"daybook/internal/notify"
	"daybook/internal/project"
	"daybook/internal/store"
)

// Alerter tells people what went wrong, once for each incident and once when it is well again. What it tells is a row first, so
// that a channel which is away delays nothing and loses nothing.
type Alerter struct {
	Runner   *Runner
	Channels map[string]notify.Channel // by name of the project's alerts; those by mail are not among them
	Letter   func(ctx context.Context, to mail.Address, subject, body string) error
	Base     string

	mu   sync.Mutex
	keys map[string]calendar.Day // of the open incidents, what they are about; nil until they were read
}

// What an alert says beside the project's kinds.
const kindRecovered = "recovered"

// Ended looks at a run that has ended: what failed for good opens an incident, what is well again closes one, and the figures of a
// report's newest day are held against their bounds.
func (a *Alerter) Ended(ctx context.Context, run store.Run, tasks []store.Task) {
	failed := map[string]bool{}
	for _, t := range tasks {
		failed[t.Node] = failed[t.Node] || t.State == store.StateFailed
	}
	for _, t := range tasks {
		var err error
		switch t.State {
		case store.StateFailed:
			err = a.open(ctx, store.Incident{Key: "failed:" + t.Node, Kind: project.OnFailed, Subject: t.Node, Day: t.Day, Reason: t.Error, Run: run.ID}, run.Number, t.Hint)
		case store.StateDone:
			if !failed[t.Node] {
				err = a.close(ctx, "failed:"+t.Node, t.Day, run.Number)
			}
			if node, e := a.Runner.Graph.Node(t.Node); e == nil && node.Report != nil {
				err = errors.Join(err, a.bounds(ctx, *node.Report, t.Day))
			}
		}
		if err != nil {
			a.Runner.Log.Error("an incident could not be recorded", "node", t.Node, "err", err)
		}
	}
	if run.State == store.StateDone && run.Cause == "schedule" && len(tasks) > 0 {
		a.tell(ctx, notify.Alert{Kind: project.OnDone, Title: fmt.Sprintf("run %d of %s is done", run.Number, run.Day), Text: fmt.Sprintf("%s: %d builds in %s", run.By, run.Done, run.Ended.Sub(run.Started).Round(time.Second)),
			Link: fmt.Sprintf("%s/runs/%d", a.Base, run.Number), Day: run.Day.String()})
	}
}

// bounds holds the kpis of a report's newest day against its thresholds.
func (a *Alerter) bounds(ctx context.Context, r project.Report, day calendar.Day) error {
	if len(r.Alerts) == 0 {
		return nil
	}
	newest, err := a.Runner.Store.LatestEdition(ctx, r.Name)
	if err != nil || newest.Day != day || newest.Kind == store.EditionNotice {
		return err
	}
	figures, _, err := a.Runner.Figures(ctx, r.Name, day, newest.Number)
	if err != nil {
		return err
	}
	values := map[string]*float64{}
	for _, s := range figures.Sections {
		if s.KPI != nil {
			values[s.Name] = s.KPI.Value
		}
	}
	var errs []error
	for _, bound := range r.Alerts {
		v := values[bound.KPI]
		key := "figure:" + r.Name + ":" + bound.KPI + ":" + sign(bound)
		switch {
		case v == nil:
		case bound.Above && *v > bound.Bound, !bound.Above && *v < bound.Bound:
			reason := fmt.Sprintf("%s is %s, and should not be %s %s", bound.KPI, plainNumber(*v), sign(bound), plainNumber(bound.Bound))
			errs = append(errs, a.open(ctx, store.Incident{Key: key, Kind: project.OnFigure, Subject: r.Name, Day: day, Reason: reason}, 0, ""))
		default:
			errs = append(errs, a.close(ctx, key, day, 0))
		}
	}
	return errors.Join(errs...)
}

func sign(t project.Threshold) string {
	if t.Above {
		return ">"
	}
	return "<"
}

func plainNumber(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// punctual watches the deadline of a report's newest release: nothing delivered by then is an incident, whatever the cause.
func (a *Alerter) punctual(ctx context.Context, m *Mailer, r project.Report, o store.Occurrence, now time.Time) {
	deadline, ok := m.Deadline(r.Name, o.Day)
	if !ok {
		return
	}
	key := "late:" + r.Name
	var err error
	switch {
	case o.State == occurrenceSkipped || o.State == occurrenceReleased && a.reached(ctx, r.Name, o.Day, now):
		err = a.close(ctx, key, o.Day, 0)
	case !now.Before(deadline):
		reason := "nothing was delivered by " + deadline.In(a.Runner.Project.Zone).Format("15:04")
		if o.Note != "" {
			reason += ": " + o.Note
		}
		err = a.open(ctx, store.Incident{Key: key, Kind: project.OnLate, Subject: r.Name, Day: o.Day, Reason: reason}, 0, "")
	}
	if err != nil {
		a.Runner.Log.Error("an incident could not be recorded", "report", r.Name, "err", err)
	}
}

// reached reports whether a released report is with anybody, where there is anybody. What cannot be found out is not reported as late.
func (a *Alerter) reached(ctx context.Context, report string, day calendar.Day, now time.Time) bool {
	editions, err := a.Runner.Store.Editions(ctx, report, day)
	if err != nil {
		return true
	}
	waiting := 0
	for _, e := range editions { // a correction that waits does not undo what they got
		reached, all, err := a.Runner.Store.SentBy(ctx, e.ID, now)
		if err != nil || reached > 0 {
			return true
		}
		waiting += all
	}
	return waiting == 0
}

// delivered tells those who asked for a line per report that went out.
func (a *Alerter) delivered(ctx context.Context, report string, day calendar.Day, note string) {
	a.tell(ctx, notify.Alert{Kind: project.OnDelivered, Title: fmt.Sprintf("%s of %s went out", report, day), Text: note, Link: a.Base + dayPath(report, day), Node: report, Day: day.String()})
}

// tell passes on what is no incident.
func (a *Alerter) tell(ctx context.Context, n notify.Alert) {
	n.Project, n.At = a.Runner.Project.Name, a.Runner.Now()
	if err := a.Runner.Store.AddAlerts(ctx, a.rows(n.Kind, n)); err != nil {
		a.Runner.Log.Error("an alert could not be recorded", "alert", n.Title, "err", err)
	}
}

func (a *Alerter) open(ctx context.Context, i store.Incident, run int64, hint string) error {
	i.Opened = a.Runner.Now()
	n := notify.Alert{Kind: i.Kind, Title: title(i), Text: i.Reason, Link: a.link(i, run), Project: a.Runner.Project.Name, Node: i.Subject, Day: dayText(i.Day), At: i.Opened}
	if hint != "" {
		n.Fields = append(n.Fields, notify.Field{Name: "what to do", Value: hint})
	}
	if _, _, err := a.isOpen(ctx, i.Key); err != nil {
		return err
	}
	_, err := a.Runner.Store.OpenIncident(ctx, &i, a.rows(i.Kind, n))
	a.mark(i.Key, i.Day, err == nil)
	return err
}

// isOpen knows the open incidents without asking the store for each task that went well.
func (a *Alerter) isOpen(ctx context.Context, key string) (about calendar.Day, open bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.keys == nil {
		list, err := a.Runner.Store.Incidents(ctx, 0)
		if err != nil {
			return about, false, err
		}
		a.keys = map[string]calendar.Day{}
		for _, i := range list {
			if i.Closed.IsZero() {
				a.keys[i.Key] = i.Day
			}
		}
	}
	about, open = a.keys[key]
	return about, open, nil
}

func (a *Alerter) mark(key string, about calendar.Day, open bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if open {
		a.keys[key] = about
	} else {
		delete(a.keys, key)
	}
}

// close ends an incident that a day as new as its own shows to be over.
func (a *Alerter) close(ctx context.Context, key string, day calendar.Day, run int64) error {
	about, open, err := a.isOpen(ctx, key)
	if err != nil || !open || day.Before(about) {
		return err
	}
	now := a.Runner.Now()
	_, err = a.Runner.Store.CloseIncident(ctx, key, now, func(i store.Incident) []store.Alert {
		n := notify.Alert{Kind: kindRecovered, Title: "Recovered: " + title(i), Text: fmt.Sprintf("It lasted %s. It was: %s", now.Sub(i.Opened).Round(time.Second), i.Reason),
			Link: a.link(i, run), Project: a.Runner.Project.Name, Node: i.Subject, Day: dayText(i.Day), At: now}
		return a.rows(i.Kind, n)
	})
	a.mark(key, about, err != nil)
	return err
}

func title(i store.Incident) string {
	switch i.Kind {
	case project.OnLate:
		return fmt.Sprintf("%s of %s is late", i.Subject, i.Day)
	case project.OnFigure:
		return fmt.Sprintf("%s of %s: a figure is out of bounds", i.Subject, i.Day)
	}
	if i.Day.IsZero() {
		return i.Subject + " failed"
	}
	return fmt.Sprintf("%s of %s failed", i.Subject, i.Day)
}

func dayText(d calendar.Day) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

func (a *Alerter) link(i store.Incident, run int64) string {
	switch {
	case run > 0:
		return fmt.Sprintf("%s/runs/%d", a.Base, run)
	case i.Kind == project.OnFigure || i.Kind == project.OnLate:
		return a.Base + dayPath(i.Subject, i.Day)
	}
	return a.Base + "/incidents"
}

// rows are an alert's messages, one for each channel that carries its kind.
func (a *Alerter) rows(kind string, n notify.Alert) []store.Alert {
	body, err := json.Marshal(n)
	if err != nil {
		a.Runner.Log.Error("an alert could not be written", "err", err) // it is strings and a time
		return nil
	}
	var list []store.Alert
	for _, c := range a.Runner.Project.Alerts {
		if slices.Contains(c.On, kind) {
			list = append(list, store.Alert{Channel: c.Name, Kind: n.Kind, Body: string(body), Created: n.At, Next: n.At})
		}
	}
	return list
}

// An alert is tried for about a day: after 1, 2, 4 … minutes, at most an hour apart.
const (
	alertTries = 30
	alertBatch = 50
)

// Flush sends what waits, the channels beside each other. What a channel does not take is tried again later, and given up in the end;
// the rest of its alerts wait for the next round, so that one which hangs delays the others by one try.
func (a *Alerter) Flush(ctx context.Context) error {
	due, err := a.Runner.Store.DueAlerts(ctx, a.Runner.Now(), alertBatch)
	if err != nil {
		return err
	}
	byChannel := map[string][]store.Alert{}
	for _, row := range due {
		byChannel[row.Channel] = append(byChannel[row.Channel], row)
	}
	var channels errgroup.Group
	for _, rows := range byChannel {
		channels.Go(func() error {
			for _, row := range rows {
				if settled, err := a.try(ctx, row); err != nil || !settled {
					return err
				}
			}
			return nil
		})
	}
	return channels.Wait()
}

// try sends one alert and records what came of it: taken, given up, or to be tried again.
func (a *Alerter) try(ctx context.Context, row store.Alert) (settled bool, err error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	row.Attempt++
	err = a.send(ctx, row)
	after, again := notify.Retry(err)
	switch {
	case err == nil:
		row.State, row.Error = store.AlertSent, ""
	case !again || row.Attempt >= alertTries:
		row.State, row.Error = store.AlertGivenUp, err.Error()
		a.Runner.Log.Error("an alert was given up", "channel", row.Channel, "err", err)
	default:
		wait := min(time.Minute<<min(row.Attempt-1, 6), time.Hour)
		row.Error, row.Next = err.Error(), a.Runner.Now().Add(max(after, wait))
	}
	return row.State != store.AlertWaiting, a.Runner.Store.SaveAlert(context.WithoutCancel(ctx), row) // or one that left is sent again
}

func (a *Alerter) send(ctx context.Context, row store.Alert) error {
	var n notify.Alert
	if err := json.Unmarshal([]byte(row.Body), &n); err != nil {
		return &notify.Error{Channel: row.Channel, Reason: "the alert cannot be read", Err: err}
	}
	n.ID = row.ID
	if c, ok := a.Channels[row.Channel]; ok {
		return c.Send(ctx, n)
	}
	i := slices.IndexFunc(a.Runner.Project.Alerts, func(c project.Channel) bool { return c.Name == row.Channel })
	if i < 0 {
		return &notify.Error{Channel: row.Channel, Reason: "daybook.yaml has no such alert any more"}
	}
	return a.mail(ctx, a.Runner.Project.Alerts[i].Mail, n)
}

// mail sends an alert as a letter to the owner of its node, the members of a group, or an address.
func (a *Alerter) mail(ctx context.Context, to string, n notify.Alert) error {
	whom, hint := fmt.Sprintf("%q", to), "add people to the group"
	if to == "owner" {
		node, err := a.Runner.Graph.Node(n.Node)
		if err != nil {
			return &notify.Error{Channel: "mail", Reason: fmt.Sprintf("%s is not a node any more", n.Node)}
		}
		to = node.Owner
		whom, hint = fmt.Sprintf("the owner of %s, %q", n.Node, to), "write owner: name@example.com, or the name of a group with people in it"
	}
	people, err := a.Runner.Store.PeopleIn(ctx, []string{to})
	if err != nil {
		return err
	}
	var addresses []mail.Address
	for _, p := range people {
		addresses = append(addresses, mail.Address{Name: p.Name, Address: p.Address})
	}
	if parsed, err := netmail.ParseAddress(to); err == nil {
		addresses = []mail.Address{{Name: parsed.Name, Address: parsed.Address}}
	}
	if len(addresses) == 0 {
		return &notify.Error{Channel: "mail", Reason: whom + " is neither an address nor a group with people in it", Hint: hint}
	}
	body := strings.TrimSpace(n.Text) + "\n"
	for _, f := range n.Fields {
		body += "\n" + f.Name + ": " + f.Value + "\n"
	}
	body += "\n" + n.Link + "\n"
	reached, failed := 0, error(nil)
	for _, address := range addresses {
		if err := a.Letter(ctx, address, fmt.Sprintf("[%s] %s", n.Project, n.Title), body); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", address.Address, err))
		} else {
			reached++
		}
	}
	if reached > 0 && failed != nil { // trying again would tell the others twice
		a.Runner.Log.Warn("an alert did not reach everybody", "alert", n.Title, "err", failed)
		return nil
	}
	return failed
}
