package handlers

import (
	"context"
	"time"

	"daybook/internal/store"
	"daybook/templates"
)

// gatheringMails is how long changes of deliveries are gathered: a release changes hundreds in a second.
const gatheringMails = time.Second

// followed is the page of an edition's deliveries as its stream knows it.
type followed struct {
	edition string // its id; empty for streams of other pages
	filter  ledgerFilter
	rows    map[string]string // what the page shows of each delivery, by id
}

// openLedger notes which people the page shows. Where nothing happened since, it also knows what it shows of them.
func (s *stream) openLedger(ctx context.Context) error {
	led, err := s.ledgerByID(ctx)
	if err != nil {
		return err
	}
	last, err := s.Store.LastEvent(ctx)
	if err != nil {
		return err
	}
	s.followed.rows = map[string]string{}
	for _, d := range s.followed.filter.paged(s.followed.filter.of(led)) {
		html := ""
		if last == s.seq {
			if html, err = s.row(ctx, led, d); err != nil {
				return err
			}
		}
		s.followed.rows[d.ID] = html
	}
	return nil
}

func (s *stream) ledgerByID(ctx context.Context) (ledgerOf, error) {
	e, err := s.Store.EditionByID(ctx, s.followed.edition)
	if err != nil {
		return ledgerOf{}, err
	}
	node, err := s.Runner.Graph.Node(e.Report)
	if err != nil {
		return ledgerOf{}, err
	}
	return s.ledgerOf(ctx, e, *node.Report)
}

func (s *stream) row(ctx context.Context, led ledgerOf, d store.Delivery) (string, error) {
	row, err := s.personRow(ctx, led, d, s.page, s.admin)
	if err != nil {
		return "", err
	}
	return rendered(ctx, templates.TableRow(s.page, peopleColumns(s.page, s.picks(led, s.admin)), row))
}

// sendLedger brings the page of an edition's deliveries up to date: its facts and numbers, and the rows that changed.
func (s *stream) sendLedger(ctx context.Context, events []store.Event) error {
	led, err := s.ledgerByID(ctx)
	if err != nil {
		return err
	}
	moved := false
	for _, e := range events {
		moved = moved || (e.Kind == store.EventDelivery || e.Kind == store.EventEdition) && e.Node == led.edition.Report && e.Day == led.edition.Day
	}
	if !moved {
		return nil
	}
	facts, err := s.ledgerFacts(ctx, led, s.page.Locale)
	if err != nil {
		return err
	}
	if err := s.put(ctx, "swap", templates.LedgerFactsID, templates.Facts(s.page.Locale, facts)); err != nil {
		return err
	}
	if err := s.put(ctx, "swap", templates.LedgerID, templates.LedgerCounts(s.page, s.ledgerCounts(led, s.page.Locale))); err != nil {
		return err
	}
	for _, d := range led.deliveries {
		was, shown := s.followed.rows[d.ID]
		if !shown {
			continue
		}
		html, err := s.row(ctx, led, d)
		if err != nil {
			return err
		}
		if html == was {
			continue
		}
		s.followed.rows[d.ID] = html
		if err := s.write("swap", templates.DeliveryID(d.ID), html); err != nil {
			return err
		}
	}
	return nil
}
