package sesdouble_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/mail"
	"daybook/internal/mail/mailtest"
	"daybook/internal/mail/sesdouble"
)

func start(t testing.TB, o sesdouble.Options) (*sesdouble.Server, *mail.SES) {
	t.Helper()
	double, err := sesdouble.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { double.Close() })
	s, err := mail.NewSES(t.Context(), mailtest.SESOptions(double))
	if err != nil {
		t.Fatal(err)
	}
	return double, s
}

func letter(to string) mail.Message {
	return mail.Message{
		From: mail.Address{Address: "reports@example.com"}, To: mail.Address{Address: to}, Subject: "Usage", Text: "Usage\n",
		MessageID: "m@example.com", Date: time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC), Tags: map[string]string{"delivery": "d-" + strings.NewReplacer("@", "_", ".", "_", "+", "_").Replace(to)},
	}
}

// history is what the queue tells of a mail to the address, in the order in which it comes.
func history(t *testing.T, double *sesdouble.Server, s *mail.SES, to string) []string {
	t.Helper()
	receipt, err := s.Send(t.Context(), letter(to))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range drain(t, double) {
		if e.MessageID != receipt.MessageID || e.Delivery != letter(to).Tags["delivery"] || e.Address != to || e.At.IsZero() {
			t.Errorf("%+v", e)
		}
		kind := e.Kind
		if e.Permanent {
			kind += " for good"
		}
		got = append(got, kind)
	}
	return got
}

func queue(t *testing.T, double *sesdouble.Server) *mail.Queue {
	t.Helper()
	q, err := mail.NewQueue(t.Context(), mail.QueueOptions{
		URL: double.QueueURL(), Region: sesdouble.Region, Endpoint: double.URL, AccessKey: sesdouble.AccessKey, SecretKey: sesdouble.SecretKey, Wait: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func drain(t *testing.T, double *sesdouble.Server) []mail.Event {
	t.Helper()
	q := queue(t, double)
	var all []mail.Event
	for double.Waiting() > 0 {
		err := q.Receive(t.Context(), func(_ context.Context, events []mail.Event) error {
			all = append(all, events...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestEveryFateHasItsEvents(t *testing.T) {
	fates := map[string]sesdouble.Fate{
		"bounced@example.org": sesdouble.Bounced, "soft@example.org": sesdouble.SoftBounce, "complained@example.org": sesdouble.Complained,
		"delayed@example.org": sesdouble.Delayed, "rejected@example.org": sesdouble.Rejected, "silent@example.org": sesdouble.Silence,
	}
	for _, envelope := range []string{sesdouble.EnvelopeSNS, sesdouble.EnvelopeEventBridge, sesdouble.EnvelopeNone} {
		double, s := start(t, sesdouble.Options{Fate: func(a string) sesdouble.Fate { return fates[a] }, Events: sesdouble.EventOptions{Envelope: envelope}})
		for _, c := range []struct {
			to   string
			want []string
		}{
			{"ada@example.org", []string{"send", "delivery"}},
			{"bounced@example.org", []string{"send", "bounce for good"}},
			{"bounced@example.org", []string{"send", "bounce for good"}}, // it is suppressed now
			{"soft@example.org", []string{"send", "bounce"}},
			{"complained@example.org", []string{"send", "delivery", "complaint"}},
			{"delayed@example.org", []string{"send", "delay", "delivery"}},
			{"rejected@example.org", []string{"send", "reject"}},
			{"silent@example.org", nil},
			{"success@simulator.amazonses.com", []string{"send", "delivery"}},
			{"bounce@simulator.amazonses.com", []string{"send", "bounce for good"}},
			{"bounce+label@simulator.amazonses.com", []string{"send", "bounce for good"}},
			{"complaint@simulator.amazonses.com", []string{"send", "delivery", "complaint"}},
			{"suppressionlist@simulator.amazonses.com", []string{"send", "bounce for good"}},
		} {
			if diff := cmp.Diff(c.want, history(t, double, s, c.to)); diff != "" {
				t.Errorf("%s in envelope %q:\n%s", c.to, envelope, diff)
			}
		}
		if diff := cmp.Diff([]string{"bounced@example.org", "complained@example.org"}, double.Suppressed()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestMailWithoutAConfigurationSetHasNoEvents(t *testing.T) {
	double, _ := start(t, sesdouble.Options{})
	o := mailtest.SESOptions(double)
	o.ConfigurationSet = ""
	s, err := mail.NewSES(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if got := history(t, double, s, "ada@example.org"); got != nil {
		t.Errorf("events %v", got)
	}
}

func TestEventsComeTwiceEarlyAndOutOfOrder(t *testing.T) {
	double, s := start(t, sesdouble.Options{Events: sesdouble.EventOptions{Duplicates: 1, Disorder: 1}})
	if diff := cmp.Diff([]string{"delivery", "delivery", "send", "send"}, history(t, double, s, "ada@example.org")); diff != "" {
		t.Error(diff)
	}
	if stats := double.Stats(); stats.Published != 4 || stats.Duplicates != 2 {
		t.Errorf("%+v", stats)
	}

	double, s = start(t, sesdouble.Options{Events: sesdouble.EventOptions{Early: 1, Lead: time.Minute}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := s.Send(ctx, letter("ada@example.org"))
		done <- err
	}()
	for len(double.Sent()) == 0 || double.Waiting() == 0 {
		time.Sleep(time.Millisecond)
	}
	if events := drain(t, double); len(events) != 2 {
		t.Errorf("%v came before the answer", events)
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("the send was answered")
	}
}

func TestEventsCanBeHadWithoutAQueue(t *testing.T) {
	var got []mail.Event
	double, s := start(t, sesdouble.Options{Events: sesdouble.EventOptions{Envelope: sesdouble.EnvelopeNone, Publish: func(body []byte) {
		events, err := mail.ParseEvents(body)
		if err != nil {
			t.Error(err)
		}
		got = append(got, events...)
	}}})
	if _, err := s.Send(t.Context(), letter("ada@example.org")); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || double.Waiting() != 0 {
		t.Errorf("%v, %d waiting", got, double.Waiting())
	}
}

func TestOverTheRateIsThrottled(t *testing.T) {
	double, s := start(t, sesdouble.Options{Rate: 5})
	throttled := 0
	for range 12 {
		_, err := s.Send(t.Context(), letter("ada@example.org"))
		var e *mail.SendError
		if errors.As(err, &e) && e.Kind == mail.Throttled {
			throttled++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	stats := double.Stats()
	if throttled == 0 || stats.Throttled != throttled || stats.Messages != 12-throttled || stats.Messages < 5 || stats.Requests != 12 {
		t.Errorf("%d throttled, %+v", throttled, stats)
	}
	if stats.Peak < 5 || stats.Peak > 12 {
		t.Errorf("the peak is %d", stats.Peak)
	}
}

func TestFaultsStrikeTheirShareTheSameWayEachTime(t *testing.T) {
	outcomes := func(seed uint64) (kinds []string, stats sesdouble.Stats, kept int) {
		double, s := start(t, sesdouble.Options{Seed: seed, Faults: []sesdouble.Chance{{Share: 0.2, Fault: sesdouble.Throttle()}, {Share: 0.1, Fault: sesdouble.StoredThenReset()}}})
		for range 100 {
			kind := "sent"
			if _, err := s.Send(t.Context(), letter("ada@example.org")); err != nil {
				kind = string(mail.Outcome(err).Kind)
			}
			kinds = append(kinds, kind)
		}
		return kinds, double.Stats(), len(double.Sent())
	}
	first, stats, kept := outcomes(7)
	again, _, _ := outcomes(7)
	other, _, _ := outcomes(8)
	if !slices.Equal(first, again) || slices.Equal(first, other) {
		t.Error("the same seed gives other faults, or another seed the same")
	}
	count := map[string]int{}
	for _, kind := range first {
		count[kind]++
	}
	if count["throttled"] < 8 || count["throttled"] > 35 || count["unknown"] < 2 || count["unknown"] > 22 {
		t.Errorf("%v", count)
	}
	if stats.Faulty != 100-count["sent"] || kept != count["sent"]+count["unknown"] {
		t.Errorf("%v: %+v and %d kept", count, stats, kept)
	}
}

func TestBodiesAreKeptOrDiscarded(t *testing.T) {
	for _, discard := range []bool{false, true} {
		double, s := start(t, sesdouble.Options{Discard: discard})
		m := mailtest.Message()
		if _, err := s.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		raw, err := m.MIME()
		if err != nil {
			t.Fatal(err)
		}
		sent := double.Sent()
		if len(sent) != 1 || double.Stats().Bytes != int64(len(raw)) || sent[0].Tags["delivery"] == "" {
			t.Fatalf("sent %v", sent)
		}
		if discard != (sent[0].Raw == nil) || !discard && !bytes.Equal(sent[0].Raw, raw) {
			t.Errorf("kept %d bytes of %d", len(sent[0].Raw), len(raw))
		}
	}
}

func TestManyMailsLoseNoEvent(t *testing.T) {
	double, s := start(t, sesdouble.Options{Discard: true, Events: sesdouble.EventOptions{Lag: 5 * time.Millisecond, Duplicates: 0.1, Disorder: 0.1}, QueueFaults: []sesdouble.Chance{{Share: 0.01, Fault: sesdouble.InternalError()}}})
	const n = 400
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := worker; i < n; i += 4 {
				if _, err := s.Send(t.Context(), letter(fmt.Sprintf("reader%d@example.org", i))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	delivered := map[string]bool{}
	q := queue(t, double)
	for deadline := time.Now().Add(time.Minute); (len(delivered) < n || double.Waiting() > 0) && time.Now().Before(deadline); {
		err := q.Receive(t.Context(), func(_ context.Context, events []mail.Event) error {
			if events[0].Kind == mail.EventDelivery {
				delivered[events[0].MessageID] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(delivered) != n || double.Stats().Messages != n {
		t.Errorf("%d of %d delivered", len(delivered), double.Stats().Messages)
	}
}

func BenchmarkSend(b *testing.B) {
	_, s := start(b, sesdouble.Options{Discard: true})
	m := mailtest.Message()
	m.Attachments[0].Bytes = make([]byte, 80_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Send(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}
