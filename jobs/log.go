package jobs

import (
	"context"
	"fmt"
	"sync"
	"time"

	"daybook/internal/store"
)

// flushEvery is how long a log line may wait for company: every write of the store is a durable one.
const flushEvery = 300 * time.Millisecond

// buffer holds log lines that are not in the store yet.
type buffer struct {
	mu    sync.Mutex
	lines []store.Line
}

func (b *buffer) add(l store.Line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, l)
}

// take removes the lines of a task, or all of them when it is empty.
func (b *buffer) take(task string) []store.Line {
	b.mu.Lock()
	defer b.mu.Unlock()
	var taken, left []store.Line
	for _, l := range b.lines {
		if task == "" || l.Task == task {
			taken = append(taken, l)
		} else {
			left = append(left, l)
		}
	}
	b.lines = left
	return taken
}

// log notes a line about a task. It is in the store within flushEvery, or with the task's end.
func (x *execution) log(t *store.Task, level, format string, args ...any) {
	x.lines.add(store.Line{Task: t.ID, Run: t.Run, Level: level, Text: fmt.Sprintf(format, args...), At: x.runner.Now()})
}

// flushing writes waiting lines every now and then until stop is called, which writes the last ones.
func (x *execution) flushing(ctx context.Context) (stop func()) {
	ctx = context.WithoutCancel(ctx)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(flushEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				x.flush(ctx)
			case <-done:
				x.flush(ctx)
				return
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

func (x *execution) flush(ctx context.Context) {
	lines := x.lines.take("")
	if len(lines) == 0 {
		return
	}
	if err := x.runner.Store.AppendLog(ctx, lines...); err != nil {
		x.runner.Log.Error("log lines could not be recorded", "lines", len(lines), "err", err)
	}
}
