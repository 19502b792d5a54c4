package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"

	"daybook/internal/fault"
)

// dbState is a part's note of how to go on behind it. The splits are in each, as the other strands may have left none.
type dbState struct {
	Order  []string `json:"order"`            // the key's columns
	Splits []string `json:"splits,omitempty"` // of the key's first column, between the strands
	Strand int      `json:"strand"`           // from 1
	Chunk  int      `json:"chunk"`            // from 1
	Behind []string `json:"behind,omitempty"` // the key of the chunk's last row; none when the strand ends with it
	Taken  string   `json:"taken,omitempty"`  // when the snapshot was that it came from
}

// dbStrand is a range of the key that one connection reads, chunk by chunk.
type dbStrand struct {
	number, chunks int
	after, upto    string // bounds of the key's first column, empty for none
	behind         []string
}

// strands are those that have something left to read.
func (r *dbRead) strands(ctx context.Context, s dbSession) ([]dbStrand, error) {
	names := r.keyNames()
	states := make([]dbState, len(r.Kept))
	for i, p := range r.Kept {
		if err := json.Unmarshal([]byte(p.State), &states[i]); err != nil || !slices.Equal(states[i].Order, names) {
			return nil, fault.Wrap(fault.Unavailable, ErrChanged, "an unfinished fetch has read by another key", "run the day again")
		}
	}
	if len(states) > 0 {
		r.splits = states[0].Splits
	} else if err := r.split(ctx, s); err != nil {
		return nil, err
	}
	all := make([]dbStrand, len(r.splits)+1)
	for i := range all {
		all[i].number = i + 1
		if i > 0 {
			all[i].after = r.splits[i-1]
		}
		if i < len(r.splits) {
			all[i].upto = r.splits[i]
		}
	}
	ended := map[int]bool{}
	for _, st := range states {
		if st.Strand < 1 || st.Strand > len(all) {
			return nil, fault.Wrap(fault.Unavailable, ErrChanged, "an unfinished fetch has left a note that is not understood", "run the day again")
		}
		if strand := &all[st.Strand-1]; st.Chunk > strand.chunks {
			strand.chunks, strand.behind = st.Chunk, st.Behind
			ended[st.Strand] = len(st.Behind) == 0
		}
	}
	all = slices.DeleteFunc(all, func(s dbStrand) bool { return ended[s.number] })
	r.mix(states, len(all) > 0)
	return all, nil
}

// mix tells of a present state that is of several instants, as an interrupted fetch has read the first part of it.
func (r *dbRead) mix(states []dbState, more bool) {
	var taken []string
	for _, st := range states {
		taken = append(taken, st.Taken)
	}
	if more {
		taken = append(taken, r.taken)
	}
	slices.Sort(taken)
	if taken = slices.Compact(taken); r.taken == "" || len(taken) < 2 {
		return
	}
	r.mixed = []string{"one state of the table: it was read from snapshots of " + strings.Join(taken, " and of ")}
}

// split divides the key's range into strands where its first column is of whole numbers; other keys are one strand.
func (r *dbRead) split(ctx context.Context, s dbSession) error {
	parallel := int64(r.Source.Database.Parallel)
	if parallel < 2 || r.key[0].family != dbInteger {
		return nil
	}
	q, name := newDBQuery(s), s.quote(r.key[0].name)
	q.add("SELECT min(", name, "), max(", name, ") FROM ", r.table.sql, " WHERE ", r.window.within(q))
	found, err := q.all(ctx, s)
	if err != nil || len(found) != 1 || found[0][0] == nil {
		return err
	}
	low, ok := new(big.Int).SetString(cell(found[0][0]), 10)
	high, ok2 := new(big.Int).SetString(cell(found[0][1]), 10)
	if !ok || !ok2 {
		return nil
	}
	// Some strands for each connection, as keys have gaps; none shorter than a chunk.
	width := new(big.Int).Sub(high, low)
	count := new(big.Int).Div(width, big.NewInt(int64(r.Source.Database.Chunk)))
	n := 1 + count.Int64()
	if !count.IsInt64() || n > 4*parallel {
		n = 4 * parallel
	}
	for i := int64(1); i < n; i++ {
		at := new(big.Int).Mul(width, big.NewInt(i))
		r.splits = append(r.splits, at.Add(low, at.Div(at, big.NewInt(n))).String())
	}
	return nil
}

// strand reads what is left of a strand.
func (r *dbRead) strand(ctx context.Context, s dbSession, strand dbStrand) error {
	for {
		upto, err := r.chunkEnd(ctx, s, strand)
		if err != nil {
			return fmt.Errorf("find the end of chunk %d of strand %d of %s: %w", strand.chunks+1, strand.number, r.table.said, err)
		}
		if err := r.chunk(ctx, s, strand, upto); err != nil {
			return fmt.Errorf("read chunk %d of strand %d of %s: %w", strand.chunks+1, strand.number, r.table.said, err)
		}
		if upto == nil {
			return nil
		}
		strand.behind = upto
		strand.chunks++
	}
}

// left is the condition of the strand's rows behind what was read.
func (r *dbRead) left(q *dbQuery, strand dbStrand) {
	first := r.key[:1]
	q.add(" FROM ", r.table.sql, " WHERE ")
	if strand.behind != nil {
		q.add(q.dialect.behind(&q.args, r.key, strand.behind), " AND ")
	} else if strand.after != "" {
		q.add(q.dialect.behind(&q.args, first, []string{strand.after}), " AND ")
	}
	if strand.upto != "" {
		q.add(q.dialect.upto(&q.args, first, []string{strand.upto}), " AND ")
	}
}

// chunkEnd is the key of the last row of the strand's next chunk; nil when the chunk takes all that is left. It is known before
// the chunk is read, as a part's state is told before its bytes.
func (r *dbRead) chunkEnd(ctx context.Context, s dbSession, strand dbStrand) ([]string, error) {
	q := newDBQuery(s)
	q.add("SELECT ")
	for i, c := range r.key {
		if i > 0 {
			q.add(", ")
		}
		q.add(s.keyText(c))
	}
	r.left(q, strand)
	q.add(r.window.within(q), " ORDER BY ", q.names(r.key), fmt.Sprintf(" LIMIT 2 OFFSET %d", r.Source.Database.Chunk-1))
	found, err := q.all(ctx, s)
	if err != nil || len(found) < 2 { // the second is the first one behind the chunk
		return nil, err
	}
	end := make([]string, len(found[0]))
	for i, v := range found[0] {
		end[i] = cell(v)
	}
	return end, nil
}

// chunk puts the strand's rows up to a key.
func (r *dbRead) chunk(ctx context.Context, s dbSession, strand dbStrand, upto []string) (err error) {
	q := newDBQuery(s)
	q.add("SELECT ", q.reads(r.columns))
	r.left(q, strand)
	if upto != nil {
		q.add(q.dialect.upto(&q.args, r.key, upto), " AND ")
	}
	q.add(r.window.within(q), " ORDER BY ", q.names(r.key))
	reading, cancel := context.WithCancel(ctx)
	defer cancel() // a sink that failed leaves rows that nobody wants
	rows, err := q.run(reading, s)
	if err != nil {
		return err
	}
	object := newDBObject(rows, r.columns)
	defer func() {
		if err != nil {
			cancel()
			rows.close()
		}
	}()
	if err := object.row(); errors.Is(err, io.EOF) {
		return rows.close() // the strand is empty
	} else if err != nil {
		return err
	}
	state, err := json.Marshal(dbState{r.keyNames(), r.splits, strand.number, strand.chunks + 1, upto, r.taken})
	if err != nil {
		return err
	}
	part := Part{
		Name:   fmt.Sprintf("chunk-%02d-%04d.ndjson.gz", strand.number, strand.chunks+1),
		Origin: fmt.Sprintf("%s %s, strand %d, chunk %d", r.server.where(), r.table.said, strand.number, strand.chunks+1),
		State:  string(state),
	}
	if err := r.sink.Put(ctx, part, object); err != nil {
		return err
	}
	r.put.Add(1)
	r.rows.Add(object.rowsRead)
	return rows.close()
}

// dbObject is rows as gzipped NDJSON. A row is asked for when its bytes are.
type dbObject struct {
	rows     dbRows
	columns  []dbColumn
	names    [][]byte // as they stand before each value
	zip      *gzip.Writer
	out      bytes.Buffer
	line     []byte
	err      error
	rowsRead int64
}

func newDBObject(rows dbRows, columns []dbColumn) *dbObject {
	o := &dbObject{rows: rows, columns: columns}
	for i, c := range columns {
		before := []byte{','}
		if i == 0 {
			before[0] = '{'
		}
		o.names = append(o.names, append(quoteJSON(before, c.name), ':'))
	}
	o.zip = newZip(&o.out)
	return o
}

// row adds the next row; io.EOF is the end of them.
func (o *dbObject) row() error {
	values, err := o.rows.next()
	if err != nil {
		return err
	}
	o.line = o.line[:0]
	for i, v := range values {
		o.line = append(o.line, o.names[i]...)
		if v == nil {
			o.line = append(o.line, "null"...)
			continue
		}
		if o.line, err = o.columns[i].json(o.line, v); err != nil {
			return fault.Wrap(fault.Damaged, err, fmt.Sprintf("a value of %s (%s) cannot be read", o.columns[i].name, o.columns[i].kind), "look at the row in the database")
		}
	}
	o.line = append(o.line, '}', '\n')
	o.rowsRead++
	_, err = o.zip.Write(o.line)
	return err
}

// Read implements io.Reader.
func (o *dbObject) Read(p []byte) (int, error) {
	for o.out.Len() == 0 && o.err == nil {
		if o.err = o.row(); errors.Is(o.err, io.EOF) {
			if err := o.zip.Close(); err != nil {
				o.err = err
			}
		}
	}
	if o.out.Len() > 0 {
		return o.out.Read(p)
	}
	return 0, o.err
}
