package store

import (
	"context"
	"fmt"
	"time"
)

// Line is one line of a task's log.
type Line struct {
	Seq       int64 // given by AppendLog; the Seq of its event
	Task, Run string
	Level     string
	Text      string
	At        time.Time
}

const lineColumns = "seq, task, run, level, message, at"

func (l *Line) fields() []any {
	return []any{&l.Seq, &l.Task, &l.Run, &l.Level, (*prose)(&l.Text), (*instant)(&l.At)}
}

// AppendLog appends lines in order. Every call is one durable write, so lines that are at hand together go together.
func (s *Store) AppendLog(ctx context.Context, lines ...Line) error {
	if err := s.inTx(ctx, func(t *tx) error { return s.appendLines(ctx, t, lines) }); err != nil {
		return fmt.Errorf("append to the log: %w", err)
	}
	return nil
}

func (s *Store) appendLines(ctx context.Context, t *tx, lines []Line) error {
	for _, l := range lines {
		t.tell(Event{Kind: EventLog, Run: l.Run, Task: l.Task})
	}
	first, err := s.flush(ctx, t)
	if err != nil {
		return err
	}
	rows := make([][]any, len(lines))
	for i, l := range lines {
		l.Seq = first + int64(i)
		rows[i] = l.fields()
	}
	return insertAll(ctx, t, "log", lineColumns, rows)
}

// Logs returns up to limit lines of a task with a Seq above afterSeq, in order.
func (s *Store) Logs(ctx context.Context, task string, afterSeq int64, limit int) ([]Line, error) {
	lines, err := all[Line](ctx, s.read, "SELECT "+lineColumns+" FROM log WHERE task = $1 AND seq > $2 ORDER BY seq"+limited(limit), task, afterSeq)
	if err != nil {
		return nil, fmt.Errorf("read the log of task %s: %w", task, err)
	}
	return lines, nil
}
