package jobs

import (
	"context"
	"fmt"
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
	var result publish.Result
	err = w.Warehouse.Export(ctx, p.Mart, day, func(e warehouse.Export) error {
		columns := make([]publish.Column, len(e.Columns))
		for i, c := range e.Columns {
			columns[i] = publish.Column{Name: c.Name, Type: c.Type}
		}
		var err error
		result, err = target.Publish(ctx, publish.Request{Publication: *p, Day: w.cell.Day, Columns: columns, Rows: e.Rows, Count: e.Count, Keys: keys,
			Run: w.run.ID, Secret: w.Secret, Wait: wait, Log: w.log})
		return err
	})
	if err != nil {
		return outcome{}, fmt.Errorf("publish %s: %w", w.cell, err)
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
	return w.built(store.Build{Fingerprint: fp, Output: digest(fp), Rows: result.Sent - result.Held, RowsIn: result.Sent, Rejected: result.Held, Inputs: inputs, Note: note}, nil), nil
}
