package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/source"
	"daybook/internal/stage"
	"daybook/internal/store"
)

// buildSource brings a source's day into the lake: its bytes as received, then its records as typed Parquet.
func buildSource(ctx context.Context, w *work) (outcome, error) {
	// The inputs come first: what changes after it leaves the build stale, never fresh with an older list.
	_, inputs := w.Graph.fingerprint(w.node, w.day, w.ledger)
	raw, err := w.fetch(ctx)
	if err != nil {
		return outcome{}, err
	}
	w.compareRaw(ctx, w.cell)
	staged, err := w.stage(ctx, raw)
	if err != nil {
		return outcome{}, err
	}
	w.failpoint("stage committed")
	w.task.Hint = absentParts(raw.Missing)
	if d := raw.Facts[factNoData]; d != "" {
		w.task.Hint = "no data expected on a " + d
	}
	return w.built(store.Build{
		Fingerprint: digest(w.node.Definition, raw.Hash()), Output: sourceOutput(w.node.Source, raw.Hash()),
		Rows: staged.Staged, RowsIn: staged.Records, Rejected: staged.Rejected, Deduplicated: staged.Deduplicated,
		Note: strings.Join(raw.Missing, "\n"), Inputs: inputs,
	}, nil), nil
}

// absentParts names what a source did not have: "not at the source: hour 2, hour 3".
func absentParts(missing []string) string {
	if len(missing) == 0 {
		return ""
	}
	names := make([]string, len(missing))
	for i, m := range missing {
		names[i], _, _ = strings.Cut(m, ":")
	}
	return "not at the source: " + strings.Join(names, ", ")
}

// Facts of a raw manifest.
const (
	factDefinition = "definition" // of the fetch
	factAsked      = "asked"      // the day a snapshot was asked for
	factNoData     = "no_data"    // the weekday on which the source has none, by its contract
)

// fetch returns the committed raw bytes of the day. They are asked for once, and again only when the source's place changed,
// a snapshot is older than the day, or a person says so.
func (w *work) fetch(ctx context.Context) (lake.Manifest, error) {
	key := lake.Key{Layer: lake.Raw, Node: w.node.Name, Day: w.cell.Day}
	definition := w.Graph.fetchDefinition(w.node, w.day, w.ledger)
	old, err := w.Lake.Manifest(ctx, key)
	switch {
	case err != nil && !fault.Is(err, fault.NotFound) && !(w.again && fault.Is(err, fault.Damaged)):
		return lake.Manifest{}, err
	case err == nil && (!w.again || old.Run == w.run.ID) && old.Facts[factDefinition] == definition && !(w.node.Current && old.Facts[factAsked] < w.day.String()):
		w.log("info", "raw bytes are in the lake already: %d objects", len(old.Objects))
		return old, nil
	}
	src, err := source.New(w.node.Source.From)
	if err != nil {
		return lake.Manifest{}, err
	}
	plan := digest(definition, w.day.String())
	if w.again { // what an earlier fetch left is not what was asked for
		plan = digest(definition, w.day.String(), w.run.ID)
	}
	batch, kept, err := w.Lake.Resume(ctx, key, plan)
	if err != nil {
		return lake.Manifest{}, err
	}
	defer batch.Suspend()
	request, err := w.request(ctx)
	if err != nil {
		return lake.Manifest{}, err
	}
	for _, o := range kept {
		request.Kept = append(request.Kept, source.Part{Name: o.Name, Origin: o.Origin, State: o.State})
	}
	if len(kept) > 0 {
		w.log("info", "an unfinished fetch has put %d objects; it goes on behind them", len(kept))
	}
	res, err := src.Fetch(ctx, request, sink{batch})
	if errors.Is(err, source.ErrChanged) {
		batch.Abort()
	}
	if err != nil {
		return lake.Manifest{}, err // it names the source
	}
	facts := map[string]string{factDefinition: definition, factAsked: w.day.String()}
	if res.NoData {
		facts[factNoData] = w.day.Weekday().String()
	}
	if err := w.keepCheckpoint(ctx, res.Checkpoint); err != nil {
		return lake.Manifest{}, err
	}
	m, err := batch.Commit(ctx, lake.Meta{Missing: res.Missing, Run: w.run.ID, Created: w.Now(), Facts: facts})
	if err != nil {
		return lake.Manifest{}, err
	}
	w.failpoint("raw committed")
	var bytes int64
	for _, o := range m.Objects {
		bytes += o.Bytes
	}
	w.log("info", "fetched %d objects, %d bytes", len(m.Objects), bytes)
	for _, missing := range m.Missing {
		w.log("warn", "missing at source: %s", missing)
	}
	return m, nil
}

// sink lets a source write into a batch.
type sink struct{ batch lake.Batch }

func (s sink) Put(ctx context.Context, p source.Part, r io.Reader) error {
	_, err := s.batch.Put(ctx, lake.Part{Name: p.Name, Origin: p.Origin, State: p.State}, r)
	return err
}

// Names of the stage layer's objects.
const (
	stagedData    = "data.parquet"
	stagedRejects = "rejects.parquet"
)

// stage makes typed records of raw bytes and commits them with the rejects. When too many are rejected the rejects are
// committed all the same, so that they can be looked at; the node's build stays what it was.
func (w *work) stage(ctx context.Context, raw lake.Manifest) (stage.Result, error) {
	dir, err := os.MkdirTemp(w.Temp, "stage-")
	if err != nil {
		return stage.Result{}, fmt.Errorf("make a directory to stage %s in: %w", w.node.Name, err)
	}
	defer os.RemoveAll(dir)
	job := stage.Job{Source: *w.node.Source, Day: w.day, Zone: w.Project.Zone, Dir: dir, Memory: w.Project.Engine.Memory, Threads: w.Project.Engine.Threads}
	if raw.Facts[factNoData] != "" {
		job.Source.Empty = "ok"
	}
	for _, o := range raw.Objects {
		path, err := w.Lake.Local(ctx, raw, o.Name)
		if err != nil {
			return stage.Result{}, err
		}
		job.Objects = append(job.Objects, stage.Object{Name: o.Name, Path: path, Origin: o.Origin})
	}
	res, stageErr := stage.Run(ctx, job)
	if stageErr == nil {
		stageErr = w.agree(ctx, res.Data)
	}
	w.task.Rejected, w.task.RowsIn, w.task.Deduplicated = res.Rejected, res.Records, res.Deduplicated
	if stageErr != nil && res.Rejects == "" {
		return res, fmt.Errorf("stage %s of %s: %w", w.node.Name, w.day, stageErr)
	}
	w.log("info", "%d records = %d staged + %d rejected + %d repeated", res.Records, res.Staged, res.Rejected, res.Deduplicated)
	for _, r := range res.Samples {
		w.log("warn", "rejected: %s line %d: %s", r.Object, r.Line, r.Reason)
	}
	if res.Repeats > 0 {
		w.log("warn", "%d records are exact repeats of others; without a key they are kept", res.Repeats)
	}
	if len(res.NewColumns) > 0 {
		w.log("warn", "columns that the contract does not declare: %s", strings.Join(res.NewColumns, ", "))
	}
	if err := w.keepStage(ctx, raw, res, stageErr == nil); err != nil {
		return res, err
	}
	if stageErr != nil {
		return res, fmt.Errorf("stage %s of %s: %w", w.node.Name, w.day, stageErr)
	}
	return res, nil
}

// Facts of a stage manifest.
const (
	factSchema  = "schema"         // the hash of what came
	factColumns = "schema_columns" // its columns as JSON
)

// SchemaOf is what a source's staged day came with; empty where that was not noted.
func SchemaOf(staged lake.Manifest) (stage.Schema, error) {
	s := stage.Schema{Hash: staged.Facts[factSchema]}
	if s.Hash == "" {
		return s, nil
	}
	if err := json.Unmarshal([]byte(staged.Facts[factColumns]), &s.Columns); err != nil {
		return s, fault.Wrap(fault.Damaged, err, "the schema in the manifest of "+staged.Key().String()+" cannot be read", "build the source's day again with --rebuild")
	}
	return s, nil
}

// RejectsNode is the node under which the lake keeps the rejects of a source's last staging, passed or not.
func RejectsNode(source string) string { return source + ".rejects" }

func (w *work) keepStage(ctx context.Context, raw lake.Manifest, res stage.Result, passed bool) error {
	came, err := json.Marshal(res.Schema.Columns)
	if err != nil {
		return fmt.Errorf("note the schema of %s: %w", w.cell, err)
	}
	facts := map[string]string{
		factSchema: res.Schema.Hash, factColumns: string(came), "raw": raw.Hash(), "records": strconv.FormatInt(res.Records, 10), "staged": strconv.FormatInt(res.Staged, 10),
		"rejected": strconv.FormatInt(res.Rejected, 10), "deduplicated": strconv.FormatInt(res.Deduplicated, 10),
		"repeats": strconv.FormatInt(res.Repeats, 10), "new_columns": strings.Join(res.NewColumns, ","),
	}
	if err := w.commitFile(ctx, RejectsNode(w.node.Name), stagedRejects, res.Rejects, res.Rejected, facts); err != nil {
		return err
	}
	if !passed {
		return nil
	}
	return w.commitFile(ctx, w.node.Name, stagedData, res.Data, res.Staged, facts)
}

// commitFile moves one file into the stage layer.
func (w *work) commitFile(ctx context.Context, node, name, path string, rows int64, facts map[string]string) error {
	batch, err := w.Lake.Begin(ctx, lake.Key{Layer: lake.Stage, Node: node, Day: w.cell.Day})
	if err != nil {
		return err
	}
	defer batch.Abort()
	if _, err := batch.Adopt(ctx, name, filepath.Base(path), path, rows); err != nil {
		return err
	}
	_, err = batch.Commit(ctx, lake.Meta{Run: w.run.ID, Created: w.Now(), Facts: facts})
	return err
}
