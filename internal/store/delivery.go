package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"daybook/internal/fault"
)

// The states of deliveries.
const (
	DeliveryPlanned    = "planned"
	DeliverySending    = "sending"
	DeliveryAccepted   = "accepted"
	DeliveryDelivered  = "delivered"
	DeliveryDelayed    = "delayed"
	DeliveryBounced    = "bounced"
	DeliveryComplained = "complained"
	DeliveryRejected   = "rejected"
	DeliveryFailed     = "failed"
	DeliveryUnknown    = "unknown" // it may have left; never sent again by itself
)

// The variants of a mail, and the causes of a delivery.
const (
	VariantDaily  = "daily"
	VariantWeekly = "weekly" // with the numbers of the week, for who chose to hear once a week

	CauseRelease    = "release"    // it is due, or a person let it go
	CauseCorrection = "correction" // it says something else than the edition they got
	CauseCompletion = "completion" // they got a part of it, or a notice
)

// Delivery is one edition to one person.
type Delivery struct {
	ID, Edition, Person string
	Address, Locale     string
	Variant, Cause      string // Variant and Cause constants
	State               string // a Delivery constant
	MessageID           string // of the newest message that left
	Error               string // what went wrong, or what a person said who settled it
	Attempt             int    // 0 until it is first sent
	Planned             time.Time
	Sent                time.Time // when it left; of an unknown one, when it may have left
	Delivered           time.Time // when its mail server took it
	Updated             time.Time
	Path                string
	Epoch               int64 // of the process that sends it
}

const deliveryColumns = "id, edition, person, address, locale, variant, cause, state, message_id, error, attempt, planned, sent, delivered, updated, path, epoch"

func (d *Delivery) fields() []any {
	return []any{&d.ID, &d.Edition, &d.Person, &d.Address, &d.Locale, &d.Variant, &d.Cause, &d.State, &d.MessageID, (*prose)(&d.Error),
		&d.Attempt, (*instant)(&d.Planned), (*instant)(&d.Sent), (*instant)(&d.Delivered), (*instant)(&d.Updated), &d.Path, &d.Epoch}
}

// Recipient is a person to plan a delivery to.
type Recipient struct {
	Person  Person
	Variant string // empty is daily
	Refused string // why this person gets none: recorded as failed at once, never sent
}

// takeEdition locks an edition until the transaction ends: changes of many of its deliveries come one after the other, or on
// PostgreSQL two of them could wait for each other.
func (t *tx) takeEdition(ctx context.Context, id string) error {
	if err := found(t.ExecContext(ctx, "UPDATE edition SET number = number WHERE id = $1", id)); err != nil {
		return asFault(err, "take", "edition "+id)
	}
	return nil
}

// tellDelivery appends an event of the edition's deliveries: one, however many of them a transaction changes.
func (t *tx) tellDelivery(ctx context.Context, edition string) error {
	e := Event{Kind: EventDelivery}
	err := t.QueryRowContext(ctx, "SELECT run, report, day FROM edition WHERE id = $1", edition).Scan(&e.Run, &e.Node, (*date)(&e.Day))
	if err != nil {
		return asFault(err, "read", "edition "+edition)
	}
	if !slices.Contains(t.deliveries, e) {
		t.deliveries = append(t.deliveries, e)
		t.tell(e)
	}
	return nil
}

// PlanDeliveries records a delivery of an edition to each recipient; who has one already keeps it as it is.
func (s *Store) PlanDeliveries(ctx context.Context, edition, cause string, to []Recipient, now time.Time) (inserted int, err error) {
	rows := make([][]any, len(to))
	for i, r := range to {
		d := Delivery{Edition: edition, Person: r.Person.ID, Address: r.Person.Address, Locale: r.Person.Locale, Variant: cmp.Or(r.Variant, VariantDaily),
			Cause: cause, State: DeliveryPlanned, Error: r.Refused, Planned: now, Updated: now}
		if r.Refused != "" {
			d.State = DeliveryFailed
		}
		if d.ID, err = newID(); err != nil {
			return 0, err
		}
		rows[i] = d.fields()
	}
	err = s.inTx(ctx, func(t *tx) error {
		if err := t.takeEdition(ctx, edition); err != nil {
			return err
		}
		if inserted, err = insertNew(ctx, t, "delivery", deliveryColumns, rows); err != nil || inserted == 0 {
			return err
		}
		return t.tellDelivery(ctx, edition)
	})
	if err != nil {
		return 0, fmt.Errorf("plan the deliveries of edition %s: %w", edition, err)
	}
	return inserted, nil
}

// SetDelivery overwrites the delivery with d's ID if its state is still was, and reports whether it did; of two
// callers who saw the same state only one goes on. What PlanDeliveries wrote besides address and locale stays, and Delivered.
func (s *Store) SetDelivery(ctx context.Context, d Delivery, was string) (bool, error) {
	set := false
	err := s.inTx(ctx, func(t *tx) (err error) {
		set, err = t.setDelivery(ctx, d, was)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("set delivery %s to %s: %w", d.ID, d.State, err)
	}
	return set, nil
}

func (t *tx) setDelivery(ctx context.Context, d Delivery, was string) (bool, error) {
	var edition string
	err := t.QueryRowContext(ctx, `UPDATE delivery SET address = $1, locale = $2, state = $3, message_id = $4, error = $5,
		attempt = $6, sent = $7, updated = $8, path = $9, epoch = $10 WHERE id = $11 AND state = $12 RETURNING edition`,
		d.Address, d.Locale, d.State, d.MessageID, prose(d.Error), d.Attempt, instant(d.Sent), instant(d.Updated), d.Path, d.Epoch,
		d.ID, was).Scan(&edition)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, t.tellDelivery(ctx, edition)
}

// ClaimDelivery takes a planned delivery to d.State, sending, and reports whether it did. In the same transaction it asks bars
// about the person as they stand in a report's groups: where that says why they get nothing, the delivery fails with it, and
// who leaves afterwards leaves a message that is on its way.
func (s *Store) ClaimDelivery(ctx context.Context, d Delivery, report string, groups []string, bars func(Standing) string) (claimed bool, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		standing, err := standingOf(ctx, t, d.Person, d.Address, report, groups)
		if err != nil {
			return err
		}
		d := d
		if why := bars(standing); why != "" {
			d.State, d.Error, d.Attempt = DeliveryFailed, why, d.Attempt-1
			_, err := t.setDelivery(ctx, d, DeliveryPlanned)
			return err
		}
		claimed, err = t.setDelivery(ctx, d, DeliveryPlanned)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("claim delivery %s: %w", d.ID, err)
	}
	return claimed, nil
}

// take reads a delivery and locks it until the transaction ends.
func (t *tx) take(ctx context.Context, id string) (Delivery, error) {
	return one[Delivery](ctx, t, "UPDATE delivery SET updated = updated WHERE id = $1 RETURNING "+deliveryColumns, id)
}

// put writes a delivery that was taken.
func (t *tx) put(ctx context.Context, d Delivery) error {
	if err := rewrite(ctx, t, "delivery", deliveryColumns, 1, d.fields()); err != nil {
		return err
	}
	return t.tellDelivery(ctx, d.Edition)
}

// SettleDelivery records what became of a send, which d's Epoch and Attempt tell from others: from sending to d.State, with
// d's message id, error, path and instants. Where something moved the delivery meanwhile - an event, or a newer epoch - its
// state stays and a receipt only adds to it; but a receipt outweighs "unknown" and what was made of it since. Events of the
// message that came before its id was known are applied now. It returns the delivery as it is then.
func (s *Store) SettleDelivery(ctx context.Context, d Delivery) (Delivery, error) {
	var settled Delivery
	err := s.inTx(ctx, func(t *tx) error {
		if d.MessageID != "" { // before any other lock
			if _, err := t.count(ctx, "mail", 0); err != nil {
				return err
			}
		}
		stored, err := t.take(ctx, d.ID)
		if err != nil {
			return err
		}
		settled = settle(stored, d)
		if err := t.adopt(ctx, &settled); err != nil {
			return err
		}
		return t.put(ctx, settled)
	})
	if err != nil {
		return Delivery{}, asFault(err, "settle", "delivery "+d.ID)
	}
	return settled, nil
}

// settle is the stored delivery after the outcome d of a send.
func settle(stored, d Delivery) Delivery {
	mine := stored.Epoch == d.Epoch && stored.Attempt == d.Attempt // nobody sent it after this send
	switch {
	case stored.State == DeliverySending && mine:
		stored.State, stored.Error = d.State, d.Error
		if d.State == DeliveryUnknown && d.Sent.IsZero() {
			d.Sent = d.Updated
		}
	case d.State == DeliveryAccepted && (stored.State == DeliveryUnknown || stored.State == DeliveryFailed || stored.State == DeliveryPlanned):
		// A newer epoch took this sender for dead, and its receipt is late: the message did leave, so nothing is sent again.
		stored.State, stored.Error, mine = DeliveryAccepted, "", true
	}
	if !mine {
		return stored
	}
	if d.MessageID != "" {
		stored.MessageID = d.MessageID
	}
	if !d.Sent.IsZero() {
		stored.Sent = d.Sent
	}
	if d.Path != "" {
		stored.Path = d.Path
	}
	stored.Updated = d.Updated
	return stored
}

// Resend plans again those of an edition's deliveries that failed or were rejected, of the ids only unless they are nil, and
// returns how many. Their rows and attempts stay. What was rejected after it had been accepted is not among them: it would be
// accepted twice.
func (s *Store) Resend(ctx context.Context, edition string, ids []string, now time.Time) (n int, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		if err := t.takeEdition(ctx, edition); err != nil {
			return err
		}
		if n, err = t.planAgain(ctx, edition, ids, now); err != nil || n == 0 {
			return err
		}
		return t.tellDelivery(ctx, edition)
	})
	if err != nil {
		return 0, fmt.Errorf("plan deliveries of edition %s again: %w", edition, err)
	}
	return n, nil
}

func (t *tx) planAgain(ctx context.Context, edition string, ids []string, now time.Time) (n int, err error) {
	const query = `UPDATE delivery SET state = 'planned', message_id = '', error = '', sent = 0, updated = $1
		WHERE edition = $2 AND (state = 'failed' OR state = 'rejected' AND message_id = '')`
	if ids == nil {
		count, err := affected(t.ExecContext(ctx, query, micros(now), edition))
		return int(count), err
	}
	const chunk = 500
	for some := range slices.Chunk(ids, chunk) {
		args := append([]any{micros(now), edition}, values(some)...)
		count, err := affected(t.ExecContext(ctx, query+" AND id IN ("+placeholders(3, len(some))+")", args...))
		if err != nil {
			return 0, err
		}
		n += int(count)
	}
	return n, nil
}

// DecideDelivery settles an unknown delivery by what a person found out: accepted where it arrived, failed where it did not.
// The note becomes its Error. A delivery that is not unknown is a fault of code refused.
func (s *Store) DecideDelivery(ctx context.Context, id string, arrived bool, note string, now time.Time) error {
	err := s.inTx(ctx, func(t *tx) error {
		d, err := t.take(ctx, id)
		if err != nil {
			return asFault(err, "read", "delivery "+id)
		}
		if d.State != DeliveryUnknown {
			return fault.New(fault.Refused, "the delivery is "+d.State+", only an unknown one can be decided", "read the page again")
		}
		d.State, d.Error, d.Updated = DeliveryAccepted, note, now
		if !arrived {
			d.State, d.Sent = DeliveryFailed, time.Time{}
		}
		return t.put(ctx, d)
	})
	if err != nil {
		return fmt.Errorf("decide on delivery %s: %w", id, err)
	}
	return nil
}

// loseDeliveries marks the deliveries that an older epoch was sending as unknown.
func (t *tx) loseDeliveries(ctx context.Context, epoch int64, now time.Time) error {
	// The claim's instant is the last that is known of the send.
	lost, err := all[Delivery](ctx, t, `UPDATE delivery SET state = 'unknown', sent = updated, updated = $1 WHERE epoch < $2 AND state = 'sending' RETURNING `+deliveryColumns,
		micros(now), epoch)
	if err != nil {
		return fmt.Errorf("mark deliveries unknown: %w", err)
	}
	told := map[string]bool{}
	for _, d := range lost {
		if told[d.Edition] {
			continue
		}
		told[d.Edition] = true
		if err := t.tellDelivery(ctx, d.Edition); err != nil {
			return err
		}
	}
	return nil
}

// Delivery returns the delivery with the id.
func (s *Store) Delivery(ctx context.Context, id string) (Delivery, error) {
	d, err := one[Delivery](ctx, s.read, "SELECT "+deliveryColumns+" FROM delivery WHERE id = $1", id)
	if err != nil {
		return Delivery{}, asFault(err, "read", "delivery "+id)
	}
	return d, nil
}

// Deliveries returns the deliveries of an edition by address.
func (s *Store) Deliveries(ctx context.Context, edition string) ([]Delivery, error) {
	return s.deliveries(ctx, "WHERE edition = $1 ORDER BY address, id", edition)
}

// PendingDeliveries returns the planned deliveries of an edition by address.
func (s *Store) PendingDeliveries(ctx context.Context, edition string) ([]Delivery, error) {
	return s.deliveries(ctx, "WHERE edition = $1 AND state = 'planned' ORDER BY address, id", edition)
}

// RecentDeliveries returns up to limit deliveries, last changed first.
func (s *Store) RecentDeliveries(ctx context.Context, limit int) ([]Delivery, error) {
	return s.deliveries(ctx, "ORDER BY updated DESC, id DESC"+limited(limit))
}

func (s *Store) deliveries(ctx context.Context, which string, args ...any) ([]Delivery, error) {
	list, err := all[Delivery](ctx, s.read, "SELECT "+deliveryColumns+" FROM delivery "+which, args...)
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	return list, nil
}
