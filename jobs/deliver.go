package jobs

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/mail"
	"daybook/internal/report"
	"daybook/internal/still"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/templates"
)

// Mailer takes editions to people: one message each, the row of the delivery written before the send.
type Mailer struct {
	Runner *Runner
	Sender mail.Sender
	Draw   func(ctx context.Context, option []byte, width, height int) (still.Picture, error) // a chart as a picture
	From   mail.Address
	Reply  mail.Address
	Base   string // URL under which readers reach the server, without a final slash
}

// Delivered counts what became of an edition's deliveries. Those that wait did not leave, and are sent by the next Deliver.
type Delivered struct {
	Planned, Waiting, Accepted, Failed, Unknown int
}

func (d Delivered) String() string {
	return fmt.Sprintf("%d accepted, %d failed, %d unknown of %d", d.Accepted, d.Failed, d.Unknown, d.Planned)
}

// sends is how often a message is tried when the sender says that it did not leave and trying again can help.
const sends = 4

// Deliver mails the newest edition of a report's day to everybody in its groups who has no delivery of it yet. One person's
// failure never stops the others; the error joins what went wrong. Calling it again sends nothing twice.
func (m *Mailer) Deliver(ctx context.Context, name string, day calendar.Day) (Delivered, error) {
	node, err := m.Runner.Graph.Node(name)
	if err != nil || node.Report == nil {
		return Delivered{}, fault.New(fault.NotFound, fmt.Sprintf("there is no report %q", name), "")
	}
	figures, edition, err := m.Runner.Figures(ctx, name, day, 0)
	if err != nil {
		return Delivered{}, err
	}
	people, err := m.Runner.Store.PeopleIn(ctx, node.Report.To)
	if err != nil {
		return Delivered{}, err
	}
	now := m.Runner.Now()
	if _, err := m.Runner.Store.PlanDeliveries(ctx, edition.ID, people, now); err != nil {
		return Delivered{}, err
	}
	m.Runner.failpoint("deliveries planned")
	pending, err := m.Runner.Store.PendingDeliveries(ctx, edition.ID)
	if err != nil {
		return Delivered{}, err
	}
	names := map[string]string{}
	for _, p := range people {
		names[p.ID] = p.Name
	}
	err = m.sendAll(ctx, node, figures, edition, pending, names)
	out, e := m.count(ctx, edition.ID)
	if e == nil && out.Waiting < max(out.Planned, 1) { // something left, or there is nobody
		e = m.Runner.Store.UpdateEditionState(ctx, edition.ID, EditionReleased, "", now)
	}
	return out, errors.Join(err, e)
}

func (m *Mailer) count(ctx context.Context, edition string) (Delivered, error) {
	all, err := m.Runner.Store.Deliveries(ctx, edition)
	out := Delivered{Planned: len(all)}
	for _, d := range all {
		switch d.State {
		case store.DeliveryPlanned:
			out.Waiting++
		case store.DeliveryAccepted, store.DeliveryDelivered, store.DeliveryDelayed:
			out.Accepted++
		case store.DeliveryUnknown:
			out.Unknown++
		case store.DeliveryFailed, store.DeliveryRejected, store.DeliveryBounced, store.DeliveryComplained:
			out.Failed++
		}
	}
	return out, err
}

// sendAll renders once per locale and sends to each person in turn. A locale that cannot be rendered leaves its people planned.
func (m *Mailer) sendAll(ctx context.Context, node *Node, f report.Figures, e store.Edition, pending []store.Delivery, names map[string]string) error {
	rendered := map[text.Locale]mail.Message{}
	broken := map[text.Locale]bool{}
	var errs []error
	for _, d := range pending {
		locale := m.locale(node, d.Locale)
		message, ok := rendered[locale]
		if broken[locale] {
			continue
		}
		if !ok {
			var err error
			if message, err = m.Message(ctx, f, e, locale); err != nil {
				errs, broken[locale] = append(errs, err), true
				continue
			}
			rendered[locale] = message
		}
		message.To = mail.Address{Name: names[d.Person], Address: d.Address}
		message.MessageID = d.ID + "@" + m.domain()
		message.Date = m.Runner.Now().In(m.Runner.Project.Zone)
		message.Tags = map[string]string{"edition": e.ID, "delivery": d.ID}
		err := m.send(ctx, d, message)
		if err != nil {
			errs = append(errs, fmt.Errorf("mail %s of %s to %s: %w", f.Report, f.Day, d.Address, err))
		}
		if out := mail.Outcome(err); out != nil && out.StopsAll() || ctx.Err() != nil || m.Runner.life.Err() != nil {
			break // everybody else stays planned
		}
	}
	return errors.Join(errs...)
}

// locale is the person's, if the report has it.
func (m *Mailer) locale(node *Node, person string) text.Locale {
	for _, l := range node.Report.Locales {
		if l == person {
			return text.ParseLocale(l)
		}
	}
	return text.ParseLocale(node.Report.Locales[0])
}

// send takes one delivery from planned to what became of it. Each state is recorded before the next step.
func (m *Mailer) send(ctx context.Context, d store.Delivery, message mail.Message) error {
	for d.Attempt = 1; ; d.Attempt++ {
		was := d.State
		d.State, d.Updated, d.Epoch = store.DeliverySending, m.Runner.Now(), m.Runner.epoch
		if won, err := m.Runner.Store.SetDelivery(ctx, d, was); err != nil || !won {
			return err // somebody else sends it
		}
		m.Runner.failpoint("sending")
		receipt, err := m.Sender.Send(ctx, message)
		m.Runner.failpoint("sent")
		out := mail.Outcome(err)
		again := out != nil && out.Retryable && d.Attempt < sends
		m.settle(&d, receipt, out)
		if _, e := m.Runner.Store.SetDelivery(context.WithoutCancel(ctx), d, store.DeliverySending); e != nil {
			return errors.Join(err, e)
		}
		if !again {
			return err
		}
		select {
		case <-time.After(m.Runner.Backoff(d.Attempt)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// settle writes a send's outcome into its delivery. What may be sent again stays planned, also after the last try: a mail
// server that is away for an hour must not lose a report.
func (m *Mailer) settle(d *store.Delivery, receipt mail.Receipt, out *mail.SendError) {
	d.Updated = m.Runner.Now()
	switch {
	case out == nil:
		d.State, d.MessageID, d.Sent, d.Error = store.DeliveryAccepted, receipt.MessageID, d.Updated, ""
	case out.MayHaveLeft:
		d.State, d.Error = store.DeliveryUnknown, out.Error()
	case out.Retryable || out.StopsAll():
		d.State, d.Error = store.DeliveryPlanned, out.Error()
	case out.Kind == mail.Rejected:
		d.State, d.Error = store.DeliveryRejected, out.Error()
	default:
		d.State, d.Error = store.DeliveryFailed, out.Error()
	}
}

func (m *Mailer) domain() string {
	_, domain, _ := strings.Cut(m.From.Address, "@")
	return domain
}

// pageURL is where an edition can be read.
func (m *Mailer) pageURL(e store.Edition) string {
	return m.Base + "/" + path.Join("reports", url.PathEscape(e.Report), e.Day.String(), strconv.Itoa(e.Number))
}

// Message renders an edition's mail in a language, without recipient, id and date.
func (m *Mailer) Message(ctx context.Context, f report.Figures, e store.Edition, locale text.Locale) (mail.Message, error) {
	node, err := m.Runner.Graph.Node(f.Report)
	if err != nil {
		return mail.Message{}, err
	}
	view, images, err := m.view(ctx, f, e, locale)
	if err != nil {
		return mail.Message{}, err
	}
	html, plain, err := templates.MailParts(ctx, view)
	if err != nil {
		return mail.Message{}, err
	}
	subject := node.Report.Subject.In(string(locale))
	if subject == "" {
		subject = "{title} ({day})"
	}
	subject = strings.NewReplacer("{title}", f.Title.In(string(locale)), "{day}", f.Day.String(), "{headline}", report.Headline(f, locale)).Replace(subject)
	message := mail.Message{From: m.From, ReplyTo: m.Reply, Subject: subject, HTML: html, Text: plain, Images: images}
	if strings.Contains(m.domain(), ".") {
		message.ListID = listName(f.Report) + "." + m.domain()
	}
	return message, nil
}

func listName(report string) string { return strings.ReplaceAll(report, "_", "-") }
