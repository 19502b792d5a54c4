package jobs

import (
	"context"
	"fmt"
	"slices"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/store"
)

// What a request may force.
const (
	ForceRebuild = "rebuild" // make the named nodes again from what is there
	ForceFetch   = "fetch"   // ask the named sources again, too
)

// Request asks for nodes to be up to date for a day, or for each day through another one.
type Request struct {
	Nodes        []string // all when empty
	Downstream   bool     // with everything that reads them
	Day, Through calendar.Day
	Force        string
	Partial      bool   // make the named reports of what there is, and nothing that they read
	Cause        string // schedule, button, backfill, cli, api or demo
	By           string
	Reason       string
	Observe      func(store.Task) `json:"-"` // called at each change of a task, never twice at a time; may be nil
}

// Step is a build that a run would make.
type Step struct {
	Cell   Cell
	Kind   string
	Why    Why
	Forced bool
	Maybe  bool // only if one of its inputs comes out different
}

// Plan is the stale builds of a request, each after what it reads.
type Plan struct {
	Steps []Step
	Fresh int    // builds asked for that are up to date
	Later []Cell // builds of later days that read a day of the plan, directly or not, and are not part of it
	Calls []Calls
}

// Plan finds what is stale and why. It changes nothing.
func (r *Runner) Plan(ctx context.Context, req Request) (Plan, error) {
	if err := req.check(r.Graph); err != nil {
		return Plan{}, err
	}
	p := &planner{runner: r, request: req, planned: map[Cell]bool{}, forced: map[string]bool{}}
	plan, err := p.all(ctx)
	if err != nil {
		return Plan{}, err
	}
	plan.Calls, err = r.calls(ctx, req, plan)
	return plan, err
}

// Stale lists the builds of a range that are not what a run would make now, each with the reason.
func (r *Runner) Stale(ctx context.Context, from, to calendar.Day) (map[Cell]Why, error) {
	req := Request{Day: from, Through: to}
	if err := req.check(r.Graph); err != nil {
		return nil, err
	}
	p := &planner{runner: r, request: req, planned: map[Cell]bool{}, forced: map[string]bool{}, present: true}
	plan, err := p.all(ctx)
	stale := map[Cell]Why{}
	for _, s := range plan.Steps {
		stale[s.Cell] = s.Why
	}
	return stale, err
}

func (p *planner) all(ctx context.Context) (Plan, error) {
	r, req := p.runner, p.request
	targets := req.Nodes
	if len(targets) == 0 {
		targets = r.Graph.Names()
	}
	named := targets
	if req.Downstream {
		named = keys(r.Graph.Downstream(targets...))
	}
	if req.Force != "" {
		for _, n := range named {
			p.forced[n] = true
		}
	}
	wanted := r.Graph.Upstream(named...)
	if req.Partial {
		wanted = only(named)
	}
	for _, n := range r.Graph.Order {
		if !wanted[n.Name] {
			continue
		}
		if n.Current {
			if err := p.consider(ctx, n, req.Through); err != nil {
				return Plan{}, err
			}
			continue
		}
		for _, day := range calendar.Range(req.Day, req.Through) {
			if err := p.consider(ctx, n, day); err != nil {
				return Plan{}, err
			}
		}
	}
	p.later()
	return p.plan, nil
}

func only(names []string) map[string]bool {
	set := map[string]bool{}
	for _, n := range names {
		set[n] = true
	}
	return set
}

func keys(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// maxDays bounds one request: ten years of days.
const maxDays = 3660

func (req *Request) check(g *Graph) error {
	if req.Through.IsZero() {
		req.Through = req.Day
	}
	switch n := req.Through.Sub(req.Day) + 1; {
	case req.Day.IsZero():
		return fault.New(fault.Invalid, "no day was asked for", "name one with --day")
	case n < 1:
		return fault.New(fault.Invalid, fmt.Sprintf("the range ends on %s, before it begins on %s", req.Through, req.Day), "swap the two days")
	case n > maxDays:
		return fault.New(fault.Invalid, fmt.Sprintf("the range has %d days", n), fmt.Sprintf("ask for at most %d at once", maxDays))
	}
	for _, name := range req.Nodes {
		if _, err := g.Node(name); err != nil {
			return err
		}
	}
	return nil
}

type planner struct {
	runner  *Runner
	request Request
	forced  map[string]bool
	planned map[Cell]bool
	present bool // only builds that exist are looked at: what is stale, not what is missing
	plan    Plan
}

// consider adds the node's build for the day when it is stale, or will be when what it reads is built again.
func (p *planner) consider(ctx context.Context, n *Node, day calendar.Day) error {
	cell := n.Key(day)
	if _, built := p.runner.ledger.at(cell); p.present && !built {
		return nil
	}
	step := Step{Cell: cell, Kind: n.Kind, Forced: p.forced[n.Name]}
	why, err := p.why(ctx, n, day)
	if err != nil {
		return err
	}
	if changed := p.waitsFor(n, day); why.IsZero() && changed != "" {
		why, step.Maybe = Why{"input_rebuilt", changed}, true
	}
	if step.Forced {
		why, step.Maybe = Why{Code: "asked"}, false
	}
	if why.IsZero() {
		p.plan.Fresh++
		return nil
	}
	step.Why = why
	p.planned[cell] = true
	p.plan.Steps = append(p.plan.Steps, step)
	return nil
}

// waitsFor names the first input that is built again before the node, empty when there is none.
func (p *planner) waitsFor(n *Node, day calendar.Day) string {
	for _, name := range n.Inputs {
		in := p.runner.Graph.nodes[name]
		switch {
		case in.Current && p.planned[Cell{Node: name}]:
			if !n.Current {
				b, _ := p.runner.ledger.at(n.Key(day))
				held := n.Publication != nil && b.Rejected > 0 // rows that wait for it
				if _, ok := p.runner.ledger.at(Cell{Node: name}); ok && !held {
					continue // its content never makes a day stale
				}
			}
			return name
		case n.Current && !in.Current:
			for c := range p.planned {
				if c.Node == name {
					return name
				}
			}
		case !in.Current:
			for _, offset := range n.reach[name] {
				if p.planned[Cell{Node: name, Day: day.Add(offset)}] {
					return name
				}
			}
		}
	}
	return ""
}

// why says why a build is stale on what is built now; the zero Why when it is up to date.
func (p *planner) why(ctx context.Context, n *Node, day calendar.Day) (Why, error) {
	r := p.runner
	b, ok := r.ledger.at(n.Key(day))
	switch {
	case !ok:
		return Why{Code: "never_built"}, nil
	case b.Definition != n.Definition && n.Kind == project.KindSource:
		return Why{Code: "contract_changed"}, nil
	case b.Definition != n.Definition:
		return Why{Code: "definition_changed"}, nil
	case n.Kind == project.KindSource && n.Current && b.AsOf.Before(day):
		return Why{Code: "snapshot_older", Subject: b.AsOf.String()}, nil
	case n.Kind == project.KindSource && b.Fingerprint == "":
		return Why{"input_changed", n.Name}, nil
	case n.Kind == project.KindSource && len(n.Inputs) > 0:
		return r.changedFor(ctx, n, day)
	case n.Kind == project.KindSource:
		return Why{}, nil
	}
	if fp, _ := r.Graph.fingerprint(n, day, r.ledger); fp == b.Fingerprint {
		return r.released(ctx, n, day)
	}
	return r.changedInput(ctx, n, day)
}

// changedInput names the first input whose output differs from what the build recorded.
func (r *Runner) changedInput(ctx context.Context, n *Node, day calendar.Day) (Why, error) {
	cell := n.Key(day)
	b, _, err := r.Store.Build(ctx, cell.Node, cell.Day)
	if err != nil {
		return Why{}, err
	}
	was := map[Cell]string{}
	for _, in := range b.Inputs {
		was[Cell{in.Node, in.Day}] = in.Hash
	}
	_, now := r.Graph.fingerprint(n, day, r.ledger)
	for _, in := range now {
		hash, known := was[Cell{in.Node, in.Day}]
		if !known || hash != in.Hash && !(r.Graph.nodes[in.Node].Current && !n.Current) {
			return Why{"input_changed", in.Node}, nil
		}
	}
	return Why{Code: "inputs_changed"}, nil
}

// changedFor names an input of a source that is another one than its build read: the list that its calls were made for.
func (r *Runner) changedFor(ctx context.Context, n *Node, day calendar.Day) (Why, error) {
	cell := n.Key(day)
	b, _, err := r.Store.Build(ctx, cell.Node, cell.Day)
	if err != nil {
		return Why{}, err
	}
	_, now := r.Graph.fingerprint(n, day, r.ledger)
	// The content of a current state never makes a day stale.
	state := func(in store.Input) bool { return !n.Current && r.Graph.nodes[in.Node].Current }
	if slices.Equal(slices.DeleteFunc(now, state), slices.DeleteFunc(b.Inputs, state)) {
		return Why{}, nil
	}
	return r.changedInput(ctx, n, day)
}

// Lookback is how many days before its own a node reads.
func (n *Node) Lookback() int {
	least := 0
	for _, offsets := range n.reach {
		least = min(least, slices.Min(offsets))
	}
	return -least
}

// later lists builds after the range that look back into it, and those that read them.
func (p *planner) later() {
	r := p.runner
	last := map[string]calendar.Day{} // of a node's builds, planned or later
	for _, n := range r.Graph.Order {
		last[n.Name] = p.request.Through
		if n.Current {
			continue
		}
		end := p.request.Through
		for _, in := range n.Inputs {
			if d := last[in].Add(n.Lookback()); d.After(end) {
				end = d
			}
		}
		for d := p.request.Through.Add(1); !d.After(end); d = d.Add(1) {
			if _, ok := r.ledger.at(Cell{n.Name, d}); ok && p.waitsFor(n, d) != "" {
				p.plan.Later = append(p.plan.Later, Cell{n.Name, d})
				p.planned[Cell{n.Name, d}] = true
				last[n.Name] = d
			}
		}
	}
}
