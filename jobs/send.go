package jobs

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"daybook/internal/fault"
	"daybook/internal/mail"
	"daybook/internal/store"
)

// sends is how often a message is tried when the sender says that it did not leave and trying again can help.
const sends = 4

// Sent is the end of one send.
type Sent struct {
	Edition, Address, State string
}

// pace keeps every message of this process under the sender's rate. A message arrives some time between its departure and its answer,
// so it counts from the one until a second after the other: then no second has more, however the messages bunch on their way.
type pace struct {
	mu      sync.Mutex
	limiter *rate.Limiter // evens the messages out
	most    int           // in any second; 0 is no limit
	away    int           // on their way
	ended   []time.Time   // answers of the last second
	back    chan struct{} // closed when a message is answered; nil while nobody waits for that
}

// burst is how much of a pause the messages may make up for.
const burst = 100 * time.Millisecond

// limit sets messages a second, 0 for no limit.
func (p *pace) limit(perSecond float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	to, size := rate.Inf, 1
	if p.most = 0; perSecond > 0 {
		to, size, p.most = rate.Limit(perSecond), max(int(perSecond*burst.Seconds()), 1), max(int(perSecond), 1)
	}
	if p.limiter == nil {
		p.limiter = rate.NewLimiter(to, size)
	} else if p.limiter.Limit() != to {
		p.limiter.SetLimit(to)
		p.limiter.SetBurst(size)
	}
}

// wait is for a message's turn.
func (p *pace) wait(ctx context.Context) error { return p.limiter.Wait(ctx) }

// depart waits until one more message fits into the second in which it arrives. answered follows it.
func (p *pace) depart() {
	for {
		p.mu.Lock()
		now := time.Now()
		p.ended = slices.DeleteFunc(p.ended, func(t time.Time) bool { return now.Sub(t) > time.Second })
		if p.most == 0 || p.away+len(p.ended) < p.most {
			p.away++
			p.mu.Unlock()
			return
		}
		if p.back == nil {
			p.back = make(chan struct{})
		}
		back, rest := p.back, time.Second
		if len(p.ended) > 0 {
			rest = time.Second - now.Sub(p.ended[0]) + time.Millisecond
		}
		p.mu.Unlock()
		select {
		case <-back:
		case <-time.After(rest):
		}
	}
}

func (p *pace) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away--
	if p.most > 0 {
		p.ended = append(p.ended, time.Now())
	}
	if p.back != nil {
		close(p.back)
		p.back = nil
	}
}

// SES answers in some 50 ms and the ledger takes its time on a busy disk, so one connection does some fifteen messages a
// second. What is in flight when the process dies may have left and may not, so it is never more than the rate needs: one message up to
// a rate of 15.
const (
	perConnection = 15
	mostInFlight  = 32
)

func inFlight(l mail.Limits) int {
	if l.AtOnce > 0 {
		return min(l.AtOnce, mostInFlight)
	}
	return min(max(int(math.Ceil(l.Rate/perConnection)), 1), mostInFlight)
}

// sendPending sends every planned delivery of an edition. What cannot be sent now stays planned.
func (m *Mailer) sendPending(ctx context.Context, node *Node, e store.Edition, letters letters) error {
	people, err := m.Runner.Store.PeopleIn(ctx, node.Report.To)
	if err != nil {
		return err
	}
	names := map[string]string{}
	ids := make([]string, len(people))
	for i, p := range people {
		names[p.ID], ids[i] = p.Name, p.ID
	}
	tokens, err := m.Runner.Store.UnsubscribeTokens(ctx, e.Report, ids, m.Runner.Now())
	if err != nil {
		return err
	}
	pending, err := m.Runner.Store.PendingDeliveries(ctx, e.ID)
	if err != nil || len(pending) == 0 {
		return err
	}
	limits, err := m.limits(ctx)
	if err != nil {
		return err
	}
	var errs []error
	if limits.Left >= 0 && len(pending) > limits.Left {
		errs = append(errs, fault.New(fault.Refused, fmt.Sprintf("the sender takes %d more messages of this day, %d wait", limits.Left, len(pending)),
			"ask AWS for a higher quota; the others are sent when it allows"))
		pending = pending[:limits.Left]
	}
	m.pace.limit(limits.Rate)
	for k, l := range letters {
		letters[k] = l.Encoded(nobody)
	}
	b := &batch{mailer: m, node: node, edition: e, letters: letters, names: names, tokens: tokens}
	for pass := 1; len(pending) > 0; pass++ {
		pending = b.pass(ctx, pending, inFlight(limits), pass)
		if b.stopped || pass == sends {
			break
		}
		if len(pending) > 0 && m.pause(ctx, m.Runner.Backoff(pass)) != nil {
			break
		}
	}
	return errors.Join(append(errs, b.errs...)...)
}

// unasked is the rate of an account that may send and may not be asked for its limits: that of every new one.
const unasked = 1

func (m *Mailer) limits(ctx context.Context) (mail.Limits, error) {
	l, err := m.Sender.Limits(ctx)
	if out := mail.Outcome(err); out != nil && out.Kind == mail.Denied {
		m.Runner.Log.Warn("the sender does not tell its limits; one message a second is sent", "err", err)
		return mail.Limits{Rate: unasked, Left: -1}, nil
	}
	return l, err
}

func (m *Mailer) pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-m.Runner.life.Done():
		return m.Runner.life.Err()
	}
}

// batch is the sending of one edition.
type batch struct {
	mailer  *Mailer
	node    *Node
	edition store.Edition
	letters letters
	names   map[string]string // by person
	tokens  map[string]string // that unsubscribe them

	mu      sync.Mutex
	again   []store.Delivery
	errs    []error
	stopped bool // every other message would fail in the same way
}

// maxErrs bounds what one error says of a batch; the ledger has each.
const maxErrs = 20

// pass tries each delivery once and returns those to try again.
func (b *batch) pass(ctx context.Context, pending []store.Delivery, parallel, pass int) []store.Delivery {
	var wg sync.WaitGroup
	free := make(chan struct{}, parallel)
	b.again = nil
	for _, d := range pending {
		free <- struct{}{}
		if b.over(ctx) || b.mailer.pace.wait(ctx) != nil {
			break // everybody else stays planned
		}
		if parallel == 1 {
			b.one(ctx, d, pass)
			<-free
			continue
		}
		wg.Go(func() {
			defer func() { <-free }()
			b.one(ctx, d, pass)
		})
	}
	wg.Wait()
	return b.again
}

// over reports whether the others wait: for the sender, for the end of a hold, or for the next start.
func (b *batch) over(ctx context.Context) bool {
	held, ok, err := b.mailer.Runner.Store.Hold(ctx, b.edition.Report, b.edition.Day)
	if err == nil && ok {
		b.failed(fault.New(fault.Refused, b.edition.Report+" of "+b.edition.Day.String()+" is "+heldBy(held), "release it when it may go on"), true)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stopped || ctx.Err() != nil || b.mailer.Runner.life.Err() != nil
}

// one takes one delivery from planned to what became of it. Each state is recorded before the next step.
func (b *batch) one(ctx context.Context, d store.Delivery, pass int) {
	m := b.mailer
	letter, ok := b.letters[letterKey{m.locale(b.edition, d.Locale), d.Variant}]
	if !ok {
		b.failed(fmt.Errorf("there is no letter of %s for %s", d.Variant, d.Address), false)
		return
	}
	d.Attempt++
	d.State, d.Updated, d.Epoch = store.DeliverySending, m.Runner.Now(), m.Runner.epoch
	won, err := m.Runner.Store.ClaimDelivery(ctx, d, b.node.Name, b.node.Report.To, func(s store.Standing) string { return m.barred(b.node, d, s) })
	if err != nil || !won { // somebody else sends it, or nobody should
		b.failed(err, false)
		return
	}
	m.Runner.failpoint("sending")
	message := m.addressed(letter, d, b.names[d.Person], b.tokens[d.Person])
	m.pace.depart()
	receipt, err := m.Sender.Send(context.WithoutCancel(ctx), message) // one that is cut off may have left
	m.pace.answered()
	m.Runner.failpoint("sent")
	out := mail.Outcome(err)
	m.settle(&d, receipt, out)
	settled, e := m.Runner.Store.SettleDelivery(context.WithoutCancel(ctx), d)
	if e != nil {
		b.failed(e, true)
		return
	}
	m.Runner.failpoint("settled")
	if m.Observed != nil {
		m.Observed(Sent{b.edition.ID, settled.Address, settled.State})
	}
	if err == nil {
		return
	}
	if out.Retryable && pass < sends && settled.State == store.DeliveryPlanned {
		b.mu.Lock()
		b.again = append(b.again, settled)
		b.mu.Unlock()
		return
	}
	b.failed(fmt.Errorf("mail %s of %s to %s: %w", b.edition.Report, b.edition.Day, d.Address, err), out.StopsAll())
}

func (b *batch) failed(err error, stop bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = b.stopped || stop
	if err != nil && len(b.errs) < maxErrs {
		b.errs = append(b.errs, err)
	}
}

// settle writes a send's outcome into its delivery. What may be sent again stays planned, also after the last try: a mail
// server that is away for an hour must not lose a report.
func (m *Mailer) settle(d *store.Delivery, receipt mail.Receipt, out *mail.SendError) {
	d.Updated = m.Runner.Now()
	switch {
	case out == nil:
		d.State, d.MessageID, d.Sent, d.Error = store.DeliveryAccepted, receipt.MessageID, d.Updated, ""
	case out.MayHaveLeft:
		d.State, d.Error = store.DeliveryUnknown, out.Err.Error()
	case out.Retryable || out.StopsAll():
		d.State, d.Error = store.DeliveryPlanned, out.Err.Error()
	case out.Kind == mail.Rejected:
		d.State, d.Error = store.DeliveryRejected, out.Err.Error()
	default:
		d.State, d.Error = store.DeliveryFailed, out.Err.Error()
	}
}

// barred says why the person of a delivery gets nothing now: a batch takes minutes, and people leave meanwhile.
func (m *Mailer) barred(node *Node, d store.Delivery, standing store.Standing) string {
	switch {
	case !standing.Member:
		return "disabled, or not in a group of the report any more"
	case !m.Runner.Project.Mail.Allows(d.Address):
		return outside
	case standing.Suppressed != "":
		return "the address is suppressed: " + standing.Suppressed
	case effective(standing.Cadence, node.Report.Required) == store.CadenceOff:
		return "unsubscribed"
	}
	return ""
}
