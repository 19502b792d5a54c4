package generate

import (
	"time"

	"daybook/internal/calendar"
)

// Korea makes what a travel site for Korea has to do with: attractions, performances and halls as public APIs answer for them, libraries as
// an office publishes them, and the web logs of people who look for flights and buy some. Its methods give the truth that KoreaAPI and Write
// tell in the formats of the originals, so that whatever is counted from those can be counted again. All names are invented.
type Korea struct {
	Seed   uint64
	PerDay int // sessions of a mean day, at least 10; there are twelve times as many users
}

// Topics of Korea; those of the library are below them.
const (
	topicAttraction = 100 + iota
	topicEdit
	topicOpening
	topicHall
	topicReader
	topicAccount
	topicJourney
	topicJourneyClock
	topicFault
)

func (k Korea) on(topic int) dice { return dice(mix(k.Seed)).on(topic) }

// korea is the offset of the country, which has no daylight saving.
func korea() *time.Location { return time.FixedZone("KST", 9*60*60) }

// instant is so many milliseconds after the day began in Seoul; there may be more than a day of them.
func instant(day calendar.Day, millis int) time.Time {
	year, month, date := day.Date()
	return time.Date(year, month, date, 0, 0, 0, 0, korea()).Add(time.Duration(millis) * time.Millisecond)
}

// pickOf returns one of a list.
func pickOf[T any](d dice, list []T) T { return list[d.below(len(list))] }
