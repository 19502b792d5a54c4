package source

import (
	"context"
	"time"
)

const (
	paceRaise = 10 * time.Second // how often a rate that was halved is raised
	paceStep  = 1.1              // by how much
)

// pace keeps calls below a rate, halves the rate when the server says so and raises it by a tenth every ten seconds.
type pace struct {
	slowest float64 // how many times slower than the full rate it becomes at the most

	slow   float64   // how many times slower than the full rate
	next   time.Time // when the next call may be made
	raised time.Time
}

// wait waits for the next call and counts it as taking interval of the full rate.
func (p *pace) wait(ctx context.Context, r Request, interval time.Duration) error {
	now := r.Now()
	if p.slow < 1 {
		p.slow, p.raised = 1, now
	}
	for p.slow > 1 && now.Sub(p.raised) >= paceRaise {
		p.slow, p.raised = max(1, p.slow/paceStep), p.raised.Add(paceRaise)
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
func (p *pace) spend(d time.Duration) {
	p.next = p.next.Add(time.Duration(float64(d) * max(1, p.slow)))
}

// halve halves the rate.
func (p *pace) halve(now time.Time) {
	p.slow, p.raised = min(p.slowest, max(1, p.slow)*2), now
}
