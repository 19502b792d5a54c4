package generate

import (
	"math"
	"time"

	"daybook/internal/calendar"
)

const (
	millisOfHour = 3_600_000
	millisOfDay  = 24 * millisOfHour
)

// weekdayShares holds a day's part of its week in hundredths of the mean day, Sunday first; they sum to 700.
func weekdayShares() [7]int { return [7]int{82, 110, 114, 112, 108, 98, 76} }

// hourShares holds the weight of every hour: lunch and evening on working days, a late flat day at weekends.
func hourShares(d time.Weekday) [24]int {
	if d == time.Saturday || d == time.Sunday {
		return [24]int{26, 15, 9, 5, 3, 3, 6, 12, 22, 36, 50, 58, 60, 62, 66, 68, 66, 62, 58, 60, 66, 68, 58, 40}
	}
	return [24]int{18, 9, 5, 3, 3, 5, 12, 26, 42, 52, 56, 60, 86, 74, 54, 52, 52, 50, 52, 64, 82, 78, 56, 34}
}

// growth is the level of a day in millionths of that of the first week of November 2026: about one percent
// more each week around then, never below a half or above twice.
func growth(number int) int {
	const middle = 2497 // 2026-11-02
	weeks := float64(number-middle) / 7
	return int(math.Round(million * math.Exp(0.69*math.Tanh(weeks/69))))
}

// level is what a day has of something that the mean day has perDay of, before chance.
func level(perDay int, day calendar.Day) int {
	return perDay * weekdayShares()[day.Weekday()] * growth(dayNumber(day)) / (100 * million)
}

// clock spreads a day's requests over its hours.
type clock struct {
	hours wheel
	count int
	dice  dice
}

// newClock makes the clock of a day with count requests; every hour is a little busier or quieter than usual.
func newClock(day calendar.Day, count int, d dice) clock {
	c := clock{count: count, dice: d}
	for hour, share := range hourShares(day.Weekday()) {
		c.hours = c.hours.with(share * d.on(hour).around(80_000) / 1000)
	}
	return c
}

// millis returns when request i comes, in milliseconds since midnight; later requests never come earlier.
func (c clock) millis(i int) int {
	const part = 32 // bits behind the point
	jitter := uint64(c.dice.on(24+i)) >> part
	at := (uint64(i)<<part | jitter) / uint64(c.count) * uint64(c.hours.total())
	before := 0
	for hour, sum := range c.hours {
		if at < uint64(sum)<<part {
			share := uint64(sum - before)
			in := (at - uint64(before)<<part) >> 10
			return hour*millisOfHour + int(in*millisOfHour/(share<<(part-10)))
		}
		before = sum
	}
	return millisOfDay - 1
}
