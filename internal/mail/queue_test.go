package mail_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
	"daybook/internal/mail"
	"daybook/internal/mail/mailtest"
	"daybook/internal/mail/sesdouble"
)

func openQueue(t *testing.T, double *sesdouble.Server, strange func(context.Context, mail.Stray) error) *mail.Queue {
	t.Helper()
	q, err := mail.NewQueue(t.Context(), mail.QueueOptions{
		URL: double.QueueURL(), Region: sesdouble.Region, Endpoint: double.URL, AccessKey: sesdouble.AccessKey, SecretKey: sesdouble.SecretKey,
		Wait: time.Second, Strange: strange,
	})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func pushed(double *sesdouble.Server, n int) {
	for i := range n {
		double.Push(inSNS(fmt.Sprintf(`{"eventType":"Send","mail":{"messageId":"m%d","timestamp":"2026-11-20T07:00:01Z"}}`, i)))
	}
}

type collector []string

func (c *collector) take(_ context.Context, events []mail.Event) error {
	for _, e := range events {
		*c = append(*c, e.Kind+" "+e.MessageID)
	}
	return nil
}

func TestQueueIsEmptyAfterItsEventsWereHandled(t *testing.T) {
	double := mailtest.SES(t)
	q := openQueue(t, double, nil)
	pushed(double, 23)
	var got collector
	for _, want := range []int{10, 20, 23} {
		if err := q.Receive(t.Context(), got.take); err != nil {
			t.Fatal(err)
		}
		if len(got) != want || double.Waiting() != 23-want {
			t.Errorf("%d handled and %d waiting, want %d handled", len(got), double.Waiting(), want)
		}
	}
}

func TestEventThatWasNotHandledComesAgain(t *testing.T) {
	double := mailtest.SES(t)
	double.Again(0, 200*time.Millisecond)
	q := openQueue(t, double, nil)
	pushed(double, 3)
	broken := errors.New("the store is locked")
	var got collector
	err := q.Receive(t.Context(), func(ctx context.Context, events []mail.Event) error {
		if events[0].MessageID == "m1" {
			return broken
		}
		return got.take(ctx, events)
	})
	if !errors.Is(err, broken) || double.Waiting() != 1 {
		t.Fatalf("%v, %d waiting", err, double.Waiting())
	}
	if err := q.Receive(t.Context(), got.take); err != nil || double.Waiting() != 0 {
		t.Fatalf("%v, %d waiting", err, double.Waiting())
	}
	if diff := cmp.Diff(collector{"send m0", "send m2", "send m1"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestQueueTellsOfWhatItCannotReadBeforeItIsDeleted(t *testing.T) {
	double := mailtest.SES(t)
	double.Again(0, 100*time.Millisecond)
	double.Push("hello")
	double.Push(inSNS("Successfully validated SNS topic for Amazon SES event publishing."))
	pushed(double, 1)
	var got collector
	if err := openQueue(t, double, nil).Receive(t.Context(), got.take); !fault.Is(err, fault.Invalid) {
		t.Errorf("nobody was told: %v", err)
	}
	if len(got) != 1 || double.Waiting() != 1 {
		t.Fatalf("%d handled, %d waiting", len(got), double.Waiting())
	}
	var told []mail.Stray
	notYet := errors.New("the log is full")
	fails := true
	q := openQueue(t, double, func(_ context.Context, s mail.Stray) error {
		told = append(told, s)
		if fails {
			return notYet
		}
		return nil
	})
	if err := q.Receive(t.Context(), got.take); !errors.Is(err, notYet) || double.Waiting() != 1 {
		t.Fatalf("%v, %d waiting", err, double.Waiting())
	}
	fails = false
	if err := q.Receive(t.Context(), got.take); err != nil || double.Waiting() != 0 {
		t.Fatalf("%v, %d waiting", err, double.Waiting())
	}
	if len(told) != 2 || string(told[1].Body) != "hello" || told[1].ID == "" || !fault.Is(told[1].Err, fault.Invalid) {
		t.Errorf("told %+v", told)
	}
}

func TestEmptyQueueIsNoError(t *testing.T) {
	double := mailtest.SES(t)
	q := openQueue(t, double, nil)
	if err := q.Receive(t.Context(), nil); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := q.Receive(ctx, nil); err != nil {
		t.Errorf("a caller that has gone: %v", err)
	}
}

func TestLongPollEndsWithTheFirstMessage(t *testing.T) {
	double := mailtest.SES(t)
	q, err := mail.NewQueue(t.Context(), mail.QueueOptions{URL: double.QueueURL(), Region: sesdouble.Region, Endpoint: double.URL, AccessKey: sesdouble.AccessKey, SecretKey: sesdouble.SecretKey})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second) // less than the poll
	defer cancel()
	time.AfterFunc(10*time.Millisecond, func() { pushed(double, 1) })
	var got collector
	if err := q.Receive(ctx, got.take); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestWhatWasHandledIsDeletedThoughTheCallerGoes(t *testing.T) {
	double := mailtest.SES(t)
	q := openQueue(t, double, nil)
	pushed(double, 3)
	ctx, cancel := context.WithCancel(t.Context())
	if err := q.Receive(ctx, func(context.Context, []mail.Event) error { cancel(); return nil }); err != nil {
		t.Error(err)
	}
	if double.Waiting() != 2 {
		t.Errorf("%d waiting, want the two that were not handled", double.Waiting())
	}
}

func TestRepeatedAndLostAnswersLoseNoEvent(t *testing.T) {
	double := mailtest.SES(t)
	double.Again(0.5, 300*time.Millisecond)
	q := openQueue(t, double, nil)
	pushed(double, 20)
	seen := map[string]int{}
	handle := func(_ context.Context, events []mail.Event) error {
		seen[events[0].MessageID]++
		return nil
	}
	double.FailQueue(sesdouble.Fault{}, sesdouble.StoredThenReset(), sesdouble.StoredThenReset(), sesdouble.Fault{}, sesdouble.ResetBefore(), sesdouble.InternalError())
	for deadline := time.Now().Add(20 * time.Second); double.Waiting() > 0 && time.Now().Before(deadline); {
		if err := q.Receive(t.Context(), handle); err != nil && !fault.Is(err, fault.Unavailable) {
			t.Fatal(err)
		}
	}
	twice := 0
	for _, n := range seen {
		if n > 1 {
			twice++
		}
	}
	if len(seen) != 20 || twice == 0 || double.Waiting() != 0 {
		t.Errorf("%d events, %d of them twice, %d waiting", len(seen), twice, double.Waiting())
	}
}

func TestQueueSaysWhyItDoesNotAnswer(t *testing.T) {
	double := mailtest.SES(t)
	missing, err := mail.NewQueue(t.Context(), mail.QueueOptions{URL: double.QueueURL() + "2", Region: sesdouble.Region, Endpoint: double.URL, AccessKey: sesdouble.AccessKey, SecretKey: sesdouble.SecretKey})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := missing.Check(t.Context()); !fault.Is(err, fault.NotFound) || fault.Hint(err) == "" {
		t.Errorf("no queue: %v", err)
	}
	if err := missing.Receive(t.Context(), nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("no queue: %v", err)
	}
	q := openQueue(t, double, nil)
	double.FailQueue(sesdouble.Fault{Status: http.StatusForbidden, Type: "com.amazon.coral.service#AccessDeniedException", Message: "not authorized"})
	if _, err := q.Check(t.Context()); !fault.Is(err, fault.Refused) || !strings.Contains(fault.Hint(err), "sqs:GetQueueAttributes") {
		t.Errorf("no right: %v", err)
	}
	double.Close()
	if _, err := q.Check(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("away: %v", err)
	}
}

func TestCheckCountsWhatWaits(t *testing.T) {
	double := mailtest.SES(t)
	q := openQueue(t, double, nil)
	pushed(double, 12)
	var states []mail.QueueState
	check := func() {
		t.Helper()
		s, err := q.Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, s)
	}
	check()
	if err := q.Receive(t.Context(), func(context.Context, []mail.Event) error { check(); return nil }); err != nil {
		t.Fatal(err)
	}
	check()
	base := mail.QueueState{Visibility: 30 * time.Second, Retention: 96 * time.Hour}
	state := func(waiting, flying int) mail.QueueState {
		s := base
		s.Waiting, s.InFlight = waiting, flying
		return s
	}
	want := slices.Concat([]mail.QueueState{state(12, 0)}, slices.Repeat([]mail.QueueState{state(2, 10)}, 10), []mail.QueueState{state(2, 0)})
	if diff := cmp.Diff(want, states); diff != "" {
		t.Error(diff)
	}
}

func TestQueueNeedsAURLAndARegion(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	for _, o := range []mail.QueueOptions{
		{}, {URL: "daybook"}, {URL: "ftp://example.com/q"}, {URL: "https://example.com/1/q"}, {URL: "https://sqs.eu-west-1.amazonaws.com/1/q", AccessKey: "AKIDEXAMPLE"},
	} {
		if _, err := mail.NewQueue(t.Context(), o); !fault.Is(err, fault.Invalid) || fault.Hint(err) == "" {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := mail.NewQueue(t.Context(), mail.QueueOptions{URL: "https://sqs.eu-west-1.amazonaws.com/123456789012/daybook"}); err != nil {
		t.Errorf("the region is in the URL: %v", err)
	}
}
