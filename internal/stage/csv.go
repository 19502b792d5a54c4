package stage

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"daybook/internal/fault"
)

// csv reads records of RFC 4180, with lines that end in LF, CRLF or CR. A quote that never closes rejects its own line only.
func (r *run) csv(ctx context.Context, b *batch, o Object, object int, in io.Reader) error {
	reader := newCSVReader(in)
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
		width = len(header.fields)
	}
	for {
		record, err := reader.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if record.reason == "" && len(record.fields) != width {
			record.reason = fmt.Sprintf("the record has %d fields, not %d", len(record.fields), width)
		}
		if record.reason != "" {
			err = b.reject(ctx, object, record.line, record.reason, record.text)
		} else {
			fields := make([]driver.Value, len(places))
			for i, p := range places {
				fields[i] = record.fields[p]
			}
			err = b.add(ctx, object, record.line, record.text, fields...)
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
		return nil, fault.New(fault.Invalid, fmt.Sprintf("the header of %s cannot be read: %s", o.Name, header.reason), "CSV must be UTF-8 with one header line, or write header: false")
	}
	names := make([]string, len(header.fields))
	for i, f := range header.fields {
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
		}
	}
	return places, nil
}

// csvRelation gives object, line, text, ok and the texts r0, r1, … of the fields in raw. An empty field without quotes came as null; an empty
// one in quotes is an empty text, and null for every other type.
func (r *run) csvRelation() string {
	var values strings.Builder
	for i, c := range r.columns {
		value := fmt.Sprintf("c%d", i)
		if c.Type != "text" {
			value = "nullif(" + value + ", '')"
		}
		fmt.Fprintf(&values, ", %s AS r%d", value, i)
	}
	return "SELECT object, line, text, true AS ok" + values.String() + " FROM raw"
}
