package examples_test

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/generate"
)

// truth counts what the example korea should have, from what was generated for the days from..through, without SQL.
type truth struct {
	generate.Korea
	from, through calendar.Day
	webs          map[calendar.Day]generate.Web
	people        map[int64]generate.User
}

func newTruth(k generate.Korea, from, through calendar.Day) *truth {
	t := &truth{Korea: k, from: from, through: through, webs: map[calendar.Day]generate.Web{}, people: map[int64]generate.User{}}
	for _, day := range calendar.Range(from, through) {
		t.webs[day] = k.Web(day)
	}
	for _, u := range k.Users(through) {
		t.people[u.ID] = u
	}
	return t
}

// window is the days that a look back of so many days sees.
func (t *truth) window(day calendar.Day, back int) []calendar.Day {
	first := day.Add(-back)
	if first.Before(t.from) {
		first = t.from
	}
	return calendar.Range(first, day)
}

// way is how a purchase came about.
type way struct {
	generate.Purchase
	session, channel string
	minutes          any // nil without a search
}

// paths follows the purchases of a day, in the order of their IDs.
func (t *truth) paths(day calendar.Day) []way {
	var list []way
	days := t.window(day, 6)
	for _, p := range t.webs[day].Purchases {
		out := way{Purchase: p}
		known := t.sessionsOf(p, days)
		var began time.Time
		for _, d := range days {
			for _, s := range t.webs[d].Sessions {
				if known[s.ID] && (out.session == "" || s.Began.After(began) || s.Began.Equal(began) && s.ID > out.session) {
					out.session, out.channel, began = s.ID, s.Channel, s.Began
				}
			}
		}
		out.minutes = t.minutes(p, days)
		list = append(list, out)
	}
	slices.SortFunc(list, func(a, b way) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// sessionsOf are the sessions in which the buyer did something before the purchase.
func (t *truth) sessionsOf(p generate.Purchase, days []calendar.Day) map[string]bool {
	known := map[string]bool{}
	for _, d := range days {
		for _, s := range t.webs[d].Searches {
			if s.User == p.User && !s.At.After(p.At) {
				known[s.Session] = true
			}
		}
		for _, c := range t.webs[d].Clicks {
			if c.User == p.User && !c.At.After(p.At) {
				known[c.Session] = true
			}
		}
	}
	return known
}

// minutes run from the buyer's first search since their purchase before.
func (t *truth) minutes(p generate.Purchase, days []calendar.Day) any {
	var before, found time.Time
	for _, d := range days {
		for _, o := range t.webs[d].Purchases {
			if o.User == p.User && o.ID != p.ID && (o.At.Before(p.At) || o.At.Equal(p.At) && o.ID < p.ID) && o.At.After(before) {
				before = o.At
			}
		}
	}
	for _, d := range days {
		for _, s := range t.webs[d].Searches {
			if s.User == p.User && !s.At.After(p.At) && s.At.After(before) && (found.IsZero() || s.At.Before(found)) {
				found = s.At
			}
		}
	}
	if found.IsZero() {
		return nil
	}
	return float64(p.At.Sub(found).Microseconds()) / 1e6 / 60
}

// pathRows are those of purchase_paths.
func pathRows(list []way) [][]any {
	var rows [][]any
	for _, p := range list {
		rows = append(rows, []any{p.ID, p.User, int64(p.Won), null(p.session), null(p.channel), p.minutes})
	}
	return rows
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// figures are counts by a name.
type figures struct {
	by    map[any][]int64
	names []any
}

func (f *figures) add(name any, place int, n int64) {
	if f.by == nil {
		f.by = map[any][]int64{}
	}
	if f.by[name] == nil {
		f.by[name] = make([]int64, 7)
		f.names = append(f.names, name)
	}
	f.by[name][place] += n
}

// rows are in the order of the names, nil last, each with the first so many counts.
func (f *figures) rows(counts int) [][]any {
	slices.SortFunc(f.names, func(a, b any) int {
		if (a == nil) != (b == nil) {
			return map[bool]int{true: 1, false: -1}[a == nil]
		}
		if x, ok := a.(int64); ok {
			return cmp.Compare(x, b.(int64))
		}
		return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
	var rows [][]any
	for _, name := range f.names {
		row := []any{name}
		for _, n := range f.by[name][:counts] {
			row = append(row, n)
		}
		rows = append(rows, row)
	}
	return rows
}

// channels counts sessions, searches, clicks, purchases and won.
func (t *truth) channels(day calendar.Day) [][]any {
	of := map[string]string{}
	for _, d := range t.window(day, 1) {
		for _, s := range t.webs[d].Sessions {
			of[s.ID] = s.Channel
		}
	}
	name := func(session string) any {
		if c := of[session]; c != "" {
			return c
		}
		return "unknown"
	}
	var f figures
	web := t.webs[day]
	for _, s := range web.Sessions {
		f.add(s.Channel, 0, 1)
	}
	for _, s := range web.Searches {
		f.add(name(s.Session), 1, 1)
	}
	for _, c := range web.Clicks {
		f.add(name(c.Session), 2, 1)
	}
	for _, p := range t.paths(day) {
		channel := p.channel
		if channel == "" {
			channel = "unknown"
		}
		f.add(channel, 3, 1)
		f.add(channel, 4, int64(p.Won))
	}
	return f.rows(5)
}

// users counts accounts, active people, searches, clicks, purchases, buyers and won by something that people have.
func (t *truth) users(day calendar.Day, of func(generate.User) any) [][]any {
	var f figures
	for _, u := range t.people {
		if !u.Registered.After(day) {
			f.add(of(u), 0, 1)
		}
	}
	active, buyers := map[int64]bool{}, map[int64]bool{}
	act := func(user int64, place int, n int64) {
		if user == 0 {
			return
		}
		if !active[user] {
			active[user] = true
			f.add(of(t.people[user]), 1, 1)
		}
		f.add(of(t.people[user]), place, n)
	}
	web := t.webs[day]
	for _, s := range web.Searches {
		act(s.User, 2, 1)
	}
	for _, c := range web.Clicks {
		act(c.User, 3, 1)
	}
	for _, p := range web.Purchases {
		act(p.User, 4, 1)
		act(p.User, 6, int64(p.Won))
		if !buyers[p.User] {
			buyers[p.User] = true
			act(p.User, 5, 1)
		}
	}
	return f.rows(7)
}

func country(u generate.User) any {
	if u.Country == "" {
		return "unknown"
	}
	return u.Country
}

func age(u generate.User) any {
	switch {
	case u.Age < 0:
		return nil
	case u.Age >= 100:
		return int64(100)
	}
	return int64(u.Age - u.Age%10)
}

// airports ranks them by the searches of thirty days.
func (t *truth) airports(day calendar.Day) [][]any {
	all, today := newTally(), map[string]int64{}
	for _, d := range t.window(day, 29) {
		for _, s := range t.webs[d].Searches {
			all.add([]string{s.Arrival})
			if d == day {
				today[s.Arrival]++
			}
		}
	}
	cities := map[string]string{}
	for _, a := range t.Airports() {
		cities[a.Code] = a.En
	}
	var rows [][]any
	for _, r := range all.ranked(all.uses, 0) {
		code := r[1].(string)
		rows = append(rows, []any{r[0], code, cities[code], today[code], r[2]})
	}
	return rows
}

// times counts purchases by step of time_to_purchase.
func (t *truth) times(day calendar.Day) [][]any {
	steps := make([]int64, 7)
	for _, p := range t.paths(day) {
		m, ok := p.minutes.(float64)
		place := 6
		if ok {
			place, _ = slices.BinarySearchFunc([]float64{10, 30, 60, 360, 1440}, m, func(bound, m float64) int {
				if bound <= m {
					return -1
				}
				return 1
			})
		}
		steps[place]++
	}
	var rows [][]any
	for i, n := range steps {
		rows = append(rows, []any{int64(i + 1), n})
	}
	return rows
}

// site is the row of daily_site.
func (t *truth) site(day calendar.Day) [][]any {
	web, paths := t.webs[day], t.paths(day)
	var known, won int64
	for _, s := range web.Searches {
		if s.User > 0 {
			known++
		}
	}
	buyers := map[int64]bool{}
	var minutes []float64
	for _, p := range paths {
		buyers[p.User] = true
		won += int64(p.Won)
		if m, ok := p.minutes.(float64); ok {
			minutes = append(minutes, m)
		}
	}
	slices.Sort(minutes)
	var median any
	if n := len(minutes); n > 0 {
		median = (minutes[(n-1)/2] + minutes[n/2]) / 2
	}
	return [][]any{{int64(len(web.Sessions)), int64(len(web.Searches)), known, int64(len(web.Clicks)), int64(len(paths)), int64(len(buyers)), won,
		float64(len(paths)) / float64(len(web.Sessions)), median}}
}
