package jobs

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daybook/internal/mail"
	"daybook/internal/mail/mailtest"
	"daybook/internal/mail/sesdouble"
	"daybook/internal/still"
	"daybook/internal/store"
)

// sunday is a day whose edition weekly readers get too, as it is released on Monday.
var sunday = monday.Add(-1)

// crowd is a report with a picture for many people at an account with a rate, whose events are listened to.
type crowd struct {
	*house
	mailer *Mailer
	server *sesdouble.Server
	people []store.Person
	drawn  atomic.Int64
	pace   struct { // of the sends
		sync.Mutex
		first, last time.Time
	}
}

// gather opens a house for n people: every third reads Korean, every seventh gets the weekly mail.
func gather(t *testing.T, n int, o sesdouble.Options) *crowd {
	t.Helper()
	server, err := sesdouble.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	c := &crowd{house: open(t, charted("[]")), server: server}
	c.run(store.StateDone, Request{Day: sunday})
	people := make([]*store.Person, n)
	for i := range people {
		people[i] = &store.Person{Address: fmt.Sprintf("reader%05d@example.com", i), Name: fmt.Sprintf("Reader %d", i), Groups: []string{"staff"}}
		if i%3 == 0 {
			people[i].Locale = "ko"
		}
	}
	if err := c.Store.SavePeople(t.Context(), people); err != nil {
		t.Fatal(err)
	}
	for i, p := range people {
		c.people = append(c.people, *p)
		if i%7 == 0 {
			if err := c.Store.SetSubscription(t.Context(), store.Subscription{Person: p.ID, Report: "usage", Cadence: store.CadenceWeekly, At: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
	}
	sender, err := mail.NewSES(t.Context(), mailtest.SESOptions(server))
	if err != nil {
		t.Fatal(err)
	}
	c.mailer = c.house.mailer(sender)
	c.mailer.Draw = func(context.Context, []byte, int, int) (still.Picture, error) {
		c.drawn.Add(1)
		return drawn, nil
	}
	c.Failpoint = func(name string) {
		if name != "sending" && name != "sent" {
			return
		}
		c.pace.Lock()
		defer c.pace.Unlock()
		if c.pace.last = time.Now(); c.pace.first.IsZero() {
			c.pace.first = c.pace.last
		}
	}
	return c
}

// listen records the double's events until the test ends.
func (c *crowd) listen(t *testing.T) {
	t.Helper()
	queue, err := mail.NewQueue(t.Context(), mail.QueueOptions{URL: c.server.QueueURL(), Region: sesdouble.Region, Endpoint: c.server.URL,
		AccessKey: sesdouble.AccessKey, SecretKey: sesdouble.SecretKey, Wait: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { c.mailer.Listen(ctx, queue) })
	t.Cleanup(func() { cancel(); wg.Wait() })
}

// heard waits until every event was taken out of the queue.
func (c *crowd) heard(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); c.server.Waiting() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d events wait", c.server.Waiting())
		}
	}
}

// everybody is mailed; who was throttled at every try waits for the next call.
func (c *crowd) everybody(t *testing.T) Delivered {
	t.Helper()
	for try := 1; ; try++ {
		out, err := c.mailer.Deliver(t.Context(), "usage", sunday)
		if out.Waiting == 0 || try == 4 {
			return out
		}
		t.Logf("%d wait: %v", out.Waiting, err)
	}
}

// deliveries are those of sunday's edition by address.
func (c *crowd) deliveries(t *testing.T) map[string]store.Delivery {
	t.Helper()
	e, err := c.Store.Edition(t.Context(), "usage", sunday, 0)
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.Store.Deliveries(t.Context(), e.ID)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]store.Delivery{}
	for _, d := range list {
		if _, twice := out[d.Address]; twice {
			t.Errorf("%s has two deliveries", d.Address)
		}
		out[d.Address] = d
	}
	return out
}

// agrees compares the ledger with what the double took over, row by row; fate is what became of a message that it has.
func (c *crowd) agrees(t *testing.T, fate func(string) sesdouble.Fate) map[string]int {
	t.Helper()
	took := map[string]sesdouble.Sent{}
	for _, m := range c.server.Sent() {
		if _, twice := took[m.To[0]]; twice {
			t.Errorf("%s got two messages", m.To[0])
		}
		took[m.To[0]] = m
	}
	ledger, states := c.deliveries(t), map[string]int{}
	if len(ledger) != len(c.people) {
		t.Errorf("%d rows for %d people", len(ledger), len(c.people))
	}
	for i, p := range c.people {
		d, m := ledger[p.Address], took[p.Address]
		states[d.State]++
		want := []string{store.DeliveryDelivered}
		switch {
		case m.MessageID == "": // it never got there, or nobody knows
			want = []string{store.DeliveryRejected, store.DeliveryUnknown}
		case fate(p.Address) == sesdouble.Bounced:
			want = []string{store.DeliveryBounced}
		}
		if !slices.Contains(want, d.State) || m.MessageID != "" && (d.MessageID != m.MessageID || m.Tags["delivery"] != d.ID) {
			t.Errorf("%s is %s by message %q (%s); the double has %q of delivery %q", p.Address, d.State, d.MessageID, d.Error, m.MessageID, m.Tags["delivery"])
		}
		variant := store.VariantDaily
		if i%7 == 0 {
			variant = store.VariantWeekly
		}
		if d.Variant != variant || d.Locale != p.Locale {
			t.Errorf("%s gets the %s mail in %q", p.Address, d.Variant, d.Locale)
		}
	}
	return states
}

// bouncing fates a share of the addresses to bounce, always the same ones.
func bouncing(percent uint32) func(string) sesdouble.Fate {
	return func(address string) sesdouble.Fate {
		h := fnv.New32a()
		h.Write([]byte(address))
		if h.Sum32()%100 < percent {
			return sesdouble.Bounced
		}
		return sesdouble.Delivered
	}
}

func TestEverybodyGetsOneMessageUnderTheRateThroughFaultsAndTheLedgerIsRight(t *testing.T) {
	fate := bouncing(3)
	c := gather(t, 300, sesdouble.Options{
		Rate: 100, Discard: true, Fate: fate, Seed: 3,
		Faults: []sesdouble.Chance{{Share: 0.05, Fault: sesdouble.Throttle()}, {Share: 0.02, Fault: sesdouble.StoredThenReset()},
			{Share: 0.01, Fault: sesdouble.BrokenAnswer()}, {Share: 0.02, Fault: sesdouble.ResetBefore()}, {Share: 0.01, Fault: sesdouble.MessageRejected()}},
		Events: sesdouble.EventOptions{Duplicates: 0.1, Disorder: 0.1, Early: 0.1},
	})
	c.listen(t)
	if out := c.everybody(t); out.Planned != 300 || out.Waiting != 0 {
		t.Fatalf("delivered %+v", out)
	}
	c.heard(t)
	states := c.agrees(t, fate)
	stats := c.server.Stats()
	if stats.Throttled > 0 {
		t.Errorf("%d requests were over the rate, at most %d in a second", stats.Throttled, stats.Peak)
	}
	for _, state := range []string{store.DeliveryDelivered, store.DeliveryBounced, store.DeliveryRejected, store.DeliveryUnknown} {
		if states[state] == 0 {
			t.Errorf("nobody is %s: %v", state, states)
		}
	}
	if n := c.drawn.Load(); n != 2 {
		t.Errorf("the picture was drawn %d times for two languages", n)
	}
}

// The whole promise takes about a minute: make prove-mail.
func TestTenThousandPeopleAreMailedUnderTheRateAndTheRateIsUsed(t *testing.T) {
	if os.Getenv("DAYBOOK_PROVE") == "" {
		t.Skip("a minute; make prove-mail")
	}
	const people, rate = 10_000, 200
	fate := bouncing(1)
	c := gather(t, people, sesdouble.Options{Rate: rate, Discard: true, Fate: fate, Seed: 5, Faults: []sesdouble.Chance{{Share: 0.05, Fault: sesdouble.Throttle()}}})
	c.listen(t)
	out := c.everybody(t)
	if out.Planned != people || out.Waiting != 0 {
		t.Fatalf("delivered %+v", out)
	}
	stats := c.server.Stats()
	took := c.pace.last.Sub(c.pace.first).Seconds()
	used := float64(stats.Requests) / (rate * took)
	c.heard(t)
	states := c.agrees(t, fate)
	t.Logf("%d requests in %.1f s use %.1f%% of the rate, at most %d in any second; %d faulty, %d over the rate; %d events; %v",
		stats.Requests, took, 100*used, stats.Peak, stats.Faulty, stats.Throttled, c.server.Stats().Published, states)
	if stats.Throttled > 0 || stats.Peak > rate {
		t.Errorf("%d requests were over the rate, at most %d in a second", stats.Throttled, stats.Peak)
	}
	if used < 0.95 {
		t.Errorf("%.1f%% of the rate were used", 100*used)
	}
	if n := c.drawn.Load(); n != 2 {
		t.Errorf("the picture was drawn %d times for two languages", n)
	}
	if log := c.log.String(); strings.Contains(log, "level=ERROR") {
		t.Error(log)
	}
}
