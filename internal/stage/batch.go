package stage

import (
	"bytes"
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/duckdb/duckdb-go/v2"
)

// batch collects records as text and has them typed when there are enough. Records of lines that follow each other are handed over as one
// block, because a value costs the engine more to take than its bytes.
type batch struct {
	run      *run
	block    block
	blocks   [][]driver.Value // for the table raw
	rejected [][]driver.Value // for the table reject
	places   []int            // of the columns in the waiting records of CSV
	bytes    int
	typed    chan error // of the batch that is being typed, nil when there is none
}

// block is the texts of n records on the lines of one object from line on, with a line end between them.
type block struct {
	object int
	line   int64
	n      int64
	text   []byte
}

// blockBytes is large enough that blocks are few and small enough that the last ones are not mostly empty.
const blockBytes = 1 << 18

// add takes one record: its text, which is copied, and the fields of a CSV record with quotes.
func (b *batch) add(ctx context.Context, object int, line int64, record []byte, fields []any) error {
	alone := fields != nil || bytes.IndexByte(record, '\n') >= 0
	if alone || b.block.n == 0 || b.block.object != object || b.block.line+b.block.n != line || len(b.block.text)+len(record) >= blockBytes {
		b.endBlock(nil)
		b.block = block{object: object, line: line, text: make([]byte, 0, len(record))}
	} else {
		b.block.text = append(b.block.text, '\n')
	}
	b.block.text = append(b.block.text, record...)
	b.block.n++
	if alone {
		b.endBlock(fields)
	}
	return b.grown(ctx, len(record)*(1+min(1, len(fields))))
}

func (b *batch) endBlock(fields []any) {
	if b.block.n == 0 {
		return
	}
	row := []driver.Value{int32(b.block.object), b.block.line, b.block.n, b.block.text, nil}
	if fields != nil {
		row[4] = fields
	}
	b.blocks = append(b.blocks, row)
	b.block = block{}
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
	b.run.bytes += int64(bytes)
	if b.bytes += bytes + overhead; b.bytes < batchBytes {
		return nil
	}
	return b.flush(ctx)
}

// flush hands over what was collected, and the next records are read while the engine types these.
func (b *batch) flush(ctx context.Context) error {
	if err := b.wait(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stage %s: %w", b.run.job.Source.Name, err)
	}
	b.endBlock(nil)
	blocks, rejected, places := b.blocks, b.rejected, b.places
	b.blocks, b.rejected, b.bytes = nil, nil, 0
	b.typed = make(chan error, 1)
	go func(typed chan<- error) { typed <- b.run.take(ctx, blocks, rejected, places) }(b.typed)
	return nil
}

// wait is for the batch that the engine types; after it the connection is free.
func (b *batch) wait() error {
	if b.typed == nil {
		return nil
	}
	err := <-b.typed
	b.typed = nil
	return err
}

// take puts a batch into the tables.
func (r *run) take(ctx context.Context, blocks, rejected [][]driver.Value, places []int) error {
	if err := r.append(ctx, "reject", rejected); err != nil {
		return err
	}
	if len(blocks) == 0 {
		return nil
	}
	if err := r.append(ctx, "raw", blocks); err != nil {
		return err
	}
	return r.typeBatch(ctx, places)
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

// rawTable holds blocks; fields is null where the text of the record tells them.
const rawTable = "CREATE TABLE raw (object INTEGER, line BIGINT, n BIGINT, text VARCHAR, fields VARCHAR[])"

// records are the object, line, text and fields of every record that waits in raw.
const records = `SELECT object, line + unnest(range(n)) AS line, unnest(CASE WHEN n = 1 THEN [text] ELSE string_split(text, chr(10)) END) AS text, fields FROM raw`

// typeBatch types the text that waits in raw and empties it.
func (r *run) typeBatch(ctx context.Context, places []int) error {
	relation, f := "", forms{
		fits: func(c column, _ int, raw string) string { return c.fits(raw) },
		came: func(_ column, _ int, raw string) string { return textKind(raw) },
	}
	if r.job.Source.Format == "csv" {
		relation = r.csvRelation(places)
	} else {
		relation, f = r.jsonRelation()
	}
	return r.exec(ctx, typing(r.columns, relation, "text", f)+"; DROP TABLE raw; "+rawTable)
}
