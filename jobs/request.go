package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/source"
	"daybook/internal/stage"
)

// request is what the house gives a source to fetch the day with.
func (w *work) request(ctx context.Context) (source.Request, error) {
	checkpoint, err := w.checkpoint(ctx, w.day.Add(-1))
	if err != nil {
		return source.Request{}, err
	}
	return source.Request{
		Source: *w.node.Source, Dir: w.Project.Dir, Day: w.day, Now: w.Now, Checkpoint: checkpoint,
		Wait: wait, Secret: w.Secret, Log: w.log, Values: w.values,
		Spend: w.Store.Spend,
		Collected: func(ctx context.Context, d calendar.Day) ([]source.Segment, error) {
			return w.Collected(ctx, w.node.Name, d)
		},
	}, nil
}

// wait ends after d, or with ctx.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// values reads a column of another source's staged records of the day.
func (w *work) values(ctx context.Context, name, column string) ([]string, error) {
	n, err := w.Graph.Node(name)
	if err != nil {
		return nil, err
	}
	m, err := w.Lake.Manifest(ctx, lake.Key{Layer: lake.Stage, Node: name, Day: n.Key(w.day).Day})
	if err != nil {
		return nil, fmt.Errorf("read what %s has for %s: %w", name, w.day, err)
	}
	var files []string
	for _, o := range m.Objects {
		file, err := w.Lake.Local(ctx, m, o.Name)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return stage.Distinct(ctx, files, column)
}

func checkpointName(node string, day calendar.Day) string {
	return "checkpoint " + node + " " + day.String()
}

// checkpoint is where the day after d begins at the source, as the fetch of d said.
func (w *work) checkpoint(ctx context.Context, d calendar.Day) (map[string]string, error) {
	text, err := w.Store.Cursor(ctx, checkpointName(w.node.Name, d))
	if err != nil || text == "" {
		return nil, err
	}
	var found map[string]string
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return nil, fault.Wrap(fault.Damaged, err, fmt.Sprintf("the checkpoint of %s for %s cannot be read", w.node.Name, d), "fetch that day again")
	}
	return found, nil
}

// keepCheckpoint comes before the commit of the raw bytes: what is kept and not committed is said again by the next try.
func (w *work) keepCheckpoint(ctx context.Context, c map[string]string) error {
	if c == nil {
		return nil
	}
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("keep the checkpoint of %s: %w", w.cell, err)
	}
	return w.Store.SetCursor(ctx, checkpointName(w.node.Name, w.day), string(text))
}
