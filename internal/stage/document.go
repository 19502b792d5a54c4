package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"daybook/internal/fault"
)

// taker takes records of JSON text, each valid until take returns, and texts that are none. Columns are counted in characters.
type taker interface {
	json(ctx context.Context, object int, line int64, column int, record []byte) error
	reject(ctx context.Context, object int, line int64, reason, record string) error
}

// document is an object of JSON: an array of records, records one after the other, or records within answers.
type document struct {
	*jsonReader
	to     taker
	of     Object
	object int
	path   string
}

// document reads them. Where records are within answers, or in an array, what is no JSON makes the object damaged, as nobody
// knows what is missing; among records one after the other it is a reject.
func (r *run) document(ctx context.Context, to taker, o Object, object int, in io.Reader) error {
	d := &document{jsonReader: newJSONReader(in), to: to, of: o, object: object, path: r.job.Source.Records}
	if d.path != "" && r.job.Source.Format == "json" {
		return d.answers(ctx, strings.Split(d.path, "."))
	}
	for first := true; ; first = false {
		c, err := d.space()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if c == '[' && first {
			return d.array(ctx)
		}
		if err := d.one(ctx); err != nil {
			return err
		}
	}
}

// one reads a record among others that follow each other.
func (d *document) one(ctx context.Context) error {
	line, column := d.place()
	record, err := d.value(true)
	var syntax *syntaxError
	if !errors.As(err, &syntax) && !errors.Is(err, errShort) {
		if err != nil {
			return err
		}
		return d.to.json(ctx, d.object, line, column, record)
	}
	reason := "the record is not valid JSON: it is cut off"
	text := record
	if syntax != nil {
		reason = "the record is not valid JSON: " + syntax.what
		if text, err = d.resume(record); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	return d.to.reject(ctx, d.object, line, reason, string(text[:min(len(text), rejected)]))
}

// array reads the only array of an object.
func (d *document) array(ctx context.Context) error {
	err := d.elements(func() error { return d.record(ctx) })
	if err != nil {
		return d.broken(err)
	}
	if _, err := d.space(); !errors.Is(err, io.EOF) {
		if err != nil {
			return err
		}
		line, _ := d.place()
		return fault.New(fault.Damaged, fmt.Sprintf("in %s something follows the JSON array at line %d", d.of.Name, line), "write format: ndjson if there is one record per line")
	}
	return nil
}

func (d *document) record(ctx context.Context) error {
	line, column := d.place()
	record, err := d.value(true)
	if err != nil {
		return err
	}
	return d.to.json(ctx, d.object, line, column, record)
}

// elements calls read for each element of an array, whose white space before it is gone.
func (d *document) elements(read func() error) error {
	if err := d.take('['); err != nil {
		return err
	}
	c, err := d.space()
	for ; err == nil && c != ']'; c, err = d.space() {
		if err := read(); err != nil {
			return err
		}
		if c, err = d.space(); err != nil {
			return short(err)
		}
		if c == ']' {
			break
		}
		if err := d.take(','); err != nil {
			return err
		}
		if c, err = d.space(); err == nil && c == ']' {
			return d.unexpected(c)
		}
	}
	if err != nil {
		return short(err)
	}
	return d.take(']')
}

// answers reads objects one after the other that hold records at a path.
func (d *document) answers(ctx context.Context, path []string) error {
	for {
		if _, err := d.space(); errors.Is(err, io.EOF) {
			return nil
		}
		if err := d.within(ctx, path, false, 0); err != nil {
			return d.broken(err)
		}
	}
}

// deepest bounds the arrays in arrays on the way to records.
const deepest = 50

// within reads the records at the rest of a path. An API that has none gives null, an empty text or an empty object instead, and one that has one
// may give it without its array. At the end of the path many says that it is an item of the array there, before it that answers are in one.
func (d *document) within(ctx context.Context, path []string, many bool, depth int) error {
	c, err := d.space()
	if err != nil {
		return short(err)
	}
	switch {
	case c == '[' && depth < deepest:
		return d.elements(func() error { return d.within(ctx, path, true, depth+1) })
	case len(path) == 0 && many:
		return d.record(ctx)
	case len(path) == 0 && c == '{':
		return d.only(ctx)
	case c == '{':
		return d.members(ctx, path, many, depth)
	}
	line, _ := d.place()
	text, err := d.value(true)
	if err != nil {
		return err
	}
	if s := string(text); s != "null" && s != `""` {
		return fault.New(fault.Damaged, fmt.Sprintf("%s has %.60s at line %d on the way to %s", d.of.Name, s, line, d.path), "look at what the source answered, or correct records:")
	}
	return nil
}

// only reads the record that an API with one gives without its array; an empty one stands for none.
func (d *document) only(ctx context.Context) error {
	line, column := d.place()
	record, err := d.value(true)
	if err != nil || len(bytes.TrimSpace(record[1:])) == 1 {
		return err
	}
	return d.to.json(ctx, d.object, line, column, record)
}

// members reads an object, of which only the member that the path names counts.
func (d *document) members(ctx context.Context, path []string, many bool, depth int) error {
	line, _ := d.place()
	if err := d.take('{'); err != nil {
		return err
	}
	var names []string
	found := false
	for {
		c, err := d.space()
		switch {
		case err != nil:
			return short(err)
		case c == '}' && len(names) > 0 && !found && !many:
			return fault.New(fault.Damaged, fmt.Sprintf("%s has no %s in the object at line %d, which has %s", d.of.Name, d.path, line, strings.Join(names[:min(len(names), 10)], ", ")),
				"look at what the source answered, or correct records:")
		case c == '}':
			return d.take('}')
		case len(names) > 0:
			if err := d.take(','); err != nil {
				return err
			}
		}
		name, err := d.member()
		if err != nil {
			return err
		}
		if len(names) < 11 { // the rest is only counted as there
			names = append(names, name)
		}
		if name != path[0] {
			_, err = d.value(false)
		} else {
			found = true
			err = d.within(ctx, path[1:], many && len(path) > 1, depth+1)
		}
		if err != nil {
			return err
		}
	}
}

// member consumes a member's name, which it gives, and its colon.
func (d *document) member() (string, error) {
	if _, err := d.space(); err != nil {
		return "", short(err)
	}
	line, _ := d.place()
	d.kept = d.at
	err := d.string()
	text := d.text()
	if err != nil {
		return "", err
	}
	var name string
	if err := json.Unmarshal(text, &name); err != nil {
		return "", &syntaxError{fmt.Sprintf("a name that is no text at line %d", line)}
	}
	if _, err := d.space(); err != nil {
		return "", short(err)
	}
	return name, d.take(':')
}

// broken says where the text stops being JSON; after that nothing can be read. Other errors stay what they are.
func (d *document) broken(err error) error {
	var syntax *syntaxError
	switch {
	case errors.Is(err, errShort):
		return damaged(d.of, err)
	case errors.As(err, &syntax):
		return fault.New(fault.Damaged, fmt.Sprintf("%s is no valid JSON: %s", d.of.Name, syntax.what), "fetch it again, or mend the source")
	}
	return err
}
