package publish

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

func quoteMySQL(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func quoteMySQLTable(table string) string {
	parts := strings.Split(table, ".")
	for i := range parts {
		parts[i] = quoteMySQL(parts[i])
	}
	return strings.Join(parts, ".")
}

func myString(s string) string {
	return "'" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(s) + "'"
}

func (m *mysqlRun) quoted() []string {
	out := make([]string, len(m.layout.columns))
	for i, c := range m.layout.columns {
		out[i] = quoteMySQL(c.as)
	}
	return out
}

// same is the condition that a row n of the temporary table and one of the target have one key.
func (m *mysqlRun) same(target string) string {
	var parts []string
	for _, name := range m.layout.keyNames() {
		parts = append(parts, "n."+quoteMySQL(name)+" = "+target+"."+quoteMySQL(name))
	}
	return strings.Join(parts, " AND ")
}

// reach is the condition of the target's rows that the mode replaces.
func (m *mysqlRun) reach(target string) string {
	if m.request.Publication.Mode != "day" {
		return "true"
	}
	return target + "." + quoteMySQL(m.layout.columns[m.layout.day].as) + " = " + myString(m.request.Day.String())
}

// open finds the table, or makes it before the transaction, as making one commits.
func (m *mysqlRun) open(ctx context.Context) error {
	statement := m.createStatement()
	if m.request.Publication.Create {
		if err := m.exec(ctx, strings.Replace(statement, "CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ", 1)); err != nil {
			return err
		}
	}
	name := m.request.Publication.Table
	schema, table, ok := strings.Cut(name, ".")
	if !ok {
		schema, table = "", name
	}
	var engine sql.NullString
	err := m.conn.QueryRowContext(ctx, "SELECT engine FROM information_schema.tables WHERE table_schema = coalesce(nullif(?, ''), database()) AND table_name = ?", schema, table).Scan(&engine)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return invalid(m.request, "there is no table "+name, "write create: true, or run: "+statement)
	case err != nil:
		return err
	case engine.String != "InnoDB":
		return invalid(m.request, fmt.Sprintf("%s is kept by %q, which has no transactions", name, engine.String), "ALTER TABLE it to ENGINE=InnoDB; views are not published to")
	}
	there := map[string]string{}
	if err := m.pairs(ctx, "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = coalesce(nullif(?, ''), database()) AND table_name = ?",
		func(column, kind string) { there[column] = kind }, schema, table); err != nil {
		return err
	}
	for i, c := range m.layout.columns {
		kind, ok := there[c.as]
		if !ok {
			return invalid(m.request, fmt.Sprintf("table %s has no column %s", name, c.as),
				fmt.Sprintf("run: ALTER TABLE %s ADD COLUMN %s %s; or name the columns to publish in columns:", m.table, quoteMySQL(c.as), mysqlType(c.Type, slices.Contains(m.layout.key, i))))
		}
		m.types = append(m.types, strings.ToLower(kind))
	}
	return m.indexed(ctx, schema, table)
}

func (m *mysqlRun) pairs(ctx context.Context, query string, f func(a, b string), args ...any) error {
	rows, err := m.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var a, b string
		if err := rows.Scan(&a, &b); err != nil {
			return err
		}
		f(a, b)
	}
	return rows.Err()
}

// indexed holds that the key is a unique index: MySQL finds the row to update by no other way.
func (m *mysqlRun) indexed(ctx context.Context, schema, table string) error {
	if len(m.layout.key) == 0 {
		return nil
	}
	indexes := map[string][]string{}
	if err := m.pairs(ctx, "SELECT index_name, column_name FROM information_schema.statistics WHERE table_schema = coalesce(nullif(?, ''), database()) AND table_name = ? AND non_unique = 0 AND sub_part IS NULL",
		func(index, column string) { indexes[index] = append(indexes[index], column) }, schema, table); err != nil {
		return err
	}
	want := slices.Sorted(slices.Values(m.layout.keyNames()))
	for _, columns := range indexes {
		slices.Sort(columns)
		if slices.Equal(columns, want) {
			return nil
		}
	}
	var quoted []string
	for _, k := range m.layout.key {
		quoted = append(quoted, m.quoted()[k])
	}
	return invalid(m.request, fmt.Sprintf("table %s has no unique index on %s", m.request.Publication.Table, strings.Join(m.layout.keyNames(), ", ")),
		fmt.Sprintf("run: ALTER TABLE %s ADD UNIQUE (%s)", m.table, strings.Join(quoted, ", ")))
}

func (m *mysqlRun) createStatement() string {
	var lines, keys []string
	names := m.quoted()
	for i, c := range m.layout.columns {
		lines = append(lines, names[i]+" "+mysqlType(c.Type, slices.Contains(m.layout.key, i) || m.refers(c.Name)))
	}
	for _, k := range m.layout.key {
		keys = append(keys, names[k])
	}
	if len(keys) > 0 {
		lines = append(lines, "PRIMARY KEY ("+strings.Join(keys, ", ")+")")
	}
	for _, ref := range m.request.Publication.References {
		if i := m.layout.find(ref.Column); i >= 0 {
			lines = append(lines, "FOREIGN KEY ("+names[i]+") REFERENCES "+quoteMySQLTable(ref.Table)+" ("+quoteMySQL(ref.As)+")")
		}
	}
	return "CREATE TABLE " + m.table + " (" + strings.Join(lines, ", ") + ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
}

func (m *mysqlRun) refers(name string) bool {
	for _, ref := range m.request.Publication.References {
		if ref.Column == name {
			return true
		}
	}
	return false
}

// mysqlType is the type of a made column. Instants are DATETIME in UTC: TIMESTAMP ends in 2038.
func mysqlType(kind string, indexed bool) string {
	switch {
	case strings.HasSuffix(kind, "[]") || nested(kind):
		return "JSON"
	case strings.HasPrefix(kind, "DECIMAL"):
		return kind
	case strings.HasPrefix(kind, "TIMESTAMP"):
		return "DATETIME(6)"
	}
	if t, ok := map[string]string{
		"BOOLEAN": "BOOLEAN", "TINYINT": "TINYINT", "UTINYINT": "TINYINT UNSIGNED", "SMALLINT": "SMALLINT", "USMALLINT": "SMALLINT UNSIGNED",
		"INTEGER": "INT", "UINTEGER": "INT UNSIGNED", "BIGINT": "BIGINT", "UBIGINT": "BIGINT UNSIGNED", "HUGEINT": "DECIMAL(39,0)", "UHUGEINT": "DECIMAL(39,0)",
		"FLOAT": "DOUBLE", "DOUBLE": "DOUBLE", "DATE": "DATE", "TIME": "TIME(6)", "UUID": "CHAR(36)", "BLOB": "LONGBLOB",
	}[kind]; ok {
		return t
	}
	if indexed {
		return "VARCHAR(255)"
	}
	return "LONGTEXT"
}

// free is the condition that no row of another table refers to a row of the target; empty where none could.
func (m *mysqlRun) free(ctx context.Context) (string, error) {
	schema, table, ok := strings.Cut(m.request.Publication.Table, ".")
	if !ok {
		schema, table = "", m.request.Publication.Table
	}
	pairs := map[string][]string{}
	err := m.pairs(ctx, `SELECT concat(k.table_schema, '.', k.table_name, '/', k.constraint_name), concat(k.column_name, '/', k.referenced_column_name)
FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints c
  ON c.constraint_schema = k.constraint_schema AND c.constraint_name = k.constraint_name AND c.table_name = k.table_name
WHERE k.referenced_table_schema = coalesce(nullif(?, ''), database()) AND k.referenced_table_name = ?
  AND NOT (k.table_schema = k.referenced_table_schema AND k.table_name = k.referenced_table_name)
  AND c.delete_rule IN ('RESTRICT', 'NO ACTION')`,
		func(constraint, columns string) { pairs[constraint] = append(pairs[constraint], columns) }, schema, table)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for constraint, columns := range pairs {
		child, _, _ := strings.Cut(constraint, "/")
		var conditions []string
		for _, c := range columns {
			here, there, _ := strings.Cut(c, "/")
			conditions = append(conditions, "x."+quoteMySQL(here)+" = "+m.table+"."+quoteMySQL(there))
		}
		fmt.Fprintf(&b, " AND NOT EXISTS (SELECT 1 FROM %s x WHERE %s)", quoteMySQLTable(child), strings.Join(conditions, " AND "))
	}
	return b.String(), nil
}

// mysqlBatch gathers rows into statements that the server's packet has room for.
type mysqlBatch struct {
	run   *mysqlRun
	limit int
	rows  int
	size  int
	args  []any
}

func (b *mysqlBatch) add(ctx context.Context, row []any) error {
	size := 0
	values := make([]any, len(row))
	for i, v := range row {
		var err error
		if values[i], err = b.run.value(row, i, v); err != nil {
			return err
		}
		switch v := values[i].(type) {
		case string:
			size += len(v)
		case []byte:
			size += len(v)
		}
		size += 16
	}
	if b.rows > 0 && (b.size+size > b.limit || len(b.args)+len(values) > 20000) {
		if err := b.send(ctx); err != nil {
			return err
		}
	}
	b.rows, b.size, b.args = b.rows+1, b.size+size, append(b.args, values...)
	return nil
}

func (b *mysqlBatch) send(ctx context.Context) error {
	if b.rows == 0 {
		return nil
	}
	one := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(b.run.layout.columns)), ", ") + ")"
	statement := "INSERT INTO " + myNew + " (" + strings.Join(b.run.quoted(), ", ") + ") VALUES " + strings.TrimSuffix(strings.Repeat(one+", ", b.rows), ", ")
	err := b.run.exec(ctx, statement, b.args...)
	if errors.Is(err, mysql.ErrPktTooLarge) {
		return invalid(b.run.request, "a row is larger than the server's max_allowed_packet", "raise max_allowed_packet, or leave the long column out")
	}
	b.rows, b.size, b.args = 0, 0, nil
	return err
}

// value is what the driver sends: texts of numbers stay texts, so that the server reads every digit.
func (m *mysqlRun) value(row []any, i int, v any) (any, error) {
	kind := m.layout.columns[i].Type
	switch v := v.(type) {
	case nil, bool, int64:
		return v, nil
	case float64:
		if !finite(v) {
			return nil, m.layout.bad(row, i, errNotFinite{v}.Error(), finiteHint)
		}
		return number(v), nil
	case string:
		if kind == "BLOB" && strings.HasSuffix(m.types[i], "blob") || kind == "BLOB" && strings.HasSuffix(m.types[i], "binary") {
			return hex.DecodeString(v)
		}
		return v, nil
	case time.Time:
		return v.UTC().Format(clock), nil // the session's zone is UTC
	}
	return plain(v, kind), nil
}
