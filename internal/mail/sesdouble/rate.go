package sesdouble

import (
	"math/rand/v2"
	"time"
)

// Chance is a fault that strikes this share of the requests, 0 to 1.
type Chance struct {
	Share float64
	Fault Fault
}

// draw is the fault of one request, the zero value for none.
func draw(r *rand.Rand, chances []Chance) Fault {
	if len(chances) == 0 {
		return Fault{}
	}
	x := r.Float64()
	for _, c := range chances {
		if x < c.Share {
			return c.Fault
		}
		x -= c.Share
	}
	return Fault{}
}

// bucket lets a second's worth through at once, and as much again in every second, as SES does.
type bucket struct {
	used  float64
	since time.Duration
}

func (b *bucket) take(rate float64, now time.Duration) bool {
	if rate <= 0 {
		return true
	}
	b.used = max(0, b.used-rate*(now-b.since).Seconds())
	b.since = now
	if b.used+1 > max(rate, 1) {
		return false
	}
	b.used++
	return true
}

// window knows the most arrivals within one second.
type window struct {
	recent []time.Duration
	peak   int
}

func (w *window) add(now time.Duration) {
	w.recent = append(w.recent, now)
	gone := 0
	for now-w.recent[gone] >= time.Second {
		gone++
	}
	w.recent = w.recent[gone:]
	w.peak = max(w.peak, len(w.recent))
}
