package jobs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/report"
	"daybook/internal/sqlparse"
)

// dayType is the type of the column that every table and mart of a day has.
const dayType = "DATE"

// bind gives each table and mart its columns by binding its SQL against those of its inputs, and compares header and checks with them.
func (b *builder) bind(ctx context.Context) {
	for _, n := range b.graph.Order {
		if n.Query == nil || b.unbound(n) {
			continue
		}
		if b.unbound(n) {
			continue
		}
		columns, err := b.parser.Describe(ctx, n.Query.SQL, b.inputs(n))
		if err != nil {
			b.fail(inFile(err, n.Query.File, n.Query.SQLLine))
			continue
		}
		n.Columns = columns
		if !n.Current && !hasColumn(columns, "day") {
			n.Columns = append(n.Columns, sqlparse.Column{Name: "day", Type: dayType})
		}
		b.named(n, n.Query.File, 1, "key", n.Query.Key)
		for _, name := range []string{n.Query.Version, n.Query.Deleted} {
			if name != "" {
				b.named(n, n.Query.File, 1, "refresh: latest", []string{name})
			}
		}
		for _, c := range n.Query.Checks {
			b.bindCheck(ctx, n, c)
		}
	}
}

// unbound reports whether something that a node reads did not bind: that one's error is enough.
func (b *builder) unbound(n *Node) bool {
	return slices.ContainsFunc(n.Inputs, func(in string) bool { return len(b.graph.nodes[in].Columns) == 0 })
}

// inputs are the columns of what a node reads.
func (b *builder) inputs(n *Node) map[string][]sqlparse.Column {
	in := map[string][]sqlparse.Column{}
	for _, name := range n.Inputs {
		in[name] = b.graph.nodes[name].Columns
	}
	return in
}

func hasColumn(columns []sqlparse.Column, name string) bool {
	return slices.ContainsFunc(columns, func(c sqlparse.Column) bool { return strings.EqualFold(c.Name, name) })
}

// named notes every name that is not a column of the node.
func (b *builder) named(n *Node, file string, line int, what string, names []string) {
	for _, name := range names {
		if !hasColumn(n.Columns, name) {
			b.fail(fault.At(file, line, 0, fmt.Sprintf("%s: %s has no column %s", what, n.Name, name), "it has "+columnNames(n.Columns)))
		}
	}
}

func columnNames(columns []sqlparse.Column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}

func (b *builder) bindCheck(ctx context.Context, n *Node, c project.Check) {
	switch c.Kind {
	case "unique", "not_null":
		b.named(n, n.Query.File, c.Line, "check "+c.Kind, c.Columns)
	case "accepted", "range", "matches", "length":
		b.named(n, n.Query.File, c.Line, "check "+c.Kind, []string{c.Column})
	case "relationship":
		b.named(n, n.Query.File, c.Line, "check relationship", c.Columns)
		b.named(b.graph.nodes[c.In], n.Query.File, c.Line, "check relationship", c.Keys)
	case "rule":
		sql := "SELECT " + c.Rule + "\n AS rule FROM " + n.Name
		columns, err := b.parser.Describe(ctx, sql, map[string][]sqlparse.Column{n.Name: n.Columns})
		switch {
		case err != nil:
			b.fail(atLine(err, n.Query.File, c.Line, "check rule"))
		case len(columns) != 1 || columns[0].Type != "BOOLEAN":
			b.fail(fault.At(n.Query.File, c.Line, 0, "check rule: the expression is neither true nor false", "write a comparison of columns, such as ends >= begins"))
		}
	case "sql":
		in := b.inputs(n)
		in[n.Name] = n.Columns
		if _, err := b.parser.Describe(ctx, c.SQL, in); err != nil {
			b.fail(atLine(err, n.Query.File, c.Line, "check "+c.Name))
		}
	case "total":
		if !slices.Contains(n.Inputs, c.Of) {
			b.fail(fault.At(n.Query.File, c.Line, 0, fmt.Sprintf("check total: %s does not read %s", n.Name, c.Of), "it reads "+strings.Join(n.Inputs, ", ")))
			return
		}
		for _, m := range []struct {
			expr string
			node *Node
		}{{c.Measure, n}, {c.Equals, b.graph.nodes[c.Of]}} {
			sql := "SELECT " + m.expr + " AS total FROM " + m.node.Name
			if _, err := b.parser.Describe(ctx, sql, map[string][]sqlparse.Column{m.node.Name: m.node.Columns}); err != nil {
				b.fail(atLine(err, n.Query.File, c.Line, "check total"))
			}
		}
	}
}

// bindReports compares the columns that sections name with those of their marts and queries.
func (b *builder) bindReports(ctx context.Context) {
	for _, n := range b.graph.Order {
		if n.Report == nil || b.unbound(n) {
			continue
		}
		for _, use := range report.Columns(*n.Report) {
			b.named(b.graph.nodes[use.Mart], n.Report.File, use.Line, "section "+use.Section, use.Columns)
		}
		for _, s := range n.Report.Sections {
			if s.Query != "" {
				b.bindSectionQuery(ctx, n, s)
			}
		}
	}
}

func (b *builder) bindSectionQuery(ctx context.Context, n *Node, s project.Section) {
	columns, err := b.parser.Describe(ctx, s.Query, b.inputs(n))
	if err != nil {
		b.fail(atLine(err, n.Report.File, s.Line, "query of section "+s.Name))
		return
	}
	// The day need not be among the columns of a query: it runs for one day at a time.
	columns = append(columns, sqlparse.Column{Name: "day", Type: dayType})
	as := s
	as.Mart, as.Query = s.Name, ""
	for _, use := range report.Columns(project.Report{Sections: []project.Section{as}}) {
		b.named(&Node{Name: "its query", Columns: columns}, n.Report.File, s.Line, "section "+s.Name, use.Columns)
	}
}
