package jobs

import (
	"context"

	"daybook/internal/mail/sesdouble"
	"daybook/internal/store"
)

// calm is after the storm: SES works, everything that it has to say is told, and the newest edition is delivered.
func (s *storm) calm() {
	s.t.Helper()
	ctx := context.Background()
	s.server.Change(func(o *sesdouble.Options) { o.Faults = nil })
	s.rise()
	s.tell(true)
	for range 2 {
		s.quiet("at last: deliver", func() {
			if _, err := s.mailer.Load().Deliver(ctx, "usage", monday); err != nil {
				s.t.Errorf("seed %d: %v\n%s", s.seed, err, s.story())
			}
		})
	}
	newest, err := s.Store.Edition(ctx, "usage", monday, 0)
	s.must(err)
	s.quiet("at last: resend", func() {
		if _, err := s.mailer.Load().Resend(ctx, newest.ID, nil, "ada"); err != nil {
			s.t.Errorf("seed %d: %v\n%s", s.seed, err, s.story())
		}
	})
	s.tell(true)
	s.nobodyTwice()
	s.nobodyLost(newest)
	s.ledgerTrue()
}

func (s *storm) nobodyTwice() {
	times := map[string]int{}
	for _, m := range s.server.Sent() {
		if times[m.To[0]+m.Tags["edition"]]++; times[m.To[0]+m.Tags["edition"]] > 1 && !s.denied[m.Tags["delivery"]] {
			s.t.Errorf("seed %d: %s got an edition twice\n%s", s.seed, m.To[0], s.story())
		}
	}
}

// nobodyLost wants each person to have the newest edition or one that says the same, unless nobody knows whether they have it.
func (s *storm) nobodyLost(newest store.Edition) {
	s.t.Helper()
	deaf, has := s.deaf(), map[string]bool{}
	for _, d := range s.rows() {
		switch d.State {
		case store.DeliveryAccepted, store.DeliveryDelivered, store.DeliveryDelayed:
			has[d.Address] = true
		case store.DeliveryUnknown, store.DeliveryBounced, store.DeliveryComplained:
			has[d.Address] = has[d.Address] || d.Edition == newest.ID
		}
	}
	for _, p := range s.everybody() {
		if deaf[p.Address] == "" && !has[p.Address] {
			s.t.Errorf("seed %d: %s has nothing:%s\n%s", s.seed, p.Address, s.rowsOf(p.Address), s.story())
		}
	}
}

// ledgerTrue holds the rows against what the double took over and made of it.
func (s *storm) ledgerTrue() {
	s.t.Helper()
	took := map[string]bool{}
	for _, m := range s.server.Sent() {
		took[m.Tags["delivery"]] = true
	}
	for _, d := range s.rows() {
		known := fates(d.Address) != sesdouble.Silence && took[d.ID]
		switch d.State {
		case store.DeliveryPlanned, store.DeliverySending:
			s.t.Errorf("seed %d: %s is %s in the end\n%s", s.seed, d.Address, d.State, s.story())
		case store.DeliveryUnknown, store.DeliveryFailed, store.DeliveryRejected:
			if known && !s.denied[d.ID] {
				s.t.Errorf("seed %d: %s is %s (%s), and SES has told what became of the message\n%s", s.seed, d.Address, d.State, d.Error, s.story())
			}
		default:
			if !took[d.ID] && (d.State != store.DeliveryAccepted || d.Error == "") { // nobody but a person could have said so
				s.t.Errorf("seed %d: %s is %s, and SES never had the message\n%s", s.seed, d.Address, d.State, s.story())
			}
		}
	}
}
