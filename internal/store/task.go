package store

import (
	"context"
	"fmt"
	"time"

	"daybook/internal/calendar"
)

// The states of tasks, runs and builds.
const (
	StateQueued      = "queued"
	StateWaiting     = "waiting"
	StateRunning     = "running"
	StateRetrying    = "retrying"
	StateDone        = "up to date"
	StateFailed      = "failed"
	StateSkipped     = "skipped"
	StateMissing     = "missing at source"
	StateQuota       = "waiting for quota"
	StateInterrupted = "interrupted"
	StateHeld        = "held"
	StateUnknown     = "unknown"
	StateCanceled    = "canceled"
)

// openStates are those of work that has not ended, as SQL.
const openStates = "'" + StateQueued + "', '" + StateWaiting + "', '" + StateRunning + "', '" + StateRetrying + "'"

// Task is one build in a run.
type Task struct {
	ID, Run, Node, Kind                  string
	Day                                  calendar.Day
	State                                string // a State constant
	Attempt                              int
	Why                                  string // the reason the build was stale
	Rows, RowsIn, Rejected, Deduplicated int64
	Fingerprint, Output, Error, Hint     string
	Progress                             float64 // 0 to 1
	Started, Ended                       time.Time
	Epoch                                int64
}

const taskColumns = "id, run, node, kind, day, state, attempt, why, row_count, rows_in, rejected, deduplicated, fingerprint, output, error, hint, progress, started, ended, epoch"

func (t *Task) fields() []any {
	return []any{&t.ID, &t.Run, &t.Node, &t.Kind, (*date)(&t.Day), &t.State, &t.Attempt, (*prose)(&t.Why), &t.Rows, &t.RowsIn,
		&t.Rejected, &t.Deduplicated, &t.Fingerprint, &t.Output, (*prose)(&t.Error), (*prose)(&t.Hint), &t.Progress,
		(*instant)(&t.Started), (*instant)(&t.Ended), &t.Epoch}
}

func (t *Task) event() Event {
	return Event{Kind: EventTask, Run: t.Run, Task: t.ID, Node: t.Node, Day: t.Day}
}

// AddTasks records new tasks of runs that exist, all or none, and fills their IDs.
func (s *Store) AddTasks(ctx context.Context, tasks []Task) error {
	ids := make([]string, len(tasks))
	err := s.inTx(ctx, func(t *tx) (err error) {
		rows := make([][]any, len(tasks))
		for i, task := range tasks {
			if ids[i], err = newID(); err != nil {
				return err
			}
			task.ID = ids[i]
			rows[i] = task.fields()
			t.tell(task.event())
		}
		first, err := s.flush(ctx, t)
		if err != nil {
			return err
		}
		for i := range rows {
			rows[i] = append(rows[i], first+int64(i))
		}
		return insertAll(ctx, t, "task", taskColumns+", seq", rows)
	})
	if err != nil {
		return fmt.Errorf("add tasks: %w", err)
	}
	for i := range tasks {
		tasks[i].ID = ids[i]
	}
	return nil
}

// UpdateTask overwrites the task that has the ID.
func (s *Store) UpdateTask(ctx context.Context, task Task) error {
	err := s.inTx(ctx, func(t *tx) error { return t.updateTask(ctx, task) })
	if err != nil {
		return asFault(err, "update", "task "+task.ID)
	}
	return nil
}

func (t *tx) updateTask(ctx context.Context, task Task) error {
	t.tell(task.event())
	return rewrite(ctx, t, "task", taskColumns, 1, task.fields())
}

// Tasks returns the tasks of a run in the order they were added.
func (s *Store) Tasks(ctx context.Context, run string) ([]Task, error) {
	tasks, err := all[Task](ctx, s.read, "SELECT "+taskColumns+" FROM task WHERE run = $1 ORDER BY seq", run)
	if err != nil {
		return nil, fmt.Errorf("read the tasks of run %s: %w", run, err)
	}
	return tasks, nil
}

// Task returns the task with the id.
func (s *Store) Task(ctx context.Context, id string) (Task, error) {
	task, err := one[Task](ctx, s.read, "SELECT "+taskColumns+" FROM task WHERE id = $1", id)
	if err != nil {
		return Task{}, asFault(err, "read", "task "+id)
	}
	return task, nil
}

// LatestTasks returns the newest task of every (node, day) of the days from..to, by day, then node.
func (s *Store) LatestTasks(ctx context.Context, from, to calendar.Day) ([]Task, error) {
	tasks, err := all[Task](ctx, s.read, `SELECT `+taskColumns+` FROM task
		WHERE seq IN (SELECT max(seq) FROM task WHERE day BETWEEN $1 AND $2 GROUP BY node, day)
		ORDER BY day, node`, dayText(from), dayText(to))
	if err != nil {
		return nil, fmt.Errorf("read the latest tasks of %s to %s: %w", from, to, err)
	}
	return tasks, nil
}

// NodeTasks returns up to limit tasks of a node for a day, or for every day when day is zero, newest first.
func (s *Store) NodeTasks(ctx context.Context, node string, day calendar.Day, limit int) ([]Task, error) {
	var f filter
	f.add("node = %s", node)
	if !day.IsZero() {
		f.add("day = %s", dayText(day))
	}
	tasks, err := all[Task](ctx, s.read, "SELECT "+taskColumns+" FROM task"+f.where()+" ORDER BY seq DESC"+limited(limit), f.args...)
	if err != nil {
		return nil, fmt.Errorf("read the tasks of %s: %w", node, err)
	}
	return tasks, nil
}

// Attempt is one try of a task.
type Attempt struct {
	Task           string
	Number         int // 1, 2, …
	State, Error   string
	Started, Ended time.Time
}

const attemptColumns = "task, number, state, error, started, ended"

func (a *Attempt) fields() []any {
	return []any{&a.Task, &a.Number, &a.State, (*prose)(&a.Error), (*instant)(&a.Started), (*instant)(&a.Ended)}
}

// SaveAttempt records an attempt, or overwrites the one with its task and number.
func (s *Store) SaveAttempt(ctx context.Context, a Attempt) error {
	if _, err := s.write.ExecContext(ctx, upsert("attempt", attemptColumns, 2), a.fields()...); err != nil {
		return fmt.Errorf("save attempt %d of task %s: %w", a.Number, a.Task, err)
	}
	return nil
}

// Attempts returns the attempts of a task in order.
func (s *Store) Attempts(ctx context.Context, task string) ([]Attempt, error) {
	attempts, err := all[Attempt](ctx, s.read, "SELECT "+attemptColumns+" FROM attempt WHERE task = $1 ORDER BY number", task)
	if err != nil {
		return nil, fmt.Errorf("read the attempts of task %s: %w", task, err)
	}
	return attempts, nil
}
