package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"daybook/internal/calendar"
)

// The kinds of events.
const (
	EventRun      = "run"
	EventTask     = "task"
	EventLog      = "log"
	EventEdition  = "edition"
	EventDelivery = "delivery"
)

// Event says that a row which pages follow has changed. Seq grows by one with every event and in the order of commits:
// who has seen Seq has seen everything before it. For an edition or a delivery, Node is the report.
type Event struct {
	Seq             int64
	Kind            string
	Run, Task, Node string
	Day             calendar.Day
	At              time.Time
}

const eventColumns = "seq, kind, run, task, node, day, at"

func (e *Event) fields() []any {
	return []any{&e.Seq, &e.Kind, &e.Run, &e.Task, &e.Node, (*date)(&e.Day), (*instant)(&e.At)}
}

// flush appends the events told so far and returns the Seq of the first. The counter's row is locked from here to the
// end of the transaction, which puts commits in the order of Seq; whoever needs other locks takes them before.
func (s *Store) flush(ctx context.Context, t *tx) (int64, error) {
	if len(t.events) == 0 {
		return 0, nil
	}
	last, err := t.count(ctx, "event", len(t.events))
	if err != nil {
		return 0, err
	}
	first := last - int64(len(t.events)) + 1
	now := s.Now()
	rows := make([][]any, len(t.events))
	for i := range t.events {
		t.events[i].Seq, t.events[i].At = first+int64(i), now
		rows[i] = t.events[i].fields()
	}
	if err := insertAll(ctx, t, "event", eventColumns, rows); err != nil {
		return 0, fmt.Errorf("append events: %w", err)
	}
	t.events, t.told = nil, true
	return first, nil
}

// EventsAfter returns up to limit events with a Seq above seq, in order. Pruned events are not among them.
func (s *Store) EventsAfter(ctx context.Context, seq int64, limit int) ([]Event, error) {
	events, err := all[Event](ctx, s.read, "SELECT "+eventColumns+" FROM event WHERE seq > $1 ORDER BY seq"+limited(limit), seq)
	if err != nil {
		return nil, fmt.Errorf("read events after %d: %w", seq, err)
	}
	return events, nil
}

// LastEvent is the Seq of the newest event, 0 before the first one.
func (s *Store) LastEvent(ctx context.Context) (int64, error) {
	var seq int64
	if err := s.read.QueryRowContext(ctx, "SELECT value FROM counter WHERE name = 'event'").Scan(&seq); err != nil {
		return 0, fmt.Errorf("read the last event: %w", err)
	}
	return seq, nil
}

// PruneEvents forgets the events of before that instant; their numbers are not given again.
func (s *Store) PruneEvents(ctx context.Context, before time.Time) error {
	if _, err := s.write.ExecContext(ctx, "DELETE FROM event WHERE at < $1", micros(before)); err != nil {
		return fmt.Errorf("prune events: %w", err)
	}
	return nil
}

// Changed returns a channel that is closed when this process next commits an event. Take it before reading with
// EventsAfter, so that nothing falls in between. Events of other processes need a look now and then.
func (s *Store) Changed() <-chan struct{} { return s.changed.wait() }

// signal wakes everyone who waits, once.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

func newSignal() *signal { return &signal{ch: make(chan struct{})} }

func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ch
}

func (s *signal) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.ch)
	s.ch = make(chan struct{})
}
