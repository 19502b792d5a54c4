package generate

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

// Shop makes the records of a stationery shop in Seoul that sells abroad in US dollars and is closed on Sundays, which have no
// files. Times are local, without an offset. Dir receives, for every open day,
//
//	orders/{day}.csv              invoice,line,stock_code,quantity,ordered_at,unit_price,customer,visitor: a row for each line of an order
//	cancellations/{day}.ndjson    cancellation (C and the invoice), invoice, cancelled_at, reason, lines of stock_code, quantity (negative), unit_price
//	assignments/{day}.ndjson.gz   visitor, experiment, variant (A or B), assigned_at: who began to see which checkout
//	prices/{day}.csv              stock_code,description,category,list_price,priced_on: everything on sale
//
// An experiment lasts four weeks from a Monday and is followed by the next; 80 of 1,000 visitors of A order and 95 of B, most of them at
// once, the others within six days. One visitor of a hundred comes under both variants, and a few ordered before they were assigned.
// One order of sixteen is cancelled 1 to 13 days later, mostly in part, and an order by telephone has no visitor. A few lines come twice.
type Shop struct {
	Seed     uint64
	From, To calendar.Day // both are made; not before 2020-01-01
	PerDay   int          // visitors of a mean open day in November 2026, at most 40000
	Bad      int          // lines of each open day's orders that do not fit their types
	Dir      string
	Workers  int                   // days made at a time; zero means two. The bytes do not depend on it
	Progress func(done, total int) // when set, told the number of days done; never twice at a time
}

// ShopSummary counts what was written.
type ShopSummary struct {
	Days          int // open ones
	Closed        int
	Visitors      int // who came for the first time
	Both          int // second assignments, to the other variant
	Orders        int
	Lines         int // different lines of orders
	Cancellations int
	Repeated      int // lines that are the same as another
	Bad           int // lines that do not fit their types
	Bytes         int64
}

func (s *ShopSummary) add(o ShopSummary) {
	s.Days += o.Days
	s.Closed += o.Closed
	s.Visitors += o.Visitors
	s.Both += o.Both
	s.Orders += o.Orders
	s.Lines += o.Lines
	s.Cancellations += o.Cancellations
	s.Repeated += o.Repeated
	s.Bad += o.Bad
	s.Bytes += o.Bytes
}

// Write makes the files, each whole or not at all; files of other days stay. It refuses settings out of bounds
// (fault.Invalid) and stops between days when ctx ends.
func (s Shop) Write(ctx context.Context) (ShopSummary, error) {
	if err := s.check(); err != nil {
		return ShopSummary{}, err
	}
	for _, dir := range []string{"orders", "cancellations", "assignments", "prices"} {
		if err := os.MkdirAll(filepath.Join(s.Dir, dir), 0o755); err != nil {
			return ShopSummary{}, fmt.Errorf("make a directory for %s: %w", dir, err)
		}
	}
	m := newMarket(s)
	workers := s.Workers
	if workers == 0 {
		workers = 2
	}
	days := calendar.Range(s.From, s.To)
	var sum ShopSummary
	var done int
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for _, day := range days {
		g.Go(func() error {
			made, err := s.writeDay(ctx, m, day)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			sum.add(made)
			done++
			if s.Progress != nil {
				s.Progress(done, len(days))
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return ShopSummary{}, err
	}
	return sum, nil
}

func (s Shop) writeDay(ctx context.Context, m *market, day calendar.Day) (ShopSummary, error) {
	if closed(day) {
		return ShopSummary{Closed: 1}, nil
	}
	e, err := m.events(ctx, day)
	if err != nil {
		return ShopSummary{}, err
	}
	sum := ShopSummary{Days: 1, Visitors: e.visitors, Both: len(e.assigned) - e.visitors, Orders: len(e.orders), Cancellations: len(e.cancelled), Bad: s.Bad}
	for _, f := range []struct {
		name string
		zip  bool
		fill func(*bufio.Writer) error
	}{
		{"orders/" + day.String() + ".csv", false, func(w *bufio.Writer) error { return m.writeOrders(w, e, s.Bad, &sum) }},
		{"cancellations/" + day.String() + ".ndjson", false, func(w *bufio.Writer) error { return m.writeCancellations(w, e) }},
		{"assignments/" + day.String() + ".ndjson.gz", true, func(w *bufio.Writer) error { return m.writeAssignments(w, e) }},
		{"prices/" + day.String() + ".csv", false, func(w *bufio.Writer) error { return m.writePrices(w, day) }},
	} {
		size, err := writeFile(filepath.Join(s.Dir, f.name), f.zip, f.fill)
		if err != nil {
			return ShopSummary{}, err
		}
		sum.Bytes += size
	}
	return sum, nil
}

// mostVisitors keeps the visitors of the busiest day below the room that their numbers have.
const mostVisitors = 40_000

func (s Shop) check() error {
	refuse := func(message, hint string) error { return fault.New(fault.Invalid, message, hint) }
	switch {
	case s.To.Before(s.From):
		return refuse(fmt.Sprintf("the last day %s is before the first day %s", s.To, s.From), "swap the two days")
	case s.From.Before(opened()):
		return refuse(fmt.Sprintf("there is no example data for %s", s.From), "begin on "+opened().String()+" or later")
	case s.PerDay < 1 || s.PerDay > mostVisitors:
		return refuse(fmt.Sprintf("%d visitors a day cannot be made", s.PerDay), fmt.Sprintf("ask for 1 to %d", mostVisitors))
	case s.Bad < 0:
		return refuse(fmt.Sprintf("%d bad lines cannot be made", s.Bad), "ask for 0 or more")
	case s.Workers < 0:
		return refuse(fmt.Sprintf("%d workers cannot work", s.Workers), "ask for 1 or more, or 0 for two")
	case s.Dir == "":
		return refuse("no directory is named", "name the directory that receives the files")
	}
	return nil
}

// closed tells the days on which the shop does nothing.
func closed(day calendar.Day) bool { return day.Weekday() == time.Sunday }

// openFrom is the day, or the first open one after it.
func openFrom(day calendar.Day) calendar.Day {
	for closed(day) {
		day = day.Add(1)
	}
	return day
}
