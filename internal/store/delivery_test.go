package store_test

import (
	"context"
	"testing"
	"time"

	"daybook/internal/store"
)

func addPerson(t *testing.T, s *store.Store, address string, groups ...string) store.Person {
	t.Helper()
	p := store.Person{Address: address, Locale: "ko", Created: noon, Groups: groups}
	check(t, s.SavePerson(t.Context(), &p))
	return p
}

// planOne plans a delivery of a new edition to one person.
func planOne(t *testing.T, s *store.Store) store.Delivery {
	t.Helper()
	e := addEdition(t, s, "daily", monday, "h1")
	must(s.PlanDeliveries(t.Context(), e.ID, []store.Person{addPerson(t, s, "ada@example.com")}, noon))(t)
	return must(s.Deliveries(t.Context(), e.ID))(t)[0]
}

func TestDeliveryIsPlannedOncePerPerson(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		e := addEdition(t, s, "daily", monday, "h1")
		ada, bob := addPerson(t, s, "ada@example.com"), addPerson(t, s, "bob@example.com")
		same(t, 1, must(s.PlanDeliveries(t.Context(), e.ID, []store.Person{ada}, noon))(t))
		first := must(s.Deliveries(t.Context(), e.ID))(t)[0]
		first.State, first.Updated = store.DeliveryAccepted, noon.Add(time.Second)
		if !must(s.SetDelivery(t.Context(), first, store.DeliveryPlanned))(t) {
			t.Error("a planned delivery was not set")
		}

		same(t, 1, must(s.PlanDeliveries(t.Context(), e.ID, []store.Person{bob, ada, bob}, noon.Add(time.Hour)))(t))
		got := must(s.Deliveries(t.Context(), e.ID))(t)
		if len(got) != 2 {
			t.Fatalf("%d deliveries, want 2", len(got))
		}
		same(t, first, got[0])
		same(t, got[1:], must(s.PendingDeliveries(t.Context(), e.ID))(t))
		same(t, []store.Delivery{got[1], got[0]}, must(s.RecentDeliveries(t.Context(), 5))(t))
		same(t, []store.Delivery{got[1]}, must(s.RecentDeliveries(t.Context(), 1))(t))
		same(t, 0, must(s.PlanDeliveries(t.Context(), e.ID, nil, noon))(t))
	})
}

func TestDeliveryComesBackAsItWasSet(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		d := planOne(t, s)
		d.Address, d.Locale, d.State, d.MessageID, d.Error, d.Attempt = "ada@example.org", "en", store.DeliveryBounced, "m1", "no such box", 2
		d.Sent, d.Updated, d.Path, d.Epoch = noon.Add(time.Minute), noon.Add(time.Hour), "outbox/1.eml", 4
		full(t, d)
		must(s.SetDelivery(t.Context(), d, store.DeliveryPlanned))(t)
		same(t, d, must(s.Delivery(t.Context(), d.ID))(t))
		_, err := s.Delivery(t.Context(), "nobody")
		notFound(t, err)
	})
}

func TestDeliveryIsTakenByExactlyOneSender(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		d := planOne(t, s)
		d.State = store.DeliverySending
		before := must(s.LastEvent(t.Context()))(t)
		taken := make(chan bool, 8)
		for range cap(taken) {
			go func() {
				ok, err := s.SetDelivery(context.Background(), d, store.DeliveryPlanned)
				if err != nil {
					t.Error(err)
				}
				taken <- ok
			}()
		}
		winners := 0
		for range cap(taken) {
			if <-taken {
				winners++
			}
		}
		if winners != 1 {
			t.Errorf("%d of %d took it, want 1", winners, cap(taken))
		}
		if after := must(s.LastEvent(t.Context()))(t); after != before+1 {
			t.Errorf("%d events, want 1", after-before)
		}
	})
}

func TestDeliveriesOfNoEditionAreRefused(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		if _, err := s.PlanDeliveries(t.Context(), "nobody", []store.Person{addPerson(t, s, "ada@example.com")}, noon); err == nil {
			t.Error("a delivery of no edition was planned")
		}
	})
}
