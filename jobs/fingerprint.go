package jobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/store"
)

// Format numbers of the kinds: raising one makes every build of the kind stale, for a release that computes rows differently.
const (
	sourceFormat      = 1
	queryFormat       = 1
	reportFormat      = 1
	publicationFormat = 1
)

// absent stands in a fingerprint for a day that an input has no build of.
const absent = "absent"

func digest(parts ...any) string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, p := range parts {
		if err := enc.Encode(p); err != nil {
			panic(fmt.Sprintf("fingerprint of %T: %v", p, err)) // only values of our own types come here
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// define gives every node the hash of what in its definition changes rows: no comment, owner, description, check or limit.
func (b *builder) define(ctx context.Context) {
	for _, n := range b.graph.Order {
		switch {
		case n.Source != nil:
			n.Definition = digest(fetchDefinition(n.Source), stageDefinition(n.Source))
		case n.Query != nil:
			sql, err := b.parser.Normalize(ctx, n.Query.SQL)
			if err != nil {
				b.fail(inFile(err, n.Query.File, n.Query.SQLLine))
				continue
			}
			n.Definition = digest(n.Kind, queryFormat, sql, n.Query.Refresh, n.Query.Lookback, b.graph.zone, n.latest())
		case n.Report != nil:
			n.Definition = digest(reportFormat, figureText(*n.Report))
		case n.Publication != nil:
			n.Definition = digest(publicationFormat, n.Publication.Asks)
		}
	}
}

func fetchDefinition(s *project.Source) string {
	parts := []any{"fetch", sourceFormat, s.From, s.Asks, s.Holds, s.Zone.String()}
	if s.NewColumns == "ignore" && (s.From == "postgres" || s.From == "mysql") { // only the declared ones are asked for
		for _, c := range s.Columns {
			parts = append(parts, c.Name, c.From)
		}
	}
	return digest(parts...)
}

// stageDefinition covers what turns the same bytes into other records.
func stageDefinition(s *project.Source) string {
	type column struct {
		Name, Type, From string
		Required         bool
	}
	columns := make([]column, len(s.Columns))
	for i, c := range s.Columns {
		columns[i] = column{c.Name, string(c.Type), c.From, c.Required}
	}
	return digest("stage", sourceFormat, s.Format, s.Records, s.Encoding, s.Header, s.Zone.String(), columns, s.Key, s.Duplicates, s.LatestBy)
}

// figureText is the part of a report's definition that its figures are made of.
func figureText(r project.Report) any {
	sections := slices.Clone(r.Sections)
	for i := range sections {
		sections[i].Line = 0
	}
	return []any{r.Title, sections}
}

// input is one thing that a build reads: a cell, and whether its content counts or only its definition.
type input struct {
	cell           Cell
	definitionOnly bool
}

// reads lists what a node's build for a day reads, in order. built lists the days of a node that have a build: a full refresh reads all of them.
func (g *Graph) reads(n *Node, day calendar.Day, built func(string) []calendar.Day) []input {
	var out []input
	for _, name := range n.Inputs {
		in := g.nodes[name]
		switch {
		case in.Current:
			out = append(out, input{cell: Cell{Node: name}, definitionOnly: !n.Current})
		case n.Current:
			for _, d := range built(name) {
				out = append(out, input{cell: Cell{Node: name, Day: d}})
			}
		default:
			for _, offset := range n.reach[name] {
				out = append(out, input{cell: Cell{Node: name, Day: day.Add(offset)}})
			}
		}
	}
	return out
}

// deepDefinition is a current state's definition with those of everything it reads: what makes its readers stale.
func (g *Graph) deepDefinition(n *Node) string {
	parts := []string{n.Definition}
	for _, in := range n.Inputs {
		parts = append(parts, g.deepDefinition(g.nodes[in]))
	}
	return digest(parts)
}

// fingerprint of a query's or report's build: its definition and the output of each input, as builds knows them now.
func (g *Graph) fingerprint(n *Node, day calendar.Day, builds *ledger) (string, []store.Input) {
	var inputs []store.Input
	counted := []string{}
	for _, in := range g.reads(n, day, builds.days) {
		hash := absent
		if b, ok := builds.at(in.cell); ok {
			hash = b.Output
		}
		inputs = append(inputs, store.Input{Node: in.cell.Node, Day: in.cell.Day, Hash: hash})
		if in.definitionOnly {
			hash = g.deepDefinition(g.nodes[in.cell.Node])
		}
		counted = append(counted, strings.Join([]string{in.cell.Node, in.cell.Day.String(), hash}, " "))
	}
	return digest(n.Definition, counted), inputs
}

// sourceOutput names what readers of a source see: its bytes and how they are staged.
func sourceOutput(s *project.Source, rawHash string) string {
	return digest(rawHash, stageDefinition(s))
}
