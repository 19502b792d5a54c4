package jobs

import (
	"context"
	"fmt"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/source"
	"daybook/internal/store"
)

// Await follows queues that tell of new objects until ctx or the runner ends, and builds the days that have them.
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

// Arrived builds a day of which a source has something new, with all that reads it. A day that is not over is left to its schedule: it
// will have more. A day that was fetched before is fetched again, as what is new is not in the lake.
func (r *Runner) Arrived(ctx context.Context, name string, day calendar.Day) error {
	n, err := r.Graph.Node(name)
	if err != nil {
		return err
	}
	yesterday := calendar.DayOf(r.Now(), r.Project.Zone).Add(-1)
	if n.Current {
		day = yesterday
	}
	if day.After(yesterday) {
		return nil
	}
	by := "s3:" + name
	if _, built := r.ledger.at(n.Key(day)); built {
		run, err := r.Run(ctx, Request{Nodes: []string{name}, Day: day, Force: ForceFetch, Cause: "arrival", By: by})
		if err != nil {
			return err
		}
		if run.State != store.StateDone {
			return arrivalFailed(run)
		}
	}
	run, err := r.Run(ctx, Request{Nodes: keys(r.Graph.Downstream(name)), Day: day, Cause: "arrival", By: by})
	if err != nil {
		return err
	}
	if run.State == store.StateInterrupted {
		return arrivalFailed(run)
	}
	return nil // what failed is told as every failure is, and nothing that comes again would mend it
}

func arrivalFailed(run store.Run) error {
	return fault.New(fault.Unavailable, fmt.Sprintf("run %d is %s: %s", run.Number, run.State, run.Error), "it is asked for again when the queue tells of it again")
}
