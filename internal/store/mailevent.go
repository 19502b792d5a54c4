package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The kinds of mail events, which are those that Amazon SES publishes (Developer Guide, "Examples of event data that Amazon
// SES publishes", eventType).
const (
	MailSend      = "send"      // SES took the message and will try to deliver it
	MailDelay     = "delay"     // a mail server did not take it yet; SES goes on trying
	MailReject    = "reject"    // SES took it, found malware in it and never tried
	MailBounce    = "bounce"    // a mail server refused it, at once or after having taken it
	MailDelivery  = "delivery"  // the person's mail server took it
	MailComplaint = "complaint" // the person has it and called it spam
)

// MailEvent is what the mail service says happened to a message.
type MailEvent struct {
	ID        string // filled by RecordMailEvent
	MessageID string // the mail service's
	Delivery  string // empty while it is not known
	Kind      string // a Mail constant
	Address   string // lower case
	Detail    string
	Permanent bool // of a bounce: the address will not work later either
	At        time.Time
	Received  time.Time // zero is filled with the clock's now
}

const mailEventColumns = "id, message_id, delivery, kind, address, detail, permanent, at, received"

func (e *MailEvent) fields() []any {
	return []any{&e.ID, (*prose)(&e.MessageID), (*reference)(&e.Delivery), (*prose)(&e.Kind), (*prose)(&e.Address), (*prose)(&e.Detail), &e.Permanent,
		(*instant)(&e.At), (*instant)(&e.Received)}
}

// The weights of what can be known of a message. Events come in any order, and the heavier news wins whichever came first.
const (
	weightNothing    = iota // planned, sending, failed, unknown: SES has said nothing yet
	weightAccepted          // send
	weightDelayed           // delay: after it was accepted
	weightRejected          // reject: after it was accepted; nothing was tried, so nothing more can follow
	weightBounced           // transient bounce: SES gave up after delays, or was sent an out-of-office answer, and then the mail did arrive:
	weightDelivered         // delivery: outweighs such an answer, and every guess that it did not arrive
	weightReturned          // permanent bounce: some mail servers take a message first and refuse it afterwards
	weightComplained        // complaint: says all of the above and what the person thinks of it
)

// weight of an event, and the state that it brings.
func (e MailEvent) weight() (int, string) {
	switch e.Kind {
	case MailSend:
		return weightAccepted, DeliveryAccepted
	case MailDelay:
		return weightDelayed, DeliveryDelayed
	case MailReject:
		return weightRejected, DeliveryRejected
	case MailBounce:
		if e.Permanent {
			return weightReturned, DeliveryBounced
		}
		return weightBounced, DeliveryBounced
	case MailDelivery:
		return weightDelivered, DeliveryDelivered
	case MailComplaint:
		return weightComplained, DeliveryComplained
	}
	return weightNothing, ""
}

// weight of a delivery's state; known are its events so far.
func (d Delivery) weight(known []MailEvent) int {
	switch d.State {
	case DeliveryAccepted:
		return weightAccepted
	case DeliveryDelayed:
		return weightDelayed
	case DeliveryRejected:
		return weightRejected
	case DeliveryBounced:
		for _, e := range known {
			if e.Kind == MailBounce && e.Permanent && e.MessageID == d.MessageID {
				return weightReturned
			}
		}
		return weightBounced
	case DeliveryDelivered:
		return weightDelivered
	case DeliveryComplained:
		return weightComplained
	}
	return weightNothing
}

// learn is the delivery after one more event of one of its messages; known are its events so far, recorded in whatever order.
func (d Delivery) learn(e MailEvent, known []MailEvent) Delivery {
	if d.Attempt == 0 && (d.State == DeliveryPlanned || d.State == DeliveryFailed) {
		return d // it was never sent, so the event tells of something else
	}
	if e.Kind == MailDelivery && d.Delivered.IsZero() {
		d.Delivered = e.At
	}
	weight, state := e.weight()
	for _, k := range known {
		if w, _ := k.weight(); k.MessageID == e.MessageID && w >= weight {
			return d // old news of this message; what was decided since, a resend for one, stands
		}
	}
	// After a resend there are two messages. That one arrived holds for the person; that one did not says nothing of the other.
	other := d.MessageID != "" && d.MessageID != e.MessageID
	if weight <= d.weight(known) || other && weight != weightDelivered && weight != weightComplained {
		return d
	}
	d.State, d.Error, d.MessageID = state, e.Detail, cmp.Or(d.MessageID, e.MessageID)
	if e.Kind == MailSend || e.Kind == MailDelivery {
		d.Error = ""
	}
	if d.Sent.IsZero() {
		d.Sent = e.At // it left then, or before
	}
	return d
}

// RecordMailEvent records an event once - by message id, kind, address and instant - and brings the delivery up to date that
// it names, or else the one with its message id; changed says that the delivery's state is another one. An event of no
// delivery waits for SettleDelivery to tell whose message it is. A permanent bounce and a complaint suppress the address.
func (s *Store) RecordMailEvent(ctx context.Context, e MailEvent) (d Delivery, changed bool, err error) {
	e.Address = fold(e.Address)
	if e.Received.IsZero() {
		e.Received = s.Now()
	}
	if e.ID, err = newID(); err != nil {
		return Delivery{}, false, err
	}
	err = s.inTx(ctx, func(t *tx) error {
		if e.Delivery, err = t.deliveryOf(ctx, e); err != nil {
			return err
		}
		recorded, err := insertNew(ctx, t, "mail_event", mailEventColumns, [][]any{e.fields()})
		if err != nil {
			return err
		}
		if recorded > 0 {
			if err := t.suppressFor(ctx, e); err != nil {
				return err
			}
		}
		if e.Delivery == "" {
			return nil
		}
		if d, err = t.take(ctx, e.Delivery); err != nil || recorded == 0 {
			return err
		}
		known, err := mailEvents(ctx, t, e.Delivery)
		if err != nil {
			return err
		}
		learned := d.learn(e, slices.DeleteFunc(known, func(k MailEvent) bool { return k.ID == e.ID }))
		if learned == d {
			return nil
		}
		changed = learned.State != d.State
		d = learned
		d.Updated = e.Received
		return t.put(ctx, d)
	})
	if err != nil {
		return Delivery{}, false, fmt.Errorf("record the %s of message %s: %w", e.Kind, e.MessageID, err)
	}
	return d, changed, nil
}

// deliveryOf finds the delivery of an event: by its own word, else by message id; empty where there is none.
func (t *tx) deliveryOf(ctx context.Context, e MailEvent) (id string, err error) {
	err = t.QueryRowContext(ctx, "SELECT id FROM delivery WHERE id = $1", prose(e.Delivery)).Scan(&id)
	if err == nil || !errors.Is(err, sql.ErrNoRows) || e.MessageID == "" {
		return id, ignoreNone(err)
	}
	// Taken before any other lock. Without it, on PostgreSQL, this transaction could miss a message id that is being written by
	// one that misses this event.
	if _, err := t.count(ctx, "mail", 0); err != nil {
		return "", err
	}
	err = t.QueryRowContext(ctx, "SELECT id FROM delivery WHERE message_id = $1", prose(e.MessageID)).Scan(&id)
	return id, ignoreNone(err)
}

func ignoreNone(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// adopt takes the events of the delivery's message that came before its id was known, and applies them.
func (t *tx) adopt(ctx context.Context, d *Delivery) error {
	if d.MessageID == "" {
		return nil
	}
	early, err := all[MailEvent](ctx, t, "SELECT "+mailEventColumns+" FROM mail_event WHERE message_id = $1 AND delivery IS NULL ORDER BY at, id", d.MessageID)
	if err != nil || len(early) == 0 {
		return err
	}
	known, err := mailEvents(ctx, t, d.ID)
	if err != nil {
		return err
	}
	for _, e := range early {
		if _, err := t.ExecContext(ctx, "UPDATE mail_event SET delivery = $1 WHERE id = $2", d.ID, e.ID); err != nil {
			return err
		}
		*d = d.learn(e, known)
		known = append(known, e)
	}
	return nil
}

func (t *tx) suppressFor(ctx context.Context, e MailEvent) error {
	reason := ""
	switch {
	case e.Kind == MailComplaint:
		reason = SuppressedComplaint
	case e.Kind == MailBounce && e.Permanent:
		reason = SuppressedBounce
	}
	if reason == "" || e.Address == "" {
		return nil
	}
	return t.suppress(ctx, Suppression{Address: e.Address, Reason: reason, Source: SuppressedByEvent, Since: e.At, Seen: e.Received})
}

// MailEvents returns the events of a delivery in the order in which they happened.
func (s *Store) MailEvents(ctx context.Context, delivery string) ([]MailEvent, error) {
	events, err := mailEvents(ctx, s.read, delivery)
	if err != nil {
		return nil, fmt.Errorf("read the mail events of delivery %s: %w", delivery, err)
	}
	return events, nil
}

func mailEvents(ctx context.Context, q querier, delivery string) ([]MailEvent, error) {
	return all[MailEvent](ctx, q, "SELECT "+mailEventColumns+" FROM mail_event WHERE delivery = $1 ORDER BY at, id", delivery)
}
