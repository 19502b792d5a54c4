package stage

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/duckdb/duckdb-go/v2"
)

// batch collects records as text and has them typed when there are enough.
type batch struct {
	run      *run
	rows     [][]driver.Value // for the table raw
	rejected [][]driver.Value // for the table reject
	bytes    int
}

// add takes one record: its text and, for CSV, its fields in the order of the declared columns.
func (b *batch) add(ctx context.Context, object int, line int64, record string, fields ...driver.Value) error {
	row := make([]driver.Value, 0, 3+len(fields))
	b.rows = append(b.rows, append(append(row, int32(object), line, record), fields...))
	return b.grown(ctx, len(record)*(1+min(1, len(fields))))
}

// reject notes a record that cannot even be handed to the engine.
func (b *batch) reject(ctx context.Context, object int, line int64, reason, record string) error {
	record = cut(record)
	b.rejected = append(b.rejected, []driver.Value{int32(object), line, reason, "", record})
	return b.grown(ctx, len(record))
}

func (b *batch) grown(ctx context.Context, bytes int) error {
	const overhead = 100
	b.run.records++
	if b.bytes += bytes + overhead; b.bytes < batchBytes {
		return nil
	}
	return b.flush(ctx)
}

func (b *batch) flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stage %s: %w", b.run.job.Source.Name, err)
	}
	if err := b.run.append(ctx, "reject", b.rejected); err != nil {
		return err
	}
	if len(b.rows) > 0 {
		if err := b.run.append(ctx, "raw", b.rows); err != nil {
			return err
		}
		if err := b.run.typeBatch(ctx); err != nil {
			return err
		}
	}
	b.rows, b.rejected, b.bytes = b.rows[:0], b.rejected[:0], 0
	return nil
}

func (r *run) append(ctx context.Context, table string, rows [][]driver.Value) error {
	if len(rows) == 0 {
		return nil
	}
	err := r.conn.Raw(func(c any) error {
		appender, err := duckdb.NewAppenderFromConn(c.(driver.Conn), "", table)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := appender.AppendRow(row...); err != nil {
				appender.Close()
				return err
			}
		}
		return appender.Close()
	})
	if err != nil {
		return r.explain(ctx, fmt.Errorf("take over records: %w", err))
	}
	return nil
}

// typeBatch types the text that waits in raw and empties it.
func (r *run) typeBatch(ctx context.Context) error {
	relation := r.csvRelation()
	if r.job.Source.Format != "csv" {
		relation = r.jsonRelation()
		if r.job.Source.NewColumns != "ignore" {
			if err := r.noteKeys(ctx); err != nil {
				return err
			}
		}
	}
	insert := typing(r.columns, relation, "text", func(c column, _ int, raw string) string { return c.fits(raw) })
	return r.exec(ctx, insert+"; DROP TABLE raw; "+r.rawTable())
}
