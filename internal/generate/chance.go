package generate

import (
	"math/bits"
	"sort"
)

// dice is a place in the counter: it always shows the same face, and on leads to another place, so that
// any value can be found without drawing those before it.
type dice uint64

// on returns the dice of n's place below d.
func (d dice) on(n int) dice { return dice(mix(uint64(d) ^ mix(uint64(n)))) }

// below returns a whole number of [0, n), n > 0.
func (d dice) below(n int) int {
	hi, _ := bits.Mul64(uint64(d), uint64(n))
	return int(hi)
}

// hits tells whether an event of that many in a million happens.
func (d dice) hits(perMillion int) bool { return d.below(million) < perMillion }

// around returns a factor in millionths, even between one less and one more than spread.
func (d dice) around(spread int) int { return million - spread + d.below(2*spread+1) }

// million is the whole that shares are parts of: whole numbers give the same bytes on every machine.
const million = 1_000_000

// mix is the SplitMix64 step (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return x ^ (x >> 31)
}

// wheel holds the running sums of weights.
type wheel []int

// zipfWheel gives rank k (from 0) the weight 1/(k+1).
func zipfWheel(ranks int) wheel {
	w := make(wheel, 0, ranks)
	for k := range ranks {
		w = w.with(million / (k + 1))
	}
	return w
}

// with returns the wheel with one more place.
func (w wheel) with(weight int) wheel { return append(w, w.total()+weight) }

func (w wheel) total() int {
	if len(w) == 0 {
		return 0
	}
	return w[len(w)-1]
}

// pick returns a place, each as likely as its weight.
func (w wheel) pick(d dice) int { return sort.SearchInts(w, d.below(w.total())+1) }
