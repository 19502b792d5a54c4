package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/stage"
	"daybook/internal/text"
	"daybook/jobs"
)

// probing is all that source test has found. Verdict is what the contract says of it, nil where it fits.
type probing struct {
	found   jobs.Probed
	look    stage.Inferred
	result  stage.Result
	verdict error
}

// showProbe writes it: as text, all of it as one JSON object, or the first records as CSV.
func (p *program) showProbe(v probing) error {
	columns, rows := v.records()
	switch p.format {
	case "json":
		return p.probeJSON(v)
	case "csv":
		return p.table(columns, rows)
	}
	p.printf("%s from %s, %s\n", v.found.Source.Name, v.found.Source.From, v.found.Day)
	if v.found.NoData {
		p.printf("no data is expected on a %s\n", v.found.Day.Weekday())
	}
	for _, m := range v.found.Missing {
		p.printf("missing at the source: %s\n", clean(m))
	}
	if err := p.section("Objects", []string{"object", "bytes", "origin"}, v.objects()); err != nil {
		return err
	}
	if v.found.Stopped {
		p.printf("the fetch was ended after %d objects; --objects 0 fetches all\n", len(v.found.Objects))
	}
	if err := p.section(fmt.Sprintf("First %d records", len(rows)), columns, rows); err != nil {
		return err
	}
	compared := v.compare()
	more := ""
	if v.look.More {
		more = ", of which there are more"
	}
	lines := make([][]string, len(compared))
	for i, c := range compared {
		lines[i] = []string{c.Mark, c.Column, c.Declared, c.Inferred, counted(c.Null), counted(c.Absent), c.Types, strings.Join(c.Examples, " ")}
	}
	if err := p.section(fmt.Sprintf("Columns of %s records%s", counted(v.look.Records), more), []string{"", "column", "declared", "looks like", "null", "absent", "came as", "examples"}, lines); err != nil {
		return err
	}
	p.showVerdict(v)
	return nil
}

// section is a heading and a table, cut to the width of a terminal.
func (p *program) section(heading string, columns []string, rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	p.printf("\n%s\n", heading)
	shown := make([][]string, len(rows))
	for i, r := range rows {
		shown[i] = make([]string, len(r))
		for j, cell := range r {
			shown[i][j] = fit(clean(cell), cellWidth)
		}
	}
	heads := make([]string, len(columns))
	for i, c := range columns {
		heads[i] = fit(clean(c), cellWidth)
	}
	wide, isTerminal := terminal(p.out)
	if !isTerminal {
		return p.table(heads, shown)
	}
	var lines bytes.Buffer
	inner := *p
	inner.out = &lines
	if err := inner.table(heads, shown); err != nil {
		return err
	}
	for line := range strings.Lines(lines.String()) {
		p.printf("%s\n", fit(strings.TrimSuffix(line, "\n"), wide))
	}
	return nil
}

// cellWidth is how much of a value a table shows, in cells of a terminal.
const cellWidth = 40

// fit cuts s to a width in cells.
func fit(s string, width int) string {
	if cells(s) <= width {
		return s
	}
	used := 0
	for i, r := range s {
		if used += cells(string(r)); used > width-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// clean takes away what would steer a terminal, as records may hold anything.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case !unicode.IsPrint(r):
			return '·'
		}
		return r
	}, s)
}

func counted(n int64) string { return text.English.Count(n) }

func (v probing) objects() [][]string {
	rows := make([][]string, len(v.found.Objects))
	for i, o := range v.found.Objects {
		rows[i] = []string{o.Name, counted(o.Bytes), o.Origin}
	}
	return rows
}

// showVerdict says what staging by the contract gives.
func (p *program) showVerdict(v probing) {
	p.printf("\nBy the contract\n")
	if v.result.Rejects == "" {
		return // the error says why
	}
	r := v.result
	p.printf("%s records = %s staged + %s rejected + %s deduplicated\n", counted(r.Records), counted(r.Staged), counted(r.Rejected), counted(r.Deduplicated))
	for _, s := range r.Samples {
		p.printf("rejected: %s line %d: %s\n", clean(s.Object), s.Line, clean(s.Reason))
	}
	if r.Repeats > 0 {
		p.printf("%s records are exact repeats of others; without a key they are kept\n", counted(r.Repeats))
	}
	if len(r.NewColumns) > 0 {
		p.printf("not declared: %s\n", clean(strings.Join(r.NewColumns, ", ")))
	}
	if v.verdict == nil {
		p.printf("the day fits\n")
		return
	}
	p.printf("the day does not fit: %s\n", clean(withoutHint(v.verdict)))
	if hint := fault.Hint(v.verdict); hint != "" {
		p.printf("%s\n", clean(hint))
	}
}

// compared is a column as it is declared beside what came.
type compared struct {
	Mark     string   `json:"mark,omitempty"` // differs, undeclared or absent
	Column   string   `json:"column"`
	From     string   `json:"from,omitempty"`
	Declared string   `json:"declared,omitempty"`
	Inferred string   `json:"inferred,omitempty"`
	Null     int64    `json:"null"`
	Absent   int64    `json:"absent"`
	Types    string   `json:"types,omitempty"`
	Examples []string `json:"examples,omitempty"`
}

// compare sets declared columns beside inferred ones, by where they come from in a record; what is undeclared comes last.
func (v probing) compare() []compared {
	var list []compared
	used := make([]bool, len(v.look.Columns))
	s := v.found.Source
	for i, c := range s.Columns {
		line := compared{Column: c.Name, From: c.From, Declared: string(c.Type), Mark: "absent", Absent: v.look.Records}
		for j, l := range v.look.Columns {
			switch d, came := columnPath(c.From, c.Name), columnPath(l.From, l.Name); {
			case d == came, s.Format == "csv" && !s.Header && i == j:
				used[j] = true
				line = beside(line, l)
			case strings.HasPrefix(came, d+"."): // one column takes the whole object
				used[j] = true
				line.Mark, line.Inferred, line.Absent = "", "object", 0
			case strings.HasPrefix(d, came+"."): // a member of an object that stays whole
				used[j] = true
				line.Mark, line.Inferred, line.Absent, line.Null = "", "within "+came, l.Absent, l.Null
			}
		}
		list = append(list, line)
	}
	for j, l := range v.look.Columns {
		if !used[j] {
			line := beside(compared{Column: l.Name, From: l.From}, l)
			line.Mark = "undeclared"
			list = append(list, line)
		}
	}
	return list
}

func columnPath(from, name string) string {
	if from != "" {
		return from
	}
	return name
}

// beside fills in what came.
func beside(line compared, l stage.InferredColumn) compared {
	line.Inferred, line.Null, line.Absent, line.Examples, line.Mark = string(l.Type), l.Null, l.Absent, l.Examples, ""
	var types []string
	for _, t := range l.Types {
		types = append(types, fmt.Sprintf("%d %s", t.Count, t.Type))
	}
	line.Types = strings.Join(types, ", ")
	if line.Declared != "" && len(l.Types) > 0 && !takes(project.Type(line.Declared), l.Type) {
		line.Mark = "differs"
	}
	return line
}

// takes reports whether a declared type takes all values of an inferred one, as far as types tell.
func takes(declared, inferred project.Type) bool {
	wider := map[project.Type][]project.Type{"bigint": {"integer"}, "double": {"integer", "bigint"}, "timestamp": {"date"}, "timestamptz": {"date", "timestamp"}}
	switch {
	case declared == inferred, declared == "json", declared == "text" && inferred.Scalar():
		return true
	case strings.HasPrefix(string(declared), "decimal("):
		return inferred == "integer" || inferred == "bigint" || strings.HasPrefix(string(inferred), "decimal(")
	case declared == "double" && strings.HasPrefix(string(inferred), "decimal("):
		return true
	}
	return slices.Contains(wider[declared], inferred)
}

// records are the first ones as rows of the columns that were inferred.
func (v probing) records() (columns []string, rows [][]string) {
	for _, c := range v.look.Columns {
		columns = append(columns, c.Name)
	}
	for _, record := range v.look.First {
		row := make([]string, len(columns))
		if v.found.Source.Format == "csv" {
			reader := csv.NewReader(strings.NewReader(record))
			reader.LazyQuotes = true
			fields, err := reader.Read()
			if err != nil {
				fields = []string{record} // cut in the middle of quotes
			}
			for i, c := range v.look.Columns {
				if place := slices.Index(v.look.Header, columnPath(c.From, c.Name)); place >= 0 && place < len(fields) {
					row[i] = fields[place]
				}
			}
		} else {
			for i, c := range v.look.Columns {
				row[i] = valueAt([]byte(record), columnPath(c.From, c.Name))
			}
		}
		rows = append(rows, row)
	}
	return columns, rows
}

// valueAt is the value at a dotted path of a JSON record: a text without its quotes, anything else as JSON, nothing for null.
func valueAt(record []byte, path string) string {
	for step := range strings.SplitSeq(path, ".") {
		var members map[string]json.RawMessage
		if json.Unmarshal(record, &members) != nil {
			return ""
		}
		record = members[step]
	}
	var s string
	if json.Unmarshal(record, &s) == nil { // null too
		return s
	}
	return string(record)
}

// probeJSON writes everything as one object.
func (p *program) probeJSON(v probing) error {
	type object struct {
		Object string `json:"object"`
		Bytes  int64  `json:"bytes"`
		Origin string `json:"origin"`
	}
	type reject struct {
		Object string `json:"object"`
		Line   int64  `json:"line"`
		Column string `json:"column,omitempty"`
		Reason string `json:"reason"`
	}
	out := struct {
		Source       string            `json:"source"`
		From         string            `json:"from"`
		Day          string            `json:"day"`
		Fits         bool              `json:"fits"`
		Problem      string            `json:"problem,omitempty"`
		NoData       bool              `json:"no_data,omitempty"`
		Stopped      bool              `json:"stopped,omitempty"`
		Missing      []string          `json:"missing,omitempty"`
		Objects      []object          `json:"objects"`
		First        []json.RawMessage `json:"first"`
		Columns      []compared        `json:"columns"`
		Records      int64             `json:"records"`
		Staged       int64             `json:"staged"`
		Rejected     int64             `json:"rejected"`
		Deduplicated int64             `json:"deduplicated"`
		Rejects      []reject          `json:"rejects,omitempty"`
		NewColumns   []string          `json:"new_columns,omitempty"`
	}{Source: v.found.Source.Name, From: v.found.Source.From, Day: v.found.Day.String(), Fits: v.verdict == nil, NoData: v.found.NoData, Stopped: v.found.Stopped,
		Missing: v.found.Missing, Objects: []object{}, First: []json.RawMessage{}, Columns: v.compare(), Records: v.result.Records, Staged: v.result.Staged,
		Rejected: v.result.Rejected, Deduplicated: v.result.Deduplicated, NewColumns: v.result.NewColumns}
	if v.verdict != nil {
		out.Problem = v.verdict.Error()
	}
	for _, o := range v.found.Objects {
		out.Objects = append(out.Objects, object{o.Name, o.Bytes, o.Origin})
	}
	for _, r := range v.result.Samples {
		out.Rejects = append(out.Rejects, reject{r.Object, r.Line, r.Column, r.Reason})
	}
	for _, record := range v.look.First {
		raw := json.RawMessage(record)
		if !json.Valid(raw) { // CSV, or a record that was cut
			quoted, err := json.Marshal(record)
			if err != nil {
				return err
			}
			raw = quoted
		}
		out.First = append(out.First, raw)
	}
	e := json.NewEncoder(p.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(out)
}
