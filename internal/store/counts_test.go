package store_test

import (
	"testing"
	"time"

	"daybook/internal/store"
)

// deliverAll plans an edition to as many people as there are states and brings each to its state; the nth left n minutes
// after noon.
func deliverAll(t *testing.T, s *store.Store, e store.Edition, states ...string) []store.Delivery {
	t.Helper()
	must(s.PlanDeliveries(t.Context(), e.ID, store.CauseRelease, to(crowd(t, s, len(states))...), noon))(t)
	rows := must(s.Deliveries(t.Context(), e.ID))(t)
	for i, state := range states {
		rows[i].State = state
		if state != store.DeliveryPlanned && state != store.DeliveryFailed {
			rows[i].Sent = noon.Add(time.Duration(i) * time.Minute)
		}
		must(s.SetDelivery(t.Context(), rows[i], store.DeliveryPlanned))(t)
	}
	return rows
}

func TestDeliveriesAreCountedByEditionAndState(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		daily, next := addEdition(t, s, "daily", monday, "h1"), addEdition(t, s, "daily", monday.Add(1), "h1")
		weekly := addEdition(t, s, "weekly", monday, "h1")
		addEdition(t, s, "daily", monday.Add(2), "h1") // not mailed
		deliverAll(t, s, daily, store.DeliveryPlanned, store.DeliveryFailed, store.DeliveryAccepted, store.DeliveryAccepted, store.DeliveryUnknown)
		deliverAll(t, s, next, store.DeliverySending, store.DeliveryDelivered, store.DeliveryDelayed, store.DeliveryBounced, store.DeliveryComplained,
			store.DeliveryRejected)
		deliverAll(t, s, weekly, store.DeliveryPlanned)

		one := store.EditionCount{Edition: daily, Planned: 1, Failed: 1, Accepted: 2, Unknown: 1, First: noon.Add(2 * time.Minute), Last: noon.Add(3 * time.Minute)}
		two := store.EditionCount{Edition: next, Sending: 1, Delivered: 1, Delayed: 1, Bounced: 1, Complained: 1, Rejected: 1,
			First: noon.Add(time.Minute), Last: noon.Add(5 * time.Minute)}
		three := store.EditionCount{Edition: weekly, Planned: 1}
		same(t, []store.EditionCount{two, one}, must(s.DeliveryCounts(t.Context(), "daily", monday, monday.Add(7)))(t))
		same(t, []store.EditionCount{two, one, three}, must(s.DeliveryCounts(t.Context(), "", monday, monday.Add(7)))(t))
		same(t, []store.EditionCount{two}, must(s.DeliveryCounts(t.Context(), "daily", monday.Add(1), monday.Add(1)))(t))
		same(t, []int{5, 6, 1}, []int{one.All(), two.All(), three.All()})
	})
}

func TestReachedAreThoseWhoseMailLeftInTimeAndMayArrive(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		e := addEdition(t, s, "daily", monday, "h1")
		rows := deliverAll(t, s, e, store.DeliveryAccepted, store.DeliveryDelivered, store.DeliveryDelayed, store.DeliveryComplained, store.DeliveryBounced,
			store.DeliveryRejected, store.DeliveryUnknown, store.DeliveryFailed, store.DeliveryPlanned, store.DeliveryAccepted)
		reached, all, err := s.SentBy(t.Context(), e.ID, noon.Add(8*time.Minute))
		check(t, err)
		same(t, []int{4, 10}, []int{reached, all})
		reached, _, err = s.SentBy(t.Context(), e.ID, noon.Add(time.Minute))
		check(t, err)
		same(t, 2, reached)

		want := map[string]bool{rows[0].Person: true, rows[1].Person: true, rows[2].Person: true, rows[9].Person: true}
		same(t, want, must(s.RecipientsOf(t.Context(), []string{e.ID, "nobody"}))(t))
		same(t, map[string]bool{}, must(s.RecipientsOf(t.Context(), nil))(t))
	})
}

func TestDeliveriesOfAPersonAreListedNewestFirst(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		ada, bob := addPerson(t, s, "ada@example.com"), addPerson(t, s, "bob@example.com")
		var want []store.PersonDelivery
		for i := range 3 {
			e := addEdition(t, s, "daily", monday.Add(i), "h1")
			must(s.PlanDeliveries(t.Context(), e.ID, store.CauseRelease, to(ada, bob), noon.Add(time.Duration(i)*time.Hour)))(t)
			d := must(s.Deliveries(t.Context(), e.ID))(t)[0]
			want = append([]store.PersonDelivery{{Delivery: d, Report: "daily", Day: e.Day, Number: 1, Kind: store.EditionFull}}, want...)
		}
		same(t, want, must(s.DeliveriesOf(t.Context(), ada.ID, 0))(t))
		same(t, want[:2], must(s.DeliveriesOf(t.Context(), ada.ID, 2))(t))
	})
}
