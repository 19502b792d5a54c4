package source

import (
	"math"
	"sync"
	"time"
)

// capacityRate spreads reads over time by the capacity they consume: it is a token bucket that holds nothing, so that no second uses
// more than its part. What a page will consume is not known before; the last one's stands in, and the difference is settled after.
type capacityRate struct {
	now     func() time.Time
	ceiling float64 // units a second, 0 for none

	mu       sync.Mutex
	rate     float64   // 0 for no limit
	free     time.Time // when the next page may be asked for
	grown    time.Time // when the rate last rose or fell
	began    time.Time
	consumed float64
	page     float64 // units of a page
	halvings int
}

const (
	capacityLeast = 0.5 // units a second: one item of 4 KB
	capacityPage  = 128 // units of 1 MB, read eventually consistent
)

func newCapacityRate(units float64, now func() time.Time) *capacityRate {
	t := now()
	return &capacityRate{now: now, ceiling: units, rate: units, free: t, grown: t, began: t, page: 1}
}

// capacityTicket is a page that may be asked for after Wait.
type capacityTicket struct {
	wait     time.Duration
	reserved float64 // seconds
	halvings int
}

func (c *capacityRate) take() capacityTicket {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.grow(now)
	if c.rate == 0 {
		return capacityTicket{halvings: c.halvings}
	}
	if c.free.Before(now) {
		c.free = now
	}
	t := capacityTicket{c.free.Sub(now), c.page / c.rate, c.halvings}
	c.free = c.free.Add(capacitySeconds(t.reserved))
	return t
}

// settle notes what a page has consumed.
func (c *capacityRate) settle(t capacityTicket, units float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.consumed += units
	if units > 0 {
		c.page = units
	}
	if c.rate > 0 {
		c.free = c.free.Add(capacitySeconds(units/c.rate - t.reserved))
	}
}

// throttled halves the rate, once for all the pages that were asked for at the same one, and reports whether it did.
func (c *capacityRate) throttled(t capacityTicket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.free = c.free.Add(capacitySeconds(-t.reserved))
	if t.halvings != c.halvings {
		return false
	}
	c.halvings++
	now := c.now()
	if c.rate == 0 {
		c.rate = max(c.page, capacityPage)
		if past := now.Sub(c.began).Seconds(); past >= 1 {
			c.rate = c.consumed / past
		}
	}
	c.rate, c.grown = max(c.rate/2, capacityLeast), now
	return true
}

func (c *capacityRate) grow(now time.Time) {
	steps := int(now.Sub(c.grown) / paceRaise)
	if steps <= 0 {
		return
	}
	c.grown = c.grown.Add(time.Duration(steps) * paceRaise)
	c.rate *= math.Pow(paceStep, float64(steps))
	if c.ceiling > 0 {
		c.rate = min(c.rate, c.ceiling)
	}
}

func capacitySeconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
