package jobs

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/mail"
	"daybook/internal/mail/mailtest"
	"daybook/internal/mail/sesdouble"
	"daybook/internal/store"
)

// fated is a shop whose readers' mails end as the number in their address says.
func fated(t *testing.T, readers int, o sesdouble.Options) (*house, *Mailer, *sesdouble.Server) {
	t.Helper()
	group := "["
	for i := range readers {
		group += fmt.Sprintf("{address: reader%d@example.com}, ", i)
	}
	h := mailed(t, group+"]")
	o.Fate = fates
	server, err := sesdouble.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	sender, err := mail.NewSES(t.Context(), mailtest.SESOptions(server))
	if err != nil {
		t.Fatal(err)
	}
	return h, h.mailer(sender), server
}

// listened takes the events out of the double's queue until there is nothing left.
func (h *house) listened(t *testing.T, m *Mailer, server *sesdouble.Server) {
	t.Helper()
	queue, err := mail.NewQueue(t.Context(), mail.QueueOptions{URL: server.QueueURL(), Region: sesdouble.Region, Endpoint: server.URL,
		AccessKey: sesdouble.AccessKey, SecretKey: sesdouble.SecretKey, Wait: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { m.Listen(ctx, queue) })
	defer wg.Wait()
	defer cancel()
	for deadline := time.Now().Add(30 * time.Second); server.Waiting() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d events wait\n%s", server.Waiting(), h.log)
		}
	}
}

var ends = []string{"reader0@example.com delivered", "reader1@example.com delivered", "reader2@example.com bounced", "reader3@example.com delivered",
	"reader4@example.com bounced", "reader5@example.com complained", "reader6@example.com accepted"}

func TestEventsTellWhatBecameOfEachMessageHoweverTheyCome(t *testing.T) {
	for name, o := range map[string]sesdouble.EventOptions{
		"in order": {}, "twice": {Duplicates: 1}, "last first": {Disorder: 1}, "before the answer": {Early: 1, Lead: time.Millisecond},
		"by EventBridge": {Envelope: sesdouble.EnvelopeEventBridge}, "raw, twice and in disorder": {Envelope: sesdouble.EnvelopeNone, Duplicates: 0.5, Disorder: 0.5},
	} {
		t.Run(name, func(t *testing.T) {
			h, m, server := fated(t, 7, sesdouble.Options{Events: o})
			server.Again(0.5, time.Second) // the queue gives some a second time, and soon again what was lost on the way
			if out, err := h.deliver(m); err != nil || out.Accepted != 7 {
				t.Fatalf("delivered %+v, %v", out, err)
			}
			h.listened(t, m, server)
			if d := cmp.Diff(ends, h.states()); d != "" {
				t.Error(d)
			}
			suppressed, err := h.Store.Suppressions(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for _, s := range suppressed {
				got = append(got, s.Address+" "+s.Reason)
			}
			if d := cmp.Diff([]string{"reader2@example.com bounce", "reader5@example.com complaint"}, got); d != "" {
				t.Error(d) // a full mailbox is no reason
			}
			if n := len(server.Sent()); n != 7 {
				t.Errorf("%d messages", n)
			}
		})
	}
}

// The publisher of an event is faster than the answer to the send that it tells of: the row still says that it is being sent.
func TestAnEventThatOvertakesTheAnswerIsNotUndoneByIt(t *testing.T) {
	var m *Mailer
	during := map[string]int{}
	h, mailer, server := fated(t, 7, sesdouble.Options{Events: sesdouble.EventOptions{Envelope: sesdouble.EnvelopeNone, Publish: func(body []byte) {
		events, err := mail.ParseEvents(body)
		if err == nil {
			err = m.Events(context.Background(), events)
		}
		if err != nil {
			t.Error(err)
			return
		}
		d, err := m.Runner.Store.Delivery(context.Background(), events[0].Delivery)
		if err != nil || d.Sent.IsZero() {
			t.Errorf("after %s the delivery is %+v, %v", events[0].Kind, d, err)
		}
		during[d.State]++
	}}})
	m = mailer
	if _, err := h.deliver(m); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(ends, h.states()); d != "" {
		t.Error(d)
	}
	if during[store.DeliveryBounced] == 0 || during[store.DeliveryDelivered] == 0 {
		t.Errorf("while they were sent: %v", during)
	}
	for _, d := range h.newest() {
		if d.MessageID == "" || d.Attempt != 1 {
			t.Errorf("delivery %+v", d)
		}
	}
	if n := len(server.Sent()); n != 7 {
		t.Errorf("%d messages", n)
	}
}

// newest are the deliveries of the newest edition.
func (h *house) newest() []store.Delivery {
	h.t.Helper()
	e, err := h.Store.LatestEdition(context.Background(), "usage")
	if err != nil {
		h.t.Fatal(err)
	}
	list, err := h.Store.Deliveries(context.Background(), e.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func TestEventsSettleWhatNobodyKnowsAndResendLeavesItAlone(t *testing.T) {
	h, m, server := fated(t, 7, sesdouble.Options{Events: sesdouble.EventOptions{Lag: time.Hour}}) // too late for this test
	var bodies [][]byte
	server.Change(func(o *sesdouble.Options) {
		o.Events = sesdouble.EventOptions{Envelope: sesdouble.EnvelopeNone, Publish: func(body []byte) { bodies = append(bodies, bytes.Clone(body)) }}
	})
	server.Fail(sesdouble.StoredThenReset(), sesdouble.ResetBefore(), sesdouble.BrokenAnswer(), sesdouble.StoredThenReset(), sesdouble.StoredThenReset(), sesdouble.BrokenAnswer(), sesdouble.StoredThenReset())
	out, _ := h.deliver(m)
	if out != (Delivered{Planned: 7, Unknown: 7}) {
		t.Fatalf("delivered %+v", out)
	}
	e := h.edition()
	if out, err := m.Resend(t.Context(), e.ID, nil, "ada"); err != nil || out.Unknown != 7 || server.Requests() != 7 {
		t.Fatalf("sent again: %+v, %v, %d requests", out, err, server.Requests())
	}
	for i := len(bodies) - 1; i >= 0; i-- { // the last first
		events, err := mail.ParseEvents(bodies[i])
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := m.Events(t.Context(), events); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := append([]string{}, ends...)
	want[1], want[6] = "reader1@example.com unknown", "reader6@example.com unknown" // of these two nobody ever hears
	if d := cmp.Diff(want, h.states()); d != "" {
		t.Error(d)
	}
	for _, d := range h.newest() {
		if d.State == store.DeliveryDelivered && (d.MessageID == "" || d.Delivered.IsZero() || d.Sent.IsZero()) {
			t.Errorf("delivery %+v", d)
		}
	}
}

func TestAQueueThatCannotBeReadForAWhileLosesNoEvent(t *testing.T) {
	h, m, server := fated(t, 7, sesdouble.Options{})
	if _, err := h.deliver(m); err != nil {
		t.Fatal(err)
	}
	server.FailQueue(sesdouble.ResetBefore(), sesdouble.InternalError())
	server.Push("this is no event") // one that nobody can read stops no other
	queue, err := mail.NewQueue(t.Context(), mail.QueueOptions{URL: server.QueueURL(), Region: sesdouble.Region, Endpoint: server.URL,
		AccessKey: sesdouble.AccessKey, SecretKey: sesdouble.SecretKey, Wait: time.Second,
		Strange: func(context.Context, mail.Stray) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	for range 30 {
		if server.Waiting() == 0 {
			break
		}
		_ = queue.Receive(t.Context(), m.Events)
	}
	if d := cmp.Diff(ends, h.states()); d != "" {
		t.Error(d)
	}
}

func TestAnEventOfAMessageThatNobodyKnowsIsHarmless(t *testing.T) {
	h := mailed(t, three)
	m := h.mailer(ses(t, mailtest.SES(t)))
	err := m.Events(t.Context(), []mail.Event{
		{Kind: "delivery", MessageID: "of-a-sign-in-link", Address: "ada@example.com", At: time.Now()},
		{Kind: "bounce", MessageID: "of-another-program", Delivery: "00000000-0000-7000-8000-000000000000", Address: "cy@example.com", Permanent: true, At: time.Now()},
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.deliver(m)
	if out != (Delivered{Planned: 3, Accepted: 2, Failed: 1}) { // cy's address takes no mail, whoever found out
		t.Errorf("delivered %+v, %v", out, err)
	}
}
