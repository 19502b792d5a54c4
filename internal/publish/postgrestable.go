package publish

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"daybook/internal/fault"
)

func quotePostgres(name string) string { return pgx.Identifier{name}.Sanitize() }

func quoteTable(table string) string { return pgx.Identifier(strings.Split(table, ".")).Sanitize() }

func pgString(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// quoted are the target's names of the published columns, behind an alias when there is one.
func (p *postgresRun) quoted(alias string) []string {
	out := make([]string, len(p.layout.columns))
	for i, c := range p.layout.columns {
		out[i] = alias + quotePostgres(c.as)
	}
	return out
}

func (p *postgresRun) keys(alias string) []string {
	var out []string
	for _, name := range p.keyNames() {
		if alias != "" {
			name = alias + "." + quotePostgres(name)
		} else {
			name = quotePostgres(name)
		}
		out = append(out, name)
	}
	return out
}

func (p *postgresRun) keyNames() []string { return p.layout.keyNames() }

func (l *layout) keyNames() []string {
	var out []string
	for _, k := range l.key {
		out = append(out, l.columns[k].as)
	}
	return out
}

// same is the condition that two rows have one key.
func (p *postgresRun) same(a, b string) string {
	var parts []string
	left, right := p.keys(a), p.keys(b)
	for i := range left {
		parts = append(parts, left[i]+" = "+right[i])
	}
	return strings.Join(parts, " AND ")
}

// reach is the condition of the target's rows that the mode replaces.
func (p *postgresRun) reach(alias string) string {
	if p.request.Publication.Mode != "day" {
		return "true"
	}
	return alias + "." + quotePostgres(p.layout.columns[p.layout.day].as) + " = " + p.literalDay()
}

func (p *postgresRun) literalDay() string { return pgString(p.request.Day.String()) }

// equatable makes types comparable that have no equality of their own.
func equatable(column, kind string) string {
	if slices.Contains([]string{"json", "xml", "point", "box", "path", "polygon", "line", "lseg", "circle"}, kind) {
		return column + "::text"
	}
	return column
}

// open finds the table, or makes it, and learns its types.
func (p *postgresRun) open(ctx context.Context) error {
	name := p.request.Publication.Table
	statement := p.createStatement()
	if p.request.Publication.Create {
		if _, err := p.tx.Exec(ctx, strings.Replace(statement, "CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ", 1)); err != nil {
			return err
		}
	}
	var kind string
	err := p.tx.QueryRow(ctx, "SELECT oid, relkind::text FROM pg_class WHERE oid = to_regclass($1)", p.table).Scan(&p.oid, &kind)
	if errors.Is(err, pgx.ErrNoRows) {
		return invalid(p.request, fmt.Sprintf("there is no table %s", name), "write create: true, or run: "+statement)
	}
	if err != nil {
		return err
	}
	if kind != "r" && kind != "p" {
		return invalid(p.request, name+" is not a table", "publish to a table; views are not replaced")
	}
	rows, err := p.tx.Query(ctx, `SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute
WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`, p.oid)
	if err != nil {
		return err
	}
	there := map[string]string{}
	var column, kindOf string
	if _, err := pgx.ForEachRow(rows, []any{&column, &kindOf}, func() error { there[column] = kindOf; return nil }); err != nil {
		return err
	}
	for _, c := range p.layout.columns {
		kind, ok := there[c.as]
		if !ok {
			return invalid(p.request, fmt.Sprintf("table %s has no column %s", name, c.as),
				fmt.Sprintf("run: ALTER TABLE %s ADD COLUMN %s %s; or name the columns to publish in columns:", p.table, quotePostgres(c.as), postgresType(c.Type)))
		}
		p.types = append(p.types, kind)
	}
	return nil
}

// lock keeps other writers out of the table, and no readers. The rows are loaded by now, however long the mart took to give them.
func (p *postgresRun) lock(ctx context.Context) error {
	_, err := p.tx.Exec(ctx, "LOCK TABLE "+p.table+" IN SHARE ROW EXCLUSIVE MODE")
	return err
}

func (p *postgresRun) createStatement() string {
	var lines []string
	for _, c := range p.layout.columns {
		lines = append(lines, quotePostgres(c.as)+" "+postgresType(c.Type))
	}
	if len(p.layout.key) > 0 {
		lines = append(lines, "PRIMARY KEY ("+strings.Join(p.keys(""), ", ")+")")
	}
	for _, ref := range p.request.Publication.References {
		if i := p.layout.find(ref.Column); i >= 0 {
			lines = append(lines, "FOREIGN KEY ("+quotePostgres(p.layout.columns[i].as)+") REFERENCES "+quoteTable(ref.Table)+" ("+quotePostgres(ref.As)+")")
		}
	}
	return "CREATE TABLE " + p.table + " (" + strings.Join(lines, ", ") + ")"
}

// postgresType is the type of a made column.
func postgresType(kind string) string {
	if inner, ok := strings.CutSuffix(kind, "[]"); ok {
		if nested(inner) {
			return "jsonb"
		}
		return postgresType(inner) + "[]"
	}
	switch {
	case strings.HasPrefix(kind, "DECIMAL"):
		return strings.ToLower(strings.Replace(kind, "DECIMAL", "numeric", 1))
	case isInstant(kind):
		return "timestamptz"
	case strings.HasPrefix(kind, "TIMESTAMP"):
		return "timestamp"
	case nested(kind):
		return "jsonb"
	}
	if t, ok := map[string]string{
		"BOOLEAN": "boolean", "TINYINT": "smallint", "UTINYINT": "smallint", "SMALLINT": "smallint", "USMALLINT": "integer", "INTEGER": "integer",
		"UINTEGER": "bigint", "BIGINT": "bigint", "UBIGINT": "numeric(20)", "HUGEINT": "numeric(39)", "UHUGEINT": "numeric(39)",
		"FLOAT": "double precision", "DOUBLE": "double precision", "DATE": "date", "TIME": "time", "UUID": "uuid", "BLOB": "bytea",
	}[kind]; ok {
		return t
	}
	return "text"
}

// free is the condition that no row of another table refers to the row t; empty where none could. What is deleted or unset with the row by
// the database itself does not hold it.
func (p *postgresRun) free(ctx context.Context) (string, error) {
	rows, err := p.tx.Query(ctx, `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname),
  (SELECT array_agg('x.' || quote_ident(a.attname) || ' = t.' || quote_ident(b.attname))
   FROM unnest(f.conkey, f.confkey) AS k(here, there)
   JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.here
   JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = k.there)
FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE f.contype = 'f' AND f.confrelid = $1 AND f.conrelid <> f.confrelid AND f.conparentid = 0 AND f.confdeltype IN ('a', 'r')
ORDER BY f.oid`, p.oid)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	var table string
	var pairs []string
	_, err = pgx.ForEachRow(rows, []any{&table, &pairs}, func() error {
		fmt.Fprintf(&b, " AND NOT EXISTS (SELECT FROM %s x WHERE %s)", table, strings.Join(pairs, " AND "))
		return nil
	})
	return b.String(), err
}

// postgresFault says what an error of the driver means to a person; errors of this room pass.
func postgresFault(r Request, err error, doing string) error {
	if fault.Code(err) != "" {
		return err
	}
	doing = "PostgreSQL: " + doing
	var pg *pgconn.PgError
	var network net.Error
	if !errors.As(err, &pg) {
		var connect *pgconn.ConnectError
		if errors.As(err, &connect) || errors.As(err, &network) || pgconn.Timeout(err) || gone(err) {
			return fault.Wrap(fault.Unavailable, err, doing, "see that the server runs and can be reached from here")
		}
		return fmt.Errorf("%s: %w", doing, err)
	}
	said := pg.Message
	for _, more := range []string{pg.Detail, pg.Where} {
		if more != "" {
			said += " (" + cut(more, 300) + ")"
		}
	}
	said += ", SQLSTATE " + pg.Code
	class, hint := fault.Invalid, "compare the table's columns with the mart's"
	switch {
	case pg.Code == "42P10":
		var keys []string
		for _, k := range r.Keys {
			keys = append(keys, quotePostgres(r.Publication.Target(k)))
		}
		hint = fmt.Sprintf("run: CREATE UNIQUE INDEX ON %s (%s)", quoteTable(r.Publication.Table), strings.Join(keys, ", "))
	case pg.Code == "55P03":
		class, hint = fault.Unavailable, "somebody holds the table for longer than lock: allows; it is tried again"
	case pg.Code == "57014":
		class, hint = fault.Unavailable, "a statement took longer than timeout: allows; raise it, or look for what slows the database"
	case strings.HasPrefix(pg.Code, "28") || pg.Code == "42501" || pg.Code == "3D000":
		class, hint = fault.Refused, "see that the account of url: may log in, and may SELECT, INSERT, UPDATE and DELETE on the table and make temporary tables"
	case strings.HasPrefix(pg.Code, "08"), strings.HasPrefix(pg.Code, "40"), strings.HasPrefix(pg.Code, "53"), strings.HasPrefix(pg.Code, "57"):
		class, hint = fault.Unavailable, "it is tried again; see the server's log if it stays"
	case strings.HasPrefix(pg.Code, "23"):
		class, hint = fault.CheckFailed, "the rows break a rule of the table; mend them in the mart's SQL, or the rule"
	case strings.HasPrefix(pg.Code, "22"):
		hint = "a value does not fit into its column; change the column's type, or CAST it in the mart's SQL"
	}
	return fault.New(class, doing+": "+said, hint)
}
