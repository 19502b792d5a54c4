package generate

import (
	"bytes"
	"encoding/json"
	"slices"

	"golang.org/x/text/unicode/norm"

	"daybook/internal/calendar"
)

// Topics keep the dice of different things apart.
const (
	topicBooks = iota
	topicPeople
	topicDay
	topicClock
	topicTrend
	topicRequest
)

// Spellings of a word.
const (
	plain = iota
	spaced
	decomposed
	spellings
)

// scene holds what all days share; nothing changes it once made.
type scene struct {
	dice      dice
	perDay    int
	children  int
	finding   int                 // words below it find books, those from it on do not; the last is the empty one
	words     [][spellings][]byte // as JSON strings
	libraries [][]byte            // as JSON strings
	isbns     []string
	counts    wheel // how many keywords a request has, from 1
	choices   wheel // how many libraries, from 1
	popular   wheel // libraries
	ranks     wheel // books of a keyword
	slips     wheel // words that find nothing
}

func newScene(l Library) *scene {
	s := &scene{
		dice:     dice(mix(l.Seed)),
		perDay:   l.PerDay,
		children: l.ChildrenMax,
		counts:   wheel{40, 73, 90, 97, 100},
		choices:  wheel{40, 75, 100},
		ranks:    zipfWheel(booksOfKeyword),
	}
	if s.children == 0 {
		s.children = 8
	}
	for _, k := range keywords() {
		s.words = append(s.words, spell(k.text))
	}
	s.finding = len(s.words)
	for _, text := range append(misses(), "") {
		s.words = append(s.words, spell(text))
	}
	s.slips = zipfWheel(len(s.words) - s.finding - 1)
	for _, name := range libraries() {
		s.libraries = append(s.libraries, quote(name))
	}
	s.popular = zipfWheel(len(s.libraries))
	for book := range s.finding * booksOfKeyword {
		s.isbns = append(s.isbns, isbn13(book))
	}
	return s
}

func spell(word string) [spellings][]byte {
	return [spellings][]byte{plain: quote(word), spaced: quote(" " + word + "  "), decomposed: quote(norm.NFD.String(word))}
}

// quote returns text as a JSON string that keeps <, > and & as people typed them.
func quote(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic(err) // a string always encodes
	}
	return bytes.TrimSpace(b.Bytes())
}

// today is the scene on one day.
type today struct {
	*scene
	day     calendar.Day
	name    string // of the day, as the files write it
	dice    dice   // of the day's requests
	count   int    // of different requests
	clock   clock
	crowd   crowd
	wanted  wheel  // words that find books, as people want them today
	misses  int    // searches with a word that finds nothing, in millionths
	learned []bool // by slip: the search understands it now and then today
}

func (s *scene) on(day calendar.Day) today {
	number := dayNumber(day)
	d := s.dice.on(topicDay).on(number)
	count := level(s.perDay, day) * d.on(0).around(25_000) / million
	t := today{
		scene:  s,
		day:    day,
		name:   day.String(),
		dice:   s.dice.on(topicRequest).on(number),
		count:  max(1, count),
		crowd:  newCrowd(s.dice.on(topicPeople), s.perDay, day),
		misses: 250_000 * d.on(1).around(35_000) / million,
	}
	t.clock = newClock(day, t.count, s.dice.on(topicClock).on(number))
	// Each week one word of the middle is in the news.
	news := 20 + s.dice.on(topicTrend).on((number+2)/7).below(40)
	for k := range s.finding {
		weight := million / (k + 1) * d.on(2).on(k).around(120_000) / million
		if k == news {
			weight *= 4
		}
		t.wanted = t.wanted.with(weight)
	}
	for slip := range s.slips {
		t.learned = append(t.learned, d.on(3).on(slip).hits(100_000))
	}
	return t
}

// find returns a book for a word: one of its own, the popular more often than the others.
func (s *scene) find(word int, d dice) int { return word*booksOfKeyword + s.ranks.pick(d) }

// addNew appends v unless it is there.
func addNew(list []int, v int) []int {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}
