package generate

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"daybook/internal/calendar"
)

// Topics of the shop; they share no counter with the library's, which hang from another place.
const (
	topicShop = 1000 + iota
	topicPrice
	topicTrade
	topicVisitor
	topicPhone
)

const (
	longestOrder   = 12      // days from a visitor's first coming to the last order
	longestReturn  = 13      // days from an order to its cancellation
	visitorNumbers = 100_000 // of a day
	phoneOrders    = 12_000  // of a million visitors
	byPhone        = 3       // the place of an order by telephone; a visitor's orders have 0 to 2
	orderPlaces    = byPhone + 1
	minute         = 60_000 // in milliseconds
)

// market holds what all days of a shop share; nothing changes it once made.
type market struct {
	dice       dice
	perDay     int
	goods      []good
	lines      wheel // how many lines an order has, from 1
	quantities wheel
	reasons    wheel
}

func newMarket(s Shop) *market {
	return &market{
		dice: dice(mix(s.Seed)).on(topicShop), perDay: s.PerDay, goods: goods(),
		lines: wheel{30, 52, 68, 80, 88, 94, 98, 100}, quantities: wheel{45, 65, 75, 82, 90, 93, 98, 100}, reasons: wheel{46, 70, 88, 100},
	}
}

// quantityOf are the quantities that the wheel's places stand for.
func quantityOf(place int) int { return [...]int{1, 2, 3, 4, 6, 10, 12, 24}[place] }

func reasonOf(place int) string {
	return [...]string{"changed_mind", "damaged", "wrong_item", "late"}[place]
}

// crowded is how many visitors come for the first time on an open day: Mondays have most, Saturdays least.
func (m *market) crowded(day calendar.Day) int {
	number := dayNumber(day)
	if number < 0 || closed(day) {
		return 0
	}
	share := [7]int{0, 118, 106, 102, 100, 96, 78}[day.Weekday()]
	return max(1, m.perDay*share/100*m.dice.on(topicTrade).on(number).around(30_000)/million*growth(number)/million)
}

// experiment names the one that a day belongs to: four weeks from a Monday.
func experiment(day calendar.Day) string { return fmt.Sprintf("checkout-%d", (dayNumber(day)+23)/28) }

// sale is an order; what is in it follows from its dice and day.
type sale struct {
	day     calendar.Day
	millis  int
	number  int64 // its invoice
	visitor int64 // zero for an order by telephone
	dice    dice
}

// assignment is when a visitor began to see a variant, 0 or 1.
type assignment struct {
	day     calendar.Day
	millis  int
	visitor int64
	variant int
}

// events are what happens in the shop on a day, each list in the order of time.
type events struct {
	day       calendar.Day
	visitors  int // first assignments among assigned
	assigned  []assignment
	orders    []sale
	cancelled []sale // orders of earlier days
}

// events finds what happens on an open day: the visitors of the weeks before may order or cancel on it.
func (m *market) events(ctx context.Context, day calendar.Day) (events, error) {
	e := events{day: day}
	keep := func(s sale) {
		if s.day == day {
			e.orders = append(e.orders, s)
		}
		if when, ok := s.cancelledOn(); ok && when == day {
			e.cancelled = append(e.cancelled, s)
		}
	}
	for came := day.Add(-longestOrder - longestReturn); !came.After(day); came = came.Add(1) {
		if ctx.Err() != nil {
			return events{}, context.Cause(ctx)
		}
		count := m.crowded(came)
		if count == 0 {
			continue
		}
		d := m.dice.on(topicVisitor).on(dayNumber(came))
		c := newClock(came, count, d.on(-1))
		for k := range count {
			m.visit(d.on(k), assignment{day: came, millis: c.millis(k), visitor: int64(dayNumber(came)*visitorNumbers + k)}, func(a assignment) {
				if a.day == day {
					e.assigned = append(e.assigned, a)
				}
			}, keep)
		}
		m.telephone(came, count, keep)
	}
	e.visitors = m.crowded(day)
	slices.SortFunc(e.assigned, func(a, b assignment) int {
		return cmp.Or(cmp.Compare(a.millis, b.millis), cmp.Compare(a.visitor, b.visitor))
	})
	for _, list := range [][]sale{e.orders, e.cancelled} {
		slices.SortFunc(list, func(a, b sale) int { return cmp.Or(cmp.Compare(a.millis, b.millis), cmp.Compare(a.number, b.number)) })
	}
	return e, nil
}

// visit tells a visitor's assignments and orders. Variant B's visitors order more often by the experiment's effect.
func (m *market) visit(d dice, a assignment, assign func(assignment), order func(sale)) {
	const base, effect = 80_000, 15_000
	a.variant = d.on(0).below(2)
	assign(a)
	if both := d.on(1); both.hits(10_000) {
		other := assignment{openFrom(a.day.Add(both.on(0).below(5))), 0, a.visitor, 1 - a.variant}
		other.millis = min(a.millis+minute+both.on(1).below(millisOfDay/4), millisOfDay-1)
		if experiment(other.day) == experiment(a.day) {
			assign(other)
		}
	}
	place := func(n int, day calendar.Day, millis int) {
		number := int64(dayNumber(a.day)*visitorNumbers+int(a.visitor%visitorNumbers))*orderPlaces + int64(n)
		order(sale{day, millis, number, a.visitor, d.on(10 + n)})
	}
	if early := d.on(2); early.hits(5_000) && a.millis > minute {
		place(0, a.day, a.millis-minute-early.on(0).below(a.millis-minute))
	}
	if !d.on(3).hits(base + effect*a.variant) {
		return
	}
	when := d.on(4)
	first, at := a.day, min(a.millis+minute+when.on(0).below(90*minute), millisOfDay-1)
	if when.on(1).hits(300_000) {
		first, at = openFrom(a.day.Add(1+when.on(2).below(5))), 8*60*minute+when.on(3).below(14*60*minute)
	}
	place(1, first, at)
	if again := d.on(5); again.hits(120_000) {
		place(2, openFrom(first.Add(1+again.on(0).below(5))), 8*60*minute+again.on(1).below(14*60*minute))
	}
}

// telephone tells the orders that no visitor made.
func (m *market) telephone(day calendar.Day, visitors int, order func(sale)) {
	for k := range visitors * phoneOrders / million {
		d := m.dice.on(topicPhone).on(dayNumber(day)).on(k)
		number := int64(dayNumber(day)*visitorNumbers+k)*orderPlaces + byPhone
		order(sale{day, 9*60*minute + d.on(0).below(9*60*minute), number, 0, d})
	}
}

// cancelledOn is the open day on which an order is cancelled, in whole or in part.
func (s sale) cancelledOn() (calendar.Day, bool) {
	d := s.dice.on(20)
	if !d.hits(62_500) {
		return calendar.Day{}, false
	}
	return openFrom(s.day.Add(1 + d.on(0).below(longestReturn-1))), true
}
