package project

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"daybook/internal/fault"
)

// query reads a table's or mart's SQL file: an optional /* comment block of YAML */ and the SELECT.
func (l *loader) query(kind, file, name string, text []byte) {
	header, sql, headerLine, sqlLine, ok := split(string(text))
	d := l.document(file, headerLine-1)
	defer l.done(d)
	if !ok {
		d.errs = append(d.errs, fault.At(file, 1, 1, "the header comment is not closed", "end it with */"))
		return
	}
	q := Query{Kind: kind, Name: name, File: file, SQL: sql, SQLLine: sqlLine, Refresh: "day", Pool: "default"}
	if strings.TrimSpace(sql) == "" {
		d.errs = append(d.errs, fault.At(file, sqlLine, 1, "no SELECT in the file", "write the query below the header"))
	}
	if m := d.parse([]byte(header)); m != nil {
		q.Owner, q.Description = m.str("owner", ""), m.str("description", "")
		q.Key = m.list("key")
		q.Needs = m.list("needs")
		refreshes := []string{"day", "full"}
		if kind == KindTable {
			refreshes = append(refreshes, "latest")
		}
		q.Refresh = m.one("refresh", "day", refreshes...)
		if kind == KindTable {
			q.Version, q.Deleted = m.str("version", ""), m.str("deleted", "")
			l.latest(m, q)
		}
		q.Lookback = m.days("lookback")
		if q.Refresh != "day" && q.Lookback > 0 {
			d.fail(m.value("lookback"), "refresh: "+q.Refresh+" reads every day already", "leave lookback out")
		}
		q.Pool = m.str("pool", "default")
		l.pool(m, q.Pool)
		if sub := m.sub("columns"); sub != nil {
			q.Columns = map[string]string{}
			for _, k := range sub.keys {
				q.Columns[keyName(k)] = sub.str(keyName(k), "")
			}
		}
		m.each("checks", func(e *mapping) { q.Checks = append(q.Checks, check(e)) })
		m.finish()
	}
	if kind == KindTable {
		l.project.Tables = append(l.project.Tables, q)
	} else {
		l.project.Marts = append(l.project.Marts, q)
	}
}

// latest holds that refresh: latest has what it needs, and that nothing else has it.
func (l *loader) latest(m *mapping, q Query) {
	switch latest := q.Refresh == "latest"; {
	case latest && len(q.Key) == 0:
		m.doc.fail(m.value("refresh"), "refresh: latest has no key", "write key: with the columns that name a thing, of which the newest row stays")
	case latest && q.Version == "":
		m.doc.fail(m.value("refresh"), "refresh: latest has no version", "write version: with the column whose greatest value is the newest, such as modified")
	case !latest && q.Version != "":
		m.doc.fail(m.value("version"), "version is for refresh: latest", "leave it out, or write refresh: latest")
	case !latest && q.Deleted != "":
		m.doc.fail(m.value("deleted"), "deleted is for refresh: latest", "leave it out, or write refresh: latest")
	}
}

// split cuts the leading comment block off; lines are 1-based.
func split(text string) (header, sql string, headerLine, sqlLine int, ok bool) {
	lead := len(text) - len(strings.TrimLeft(text, " \t\r\n"))
	headerLine = 1 + strings.Count(text[:lead], "\n")
	rest := text[lead:]
	if !strings.HasPrefix(rest, "/*") {
		return "", rest, headerLine, headerLine, true
	}
	end := strings.Index(rest[2:], "*/") + 2
	if end < 2 {
		return "", "", headerLine, headerLine, false
	}
	// The two marks become spaces, so that columns in messages stay right.
	header = "  " + rest[2:end]
	sql = rest[end+2:]
	sqlLine = headerLine + strings.Count(rest[:end+2], "\n")
	trimmed := strings.TrimLeft(sql, " \t\r\n")
	sqlLine += strings.Count(sql[:len(sql)-len(trimmed)], "\n")
	return header, trimmed, headerLine, sqlLine, true
}

var daysRE = regexp.MustCompile(`^(\d{1,4})d$`)

// days reads "27d".
func (m *mapping) days(key string) int {
	n := m.value(key)
	if n == nil {
		return 0
	}
	s, _ := m.doc.scalar(n, key)
	match := daysRE.FindStringSubmatch(s)
	if match == nil {
		m.doc.fail(n, fmt.Sprintf("%s is %q", key, s), "write a number of days such as 27d")
		return 0
	}
	v, _ := strconv.Atoi(match[1])
	return v
}

// check reads one entry of checks: its kind is the key.
func check(e *mapping) Check {
	c := Check{Warning: e.one("severity", "blocking", "blocking", "warning") == "warning", Name: e.str("name", "")}
	c.Line, _ = e.doc.place(e.node)
	kinds := []string{"unique", "not_null", "rows", "accepted", "range", "matches", "length", "relationship", "rule", "sql", "total"}
	for _, kind := range kinds {
		n := e.value(kind)
		if n == nil {
			continue
		}
		if c.Kind != "" {
			e.doc.fail(n, "two checks in one entry", `begin the second with its own "- "`)
		}
		c.Kind = kind
		readCheck(e, kind, n, &c)
	}
	if unknown := e.finish(); unknown == 0 && c.Kind == "" {
		e.doc.fail(e.node, "an entry of checks without a check", "write one of "+strings.Join(kinds, ", "))
	}
	return c
}

func readCheck(e *mapping, kind string, n ast.Node, c *Check) {
	switch kind {
	case "unique", "not_null":
		if c.Columns = e.list(kind); len(c.Columns) == 0 {
			e.doc.fail(n, kind+" names no columns", "write "+kind+": [column, column]")
		}
		return
	case "rule":
		c.Rule = e.str(kind, "")
		return
	case "sql":
		c.SQL = strings.TrimSuffix(strings.TrimSpace(e.str(kind, "")), ";")
		if c.Name == "" {
			e.doc.fail(n, "a check in SQL has no name", "write name: with what it finds")
		}
		return
	}
	m := e.doc.mapping(n, kind)
	if m == nil {
		return
	}
	switch kind {
	case "rows":
		c.Min, c.Max = m.bound("min"), m.bound("max")
		c.Within = m.percent("within")
		if c.Min == nil && c.Max == nil && m.value("within") == nil {
			e.doc.fail(n, "rows says nothing", "write min:, max: or within: 30% (of the same weekday last week)")
		}
	case "accepted":
		c.Column, c.Values = m.str("column", ""), m.list("values")
		if c.Column == "" || len(c.Values) == 0 {
			e.doc.fail(n, "accepted needs a column and its values", "write accepted: {column: state, values: [open, closed]}")
		}
	case "range", "length":
		c.Column, c.Low, c.High = m.str("column", ""), m.number("min"), m.number("max")
		if c.Column == "" || c.Low == nil && c.High == nil {
			e.doc.fail(n, kind+" needs a column and a bound", "write "+kind+": {column: district, min: 1, max: 25}")
		}
	case "matches":
		c.Column, c.Pattern = m.str("column", ""), m.str("pattern", "")
		if _, err := regexp.Compile(c.Pattern); err != nil {
			e.doc.failAs(m.value("pattern"), fault.Wrap(fault.Invalid, err, "pattern is no regular expression", "write one of RE2, such as [A-Z]{3}"))
		}
		if c.Column == "" || c.Pattern == "" {
			e.doc.fail(n, "matches needs a column and a pattern", "write matches: {column: airport, pattern: '[A-Z]{3}'}")
		}
	case "relationship":
		c.Columns, c.In, c.Keys = m.list("column"), m.str("in", ""), m.list("key")
		if len(c.Keys) == 0 {
			c.Keys = c.Columns
		}
		if len(c.Columns) == 0 || c.In == "" || len(c.Keys) != len(c.Columns) {
			e.doc.fail(n, "relationship needs a column, the node that must have its values, and as many key columns there", "write relationship: {column: facility, in: facilities, key: id}")
		}
	case "total":
		c.Measure, c.Of, c.Equals = m.str("measure", ""), m.str("of", ""), m.str("equals", "count(*)")
		if c.Measure == "" || c.Of == "" {
			e.doc.fail(n, "total needs a measure and the input it is of", "write total: {measure: sum(requests), of: requests, equals: count(*)}")
		}
	}
	m.finish()
}

func (m *mapping) bound(key string) *int64 {
	if m.value(key) == nil {
		return nil
	}
	v := m.integer(key, 0, 0)
	return &v
}

// number reads a bound that may have a fraction and a sign; nil when absent.
func (m *mapping) number(key string) *float64 {
	n := m.value(key)
	if n == nil {
		return nil
	}
	s, _ := m.doc.scalar(n, key)
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		m.doc.fail(n, fmt.Sprintf("%s is %q", key, s), "write a number")
		return nil
	}
	return &v
}

func (m *mapping) percent(key string) float64 {
	n := m.value(key)
	if n == nil {
		return 0
	}
	s, _ := m.doc.scalar(n, key)
	v, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil || !strings.HasSuffix(s, "%") || !(v > 0 && v <= 1000) {
		m.doc.fail(n, fmt.Sprintf("%s is %q", key, s), "write a percentage such as 30%")
		return 0
	}
	return v / 100
}
