package warehouse

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"strings"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

// Export is a node's rows, in the order of all their columns. Values are as in Rows, but those of DECIMAL, HUGEINT and unsigned BIGINT are
// their digits, as strings. Rows can be read once.
type Export struct {
	Columns []Column
	Count   int64
	Rows    iter.Seq2[[]any, error]
}

// Export implements Warehouse.
func (w *DuckDB) Export(ctx context.Context, node string, day calendar.Day, use func(Export) error) error {
	select {
	case w.readers <- struct{}{}:
		defer func() { <-w.readers }()
	case <-ctx.Done():
		return fmt.Errorf("wait for a free reader: %w", ctx.Err())
	}
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return engineFault(ctx, "read "+node, "", 0, err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN TRANSACTION READ ONLY"); err != nil {
		return engineFault(ctx, "read "+node, "", 0, err)
	}
	err = w.export(ctx, conn, node, day, use)
	if end := rollback(ctx, conn); err == nil {
		err = end
	}
	return err
}

func (w *DuckDB) export(ctx context.Context, conn *sql.Conn, node string, day calendar.Day, use func(Export) error) error {
	columns, err := tableColumns(ctx, conn, "main."+name(node))
	if err != nil {
		return err
	}
	if columns == nil {
		return fault.New(fault.NotFound, node+" was never loaded", "run it first")
	}
	expressions := make([]string, len(columns))
	for i, c := range columns {
		expressions[i] = name(c.Name)
		if strings.HasPrefix(c.Type, "DECIMAL") || strings.HasPrefix(c.Type, "HUGEINT") || strings.HasPrefix(c.Type, "UBIGINT") {
			expressions[i] = fmt.Sprintf("CAST(%s AS VARCHAR%s)", name(c.Name), strings.Repeat("[]", strings.Count(c.Type, "[]")))
		}
	}
	from := "FROM main." + name(node)
	if !day.IsZero() {
		from += " WHERE day = " + text(day.String())
	}
	e := Export{Columns: columns}
	if err := conn.QueryRowContext(ctx, "SELECT count(*) "+from).Scan(&e.Count); err != nil {
		return engineFault(ctx, "read "+node, "", 0, err)
	}
	e.Rows = func(yield func([]any, error) bool) {
		rows, err := conn.QueryContext(ctx, "SELECT "+strings.Join(expressions, ", ")+" "+from+" ORDER BY ALL")
		if err != nil {
			yield(nil, engineFault(ctx, "read "+node, "", 0, err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			row, err := w.row(rows, columns)
			if !yield(row, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, engineFault(ctx, "read "+node, "", 0, err))
		}
	}
	return use(e)
}

// row is one answer in the kinds that Rows promises.
func (w *DuckDB) row(from *sql.Rows, columns []Column) ([]any, error) {
	row, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range row {
		into[i] = &row[i]
	}
	if err := from.Scan(into...); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	for i, cell := range row {
		var err error
		if row[i], err = w.value(cell, columns[i].Type); err != nil {
			return nil, fmt.Errorf("query: column %s: %w", columns[i].Name, err)
		}
	}
	return row, nil
}
