// Package generate makes example data that looks lived in: every value follows from seed, day and place alone, whoever makes it and in whatever order.
package generate

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

// Library makes the records of a book search used in twenty libraries, in the time zone of Seoul (+09:00). Dir receives
//
//	searches/{day}.ndjson.gz   query_id (UUID), query_date, searched_at, user_id, user_search 1-5 texts,
//	                           selected_lib 1-3 texts, isbn13_list 0-ChildrenMax texts (none: a failed search)
//	selections/{day}.csv       id,query_id,isbn13,user_id,selected_at: books chosen from a list that was found
//	books.csv                  isbn13,title,authors,publisher,class_no,registered_on: the catalogue, the same for every day
//
// About a fourth of the searches fail. A few lines come twice; a few keywords are empty, repeated, surrounded by
// spaces or written in decomposed Hangul.
type Library struct {
	Seed        uint64
	From, To    calendar.Day // both are made; not before 2020-01-01
	PerDay      int          // requests of a mean day in November 2026, at most ten million; weekdays have more, each week about a percent more than the last
	ChildrenMax int          // longest isbn13_list, at most 50; zero means 8
	Bad         int          // lines of each day's searches that do not fit their types, beyond PerDay
	Dir         string
	Workers     int                   // days made at a time; zero means two. The bytes do not depend on it
	Progress    func(done, total int) // when set, told the number of days done; never twice at a time
}

// Summary counts what was written.
type Summary struct {
	Days       int
	Requests   int // different requests, the failed among them
	Failed     int // requests whose isbn13_list is empty
	Repeated   int // lines that are the same as another
	Bad        int // lines that do not fit their types
	Selections int
	Books      int
	Bytes      int64 // of the files on disk
}

func (s *Summary) add(o Summary) {
	s.Days += o.Days
	s.Requests += o.Requests
	s.Failed += o.Failed
	s.Repeated += o.Repeated
	s.Bad += o.Bad
	s.Selections += o.Selections
	s.Books += o.Books
	s.Bytes += o.Bytes
}

// Write makes the files, each whole or not at all; files of other days stay. It refuses settings out of bounds
// (fault.Invalid) and stops between requests when ctx ends.
func (l Library) Write(ctx context.Context) (Summary, error) {
	if err := l.check(); err != nil {
		return Summary{}, err
	}
	if l.Dir == "" {
		return Summary{}, fault.New(fault.Invalid, "no directory is named", "name the directory that receives the files")
	}
	for _, dir := range []string{"searches", "selections"} {
		if err := os.MkdirAll(filepath.Join(l.Dir, dir), 0o755); err != nil {
			return Summary{}, fmt.Errorf("make a directory for %s: %w", dir, err)
		}
	}
	s := newScene(l)
	var sum Summary
	var err error
	sum.Bytes, err = writeFile(filepath.Join(l.Dir, "books.csv"), false, func(w *bufio.Writer) error {
		sum.Books, err = writeBooks(w, s.dice.on(topicBooks))
		return err
	})
	if err != nil {
		return Summary{}, err
	}
	days := calendar.Range(l.From, l.To)
	workers := l.Workers
	if workers == 0 {
		workers = 2
	}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for _, day := range days {
		g.Go(func() error {
			made, err := l.writeDay(ctx, s.on(day))
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			sum.add(made)
			if l.Progress != nil {
				l.Progress(sum.Days, len(days))
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return Summary{}, err
	}
	return sum, nil
}

func (l Library) writeDay(ctx context.Context, t today) (Summary, error) {
	sum := Summary{Days: 1, Requests: t.count, Bad: l.Bad}
	searches := filepath.Join(l.Dir, "searches", t.day.String()+".ndjson.gz")
	size, err := writeFile(searches, true, func(w *bufio.Writer) error { return t.writeSearches(ctx, w, l.Bad, &sum) })
	if err != nil {
		return Summary{}, err
	}
	sum.Bytes += size
	selections := filepath.Join(l.Dir, "selections", t.day.String()+".csv")
	size, err = writeFile(selections, false, func(w *bufio.Writer) error { return t.writeSelections(ctx, w, &sum) })
	if err != nil {
		return Summary{}, err
	}
	sum.Bytes += size
	return sum, nil
}

func (l Library) check() error {
	refuse := func(message, hint string) error { return fault.New(fault.Invalid, message, hint) }
	switch {
	case l.To.Before(l.From):
		return refuse(fmt.Sprintf("the last day %s is before the first day %s", l.To, l.From), "swap the two days")
	case l.From.Before(opened()):
		return refuse(fmt.Sprintf("there is no example data for %s", l.From), "begin on "+opened().String()+" or later")
	case l.PerDay < 1 || l.PerDay > 10*million:
		return refuse(fmt.Sprintf("%d requests a day cannot be made", l.PerDay), "ask for 1 to 10000000")
	case l.ChildrenMax < 0 || l.ChildrenMax > 50:
		return refuse(fmt.Sprintf("%d books for a search cannot be made", l.ChildrenMax), "ask for 1 to 50, or 0 for 8")
	case l.Bad < 0:
		return refuse(fmt.Sprintf("%d bad lines cannot be made", l.Bad), "ask for 0 or more")
	case l.Workers < 0:
		return refuse(fmt.Sprintf("%d workers cannot work", l.Workers), "ask for 1 or more, or 0 for two")
	}
	return nil
}
