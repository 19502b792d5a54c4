package jobs

import (
	"context"
	"strings"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/source"
	"daybook/internal/store"
)

// Arrivals lists the queues that the project's sources name.
func (r *Runner) Arrivals(ctx context.Context) ([]*source.Arrivals, error) {
	return source.NewArrivals(ctx, r.Project.Sources, source.Request{Secret: r.Secret, Wait: wait})
}

// Await follows a queue that tells of new objects until ctx or the runner ends.
func (r *Runner) Await(ctx context.Context, queue *source.Arrivals) {
	broken := false
	for ctx.Err() == nil && r.life.Err() == nil {
		err := queue.Receive(ctx, r.Arrived)
		if err != nil && ctx.Err() == nil && r.life.Err() == nil {
			if !broken { // once, not at every try
				r.Log.Error("the queue of new objects cannot be followed; it is tried again", "queue", queue.URL, "err", err)
			}
			_ = wait(ctx, listenPause) // the loop sees why it ended
		}
		broken = err != nil
	}
}

// arrivals begins the name of the cursor that says when something new came of a source's day last.
const arrivals = "arrival "

// Arrived notes that a source has something new of a day; the calendar builds it once nothing more has come for a while. A day that is
// not over is left to its schedule: it will have more.
func (r *Runner) Arrived(ctx context.Context, name string, day calendar.Day) error {
	n, err := r.Graph.Node(name)
	if err != nil {
		return err
	}
	now := r.Now()
	if yesterday := calendar.DayOf(now, n.Source.Zone).Add(-1); day.After(yesterday) {
		return nil
	}
	return r.Store.SetCursor(ctx, arrivals+name+" "+day.String(), now.UTC().Format(time.RFC3339Nano))
}

// arrived begins what has come and settled.
func (c *Calendar) arrived(ctx context.Context, now time.Time) error {
	found, err := c.Runner.Store.Cursors(ctx, arrivals)
	if err != nil {
		return err
	}
	for cursor, value := range found {
		name, text, _ := strings.Cut(strings.TrimPrefix(cursor, arrivals), " ")
		day, dayErr := calendar.ParseDay(text)
		last, timeErr := time.Parse(time.RFC3339Nano, value)
		n := c.Runner.Graph.nodes[name]
		if n == nil || n.Source == nil || dayErr != nil || timeErr != nil { // of a source that the project does not have any more
			if err := c.Runner.Store.DropCursor(ctx, cursor, value); err != nil {
				return err
			}
			continue
		}
		if now.Sub(last) < n.Source.S3.Settle || !c.turn("arrival "+value+" "+name, day, true) {
			continue
		}
		c.waiting.Go(func() {
			err := c.Runner.buildArrived(ctx, n, day)
			if err == nil {
				err = c.Runner.Store.DropCursor(ctx, cursor, value) // more that came meanwhile has another value
			}
			if err != nil && ctx.Err() == nil && c.Runner.life.Err() == nil {
				c.Log.Error("a day that arrived could not be built; it is tried again", "source", name, "day", text, "err", err)
			}
		})
	}
	return nil
}

// buildArrived builds a day with all that reads the source. One that was fetched before is fetched again, as what is new is not in the
// lake; where that brings the same bytes, nothing else is built.
func (r *Runner) buildArrived(ctx context.Context, n *Node, day calendar.Day) error {
	by := "s3:" + n.Name
	if _, built := r.ledger.at(n.Key(day)); built {
		run, err := r.Run(ctx, Request{Nodes: []string{n.Name}, Day: day, Force: ForceFetch, Cause: "arrival", By: by})
		if err != nil || run.State != store.StateDone {
			return err // what failed is told as every failure is
		}
	}
	_, err := r.Run(ctx, Request{Nodes: keys(r.Graph.Downstream(n.Name)), Day: day, Cause: "arrival", By: by})
	return err
}
