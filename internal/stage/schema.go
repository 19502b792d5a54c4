package stage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Schema is what the records of a day came with, declared or not: it depends on the source, never on the contract. It is empty for a
// day without records and where undeclared columns are ignored.
type Schema struct {
	Hash    string         // SHA-256 of the columns in hex
	Columns []SchemaColumn // in order of their names
}

// SchemaColumn is a name at the source, of the first level, with the types of its values, such as "number or text". Those of JSON and
// DynamoDB are text, number, boolean, list and object, or null where it was never anything else (numbers of DynamoDB are staged from
// their text, and are text); of XML element and attribute; of CSV text; of Parquet those of the file.
type SchemaColumn struct{ Name, Type string }

// SchemaChange is how a schema differs from an earlier one.
type SchemaChange struct {
	Added, Removed []SchemaColumn
	Retyped        []Retyped
}

// Retyped is a column whose values came as other types.
type Retyped struct{ Name, From, To string }

// SchemaOf makes a schema of columns, a name once.
func SchemaOf(columns []SchemaColumn) Schema {
	if len(columns) == 0 {
		return Schema{}
	}
	s := Schema{Columns: slices.SortedFunc(slices.Values(columns), func(a, b SchemaColumn) int { return cmp.Compare(a.Name, b.Name) })}
	h := sha256.New()
	for _, c := range s.Columns {
		h.Write([]byte(quoted(c.Name) + ":" + quoted(c.Type) + "\n"))
	}
	s.Hash = hex.EncodeToString(h.Sum(nil))
	return s
}

// Since says what became of an earlier schema.
func (s Schema) Since(before Schema) SchemaChange {
	var change SchemaChange
	old := map[string]string{}
	for _, c := range before.Columns {
		old[c.Name] = c.Type
	}
	for _, c := range s.Columns {
		switch was, known := old[c.Name]; {
		case !known:
			change.Added = append(change.Added, c)
		case was != c.Type:
			change.Retyped = append(change.Retyped, Retyped{c.Name, was, c.Type})
		}
		delete(old, c.Name)
	}
	for _, c := range before.Columns {
		if _, gone := old[c.Name]; gone {
			change.Removed = append(change.Removed, c)
		}
	}
	return change
}

// maxNames bounds the names that are remembered of records whose keys are data.
const maxNames = 10_000

// shape gathers the schema of records.
type shape struct {
	seen  map[string]uint8           // JSON: the kinds of values, by the text of the name
	types map[string]map[string]bool // by name
}

// add remembers a column with a type of its values.
func (s *shape) add(name, kind string) {
	types := s.types[name]
	if types == nil {
		if len(s.types) >= maxNames {
			return
		}
		if s.types == nil {
			s.types = map[string]map[string]bool{}
		}
		types = map[string]bool{}
		s.types[name] = types
	}
	types[kind] = true
}

func (s *shape) schema() Schema {
	columns := make([]SchemaColumn, 0, len(s.types))
	for name, types := range s.types {
		kinds := slices.Sorted(maps.Keys(types))
		if len(kinds) > 1 { // any value of any column may be null
			kinds = slices.DeleteFunc(kinds, func(k string) bool { return k == "null" })
		}
		columns = append(columns, SchemaColumn{name, strings.Join(kinds, " or ")})
	}
	return SchemaOf(columns)
}

// news reports whether a record has a name, or a kind of value under it, that no record before it had.
func (s *shape) news(record []byte) bool {
	found := false
	members(record, func(name, value []byte) bool {
		bit, _ := jsonKindOf(value)
		kinds, known := s.seen[string(name)]
		found = kinds&bit == 0 && (known || len(s.seen) < maxNames)
		return !found
	})
	return found
}

// jsonKindOf is the type of a value, as a bit and as a word.
func jsonKindOf(value []byte) (bit uint8, word string) {
	switch value[0] {
	case '"':
		return 1, "text"
	case 't', 'f':
		return 2, "boolean"
	case 'n':
		return 4, "null"
	case '[':
		return 8, "list"
	case '{':
		return 16, "object"
	}
	return 32, "number"
}

// shaped remembers the names and kinds of values of the records that it hands on, and which are not declared. Most records have none that is
// new, and cost one look at their text beside the engine's work.
type shaped struct {
	taker
	run *run
}

func (t shaped) json(ctx context.Context, object int, line int64, column int, record []byte) error {
	if s := &t.run.shape; s.news(record) && utf8.Valid(record) && json.Valid(record) && record[0] == '{' {
		members(record, func(name, value []byte) bool {
			bit, word := jsonKindOf(value)
			if s.seen == nil {
				s.seen = map[string]uint8{}
			}
			if _, known := s.seen[string(name)]; !known {
				t.run.note(unquoted(name))
			}
			if s.seen[string(name)] |= bit; t.run.job.Source.Format != "xml" { // whose records have what is declared under other names
				s.add(unquoted(name), word)
			}
			return true
		})
	}
	return t.taker.json(ctx, object, line, column, record)
}

// takes is who takes records of JSON text: the engine's batch, past those who look at them first.
func (r *run) takes(b *batch) taker {
	to := r.exact(b)
	if r.job.Source.NewColumns == "ignore" {
		return to
	}
	return shaped{to, r}
}
