package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/store"
)

// execution is one run under way: its tasks, and what each waits for.
type execution struct {
	runner *Runner
	req    Request
	asked  store.Run // the run as it started
	run    store.Run // with the counts of now
	plan   Plan
	tasks  []store.Task
	index  map[Cell]int
	needs  [][]int // steps that must end before step i
	bound  [][]int // those of them whose failure skips step i: the inputs of its own day
	ended  []chan struct{}

	observe sync.Mutex
	count   sync.Mutex
	lines   buffer
}

func newExecution(r *Runner, req Request, run store.Run, plan Plan, tasks []store.Task) *execution {
	x := &execution{runner: r, req: req, asked: run, run: run, plan: plan, tasks: tasks, index: map[Cell]int{}}
	days := map[string][]calendar.Day{}
	for i, s := range plan.Steps {
		x.index[s.Cell] = i
		days[s.Cell.Node] = append(days[s.Cell.Node], s.Cell.Day)
		x.ended = append(x.ended, make(chan struct{}))
	}
	for _, s := range plan.Steps {
		node := r.Graph.nodes[s.Cell.Node]
		var needs, bound []int
		for _, in := range r.Graph.reads(node, s.Cell.Day, func(name string) []calendar.Day { return days[name] }) {
			j, planned := x.index[in.cell]
			if !planned {
				continue
			}
			needs = append(needs, j)
			if in.cell.Day == s.Cell.Day || in.cell.Day.IsZero() || node.Publication != nil { // nothing of a mart that failed goes out
				bound = append(bound, j)
			}
		}
		x.needs, x.bound = append(x.needs, needs), append(x.bound, bound)
	}
	return x
}

// execute runs every task, each once what it reads has ended, and records the run's end.
func (x *execution) execute(ctx context.Context) (store.Run, error) {
	var wg sync.WaitGroup
	stop := x.flushing(ctx)
	for i := range x.plan.Steps {
		wg.Go(func() {
			defer close(x.ended[i])
			x.follow(ctx, i)
		})
	}
	wg.Wait()
	stop()
	x.run.Ended = x.runner.Now()
	x.run.State = x.outcome(ctx)
	// The end is recorded even when the run was canceled.
	if err := x.runner.Store.UpdateRun(context.WithoutCancel(ctx), x.run); err != nil {
		return x.run, fmt.Errorf("record the end of run %d: %w", x.run.Number, err)
	}
	if x.runner.Ended != nil {
		x.runner.Ended(context.WithoutCancel(ctx), x.run, x.tasks)
	}
	return x.run, nil
}

// outcome is the worst that happened.
func (x *execution) outcome(ctx context.Context) string {
	if slices.ContainsFunc(x.tasks, func(t store.Task) bool { return t.State == store.StateCanceled || t.State == store.StateInterrupted }) {
		return endState(ctx)
	}
	state := store.StateDone
	for _, t := range x.tasks {
		switch t.State {
		case store.StateFailed:
			x.run.Error = fmt.Sprintf("%s: %s", Cell{t.Node, t.Day}, t.Error)
			return store.StateFailed
		case store.StateMissing, store.StateQuota:
			state = t.State
		}
	}
	return state
}

// endState tells a run that a person canceled from one that stopped with the process.
func endState(ctx context.Context) string {
	if errors.Is(context.Cause(ctx), errClosed) {
		return store.StateInterrupted
	}
	return store.StateCanceled
}

// follow takes one task from waiting to its end.
func (x *execution) follow(ctx context.Context, i int) {
	for _, j := range x.needs[i] {
		select {
		case <-x.ended[j]:
		case <-ctx.Done():
			x.finish(ctx, i, outcome{state: endState(ctx)}, nil)
			return
		}
	}
	for _, j := range x.bound[i] {
		if s := x.tasks[j].State; s != store.StateDone {
			x.tasks[i].Why = Why{"skipped", x.tasks[j].Node}.String()
			x.finish(ctx, i, outcome{state: store.StateSkipped}, nil)
			return
		}
	}
	cell := x.plan.Steps[i].Cell
	if in := x.runner.nothingOf(x.runner.Graph.nodes[cell.Node]); in != "" {
		x.tasks[i].Why = Why{"skipped", in}.String()
		x.finish(ctx, i, outcome{state: store.StateSkipped}, nil)
		return
	}
	if err := x.runner.board(ctx, cell, x.asked.Number); err != nil {
		x.finish(ctx, i, outcome{state: endState(ctx)}, nil)
		return
	}
	defer x.runner.land(cell)
	if x.settled(ctx, i) {
		return
	}
	pool := x.runner.pools[x.runner.Graph.nodes[cell.Node].Pool]
	select {
	case pool <- struct{}{}:
		defer func() { <-pool }()
	case <-ctx.Done():
		x.finish(ctx, i, outcome{state: endState(ctx)}, nil)
		return
	}
	x.attempts(ctx, i)
}

// nothingOf names an input of a current state of which no day was ever built, empty when there is none. Days that failed are
// to a current state what they are to a lookback: what was built of them before, or absent.
func (r *Runner) nothingOf(n *Node) string {
	for _, in := range n.Inputs {
		if n.Current && len(r.ledger.days(in)) == 0 {
			return in
		}
	}
	return ""
}

// settled ends a task that has nothing left to do: its inputs came out as they were, or another run has built it since the plan.
func (x *execution) settled(ctx context.Context, i int) bool {
	step := x.plan.Steps[i]
	if step.Forced {
		return false
	}
	r, node := x.runner, x.runner.Graph.nodes[step.Cell.Node]
	b, ok := r.ledger.at(step.Cell)
	if !ok || b.Definition != node.Definition || b.Fingerprint == "" || node.Source != nil && node.Current && b.AsOf.Before(x.day(i)) {
		return false
	}
	if node.Source != nil && len(node.Inputs) > 0 {
		if why, err := r.changedFor(ctx, node, x.day(i)); err != nil || !why.IsZero() {
			return false
		}
	}
	if node.Source == nil {
		if fp, _ := r.Graph.fingerprint(node, x.day(i), r.ledger); fp != b.Fingerprint {
			return false
		}
		if why, err := r.released(ctx, node, x.day(i)); err != nil || !why.IsZero() {
			return false
		}
	}
	x.tasks[i].Why = Why{Code: "unchanged"}.String()
	x.tasks[i].Rows, x.tasks[i].Fingerprint, x.tasks[i].Output = b.Rows, b.Fingerprint, b.Output
	x.finish(ctx, i, outcome{state: store.StateDone}, nil)
	return true
}

// day is the day asked for: a current state is made as of the run's last day.
func (x *execution) day(i int) calendar.Day {
	if d := x.plan.Steps[i].Cell.Day; !d.IsZero() {
		return d
	}
	return x.asked.Through
}

// attempts tries a task until it succeeds, cannot succeed, or has used up its tries.
func (x *execution) attempts(ctx context.Context, i int) {
	r, t := x.runner, &x.tasks[i]
	for t.Attempt = 1; ; t.Attempt++ {
		started := r.Now()
		if t.Started.IsZero() {
			t.Started = started
		}
		t.State, t.Error, t.Hint = store.StateRunning, "", ""
		x.update(ctx, i)
		out, err := x.try(ctx, i)
		if err != nil && ctx.Err() != nil {
			out.state, err = endState(ctx), nil
		}
		if err != nil || t.Attempt > 1 { // one try that succeeded is told by the task itself
			x.saveAttempt(ctx, t, started, out, err)
		}
		if err == nil || !worthAnotherTry(err) || t.Attempt >= r.Project.Attempts {
			x.finish(ctx, i, out, err)
			return
		}
		wait := r.Backoff(t.Attempt)
		x.log(t, "warn", "attempt %d failed: %v; the next one begins in %s", t.Attempt, err, wait)
		t.State, t.Error = store.StateRetrying, err.Error()
		x.update(ctx, i)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			x.finish(ctx, i, outcome{state: endState(ctx)}, nil)
			return
		}
	}
}

// try makes one attempt under the project's timeout. A panic is that attempt's error, and nobody else's.
func (x *execution) try(ctx context.Context, i int) (out outcome, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, x.runner.Project.Timeout, fault.New(fault.Unavailable,
		fmt.Sprintf("it took longer than %s", x.runner.Project.Timeout), "raise timeout: in daybook.yaml, or see what slows it"))
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fault.New("panic", fmt.Sprintf("the task panicked: %v", p), "this is a defect of Daybook: please report it with the log of this task")
			x.log(&x.tasks[i], "error", "panic: %v\n%s", p, debug.Stack())
		}
		if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = context.Cause(ctx)
		}
	}()
	step := x.plan.Steps[i]
	node := x.runner.Graph.nodes[step.Cell.Node]
	w := &work{Runner: x.runner, node: node, day: x.day(i), cell: step.Cell, run: x.asked, task: &x.tasks[i],
		again: step.Forced && x.req.Force == ForceFetch, partial: x.req.Partial, log: func(level, format string, args ...any) { x.log(&x.tasks[i], level, format, args...) }}
	return kinds[node.Kind](ctx, w)
}

// worthAnotherTry tells errors that time may mend from those that only a person can.
func worthAnotherTry(err error) bool {
	switch fault.Code(err) {
	case fault.Invalid, fault.CheckFailed, fault.Missing, fault.Damaged, fault.Refused, fault.NoSpace, fault.NotFound, fault.Quota, "memory", "panic":
		return false
	}
	return true
}

// finish records the end of a task with its build and checks, in one transaction.
func (x *execution) finish(ctx context.Context, i int, out outcome, err error) {
	ctx = context.WithoutCancel(ctx)
	r, t := x.runner, &x.tasks[i]
	t.State, t.Ended = out.state, r.Now()
	switch {
	case fault.Is(err, fault.Missing):
		t.State, t.Error, t.Hint = store.StateMissing, err.Error(), fault.Hint(err)
	case fault.Is(err, fault.Quota):
		t.State, t.Error, t.Hint = store.StateQuota, err.Error(), fault.Hint(err)
		x.log(t, "warn", "%v", err)
	case err != nil:
		t.State, t.Error, t.Hint = store.StateFailed, err.Error(), fault.Hint(err)
		x.log(t, "error", "%v", err)
	case t.State == store.StateDone:
		t.Progress = 1
	}
	if b := out.build; b.Node != "" && t.State == store.StateDone {
		t.Rows, t.RowsIn, t.Rejected, t.Deduplicated, t.Fingerprint, t.Output = b.Rows, b.RowsIn, b.Rejected, b.Deduplicated, b.Fingerprint, b.Output
	} else {
		out.build = store.Build{}
	}
	x.save(ctx, t, out)
	if t.State != store.StateDone && t.Attempt > 0 {
		r.confirm(ctx, x.plan.Steps[i].Cell)
	}
	r.failpoint("task done")
	x.tell(*t)
}

// save writes the end of a task in one transaction, with the run's counts.
func (x *execution) save(ctx context.Context, t *store.Task, out outcome) {
	x.count.Lock()
	defer x.count.Unlock()
	run := x.run
	switch t.State {
	case store.StateDone:
		run.Done++
	case store.StateFailed:
		run.Failed++
	}
	err := x.runner.Store.SaveDone(ctx, store.Done{Task: *t, Build: out.build, Checks: out.checks, Lines: x.lines.take(t.ID), Run: &run})
	if err != nil {
		t.State, t.Error = store.StateFailed, err.Error()
		x.run.Failed++
		x.runner.Log.Error("the end of a task could not be recorded; its build will be made again", "node", t.Node, "day", t.Day.String(), "err", err)
		return
	}
	x.run = run
	if out.build.Node != "" {
		x.runner.ledger.put(out.build)
	}
}

func (x *execution) saveAttempt(ctx context.Context, t *store.Task, started time.Time, out outcome, err error) {
	a := store.Attempt{Task: t.ID, Number: t.Attempt, State: out.state, Started: started, Ended: x.runner.Now()}
	if err != nil {
		a.State, a.Error = store.StateFailed, err.Error()
	}
	if e := x.runner.Store.SaveAttempt(context.WithoutCancel(ctx), a); e != nil {
		x.runner.Log.Error("an attempt could not be recorded", "node", t.Node, "err", e)
	}
}

func (x *execution) update(ctx context.Context, i int) {
	if err := x.runner.Store.UpdateTask(context.WithoutCancel(ctx), x.tasks[i]); err != nil {
		x.runner.Log.Error("a task's state could not be recorded", "node", x.tasks[i].Node, "err", err)
	}
	x.tell(x.tasks[i])
}

func (x *execution) tell(t store.Task) {
	if x.req.Observe != nil {
		x.observe.Lock()
		defer x.observe.Unlock()
		x.req.Observe(t)
	}
}

func (r *Runner) failpoint(name string) {
	if r.Failpoint != nil {
		r.Failpoint(name)
	}
}
