package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/report"
	"daybook/internal/source"
	"daybook/internal/sqlparse"
)

// Node is a source, table, mart or report with what it reads.
type Node struct {
	Name        string
	Kind        string
	Inputs      []string         // direct ones, by name, in order
	Current     bool             // it has one current state instead of a state per day
	reach       map[string][]int // for each input, which days it reads counted from its own: 0, and -1 for the day before
	Pool        string
	Owner       string
	Definition  string            // SHA-256 of everything in its text that changes rows
	Columns     []sqlparse.Column // of its rows; nil for a report
	Source      *project.Source
	Query       *project.Query
	Report      *project.Report
	Publication *project.Publication
}

// Cell is one node for one day; the zero Day is a current state.
type Cell struct {
	Node string
	Day  calendar.Day
}

func (c Cell) String() string {
	if c.Day.IsZero() {
		return c.Node
	}
	return c.Node + " of " + c.Day.String()
}

// Graph is the project's nodes in an order in which each comes after its inputs.
type Graph struct {
	Order []*Node
	nodes map[string]*Node
	zone  string
}

// Node returns the node of that name; unknown ones are faults of code not_found.
func (g *Graph) Node(name string) (*Node, error) {
	if n, ok := g.nodes[name]; ok {
		return n, nil
	}
	return nil, fault.New(fault.NotFound, fmt.Sprintf("there is no node %q", name), "known here: "+strings.Join(g.Names(), ", "))
}

// Names lists the nodes in order.
func (g *Graph) Names() []string {
	names := make([]string, len(g.Order))
	for i, n := range g.Order {
		names[i] = n.Name
	}
	return names
}

// Key is the cell of a node for a day: a current state has no day.
func (n *Node) Key(day calendar.Day) Cell {
	if n.Current {
		return Cell{Node: n.Name}
	}
	return Cell{Node: n.Name, Day: day}
}

// Upstream returns the named nodes with everything they read, directly or not.
func (g *Graph) Upstream(names ...string) map[string]bool {
	set := map[string]bool{}
	var visit func(string)
	visit = func(name string) {
		if !set[name] && g.nodes[name] != nil {
			set[name] = true
			for _, in := range g.nodes[name].Inputs {
				visit(in)
			}
		}
	}
	for _, n := range names {
		visit(n)
	}
	return set
}

// Downstream returns the named nodes with everything that reads them, directly or not.
func (g *Graph) Downstream(names ...string) map[string]bool {
	set := map[string]bool{}
	for _, n := range names {
		set[n] = true
	}
	for _, n := range g.Order {
		if slices.ContainsFunc(n.Inputs, func(in string) bool { return set[in] }) {
			set[n.Name] = true
		}
	}
	return set
}

// Readers lists the nodes that read a node directly.
func (g *Graph) Readers(name string) []string {
	var out []string
	for _, n := range g.Order {
		if slices.Contains(n.Inputs, name) {
			out = append(out, n.Name)
		}
	}
	return out
}

// NewGraph resolves a project: SQL parsed, references found, cycles named, columns bound. The error joins every problem found.
func NewGraph(ctx context.Context, p *project.Project, parser *sqlparse.Parser) (*Graph, error) {
	g := &Graph{nodes: map[string]*Node{}, zone: p.Zone.String()}
	b := &builder{graph: g, project: p, parser: parser}
	b.sources()
	b.sourceInputs()
	b.queries(ctx)
	b.reports(ctx)
	b.publications()
	b.refreshes()
	if err := errors.Join(b.errs...); err != nil {
		return nil, err
	}
	if err := b.sort(); err != nil {
		return nil, err
	}
	b.define(ctx)
	b.bind(ctx)
	b.bindReports(ctx)
	b.bindPublications()
	if err := errors.Join(b.errs...); err != nil {
		return nil, err
	}
	return g, nil
}

type builder struct {
	graph   *Graph
	project *project.Project
	parser  *sqlparse.Parser
	errs    []error
}

func (b *builder) fail(err error) { b.errs = append(b.errs, err) }

func (b *builder) add(n *Node) {
	b.graph.nodes[n.Name] = n
	b.graph.Order = append(b.graph.Order, n)
}

func (b *builder) sources() {
	for i := range b.project.Sources {
		s := &b.project.Sources[i]
		if err := source.Validate(*s); err != nil {
			b.fail(err)
		}
		n := &Node{Name: s.Name, Kind: project.KindSource, Current: s.Holds == "snapshot", Pool: s.Pool, Owner: s.Owner, Source: s}
		for _, c := range s.Columns {
			n.Columns = append(n.Columns, sqlparse.Column{Name: c.Name, Type: c.Type.SQL()})
		}
		b.add(n)
	}
}

// sourceInputs finds the sources that a source reads: the list that its calls are made for, and the one that it must agree with.
func (b *builder) sourceInputs() {
	for _, n := range b.graph.Order {
		n.reach = map[string][]int{}
		for key, name := range map[string]string{"for_each": n.Source.HTTP.ForEach.Source, "agrees": n.Source.Agrees} {
			if name == "" {
				continue
			}
			if _, ok := b.graph.nodes[name]; !ok || name == n.Name {
				b.fail(fault.At(n.Source.File, n.Source.Line, 0, fmt.Sprintf("%s names %s, which is no other source", key, name), "name a file of sources/ without .yaml"))
				continue
			}
			n.Inputs = append(n.Inputs, name)
			n.reach[name] = []int{0}
			if key == "agrees" {
				b.agreement(n, b.graph.nodes[name])
			}
		}
		slices.Sort(n.Inputs)
		n.Inputs = slices.Compact(n.Inputs)
	}
}

// agreement holds that two sources can be compared.
func (b *builder) agreement(n, other *Node) {
	if len(n.Source.Key) == 0 {
		b.fail(fault.At(n.Source.File, n.Source.Line, 0, "agrees compares by key, and the source has none", "write key: with columns that both sources have"))
	}
	if n.Current != other.Current {
		b.fail(fault.At(n.Source.File, n.Source.Line, 0, fmt.Sprintf("one of %s and %s has days, the other a present state", n.Name, other.Name), "compare sources that hold the same"))
	}
	b.named(other, n.Source.File, n.Source.Line, "agrees", n.Source.Key)
}

// queries makes a node of every SQL file. Its inputs are read from the SQL.
func (b *builder) queries(ctx context.Context) {
	var all []*Node
	for _, list := range [][]project.Query{b.project.Tables, b.project.Marts} {
		for i := range list {
			q := &list[i]
			n := &Node{Name: q.Name, Kind: q.Kind, Current: q.Refresh != "day", Pool: q.Pool, Owner: q.Owner, Query: q, reach: map[string][]int{}}
			b.add(n)
			all = append(all, n)
		}
	}
	for _, n := range all {
		st, err := b.parser.Parse(ctx, n.Query.SQL)
		if err != nil {
			b.fail(inFile(err, n.Query.File, n.Query.SQLLine))
			continue
		}
		for _, ref := range st.Tables {
			if b.allowed(n, ref.Name) {
				n.Inputs = append(n.Inputs, ref.Name)
				continue
			}
			b.fail(fault.At(n.Query.File, ref.Line+n.Query.SQLLine-1, ref.Column, b.unreadable(n, ref.Name), b.readable(n)))
		}
		for _, need := range n.Query.Needs {
			if _, ok := b.graph.nodes[need]; !ok {
				b.fail(fault.At(n.Query.File, 1, 1, fmt.Sprintf("needs names %s, which is no node", need), b.readable(n)))
				continue
			}
			n.Inputs = append(n.Inputs, need)
		}
		for _, c := range n.Query.Checks {
			b.checkReads(ctx, n, c)
		}
		slices.Sort(n.Inputs)
		n.Inputs = slices.Compact(n.Inputs)
		for _, in := range n.Inputs {
			for back := n.Query.Lookback; back >= 0; back-- {
				n.reach[in] = append(n.reach[in], -back)
			}
		}
	}
}

// checkReads adds what a check compares the node's rows with to what the node reads.
func (b *builder) checkReads(ctx context.Context, n *Node, c project.Check) {
	var names []string
	switch c.Kind {
	case "relationship":
		names = []string{c.In}
	case "sql":
		st, err := b.parser.Parse(ctx, c.SQL)
		if err != nil {
			b.fail(atLine(err, n.Query.File, c.Line, "check "+c.Name))
			return
		}
		for _, ref := range st.Tables {
			names = append(names, ref.Name)
		}
	}
	for _, name := range names {
		in, ok := b.graph.nodes[name]
		switch {
		case name == n.Name && c.Kind == "sql":
		case !ok:
			b.fail(fault.At(n.Query.File, c.Line, 0, "check "+c.Kind+": there is no "+name, b.readable(n)))
		case name == n.Name || in.Kind == project.KindSource && n.Kind != project.KindTable:
			b.fail(fault.At(n.Query.File, c.Line, 0, fmt.Sprintf("check %s: a %s cannot be compared with %s", c.Kind, n.Kind, name), "name another table or mart"))
		default:
			n.Inputs = append(n.Inputs, name)
		}
	}
}

// refreshes holds that schedules name nodes that exist.
func (b *builder) refreshes() {
	for _, r := range b.project.Refresh {
		for _, name := range r.Nodes {
			if _, ok := b.graph.nodes[name]; !ok && name != allNodes {
				b.fail(fault.At(project.Filename, 0, 0, fmt.Sprintf("refresh %s names %s, which is no node", r.Name, name), "write all, or some of "+strings.Join(b.graph.Names(), ", ")))
			}
		}
	}
}

// allNodes is what a refresh writes for every node.
const allNodes = "all"

// allowed says what a node's SQL may read: a table staged sources, a mart tables and marts, a report's query the same.
func (b *builder) allowed(n *Node, ref string) bool {
	in, ok := b.graph.nodes[ref]
	if !ok {
		return false
	}
	if n.Kind == project.KindTable {
		return in.Kind == project.KindSource
	}
	return in.Kind == project.KindTable || in.Kind == project.KindMart
}

func (b *builder) unreadable(n *Node, ref string) string {
	if in, ok := b.graph.nodes[ref]; ok {
		return fmt.Sprintf("a %s cannot read %s, a %s", n.Kind, ref, in.Kind)
	}
	return fmt.Sprintf("there is no %s", ref)
}

func (b *builder) readable(n *Node) string {
	var names []string
	for _, in := range b.graph.Order {
		if in.Name != n.Name && b.allowed(n, in.Name) {
			names = append(names, in.Name)
		}
	}
	return fmt.Sprintf("a %s reads one of %s", n.Kind, strings.Join(names, ", "))
}

// reports makes a node of every report. It reads the marts of its sections and what their own queries name, on the days that each
// section shows or compares with.
func (b *builder) reports(ctx context.Context) {
	for i := range b.project.Reports {
		r := &b.project.Reports[i]
		n := &Node{Name: r.Name, Kind: project.KindReport, Pool: "default", Owner: r.Owner, Report: r, reach: map[string][]int{}}
		for _, s := range r.Sections {
			switch {
			case s.Query != "":
				b.sectionQuery(ctx, n, s)
			case s.Mart != "" && !b.allowed(n, s.Mart):
				b.fail(fault.At(r.File, s.Line, 0, fmt.Sprintf("section %s: %s", s.Name, b.unreadable(n, s.Mart)), b.readable(n)))
			case s.Mart != "":
				n.reads(s.Mart, s)
			}
		}
		slices.Sort(n.Inputs)
		b.add(n)
	}
}

// reads notes that a report's section reads a node.
func (n *Node) reads(input string, s project.Section) {
	if !slices.Contains(n.Inputs, input) {
		n.Inputs = append(n.Inputs, input)
	}
	epoch := calendar.Date(2000, 1, 1) // any day: only the distances count
	for _, d := range report.Days(s, epoch) {
		n.reach[input] = append(n.reach[input], d.Sub(epoch))
	}
	slices.Sort(n.reach[input])
	n.reach[input] = slices.Compact(n.reach[input])
}

func (b *builder) sectionQuery(ctx context.Context, n *Node, s project.Section) {
	st, err := b.parser.Parse(ctx, s.Query)
	if err != nil {
		b.fail(atLine(err, n.Report.File, s.Line, "query of section "+s.Name))
		return
	}
	for _, ref := range st.Tables {
		if !b.allowed(n, ref.Name) {
			b.fail(fault.At(n.Report.File, s.Line, 0, fmt.Sprintf("section %s: %s", s.Name, b.unreadable(n, ref.Name)), b.readable(n)))
			continue
		}
		n.reads(ref.Name, s)
	}
}

// inFile moves a fault's place from a text inside a file to the file.
func inFile(err error, file string, firstLine int) error {
	var e *fault.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", file, err)
	}
	moved := *e
	moved.File = file
	if moved.Line > 0 {
		moved.Line += firstLine - 1
	} else {
		moved.Line = firstLine
	}
	return &moved
}

// atLine names a line of a file as the place of a fault in a text that was made of it: the text's own places are not the file's.
func atLine(err error, file string, line int, what string) error {
	var e *fault.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%s:%d: %s: %w", file, line, what, err)
	}
	return fault.At(file, line, 0, what+": "+e.Message, e.Hint)
}

// sort puts the nodes into an order in which each follows its inputs; ties keep kind, then name. A cycle is named in full.
func (b *builder) sort() error {
	g := b.graph
	var order []*Node
	state := map[string]int{} // 1 on the path, 2 done
	var path []string
	var visit func(n *Node) error
	visit = func(n *Node) error {
		switch state[n.Name] {
		case 2:
			return nil
		case 1:
			cycle := append(slices.Clone(path[slices.Index(path, n.Name):]), n.Name)
			file, line := n.place()
			return fault.At(file, line, 1, "a cycle: "+strings.Join(cycle, " reads "), "let one of them read something else")
		}
		state[n.Name] = 1
		path = append(path, n.Name)
		for _, in := range n.Inputs {
			if err := visit(g.nodes[in]); err != nil {
				return err
			}
		}
		path = path[:len(path)-1]
		state[n.Name] = 2
		order = append(order, n)
		return nil
	}
	for _, n := range g.Order {
		if err := visit(n); err != nil {
			return err
		}
	}
	g.Order = order
	return nil
}

// place is where the node is written.
func (n *Node) place() (file string, line int) {
	switch {
	case n.Source != nil:
		return n.Source.File, n.Source.Line
	case n.Query != nil:
		return n.Query.File, n.Query.SQLLine
	case n.Publication != nil:
		return n.Publication.File, n.Publication.Line
	}
	return n.Report.File, n.Report.Line
}
