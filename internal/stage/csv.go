package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"daybook/internal/fault"
)

// csv reads records of RFC 4180, with lines that end in LF, CRLF or CR. A quote that never closes rejects its own line only.
func (r *run) csv(ctx context.Context, b *batch, o Object, object int, in io.Reader) error {
	reader := newCSVReader(in, r.job.Source.Encoding)
	places, width := r.positions()
	if r.job.Source.Header {
		header, err := reader.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if places, err = r.header(o, header); err != nil {
			return err
		}
		width = header.width()
	}
	if !r.job.Source.Header { // they have places instead of names
		for i := range width {
			r.shape.add(fmt.Sprintf("column_%d", i+1), "text")
		}
	}
	if !slices.Equal(places, b.places) {
		if err := b.flush(ctx); err != nil {
			return err
		}
		b.places = places
	}
	for {
		record, err := reader.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if n := record.width(); record.reason == "" && n != width {
			record.reason = fmt.Sprintf("the record has %d fields, not %d", n, width)
		}
		if record.reason != "" {
			err = b.reject(ctx, object, record.line, record.reason, string(record.text))
		} else {
			err = b.add(ctx, object, record.line, record.text, record.fields)
		}
		if err != nil {
			return err
		}
	}
}

// positions are those of a file without a header: the declared columns in their order.
func (r *run) positions() ([]int, int) {
	places := make([]int, len(r.columns))
	for i := range places {
		places[i] = i
	}
	return places, len(places)
}

// header finds the declared columns in the first record.
func (r *run) header(o Object, header csvRecord) ([]int, error) {
	if header.reason != "" {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("the header of %s cannot be read: %s", o.Name, header.reason), "write encoding: cp949 where the file is Korean and no UTF-8, or header: false where the first line names no columns")
	}
	fields := header.values()
	names := make([]string, len(fields))
	for i, f := range fields {
		if s, ok := f.(string); ok {
			names[i] = strings.TrimSpace(s)
		}
	}
	places := make([]int, len(r.columns))
	for i, c := range r.columns {
		places[i] = slices.Index(names, c.from())
		switch {
		case places[i] < 0:
			return nil, fault.New(fault.Invalid, fmt.Sprintf("%s has no column %s", o.Name, c.from()), "its header is "+strings.Join(names, ", ")+"; say from: for the name at the source")
		case slices.Contains(names[places[i]+1:], c.from()):
			return nil, fault.New(fault.Invalid, fmt.Sprintf("%s has two columns named %s", o.Name, c.from()), "mend the source, or write header: false and name every column")
		}
	}
	for _, n := range names {
		if n != "" {
			r.note(n)
			r.shape.add(n, "text")
		}
	}
	return places, nil
}

// csvRelation gives object, line, text, ok and the texts r0, r1, … of the fields in raw. An empty field without quotes is null; an empty one in
// quotes is an empty text, and null for every other type.
func (r *run) csvRelation(places []int) string {
	var values strings.Builder
	for i, c := range r.columns {
		at := places[i] + 1
		value := fmt.Sprintf("CASE WHEN fields IS NULL THEN nullif(parts[%d], '') ELSE fields[%d] END", at, at)
		if c.Type != "text" {
			value = "nullif(" + value + ", '')"
		}
		fmt.Fprintf(&values, ", %s AS r%d", value, i)
	}
	return "SELECT object, line, text, true AS ok" + values.String() + " FROM (SELECT *, CASE WHEN fields IS NULL THEN string_split(text, ',') END AS parts FROM (" + records + "))"
}
