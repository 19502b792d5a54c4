package generate

import "daybook/internal/calendar"

// opened is the day numbered 0: nobody has used the service before.
func opened() calendar.Day { return calendar.MustDay("2020-01-01") }

func dayNumber(d calendar.Day) int { return d.Sub(opened()) }

const (
	requestsPerNewcomer = 30  // requests of a mean day for each person who joins on it
	longestStay         = 240 // days after which everybody has left
)

// habit is how a person uses the service: how long, on what share of days at first, in millionths.
type habit struct {
	stay  int
	daily int
}

// newHabit: most people come for a question or two, a third for some weeks, one of seven makes it a habit.
func newHabit(d dice) habit {
	switch kind := d.on(0).below(100); {
	case kind < 50:
		return habit{1 + d.on(1).below(12), 30_000}
	case kind < 85:
		return habit{3 + d.on(1).below(60), 200_000 + d.on(2).below(200_000)}
	default:
		return habit{30 + d.on(1).below(longestStay-30), 500_000 + d.on(2).below(400_000)}
	}
}

// comes tells whether the person is there that many days after joining, on a day of the given weekday.
func (h habit) comes(d dice, age int, day calendar.Day) bool {
	switch {
	case age == 0:
		return true
	case age > h.stay:
		return false
	}
	const half = 20 // days after which the habit is half as strong
	share := weekdayShares()[day.Weekday()] * h.daily / 100
	return d.hits(share * half / (half + age))
}

// crowd holds the people of a day; a turn of its wheel gives the one who makes a request.
type crowd struct {
	people []int64
	turns  wheel
}

// newCrowd finds who is there on a day among all that have joined and not yet left. A person's number holds
// the joining day, so it stays the same whichever day is made.
func newCrowd(d dice, perDay int, day calendar.Day) crowd {
	newcomers := max(1, perDay/requestsPerNewcomer)
	stride := 3 * newcomers // above the newcomers of the best day there can be
	var c crowd
	today := dayNumber(day)
	for joined := max(0, today-longestStay); joined <= today; joined++ {
		for k := range max(1, level(newcomers, opened().Add(joined))) {
			who := d.on(joined).on(k)
			if !newHabit(who).comes(who.on(3).on(today), today-joined, day) {
				continue
			}
			c.people = append(c.people, int64(1000+joined*stride+k))
			c.turns = c.turns.with(3 + 100/(1+who.on(4).below(100)))
		}
	}
	return c
}

// pick returns the number of the person who makes a request.
func (c crowd) pick(d dice) int64 { return c.people[c.turns.pick(d)] }
