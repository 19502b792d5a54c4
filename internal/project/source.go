package project

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"daybook/internal/calendar"
)

// sourceKind is how the settings of a kind of source are read. Tuning lists those of its keys that say how fast, as whom or through
// which door, and not what is asked for: changing them asks for nothing again.
type sourceKind struct {
	name   string
	read   func(l *loader, m *mapping, s *Source)
	tuning []string
}

// sourceKinds is every kind of source, by what from: says.
func sourceKinds() []sourceKind {
	return []sourceKind{
		{"bigquery", (*loader).bigquerySource, []string{"limit", "credentials", "endpoint"}},
		{"collect", (*loader).collectSource, []string{"token", "origins", "body", "memory", "limit"}},
		{"dynamodb", (*loader).dynamodbSource, []string{"aws", "segments", "share", "units"}},
		{"exec", (*loader).execSource, nil},
		{"files", (*loader).filesSource, nil},
		{"http", (*loader).httpSource, []string{"secrets", "rate", "quota", "allow", "hosts", "timeout", "body", "unpacked", "plain", "format"}},
		{"kafka", (*loader).kafkaSource, []string{"brokers", "tls", "sasl", "user", "password", "lateness", "follow", "on_loss"}},
		{"kinesis", (*loader).kinesisSource, []string{"aws", "lateness", "follow", "on_loss"}},
		{"mysql", (*loader).mysqlSource, databaseTuning()},
		{"postgres", (*loader).postgresSource, databaseTuning()},
		{"s3", (*loader).s3Source, []string{"aws", "events", "format", "queue", "requester_pays"}},
	}
}

func (l *loader) source(file, name string, text []byte) {
	d := l.document(file, 0)
	defer l.done(d)
	m := d.parse(text)
	if m == nil {
		return
	}
	s := Source{Name: name, File: file, Line: 1}
	kinds := sourceKinds()
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	s.From = m.one("from", "", names...)
	if m.value("from") == nil {
		d.fail(m.node, "the source does not say where its records come from", "write from: "+strings.Join(names, " or "))
	}
	s.Owner, s.Description = m.str("owner", ""), m.str("description", "")
	s.Zone = m.zone("zone", l.project.Zone)
	s.Holds = m.one("holds", "day", "day", "snapshot")
	if i := slices.Index(names, s.From); i >= 0 {
		before := maps.Clone(m.used)
		kinds[i].read(l, m, &s)
		s.Asks += m.text(func(key string) bool { return m.used[key] && !before[key] && !slices.Contains(kinds[i].tuning, key) })
	}
	if s.Format == "" && s.From != "" {
		s.Format = l.format(m, s.Path)
	}
	s.Header = m.boolean("header", true)
	s.Records = m.str("records", "")
	s.Encoding = m.one("encoding", "utf-8", "utf-8", "cp949")
	s.Agrees = m.str("agrees", "")
	if days := m.value("days"); days != nil {
		set, err := calendar.ParseWeekdays(strings.Join(m.list("days"), ","))
		if err != nil {
			d.failAs(days, err)
		}
		s.Days = set
	}
	s.Empty = m.one("empty", "fail", "ok", "fail")
	s.NewColumns = m.one("new_columns", "keep", "keep", "ignore", "fail")
	s.MaxRejects = m.integer("max_rejects", 0, 0)
	s.Pool = m.str("pool", "default")
	l.pool(m, s.Pool)
	s.Key = m.list("key")
	s.Columns = columns(m)
	l.duplicates(m, &s)
	for _, k := range s.Key {
		if !slices.ContainsFunc(s.Columns, func(c Column) bool { return c.Name == k }) {
			d.fail(m.value("key"), fmt.Sprintf("key names %s, which is not a column", k), "declare it under columns:")
		}
	}
	if slices.Contains(names, s.From) { // the keys of no kind are all unknown
		m.finish()
	}
	l.project.Sources = append(l.project.Sources, s)
}

// filesSource reads the settings of from: files.
func (l *loader) filesSource(m *mapping, s *Source) {
	s.Path = m.str("path", "")
	if s.Path == "" {
		m.doc.fail(m.at("path"), "a source from files has no path", `write path: "data/{day}.ndjson.gz"`)
	}
	dated := strings.Contains(s.Path, "{day}") || strings.Contains(s.Path, "{dd}")
	if s.Path != "" && (s.Holds == "snapshot") == dated {
		m.doc.fail(m.value("path"), map[bool]string{
			true:  "a snapshot's path names a day",
			false: "the path names no day, so every day would read the same bytes",
		}[dated], "put {day} into the path, or write holds: snapshot for a source that can only give the present")
	}
}

// format is what is written, or what the path's extension says.
func (l *loader) format(m *mapping, p string) string {
	formats := []string{"ndjson", "json", "csv", "parquet", "xml", "dynamodb"}
	if m.value("format") != nil {
		return m.one("format", "ndjson", formats...)
	}
	ext := strings.TrimPrefix(path.Ext(strings.TrimSuffix(strings.TrimSuffix(p, ".gz"), ".zst")), ".")
	if ext == "jsonl" {
		ext = "ndjson"
	}
	if p != "" && !slices.Contains(formats, ext) {
		m.doc.fail(m.value("path"), "the path does not say the format", "write format: "+strings.Join(formats, ", "))
	}
	return ext
}

func (l *loader) pool(m *mapping, pool string) {
	if _, ok := l.project.Pools[pool]; !ok && l.settled {
		m.doc.fail(m.value("pool"), fmt.Sprintf("there is no pool %s", pool), fmt.Sprintf("add it to pools: in %s", Filename))
	}
}

func (l *loader) duplicates(m *mapping, s *Source) {
	n := m.value("duplicates")
	text := m.str("duplicates", "fail")
	column, latest := strings.CutPrefix(text, "latest(")
	switch {
	case latest && strings.HasSuffix(column, ")"):
		s.Duplicates, s.LatestBy = "latest", strings.TrimSuffix(column, ")")
		if !slices.ContainsFunc(s.Columns, func(c Column) bool { return c.Name == s.LatestBy }) {
			m.doc.fail(n, fmt.Sprintf("latest names %s, which is not a column", s.LatestBy), "declare it under columns:")
		}
	case text == "fail" || text == "reject":
		s.Duplicates = text
	default:
		m.doc.fail(n, fmt.Sprintf("duplicates cannot be %q", text), "write fail, reject or latest(COLUMN)")
	}
	if n != nil && len(s.Key) == 0 {
		m.doc.fail(n, "duplicates without a key", "write key: with the columns that name a record")
	}
}

func columns(m *mapping) []Column {
	sub := m.sub("columns")
	if sub == nil {
		m.doc.fail(m.node, "the source declares no columns", "write columns: with a name: type line for each")
		return nil
	}
	var out []Column
	for _, k := range sub.keys {
		c := Column{Name: keyName(k)}
		c.Line, _ = m.doc.place(k.Key)
		if !identRE.MatchString(c.Name) {
			m.doc.fail(k.Key, fmt.Sprintf("%q cannot be a column's name", c.Name), "use a-z, 0-9 and _, beginning with a letter; say from: for its name at the source")
		}
		n := sub.value(c.Name)
		switch n.(type) {
		case nil:
			m.doc.fail(k.Key, fmt.Sprintf("column %s has no type", c.Name), typeHint)
			continue
		case *ast.MappingNode, *ast.MappingValueNode:
			e := m.doc.mapping(n, "column "+c.Name)
			c.From, c.Required, c.Description = e.str("from", ""), e.boolean("required", false), e.str("description", "")
			typeNode := e.value("type")
			if typeNode == nil {
				m.doc.fail(k.Key, fmt.Sprintf("column %s has no type", c.Name), typeHint)
			} else {
				c.Type = m.doc.columnType(typeNode)
			}
			e.finish()
		default:
			c.Type = m.doc.columnType(n)
		}
		out = append(out, c)
	}
	return out
}

func (d *document) columnType(n ast.Node) Type {
	s, ok := d.scalar(n, "type")
	if !ok {
		return ""
	}
	t, err := ParseType(s)
	if err != nil {
		d.failAs(n, err)
	}
	return t
}

// Place is where the source's records are, as its file says it, in one line for people: a path, an address, a table, a stream or a program.
func (s Source) Place() string {
	for _, key := range []string{"path", "url", "table", "stream", "topic", "command", "query"} {
		for line := range strings.Lines(s.Asks) {
			text, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), key+": ")
			var place string
			if ok && json.Unmarshal([]byte(text), &place) == nil { // http has a query that is no text
				return strings.Join(strings.Fields(place), " ")
			}
		}
	}
	return ""
}
