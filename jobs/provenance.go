package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/project"
	"daybook/internal/report"
)

// Provenance says where the numbers of an edition come from, as it was when the edition was made: from the queries of its
// sections down to the hashes of raw objects. It is kept with the edition.
type Provenance struct {
	Sections []Reading `json:"sections"`
	Nodes    []Origin  `json:"nodes"` // each after what it reads
}

// Reading is how a section reads its numbers.
type Reading struct {
	Section string   `json:"section"`
	SQL     string   `json:"sql"`
	Reads   []string `json:"reads"` // tables and marts
}

// Origin is a node's build that an edition was made from. Fingerprint is empty where there was none.
type Origin struct {
	Node         string       `json:"node"`
	Kind         string       `json:"kind"`
	File         string       `json:"file"`
	SQL          string       `json:"sql,omitempty"`
	Day          calendar.Day `json:"day,omitzero"`
	Fingerprint  string       `json:"fingerprint,omitempty"`
	Output       string       `json:"output,omitempty"`
	Run          string       `json:"run,omitempty"`
	Rows         int64        `json:"rows"`
	RowsIn       int64        `json:"rows_in"`
	Rejected     int64        `json:"rejected"`
	Deduplicated int64        `json:"deduplicated"`
	At           time.Time    `json:"at,omitzero"`
	Inputs       []string     `json:"inputs,omitempty"`
	Objects      []Object     `json:"objects,omitempty"` // of a source: its raw bytes
	Note         string       `json:"note,omitempty"`
}

// Object is raw bytes as a source gave them.
type Object struct {
	Name   string `json:"name"`
	Origin string `json:"origin"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// originsName is the object of an edition that holds its provenance.
const originsName = "provenance.json"

// Provenance reads where an edition's numbers come from.
func (r *Runner) Provenance(ctx context.Context, name string, day calendar.Day, number int) (Provenance, error) {
	e, err := r.Store.Edition(ctx, name, day, number)
	if err != nil {
		return Provenance{}, err
	}
	text, err := r.readObject(ctx, lake.Key{Layer: lake.Editions, Node: name, Day: day, Number: e.Number}, originsName)
	if err != nil {
		return Provenance{}, fmt.Errorf("read the provenance of %s %s edition %d: %w", name, day, e.Number, err)
	}
	var p Provenance
	if err := json.Unmarshal(text, &p); err != nil {
		return Provenance{}, fault.Wrap(fault.Damaged, err, fmt.Sprintf("the provenance of %s %s edition %d cannot be read", name, day, e.Number), "rebuild the report of that day")
	}
	return p, nil
}

// origins writes the provenance of what a report's day is made from now.
func (r *Runner) origins(ctx context.Context, node *Node, day calendar.Day) ([]byte, error) {
	p := Provenance{Sections: readings(*node.Report, node.Inputs)}
	upstream := r.Graph.Upstream(node.Name)
	for _, n := range r.Graph.Order {
		if !upstream[n.Name] || n.Report != nil {
			continue
		}
		o, err := r.origin(ctx, n, day)
		if err != nil {
			return nil, err
		}
		p.Nodes = append(p.Nodes, o)
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("write the provenance of %s %s: %w", node.Name, day, err)
	}
	return text, nil
}

func (r *Runner) origin(ctx context.Context, n *Node, day calendar.Day) (Origin, error) {
	o := Origin{Node: n.Name, Kind: n.Kind, Inputs: n.Inputs, Day: n.Key(day).Day}
	if n.Query != nil {
		o.File, o.SQL = n.Query.File, strings.TrimSpace(n.Query.SQL)
	}
	b, built := r.ledger.at(n.Key(day))
	if built {
		o.Fingerprint, o.Output, o.Run, o.At, o.Note = b.Fingerprint, b.Output, b.Run, b.At, b.Note
		o.Rows, o.RowsIn, o.Rejected, o.Deduplicated = b.Rows, b.RowsIn, b.Rejected, b.Deduplicated
	}
	if n.Source == nil {
		return o, nil
	}
	o.File = n.Source.File
	m, err := r.Lake.Manifest(ctx, lake.Key{Layer: lake.Raw, Node: n.Name, Day: n.Key(day).Day})
	switch {
	case fault.Is(err, fault.NotFound): // nothing was fetched
	case err != nil:
		o.Note = err.Error()
	case built && digest(b.Definition, m.Hash()) != b.Fingerprint:
		o.Note = strings.TrimSpace(o.Note + "\nits bytes were fetched again after this build, so they are not named")
	default:
		for _, object := range m.Objects {
			o.Objects = append(o.Objects, Object{Name: object.Name, Origin: object.Origin, SHA256: object.SHA256, Bytes: object.Bytes})
		}
	}
	return o, nil
}

// readings lists how each section reads its numbers.
func readings(r project.Report, inputs []string) []Reading {
	columns := map[string]report.Use{}
	for _, use := range report.Columns(r) {
		columns[use.Section] = use
	}
	var list []Reading
	for _, s := range r.Sections {
		use, mart := columns[s.Name]
		switch {
		case s.Kind == report.KindText:
		case mart:
			list = append(list, Reading{Section: s.Name, SQL: "SELECT " + strings.Join(use.Columns, ", ") + " FROM " + use.Mart + " WHERE day = $day", Reads: []string{use.Mart}})
		default:
			list = append(list, Reading{Section: s.Name, SQL: s.Query, Reads: mentioned(s.Query, inputs)})
		}
	}
	return list
}

// mentioned are the names that a query holds as words.
func mentioned(sql string, names []string) []string {
	var list []string
	for _, name := range names {
		if regexp.MustCompile(`(?i)\b` + regexp.QuoteMeta(name) + `\b`).MatchString(sql) {
			list = append(list, name)
		}
	}
	return list
}
