package jobs

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daybook/internal/mail"
	"daybook/internal/mail/mailtest"
	"daybook/internal/mail/sesdouble"
	"daybook/internal/project"
	"daybook/internal/report"
	"daybook/internal/store"
)

// storm is a report's day to which everything happens that can happen to a mail, in an order that the dice decide.
type storm struct {
	*house
	seed   uint64
	dice   *rand.Rand
	server *sesdouble.Server
	serial bool     // one message after the other; others may be on their way when something happens
	log    []string // what happened, for whoever reads a failure

	mailer  atomic.Pointer[Mailer]
	dead    atomic.Bool    // the process ended at a failpoint
	until   atomic.Int64   // failpoints before that
	between atomic.Value   // func(): done once in the middle of a delivery
	begun   sync.WaitGroup // calls of the mailer that are under way

	mu     sync.Mutex
	news   [][]mail.Event // what SES says, not told yet
	told   [][]mail.Event
	early  int             // of ten events, so many come before the answer
	denied map[string]bool // deliveries of which a person said that they did not arrive
	moved  int
}

// template is a shop whose report of monday is built, to be copied.
func template(t *testing.T) string {
	t.Helper()
	h := open(t, timed().with(files{"daybook.yaml": "name: shop\ntimezone: Asia/Seoul\nattempts: 1\nwarehouse: {memory: 64MB, threads: 1}\ngroups:\n  staff: []\n"}))
	h.run(store.StateDone, Request{})
	h.close()
	return h.dir
}

func newStorm(t *testing.T, dir string, seed uint64) *storm {
	t.Helper()
	s := &storm{house: &house{t: t, dir: t.TempDir(), env: map[string]string{}}, seed: seed, dice: rand.New(rand.NewPCG(seed, 7)), denied: map[string]bool{}}
	if err := os.CopyFS(s.dir, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	s.early = s.dice.IntN(4)
	pace := []float64{0, 0, 300}[s.dice.IntN(3)]
	s.serial = pace == 0
	server, err := sesdouble.Start(sesdouble.Options{
		Rate: pace, Discard: true, Seed: seed, Fate: fates, Faults: faults,
		Events: sesdouble.EventOptions{Envelope: sesdouble.EnvelopeNone, Publish: s.publish},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.server = server
	t.Cleanup(func() { server.Close() })
	s.rise()
	for i := range 3 + s.dice.IntN(5) {
		s.join(i)
	}
	return s
}

var faults = []sesdouble.Chance{
	{Share: 0.08, Fault: sesdouble.Throttle()}, {Share: 0.06, Fault: sesdouble.StoredThenReset()}, {Share: 0.05, Fault: sesdouble.BrokenAnswer()},
	{Share: 0.05, Fault: sesdouble.ResetBefore()}, {Share: 0.05, Fault: sesdouble.MessageRejected()}, {Share: 0.04, Fault: sesdouble.BadRequest()},
	{Share: 0.03, Fault: sesdouble.DailyQuota()}, {Share: 0.03, Fault: sesdouble.InternalError()}, {Share: 0.02, Fault: sesdouble.SendingPaused()},
}

// fates differ by the person's number.
func fates(address string) sesdouble.Fate {
	return map[byte]sesdouble.Fate{'2': sesdouble.Bounced, '3': sesdouble.Delayed, '4': sesdouble.SoftBounce, '5': sesdouble.Complained, '6': sesdouble.Silence}[address[len("reader")]]
}

// rise opens the house as a process does when it starts.
func (s *storm) rise() {
	s.t.Helper()
	s.begun.Wait()
	s.dead.Store(false)
	s.until.Store(-1)
	s.reopen(func(r *Runner) { r.Failpoint = s.pass })
	sender, err := mail.NewSES(context.Background(), mailtest.SESOptions(s.server))
	if err != nil {
		s.t.Fatal(err)
	}
	m := s.house.mailer(sender)
	s.mailer.Store(m)
	if err := m.Runner.Store.SetCursor(context.Background(), "storm", "1"); err != nil {
		s.t.Fatal(err)
	}
}

// pass ends the process at one failpoint: nothing of it goes on after that.
func (s *storm) pass(name string) {
	if name != "deliveries planned" && name != "printed" && name != "sending" && name != "sent" && name != "settled" {
		return
	}
	if s.dead.Load() {
		runtime.Goexit()
	}
	if s.until.Load() >= 0 && s.until.Add(-1) < 0 {
		s.dead.Store(true)
		s.Runner.end(errClosed)
		runtime.Goexit()
	}
	if name == "settled" {
		if f, _ := s.between.Swap(func() {}).(func()); f != nil {
			f()
		}
	}
}

// publish takes an event of the double; some are told before the send is answered.
func (s *storm) publish(body []byte) {
	events, err := mail.ParseEvents(body)
	if err != nil {
		s.t.Error(err)
		return
	}
	s.mu.Lock()
	s.news = append(s.news, events)
	early := len(s.news)%10 < s.early && !s.dead.Load()
	s.mu.Unlock()
	if early {
		_ = s.mailer.Load().Events(context.Background(), events) // an event that cannot be recorded comes again
	}
}

func (s *storm) join(i int) {
	p := store.Person{Address: fmt.Sprintf("reader%d-%d@example.com", i%8, i), Name: fmt.Sprint("Reader ", i), Groups: []string{"staff"}, Locale: []string{"", "ko"}[i%2]}
	s.must(s.Store.SavePerson(context.Background(), &p))
}

func (s *storm) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("seed %d: %v\n%s", s.seed, err, s.story())
	}
}

// rowsOf is the ledger of one address, newest edition first.
func (s *storm) rowsOf(address string) (out string) {
	for _, d := range s.rows() {
		if d.Address == address {
			out += fmt.Sprintf(" %s %s (%s);", d.Cause, d.State, d.Error)
		}
	}
	return out
}

func (s *storm) story() string { return fmt.Sprintf("%q", s.log) }

func (s *storm) everybody() []store.Person {
	s.t.Helper()
	list, err := s.Store.People(context.Background())
	s.must(err)
	return list
}

// deaf are the people who must not get anything now, with the reason.
func (s *storm) deaf() map[string]string {
	s.t.Helper()
	ctx, out := context.Background(), map[string]string{}
	suppressed, err := s.Store.Suppressions(ctx)
	s.must(err)
	for _, p := range suppressed {
		out[p.Address] = "suppressed"
	}
	cadence, err := s.Store.Subscriptions(ctx, "usage")
	s.must(err)
	for _, p := range s.everybody() {
		if p.Disabled {
			out[p.Address] = "disabled"
		} else if cadence[p.ID] == store.CadenceOff {
			out[p.Address] = "unsubscribed"
		}
	}
	return out
}

// quiet does something in which nobody gets mail who was not to get any before it, and was not let in again meanwhile.
func (s *storm) quiet(what string, do func()) {
	s.t.Helper()
	deaf, sent := s.deaf(), len(s.server.Sent())
	s.log = append(s.log, what)
	do()
	still := s.deaf()
	for _, m := range s.server.Sent()[sent:] {
		if why := deaf[m.To[0]]; why != "" && still[m.To[0]] != "" {
			s.t.Errorf("seed %d: %s got mail by %s and is %s\n%s", s.seed, m.To[0], what, why, s.story())
		}
	}
}

// call runs a call of the mailer, which may end with the process.
func (s *storm) call(do func(m *Mailer)) {
	m := s.mailer.Load()
	s.begun.Go(func() { do(m) })
}

// calls does several at once, and starts the next process if this one ended.
func (s *storm) calls(what string, do ...func(m *Mailer)) {
	s.t.Helper()
	if s.dice.IntN(4) == 0 {
		s.until.Store(int64(s.dice.IntN(14)))
		what += " and the process ends"
	}
	s.quiet(what, func() {
		for _, f := range do {
			s.call(f)
		}
		s.begun.Wait()
	})
	if s.until.Store(-1); s.dead.Load() {
		s.rise()
	}
}

func (s *storm) deliver(m *Mailer) { _, _ = m.Deliver(context.Background(), "usage", monday) }
func (s *storm) follow(m *Mailer) {
	_ = m.Follow(context.Background())
}

func (s *storm) letOut(m *Mailer) { _, _ = m.Release(context.Background(), "usage", monday, "", "ada") }

// rerun makes another edition: the headline moved, or something that is no headline.
func (s *storm) rerun() {
	ctx := context.Background()
	f, _, err := s.Figures(ctx, "usage", monday, 0)
	s.must(err)
	s.moved++
	for i, section := range f.Sections {
		if section.KPI != nil && section.KPI.Value != nil && s.dice.IntN(4) > 0 {
			kpi, v := *section.KPI, *section.KPI.Value+float64(s.moved)
			kpi.Value = &v
			f.Sections[i].KPI = &kpi
		}
	}
	f.Title = project.Words{"en": fmt.Sprint("Usage ", s.moved)}
	kind := []string{store.EditionFull, store.EditionFull, store.EditionPartial}[s.dice.IntN(3)]
	if kind == store.EditionPartial {
		f.Missing = []report.Missing{{Node: "orders", State: store.StateFailed, Since: time.Now()}}
	} else {
		f.Missing = nil
	}
	_, err = s.keep(ctx, s.Graph.nodes["usage"], f, kind, "")
	s.must(err)
}

// deliveries of every edition.
func (s *storm) rows() []store.Delivery {
	s.t.Helper()
	ctx := context.Background()
	editions, err := s.Store.Editions(ctx, "usage", monday)
	s.must(err)
	var all []store.Delivery
	for _, e := range editions {
		list, err := s.Store.Deliveries(ctx, e.ID)
		s.must(err)
		all = append(all, list...)
	}
	return all
}

// settle decides about one that is unknown; a person may be wrong.
func (s *storm) settle() {
	for _, d := range s.rows() {
		if d.State != store.DeliveryUnknown {
			continue
		}
		arrived := slices.ContainsFunc(s.server.Sent(), func(m sesdouble.Sent) bool { return m.Tags["delivery"] == d.ID })
		if s.dice.IntN(5) == 0 {
			arrived = !arrived
		}
		if !arrived {
			s.denied[d.ID] = true
		}
		s.must(s.mailer.Load().Settle(context.Background(), d.ID, arrived, "asked", "ada"))
		return
	}
}

func (s *storm) resend() {
	rows := s.rows()
	if len(rows) == 0 {
		return
	}
	edition := rows[s.dice.IntN(len(rows))].Edition
	var ids []string
	if s.dice.IntN(2) == 0 {
		for _, d := range rows {
			if d.Edition == edition && s.dice.IntN(2) == 0 {
				ids = append(ids, d.ID)
			}
		}
		if len(ids) == 0 {
			return
		}
	}
	s.calls("resend", func(m *Mailer) { _, _ = m.Resend(context.Background(), edition, ids, "ada") })
}

// tell gives the mailer some of what SES says: late, in any order, some of it twice.
func (s *storm) tell(all bool) {
	s.mu.Lock()
	s.dice.Shuffle(len(s.news), func(i, j int) { s.news[i], s.news[j] = s.news[j], s.news[i] })
	n := len(s.news)
	if !all && n > 0 {
		n = s.dice.IntN(n + 1)
	}
	now := slices.Clone(s.news[:n])
	s.news = slices.Clone(s.news[n:])
	if len(s.told) > 0 && s.dice.IntN(2) == 0 {
		now = append(now, s.told[s.dice.IntN(len(s.told))])
	}
	s.told = append(s.told, now...)
	s.mu.Unlock()
	for _, events := range now {
		s.must(s.mailer.Load().Events(context.Background(), events))
	}
}

// change makes a person leave, come back, or hear nothing any more.
func (s *storm) change() string {
	ctx := context.Background()
	people := s.everybody()
	p := people[s.dice.IntN(len(people))]
	switch s.dice.IntN(6) {
	case 0, 1:
		p.Disabled = !p.Disabled
		s.must(s.Store.SavePerson(ctx, &p))
		return fmt.Sprintf("%s disabled %v", p.Address, p.Disabled)
	case 2:
		s.must(s.Store.SetSubscription(ctx, store.Subscription{Person: p.ID, Report: "usage", Cadence: store.CadenceOff, At: time.Now()}))
		return p.Address + " unsubscribed"
	case 3:
		s.must(s.Store.SetSubscription(ctx, store.Subscription{Person: p.ID, Report: "usage", At: time.Now()}))
		return p.Address + " subscribed"
	case 4:
		s.must(s.Store.MirrorSuppressions(ctx, []store.Suppression{{Address: p.Address, Reason: store.SuppressedBounce, Source: "ses", Since: time.Now()}}, time.Now()))
		return p.Address + " suppressed alone"
	}
	s.join(len(people))
	return "somebody joined"
}

// meddle changes somebody in the middle of one delivery, and sees to it that the rest of it knows.
func (s *storm) meddle() {
	var deaf map[string]string
	sent := -1
	s.between.Store(func() {
		s.log = append(s.log, "meanwhile "+s.change())
		deaf, sent = s.deaf(), len(s.server.Sent())
	})
	s.calls("deliver, and meanwhile", s.deliver)
	s.between.Store(func() {})
	if sent < 0 || !s.serial {
		return
	}
	for _, m := range s.server.Sent()[sent:] {
		if why := deaf[m.To[0]]; why != "" {
			s.t.Errorf("seed %d: %s got mail and was %s in the middle of a delivery\n%s", s.seed, m.To[0], why, s.story())
		}
	}
}

func (s *storm) step() {
	switch s.dice.IntN(14) {
	case 0, 1:
		s.calls("deliver", s.deliver)
	case 2:
		s.calls("deliver twice at once", s.deliver, s.deliver)
	case 3:
		s.meddle()
	case 4:
		s.rerun()
		s.calls("a new edition is followed", s.follow)
	case 5:
		s.calls("follow and deliver at once", s.follow, s.deliver)
	case 6:
		s.calls("release by hand", s.letOut)
	case 7, 8:
		s.resend()
	case 9:
		s.settle()
	case 10, 11:
		s.quiet("events", func() { s.tell(false) })
	case 12:
		s.log = append(s.log, s.change())
	case 13:
		s.quiet("restart", s.rise)
	}
}

// Whatever happens in whatever order, nobody gets an edition twice, nobody gets anything who is not to, and nobody is forgotten.
// A failure names its seed; DAYBOOK_SEED runs that one alone.
func TestNoStormMailsAnEditionTwiceOrToTheWrongPeopleOrLosesSomebody(t *testing.T) {
	seeds := 30
	if os.Getenv("DAYBOOK_PROVE") != "" {
		seeds = 2000
	}
	first := 1
	if one := os.Getenv("DAYBOOK_SEED"); one != "" {
		if _, err := fmt.Sscan(one, &first); err != nil {
			t.Fatal(err)
		}
		seeds = 1
	}
	dir := template(t)
	const workers = 4 // they wait for the disk more than they work
	for w := range min(workers, seeds) {
		t.Run(fmt.Sprint("from seed ", first+w), func(t *testing.T) {
			t.Parallel()
			for seed := first + w; seed < first+seeds && !t.Failed(); seed += workers {
				weather(t, dir, uint64(seed))
			}
		})
	}
}

// weather is one storm and the calm after it.
func weather(t *testing.T, dir string, seed uint64) {
	t.Helper()
	s := newStorm(t, dir, seed)
	for range 6 + s.dice.IntN(12) {
		s.step()
	}
	s.calm()
	s.house.close()
	s.server.Close()
	if err := os.RemoveAll(s.dir); err != nil {
		t.Fatal(err)
	}
}
