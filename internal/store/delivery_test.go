package store_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"daybook/internal/fault"
	"daybook/internal/store"
)

func addPerson(t *testing.T, s *store.Store, address string, groups ...string) store.Person {
	t.Helper()
	p := store.Person{Address: address, Locale: "ko", Created: noon, Groups: groups}
	check(t, s.SavePerson(t.Context(), &p))
	return p
}

// to makes recipients of the daily mail of people.
func to(people ...store.Person) []store.Recipient {
	list := make([]store.Recipient, len(people))
	for i, p := range people {
		list[i] = store.Recipient{Person: p}
	}
	return list
}

// planOne plans a delivery of a new edition to one person.
func planOne(t *testing.T, s *store.Store) store.Delivery {
	t.Helper()
	return planIn(t, s, "daily")
}

func planIn(t *testing.T, s *store.Store, report string) store.Delivery {
	t.Helper()
	e := addEdition(t, s, report, monday, "h1")
	must(s.PlanDeliveries(t.Context(), e.ID, store.CauseRelease, to(addPerson(t, s, "ada@example.com")), noon))(t)
	return must(s.Deliveries(t.Context(), e.ID))(t)[0]
}

func TestDeliveryIsPlannedOncePerPerson(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		e := addEdition(t, s, "daily", monday, "h1")
		ada, bob := addPerson(t, s, "ada@example.com"), addPerson(t, s, "bob@example.com")
		same(t, 1, must(s.PlanDeliveries(t.Context(), e.ID, store.CauseRelease, to(ada), noon))(t))
		first := must(s.Deliveries(t.Context(), e.ID))(t)[0]
		first.State, first.Updated = store.DeliveryAccepted, noon.Add(time.Second)
		if !must(s.SetDelivery(t.Context(), first, store.DeliveryPlanned))(t) {
			t.Error("a planned delivery was not set")
		}

		same(t, 1, must(s.PlanDeliveries(t.Context(), e.ID, store.CauseRelease, to(bob, ada, bob), noon.Add(time.Hour)))(t))
		got := must(s.Deliveries(t.Context(), e.ID))(t)
		if len(got) != 2 {
			t.Fatalf("%d deliveries, want 2", len(got))
		}
		same(t, first, got[0])
		same(t, got[1:], must(s.PendingDeliveries(t.Context(), e.ID))(t))
		same(t, []store.Delivery{got[1], got[0]}, must(s.RecentDeliveries(t.Context(), 5))(t))
		same(t, []store.Delivery{got[1]}, must(s.RecentDeliveries(t.Context(), 1))(t))
		same(t, 0, must(s.PlanDeliveries(t.Context(), e.ID, store.CauseRelease, nil, noon))(t))
	})
}

func TestDeliveryComesBackAsItWasSet(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		d := planOne(t, s)
		d.Address, d.Locale, d.State, d.MessageID, d.Error, d.Attempt = "ada@example.org", "en", store.DeliveryBounced, "m1", "no such box", 2
		d.Sent, d.Updated, d.Path, d.Epoch = noon.Add(time.Minute), noon.Add(time.Hour), "outbox/1.eml", 4
		d.Delivered = noon.Add(time.Second)
		full(t, d)
		d.Delivered = time.Time{} // an event's
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
		if _, err := s.PlanDeliveries(t.Context(), "nobody", store.CauseRelease, to(addPerson(t, s, "ada@example.com")), noon); err == nil {
			t.Error("a delivery of no edition was planned")
		}
	})
}

func TestRefusedRecipientIsRecordedAndNotSent(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		e := addEdition(t, s, "daily", monday, "h1")
		list := []store.Recipient{{Person: addPerson(t, s, "ada@example.com"), Variant: store.VariantWeekly},
			{Person: addPerson(t, s, "bob@example.org"), Refused: "example.org is not among the domains"}}
		same(t, 2, must(s.PlanDeliveries(t.Context(), e.ID, store.CauseCorrection, list, noon))(t))
		got := must(s.Deliveries(t.Context(), e.ID))(t)
		same(t, got[:1], must(s.PendingDeliveries(t.Context(), e.ID))(t))
		same(t, []string{store.VariantWeekly, store.CauseCorrection, store.VariantDaily, store.DeliveryFailed, list[1].Refused},
			[]string{got[0].Variant, got[0].Cause, got[1].Variant, got[1].State, got[1].Error})
	})
}

func TestEditionForThousandsIsPlannedByManyAtOnce(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		e := addEdition(t, s, "daily", monday, "h1")
		people := crowd(t, s, 2000)
		type result struct {
			n   int
			err error
		}
		results := make(chan result, 4)
		for range cap(results) {
			go func() {
				list := to(people...)
				rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
				n, err := s.PlanDeliveries(context.Background(), e.ID, store.CauseRelease, list, noon)
				results <- result{n, err}
			}()
		}
		sum := 0
		for range cap(results) {
			r := <-results
			check(t, r.err)
			sum += r.n
		}
		same(t, len(people), sum)
		same(t, len(people), len(must(s.PendingDeliveries(t.Context(), e.ID))(t)))
	})
}

func TestOutcomeOfASendIsRecorded(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		d := answered(claim(t, s, planOne(t, s), 1), store.DeliveryAccepted, "m1")
		d.Path = "outbox/1.eml"
		same(t, d, must(s.SettleDelivery(t.Context(), d))(t))
		same(t, d, must(s.Delivery(t.Context(), d.ID))(t))
		_, err := s.SettleDelivery(t.Context(), store.Delivery{ID: "nobody"})
		notFound(t, err)
	})
}

func TestEventThatComesBeforeTheAnswerKeepsItsState(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		for i, outcome := range []string{store.DeliveryAccepted, store.DeliveryUnknown, store.DeliveryPlanned, store.DeliveryFailed, store.DeliveryRejected} {
			d := claim(t, s, planIn(t, s, outcome), 1)
			record(t, s, news(d, "m"+outcome, store.MailDelivery, i))
			got := must(s.SettleDelivery(t.Context(), answered(d, outcome, "m"+outcome)))(t)
			same(t, []string{store.DeliveryDelivered, "m" + outcome}, []string{got.State, got.MessageID})
		}
	})
}

// A new epoch took the sender for dead, but it was only slow.
func TestLateReceiptOutweighsAGuess(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		for _, state := range []string{store.DeliveryUnknown, store.DeliveryFailed, store.DeliveryPlanned} {
			epoch, _ := begin(t, s, noon)
			d := claim(t, s, planIn(t, s, state), epoch)
			begin(t, s, noon.Add(time.Minute))
			if state != store.DeliveryUnknown {
				check(t, s.DecideDelivery(t.Context(), d.ID, false, "", noon))
			}
			if state == store.DeliveryPlanned {
				must(s.Resend(t.Context(), d.Edition, nil, noon))(t)
			}
			same(t, state, stateOf(t, s, d))
			got := must(s.SettleDelivery(t.Context(), answered(d, store.DeliveryAccepted, "m-"+state)))(t)
			same(t, []string{store.DeliveryAccepted, "m-" + state}, []string{got.State, got.MessageID})
		}
	})
}

func TestOutcomeOfAnEarlierSendDoesNotSettleALaterOne(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		epoch, _ := begin(t, s, noon)
		first := claim(t, s, planIn(t, s, "d"), epoch)
		epoch, _ = begin(t, s, noon.Add(time.Minute))
		check(t, s.DecideDelivery(t.Context(), first.ID, false, "", noon))
		must(s.Resend(t.Context(), first.Edition, nil, noon))(t)
		second := claim(t, s, must(s.Delivery(t.Context(), first.ID))(t), epoch)
		for _, outcome := range []string{store.DeliveryPlanned, store.DeliveryFailed, store.DeliveryAccepted} {
			same(t, second, must(s.SettleDelivery(t.Context(), answered(first, outcome, "m1"+first.ID)))(t))
		}
		same(t, store.DeliveryAccepted, must(s.SettleDelivery(t.Context(), answered(second, store.DeliveryAccepted, "m2"+first.ID)))(t).State)
	})
}

func TestResendPlansOnlyWhatFailedOrWasRejected(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		states := []string{store.DeliveryPlanned, store.DeliverySending, store.DeliveryAccepted, store.DeliveryDelivered, store.DeliveryDelayed, store.DeliveryBounced,
			store.DeliveryComplained, store.DeliveryRejected, store.DeliveryFailed, store.DeliveryUnknown}
		e := addEdition(t, s, "daily", monday, "h1")
		must(s.PlanDeliveries(t.Context(), e.ID, store.CauseRelease, to(crowd(t, s, len(states))...), noon))(t)
		rows := must(s.Deliveries(t.Context(), e.ID))(t)
		for i, state := range states {
			rows[i].State, rows[i].Attempt, rows[i].MessageID, rows[i].Error, rows[i].Sent = state, 2, "m1", "no", noon
			if state == store.DeliveryRejected {
				rows[i].MessageID = "" // refused at once; who was rejected later has been accepted before
			}
			must(s.SetDelivery(t.Context(), rows[i], store.DeliveryPlanned))(t)
		}
		same(t, 0, must(s.Resend(t.Context(), e.ID, []string{rows[0].ID, rows[2].ID, rows[9].ID, "nobody"}, noon))(t))
		same(t, 0, must(s.Resend(t.Context(), e.ID, []string{}, noon))(t))
		later := noon.Add(time.Hour)
		same(t, 1, must(s.Resend(t.Context(), e.ID, []string{rows[7].ID, rows[9].ID}, later))(t))
		rows[7].State, rows[7].MessageID, rows[7].Error, rows[7].Sent, rows[7].Updated = store.DeliveryPlanned, "", "", time.Time{}, later
		same(t, rows, must(s.Deliveries(t.Context(), e.ID))(t))
		same(t, 1, must(s.Resend(t.Context(), e.ID, nil, later))(t))
		same(t, store.DeliveryPlanned, stateOf(t, s, rows[8]))
		_, err := s.Resend(t.Context(), "nobody", nil, later)
		if err == nil {
			t.Error("deliveries of no edition were planned again")
		}
	})
}

func TestOnlyAnUnknownDeliveryIsDecidedByAPerson(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		d := claim(t, s, planOne(t, s), 1)
		refused := s.DecideDelivery(t.Context(), d.ID, true, "", noon)
		if !fault.Is(refused, fault.Refused) {
			t.Errorf("error %v, want one of code refused", refused)
		}
		must(s.SettleDelivery(t.Context(), answered(d, store.DeliveryUnknown, "")))(t)
		check(t, s.DecideDelivery(t.Context(), d.ID, true, "she has it", noon.Add(time.Hour)))
		got := must(s.Delivery(t.Context(), d.ID))(t)
		same(t, []string{store.DeliveryAccepted, "she has it"}, []string{got.State, got.Error})
		notFound(t, s.DecideDelivery(t.Context(), "nobody", true, "", noon))
	})
}
