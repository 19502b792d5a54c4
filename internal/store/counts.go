package store

import (
	"context"
	"fmt"
	"time"

	"daybook/internal/calendar"
)

// PersonDelivery is a delivery and the edition that it takes.
type PersonDelivery struct {
	Delivery
	Report string
	Day    calendar.Day
	Number int
	Kind   string // of the edition
}

func (d *PersonDelivery) fields() []any {
	return append(d.Delivery.fields(), &d.Report, (*date)(&d.Day), &d.Number, &d.Kind)
}

// DeliveriesOf returns up to limit deliveries to a person, newest first.
func (s *Store) DeliveriesOf(ctx context.Context, person string, limit int) ([]PersonDelivery, error) {
	list, err := all[PersonDelivery](ctx, s.read, "SELECT "+columnsOf("d", deliveryColumns)+`, e.report, e.day, e.number, e.kind
		FROM delivery AS d JOIN edition AS e ON e.id = d.edition WHERE d.person = $1 ORDER BY d.planned DESC, d.id DESC`+limited(limit), person)
	if err != nil {
		return nil, fmt.Errorf("read the deliveries of person %s: %w", person, err)
	}
	return list, nil
}

// EditionCount is how many of an edition's deliveries are in each state.
type EditionCount struct {
	Edition                                        Edition
	Planned, Sending, Accepted, Delivered, Delayed int
	Bounced, Complained, Rejected, Failed, Unknown int
	First, Last                                    time.Time // when the first and the last one left, zero where none did
}

// All is the number of the edition's deliveries.
func (c EditionCount) All() int {
	return c.Planned + c.Sending + c.Accepted + c.Delivered + c.Delayed + c.Bounced + c.Complained + c.Rejected + c.Failed + c.Unknown
}

func (c *EditionCount) fields() []any {
	return append(c.Edition.fields(), &c.Planned, &c.Sending, &c.Accepted, &c.Delivered, &c.Delayed, &c.Bounced, &c.Complained, &c.Rejected,
		&c.Failed, &c.Unknown, (*instant)(&c.First), (*instant)(&c.Last))
}

// DeliveryCounts returns every edition of the days from..to that has deliveries, of one report or, where that is empty, of
// all of them; newest day first, then newest edition.
func (s *Store) DeliveryCounts(ctx context.Context, report string, from, to calendar.Day) ([]EditionCount, error) {
	var f filter
	if report != "" {
		f.add("e.report = %s", report)
	}
	f.add("e.day BETWEEN %s AND %s", dayText(from), dayText(to))
	query := "SELECT " + columnsOf("e", editionColumns)
	for _, state := range []string{DeliveryPlanned, DeliverySending, DeliveryAccepted, DeliveryDelivered, DeliveryDelayed,
		DeliveryBounced, DeliveryComplained, DeliveryRejected, DeliveryFailed, DeliveryUnknown} {
		query += ", count(*) FILTER (WHERE d.state = '" + state + "')"
	}
	left := " FILTER (WHERE d.sent > 0 AND d.state IN (" + leftStates + ")), 0)"
	query += ", coalesce(min(d.sent)" + left + ", coalesce(max(d.sent)" + left +
		" FROM edition AS e JOIN delivery AS d ON d.edition = e.id" + f.where() + " GROUP BY e.id ORDER BY e.day DESC, e.report, e.number DESC"
	counts, err := all[EditionCount](ctx, s.read, query, f.args...)
	if err != nil {
		return nil, fmt.Errorf("count the deliveries of %s from %s to %s: %w", report, from, to, err)
	}
	return counts, nil
}

const (
	reachedStates = "'accepted', 'delivered', 'delayed', 'complained'" // of deliveries that arrived or may still
	leftStates    = reachedStates + ", 'bounced', 'rejected'"
)

// SentBy returns how many of an edition's deliveries had left by then and arrived or may still, and how many there are.
func (s *Store) SentBy(ctx context.Context, edition string, by time.Time) (reached, all int, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT count(*) FILTER (WHERE sent BETWEEN 1 AND $1 AND state IN ("+reachedStates+")), count(*) FROM delivery WHERE edition = $2",
		micros(by), edition).Scan(&reached, &all)
	if err != nil {
		return 0, 0, fmt.Errorf("count the deliveries of edition %s: %w", edition, err)
	}
	return reached, all, nil
}

// RecipientsOf returns the ids of the people whose mail of one of the editions was accepted and, as far as is known, arrived.
func (s *Store) RecipientsOf(ctx context.Context, editions []string) (map[string]bool, error) {
	people := map[string]bool{}
	if len(editions) == 0 {
		return people, nil
	}
	list, err := s.deliveries(ctx, "WHERE edition IN ("+placeholders(1, len(editions))+") AND state IN ('accepted', 'delivered', 'delayed')", values(editions)...)
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		people[d.Person] = true
	}
	return people, nil
}
