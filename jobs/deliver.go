package jobs

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/mail"
	"daybook/internal/report"
	"daybook/internal/still"
	"daybook/internal/store"
	"daybook/internal/text"
)

// Mailer takes editions to people: one message each, the row of the delivery written before the send.
type Mailer struct {
	Runner   *Runner
	Sender   mail.Sender
	Draw     func(ctx context.Context, option []byte, width, height int) (still.Picture, error) // a chart as a picture
	From     mail.Address
	Reply    mail.Address
	Base     string      // URL under which readers reach the server, without a final slash
	Page     PageParts   // of the files that hang on mails
	List     Suppression // the provider's list of addresses that it does not send to; nil where there is none
	Webhook  *mail.SNS   // verifies what is posted to /hooks/ses; nil takes nothing
	Observed func(Sent)  // called after each send that ended, by several goroutines; may be nil

	pace pace
}

// PageParts are what the static room has for files that stand alone.
type PageParts struct {
	CSS, JS       string
	Regular, Bold []byte // the typeface as TrueType, for PDF
}

// Suppression is the provider's own list of addresses that it does not send to.
type Suppression interface {
	Suppressed(ctx context.Context) ([]mail.Suppressed, error)
	Unsuppress(ctx context.Context, address string) error
}

// Delivered counts what became of an edition's deliveries. Those that wait did not leave, and are sent by the next Deliver.
type Delivered struct {
	Planned, Waiting, Accepted, Failed, Unknown int
}

func (d Delivered) String() string {
	s := fmt.Sprintf("%d accepted, %d failed, %d unknown of %d", d.Accepted, d.Failed, d.Unknown, d.Planned)
	if d.Waiting > 0 {
		s += fmt.Sprintf(", %d wait", d.Waiting)
	}
	return s
}

// Deliver mails the newest edition of a report's day to everybody in its groups who has no delivery of it yet. Who got an earlier
// edition gets this one only where it completes or corrects that. One person's failure never stops the others; the error joins
// what went wrong. Calling it again sends nothing twice.
func (m *Mailer) Deliver(ctx context.Context, name string, day calendar.Day) (Delivered, error) {
	node, err := m.report(name)
	if err != nil {
		return Delivered{}, err
	}
	figures, edition, err := m.Runner.Figures(ctx, name, day, 0)
	if err != nil {
		return Delivered{}, err
	}
	return m.deliver(ctx, node, figures, edition, true)
}

func (m *Mailer) report(name string) (*Node, error) {
	node, err := m.Runner.Graph.Node(name)
	if err != nil || node.Report == nil {
		return nil, fault.New(fault.NotFound, fmt.Sprintf("there is no report %q", name), "")
	}
	return node, nil
}

// deliver takes an edition from its figures to its people: to those who got an earlier one and must hear of this, and with everybody
// also to those who have nothing yet.
func (m *Mailer) deliver(ctx context.Context, node *Node, f report.Figures, e store.Edition, everybody bool) (Delivered, error) {
	before, err := m.before(ctx, e)
	if err != nil {
		return Delivered{}, err
	}
	if err := m.compare(ctx, &before, node, f, e); err != nil {
		return Delivered{}, err
	}
	if before.cause != "" && e.Corrects != before.edition.Number {
		e.Corrects = before.edition.Number
		if err := m.Runner.Store.UpdateEdition(ctx, e); err != nil {
			return Delivered{}, err
		}
	}
	letters, err := m.print(ctx, f, e)
	if err != nil {
		return Delivered{}, err
	}
	if err := m.judge(letters, f); err != nil {
		return Delivered{}, err
	}
	if err := m.plan(ctx, node, e, before, everybody); err != nil {
		return Delivered{}, err
	}
	m.Runner.failpoint("deliveries planned")
	err = m.sendPending(ctx, node, e, letters)
	out, e2 := m.count(ctx, e.ID)
	if e2 == nil && out.Waiting == 0 && e.State != EditionReleased {
		e.State, e.Reason, e.Released = EditionReleased, "", m.Runner.Now()
		e2 = m.Runner.Store.UpdateEdition(ctx, e)
	}
	return out, errors.Join(err, e2)
}

// plan writes the deliveries of an edition. An earlier edition that still waits to be sent gives way to it.
func (m *Mailer) plan(ctx context.Context, node *Node, e store.Edition, before before, everybody bool) error {
	to, err := m.recipients(ctx, node, e, before, everybody)
	if err != nil {
		return err
	}
	for _, older := range before.all {
		if err := m.withdraw(ctx, older.ID, func(store.Delivery) string { return fmt.Sprintf("edition %d took its place", e.Number) }); err != nil {
			return err
		}
	}
	now := m.Runner.Now()
	for cause, list := range to {
		if _, err := m.Runner.Store.PlanDeliveries(ctx, e.ID, cause, list, now); err != nil {
			return err
		}
	}
	return nil
}

// withdraw gives up the planned deliveries of an edition for which why says something.
func (m *Mailer) withdraw(ctx context.Context, edition string, why func(store.Delivery) string) error {
	pending, err := m.Runner.Store.PendingDeliveries(ctx, edition)
	if err != nil {
		return err
	}
	for _, d := range pending {
		if reason := why(d); reason != "" {
			d.State, d.Error, d.Updated = store.DeliveryFailed, reason, m.Runner.Now()
			if _, err := m.Runner.Store.SetDelivery(ctx, d, store.DeliveryPlanned); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *Mailer) count(ctx context.Context, edition string) (Delivered, error) {
	all, err := m.Runner.Store.Deliveries(ctx, edition)
	out := Delivered{Planned: len(all)}
	for _, d := range all {
		switch d.State {
		case store.DeliveryPlanned, store.DeliverySending:
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

func (m *Mailer) domain() string {
	_, domain, _ := strings.Cut(m.From.Address, "@")
	return domain
}

// pageURL is where an edition can be read.
func (m *Mailer) pageURL(e store.Edition) string {
	return m.Base + "/" + path.Join("reports", url.PathEscape(e.Report), e.Day.String(), strconv.Itoa(e.Number))
}

// locale is the person's, if the report has it.
func (m *Mailer) locale(e store.Edition, person string) text.Locale {
	for _, l := range e.Locales {
		if l == person {
			return text.ParseLocale(l)
		}
	}
	return text.ParseLocale(e.Locales[0])
}
