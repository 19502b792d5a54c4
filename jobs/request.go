package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
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
	request := w.House()
	request.Source, request.Day, request.Checkpoint, request.Log, request.Values = *w.node.Source, w.day, checkpoint, w.log, w.values
	request.Collected = func(ctx context.Context, d calendar.Day) ([]source.Segment, error) {
		return w.Collected(ctx, w.node.Name, d)
	}
	return request, nil
}

// House is a request with what does not depend on the day or the source.
func (r *Runner) House() source.Request {
	return source.Request{Dir: r.Project.Dir, Temp: r.Temp, Now: r.Now, Wait: wait, Secret: r.Secret, Spend: r.Store.Spend}
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
	files, err := w.stagedFiles(ctx, n.Key(w.day))
	if err != nil {
		return nil, err
	}
	return stage.Distinct(ctx, files, column)
}

// stagedFiles are a source's staged records as local files.
func (w *work) stagedFiles(ctx context.Context, c Cell) ([]string, error) {
	m, err := w.Lake.Manifest(ctx, lake.Key{Layer: lake.Stage, Node: c.Node, Day: c.Day})
	if err != nil {
		return nil, fmt.Errorf("read the staged records of %s: %w", c, err)
	}
	var files []string
	for _, o := range m.Objects {
		file, err := w.Lake.Local(ctx, m, o.Name)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// agree compares the source's records with those of another route to the same data, by key.
func (w *work) agree(ctx context.Context) error {
	other := w.node.Source.Agrees
	if other == "" {
		return nil
	}
	ours, err := w.stagedFiles(ctx, w.cell)
	if err != nil {
		return err
	}
	theirs, err := w.stagedFiles(ctx, w.Graph.nodes[other].Key(w.day))
	if err != nil {
		return err
	}
	d, err := stage.Compare(ctx, ours, theirs, w.node.Source.Key)
	if err != nil {
		return err
	}
	if d.Ours > 0 || d.Theirs > 0 {
		return fault.New(fault.CheckFailed, fmt.Sprintf("%s does not agree with %s on %s: %d rows are only here, %d only there (%s)",
			w.node.Name, other, w.day, d.Ours, d.Theirs, strings.Join(d.Examples, "; ")), "fetch the one that is wrong again, with --fetch")
	}
	w.log("info", "agrees with %s by key", other)
	return nil
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
