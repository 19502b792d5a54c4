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
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/stage"
	"daybook/internal/store"
)

// request is what the house gives a source to fetch the day with.
func (w *work) request(ctx context.Context) (source.Request, error) {
	checkpoint, err := w.checkpoint(ctx, w.day.Add(-1))
	if err != nil {
		return source.Request{}, err
	}
	return asking{Dir: w.Project.Dir, Temp: w.Temp, Now: w.Now, Secret: w.Secret, Log: w.log, Values: w.values, Spend: w.Store.Spend, Collected: w.Collected}.request(*w.node.Source, w.day, checkpoint), nil
}

// asking is what every fetch is given, whoever asks: a field for each of the request's functions.
type asking struct {
	Dir       string // the project's
	Temp      string // a directory for scratch files
	Now       func() time.Time
	Secret    func(ctx context.Context, ref string) (string, error)
	Log       func(level, format string, args ...any)
	Values    func(ctx context.Context, source, column string) ([]string, error)
	Spend     func(ctx context.Context, allowance, window string, limit int64) (bool, error)
	Collected func(ctx context.Context, source string, d calendar.Day) ([]source.Segment, error)
}

func (a asking) request(s project.Source, day calendar.Day, checkpoint map[string]string) source.Request {
	return source.Request{
		Source: s, Dir: a.Dir, Temp: a.Temp, Day: day, Now: a.Now, Checkpoint: checkpoint,
		Wait: wait, Secret: a.Secret, Log: a.Log, Values: a.Values, Spend: a.Spend,
		Collected: func(ctx context.Context, d calendar.Day) ([]source.Segment, error) {
			return a.Collected(ctx, s.Name, d)
		},
	}
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
	return stagedIn(ctx, w.Lake, c)
}

func stagedIn(ctx context.Context, l lake.Lake, c Cell) ([]string, error) {
	m, err := l.Manifest(ctx, lake.Key{Layer: lake.Stage, Node: c.Node, Day: c.Day})
	if err != nil {
		return nil, fmt.Errorf("read the staged records of %s: %w", c, err)
	}
	var files []string
	for _, o := range m.Objects {
		file, err := l.Local(ctx, m, o.Name)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// agree compares the source's records with those of another route to the same data, by key.
func (w *work) agree(ctx context.Context, data string) error {
	other := w.node.Source.Agrees
	if other == "" {
		return nil
	}
	theirs, err := w.stagedFiles(ctx, w.Graph.nodes[other].Key(w.day))
	if err != nil {
		return err
	}
	d, err := stage.Compare(ctx, []string{data}, theirs, w.node.Source.Key)
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
	return checkpointIn(ctx, w.Store, w.node.Source, d)
}

func checkpointIn(ctx context.Context, records *store.Store, s *project.Source, d calendar.Day) (map[string]string, error) {
	text, err := records.Cursor(ctx, checkpointName(s.Name, d))
	if err != nil || text == "" {
		return nil, err
	}
	var found checkpoint
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return nil, fault.Wrap(fault.Damaged, err, fmt.Sprintf("the checkpoint of %s for %s cannot be read", s.Name, d), "fetch that day again")
	}
	if found.Definition != fetchDefinition(s) {
		return nil, nil
	}
	return found.Parts, nil
}

// checkpoint is where a day ended in each part of a source, and what was asked for then: another stream has other places.
type checkpoint struct {
	Definition string
	Parts      map[string]string
}

// keepCheckpoint comes before the commit of the raw bytes: what is kept and not committed is said again by the next try.
func (w *work) keepCheckpoint(ctx context.Context, c map[string]string) error {
	if c == nil {
		return nil
	}
	text, err := json.Marshal(checkpoint{fetchDefinition(w.node.Source), c})
	if err != nil {
		return fmt.Errorf("keep the checkpoint of %s: %w", w.cell, err)
	}
	return w.Store.SetCursor(ctx, checkpointName(w.node.Name, w.day), string(text))
}
