package jobs

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/store"
)

// ahead is when streams were read ahead last, and which are being read.
type ahead struct {
	last map[string]time.Time
	busy map[string]bool
}

// readAhead reads on in the streams of the project while their day runs, so that their beginning is in the lake before it is gone
// from the stream. The day before is read too, until its end is known.
func (c *Calendar) readAhead(ctx context.Context, now time.Time) {
	for _, n := range c.Runner.Graph.Order {
		if n.Source == nil || n.Source.Stream.Follow == 0 || !c.mayReadAhead(n, now) {
			continue
		}
		c.waiting.Go(func() {
			defer c.hasReadAhead(n)
			today := calendar.DayOf(now, n.Source.Zone)
			for _, day := range []calendar.Day{today.Add(-1), today} {
				err := c.Runner.readAhead(ctx, n, day)
				if err != nil && ctx.Err() == nil && !fault.Is(err, fault.Unavailable) {
					c.Log.Error("a stream could not be read ahead; it is tried again", "source", n.Name, "day", day.String(), "err", err)
				}
			}
		})
	}
}

func (c *Calendar) mayReadAhead(n *Node, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ahead.busy[n.Name] || now.Sub(c.ahead.last[n.Name]) < n.Source.Stream.Follow {
		return false
	}
	if c.ahead.busy == nil {
		c.ahead = ahead{map[string]time.Time{}, map[string]bool{}}
	}
	c.ahead.busy[n.Name], c.ahead.last[n.Name] = true, now
	return true
}

func (c *Calendar) hasReadAhead(n *Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.ahead.busy, n.Name)
}

// readAhead fetches what there is of a source's day. While the day runs it ends with a fault of code unavailable, and what it has read
// is kept for the next one, or for the run that fetches the whole day. A build of that day that is under way does this work itself.
func (r *Runner) readAhead(ctx context.Context, n *Node, day calendar.Day) (err error) {
	cell := n.Key(day)
	r.mu.Lock()
	if r.flights[cell] != nil {
		r.mu.Unlock()
		return nil
	}
	r.flights[cell] = &flight{done: make(chan struct{})}
	r.mu.Unlock()
	defer r.land(cell)
	defer r.busyUntilDone()()
	ctx, cancel := context.WithTimeout(ctx, r.Project.Timeout)
	defer cancel()
	defer context.AfterFunc(r.life, cancel)()
	defer func() {
		if p := recover(); p != nil {
			err = fault.New("panic", fmt.Sprintf("reading %s ahead panicked: %v\n%s", n.Name, p, debug.Stack()), "this is a defect of Daybook: please report it")
		}
	}()
	w := &work{Runner: r, node: n, day: day, cell: cell, run: store.Run{ID: "ahead"}, task: &store.Task{}, log: func(level, format string, args ...any) {
		if level != "info" {
			r.Log.Warn(fmt.Sprintf(format, args...), "source", n.Name, "day", day.String())
		}
	}}
	_, err = w.fetch(ctx)
	return err
}
