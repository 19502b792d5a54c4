package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// tx is a writing transaction, or one caller's part of it, and the events to append at its end.
type tx struct {
	querier
	events     []Event
	told       bool    // events were appended
	deliveries []Event // what the transaction told of deliveries so far
}

// tell appends e when the transaction ends.
func (t *tx) tell(e Event) { t.events = append(t.events, e) }

// inTx runs do in one writing transaction, appends its events last, commits, and wakes those who wait for a change. On SQLite, which
// has one writer at a time, whose turn it is takes along everybody who waits: one commit, which waits for the disk, does for all.
func (s *Store) inTx(ctx context.Context, do func(*tx) error) error {
	p := &part{ctx: ctx, do: do, done: make(chan struct{})}
	if s.read == s.write {
		s.commit(ctx, []*part{p})
		return p.err
	}
	s.waiting.add(p)
	select {
	case <-p.done: // somebody took it along
		return p.err
	case s.turn <- struct{}{}:
	}
	defer func() { <-s.turn }()
	if parts := s.waiting.take(); len(parts) > 0 {
		s.commit(context.WithoutCancel(ctx), parts) // of several callers
	}
	return p.err
}

// part is what one caller does in a transaction.
type part struct {
	ctx  context.Context
	do   func(*tx) error
	err  error
	done chan struct{} // closed when it is committed, or err says why it is not
}

// parts are those that wait for a transaction.
type parts struct {
	mu   sync.Mutex
	list []*part
}

func (w *parts) add(p *part) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, p)
}

func (w *parts) take() []*part {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.list
	w.list = nil
	return list
}

// commit ends every part: in one transaction, or with an error.
func (s *Store) commit(ctx context.Context, parts []*part) {
	err := errors.New("the transaction was left") // by a panic
	defer func() {
		for _, p := range parts {
			if p.err == nil {
				p.err = full(err)
			}
			close(p.done)
		}
	}()
	told := false
	if told, err = s.transact(ctx, parts); err == nil && told {
		s.changed.fire()
	}
}

// transact runs the parts and commits them. One that fails is undone for itself.
func (s *Store) transact(ctx context.Context, parts []*part) (told bool, err error) {
	sqlTx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return false, fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = sqlTx.Rollback() }() // after Commit it does nothing; otherwise the first error is the one to tell
	t := &tx{querier: sqlTx}
	if s.read != s.write {
		t.querier = uncut{sqlTx}
	}
	for _, p := range parts {
		if err := s.run(t, p, len(parts) > 1); err != nil {
			return false, err
		}
	}
	if err := sqlTx.Commit(); err != nil {
		return false, fmt.Errorf("commit: %w", err)
	}
	return t.told, nil
}

// run does one part. An error is one of the whole transaction, and that of the only part is.
func (s *Store) run(t *tx, p *part, several bool) error {
	if err := p.ctx.Err(); err != nil {
		p.err = fmt.Errorf("begin: %w", err)
		return nil
	}
	if !several {
		return s.do(p, t)
	}
	if _, err := t.ExecContext(p.ctx, "SAVEPOINT part"); err != nil {
		return fmt.Errorf("begin a part: %w", err)
	}
	before := *t
	if p.err = full(s.do(p, t)); p.err != nil {
		*t = before
		if _, err := t.ExecContext(p.ctx, "ROLLBACK TO part"); err != nil {
			return errors.Join(p.err, err) // a full disk ends the whole transaction
		}
	}
	if _, err := t.ExecContext(p.ctx, "RELEASE part"); err != nil {
		return fmt.Errorf("end a part: %w", err)
	}
	return nil
}

func (s *Store) do(p *part, t *tx) error {
	if err := p.do(t); err != nil {
		return err
	}
	_, err := s.flush(p.ctx, t)
	return err
}

// uncut is a transaction whose statements run to their end: one that is cancelled would make SQLite undo all parts.
type uncut struct{ tx *sql.Tx }

func (u uncut) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return u.tx.ExecContext(context.WithoutCancel(ctx), query, args...)
}

func (u uncut) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return u.tx.QueryContext(context.WithoutCancel(ctx), query, args...)
}

func (u uncut) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return u.tx.QueryRowContext(context.WithoutCancel(ctx), query, args...)
}

// count adds n to a counter and returns its new value; the counter stays locked until the transaction ends.
func (t *tx) count(ctx context.Context, counter string, n int) (int64, error) {
	var value int64
	err := t.QueryRowContext(ctx, "UPDATE counter SET value = value + $1 WHERE name = $2 RETURNING value", n, counter).Scan(&value)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", counter, err)
	}
	return value, nil
}
