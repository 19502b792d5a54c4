package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"daybook/internal/fault"
)

// querier is what *sql.DB and *sql.Tx have in common.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// record is a row: fields returns pointers to its values in the order of its columns, for reading and for writing.
type record[T any] interface {
	*T
	fields() []any
}

// all reads every row of a query.
func all[T any, P record[T]](ctx context.Context, q querier, query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		var v T
		if err := rows.Scan(P(&v).fields()...); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// one reads the first row of a query; sql.ErrNoRows when there is none.
func one[T any, P record[T]](ctx context.Context, q querier, query string, args ...any) (T, error) {
	var v T
	err := q.QueryRowContext(ctx, query, args...).Scan(P(&v).fields()...)
	return v, err
}

// placeholders is "$from, …" of length n. SQLite numbers parameters by first appearance, so every statement uses them
// in order.
func placeholders(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", from+i)
	}
	return b.String()
}

func insert(table, columns string) string {
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, columns, placeholders(1, len(names(columns))))
}

// upsert inserts, or overwrites the row whose first keys columns are the same.
func upsert(table, columns string, keys int) string {
	cols := names(columns)
	sets := make([]string, 0, len(cols))
	for _, c := range cols[keys:] {
		sets = append(sets, c+" = excluded."+c)
	}
	return insert(table, columns) + " ON CONFLICT (" + strings.Join(cols[:keys], ", ") + ") DO UPDATE SET " + strings.Join(sets, ", ")
}

// rewrite overwrites the row that has the first keys columns of fields; sql.ErrNoRows when there is none.
func rewrite(ctx context.Context, q querier, table, columns string, keys int, fields []any) error {
	cols := names(columns)
	var sets, where []string
	for i, c := range cols[keys:] {
		sets = append(sets, fmt.Sprintf("%s = $%d", c, i+1))
	}
	for i, c := range cols[:keys] {
		where = append(where, fmt.Sprintf("%s = $%d", c, len(cols)-keys+i+1))
	}
	args := append(append([]any{}, fields[keys:]...), fields[:keys]...)
	query := "UPDATE " + table + " SET " + strings.Join(sets, ", ") + " WHERE " + strings.Join(where, " AND ")
	return found(q.ExecContext(ctx, query, args...))
}

// insertAll inserts rows many at a time: a statement per row would cost a round trip each.
func insertAll(ctx context.Context, q querier, table, columns string, rows [][]any) error {
	_, err := insertMany(ctx, q, table, columns, rows, "")
	return err
}

// insertNew is insertAll for rows that may be there already: those stay as they are and are not counted.
func insertNew(ctx context.Context, q querier, table, columns string, rows [][]any) (inserted int, err error) {
	return insertMany(ctx, q, table, columns, rows, " ON CONFLICT DO NOTHING")
}

func insertMany(ctx context.Context, q querier, table, columns string, rows [][]any, onConflict string) (inserted int, err error) {
	const chunk = 100
	for len(rows) > 0 {
		n := min(chunk, len(rows))
		var tuples []string
		var args []any
		for _, row := range rows[:n] {
			tuples = append(tuples, "("+placeholders(len(args)+1, len(row))+")")
			args = append(args, row...)
		}
		query := "INSERT INTO " + table + " (" + columns + ") VALUES " + strings.Join(tuples, ", ") + onConflict
		count, err := affected(q.ExecContext(ctx, query, args...))
		if err != nil {
			return 0, err
		}
		inserted += int(count)
		rows = rows[n:]
	}
	return inserted, nil
}

// values are the arguments of as many placeholders.
func values[T any](list []T) []any {
	args := make([]any, len(list))
	for i, v := range list {
		args[i] = v
	}
	return args
}

// columnsOf is columns with the alias of their table.
func columnsOf(alias, columns string) string {
	return alias + "." + strings.ReplaceAll(columns, ", ", ", "+alias+".")
}

func names(columns string) []string { return strings.Split(columns, ", ") }

// found turns a write that met no row into sql.ErrNoRows.
func found(r sql.Result, err error) error {
	n, err := affected(r, err)
	if err == nil && n == 0 {
		return sql.ErrNoRows
	}
	return err
}

func affected(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// filter collects the conditions of a WHERE and their arguments in order.
type filter struct {
	conditions []string
	args       []any
}

// add takes conditions with one %s, or more for more values, where a placeholder goes.
func (f *filter) add(condition string, values ...any) {
	marks := make([]any, len(values))
	for i := range values {
		marks[i] = fmt.Sprintf("$%d", len(f.args)+i+1)
	}
	f.conditions = append(f.conditions, fmt.Sprintf(condition, marks...))
	f.args = append(f.args, values...)
}

func (f *filter) where() string {
	if len(f.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(f.conditions, " AND ")
}

// limited is " LIMIT n", and nothing where n is not positive: everything.
func limited(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" LIMIT %d", n)
}

// asFault turns "no rows" into a fault that says what there is not, and says of any other error what was being done.
func asFault(err error, doing, what string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.NotFound, "there is no "+what, "")
	}
	return fmt.Errorf("%s %s: %w", doing, what, err)
}
