package store

import (
	"context"
	"fmt"
	"time"

	"daybook/internal/calendar"
)

// Run is one request to bring nodes up to date.
type Run struct {
	ID                    string
	Number                int64  // 1, 2, 3 … in the order of asking, for people
	Cause                 string // schedule, button, backfill, cli, api or demo
	By, Reason            string
	Day, Through          calendar.Day // first and last day; the same for one day
	Nodes                 []string
	Force                 string
	State                 string // a State constant
	Epoch                 int64
	Asked, Started, Ended time.Time
	Tasks, Done, Failed   int
	Error                 string
}

const runColumns = "id, number, cause, asked_by, reason, day, through, nodes, forced, state, epoch, asked, started, ended, tasks, done, failed, error"

func (r *Run) fields() []any {
	return []any{&r.ID, &r.Number, &r.Cause, (*prose)(&r.By), (*prose)(&r.Reason), (*date)(&r.Day), (*date)(&r.Through),
		(*list[string])(&r.Nodes), &r.Force, &r.State, &r.Epoch, (*instant)(&r.Asked), (*instant)(&r.Started),
		(*instant)(&r.Ended), &r.Tasks, &r.Done, &r.Failed, (*prose)(&r.Error)}
}

func (r *Run) event() Event { return Event{Kind: EventRun, Run: r.ID, Day: r.Day} }

// CreateRun records a new run and fills ID and Number, and Through where it is missing.
func (s *Store) CreateRun(ctx context.Context, r *Run) error {
	run := *r
	if run.Through.IsZero() {
		run.Through = run.Day
	}
	err := s.inTx(ctx, func(t *tx) (err error) {
		if run.ID, err = newID(); err != nil {
			return err
		}
		if run.Number, err = t.count(ctx, "run", 1); err != nil {
			return err
		}
		t.tell(run.event())
		_, err = t.ExecContext(ctx, insert("run", runColumns), run.fields()...)
		return err
	})
	if err != nil {
		return fmt.Errorf("create a run: %w", err)
	}
	*r = run
	return nil
}

// UpdateRun overwrites the run that has r's ID and Number.
func (s *Store) UpdateRun(ctx context.Context, r Run) error {
	err := s.inTx(ctx, func(t *tx) error { return t.updateRun(ctx, r) })
	if err != nil {
		return asFault(err, "update", "run "+r.ID)
	}
	return nil
}

func (t *tx) updateRun(ctx context.Context, r Run) error {
	t.tell(r.event())
	return rewrite(ctx, t, "run", runColumns, 2, r.fields())
}

// Run returns the run with the id.
func (s *Store) Run(ctx context.Context, id string) (Run, error) {
	r, err := one[Run](ctx, s.read, "SELECT "+runColumns+" FROM run WHERE id = $1", id)
	if err != nil {
		return Run{}, asFault(err, "read", "run "+id)
	}
	return r, nil
}

// RunByNumber returns the run with the number.
func (s *Store) RunByNumber(ctx context.Context, number int64) (Run, error) {
	r, err := one[Run](ctx, s.read, "SELECT "+runColumns+" FROM run WHERE number = $1", number)
	if err != nil {
		return Run{}, asFault(err, "read", fmt.Sprintf("run %d", number))
	}
	return r, nil
}

// RunFilter says which runs are wanted; a zero field asks for all.
type RunFilter struct {
	Limit        int
	BeforeNumber int64 // the page after the one that ended with this number
	State        string
	Day          calendar.Day // a day that the run covers
}

// Runs returns runs, newest first.
func (s *Store) Runs(ctx context.Context, want RunFilter) ([]Run, error) {
	var f filter
	if want.BeforeNumber > 0 {
		f.add("number < %s", want.BeforeNumber)
	}
	if want.State != "" {
		f.add("state = %s", want.State)
	}
	if !want.Day.IsZero() {
		f.add("day <= %s AND through >= %s", dayText(want.Day), dayText(want.Day))
	}
	runs, err := all[Run](ctx, s.read, "SELECT "+runColumns+" FROM run"+f.where()+" ORDER BY number DESC"+limited(want.Limit), f.args...)
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	return runs, nil
}

// RunningRuns returns the runs that have not ended, oldest first.
func (s *Store) RunningRuns(ctx context.Context) ([]Run, error) {
	runs, err := all[Run](ctx, s.read, "SELECT "+runColumns+" FROM run WHERE state IN ("+openStates+") ORDER BY number")
	if err != nil {
		return nil, fmt.Errorf("read running runs: %w", err)
	}
	return runs, nil
}
