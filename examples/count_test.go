package examples_test

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"daybook/internal/calendar"
)

// search is a line of a day's searches. A search failed when it found no book, or says so itself.
type search struct {
	QueryID   string    `json:"query_id"`
	At        time.Time `json:"searched_at"`
	User      string    `json:"user_id"`
	Words     []string  `json:"user_search"`
	Libraries []string  `json:"selected_lib"`
	Books     []string  `json:"isbn13_list"`
	Success   *bool     `json:"success"`
}

func (s search) failed() bool {
	if s.Success != nil {
		return !*s.Success
	}
	return len(s.Books) == 0
}

// keywords are the words that count, in order.
func (s search) keywords() []string {
	var out []string
	for _, w := range s.Words {
		if w = strings.TrimSpace(norm.NFC.String(w)); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// lines reads a compressed file line by line.
func lines(t *testing.T, path string, each func([]byte)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(z)
	scanner.Buffer(make([]byte, 1<<20), 1<<26)
	for scanner.Scan() {
		each(scanner.Bytes())
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
}

// searches reads a day's searches, each once.
func searches(t *testing.T, path string) []search {
	t.Helper()
	var list []search
	seen := map[string]bool{}
	lines(t, path, func(line []byte) {
		var s search
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatal(err)
		}
		if !seen[s.QueryID] {
			seen[s.QueryID] = true
			list = append(list, s)
		}
	})
	return list
}

// table reads a CSV file as maps by column.
func table(t *testing.T, path string) []map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	header, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for {
		record, err := r.Read()
		if err == io.EOF {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		row := map[string]string{}
		for i, name := range header {
			row[name] = record[i]
		}
		rows = append(rows, row)
	}
}

// tally counts uses of names, and the different searches that used them.
type tally struct {
	uses, searches map[string]int64
}

func newTally() tally { return tally{map[string]int64{}, map[string]int64{}} }

// add counts the names of one search.
func (c tally) add(names []string) {
	for i, n := range names {
		c.uses[n]++
		if !slices.Contains(names[:i], n) {
			c.searches[n]++
		}
	}
}

// ranked lists rank, name, uses and searches, the greatest of by first, ties by name; limit 0 keeps all.
func (c tally) ranked(by map[string]int64, limit int) [][]any {
	names := make([]string, 0, len(by))
	for n := range by {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(by[b], by[a]), cmp.Compare(a, b)) })
	if limit > 0 && len(names) > limit {
		names = names[:limit]
	}
	rows := make([][]any, len(names))
	for i, n := range names {
		rows[i] = []any{int64(i + 1), n, c.uses[n], c.searches[n]}
	}
	return rows
}

// pick keeps some columns of rows.
func pick(rows [][]any, columns ...int) [][]any {
	out := make([][]any, len(rows))
	for i, r := range rows {
		for _, c := range columns {
			out[i] = append(out[i], r[c])
		}
	}
	return out
}

// found counts the keywords of searches that found books.
func found(list []search) tally {
	c := newTally()
	for _, s := range list {
		if !s.failed() {
			c.add(s.keywords())
		}
	}
	return c
}

// neverFound counts the keywords of which every search failed.
func neverFound(list []search) tally {
	c, good := newTally(), found(list)
	for _, s := range list {
		c.add(s.keywords())
	}
	for w := range good.uses {
		delete(c.uses, w)
		delete(c.searches, w)
	}
	return c
}

// ofLibraries and ofBooks count lists in which a name stands for its search once.
func ofLibraries(list []search) tally {
	c := newTally()
	for _, s := range list {
		c.add(s.Libraries)
	}
	return c
}

func ofBooks(list []search) tally {
	c := newTally()
	for _, s := range list {
		c.add(s.Books)
	}
	return c
}

func failures(list []search) int64 {
	var n int64
	for _, s := range list {
		if s.failed() {
			n++
		}
	}
	return n
}

// visits holds who was there on which days.
type visits map[calendar.Day]map[string]bool

// within counts the different people of the days from..to.
func (v visits) within(from, to calendar.Day) int64 {
	people := map[string]bool{}
	for day := from; !day.After(to); day = day.Add(1) {
		for user := range v[day] {
			people[user] = true
		}
	}
	return int64(len(people))
}

// retention lists cohort, week, size, users and share: weeks count back from the day, a person belongs to the first week of twelve
// in which they were there, and the newest eight weeks are shown.
func (v visits) retention(day calendar.Day) [][]any {
	const read, shown = 12, 8
	weeks := map[string][read]bool{}
	for d, people := range v {
		if age := day.Sub(d); age >= 0 && age < 7*read {
			for user := range people {
				w := weeks[user]
				w[age/7] = true
				weeks[user] = w
			}
		}
	}
	var size [read]int64
	var came [read][read]int64 // by weeks ago of the first visit, and weeks after it
	for _, w := range weeks {
		first := read - 1
		for !w[first] {
			first--
		}
		size[first]++
		for ago := first; ago >= 0; ago-- {
			if w[ago] {
				came[first][first-ago]++
			}
		}
	}
	var rows [][]any
	for first := shown - 1; first >= 0; first-- {
		for week := 0; week <= first && size[first] > 0; week++ {
			n := came[first][week]
			rows = append(rows, []any{day.Add(-6 - 7*first), int64(week), size[first], n, float64(n) / float64(size[first])})
		}
	}
	return rows
}
