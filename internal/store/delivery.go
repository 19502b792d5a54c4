package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
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

// Delivery is one edition to one person.
type Delivery struct {
	ID, Edition, Person    string
	Address, Locale        string
	State                  string // a Delivery constant
	MessageID, Error       string
	Attempt                int
	Planned, Sent, Updated time.Time
	Path                   string
	Epoch                  int64 // of the process that sends it
}

const deliveryColumns = "id, edition, person, address, locale, state, message_id, error, attempt, planned, sent, updated, path, epoch"

func (d *Delivery) fields() []any {
	return []any{&d.ID, &d.Edition, &d.Person, &d.Address, &d.Locale, &d.State, &d.MessageID, (*prose)(&d.Error), &d.Attempt,
		(*instant)(&d.Planned), (*instant)(&d.Sent), (*instant)(&d.Updated), &d.Path, &d.Epoch}
}

// tellDelivery appends n events of the edition's deliveries.
func (t *tx) tellDelivery(ctx context.Context, edition string, n int) error {
	e, err := one[Edition](ctx, t, "SELECT "+editionColumns+" FROM edition WHERE id = $1", edition)
	if err != nil {
		return asFault(err, "read", "edition "+edition)
	}
	for range n {
		t.tell(Event{Kind: EventDelivery, Run: e.Run, Node: e.Report, Day: e.Day})
	}
	return nil
}

// PlanDeliveries records a planned delivery of an edition to each of the people; who has one already keeps it as it is.
func (s *Store) PlanDeliveries(ctx context.Context, edition string, people []Person, now time.Time) (inserted int, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		for _, p := range people {
			id, err := newID()
			if err != nil {
				return err
			}
			d := Delivery{ID: id, Edition: edition, Person: p.ID, Address: p.Address, Locale: p.Locale, State: DeliveryPlanned, Planned: now, Updated: now}
			n, err := affected(t.ExecContext(ctx, insert("delivery", deliveryColumns)+" ON CONFLICT (edition, person) DO NOTHING", d.fields()...))
			if err != nil {
				return err
			}
			inserted += int(n)
		}
		return t.tellDelivery(ctx, edition, inserted)
	})
	if err != nil {
		return 0, fmt.Errorf("plan the deliveries of edition %s: %w", edition, err)
	}
	return inserted, nil
}

// SetDelivery overwrites the delivery with d's ID if its state is still was, and reports whether it did; of two
// callers who saw the same state only one goes on. Edition, Person and Planned stay as they are.
func (s *Store) SetDelivery(ctx context.Context, d Delivery, was string) (bool, error) {
	set := false
	err := s.inTx(ctx, func(t *tx) error {
		var edition string
		err := t.QueryRowContext(ctx, `UPDATE delivery SET address = $1, locale = $2, state = $3, message_id = $4, error = $5,
			attempt = $6, sent = $7, updated = $8, path = $9, epoch = $10 WHERE id = $11 AND state = $12 RETURNING edition`,
			d.Address, d.Locale, d.State, d.MessageID, prose(d.Error), d.Attempt, instant(d.Sent), instant(d.Updated), d.Path, d.Epoch,
			d.ID, was).Scan(&edition)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		set = true
		return t.tellDelivery(ctx, edition, 1)
	})
	if err != nil {
		return false, fmt.Errorf("set delivery %s to %s: %w", d.ID, d.State, err)
	}
	return set, nil
}

// loseDeliveries marks the deliveries that an older epoch was sending as unknown.
func (t *tx) loseDeliveries(ctx context.Context, epoch int64, now time.Time) error {
	lost, err := all[Delivery](ctx, t, `UPDATE delivery SET state = 'unknown', updated = $1 WHERE epoch < $2 AND state = 'sending' RETURNING `+deliveryColumns,
		micros(now), epoch)
	if err != nil {
		return fmt.Errorf("mark deliveries unknown: %w", err)
	}
	for _, d := range lost {
		if err := t.tellDelivery(ctx, d.Edition, 1); err != nil {
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
