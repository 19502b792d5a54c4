package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/report"
	"daybook/internal/store"
)

// figuresName is the object of an edition that everything else is drawn from.
const figuresName = "figures.json"

// buildReport reads the day's figures and keeps them as the next edition, unless the newest one says the same.
func buildReport(ctx context.Context, w *work) (outcome, error) {
	fp, inputs := w.Graph.fingerprint(w.node, w.day, w.ledger)
	figures, err := report.Build(ctx, *w.node.Report, w.day, w.Query)
	if err != nil {
		return outcome{}, fmt.Errorf("figures of %s: %w", w.cell, err)
	}
	canonical, err := report.Canonical(figures)
	if err != nil {
		return outcome{}, fmt.Errorf("figures of %s: %w", w.cell, err)
	}
	hash := report.Hash(canonical)
	edition, err := w.edition(ctx, canonical, hash)
	if err != nil {
		return outcome{}, err
	}
	w.log("info", "edition %d, figures %s", edition.Number, hash[:8])
	for _, d := range figures.Absent() {
		w.log("warn", "no figures of %s to compare with", d)
	}
	return w.built(store.Build{Fingerprint: fp, Output: hash, Rows: int64(len(figures.Sections)), Inputs: inputs,
		Note: "edition " + strconv.Itoa(edition.Number)}, nil), nil
}

// edition commits the figures to the lake, then the row that makes them an edition. A crash between the two leaves a
// numbered directory without a row, which the next build of the day writes again.
func (w *work) edition(ctx context.Context, canonical []byte, hash string) (store.Edition, error) {
	newest, err := w.Store.Edition(ctx, w.node.Name, w.day, 0)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return store.Edition{}, err
	}
	same := err == nil && newest.Hash == hash
	if same && w.kept(ctx, newest) {
		return newest, nil
	}
	key := lake.Key{Layer: lake.Editions, Node: w.node.Name, Day: w.day, Number: newest.Number + 1}
	if same { // its files were lost or damaged: they are written again, the edition is the same
		key.Number = newest.Number
	}
	batch, err := w.Lake.Begin(ctx, key)
	if err != nil {
		return store.Edition{}, err
	}
	defer batch.Abort()
	if _, err := batch.Put(ctx, figuresName, w.node.Report.File, bytes.NewReader(canonical)); err != nil {
		return store.Edition{}, err
	}
	if _, err := batch.Commit(ctx, lake.Meta{Run: w.run.ID, Created: w.Now()}); err != nil {
		return store.Edition{}, err
	}
	w.failpoint("edition committed")
	e := store.Edition{Report: w.node.Name, Day: w.day, Hash: hash, State: EditionBuilt, Locales: w.node.Report.Locales, Created: w.Now(), Run: w.run.ID}
	if _, err := w.Store.AddEdition(ctx, &e); err != nil {
		return store.Edition{}, err
	}
	if e.Number != key.Number {
		return store.Edition{}, fmt.Errorf("%s got number %d in the store and %d in the lake", key, e.Number, key.Number)
	}
	return e, nil
}

// kept reports whether the lake holds an edition as it was written.
func (w *work) kept(ctx context.Context, e store.Edition) bool {
	m, err := w.Lake.Manifest(ctx, lake.Key{Layer: lake.Editions, Node: e.Report, Day: e.Day, Number: e.Number})
	return err == nil && w.Lake.Verify(ctx, m) == nil
}

// The states of an edition.
const (
	EditionBuilt    = "built"    // it can be read
	EditionReleased = "released" // it was mailed
)

// Figures reads an edition back; number 0 is the newest. None is a fault of code not_found.
func (r *Runner) Figures(ctx context.Context, name string, day calendar.Day, number int) (report.Figures, store.Edition, error) {
	e, err := r.Store.Edition(ctx, name, day, number)
	if err != nil {
		return report.Figures{}, store.Edition{}, err
	}
	m, err := r.Lake.Manifest(ctx, lake.Key{Layer: lake.Editions, Node: name, Day: day, Number: e.Number})
	if err != nil {
		return report.Figures{}, e, err
	}
	object, err := r.Lake.Open(ctx, m, figuresName)
	if err != nil {
		return report.Figures{}, e, err
	}
	defer object.Close()
	text, err := io.ReadAll(object)
	if err != nil {
		return report.Figures{}, e, fmt.Errorf("read figures of %s %s: %w", name, day, err)
	}
	if report.Hash(text) != e.Hash {
		return report.Figures{}, e, fault.New(fault.Damaged, fmt.Sprintf("the figures of %s %s edition %d are not what was written", name, day, e.Number), "rebuild the report of that day")
	}
	var f report.Figures
	if err := json.Unmarshal(text, &f); err != nil {
		return report.Figures{}, e, fmt.Errorf("read figures of %s %s: %w", name, day, err)
	}
	return f, e, nil
}
