package jobs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/publish"
	"daybook/internal/store"
	"daybook/internal/warehouse"
)

// publications makes a node of every publication. One that swaps has one current state, made of every day of its mart.
func (b *builder) publications() {
	for i := range b.project.Publications {
		p := &b.project.Publications[i]
		if err := publish.Validate(*p); err != nil {
			b.fail(err)
		}
		n := &Node{Name: p.Name, Kind: project.KindPublication, Pool: p.Pool, Owner: p.Owner, Publication: p, reach: map[string][]int{}}
		b.add(n)
		mart, ok := b.graph.nodes[p.Mart]
		if !ok || mart.Query == nil {
			b.fail(fault.At(p.File, p.Line, 0, fmt.Sprintf("mart names %s, which is no mart", p.Mart), "name a file of marts/ without .sql"))
			continue
		}
		n.Current = mart.Current || p.Mode == "swap"
		if mart.Current && p.Mode == "day" {
			b.fail(fault.At(p.File, p.Line, 0, p.Mart+" has no days", "write mode: swap or upsert"))
		}
		n.Inputs, n.reach[p.Mart] = []string{p.Mart}, []int{0}
	}
	for _, n := range b.graph.Order {
		if n.Publication != nil {
			b.references(n)
		}
	}
}

// references has a publication come after those that it refers to.
func (b *builder) references(n *Node) {
	for _, ref := range n.Publication.References {
		other, ok := b.graph.nodes[ref.Publication]
		if !ok || other.Publication == nil || other == n {
			continue // the project says so
		}
		if _, ok := n.reach[other.Name]; !ok {
			n.Inputs = append(n.Inputs, other.Name)
			n.reach[other.Name] = []int{0}
		}
	}
}

// bindPublications compares the columns that publications name with those of their marts.
func (b *builder) bindPublications() {
	for _, n := range b.graph.Order {
		if n.Publication == nil || b.unboundMart(n) {
			continue
		}
		p, mart := n.Publication, b.graph.nodes[n.Publication.Mart]
		names := append([]string{}, p.Key...)
		for _, c := range p.Columns {
			names = append(names, c.Column)
		}
		for _, r := range p.References {
			names = append(names, r.Column)
		}
		if p.Redis.Member != "" {
			names = append(names, p.Redis.Member, p.Redis.Score)
		}
		b.named(mart, p.File, p.Line, "publication "+p.Name, names)
	}
}

func (b *builder) unboundMart(n *Node) bool {
	mart, ok := b.graph.nodes[n.Publication.Mart]
	return !ok || len(mart.Columns) == 0
}

// turns has a publication publish one day at a time.
type turns struct {
	mu  sync.Mutex
	per map[string]chan struct{}
	own map[string]bool // places that a publication of this process has made its own, some of it not on record yet
}

func (t *turns) claim(place string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.own == nil {
		t.own = map[string]bool{}
	}
	t.own[place] = true
}

func (t *turns) claimed(place string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.own[place]
}

func (t *turns) take(ctx context.Context, name string) (release func(), err error) {
	t.mu.Lock()
	if t.per == nil {
		t.per = map[string]chan struct{}{}
	}
	turn, ok := t.per[name]
	if !ok {
		turn = make(chan struct{}, 1)
		t.per[name] = turn
	}
	t.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// buildPublication puts a mart's rows into a production store. It is only asked for when the mart's checks have passed.
func buildPublication(ctx context.Context, w *work) (outcome, error) {
	fp, inputs := w.Graph.fingerprint(w.node, w.day, w.ledger)
	p := w.node.Publication
	target, err := publish.New(p.To)
	if err != nil {
		return outcome{}, err
	}
	release, err := w.publishing.take(ctx, w.node.Name)
	if err != nil {
		return outcome{}, err
	}
	defer release()
	mart, day := w.Graph.nodes[p.Mart], w.cell.Day
	if mart.Current {
		day = calendar.Day{}
	}
	keys := p.Key
	if len(keys) == 0 {
		keys = mart.Query.Key
	}
	before, err := w.published(ctx)
	if err != nil {
		return outcome{}, err
	}
	if err := w.complete(ctx, mart); err != nil {
		return outcome{}, err
	}
	var result publish.Result
	err = w.Warehouse.Export(ctx, p.Mart, day, func(e warehouse.Export) error {
		columns := make([]publish.Column, len(e.Columns))
		for i, c := range e.Columns {
			columns[i] = publish.Column{Name: c.Name, Type: c.Type}
		}
		var err error
		result, err = target.Publish(ctx, publish.Request{Publication: *p, Day: w.cell.Day, Columns: columns, Rows: e.Rows, Count: e.Count, Keys: keys,
			Run: w.run.ID, Project: w.Project.Name, First: !before, Secret: w.Secret, Wait: wait, Log: w.log})
		return err
	})
	if err != nil {
		return outcome{}, fmt.Errorf("publish %s: %w", w.cell, err)
	}
	if p.Mode != "upsert" {
		w.publishing.claim(w.place())
	}
	w.log("info", "%d rows = %d published + %d held back; %d written, %d removed: %s", result.Sent, result.Sent-result.Held, result.Held, result.Written, result.Removed, result.Step)
	var note string
	if result.Held > 0 {
		note = fmt.Sprintf("%d rows held back, as what they refer to is not there: %s", result.Held, strings.Join(result.Examples, "; "))
		w.log("warn", "%s", note)
	}
	if result.Kept > 0 {
		w.log("warn", "%d rows that are gone from the mart are still referred to and stay for now: %s", result.Kept, strings.Join(result.Examples, "; "))
	}
	w.task.Hint = note
	w.failpoint("published")
	return w.built(store.Build{Fingerprint: fp, Output: publicationOutput(fp, p), Rows: result.Sent - result.Held, RowsIn: result.Sent, Rejected: result.Held, Inputs: inputs, Note: note}, nil), nil
}

// publicationOutput names what a publish left, and where. One that only puts rows in does not make a place this publication's own.
func publicationOutput(fingerprint string, p *project.Publication) string {
	return digest(fingerprint, p.Place(), p.Mode == "upsert")
}

// place names the publication with the place that it publishes to.
func (w *work) place() string { return digest(w.node.Name, w.node.Publication.Place()) }

// published reports whether a publish of the publication to the place of now is on record, of any day.
func (w *work) published(ctx context.Context) (bool, error) {
	if w.publishing.claimed(w.place()) {
		return true, nil
	}
	here := func(b store.Build) bool {
		return b.Fingerprint != "" && b.Output == publicationOutput(b.Fingerprint, w.node.Publication)
	}
	for _, day := range w.ledger.days(w.node.Name) {
		if b, ok := w.ledger.at(Cell{w.node.Name, day}); ok && here(b) {
			return true, nil
		}
	}
	builds, err := w.Store.NodeBuilds(ctx, w.node.Name, 0) // also those from before the mode was another
	return slices.ContainsFunc(builds, here), err
}

// complete holds that a swap of all days does not take days away that are only not built now, as after the warehouse was lost.
func (w *work) complete(ctx context.Context, mart *Node) error {
	p := w.node.Publication
	if p.Mode != "swap" || mart.Current || p.Shrink >= 1 {
		return nil
	}
	last, ok, err := w.Store.Build(ctx, w.node.Name, calendar.Day{})
	if err != nil || !ok {
		return err
	}
	var gone []calendar.Day
	for _, in := range last.Inputs {
		if _, built := w.ledger.at(Cell{in.Node, in.Day}); in.Node == mart.Name && !built {
			gone = append(gone, in.Day)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	slices.SortFunc(gone, calendar.Day.Compare)
	first, end := gone[0], gone[len(gone)-1]
	e := fault.New(fault.CheckFailed, fmt.Sprintf("%d days of %s that are published, from %s to %s, are not built now, and a swap would take them away", len(gone), mart.Name, first, end),
		fmt.Sprintf("build them again: daybook backfill --from %s --to %s --node %s; or, if they should go, write shrink: 100%%", first, end, mart.Name))
	e.File, e.Line = p.File, p.Line
	return e
}

// released says that rows were held back in a build of a publication, and what they refer to was published anew since. Where that is a
// current state, no fingerprint of a day shows it.
func (r *Runner) released(ctx context.Context, n *Node, day calendar.Day) (Why, error) {
	cell := n.Key(day)
	if b, ok := r.ledger.at(cell); n.Publication == nil || !ok || b.Rejected == 0 {
		return Why{}, nil
	}
	b, _, err := r.Store.Build(ctx, cell.Node, cell.Day)
	if err != nil {
		return Why{}, err
	}
	for _, in := range b.Inputs {
		now, built := r.ledger.at(Cell{in.Node, in.Day})
		if in.Node != n.Publication.Mart && built && now.Output != in.Hash {
			return Why{"input_changed", in.Node}, nil
		}
	}
	return Why{}, nil
}
