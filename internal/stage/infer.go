package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"daybook/internal/project"
)

// Inferred is what the first records of a job look like.
type Inferred struct {
	Columns  []InferredColumn // in the order in which they were first seen
	Records  int64            // that were looked at
	More     bool             // there are others
	First    []string         // the first records as they are, each cut to 10 kB; DynamoDB's and XML's as plain JSON
	Rejected int64            // texts that are no records, among those that were looked at
	Problems []Reject         // the first three of them
	Header   []string         // CSV: the names of the fields of a record, in their order
}

// InferredColumn is a column that could be declared. From is empty where it would be the name.
type InferredColumn struct {
	Name     string
	From     string
	Type     project.Type // the narrowest that takes all values that were seen; text where there was none
	Null     int64        // records in which it is null, or an empty text that is staged as null
	Absent   int64        // records without it
	Types    []TypeCount  // what the values look like, the most frequent first
	Examples []string     // the first three different values
}

// TypeCount is how many values are of a type; beside those of columns there are list, object and empty text.
type TypeCount struct {
	Type  string
	Count int64
}

// Bounds of what is looked at and shown.
const (
	inferRecords  = 20_000
	inferShown    = 20
	inferCut      = 10_000
	inferExamples = 3
	inferNodes    = 5_000 // names in all; those that come later are left out
	inferDepth    = 6     // of objects whose members become columns
	inferMembers  = 100   // that are looked at in an object
	inferLeaves   = 30    // columns of an object; one with more stays whole as json
)

// errEnough ends the reading of records.
var errEnough = errors.New("enough was looked at")

// Infer reads the beginning of a job's objects, at most 20,000 records, and says what their columns look like, whatever is declared. Text stays
// text where a number would lose something: a leading zero, a plus, more than 18 digits. 0 and 1 are integers. Its faults are those of reading an
// object in Run; Job.Dir is not needed.
func Infer(ctx context.Context, job Job) (Inferred, error) {
	job.Source.Columns, job.Source.Key = nil, nil
	i := &inference{root: newNode(), encoding: job.Source.Encoding}
	i.loose = job.Source.Format == "csv" || job.Source.Format == "xml"
	if job.Source.Format == "parquet" {
		dir, err := os.MkdirTemp("", "daybook-infer")
		if err != nil {
			return Inferred{}, fmt.Errorf("infer %s: %w", job.Source.Name, err)
		}
		defer os.RemoveAll(dir)
		job.Dir = dir
		r, err := start(ctx, job)
		if err != nil {
			return Inferred{}, err
		}
		defer r.close()
		i.run = r
	} else {
		i.run = &run{job: job, inferring: true}
	}
	i.emptyIsNull = i.loose || i.run.emptyIsNull()
	for n, o := range job.Objects {
		err := i.read(ctx, n, o)
		if errors.Is(err, errEnough) {
			i.out.More = true
			break
		}
		if err != nil {
			return Inferred{}, err
		}
	}
	i.out.Columns = i.columns()
	return i.out, nil
}

// inference takes records and remembers their shape.
type inference struct {
	run         *run
	encoding    string
	loose       bool // values are texts of anything
	emptyIsNull bool
	root        *node
	nodes       int
	fixed       map[string]project.Type // of columns whose type the file knows
	out         Inferred
}

func (i *inference) read(ctx context.Context, n int, o Object) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("infer %s: %w", i.run.job.Source.Name, err)
	}
	if i.run.job.Source.Format == "parquet" {
		return i.parquet(ctx, n, o)
	}
	in, err := i.run.open(o)
	if err != nil {
		return err
	}
	defer in.close()
	text, err := decoded(i.encoding, o, in)
	switch {
	case err != nil:
	case i.run.job.Source.Format == "csv":
		err = i.csv(ctx, n, text)
	default:
		err = i.run.textRecords(ctx, i, n, o, text)
	}
	return in.explain(err)
}

// more counts a text that is looked at; errEnough when it is one too many.
func (i *inference) more() error {
	if i.out.Records+i.out.Rejected >= inferRecords {
		return errEnough
	}
	return nil
}

func (i *inference) json(ctx context.Context, object int, line int64, column int, record []byte) error {
	reason := undecodable(i.encoding, line, column, record)
	switch {
	case reason != "":
	case record[0] != '{':
		reason = notObject
	case !json.Valid(record):
		reason = "the record is not valid JSON"
	}
	if reason != "" {
		return i.reject(ctx, object, line, reason, string(record))
	}
	if err := i.more(); err != nil {
		return err
	}
	i.show(record)
	i.object(i.root, record, 0)
	return nil
}

func (i *inference) reject(_ context.Context, object int, line int64, reason, record string) error {
	if err := i.more(); err != nil {
		return err
	}
	if i.out.Rejected++; len(i.out.Problems) < inferExamples {
		i.out.Problems = append(i.out.Problems, Reject{Object: i.run.job.Objects[object].Name, Line: line, Reason: reason, Text: cut(record)})
	}
	return nil
}

func (i *inference) show(record []byte) {
	if i.out.Records++; len(i.out.First) < inferShown {
		i.out.First = append(i.out.First, strings.ToValidUTF8(string(record[:min(len(record), inferCut)]), ""))
	}
}

// csv looks at the records of a file, whose columns are named by its header or their places.
func (i *inference) csv(ctx context.Context, object int, in io.Reader) error {
	reader := newCSVReader(in, i.encoding)
	var names []string
	for {
		record, err := reader.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		values := record.values()
		if names == nil {
			if names = csvNames(values, i.run.job.Source.Header); i.out.Header == nil {
				i.out.Header = names
			}
			if i.run.job.Source.Header {
				if record.reason != "" {
					return i.reject(ctx, object, record.line, "the header cannot be read: "+record.reason, string(record.text))
				}
				continue
			}
		}
		if record.reason == "" && len(values) != len(names) {
			record.reason = fmt.Sprintf("the record has %d fields, not %d", len(values), len(names))
		}
		if record.reason != "" {
			if err := i.reject(ctx, object, record.line, record.reason, string(record.text)); err != nil {
				return err
			}
			continue
		}
		if err := i.more(); err != nil {
			return err
		}
		i.show(record.text)
		for at, v := range values {
			n := i.child(i.root, names[at])
			if n == nil {
				continue
			}
			if s, ok := v.(string); ok {
				i.text(n, s)
			} else {
				n.see("null", "null", "")
			}
		}
	}
}

func csvNames(values []any, header bool) []string {
	names := make([]string, len(values))
	for i, v := range values {
		if !header {
			names[i] = fmt.Sprintf("column_%d", i+1)
		} else if s, ok := v.(string); ok {
			names[i] = strings.TrimSpace(s)
		}
	}
	return names
}

// parquet looks at the first rows of a file, and takes the types that it has.
func (i *inference) parquet(ctx context.Context, object int, o Object) error {
	path, _, err := i.run.plain(o)
	if err != nil {
		return err
	}
	file := "read_parquet(" + text(path) + ", file_row_number = true, hive_partitioning = false)"
	has, err := i.run.describe(ctx, o, file)
	if err != nil {
		return err
	}
	i.fixed = map[string]project.Type{}
	for _, n := range has {
		kind, err := i.run.kind(ctx, name(n), file)
		if err != nil {
			return i.run.unreadable(ctx, o, err)
		}
		if t, err := project.ParseType(ourName(kind)); err == nil {
			i.fixed[n] = t
		}
	}
	rows, err := i.run.conn.QueryContext(ctx, fmt.Sprintf("SELECT file_row_number + 1, CAST(to_json(t) AS VARCHAR) FROM (SELECT * FROM %s LIMIT %d) t", file, inferRecords+1))
	if err != nil {
		return i.run.unreadable(ctx, o, err)
	}
	defer rows.Close()
	for rows.Next() {
		var line int64
		var record string
		if err := rows.Scan(&line, &record); err != nil {
			return i.run.unreadable(ctx, o, err)
		}
		record = strings.TrimSuffix(record, fmt.Sprintf(`,"file_row_number":%d}`, line-1)) + "}"
		if err := i.json(ctx, object, line, 1, []byte(record)); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return i.run.unreadable(ctx, o, err)
	}
	return nil
}

// ourName is the type of ours that an engine type is.
func ourName(kind string) string {
	switch kind = parquetKind(kind); kind {
	case "float":
		return "double"
	case "uinteger":
		return "bigint"
	case "ubigint":
		return "decimal(20,0)"
	case "blob":
		return "text"
	}
	return kind
}

// object sees the members of an object.
func (i *inference) object(n *node, object []byte, depth int) {
	members(object, func(name, value []byte) bool {
		if c := i.child(n, unquoted(name)); c != nil {
			i.value(c, value, depth+1)
		}
		return true
	})
}

// child is the node of a member; nil when there are too many.
func (i *inference) child(n *node, name string) *node {
	c := n.children[name]
	switch {
	case c != nil:
	case len(n.order) >= inferMembers && n != i.root, i.nodes >= inferNodes:
		n.wide = true
	default:
		c = newNode()
		n.children[name] = c
		n.order = append(n.order, name)
		i.nodes++
	}
	return c
}

func (i *inference) value(n *node, value []byte, depth int) {
	switch value[0] {
	case '{':
		n.see("object", "object", string(value))
		if depth < inferDepth {
			i.object(n, value, depth)
		} else {
			n.wide = true
		}
	case '[':
		n.see("list", "list", string(value))
		if n.items == nil {
			n.items = newNode()
		}
		elements(value, func(_ int, v []byte) bool {
			if v[0] == '{' || v[0] == '[' {
				n.items.see("object", "object", "")
			} else {
				i.value(n.items, v, depth)
			}
			return true
		})
	case '"':
		i.text(n, unquoted(value))
	case 't', 'f':
		n.see("boolean", "boolean", string(value))
	case 'n':
		n.see("null", "null", "")
	default:
		kind, scale := numberLook(string(bytes.TrimSpace(value)))
		n.scale = max(n.scale, scale)
		n.see(kind, kind, string(value))
	}
}

// text sees a text, which in CSV and XML may be of any type, and in JSON only of those that JSON has not.
func (i *inference) text(n *node, s string) {
	if s == "" {
		n.see("empty text", "empty text", "")
		return
	}
	kind, scale := textLook(s)
	came := kind
	if !i.loose && (isNumber(kind) || kind == "boolean") {
		came = "text"
	}
	if isNumber(kind) {
		n.scale = max(n.scale, scale)
	}
	n.see(came, kind, s)
}
