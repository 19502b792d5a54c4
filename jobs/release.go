package jobs

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/store"
)

// release brings a report's day up to date and takes it to the gate. What is not right is held, with the reason, and looked at
// again at every beat.
func (c *Calendar) release(ctx context.Context, key string, r project.Report, day calendar.Day) {
	h, err := c.Runner.Start(ctx, Request{Nodes: []string{r.Name}, Day: day, Cause: "schedule", By: key})
	if err != nil {
		c.finish(ctx, key, []calendar.Day{day}, store.StateHeld, "", err.Error())
		return
	}
	c.waiting.Go(func() {
		ctx := context.WithoutCancel(ctx)
		run, err := h.Wait(ctx)
		switch {
		case err != nil:
			c.finish(ctx, key, []calendar.Day{day}, store.StateHeld, "", err.Error())
		case run.State == store.StateInterrupted:
			c.finish(ctx, key, []calendar.Day{day}, run.State, run.ID, "")
		case run.State != store.StateDone && c.isReleased(ctx, key, day): // by hand, or by its deadline, while this ran
		case run.State != store.StateDone:
			c.finish(ctx, key, []calendar.Day{day}, store.StateHeld, run.ID, heldBecause(run))
		default:
			c.turn("mail "+key, day, true)
			c.letOut(ctx, r.Name, day, run.ID, c.Mailer.gate)
		}
	})
}

// isReleased reports whether an occurrence has been released since.
func (c *Calendar) isReleased(ctx context.Context, key string, day calendar.Day) bool {
	recent, err := c.Runner.Store.Occurrences(ctx, key, heldFor)
	return err == nil && slices.ContainsFunc(recent, func(o store.Occurrence) bool { return o.Day == day && o.State == occurrenceReleased })
}

func heldBecause(run store.Run) string {
	if run.Error != "" {
		return run.Error
	}
	return run.State
}

// letOut asks the gate and writes its verdict into the occurrence.
func (c *Calendar) letOut(ctx context.Context, report string, day calendar.Day, run string, ask func(context.Context, string, calendar.Day) (verdict, error)) {
	key := releaseKey(report) + " " + day.String()
	if _, busy := c.out.LoadOrStore(key, true); busy { // ten minutes are not enough for every list
		return
	}
	defer c.out.Delete(key)
	v, err := ask(ctx, report, day)
	if err != nil {
		c.Log.Error("a report was not mailed to everybody", "report", report, "day", day.String(), "err", err)
		if v.out.Planned == 0 {
			v.state, v.note = store.StateHeld, err.Error()
		} else if v.state == store.StateHeld {
			v.note = err.Error()
		}
	}
	if v.note == "" && v.state == store.StateHeld {
		return // as it was
	}
	c.finish(ctx, releaseKey(report), []calendar.Day{day}, v.state, run, v.note)
	if v.state == occurrenceReleased && c.Alerts != nil {
		c.Alerts.delivered(ctx, report, day, v.note)
	}
}

// heldFor is how many newest occurrences of a release are looked at again.
const heldFor = 7

// watch looks again at what is held: somebody reran what had failed, or the mail server is back, or the deadline has come.
func (c *Calendar) watch(ctx context.Context, now time.Time) error {
	for _, r := range c.Runner.Project.Reports {
		recent, err := c.Runner.Store.Occurrences(ctx, releaseKey(r.Name), heldFor)
		if err != nil {
			return err
		}
		for i, o := range recent {
			if i == 0 && c.Alerts != nil {
				c.Alerts.punctual(ctx, c.Mailer, r, o, now)
			}
			if o.State == store.StateHeld {
				c.again(ctx, r, o, now)
			}
		}
	}
	return nil
}

// again takes a held report to the gate when its builds have become fresh, and decides about it once its deadline has come.
func (c *Calendar) again(ctx context.Context, r project.Report, o store.Occurrence, now time.Time) {
	ask := c.Mailer.gate
	if !c.Runner.fresh(ctx, r.Name, o.Day) {
		deadline, ok := c.Mailer.Deadline(r.Name, o.Day)
		_, held, err := c.Runner.Store.Hold(ctx, r.Name, o.Day)
		if err != nil || held || !ok || now.Before(deadline) || r.IfLate == "hold" {
			return
		}
		ask = c.Mailer.late
	}
	if c.turn("mail "+releaseKey(r.Name), o.Day, true) {
		c.waiting.Go(func() { c.letOut(context.WithoutCancel(ctx), r.Name, o.Day, o.Run, ask) })
	}
}

// aside sends what may take long and waits for no beat, unless the one before is still at it.
func (c *Calendar) aside(ctx context.Context, busy *atomic.Bool, what string, send func(context.Context) error) {
	if !busy.CompareAndSwap(false, true) {
		return
	}
	c.waiting.Go(func() {
		defer busy.Store(false)
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		defer context.AfterFunc(c.Runner.life, cancel)()
		if err := send(ctx); err != nil && ctx.Err() == nil {
			c.Log.Error("not everything that people should hear of was sent; it is tried again", "what", what, "err", err)
		}
	})
}
