package project

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"daybook/internal/fault"
)

// KindPublication is the kind of node that publish/NAME.yaml makes.
const KindPublication = "publication"

// Publication is a mart that is kept in a production store.
type Publication struct {
	Name        string
	File        string
	Line        int
	Owner       string
	Description string
	Mart        string
	To          string // postgres, mysql, dynamodb, redis or s3
	Asks        string // the settings that say what is put where, as written
	Mode        string // swap: all rows of the mart and no others; day: the same of one day; upsert: the day's rows by key, others stay
	Key         []string
	Columns     []PublishedColumn // empty for all of the mart, by their names
	References  []Reference       // in the order of their columns
	Orphans     string            // fail or hold
	TakesOver   bool              // rows that are there from before the first publish may be replaced
	Shrink      float64           // the share of the target's rows that may go in one publish, 1 and 0 for all
	Pool        string
	URL         string // postgres, mysql, redis: a reference to a secret
	AWS         AWS    // dynamodb, s3
	Table       string // postgres, mysql, dynamodb
	Create      bool   // postgres, mysql: make the table when it is absent
	Lock        time.Duration
	Timeout     time.Duration // of one statement
	Units       float64       // dynamodb: capacity units a second, 0 for no limit
	Redis       Redis
	Path        string // s3: s3://bucket/prefix, with {day}
	Format      string // s3: ndjson.gz, ndjson, csv.gz or csv
}

// PublishedColumn is a column of the mart and its name in the target.
type PublishedColumn struct{ Column, As string }

// Reference says that a column's values must be there in a column of what another publication publishes, to the same database.
type Reference struct {
	Column      string // of this mart
	Publication string
	Of          string // column of the other mart
	Table       string // where the other publication puts it
	As          string // what it calls the column
}

// Redis is how rows become keys.
type Redis struct {
	Name      string // of the key, with {day}
	Structure string // hash: field is the key, value the row as JSON; sorted_set; string: all rows as one JSON array
	Member    string // sorted_set: the column of the members
	Score     string // sorted_set: the column of the scores
	Expire    time.Duration
}

// Target is the name of the mart's column in the target, empty when it is not published.
func (p Publication) Target(column string) string {
	if len(p.Columns) == 0 {
		return column
	}
	for _, c := range p.Columns {
		if c.Column == column {
			return c.As
		}
	}
	return ""
}

// publicationKinds is how the settings of a kind of target are read, by what to: says.
func publicationKinds() []struct {
	name string
	read func(*mapping, *Publication)
} {
	return []struct {
		name string
		read func(*mapping, *Publication)
	}{
		{"dynamodb", dynamoTarget},
		{"mysql", tableTarget},
		{"postgres", tableTarget},
		{"redis", redisTarget},
		{"s3", s3Target},
	}
}

// asWhom are the keys that do not say what is put where.
var asWhom = []string{"owner", "description", "pool", "units", "lock", "timeout", "create", "takes_over", "shrink"}

// defaultShrink is the share of a target's rows that may go in one publish.
const defaultShrink = 0.5

// Place is where the publication goes, as far as its settings say it; two of one place would replace each other's rows.
func (p Publication) Place() string {
	where := []string{p.To, p.URL}
	switch p.To {
	case "dynamodb":
		where = append(where, p.AWS.Endpoint, p.AWS.Region, p.Table)
	case "postgres":
		where = append(where, strings.TrimPrefix(p.Table, "public."))
	case "mysql":
		where = append(where, p.Table)
	case "redis":
		where = append(where, p.Redis.Name)
	case "s3":
		where = append(where, p.AWS.Endpoint, strings.TrimRight(p.Path, "/"))
	}
	return strings.Join(where, " ")
}

func (l *loader) publication(file, name string, text []byte) {
	d := l.document(file, 0)
	defer l.done(d)
	m := d.parse(text)
	if m == nil {
		return
	}
	p := Publication{Name: name, File: file, Line: 1, Owner: m.str("owner", ""), Description: m.str("description", "")}
	if p.Mart = m.str("mart", ""); p.Mart == "" {
		d.fail(m.at("mart"), "the publication does not say what is published", "write mart: with the name of a mart")
	}
	kinds := publicationKinds()
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	p.To = m.one("to", "", names...)
	if m.value("to") == nil {
		d.fail(m.node, "the publication does not say where to", "write to: "+strings.Join(names, " or "))
	}
	p.Mode = m.one("mode", "swap", "swap", "upsert", "day")
	p.Key = m.list("key")
	p.Columns = publishedColumns(m)
	p.TakesOver = m.boolean("takes_over", false)
	p.Shrink = m.shrink()
	p.Pool = m.str("pool", "default")
	l.pool(m, p.Pool)
	i := slices.Index(names, p.To)
	if i >= 0 {
		kinds[i].read(m, &p)
	}
	for _, k := range p.Key {
		if p.Target(k) == "" {
			d.fail(m.value("key"), fmt.Sprintf("key names %s, which is not published", k), "add it to columns:")
		}
	}
	p.Asks = m.text(func(key string) bool { return !slices.Contains(asWhom, key) })
	if i >= 0 { // the keys of no kind are all unknown
		m.finish()
	}
	l.project.Publications = append(l.project.Publications, p)
}

// shrink reads the share of the target's rows that may go.
func (m *mapping) shrink() float64 {
	n := m.value("shrink")
	if n == nil {
		return defaultShrink
	}
	share := m.percent("shrink")
	if share > 1 {
		m.doc.fail(n, "shrink is more than all rows", "write 1% to 100%; 100% lets all rows go")
	}
	return share
}

// publishedColumns reads a list of the mart's columns, or "mart's column: target's column" lines.
func publishedColumns(m *mapping) []PublishedColumn {
	n := m.value("columns")
	var out []PublishedColumn
	switch n.(type) {
	case nil:
		return nil
	case *ast.MappingNode, *ast.MappingValueNode:
		sub := m.sub("columns")
		for _, k := range sub.keys {
			name := keyName(k)
			out = append(out, PublishedColumn{name, sub.str(name, name)})
		}
	default:
		for _, name := range m.list("columns") {
			out = append(out, PublishedColumn{name, name})
		}
	}
	for i, c := range out {
		if slices.ContainsFunc(out[:i], func(o PublishedColumn) bool { return o.As == c.As || o.Column == c.Column }) {
			m.doc.fail(n, fmt.Sprintf("column %s is published twice, or another has its name", c.Column), "publish each column once, under a name of its own")
		}
	}
	if len(out) == 0 {
		m.doc.fail(n, "columns names no column", "name the columns to publish, or leave columns: out for all of them")
	}
	return out
}

var targetTable = regexp.MustCompile(`^[^\s."'` + "`" + `;\x00]+(\.[^\s."'` + "`" + `;\x00]+)?$`)

// tableTarget reads the settings of to: postgres and to: mysql.
func tableTarget(m *mapping, p *Publication) {
	target(m, p)
	if p.Table != "" && !targetTable.MatchString(p.Table) {
		m.doc.fail(m.value("table"), fmt.Sprintf("%q cannot be a table", p.Table), "write table: NAME or SCHEMA.NAME, without quotes and spaces")
	}
	if p.URL = m.secret("url"); m.value("url") == nil {
		m.doc.fail(m.node, "the publication does not say which database", "write url: env:NAME, a reference to the secret that is its address")
	}
	if p.Mode == "day" && p.Target("day") == "" {
		m.doc.fail(m.at("columns"), "mode: day, and the column day is not published", "add day to columns:, or write mode: upsert")
	}
	p.Create = m.boolean("create", false)
	p.Lock = m.duration("lock", 10*time.Second)
	p.Timeout = m.duration("timeout", 10*time.Minute)
	p.Orphans = m.one("orphans", "fail", "fail", "hold")
	sub := m.sub("references")
	if sub == nil {
		if n := m.value("orphans"); n != nil {
			m.doc.fail(n, "orphans without references", "write references: {COLUMN: PUBLICATION.COLUMN}, or leave orphans: out")
		}
		return
	}
	for _, k := range sub.keys {
		r := Reference{Column: keyName(k)}
		var ok bool
		r.Publication, r.Of, ok = strings.Cut(sub.str(r.Column, ""), ".")
		switch {
		case !ok || r.Of == "":
			m.doc.fail(k.Value, "a reference names no publication and column", "write COLUMN: PUBLICATION.COLUMN")
		case r.Publication == p.Name:
			m.doc.fail(k.Value, "a publication refers to itself", "references: is for other publications; leave it out")
		case p.Target(r.Column) == "":
			m.doc.fail(k.Key, fmt.Sprintf("references names %s, which is not published", r.Column), "add it to columns:")
		}
		p.References = append(p.References, r)
	}
}

func target(m *mapping, p *Publication) {
	if p.Table = m.str("table", ""); p.Table == "" {
		m.doc.fail(m.at("table"), "the publication does not say which table", "write table: NAME")
	}
}

func dynamoTarget(m *mapping, p *Publication) {
	target(m, p)
	p.AWS = m.aws()
	p.Units = m.rate("units")
}

func redisTarget(m *mapping, p *Publication) {
	if p.URL = m.secret("url"); m.value("url") == nil {
		m.doc.fail(m.node, "the publication does not say which server", "write url: env:NAME, a reference to the secret that is its address, such as redis://:password@host:6379/0")
	}
	r := &p.Redis
	if r.Name = m.str("name", ""); r.Name == "" {
		m.doc.fail(m.at("name"), "the publication does not name a key", `write name: "top_books" or, with mode: day, name: "top_books:{day}"`)
	}
	r.Structure = m.one("structure", "hash", "hash", "sorted_set", "string")
	if n := m.value("expire"); n != nil {
		r.Expire = m.duration("expire", 0)
	}
	r.Member, r.Score = m.str("member", ""), m.str("score", "")
	if sorted := r.Structure == "sorted_set"; sorted != (r.Member != "") || sorted != (r.Score != "") {
		m.doc.fail(m.at("structure"), "member and score are of sorted_set, which needs both", "write structure: sorted_set, member: COLUMN and score: COLUMN, or none of them")
	}
	m.dated("name", r.Name, p.Mode)
	if r.Structure == "string" && p.Mode == "upsert" {
		m.doc.fail(m.at("mode"), "a string has no rows to put in", "write mode: swap or day, or structure: hash")
	}
}

var s3Path = regexp.MustCompile(`^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$`)

func s3Target(m *mapping, p *Publication) {
	p.AWS = m.aws()
	if p.Path = m.str("path", ""); !s3Path.MatchString(p.Path) {
		m.doc.fail(m.at("path"), "the publication does not say which place of S3", `write path: "s3://bucket/prefix"`)
	}
	p.Format = m.one("format", "ndjson.gz", "ndjson.gz", "ndjson", "csv.gz", "csv")
	if p.Mode == "upsert" {
		m.doc.fail(m.at("mode"), "files have no rows to put in", "write mode: swap or day")
	}
	m.dated("path", p.Path, p.Mode)
}

// dated holds that a place of its own for each day goes with mode: day, and one place for all of them with the others.
func (m *mapping) dated(key, text, mode string) {
	if has := strings.Contains(text, "{day}"); text != "" && has != (mode == "day") {
		m.doc.fail(m.at(key), map[bool]string{
			true:  key + " names a day, and mode: " + mode + " has one place for all days",
			false: key + " names no day, so that each day would take the place of the one before",
		}[has], "put {day} into "+key+" together with mode: day, or do neither")
	}
}

// references holds that publications name marts, that what they refer to is published to the same database and none leads back to itself,
// and says where it is.
func (l *loader) references() {
	all := map[string]Publication{}
	for _, p := range l.project.Publications {
		all[p.Name] = p
	}
	for _, p := range l.project.Publications {
		if p.Mart != "" && !slices.ContainsFunc(l.project.Marts, func(q Query) bool { return q.Name == p.Mart }) {
			l.wrong(p, fmt.Sprintf("there is no mart %s", p.Mart), "name a file of marts/ without .sql")
		}
		for j := range p.References {
			r := &p.References[j]
			l.reference(p, r, all[r.Publication])
		}
		if leadsTo(all, p.Name, p.Name, map[string]bool{}) {
			l.wrong(p, "its references lead back to itself, so that none can be published first", "leave one of the references out")
		}
	}
}

func (l *loader) reference(p Publication, r *Reference, other Publication) {
	switch {
	case r.Of == "" || r.Publication == p.Name: // complained about where it was read
	case other.Name == "":
		l.wrong(p, fmt.Sprintf("references names %s, which is not a publication", r.Publication), "name a file of publish/ without .yaml")
	case other.To != p.To || other.URL != p.URL:
		l.wrong(p, fmt.Sprintf("references names %s, which is published to another database", r.Publication), "give both the same to: and url:, or leave the reference out")
	case other.Target(r.Of) == "":
		l.wrong(p, fmt.Sprintf("references names %s.%s, which is not published", r.Publication, r.Of), "add it to columns: of publish/"+r.Publication+".yaml")
	default:
		r.Table, r.As = other.Table, other.Target(r.Of)
	}
}

// places holds that no two publications go to one place. Those that only put rows in may share a table, and items of DynamoDB carry the
// name of theirs.
func (l *loader) places() {
	there := map[string]Publication{}
	for _, p := range l.project.Publications {
		table := p.To == "postgres" || p.To == "mysql"
		other, ok := there[p.Place()]
		if ok && p.To != "dynamodb" && !(table && p.Mode == "upsert" && other.Mode == "upsert") {
			l.wrong(p, fmt.Sprintf("it goes to the same place as %s, and each would take the other's rows away", other.File), "give each a place of its own")
		}
		there[p.Place()] = p
	}
}

func (l *loader) wrong(p Publication, message, hint string) {
	l.errs = append(l.errs, fault.At(p.File, p.Line, 0, message, hint))
}

func leadsTo(all map[string]Publication, from, to string, seen map[string]bool) bool {
	for _, r := range all[from].References {
		if r.Publication == to && from != to {
			return true
		}
		if !seen[r.Publication] {
			seen[r.Publication] = true
			if leadsTo(all, r.Publication, to, seen) {
				return true
			}
		}
	}
	return false
}

// Needs are the nodes that are built before: the mart, and the publications that its rows refer to.
func (p Publication) Needs() []string {
	out := []string{p.Mart}
	for _, r := range p.References {
		if !slices.Contains(out, r.Publication) {
			out = append(out, r.Publication)
		}
	}
	return out
}
