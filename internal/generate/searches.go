package generate

import (
	"bufio"
	"context"
	"encoding/hex"
	"strconv"
)

// Topics of one request.
const (
	topicID = iota
	topicUser
	topicMiss
	topicKeyword
	topicDirt
	topicLibrary
	topicFound
	topicBook
	topicRepeat
	topicSelection
)

// request is one search. Its lists keep their memory from one draw to the next.
type request struct {
	id        [36]byte
	millis    int // since midnight
	user      int64
	words     []int
	spelling  int // of the first word; the others are plain
	libraries []int
	books     []int // none when the search failed
}

// draw makes request i of the day.
func (t *today) draw(i int, r *request) dice {
	d := t.dice.on(i)
	r.id = uuid(d.on(topicID))
	r.millis = t.clock.millis(i)
	r.user = t.crowd.pick(d.on(topicUser))

	slip := t.drawWords(d, r)
	r.spelling = plain
	switch dirt := d.on(topicDirt); {
	case dirt.hits(10_000):
		r.spelling = spaced
	case dirt.hits(16_000):
		r.spelling = decomposed
	case dirt.hits(36_000) && len(r.words) < 5:
		r.words = append(r.words, r.words[0])
	case dirt.hits(40_000) && len(r.words) < 5:
		r.words = append(r.words, len(t.words)-1)
	}

	r.libraries = r.libraries[:0]
	lib := d.on(topicLibrary)
	for n := 1 + t.choices.pick(lib); len(r.libraries) < n; lib = lib.on(0) {
		r.libraries = addNew(r.libraries, t.popular.pick(lib.on(1)))
	}

	r.books = r.books[:0]
	found := d.on(topicFound).hits(990_000)
	if slip >= 0 {
		found = t.learned[slip] && d.on(topicFound).hits(200_000)
	}
	if found {
		t.drawBooks(d.on(topicBook), r)
	}
	return d
}

// drawWords fills the keywords and returns which slip is among them, -1 when all are words that find books.
func (t *today) drawWords(d dice, r *request) int {
	r.words = r.words[:0]
	k := d.on(topicKeyword)
	n := 1 + t.counts.pick(k)
	slip, at := -1, -1
	if miss := d.on(topicMiss); miss.hits(t.misses) {
		slip, at = t.slips.pick(miss.on(0)), miss.on(1).below(n)
	}
	for place := range n {
		if place == at {
			r.words = append(r.words, t.finding+slip)
			continue
		}
		r.words = addNew(r.words, t.wanted.pick(k.on(place)))
	}
	return slip
}

// drawBooks fills the list: mostly books of the request's own words, some that others look for.
func (t *today) drawBooks(d dice, r *request) {
	n := 1 + d.on(0).below(t.children)
	for try := 1; try <= 3*n && len(r.books) < n; try++ {
		b := d.on(try)
		word := r.words[b.on(0).below(len(r.words))]
		if word >= t.finding || b.on(1).hits(200_000) {
			word = t.wanted.pick(b.on(2))
		}
		r.books = addNew(r.books, t.find(word, b.on(3)))
	}
}

// each draws the day's requests in the order of time; the request is visit's until it returns.
func (t *today) each(ctx context.Context, visit func(i int, d dice, r *request) error) error {
	var r request
	for i := range t.count {
		if i%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := visit(i, t.draw(i, &r), &r); err != nil {
			return err
		}
	}
	return nil
}

// writeSearches writes the day's searches, one JSON object a line in the order of time, with its bad lines
// spread among them, and counts them in sum.
func (t *today) writeSearches(ctx context.Context, w *bufio.Writer, bad int, sum *Summary) error {
	var line []byte
	return t.each(ctx, func(i int, d dice, r *request) error {
		if len(r.books) == 0 {
			sum.Failed++
		}
		line = t.appendSearch(line[:0], r)
		if d.on(topicRepeat).hits(1000) {
			line = append(line, line...)
			sum.Repeated++
		}
		for b := bad * i / t.count; b < bad*(i+1)/t.count; b++ {
			line = t.appendBad(line, b)
		}
		_, err := w.Write(line)
		return err
	})
}

func (t *today) appendSearch(b []byte, r *request) []byte {
	b = append(b, `{"query_id":"`...)
	b = append(b, r.id[:]...)
	b = append(b, `","query_date":"`...)
	b = append(b, t.name...)
	b = append(b, `","searched_at":"`...)
	b = t.appendInstant(b, r.millis)
	b = append(b, `","user_id":"user-`...)
	b = strconv.AppendInt(b, r.user, 10)
	b = append(b, `","user_search":[`...)
	for i, word := range r.words {
		spelling := plain
		if i == 0 {
			spelling = r.spelling
		}
		b = append(b, t.words[word][spelling]...)
		b = append(b, ',')
	}
	b = append(b[:len(b)-1], `],"selected_lib":[`...)
	for _, lib := range r.libraries {
		b = append(b, t.libraries[lib]...)
		b = append(b, ',')
	}
	b = append(b[:len(b)-1], `],"isbn13_list":[`...)
	for i, book := range r.books {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, t.isbns[book]...)
		b = append(b, '"')
	}
	return append(b, "]}\n"...)
}

// appendBad appends bad line n of the day: valid JSON with one value that does not fit its type.
func (t *today) appendBad(b []byte, n int) []byte {
	id := uuid(t.dice.on(-1 - n))
	fields := [5]string{string(id[:]), t.name, t.name + "T12:00:00.000+09:00", `["정독"]`, `["파이썬"]`}
	switch n % 4 {
	case 0:
		fields[2] = "어제 저녁"
	case 1:
		fields[0] = "질의 " + strconv.Itoa(n)
	case 2:
		fields[3] = `{"name":"정독"}`
	case 3:
		fields[1] = "11월"
	}
	b = append(b, `{"query_id":"`+fields[0]+`","query_date":"`+fields[1]+`","searched_at":"`+fields[2]+`"`...)
	b = append(b, `,"user_id":"user-1","user_search":`+fields[4]+`,"selected_lib":`+fields[3]...)
	return append(b, `,"isbn13_list":[]}`+"\n"...)
}

// appendInstant appends a time of the day as 2026-11-19T13:05:22.123+09:00.
func (t *today) appendInstant(b []byte, millis int) []byte {
	b = append(b, t.name...)
	for _, part := range [3]struct {
		before byte
		value  int
	}{{'T', millis / millisOfHour}, {':', millis / 60_000 % 60}, {':', millis / 1000 % 60}} {
		b = append(b, part.before, byte('0'+part.value/10), byte('0'+part.value%10))
	}
	ms := millis % 1000
	b = append(b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
	return append(b, "+09:00"...)
}

// uuid returns a version 4 UUID as text.
func uuid(d dice) [36]byte {
	var raw [16]byte
	hi, lo := uint64(d.on(0)), uint64(d.on(1))
	for i := range 8 {
		raw[i], raw[8+i] = byte(hi>>(8*i)), byte(lo>>(8*i))
	}
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[:8], raw[:4])
	hex.Encode(text[9:13], raw[4:6])
	hex.Encode(text[14:18], raw[6:8])
	hex.Encode(text[19:23], raw[8:10])
	hex.Encode(text[24:], raw[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return text
}
