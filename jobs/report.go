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

// buildReport reads the day's figures and keeps them as the next edition, unless the newest one says the same. A partial one is
// made of what there is, and says what is missing.
func buildReport(ctx context.Context, w *work) (outcome, error) {
	fp, inputs := w.Graph.fingerprint(w.node, w.day, w.ledger)
	query, kind := w.Query, store.EditionFull
	missing := w.incomplete(w.node.Name, w.day)
	if w.partial {
		roots, err := w.missing(ctx, w.node.Name, w.day)
		if err != nil {
			return outcome{}, err
		}
		if len(roots) > 0 {
			query, kind, missing = w.lenient(), store.EditionPartial, append(roots, missing...)
		}
	}
	figures, err := report.Build(ctx, *w.node.Report, w.day, query)
	if err != nil {
		return outcome{}, fmt.Errorf("figures of %s: %w", w.cell, err)
	}
	figures.Missing = missing
	edition, err := w.keep(ctx, w.node, figures, kind, w.run.ID)
	if err != nil {
		return outcome{}, err
	}
	w.log("info", "edition %d, figures %s", edition.Number, edition.Hash[:8])
	for _, d := range figures.Absent() {
		w.log("warn", "no figures of %s to compare with", d)
	}
	return w.built(store.Build{Fingerprint: fp, Output: edition.Hash, Rows: int64(len(figures.Sections)), Inputs: inputs,
		Note: "edition " + strconv.Itoa(edition.Number)}, nil), nil
}

// lenient answers nothing for a mart that was never built, which a partial report shows as nothing.
func (w *work) lenient() report.Query {
	unbuilt := false
	for _, in := range w.node.Inputs {
		unbuilt = unbuilt || len(w.ledger.days(in)) == 0
	}
	return func(ctx context.Context, sql string, day calendar.Day) ([]string, [][]any, error) {
		columns, rows, err := w.Query(ctx, sql, day)
		if err != nil && unbuilt && ctx.Err() == nil {
			return nil, nil, nil
		}
		return columns, rows, err
	}
}

// keep commits figures and where they come from to the lake, then the row that makes them an edition. A crash between the two
// leaves a numbered directory without a row, which the next build of the day writes again.
func (r *Runner) keep(ctx context.Context, node *Node, figures report.Figures, kind, run string) (store.Edition, error) {
	canonical, err := report.Canonical(figures)
	if err != nil {
		return store.Edition{}, fmt.Errorf("figures of %s %s: %w", node.Name, figures.Day, err)
	}
	hash := report.Hash(canonical)
	newest, err := r.Store.Edition(ctx, node.Name, figures.Day, 0)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return store.Edition{}, err
	}
	same := err == nil && newest.Hash == hash
	if same && r.kept(ctx, newest) {
		return newest, nil
	}
	key := lake.Key{Layer: lake.Editions, Node: node.Name, Day: figures.Day, Number: newest.Number + 1}
	if same { // its files were lost or damaged: they are written again, the edition is the same
		key.Number = newest.Number
	}
	origins, err := r.origins(ctx, node, figures.Day)
	if err != nil {
		return store.Edition{}, err
	}
	batch, err := r.Lake.Begin(ctx, key)
	if err != nil {
		return store.Edition{}, err
	}
	defer batch.Abort()
	if _, err := batch.Put(ctx, lake.Part{Name: figuresName, Origin: node.Report.File}, bytes.NewReader(canonical)); err != nil {
		return store.Edition{}, err
	}
	if _, err := batch.Put(ctx, lake.Part{Name: originsName, Origin: node.Report.File}, bytes.NewReader(origins)); err != nil {
		return store.Edition{}, err
	}
	if _, err := batch.Commit(ctx, lake.Meta{Run: run, Created: r.Now()}); err != nil {
		return store.Edition{}, err
	}
	r.failpoint("edition committed")
	e := store.Edition{Report: node.Name, Day: figures.Day, Hash: hash, Kind: kind, State: EditionBuilt, Locales: node.Report.Locales, Created: r.Now(), Run: run}
	if _, err := r.Store.AddEdition(ctx, &e); err != nil {
		return store.Edition{}, err
	}
	if e.Number != key.Number {
		return store.Edition{}, fmt.Errorf("%s got number %d in the store and %d in the lake", key, e.Number, key.Number)
	}
	return e, nil
}

// kept reports whether the lake holds an edition as it was written.
func (r *Runner) kept(ctx context.Context, e store.Edition) bool {
	m, err := r.Lake.Manifest(ctx, lake.Key{Layer: lake.Editions, Node: e.Report, Day: e.Day, Number: e.Number})
	return err == nil && r.Lake.Verify(ctx, m) == nil
}

// The states of an edition.
const (
	EditionBuilt    = "built"    // it can be read
	EditionReleased = "released" // it was mailed
	EditionUnsent   = "unsent"   // it was not mailed, and will not be by itself, for its Reason
)

// Figures reads an edition back; number 0 is the newest. None is a fault of code not_found.
func (r *Runner) Figures(ctx context.Context, name string, day calendar.Day, number int) (report.Figures, store.Edition, error) {
	e, err := r.Store.Edition(ctx, name, day, number)
	if err != nil {
		return report.Figures{}, store.Edition{}, err
	}
	text, err := r.readObject(ctx, lake.Key{Layer: lake.Editions, Node: name, Day: day, Number: e.Number}, figuresName)
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

// readObject reads one object of what is committed under a key.
func (r *Runner) readObject(ctx context.Context, k lake.Key, name string) ([]byte, error) {
	m, err := r.Lake.Manifest(ctx, k)
	if err != nil {
		return nil, err
	}
	object, err := r.Lake.Open(ctx, m, name)
	if err != nil {
		return nil, err
	}
	defer object.Close()
	return io.ReadAll(object)
}
