package store

import (
	"context"
	"fmt"
	"time"
)

// BeginEpoch marks the start of the process that owns the project and returns the number of its epoch. Whatever an
// older epoch left open was interrupted: its tasks and their attempts (interrupted counts the tasks), its runs, and its
// deliveries that say "sending", which become "unknown" because the mail may have left.
func (s *Store) BeginEpoch(ctx context.Context, now time.Time) (epoch int64, interrupted int, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		if epoch, err = t.count(ctx, "epoch", 1); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, `UPDATE attempt SET state = 'interrupted', ended = $1
			WHERE ended = 0 AND task IN (SELECT id FROM task WHERE epoch < $2 AND state IN (`+openStates+`))`, micros(now), epoch)
		if err != nil {
			return fmt.Errorf("interrupt attempts: %w", err)
		}
		tasks, err := all[Task](ctx, t, `UPDATE task SET state = 'interrupted', ended = $1
			WHERE epoch < $2 AND state IN (`+openStates+`) RETURNING `+taskColumns, micros(now), epoch)
		if err != nil {
			return fmt.Errorf("interrupt tasks: %w", err)
		}
		interrupted = len(tasks)
		for _, task := range tasks {
			t.tell(task.event())
		}
		runs, err := all[Run](ctx, t, `UPDATE run SET state = 'interrupted', ended = $1
			WHERE epoch < $2 AND state IN (`+openStates+`) RETURNING `+runColumns, micros(now), epoch)
		if err != nil {
			return fmt.Errorf("interrupt runs: %w", err)
		}
		for _, run := range runs {
			t.tell(run.event())
		}
		return t.loseDeliveries(ctx, epoch, now)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("begin an epoch: %w", err)
	}
	return epoch, interrupted, nil
}
