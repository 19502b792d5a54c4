package source

import (
	"context"
	"time"
)

const (
	paceSlowest = 64               // a rate is not halved more than six times
	paceRaise   = 10 * time.Second // how often a rate that was halved is raised
)

// streamPace keeps the calls to one shard below a rate, halves the rate when the server says so and raises it by a tenth every ten
// seconds.
type streamPace struct {
	slow   float64   // how many times slower than the full rate
	next   time.Time // when the next call may be made
	raised time.Time
}

// wait waits for the next call and counts it as taking interval.
func (p *streamPace) wait(ctx context.Context, r Request, interval time.Duration) error {
	now := r.Now()
	if p.slow < 1 {
		p.slow, p.raised = 1, now
	}
	for p.slow > 1 && now.Sub(p.raised) >= paceRaise {
		p.slow, p.raised = max(1, p.slow/1.1), p.raised.Add(paceRaise)
	}
	if d := p.next.Sub(now); d > 0 {
		if err := r.Wait(ctx, d); err != nil {
			return err
		}
	} else {
		p.next = now
	}
	p.spend(interval)
	return nil
}

// spend puts the next call off.
func (p *streamPace) spend(d time.Duration) {
	p.next = p.next.Add(time.Duration(float64(d) * max(1, p.slow)))
}

// halve halves the rate.
func (p *streamPace) halve(now time.Time) {
	p.slow, p.raised = min(paceSlowest, max(1, p.slow)*2), now
}
