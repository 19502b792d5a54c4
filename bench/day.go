package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"daybook/internal/generate"
	"daybook/internal/store"
)

// childrenMax is the longest list of books, chosen so that a request has about seven children: libraries, words and books.
const childrenMax = 8

// measureDay builds the same day with the runner and with a bare script in turns, each time from the state after one earlier day.
func (b *bench) measureDay(ctx context.Context, dir string) error {
	warm := filepath.Join(dir, "warm")
	made, err := b.makeDay(ctx, warm)
	if err != nil {
		return err
	}
	bare, err := b.warmUp(ctx, warm)
	if err != nil {
		return err
	}
	var ours, script, ratio, ourWork, scriptWork, work []float64
	tasks := map[string][]float64{}
	for round := range b.rounds {
		copied := filepath.Join(dir, fmt.Sprint("round", round))
		if err := os.CopyFS(copied, os.DirFS(warm)); err != nil {
			return err
		}
		a, rows, err := b.runDay(ctx, copied, tasks)
		if err != nil {
			return err
		}
		z, same, err := bare.in(copied).run(ctx, b.day)
		if err != nil {
			return fmt.Errorf("the bare script: %w", err)
		}
		if !maps.Equal(rows, same) {
			return fmt.Errorf("the runner and the bare script made different rows: %v and %v", rows, same)
		}
		ours, script = append(ours, a.wall.Seconds()), append(script, z.wall.Seconds())
		ratio, work = append(ratio, a.wall.Seconds()/z.wall.Seconds()), append(work, a.cpu.Seconds()/z.cpu.Seconds())
		ourWork, scriptWork = append(ourWork, a.cpu.Seconds()), append(scriptWork, z.cpu.Seconds())
		if err := os.RemoveAll(copied); err != nil {
			return err
		}
		if round == 0 {
			b.printf("The measured day: %d requests in %d lines and %d choices, %.1f MB. Runner and script make the same rows in every round: %s.\n\n",
				made.Requests, made.Requests+made.Repeated, made.Selections, float64(made.Bytes)/mega, rowCounts(rows))
		}
	}
	b.table.add(row{what: "one day, raw to marts, by the runner", unit: "s", values: ours, goal: 0.6, limit: 2})
	b.table.add(row{what: "the same SQL as a bare DuckDB script, in turns with it", unit: "s", values: script})
	b.table.add(row{what: "runner / script of the same round", values: ratio, goal: 1.2})
	b.table.add(row{what: "processor time of the runner's day", unit: "s", values: ourWork})
	b.table.add(row{what: "processor time of the script's day", unit: "s", values: scriptWork})
	b.table.add(row{what: "runner / script in processor time", values: work})
	if b.breakdown {
		b.printTasks(tasks)
	}
	return nil
}

// makeDay writes the project with data for the day and the one before it.
func (b *bench) makeDay(ctx context.Context, dir string) (generate.Summary, error) {
	if err := makeProject(dir); err != nil {
		return generate.Summary{}, err
	}
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return generate.Summary{}, err
	}
	l := generate.Library{Seed: b.seed, From: b.day, To: b.day, PerDay: b.requests, ChildrenMax: childrenMax, Dir: data}
	// The weekday and the trend make a day larger or smaller than the mean: one try tells by how much.
	tried, err := l.Write(ctx)
	if err != nil {
		return tried, err
	}
	l.PerDay = int(float64(b.requests)*float64(b.requests)/float64(tried.Requests) + 0.5)
	made, err := l.Write(ctx)
	if err != nil {
		return made, err
	}
	l.From, l.To = b.day.Add(-1), b.day.Add(-1)
	_, err = l.Write(ctx)
	return made, err
}

// warmUp builds the earlier day both ways.
func (b *bench) warmUp(ctx context.Context, dir string) (script, error) {
	h, err := openHouse(ctx, dir)
	if err != nil {
		return script{}, err
	}
	s, err := newScript(h.runner.Project, h.runner.Graph)
	if err == nil {
		err = h.build(ctx, b.day.Add(-1), b.day.Add(-1), nil, h.marts()...)
	}
	if err := errors.Join(err, h.close()); err != nil {
		return s, err
	}
	_, _, err = s.in(dir).run(ctx, b.day.Add(-1))
	return s, err
}

// runDay builds the day with the runner and gives a checksum of each node's rows.
func (b *bench) runDay(ctx context.Context, dir string, tasks map[string][]float64) (_ spent, _ map[string]string, err error) {
	h, err := openHouse(ctx, dir)
	if err != nil {
		return spent{}, nil, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	observe := func(t store.Task) {
		if t.State == store.StateDone && !t.Started.IsZero() { // one that had nothing to do never started
			tasks[t.Node] = append(tasks[t.Node], t.Ended.Sub(t.Started).Seconds()*1000)
		}
	}
	syscall.Sync() // what the copy left to write is not this day's work
	took, err := timed(func() error { return h.build(ctx, b.day, b.day, observe, h.marts()...) })
	if err != nil {
		return took, nil, err
	}
	rows := map[string]string{}
	for _, n := range h.runner.Graph.Order {
		if n.Query == nil {
			continue
		}
		_, values, err := h.runner.Query(ctx, checksum(n), b.day)
		if err != nil {
			return took, nil, err
		}
		rows[n.Name] = fmt.Sprint(values[0]...)
	}
	return took, rows, nil
}

func (b *bench) printTasks(tasks map[string][]float64) {
	names := slices.SortedFunc(maps.Keys(tasks), func(x, y string) int { return int(median(tasks[y]) - median(tasks[x])) })
	b.printf("| task | median ms, with the time it waited for the writer |\n|---|---:|\n")
	for _, n := range names {
		b.printf("| %s | %.0f |\n", n, median(tasks[n]))
	}
	b.printf("\n")
}
