package stage

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
)

// doubleDigits is how many digits of a number are sure to survive the engine, which reads fractions as doubles.
const doubleDigits = 15

// exactly makes texts of the numbers of decimal columns that have more digits than a double.
type exactly struct {
	taker
	paths [][]string
}

// exact leaves the taker as it is where no column could notice.
func (r *run) exact(to taker) taker {
	e := &exactly{taker: to}
	for _, c := range r.columns {
		if strings.Contains(string(c.Type), "decimal(") {
			e.paths = append(e.paths, c.path)
		}
	}
	if len(e.paths) == 0 || r.job.Source.Format == "xml" {
		return to
	}
	return e
}

func (e *exactly) json(ctx context.Context, object int, line int64, column int, record []byte) error {
	if hasLong(record) && json.Valid(record) {
		record = e.texts(nil, record, nil)
	}
	return e.taker.json(ctx, object, line, column, record)
}

// texts appends a value, below the path that led to it, with its long numbers as texts.
func (e *exactly) texts(out, value []byte, path []string) []byte {
	switch value[0] {
	case '{':
		out = append(out, '{')
		members(value, func(name, v []byte) bool {
			if len(out) > 0 && out[len(out)-1] != '{' {
				out = append(out, ',')
			}
			out = append(append(out, name...), ':')
			if below := append(path, unquoted(name)); e.leads(below) {
				out = e.texts(out, v, below)
			} else {
				out = append(out, v...)
			}
			return true
		})
		return append(out, '}')
	case '[':
		out = append(out, '[')
		elements(value, func(_ int, v []byte) bool {
			if out[len(out)-1] != '[' {
				out = append(out, ',')
			}
			out = e.texts(out, v, path)
			return true
		})
		return append(out, ']')
	}
	if isLong(value) {
		return append(append(append(out, '"'), value...), '"')
	}
	return append(out, value...)
}

// leads reports whether a decimal column is at, above or below a path.
func (e *exactly) leads(path []string) bool {
	return slices.ContainsFunc(e.paths, func(p []string) bool {
		n := min(len(p), len(path))
		return slices.Equal(p[:n], path[:n])
	})
}

// hasLong reports whether a long number may be in the text of a record.
func hasLong(record []byte) bool {
	digits := 0
	for _, c := range record {
		switch {
		case c >= '0' && c <= '9':
			if digits++; digits > doubleDigits {
				return true
			}
		case c != '.':
			digits = 0
		}
	}
	return false
}

// isLong reports whether a value is a number of more digits than a double has.
func isLong(value []byte) bool {
	digits := 0
	if value[0] != '-' && (value[0] < '0' || value[0] > '9') {
		return false
	}
	for _, c := range value {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	return digits > doubleDigits
}
