package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"daybook/internal/store"
)

// claim takes a planned delivery to sending.
func claim(t *testing.T, s *store.Store, d store.Delivery, epoch int64) store.Delivery {
	t.Helper()
	d.State, d.Epoch, d.Attempt, d.Updated = store.DeliverySending, epoch, d.Attempt+1, noon.Add(time.Second)
	if !must(s.SetDelivery(t.Context(), d, store.DeliveryPlanned))(t) {
		t.Fatalf("delivery %s was not planned", d.ID)
	}
	return d
}

// answered is d after its sender heard from the mail service.
func answered(d store.Delivery, state, messageID string) store.Delivery {
	d.State, d.MessageID, d.Updated = state, messageID, noon.Add(2*time.Second)
	if state == store.DeliveryAccepted {
		d.Sent = d.Updated
	}
	return d
}

// news is an event of kind n minutes after noon.
func news(d store.Delivery, messageID, kind string, n int) store.MailEvent {
	return store.MailEvent{MessageID: messageID, Delivery: d.ID, Kind: kind, Address: d.Address, Detail: kind + " detail",
		At: noon.Add(time.Duration(n) * time.Minute), Received: noon.Add(time.Hour)}
}

func record(t *testing.T, s *store.Store, e store.MailEvent) (store.Delivery, bool) {
	t.Helper()
	d, changed, err := s.RecordMailEvent(t.Context(), e)
	check(t, err)
	return d, changed
}

func stateOf(t *testing.T, s *store.Store, d store.Delivery) string {
	t.Helper()
	return must(s.Delivery(t.Context(), d.ID))(t).State
}

func TestMailEventIsRecordedOnce(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		d := must(s.SettleDelivery(t.Context(), answered(claim(t, s, planOne(t, s), 1), store.DeliveryAccepted, "m1")))(t)
		e := news(d, "m1", store.MailBounce, 1)
		e.Address, e.Permanent = "Ada@Example.com", true
		got, changed := record(t, s, e)
		if !changed || got.State != store.DeliveryBounced || got.Error != "bounce detail" {
			t.Errorf("changed %v, delivery %+v", changed, got)
		}
		again, changed := record(t, s, e)
		if changed {
			t.Error("the same event changed the delivery twice")
		}
		same(t, got, again)
		same(t, got, must(s.Delivery(t.Context(), d.ID))(t))

		other := e
		other.At = e.At.Add(time.Second)
		record(t, s, other)
		list := must(s.MailEvents(t.Context(), d.ID))(t)
		if len(list) != 2 {
			t.Fatalf("%d events, want 2", len(list))
		}
		full(t, list[0])
		e.ID, e.Address = list[0].ID, "ada@example.com"
		same(t, e, list[0])
	})
}

func TestMailEventOfNoDeliveryIsRecordedAllTheSame(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		d, changed := record(t, s, store.MailEvent{MessageID: "m\x00", Delivery: "another\x00house's", Kind: store.MailComplaint, Address: "eve@example.com", At: noon})
		same(t, store.Delivery{}, d)
		same(t, false, changed)
		same(t, 1, len(must(s.Suppressions(t.Context()))(t)))
	})
}

func TestMailEventFindsItsDeliveryByMessageID(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		d := must(s.SettleDelivery(t.Context(), answered(claim(t, s, planOne(t, s), 1), store.DeliveryAccepted, "m1")))(t)
		e := news(d, "m1", store.MailDelivery, 1)
		e.Delivery = ""
		got, changed := record(t, s, e)
		if !changed || got.ID != d.ID || got.State != store.DeliveryDelivered {
			t.Errorf("changed %v, delivery %+v", changed, got)
		}
		same(t, e.At, got.Delivered)
		same(t, d.Sent, got.Sent)
	})
}

// Nothing orders the events of a message: not the queue, not the answer to the send, and a tag may be missing.
func TestEventsOfAMessageLeadToOneStateInEveryOrder(t *testing.T) {
	const settle = "settle" // the answer to the send, among the events
	histories := []struct {
		end  string
		what []string
	}{
		{store.DeliveryDelivered, []string{settle, store.MailSend, store.MailDelay, store.MailDelivery}},
		{store.DeliveryDelivered, []string{settle, store.MailSend, store.MailBounce, store.MailDelivery}}, // out of office
		{store.DeliveryBounced, []string{settle, store.MailDelay, store.MailDelivery, "permanent"}},
		{store.DeliveryComplained, []string{settle, store.MailDelivery, "permanent", store.MailComplaint}},
		{store.DeliveryRejected, []string{settle, store.MailSend, store.MailReject}},
		{store.DeliveryAccepted, []string{settle, store.MailSend}},
	}
	withStore(t, func(t *testing.T, s *store.Store) {
		for n, h := range histories {
			for _, order := range orders(h.what) {
				for _, tagged := range []bool{true, false} {
					d := claim(t, s, planIn(t, s, fmt.Sprint(n, order, tagged)), 1)
					for _, what := range order {
						if what == settle {
							must(s.SettleDelivery(t.Context(), answered(d, store.DeliveryAccepted, "m-"+d.ID)))(t)
							continue
						}
						kind := strings.Replace(what, "permanent", store.MailBounce, 1)
						event := news(d, "m-"+d.ID, kind, len(kind))
						event.Permanent = what == "permanent"
						if !tagged {
							event.Delivery = ""
						}
						record(t, s, event)
					}
					if got := stateOf(t, s, d); got != h.end {
						t.Errorf("%v (tagged %v) ends %s, want %s", order, tagged, got, h.end)
					}
					if got := len(must(s.MailEvents(t.Context(), d.ID))(t)); got != len(order)-1 {
						t.Errorf("%v (tagged %v) has %d events", order, tagged, got)
					}
				}
			}
		}
	})
}

// orders are all orders of a list.
func orders(list []string) [][]string {
	if len(list) == 0 {
		return [][]string{nil}
	}
	var all [][]string
	for i := range list {
		rest := append(append([]string{}, list[:i]...), list[i+1:]...)
		for _, o := range orders(rest) {
			all = append(all, append([]string{list[i]}, o...))
		}
	}
	return all
}

func TestUnknownDeliveryIsSettledByAnEvent(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		d := claim(t, s, planOne(t, s), 1)
		d.Error = "no answer"
		settled := must(s.SettleDelivery(t.Context(), answered(d, store.DeliveryUnknown, "")))(t)
		same(t, settled.Updated, settled.Sent)
		got, changed := record(t, s, news(d, "m1", store.MailSend, 1))
		if !changed || got.State != store.DeliveryAccepted || got.Error != "" || got.MessageID != "m1" {
			t.Errorf("changed %v, delivery %+v", changed, got)
		}
	})
}

func TestEventCannotMoveADeliveryThatWasNeverSent(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		d := planOne(t, s)
		got, changed := record(t, s, news(d, "m1", store.MailDelivery, 1))
		same(t, false, changed)
		same(t, d, got)
		same(t, 1, len(must(s.MailEvents(t.Context(), d.ID))(t)))
	})
}

// The person said that it did not arrive, and then it did: the second message that was asked for is not sent.
func TestArrivalAfterAResendWasAskedForEndsTheResend(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		for _, kind := range []string{store.MailSend, store.MailDelay, store.MailDelivery} {
			d := claim(t, s, planIn(t, s, kind), 1)
			must(s.SettleDelivery(t.Context(), answered(d, store.DeliveryUnknown, "")))(t)
			check(t, s.DecideDelivery(t.Context(), d.ID, false, "not in the box", noon))
			same(t, 1, must(s.Resend(t.Context(), d.Edition, nil, noon))(t))
			if _, changed := record(t, s, news(d, "m-"+kind, kind, 1)); !changed {
				t.Errorf("%s did not change the delivery", kind)
			}
			same(t, 0, len(must(s.PendingDeliveries(t.Context(), d.Edition))(t)))
		}
	})
}

func TestWhatWasRejectedAfterItWasAcceptedIsNotSentAgain(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		d := must(s.SettleDelivery(t.Context(), answered(claim(t, s, planOne(t, s), 1), store.DeliveryAccepted, "m1")))(t)
		record(t, s, news(d, "m1", store.MailReject, 2))
		same(t, 0, must(s.Resend(t.Context(), d.Edition, []string{d.ID}, noon))(t))
		same(t, store.DeliveryRejected, stateOf(t, s, d))
	})
}

// A person asked for a second message, and now there are two.
func TestBadNewsOfAnEarlierMessageSaysNothingOfTheNewest(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		d := claim(t, s, planOne(t, s), 1)
		must(s.SettleDelivery(t.Context(), answered(d, store.DeliveryUnknown, "")))(t)
		check(t, s.DecideDelivery(t.Context(), d.ID, false, "", noon))
		must(s.Resend(t.Context(), d.Edition, nil, noon))(t)
		d = claim(t, s, must(s.Delivery(t.Context(), d.ID))(t), 1)
		must(s.SettleDelivery(t.Context(), answered(d, store.DeliveryAccepted, "m2")))(t)
		for i, kind := range []string{store.MailSend, store.MailDelay, store.MailReject, store.MailBounce} {
			if got, changed := record(t, s, news(d, "m1", kind, i)); changed {
				t.Errorf("%s of the first message made it %s", kind, got.State)
			}
		}
		if got, changed := record(t, s, news(d, "m1", store.MailDelivery, 9)); !changed || got.MessageID != "m2" {
			t.Errorf("the arrival of the first message: changed %v, message %s", changed, got.MessageID)
		}
		bounce := news(d, "m2", store.MailBounce, 10)
		bounce.Permanent = true
		record(t, s, bounce)
		record(t, s, news(d, "m2", store.MailComplaint, 11))
		if got, changed := record(t, s, news(d, "m3", store.MailDelivery, 12)); changed {
			t.Errorf("a complaint became %s", got.State)
		}
	})
}

// On PostgreSQL both would otherwise miss what the other one has not committed.
func TestEventAndAnswerThatMeetDoNotMissEachOther(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		e := addEdition(t, s, "daily", monday, "h1")
		must(s.PlanDeliveries(t.Context(), e.ID, store.CauseRelease, to(crowd(t, s, 30)...), noon))(t)
		done := make(chan error, 2)
		for i, d := range must(s.Deliveries(t.Context(), e.ID))(t) {
			d, id := claim(t, s, d, 1), fmt.Sprint("m", i)
			event := news(d, id, store.MailDelivery, 1)
			event.Delivery = ""
			go func() {
				_, err := s.SettleDelivery(context.Background(), answered(d, store.DeliveryAccepted, id))
				done <- err
			}()
			go func() {
				_, _, err := s.RecordMailEvent(context.Background(), event)
				done <- err
			}()
			check(t, <-done)
			check(t, <-done)
			same(t, store.DeliveryDelivered, stateOf(t, s, d))
		}
	})
}
