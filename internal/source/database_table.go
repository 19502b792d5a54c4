package source

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

// dbName is a table's name, with its schema or without.
type dbName struct{ schema, table string }

func parseDBName(text string) (dbName, *fault.Error) {
	parts := strings.Split(text, ".")
	if len(parts) > 2 || slices.Contains(parts, "") {
		return dbName{}, fault.New(fault.Invalid, fmt.Sprintf("%q is not a table's name", text), "write table: NAME or table: SCHEMA.NAME")
	}
	if len(parts) == 1 {
		return dbName{table: text}, nil
	}
	return dbName{parts[0], parts[1]}, nil
}

func (n dbName) quoted(d dbDialect) string {
	if n.schema == "" {
		return d.quote(n.table)
	}
	return d.quote(n.schema) + "." + d.quote(n.table)
}

// dbTable is a table or view.
type dbTable struct {
	sql     string // its quoted name
	said    string // its name for people
	columns []dbColumn
	unique  [][]string // the columns of each unique key
}

// dbFamily is what a column's values are compared as.
type dbFamily int

const (
	dbOther   dbFamily = iota // as the server does
	dbInteger                 // whole numbers
	dbNumber                  // exact decimals
	dbDate                    // civil dates
	dbWall                    // civil times without a zone
	dbInstant                 // instants
	dbBinary                  // bytes
	dbUnkeyed                 // what equality or order is not safe for
)

// dbColumn is a column and how the server's text of a value becomes JSON.
type dbColumn struct {
	name   string
	kind   string // as the server calls its type
	family dbFamily
	null   bool
	read   string // the expression whose text is converted; the quoted name when empty
	json   dbJSON
}

func (t dbTable) column(name string) (dbColumn, bool) {
	i := slices.IndexFunc(t.columns, func(c dbColumn) bool { return c.name == name })
	if i < 0 {
		return dbColumn{}, false
	}
	return t.columns[i], true
}

// must is the column of that name, which the setting what says.
func (t dbTable) must(name, what string) (dbColumn, error) {
	c, ok := t.column(name)
	if ok {
		return c, nil
	}
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return c, fault.New(fault.Invalid, fmt.Sprintf("%s has no column %s, which %s names", t.said, name, what), "its columns are "+strings.Join(names, ", "))
}

// plan finds out what is read, by which key, and how a day is told.
func (r *dbRead) plan(ctx context.Context, s dbSession) error {
	name, bad := parseDBName(r.Source.Database.Table)
	if bad != nil {
		return place(r.Source, bad)
	}
	var err error
	if r.table, err = s.describe(ctx, name); err != nil {
		return err
	}
	r.table.sql, r.table.said = name.quoted(s), r.Source.Database.Table
	if len(r.table.columns) == 0 {
		return fault.New(fault.Invalid, fmt.Sprintf("there is no table %s in %s, or it is hidden from this user", r.table.said, r.server.where()),
			"write the name as the database has it, or grant SELECT on it")
	}
	if err := r.planColumns(); err != nil {
		return err
	}
	if err := r.planWindow(); err != nil {
		return err
	}
	return r.planKey(ctx, s)
}

// planColumns takes every column, as a new one has to be noticed, or those that are declared when new ones are ignored.
func (r *dbRead) planColumns() error {
	r.columns = r.table.columns
	if r.Source.NewColumns != "ignore" {
		return nil
	}
	wanted := map[string]bool{}
	for _, c := range r.Source.Columns {
		from := declared(c.Name, c.From)
		if _, ok := r.table.column(from); !ok {
			from, _, _ = strings.Cut(from, ".") // a path within a column of JSON
		}
		if _, err := r.table.must(from, "columns"); err != nil {
			return err
		}
		wanted[from] = true
	}
	r.columns = nil
	for _, c := range r.table.columns {
		if wanted[c.name] {
			r.columns = append(r.columns, c)
		}
	}
	return nil
}

// declared is the name that a declared column has at the source.
func declared(name, from string) string {
	if from != "" {
		return from
	}
	return name
}

// keyNames are the columns of the key, as the table calls them.
func (r *dbRead) keyNames() []string {
	if len(r.Source.Database.Order) > 0 {
		return r.Source.Database.Order
	}
	names := slices.Clone(r.Source.Key)
	for i, k := range names {
		for _, c := range r.Source.Columns {
			if c.Name == k {
				names[i] = declared(c.Name, c.From)
			}
		}
	}
	return names
}

// planKey makes sure that the key tells every row from every other: a chunk that ends among equals would lose some.
func (r *dbRead) planKey(ctx context.Context, s dbSession) error {
	names, nullable := r.keyNames(), false
	r.key = nil
	for _, name := range names {
		c, err := r.table.must(name, "key or order")
		if err != nil {
			return err
		}
		if c.family == dbUnkeyed {
			return fault.New(fault.Invalid, fmt.Sprintf("%s of %s is %s, which is not safe to read in order by", name, r.table.said, c.kind),
				"write order: with the columns of a unique key of whole numbers, texts, times or binary")
		}
		nullable = nullable || c.null
		r.key = append(r.key, c)
	}
	proven := slices.ContainsFunc(r.table.unique, func(u []string) bool {
		return !slices.ContainsFunc(u, func(c string) bool { return !slices.Contains(names, c) })
	})
	if proven && !nullable {
		return nil
	}
	r.Log("warn", "%s has no unique key without nulls among %s: it is searched for repeats first", r.table.said, strings.Join(names, ", "))
	q := newDBQuery(s)
	keys := q.names(r.key)
	q.add("SELECT count(*) FROM ", r.table.sql, " WHERE ", r.window.within(q), " GROUP BY ", keys, " HAVING count(*) > 1")
	for _, c := range r.key {
		q.add(" OR ", s.quote(c.name), " IS NULL")
	}
	q.add(" LIMIT 1")
	found, err := q.all(ctx, s)
	if err == nil && len(found) > 0 {
		return fault.New(fault.Invalid, fmt.Sprintf("rows of %s share a value of %s, or have none", r.table.said, strings.Join(names, ", ")),
			"write order: with the columns of a unique key, so that no row is lost between two chunks")
	}
	return err
}

// dbWindow is which rows are a day's; the zero one takes all.
type dbWindow struct {
	created, modified, deleted *dbColumn
	bounds                     func(c dbColumn) (from, to string)
}

func (r *dbRead) planWindow() error {
	set := r.Source.Database
	for _, w := range []struct {
		setting, name string
		into          **dbColumn
	}{{"created", set.Created, &r.window.created}, {"modified", set.Modified, &r.window.modified}, {"deleted", set.Deleted, &r.window.deleted}} {
		if w.name == "" {
			continue
		}
		c, err := r.table.must(w.name, w.setting)
		if err != nil {
			return err
		}
		if c.family != dbDate && c.family != dbWall && c.family != dbInstant {
			return fault.New(fault.Invalid, fmt.Sprintf("%s: %s of %s is %s, not a date or time", w.setting, w.name, r.table.said, c.kind),
				"write a column of dates or times; a flag of deleted rows needs no setting, it comes with the rows")
		}
		*w.into = &c
	}
	r.window.bounds = func(c dbColumn) (from, to string) {
		switch c.family {
		case dbDate:
			return r.Day.String(), r.Day.Add(1).String()
		case dbWall: // a day without a zone has 24 hours, also where the clocks change
			return r.Day.String() + " 00:00:00", r.Day.Add(1).String() + " 00:00:00"
		}
		return instant(r.Day, r), instant(r.Day.Add(1), r)
	}
	return nil
}

// instant is the first one of a day as both servers read it in a session whose zone is UTC.
func instant(d calendar.Day, r *dbRead) string {
	return d.Start(r.Source.Zone).UTC().Format("2006-01-02 15:04:05")
}

// within is the condition of the day's rows. One that was never modified is of the day that created it; one that was deleted is of that day too.
func (w dbWindow) within(q *dbQuery) string {
	between := func(c *dbColumn) string {
		from, to := w.bounds(*c)
		name := q.dialect.quote(c.name)
		return fmt.Sprintf("(%s >= %s AND %s < %s)", name, q.value(*c, from), name, q.value(*c, to))
	}
	var ways []string
	switch {
	case w.modified != nil:
		ways = append(ways, between(w.modified))
		if w.created != nil {
			ways = append(ways, fmt.Sprintf("(%s IS NULL AND %s)", q.dialect.quote(w.modified.name), between(w.created)))
		}
	case w.created != nil:
		ways = append(ways, between(w.created))
	default:
		return "1 = 1"
	}
	if w.deleted != nil {
		ways = append(ways, between(w.deleted))
	}
	return "(" + strings.Join(ways, " OR ") + ")"
}

// since is the condition of rows of the day and of every later one.
func (w dbWindow) since(q *dbQuery) string {
	var ways []string
	for _, c := range []*dbColumn{w.created, w.modified, w.deleted} {
		if c != nil {
			from, _ := w.bounds(*c)
			ways = append(ways, q.dialect.quote(c.name)+" >= "+q.value(*c, from))
		}
	}
	return "(" + strings.Join(ways, " OR ") + ")"
}
