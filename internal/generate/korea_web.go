package generate

import (
	"slices"
	"time"

	"daybook/internal/calendar"
)

// Web is what the travel site logged on a day, each kind in the order of time. A session that began before midnight goes on in the logs of
// the next day. User 0 has not signed in.
type Web struct {
	Sessions  []Session
	Searches  []FlightSearch
	Clicks    []Click
	Purchases []Purchase
}

// Session is a visit, logged on the day it began.
type Session struct {
	ID      string // UUID
	Began   time.Time
	Last    time.Time
	Channel string
}

// FlightSearch is a search for flights.
type FlightSearch struct {
	ID, Session   string
	At            time.Time
	User          int64
	Depart        calendar.Day
	From, Arrival string // airports
}

// Click opens an offer; Flight is empty where it had gone by then.
type Click struct {
	ID, Session string
	At          time.Time
	User        int64
	Flight      string
}

// Purchase is made by a user; the shop's log does not know in which session.
type Purchase struct {
	ID     string
	Flight string
	User   int64
	At     time.Time
	Won    int
}

// journeyDays is how many days before a day a journey may have begun that still has records on it.
const journeyDays = 3

// Web makes the logs of a day.
func (k Korea) Web(day calendar.Day) Web {
	var all Web
	for back := journeyDays; back >= 0; back-- {
		k.journeys(day.Add(-back), &all)
	}
	on := func(t time.Time) bool { return calendar.DayOf(t, korea()) == day }
	return Web{
		Sessions:  ofDay(all.Sessions, on, func(s Session) (time.Time, string) { return s.Began, s.ID }),
		Searches:  ofDay(all.Searches, on, func(s FlightSearch) (time.Time, string) { return s.At, s.ID }),
		Clicks:    ofDay(all.Clicks, on, func(c Click) (time.Time, string) { return c.At, c.ID }),
		Purchases: ofDay(all.Purchases, on, func(p Purchase) (time.Time, string) { return p.At, p.ID }),
	}
}

// ofDay keeps the records of a day and orders them.
func ofDay[T any](list []T, on func(time.Time) bool, of func(T) (time.Time, string)) []T {
	list = slices.DeleteFunc(list, func(v T) bool { at, _ := of(v); return !on(at) })
	slices.SortFunc(list, func(a, b T) int {
		ta, ia := of(a)
		tb, ib := of(b)
		if c := ta.Compare(tb); c != 0 {
			return c
		}
		return slices.Compare([]byte(ia), []byte(ib))
	})
	return list
}

// When a person signs in.
const (
	never = iota
	atOnce
	afterSearch   // after the first search
	whenPurchased // only to pay, so that no record of the session names the user
)

// journey is how somebody comes to a flight: one to three sessions in three days.
type journey struct {
	dice    dice
	user    int64 // 0 for nobody
	from    string
	arrival string
	depart  calendar.Day
	signs   int
	buys    bool
	flight  string // clicked last
	web     *Web
	day     calendar.Day
	millis  int // since the day began
}

// journeys appends all records of the journeys that begin on a day.
func (k Korea) journeys(day calendar.Day, web *Web) {
	number := dayNumber(day)
	d := k.on(topicJourney).on(number)
	count := max(1, level(k.PerDay, day)*100/120)
	times := newClock(day, count, k.on(topicJourneyClock).on(number))
	known := k.known(day)
	var arrivals wheel
	for i := range k.Airports() {
		arrivals = arrivals.with(1000 / (i + 1))
	}
	for n := range count {
		t := d.on(n)
		i := min(t.on(0).below(known), t.on(1).below(known)) // a few come often
		j := journey{dice: t, from: homes()[k.home(i)].airport, arrival: k.Airports()[arrivals.pick(t.on(2))].Code, depart: day.Add(3 + t.on(3).below(90)),
			web: web, day: day, millis: times.millis(n)}
		switch sign := t.on(4).below(100); {
		case sign < 30:
		case sign < 85:
			j.signs, j.user = atOnce, int64(i+1)
		case sign < 97:
			j.signs, j.user = afterSearch, int64(i+1)
		default:
			j.signs, j.user = whenPurchased, int64(i+1)
		}
		j.buys = j.user > 0 && t.on(5).hits(160_000)
		sessions := 1 + wheel{85, 95, 100}.pick(t.on(6))
		for s := range sessions {
			j.session(t.on(7).on(s), s == sessions-1)
			j.millis += 30*60_000 + t.on(8).on(s).below(28*60)*60_000
		}
	}
}

// wait lets some time go by and returns the instant.
func (j *journey) wait(d dice, fromSeconds, toSeconds int) time.Time {
	j.millis += fromSeconds*1000 + d.below((toSeconds-fromSeconds)*1000)
	return instant(j.day, j.millis)
}

// who is the user that a record of the session names.
func (j *journey) who(searched int) int64 {
	if j.signs == atOnce || j.signs == afterSearch && searched > 0 {
		return j.user
	}
	return 0
}

func (j *journey) session(d dice, last bool) {
	id := uuid(d.on(0))
	s := Session{ID: string(id[:]), Began: instant(j.day, j.millis), Channel: channels()[channelWheel().pick(d.on(1))]}
	searches := 1 + d.on(2).below(4)
	for n := range searches {
		at, sid := j.wait(d.on(3).on(n), 10, 180), uuid(d.on(4).on(n))
		j.web.Searches = append(j.web.Searches, FlightSearch{ID: string(sid[:]), Session: s.ID, At: at, User: j.who(n), Depart: j.depart, From: j.from, Arrival: j.arrival})
	}
	for n := range d.on(5).below(6) {
		at, cid := j.wait(d.on(6).on(n), 5, 240), uuid(d.on(7).on(n))
		c := Click{ID: string(cid[:]), Session: s.ID, At: at, User: j.who(searches), Flight: flight(j.from, j.arrival, j.depart, d.on(8).on(n))}
		if d.on(9).on(n).hits(100_000) {
			c.Flight = ""
		} else {
			j.flight = c.Flight
		}
		j.web.Clicks = append(j.web.Clicks, c)
	}
	if last && j.buys {
		if j.flight == "" {
			j.flight = flight(j.from, j.arrival, j.depart, d.on(10))
		}
		at, pid := j.wait(d.on(11), 60, 1500), uuid(d.on(12))
		j.web.Purchases = append(j.web.Purchases, Purchase{ID: string(pid[:]), Flight: j.flight, User: j.user, At: at, Won: 90_000 + 1000*d.on(13).below(900)})
	}
	s.Last = instant(j.day, j.millis)
	j.web.Sessions = append(j.web.Sessions, s)
}

// Channels that people come by; the weights are those that a public project of this kind gave them.
func channels() []string {
	return []string{"Google", "Youtube", "Instagram", "Facebook", "X", "Direct", "Naver"}
}

func channelWheel() wheel { return wheel{30, 50, 65, 75, 85, 95, 100} }
