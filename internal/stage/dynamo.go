package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The columns that records of changes have beside their attributes.
const (
	deletedColumn = "_deleted" // boolean
	writtenColumn = "_written" // timestamptz
)

// dynamo makes plain JSON of what DynamoDB answers and exports, and hands it on. Numbers become texts of their digits.
type dynamo struct {
	taker
	run *run
	out []byte
}

func (d *dynamo) json(ctx context.Context, object int, line int64, column int, record []byte) error {
	if !utf8.Valid(record) || record[0] != '{' {
		return d.taker.json(ctx, object, line, column, record)
	}
	about := []string{"ConsumedCapacity", "ResponseMetadata", "$metadata"} // what surrounds items beside them
	parts := map[string][]byte{}
	members(record, func(name, value []byte) bool {
		parts[unquoted(name)] = value
		return true
	})
	is := func(name string, bracket byte, known ...string) bool {
		if v := parts[name]; len(v) == 0 || v[0] != bracket {
			return false
		}
		for n := range parts {
			if n != name && !slices.Contains(known, n) && !slices.Contains(about, n) {
				return false
			}
		}
		return true
	}
	switch {
	case len(parts) > 0 && allTyped(record):
		return d.item(ctx, object, line, column, record, nil)
	case is("Items", '[', "Count", "ScannedCount", "LastEvaluatedKey"):
		return d.page(ctx, object, line, column, record, parts["Items"])
	case is("Item", '{'):
		return d.item(ctx, object, line, column, parts["Item"], nil)
	case is("Keys", '{', "Metadata", "NewImage", "OldImage") && parts["Metadata"] != nil:
		return d.change(ctx, object, line, column, parts)
	}
	return d.item(ctx, object, line, column, record, nil)
}

// page hands on the items of an answer, each with its own line.
func (d *dynamo) page(ctx context.Context, object int, line int64, column int, record, items []byte) error {
	var err error
	counted := 0
	start := cap(record) - cap(items) // items is a part of record
	elements(items, func(at int, item []byte) bool {
		at += start
		line += int64(bytes.Count(record[counted:at], []byte("\n")))
		counted = at
		err = d.item(ctx, object, line, column, item, nil)
		return err == nil
	})
	return err
}

// change hands on a line of an incremental export: the new image, or the old one or just the key of a deleted item.
func (d *dynamo) change(ctx context.Context, object int, line int64, column int, parts map[string][]byte) error {
	item, deleted := parts["NewImage"], false
	if len(item) == 0 || item[0] != '{' {
		item, deleted = parts["OldImage"], true
	}
	if len(item) == 0 || item[0] != '{' {
		item = parts["Keys"]
	}
	extra := map[string]string{deletedColumn: strconv.FormatBool(deleted)}
	members(parts["Metadata"], func(name, value []byte) bool {
		if unquoted(name) == "WriteTimestampMicros" {
			var n struct{ N string }
			if json.Unmarshal(value, &n) == nil {
				if micros, err := strconv.ParseInt(n.N, 10, 64); err == nil {
					extra[writtenColumn] = `"` + time.UnixMicro(micros).UTC().Format("2006-01-02T15:04:05.000000Z") + `"`
				}
			}
		}
		return true
	})
	return d.item(ctx, object, line, column, item, extra)
}

// item hands on one item, typed or plain, with the declared ones of further columns.
func (d *dynamo) item(ctx context.Context, object int, line int64, column int, item []byte, extra map[string]string) error {
	if item[0] != '{' {
		return d.taker.reject(ctx, object, line, "the item is not an object", string(item[:min(len(item), rejected)]))
	}
	d.out = append(d.out[:0], '{')
	typed := allTyped(item)
	var wrong string
	members(item, func(name, value []byte) bool {
		d.separate()
		d.out = append(append(d.out, name...), ':')
		switch {
		case !typed:
			d.plain(value)
		case !d.attribute(value, 0):
			wrong = fmt.Sprintf("the attribute %s is no DynamoDB-JSON, or nested more than %d deep", unquoted(name), deepest)
		}
		return wrong == ""
	})
	if wrong != "" {
		return d.taker.reject(ctx, object, line, wrong, string(item[:min(len(item), rejected)]))
	}
	for _, name := range []string{deletedColumn, writtenColumn} {
		if value, ok := extra[name]; ok && d.run.wants(name) {
			d.separate()
			d.out = append(d.out, `"`+name+`":`+value...)
		}
	}
	d.out = append(d.out, '}')
	return d.taker.json(ctx, object, line, column, d.out)
}

// wants reports whether a column is declared; all are for those who infer them.
func (r *run) wants(from string) bool {
	return r.inferring || slices.ContainsFunc(r.columns, func(c column) bool { return c.from() == from })
}

func (d *dynamo) separate() {
	if last := d.out[len(d.out)-1]; last != '{' && last != '[' && last != ':' {
		d.out = append(d.out, ',')
	}
}

// kindOf is the type of an attribute value, such as S, and its value; empty when it is none.
func kindOf(value []byte) (kind string, inner []byte) {
	if len(value) == 0 || value[0] != '{' {
		return "", nil
	}
	c := cursor{text: value, at: 1}
	if c.space() != '"' {
		return "", nil
	}
	kind, begins := attributeType(c.value())
	if kind == "" || c.space() != ':' {
		return "", nil
	}
	c.at++
	if strings.IndexByte(begins, c.space()) < 0 {
		return "", nil
	}
	if inner = c.value(); c.space() != '}' {
		return "", nil
	}
	return kind, inner
}

// attributeType is the type that a member's name stands for, and with what its values may begin.
func attributeType(name []byte) (kind, begins string) {
	switch string(name) {
	case `"S"`:
		return "S", `"`
	case `"N"`:
		return "N", `"`
	case `"B"`:
		return "B", `"`
	case `"BOOL"`:
		return "BOOL", "tf"
	case `"NULL"`:
		return "NULL", "tf"
	case `"L"`:
		return "L", "["
	case `"SS"`:
		return "SS", "["
	case `"NS"`:
		return "NS", "["
	case `"BS"`:
		return "BS", "["
	case `"M"`:
		return "M", "{"
	}
	return "", ""
}

// allTyped reports whether every attribute of an item is one as the API gives it; plain JSON has others.
func allTyped(item []byte) bool {
	all := true
	members(item, func(_, value []byte) bool {
		kind, _ := kindOf(value)
		all = kind != ""
		return all
	})
	return all
}

// attribute appends the plain JSON of an attribute value; false when it is none.
func (d *dynamo) attribute(value []byte, depth int) bool {
	kind, inner := kindOf(value)
	good := depth < deepest
	switch kind {
	case "":
		return false
	case "NULL":
		d.out = append(d.out, "null"...)
	case "L":
		d.out = append(d.out, '[')
		elements(inner, func(_ int, v []byte) bool {
			d.separate()
			good = good && d.attribute(v, depth+1)
			return good
		})
		d.out = append(d.out, ']')
	case "M":
		d.out = append(d.out, '{')
		members(inner, func(name, v []byte) bool {
			d.separate()
			d.out = append(append(d.out, name...), ':')
			good = good && d.attribute(v, depth+1)
			return good
		})
		d.out = append(d.out, '}')
	case "N", "NS":
		d.number(inner)
	default: // texts, and lists of texts
		d.out = append(d.out, inner...)
	}
	return good
}

// number appends a number, or a list of them, as texts; for those who infer types as numbers.
func (d *dynamo) number(text []byte) {
	if d.run.inferring {
		numbers := bytes.ReplaceAll(text, []byte(`"`), nil)
		if json.Valid(numbers) {
			text = numbers
		}
	}
	d.out = append(d.out, text...)
}

// plain appends a value, whose numbers have more digits in text where a double could not hold them.
func (d *dynamo) plain(value []byte) {
	if d.run.inferring || !hasLong(value) || !json.Valid(value) {
		d.out = append(d.out, value...)
		return
	}
	d.out = (&exactly{paths: [][]string{{}}}).texts(d.out, value, nil)
}
