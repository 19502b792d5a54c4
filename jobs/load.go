package jobs

import (
	"context"
	"fmt"
	"strings"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/project"
	"daybook/internal/store"
	"daybook/internal/warehouse"
)

// buildQuery replaces a table's or mart's rows of the day by its SQL, checked, in one transaction of the warehouse.
func buildQuery(ctx context.Context, w *work) (outcome, error) {
	// The fingerprint comes first: what changes after it leaves the build stale, never fresh with older rows.
	fp, inputs := w.Graph.fingerprint(w.node, w.day, w.ledger)
	staged, err := w.staged(ctx)
	if err != nil {
		return outcome{}, err
	}
	q := w.node.Query
	loaded, err := w.Warehouse.Load(ctx, warehouse.Load{
		Kind: w.node.Kind, Node: w.node.Name, Day: w.cell.Day, Asked: w.day, SQL: w.node.loadSQL(), Staged: staged, Full: w.node.Current,
		Key: q.Key, Fingerprint: fp, Run: w.run.ID, At: w.Now(), Checks: w.Graph.checks(w.node), Diff: w.node.Kind == project.KindMart,
	})
	var checks []store.CheckResult
	if err == nil || loaded.Checks != nil { // a load that did not come to its checks leaves those of the rows that stay
		checks = w.results(loaded.Checks)
	}
	if err != nil {
		return outcome{checks: checks}, fmt.Errorf("load %s: %w", w.cell, inFile(err, q.File, q.SQLLine))
	}
	w.failpoint("loaded")
	d := loaded.Diff
	w.log("info", "%d rows loaded, %d before; by key %d added, %d removed, %d changed", loaded.Rows, d.Before, d.Added, d.Removed, d.Changed)
	for _, c := range checks {
		if c.State == "warned" {
			text := fmt.Sprintf("check %s: %s, wanted %s", c.Name, c.Value, c.Want)
			if len(c.Examples) > 0 {
				text += " (" + strings.Join(c.Examples, "; ") + ")"
			}
			w.log("warn", "%s", text)
		}
	}
	var in int64
	for _, i := range inputs {
		if b, ok := w.ledger.at(Cell{i.Node, i.Day}); ok && (i.Day == w.cell.Day || i.Day.IsZero()) {
			in += b.Rows
		}
	}
	return w.built(store.Build{Fingerprint: fp, Output: loaded.Output, Rows: loaded.Rows, RowsIn: in, Inputs: inputs}, checks), nil
}

// staged lists the Parquet files that each source's name stands for in the SQL.
func (w *work) staged(ctx context.Context) (map[string][]string, error) {
	if w.node.Kind != project.KindTable {
		return nil, nil
	}
	files := map[string][]string{}
	for _, in := range w.Graph.reads(w.node, w.day, w.ledger.days) {
		if w.Graph.nodes[in.cell.Node].Kind != project.KindSource {
			continue // a need that the SQL does not read
		}
		m, err := w.Lake.Manifest(ctx, lake.Key{Layer: lake.Stage, Node: in.cell.Node, Day: in.cell.Day})
		if _, built := w.ledger.at(in.cell); fault.Is(err, fault.NotFound) && in.cell.Day != w.day {
			if !built {
				continue // a day of the lookback that was never fetched
			}
			err = fault.Wrap(fault.Damaged, err, fmt.Sprintf("the staged records of %s are gone", in.cell), fmt.Sprintf("make them again: daybook run --node %s --day %s --rebuild", in.cell.Node, in.cell.Day))
		}
		if err != nil {
			return nil, err
		}
		path, err := w.Lake.Local(ctx, m, stagedData)
		if err != nil {
			return nil, err
		}
		files[in.cell.Node] = append(files[in.cell.Node], path)
	}
	return files, nil
}

func (w *work) results(results []warehouse.Result) []store.CheckResult {
	out := make([]store.CheckResult, len(results))
	for i, r := range results {
		out[i] = store.CheckResult{Node: w.node.Name, Day: w.cell.Day, Name: r.Name, Severity: "blocking", State: "passed", Value: r.Value, Want: r.Want, Examples: r.Examples, At: w.Now()}
		if r.Warning {
			out[i].Severity = "warning"
		}
		switch {
		case !r.OK && r.Warning:
			out[i].State = "warned"
		case !r.OK:
			out[i].State = "failed"
		}
	}
	return out
}

// Query reads the warehouse for people and reports: columns and rows of one SELECT, $day bound where it is used.
func (r *Runner) Query(ctx context.Context, sql string, day calendar.Day) ([]string, [][]any, error) {
	rows, err := r.Warehouse.Query(ctx, sql, day)
	if err != nil {
		return nil, nil, err
	}
	columns := make([]string, len(rows.Columns))
	for i, c := range rows.Columns {
		columns[i] = c.Name
	}
	return columns, rows.Values, nil
}

// loadSQL is the node's SELECT; of a latest one, it gives the newest row of each key, without those that are gone. Rows of one key and
// version are told apart by their text, so that days give the same rows in whatever order they come.
func (n *Node) loadSQL() string {
	q := n.Query
	if q.Refresh != "latest" {
		return q.SQL
	}
	keys := make([]string, len(q.Key))
	for i, k := range q.Key {
		keys[i] = quote(k)
	}
	newest := fmt.Sprintf("SELECT * FROM (%s\n) AS t QUALIFY row_number() OVER (PARTITION BY %s ORDER BY %s DESC NULLS LAST, CAST(to_json(t) AS VARCHAR) DESC) = 1",
		strings.TrimRight(q.SQL, "; \n\t"), strings.Join(keys, ", "), quote(q.Version))
	switch {
	case q.Deleted == "":
		return newest
	case n.columnType(q.Deleted) == "BOOLEAN":
		return "SELECT * FROM (" + newest + ") AS t WHERE NOT coalesce(" + quote(q.Deleted) + ", false)"
	}
	return "SELECT * FROM (" + newest + ") AS t WHERE " + quote(q.Deleted) + " IS NULL"
}

func (n *Node) columnType(name string) string {
	for _, c := range n.Columns {
		if strings.EqualFold(c.Name, name) {
			return c.Type
		}
	}
	return ""
}

// latest is what the header says of which rows stay.
func (n *Node) latest() []string {
	if n.Query.Refresh != "latest" {
		return nil
	}
	return append([]string{n.Query.Version, n.Query.Deleted}, n.Query.Key...)
}
