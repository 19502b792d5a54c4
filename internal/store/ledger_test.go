package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/internal/fault"
	"daybook/internal/store"
)

// dice are the choices of a history: random ones, or those that a fuzzer writes.
type dice interface{ IntN(n int) int }

// tape is a fuzzer's dice; at its end everything is 0.
type tape []byte

func (t *tape) IntN(n int) int {
	if len(*t) == 0 {
		return 0
	}
	b := (*t)[0]
	*t = (*t)[1:]
	return int(b) % n
}

// lives are what can become of a message that the mail service accepted, and the state that is right in the end.
var lives = []struct {
	events []store.MailEvent
	end    string
}{
	{[]store.MailEvent{{Kind: store.MailSend}}, store.DeliveryAccepted},
	{[]store.MailEvent{{Kind: store.MailSend}, {Kind: store.MailDelivery}}, store.DeliveryDelivered},
	{[]store.MailEvent{{Kind: store.MailSend}, {Kind: store.MailDelay}, {Kind: store.MailDelay}, {Kind: store.MailDelivery}}, store.DeliveryDelivered},
	{[]store.MailEvent{{Kind: store.MailSend}, {Kind: store.MailDelay}}, store.DeliveryDelayed},
	{[]store.MailEvent{{Kind: store.MailSend}, {Kind: store.MailDelay}, {Kind: store.MailBounce}}, store.DeliveryBounced},
	{[]store.MailEvent{{Kind: store.MailSend}, {Kind: store.MailBounce, Permanent: true}}, store.DeliveryBounced},
	{[]store.MailEvent{{Kind: store.MailSend}, {Kind: store.MailDelivery}, {Kind: store.MailBounce, Permanent: true}}, store.DeliveryBounced},
	{[]store.MailEvent{{Kind: store.MailSend}, {Kind: store.MailDelivery}, {Kind: store.MailBounce}}, store.DeliveryDelivered}, // out of office
	{[]store.MailEvent{{Kind: store.MailSend}, {Kind: store.MailDelivery}, {Kind: store.MailComplaint}}, store.DeliveryComplained},
	{[]store.MailEvent{{Kind: store.MailSend}, {Kind: store.MailReject}}, store.DeliveryRejected},
}

// mailing is one edition on its way to some people, with a mail service that remembers what it accepted. Its actors may
// stop between any two steps.
type mailing struct {
	store   *store.Store
	edition string
	people  []store.Person

	mu       sync.Mutex
	epoch    int64
	messages map[string][]message // accepted, by delivery
	tick     int
	denied   map[string][]span // when a person said of an unknown delivery that it did not arrive
	vouched  map[string]bool   // a person said that it did
	events   []store.MailEvent
}

type message struct {
	id, end   string
	claimed   int  // the tick at which its sender took the delivery
	traceable bool // by a tag, or by the message id that its sender recorded
}

// span is from before a call until after it.
type span struct{ from, to int }

func (m *mailing) now() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tick++
	return m.tick
}

func newMailing(t *testing.T, s *store.Store, people []store.Person, report string) *mailing {
	t.Helper()
	m := &mailing{store: s, edition: addEdition(t, s, report, monday, "h1").ID, people: people,
		messages: map[string][]message{}, denied: map[string][]span{}, vouched: map[string]bool{}}
	must(s.PlanDeliveries(t.Context(), m.edition, store.CauseRelease, m.recipients(), noon))(t)
	m.epoch, _ = begin(t, s, noon)
	return m
}

// recipients are everybody; the last one is refused.
func (m *mailing) recipients() []store.Recipient {
	list := to(m.people...)
	list[len(list)-1].Refused = "the address is suppressed"
	return list
}

// accept is the mail service taking a message; what it will say of it lies in events.
func (m *mailing) accept(d store.Delivery, claimed int, chance dice) (messageID string) {
	id := fmt.Sprintf("m%d-%s", m.now(), d.Edition)
	m.mu.Lock()
	defer m.mu.Unlock()
	life, tagged := lives[chance.IntN(len(lives))], chance.IntN(4) > 0
	for i, e := range life.events {
		e.MessageID, e.Address, e.At, e.Received = id, d.Address, noon.Add(time.Duration(i)*time.Second), noon.Add(time.Minute)
		if tagged {
			e.Delivery = d.ID
		}
		m.events = append(m.events, e)
	}
	m.messages[d.ID] = append(m.messages[d.ID], message{id, life.end, claimed, tagged})
	return id
}

// event is one that was not delivered yet, or comes a second time; ok is false when there is none.
func (m *mailing) event(chance dice) (e store.MailEvent, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.events) == 0 {
		return e, false
	}
	i := chance.IntN(len(m.events))
	e = m.events[i]
	if chance.IntN(4) > 0 {
		m.events = slices.Delete(m.events, i, i+1)
	}
	return e, true
}

// actor is a sender with at most one delivery in hand; it also does what people and the mail service do in between.
type actor struct {
	*mailing
	epoch   int64
	hand    *store.Delivery // read or claimed
	claimed int             // when, 0 before
	outcome *store.Delivery // what the mail service answered, not recorded yet
}

// step does one thing. Whatever happened since the last step, it goes on with what it knew.
func (a *actor) step(ctx context.Context, chance dice) error {
	switch chance.IntN(8) {
	case 0:
		return a.post(ctx, chance)
	case 1:
		return a.decide(ctx, chance)
	case 2:
		return a.resend(ctx, chance)
	case 3:
		if _, err := a.store.PlanDeliveries(ctx, a.edition, store.CauseRelease, a.recipients(), noon); err != nil {
			return err
		}
	}
	return a.send(ctx, chance)
}

func (a *actor) send(ctx context.Context, chance dice) error {
	switch {
	case a.hand == nil:
		pending, err := a.store.PendingDeliveries(ctx, a.edition)
		if err != nil || len(pending) == 0 {
			return err
		}
		a.hand = &pending[chance.IntN(len(pending))]
	case a.claimed == 0:
		now := a.now()
		d := *a.hand
		d.State, d.Epoch, d.Attempt, d.Updated = store.DeliverySending, a.epoch, d.Attempt+1, noon.Add(time.Second)
		won, err := a.store.SetDelivery(ctx, d, store.DeliveryPlanned)
		if err != nil {
			return err
		}
		a.hand, a.claimed = nil, 0
		if won {
			a.hand, a.claimed = &d, now
		}
	case a.outcome == nil:
		d := a.answer(*a.hand, chance)
		a.outcome = &d
	default:
		d := *a.outcome
		if _, err := a.store.SettleDelivery(ctx, d); err != nil {
			return err
		}
		if d.MessageID != "" {
			a.mu.Lock()
			i := slices.IndexFunc(a.messages[d.ID], func(s message) bool { return s.id == d.MessageID })
			a.messages[d.ID][i].traceable = true
			a.mu.Unlock()
		}
		a.hand, a.claimed, a.outcome = nil, 0, nil
	}
	return nil
}

// answer is what the mail service, or the way to it, made of a send.
func (a *actor) answer(d store.Delivery, chance dice) store.Delivery {
	d.Updated = noon.Add(2 * time.Second)
	switch chance.IntN(8) {
	case 0: // throttled
		d.State, d.Error = store.DeliveryPlanned, "slow down"
	case 1:
		d.State, d.Error = store.DeliveryFailed, "bad request"
	case 2:
		d.State, d.Error = store.DeliveryRejected, "not accepted"
	case 3: // the request was lost
		d.State, d.Error = store.DeliveryUnknown, "no answer"
	case 4: // the answer was lost
		a.accept(d, a.claimed, chance)
		d.State, d.Error = store.DeliveryUnknown, "no answer"
	default:
		d.State, d.MessageID, d.Sent, d.Error = store.DeliveryAccepted, a.accept(d, a.claimed, chance), d.Updated, ""
	}
	return d
}

func (a *actor) post(ctx context.Context, chance dice) error {
	e, ok := a.event(chance)
	if !ok {
		return nil
	}
	_, _, err := a.store.RecordMailEvent(ctx, e)
	return err
}

func (a *actor) decide(ctx context.Context, chance dice) error {
	all, err := a.store.Deliveries(ctx, a.edition)
	if err != nil {
		return err
	}
	d := all[chance.IntN(len(all))]
	arrived := chance.IntN(3) == 0
	from := a.now()
	switch err := a.store.DecideDelivery(ctx, d.ID, arrived, "somebody looked", noon); {
	case fault.Is(err, fault.Refused):
		return nil
	case err != nil:
		return err
	}
	to := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if arrived {
		a.vouched[d.ID] = true
	} else {
		a.denied[d.ID] = append(a.denied[d.ID], span{from, to})
	}
	return nil
}

func (a *actor) resend(ctx context.Context, chance dice) error {
	all, err := a.store.Deliveries(ctx, a.edition)
	if err != nil {
		return err
	}
	var ids []string // nil: all of them
	if chance.IntN(2) == 0 {
		ids = []string{all[chance.IntN(len(all))].ID}
	}
	_, err = a.store.Resend(ctx, a.edition, ids, noon)
	return err
}

// end lets everything be known that can be, and says what is wrong then.
func (m *mailing) end(t *testing.T) {
	t.Helper()
	for _, e := range m.events {
		_, _, err := m.store.RecordMailEvent(t.Context(), e)
		check(t, err)
	}
	begin(t, m.store, noon.Add(time.Hour))
	rows := must(m.store.Deliveries(t.Context(), m.edition))(t)
	if len(rows) != len(m.people) {
		t.Fatalf("%d rows for %d people", len(rows), len(m.people))
	}
	seen := map[string]bool{}
	for _, d := range rows {
		if seen[d.Person] {
			t.Errorf("two rows for %s", d.Address)
		}
		seen[d.Person] = true
		if complaint := m.judge(d); complaint != "" {
			t.Errorf("%s is %s: %s (messages %v, denied at %v)", d.Address, d.State, complaint, m.messages[d.ID], m.denied[d.ID])
		}
	}
}

// judge compares a row with what the mail service knows.
func (m *mailing) judge(d store.Delivery) string {
	var live []message // that the mail service took, and did not reject afterwards
	for _, s := range m.messages[d.ID] {
		if s.end != store.DeliveryRejected {
			live = append(live, s)
		}
	}
	slices.SortFunc(live, func(a, b message) int { return a.claimed - b.claimed })
	for i := range len(live) - 1 {
		excused := slices.ContainsFunc(m.denied[d.ID], func(s span) bool { return s.to > live[i].claimed && s.from < live[i+1].claimed })
		if !excused {
			return "sent twice, and nobody said that it did not arrive"
		}
	}
	told := len(m.denied[d.ID]) > 0 || m.vouched[d.ID]
	switch {
	case d.State == store.DeliverySending:
		return "nobody sends it"
	case len(live) == 1 && live[0].traceable && !told && d.State != live[0].end:
		return "not what its message came to"
	case len(m.messages[d.ID]) == 0 && !told && !slices.Contains(unsent, d.State):
		return "no message of it was accepted"
	}
	return ""
}

// unsent are the states of a delivery that the mail service did not accept.
var unsent = []string{store.DeliveryPlanned, store.DeliveryFailed, store.DeliveryRejected, store.DeliveryUnknown}

// edges are the ways from a state to the next; rows may only move along them.
var edges = map[string][]string{
	store.DeliveryPlanned: {store.DeliverySending, store.DeliveryAccepted, store.DeliveryDelayed, store.DeliveryRejected, store.DeliveryBounced,
		store.DeliveryDelivered, store.DeliveryComplained},
	store.DeliverySending: {store.DeliveryPlanned, store.DeliveryAccepted, store.DeliveryDelayed, store.DeliveryRejected, store.DeliveryBounced,
		store.DeliveryDelivered, store.DeliveryComplained, store.DeliveryFailed, store.DeliveryUnknown},
	store.DeliveryUnknown: {store.DeliveryAccepted, store.DeliveryDelayed, store.DeliveryRejected, store.DeliveryBounced, store.DeliveryDelivered,
		store.DeliveryComplained, store.DeliveryFailed},
	store.DeliveryFailed: {store.DeliveryPlanned, store.DeliveryAccepted, store.DeliveryDelayed, store.DeliveryRejected, store.DeliveryBounced,
		store.DeliveryDelivered, store.DeliveryComplained},
	store.DeliveryRejected:  {store.DeliveryPlanned, store.DeliveryBounced, store.DeliveryDelivered, store.DeliveryComplained},
	store.DeliveryAccepted:  {store.DeliveryDelayed, store.DeliveryRejected, store.DeliveryBounced, store.DeliveryDelivered, store.DeliveryComplained},
	store.DeliveryDelayed:   {store.DeliveryRejected, store.DeliveryBounced, store.DeliveryDelivered, store.DeliveryComplained},
	store.DeliveryBounced:   {store.DeliveryDelivered, store.DeliveryComplained},
	store.DeliveryDelivered: {store.DeliveryBounced, store.DeliveryComplained},
}

// interleave runs a history of steps by three actors in one order, and looks at every row after every step.
func (m *mailing) interleave(t *testing.T, chance dice, steps int) {
	t.Helper()
	actors := []*actor{{mailing: m, epoch: m.epoch}, {mailing: m, epoch: m.epoch}, {mailing: m, epoch: m.epoch}}
	states := map[string]string{}
	for range steps {
		i := chance.IntN(len(actors) + 1)
		if i == len(actors) {
			i = m.crash(t, actors, chance)
		}
		check(t, actors[i].step(t.Context(), chance))
		for _, d := range must(m.store.Deliveries(t.Context(), m.edition))(t) {
			was, ok := states[d.ID]
			if ok && was != d.State && !slices.Contains(edges[was], d.State) {
				t.Fatalf("a delivery went from %s to %s", was, d.State)
			}
			states[d.ID] = d.State
		}
	}
	m.end(t)
}

// crash begins an epoch now and then. The actors of the old one die, or go on for a while without knowing that they did.
func (m *mailing) crash(t *testing.T, actors []*actor, chance dice) (next int) {
	t.Helper()
	if chance.IntN(3) > 0 {
		return 0
	}
	m.epoch, _ = begin(t, m.store, noon.Add(time.Minute))
	for i, a := range actors {
		if a.hand == nil || chance.IntN(3) > 0 {
			actors[i] = &actor{mailing: m, epoch: m.epoch}
		}
	}
	return chance.IntN(len(actors))
}

func crowd(t *testing.T, s *store.Store, n int) []store.Person {
	t.Helper()
	people := make([]*store.Person, n)
	for i := range people {
		people[i] = &store.Person{Address: fmt.Sprintf("p%03d@example.com", i), Locale: "ko", Created: noon}
	}
	check(t, s.SavePeople(t.Context(), people))
	list := make([]store.Person, n)
	for i, p := range people {
		list[i] = *p
	}
	return list
}

func TestNobodyGetsAnEditionTwiceInAnyHistory(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		histories, people := 60, crowd(t, s, 4)
		if strings.Contains(t.Name(), "postgres") {
			histories = 15
		}
		for seed := range histories {
			m := newMailing(t, s, people, "daily"+strconv.Itoa(seed))
			m.interleave(t, rand.New(rand.NewPCG(uint64(seed), 3)), 120)
			if t.Failed() {
				t.Fatalf("history %d", seed)
			}
		}
	})
}

func TestNobodyGetsAnEditionTwiceFromSendersAtOnce(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		const senders, steps = 6, 120
		people := crowd(t, s, 5)
		for round := range 2 {
			m := newMailing(t, s, people, "daily"+strconv.Itoa(round))
			errs := make(chan error, senders)
			for i := range senders {
				go func() { errs <- m.act(context.Background(), rand.New(rand.NewPCG(uint64(round), uint64(i))), steps) }()
			}
			for range senders {
				check(t, <-errs)
			}
			m.end(t)
		}
	})
}

// act is an actor that now and then starts again in a new epoch, while the others go on in the old one.
func (m *mailing) act(ctx context.Context, chance dice, steps int) error {
	a := &actor{mailing: m, epoch: m.epoch}
	for range steps {
		if chance.IntN(40) == 0 {
			epoch, _, err := m.store.BeginEpoch(ctx, noon.Add(time.Minute))
			if err != nil {
				return err
			}
			a = &actor{mailing: m, epoch: epoch}
		}
		if err := a.step(ctx, chance); err != nil {
			return err
		}
	}
	return nil
}

func FuzzLedger(f *testing.F) {
	s, err := store.Open(f.Context(), "sqlite:"+filepath.Join(f.TempDir(), "app.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Add([]byte{0, 4, 0, 0, 4, 0, 4, 5, 1, 2, 0, 4})
	histories := 0
	f.Fuzz(func(t *testing.T, choices []byte) {
		histories++
		m := newMailing(t, s, crowd(t, s, 3), "daily"+strconv.Itoa(histories))
		history := tape(choices)
		m.interleave(t, &history, min(len(choices)/2, 100))
	})
}
