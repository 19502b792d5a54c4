package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Why and by whom an address is suppressed.
const (
	SuppressedBounce    = "bounce"
	SuppressedComplaint = "complaint"
	SuppressedBySES     = "ses"   // it is on the account's list
	SuppressedByEvent   = "event" // an event told of it; the account's list may not have it
)

// Suppression is an address that gets no mail.
type Suppression struct {
	Address        string // unique, lower case
	Reason, Source string // Suppressed constants
	Since, Seen    time.Time
}

const suppressionColumns = "address, reason, source, since, seen"

func (p *Suppression) fields() []any {
	return []any{&p.Address, &p.Reason, &p.Source, (*instant)(&p.Since), (*instant)(&p.Seen)}
}

// suppress records that an event told of an address. What the account's list says of it stays.
func (t *tx) suppress(ctx context.Context, p Suppression) error {
	_, err := t.ExecContext(ctx, insert("suppression", suppressionColumns)+` ON CONFLICT (address) DO UPDATE SET seen = excluded.seen`, p.fields()...)
	if err != nil {
		return fmt.Errorf("suppress %s: %w", p.Address, err)
	}
	return nil
}

// MirrorSuppressions makes the records hold the account's whole list: what it has is recorded with source ses, and what is
// recorded with source ses and not in it goes.
func (s *Store) MirrorSuppressions(ctx context.Context, list []Suppression, now time.Time) error {
	err := s.inTx(ctx, func(t *tx) error {
		if _, err := t.ExecContext(ctx, "DELETE FROM suppression WHERE source = $1", SuppressedBySES); err != nil {
			return err
		}
		listed := map[string]Suppression{} // each once: PostgreSQL refuses to overwrite a row twice in one statement
		for _, p := range list {
			p.Address, p.Source, p.Seen = fold(p.Address), SuppressedBySES, now
			listed[p.Address] = p
		}
		rows := make([][]any, 0, len(listed))
		for _, address := range slices.Sorted(maps.Keys(listed)) {
			p := listed[address]
			rows = append(rows, p.fields())
		}
		_, err := insertMany(ctx, t, "suppression", suppressionColumns, rows,
			" ON CONFLICT (address) DO UPDATE SET reason = excluded.reason, source = excluded.source, since = excluded.since, seen = excluded.seen")
		return err
	})
	if err != nil {
		return fmt.Errorf("mirror %d suppressed addresses: %w", len(list), err)
	}
	return nil
}

// Suppressions returns the suppressed addresses in order.
func (s *Store) Suppressions(ctx context.Context) ([]Suppression, error) {
	list, err := all[Suppression](ctx, s.read, "SELECT "+suppressionColumns+" FROM suppression ORDER BY address")
	if err != nil {
		return nil, fmt.Errorf("read the suppressed addresses: %w", err)
	}
	return list, nil
}

// RemoveSuppression forgets that an address is suppressed; one that is not is no error.
func (s *Store) RemoveSuppression(ctx context.Context, address string) error {
	if _, err := s.write.ExecContext(ctx, "DELETE FROM suppression WHERE address = $1", fold(address)); err != nil {
		return fmt.Errorf("remove the suppression of %s: %w", fold(address), err)
	}
	return nil
}
