// Package jobs keeps nodes up to date: what depends on what, what is stale and why, and the one Runner through which schedule, buttons, backfills, command line and API ask for work.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/store"
	"daybook/internal/warehouse"
)

// Runner is the only door to work. Set the fields, then Open it.
type Runner struct {
	Project   *project.Project
	Graph     *Graph
	Store     *store.Store
	Lake      lake.Lake
	Warehouse warehouse.Warehouse
	Now       func() time.Time
	Log       *slog.Logger
	Temp      string                                         // a directory for scratch files
	Backoff   func(attempt int) time.Duration                // how long after a failed attempt the next one begins
	Ended     func(context.Context, store.Run, []store.Task) // called when a run has ended; may be nil
	Secret    func(ctx context.Context, ref string) (string, error)
	Collected func(ctx context.Context, source string, d calendar.Day) ([]source.Segment, error) // what was sent to /collect for a day
	Failpoint func(name string)                                                                  // called at named points of a task; tests crash there; may be nil

	epoch  int64
	ledger *ledger
	pools  map[string]chan struct{}

	life   context.Context // ends when the runner is closed: what runs then is interrupted, not canceled
	end    context.CancelCauseFunc
	active sync.WaitGroup

	mu         sync.Mutex
	flights    map[Cell]*flight
	publishing turns
	running    map[string]*Running
}

// flight is a build under way. Who else wants it waits for done and looks again.
type flight struct {
	done chan struct{}
	run  int64
}

// errClosed is the cause of an end that nobody asked for: the process is stopping.
var errClosed = errors.New("daybook is stopping")

// errCanceled is the cause of an end that a person asked for.
var errCanceled = errors.New("canceled")

// Open begins an epoch: work that an earlier process left is marked interrupted, and builds that the warehouse does not
// confirm are forgotten, so that the next run makes them again.
func (r *Runner) Open(ctx context.Context) error {
	if r.Secret == nil {
		r.Secret = func(context.Context, string) (string, error) {
			return "", fault.New(fault.Refused, "there are no secrets here", "")
		}
	}
	if r.Backoff == nil {
		r.Backoff = backoff
	}
	r.life, r.end = context.WithCancelCause(context.WithoutCancel(ctx))
	r.flights, r.running = map[Cell]*flight{}, map[string]*Running{}
	r.pools = map[string]chan struct{}{}
	for name, size := range r.Project.Pools {
		r.pools[name] = make(chan struct{}, size)
	}
	epoch, interrupted, err := r.Store.BeginEpoch(ctx, r.Now())
	if err != nil {
		return fmt.Errorf("begin an epoch: %w", err)
	}
	r.epoch = epoch
	if interrupted > 0 {
		r.Log.Warn("tasks were interrupted when daybook last stopped; the next run makes them again", "tasks", interrupted)
	}
	if err := r.Lake.Sweep(ctx); err != nil {
		// One damaged manifest is the trouble of its own build, not of the whole project.
		r.Log.Error("the lake could not be swept", "err", err)
	}
	if r.ledger, err = openLedger(ctx, r.Store, r.Graph); err != nil {
		return err
	}
	return r.repair(ctx)
}

// Close interrupts what runs and waits for it to end.
func (r *Runner) Close() {
	r.end(errClosed)
	r.active.Wait()
}

// busyUntilDone lets Close wait for work that is no run, until the function that it returns is called.
func (r *Runner) busyUntilDone() func() {
	r.active.Add(1)
	return r.active.Done
}

// repair makes the ledger agree with the warehouse's own load records, which decide what was loaded: a crash between the
// two commits leaves a build that the warehouse knows otherwise, and a replaced warehouse file knows none. The lake's raw
// manifests decide in the same way what was fetched.
func (r *Runner) repair(ctx context.Context) error {
	records, err := r.Warehouse.Records(ctx)
	if err != nil {
		return fmt.Errorf("read the warehouse's load records: %w", err)
	}
	loaded := map[Cell]warehouse.Record{}
	for _, rec := range records {
		loaded[Cell{rec.Node, rec.Day}] = rec
	}
	forgotten := 0
	for _, n := range r.Graph.Order {
		for _, day := range r.ledger.days(n.Name) {
			cell := Cell{n.Name, day}
			switch {
			case n.Source != nil:
				r.compareRaw(ctx, cell)
			case n.Query != nil && !r.holds(cell, loaded[cell]):
				r.ledger.drop(cell)
				forgotten++
			}
		}
	}
	if forgotten > 0 {
		r.Log.Warn("the warehouse does not hold these builds; the next run makes them again", "builds", forgotten)
	}
	return nil
}

// holds reports whether a load record is that of the build in the ledger.
func (r *Runner) holds(c Cell, rec warehouse.Record) bool {
	b, _ := r.ledger.at(c)
	return rec.Fingerprint == b.Fingerprint && rec.Output == b.Output
}

// confirm compares one build with its load record after an end that leaves open what was committed.
func (r *Runner) confirm(ctx context.Context, c Cell) {
	switch n := r.Graph.nodes[c.Node]; {
	case n.Source != nil: // it may have been fetched and not staged
		r.compareRaw(ctx, c)
		return
	case n.Query == nil:
		return
	}
	rec, _, err := r.Warehouse.Record(ctx, c.Node, c.Day)
	if err != nil || !r.holds(c, rec) {
		r.ledger.drop(c)
	}
}

// compareRaw makes a source's build stale whose raw bytes were fetched again and not staged since. Bytes that are gone say nothing.
func (r *Runner) compareRaw(ctx context.Context, c Cell) {
	m, err := r.Lake.Manifest(ctx, lake.Key{Layer: lake.Raw, Node: c.Node, Day: c.Day})
	if b, ok := r.ledger.at(c); err == nil && ok && b.Fingerprint != digest(b.Definition, m.Hash()) {
		r.ledger.doubt(c)
	}
}

// backoff doubles from one second to a minute.
func backoff(attempt int) time.Duration {
	return min(time.Second<<min(attempt-1, 6), time.Minute)
}

// Running is a run that was started.
type Running struct {
	Run  store.Run // as it was when it started
	Plan Plan

	cancel context.CancelCauseFunc
	done   chan struct{}
	last   store.Run
	err    error
}

// Wait returns the run as it ended.
func (h *Running) Wait(ctx context.Context) (store.Run, error) {
	select {
	case <-h.done:
		return h.last, h.err
	case <-ctx.Done():
		return store.Run{}, ctx.Err()
	}
}

// Start plans a request and begins it. A forced request for a build that is under way is refused; any other joins it.
func (r *Runner) Start(ctx context.Context, req Request) (*Running, error) {
	plan, err := r.Plan(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := r.busy(plan); err != nil {
		return nil, err
	}
	run := store.Run{Cause: req.Cause, By: req.By, Reason: req.Reason, Day: req.Day, Through: req.Through, Nodes: req.Nodes,
		Force: req.Force, State: store.StateRunning, Epoch: r.epoch, Asked: r.Now(), Started: r.Now(), Tasks: len(plan.Steps)}
	if run.Through.IsZero() {
		run.Through = run.Day
	}
	if err := r.Store.CreateRun(ctx, &run); err != nil {
		return nil, fmt.Errorf("record the run: %w", err)
	}
	tasks := make([]store.Task, len(plan.Steps))
	for i, s := range plan.Steps {
		tasks[i] = store.Task{Run: run.ID, Node: s.Cell.Node, Kind: s.Kind, Day: s.Cell.Day, State: store.StateWaiting, Why: s.Why.String(), Epoch: r.epoch}
	}
	if err := r.Store.AddTasks(ctx, tasks); err != nil {
		return nil, fmt.Errorf("record the tasks of run %d: %w", run.Number, err)
	}
	runCtx, cancel := context.WithCancelCause(r.life)
	h := &Running{Run: run, Plan: plan, cancel: cancel, done: make(chan struct{})}
	r.mu.Lock()
	r.running[run.ID] = h
	r.mu.Unlock()
	r.active.Go(func() {
		defer cancel(nil)
		h.last, h.err = newExecution(r, req, run, plan, tasks).execute(runCtx)
		r.mu.Lock()
		delete(r.running, run.ID)
		r.mu.Unlock()
		close(h.done)
	})
	return h, nil
}

// Run starts a request and waits for its end. Ending ctx cancels the run.
func (r *Runner) Run(ctx context.Context, req Request) (store.Run, error) {
	h, err := r.Start(ctx, req)
	if err != nil {
		return store.Run{}, err
	}
	stop := context.AfterFunc(ctx, func() { h.cancel(errCanceled) })
	defer stop()
	return h.Wait(context.WithoutCancel(ctx))
}

// Cancel ends a run that is under way; what it has built stays. A run that has ended is a fault of code refused.
func (r *Runner) Cancel(run string) error {
	r.mu.Lock()
	h, ok := r.running[run]
	r.mu.Unlock()
	if !ok {
		return fault.New(fault.Refused, "the run has ended already", "look at its tasks")
	}
	h.cancel(errCanceled)
	return nil
}

// busy refuses a plan that forces a build which is under way.
func (r *Runner) busy(plan Plan) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range plan.Steps {
		if f := r.flights[s.Cell]; f != nil && s.Forced {
			if f.run == 0 {
				return fault.New(fault.Busy, fmt.Sprintf("%s is being read ahead", s.Cell), "try again in a moment")
			}
			return fault.New(fault.Busy, fmt.Sprintf("%s is being built by run %d", s.Cell, f.run), fmt.Sprintf("wait for it, or open /runs/%d", f.run))
		}
	}
	return nil
}

// board claims a build. When another run has it, board waits for that one to land first.
func (r *Runner) board(ctx context.Context, c Cell, run int64) error {
	for {
		r.mu.Lock()
		f := r.flights[c]
		if f == nil {
			r.flights[c] = &flight{done: make(chan struct{}), run: run}
			r.mu.Unlock()
			return nil
		}
		r.mu.Unlock()
		select {
		case <-f.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (r *Runner) land(c Cell) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.flights[c].done)
	delete(r.flights, c)
}
