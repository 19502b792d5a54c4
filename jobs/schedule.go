package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-co-op/gocron/v2"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/store"
)

// Calendar turns the project's schedules into requests: a refresh brings yesterday's data up to date, a release mails a report.
// What was due lives in the store, one row per (schedule, day), so downtime loses nothing and a changed hour runs nothing twice.
// gocron only makes it look at the clock: it keeps no history, and its daily jobs break at midnight gaps.
type Calendar struct {
	Runner *Runner
	Mailer *Mailer  // nil releases nothing
	Alerts *Alerter // nil alerts nobody
	Beat   time.Duration
	Log    *slog.Logger

	scheduler gocron.Scheduler
	waiting   sync.WaitGroup
	mu        sync.Mutex
	turns     map[string]time.Time // when something was tried for a day last
	ahead     ahead                // by source
	out       sync.Map             // releases that are being mailed
	following atomic.Bool          // editions that follow others are being mailed
	ringing   atomic.Bool          // alerts are being sent
}

// defaultBeat is how often the calendar looks at the clock.
const defaultBeat = 5 * time.Second

// The states of an occurrence beside those of runs.
const (
	occurrenceClaimed  = "claimed"
	occurrenceSkipped  = "skipped"
	occurrenceReleased = "released"
)

// due is one schedule of the project.
type due struct {
	key      string // names its occurrences
	schedule calendar.Schedule
	begin    func(ctx context.Context, days []calendar.Day) // for days in order, claimed
}

// schedules lists every schedule of the project.
func (c *Calendar) schedules() []due {
	var all []due
	for _, r := range c.Runner.Project.Refresh {
		all = append(all, due{"refresh:" + r.Name, r.Schedule, func(ctx context.Context, days []calendar.Day) { c.refresh(ctx, r, days) }})
	}
	for _, rep := range c.Runner.Project.Reports {
		if rep.Schedule != nil && c.Mailer != nil {
			key := releaseKey(rep.Name)
			all = append(all, due{key, *rep.Schedule, func(ctx context.Context, days []calendar.Day) {
				for _, day := range days {
					c.release(ctx, key, rep, day)
				}
			}})
		}
	}
	return all
}

// Start takes up what an earlier process claimed and did not finish, and begins to follow the clock.
func (c *Calendar) Start(ctx context.Context) error {
	if err := c.resume(ctx); err != nil {
		return err
	}
	s, err := gocron.NewScheduler(gocron.WithLocation(time.UTC))
	if err != nil {
		return fmt.Errorf("start the heartbeat: %w", err)
	}
	beat := c.Beat
	if beat == 0 {
		beat = defaultBeat
	}
	tick := func() {
		if err := c.Tick(ctx, c.Runner.Now()); err != nil && !errors.Is(err, context.Canceled) {
			c.Log.Error("the calendar could not be followed; it tries again", "err", err)
		}
	}
	_, err = s.NewJob(gocron.DurationJob(beat), gocron.NewTask(tick), gocron.WithSingletonMode(gocron.LimitModeReschedule), gocron.WithStartAt(gocron.WithStartImmediately()))
	if err != nil {
		return fmt.Errorf("start the heartbeat: %w", err)
	}
	c.scheduler = s
	s.Start()
	return nil
}

// Stop ends the heartbeat and waits for what it began; close the runner first, so that this is soon.
func (c *Calendar) Stop() error {
	var err error
	if c.scheduler != nil {
		err = c.scheduler.Shutdown()
	}
	c.waiting.Wait()
	return err
}

// resume begins again what was claimed and neither finished nor is under way: the process ended in between.
func (c *Calendar) resume(ctx context.Context) error {
	for _, d := range c.schedules() {
		recent, err := c.Runner.Store.Occurrences(ctx, d.key, 2*max(c.Runner.Project.Catchup, 1))
		if err != nil {
			return err
		}
		var days []calendar.Day
		for i := len(recent) - 1; i >= 0; i-- {
			if recent[i].State == occurrenceClaimed || recent[i].State == store.StateInterrupted {
				days = append(days, recent[i].Day)
			}
		}
		if len(days) > 0 {
			d.begin(ctx, days)
		}
	}
	return nil
}

// Tick begins everything that is due at now and was not begun before. A schedule that is seen for the first time begins with
// its next instant, not with the past.
func (c *Calendar) Tick(ctx context.Context, now time.Time) error {
	var errs []error
	for _, d := range c.schedules() {
		if err := errors.Join(c.tick(ctx, d, now), c.askAgain(ctx, d)); err != nil {
			errs = append(errs, fmt.Errorf("schedule %s: %w", d.key, err))
		}
	}
	if c.Mailer != nil {
		errs = append(errs, c.watch(ctx, now))
		c.aside(ctx, &c.following, "editions that correct or complete others", func(ctx context.Context) error {
			return c.Mailer.followAll(ctx, func(report string, day calendar.Day) bool { return c.turn("follow "+report, day, true) })
		})
	}
	errs = append(errs, c.arrived(ctx, now))
	c.readAhead(ctx, now)
	if c.Alerts != nil {
		c.aside(ctx, &c.ringing, "alerts", c.Alerts.Flush)
	}
	return errors.Join(errs...)
}

func (c *Calendar) tick(ctx context.Context, d due, now time.Time) error {
	s := c.Runner.Store
	cursor := "calendar:" + d.key
	seen, err := s.Cursor(ctx, cursor)
	if err != nil {
		return err
	}
	if seen == "" {
		return s.SetCursor(ctx, cursor, now.UTC().Format(time.RFC3339))
	}
	since, err := time.Parse(time.RFC3339, seen)
	if err != nil {
		return fmt.Errorf("cursor %s: %w", cursor, err)
	}
	missed, err := c.missed(ctx, d, since, now)
	if err != nil {
		return err
	}
	days, err := c.claim(ctx, d, missed, now)
	if err != nil {
		return err
	}
	if len(missed) > 0 {
		// The cursor follows the claims: a crash in between finds them claimed.
		if err := s.SetCursor(ctx, cursor, now.UTC().Format(time.RFC3339)); err != nil {
			return err
		}
	}
	if len(days) > 0 {
		d.begin(ctx, days)
	}
	return nil
}

// occurrence is the first due instant of a day and the day it is about: the day before it in the project's zone.
type occurrence struct {
	due time.Time
	day calendar.Day
}

func (c *Calendar) missed(ctx context.Context, d due, since, now time.Time) ([]occurrence, error) {
	var list []occurrence
	for t := since; ; {
		next, _ := d.schedule.Next(t)
		if next.IsZero() || next.After(now) {
			return list, ctx.Err()
		}
		if day := calendar.DayOf(next, c.Runner.Project.Zone).Add(-1); len(list) == 0 || list[len(list)-1].day != day {
			list = append(list, occurrence{next, day})
		}
		t = next
	}
}

// claim takes the newest missed occurrences, as many as the project catches up, and notes the others as skipped.
func (c *Calendar) claim(ctx context.Context, d due, missed []occurrence, now time.Time) ([]calendar.Day, error) {
	s := c.Runner.Store
	limit := max(c.Runner.Project.Catchup, 1)
	var days []calendar.Day
	for i, o := range missed {
		claimed, err := s.ClaimOccurrence(ctx, d.key, o.day, o.due, now)
		if err != nil {
			return nil, err
		}
		switch {
		case !claimed:
		case i < len(missed)-limit:
			if err := s.FinishOccurrence(ctx, d.key, o.day, occurrenceSkipped, "", fmt.Sprintf("more than %d days were missed", limit)); err != nil {
				return nil, err
			}
		default:
			days = append(days, o.day)
		}
	}
	return days, nil
}

// refresh asks for the days in one request, so that days which look back find the days before them.
func (c *Calendar) refresh(ctx context.Context, r project.Refresh, days []calendar.Day) {
	nodes := r.Nodes
	if len(nodes) == 1 && nodes[0] == allNodes {
		nodes = nil
	}
	key := "refresh:" + r.Name
	for _, span := range spans(days) {
		h, err := c.Runner.Start(ctx, Request{Nodes: nodes, Day: span[0], Through: span[len(span)-1], Cause: "schedule", By: key})
		if err != nil {
			c.finish(ctx, key, span, store.StateFailed, "", err.Error())
			c.Log.Error("a scheduled refresh could not begin", "schedule", key, "day", span[0].String(), "err", err)
			continue
		}
		c.waiting.Go(func() {
			run, err := h.Wait(context.WithoutCancel(ctx))
			note := run.Error
			if err != nil {
				note = err.Error()
			}
			c.finish(context.WithoutCancel(ctx), key, span, run.State, run.ID, note)
		})
	}
}

// spans cuts days into runs of consecutive ones.
func spans(days []calendar.Day) [][]calendar.Day {
	var out [][]calendar.Day
	for i, d := range days {
		if i == 0 || d != days[i-1].Add(1) {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], d)
	}
	return out
}

func (c *Calendar) finish(ctx context.Context, key string, days []calendar.Day, state, run, note string) {
	for _, d := range days {
		if err := c.Runner.Store.FinishOccurrence(ctx, key, d, state, run, note); err != nil {
			c.Log.Error("an occurrence's end could not be recorded", "schedule", key, "day", d.String(), "err", err)
		}
	}
}

// pause is how long the calendar waits before it tries a day again: one that is missing at its source, or a mail that did not leave.
const pause = 10 * time.Minute

// askAgain begins the newest occurrence of a schedule again when its day was missing at the source, as files arrive late, or when a
// quota was used up: asking is free until there is some of it again. It ends when
// the schedule is due for the next day.
func (c *Calendar) askAgain(ctx context.Context, d due) error {
	o, ok, err := c.Runner.Store.LastOccurrence(ctx, d.key)
	if err != nil || !ok {
		return err
	}
	state := o.State
	if state == store.StateHeld {
		state = o.Note
	}
	missing := state == store.StateMissing || state == store.StateQuota
	if missing && c.turn("fetch "+d.key, o.Day, false) {
		d.begin(ctx, []calendar.Day{o.Day})
	}
	return nil
}

// turn reports whether something may be tried for a day now, and takes the turn. The first look is a turn only with atOnce.
func (c *Calendar) turn(what string, day calendar.Day, atOnce bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Runner.Now()
	maps.DeleteFunc(c.turns, func(_ string, last time.Time) bool { return now.Sub(last) > forgotten })
	key := what + " " + day.String()
	last, seen := c.turns[key]
	if seen && now.Sub(last) < pause {
		return false
	}
	if c.turns == nil {
		c.turns = map[string]time.Time{}
	}
	c.turns[key] = now
	return seen || atOnce
}

// forgotten is when a turn is of no use any more.
const forgotten = 7 * 24 * time.Hour

// Next lists when each schedule is due next, for the page of runs.
func (c *Calendar) Next(now time.Time) []Upcoming {
	var out []Upcoming
	for _, d := range c.schedules() {
		if t, _ := d.schedule.Next(now); !t.IsZero() {
			out = append(out, Upcoming{Schedule: d.key, Due: t, Day: calendar.DayOf(t, c.Runner.Project.Zone).Add(-1)})
		}
	}
	return out
}

// Upcoming is the next occurrence of a schedule.
type Upcoming struct {
	Schedule string // refresh:NAME or release:REPORT
	Due      time.Time
	Day      calendar.Day // that it will be about
}
