package project

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"daybook/internal/fault"
)

// Type is a declared column type in its canonical spelling: text, integer, bigint, double, boolean, date, time, timestamp (no zone),
// timestamptz (an instant), uuid, json, decimal(P,S), a list T[] or a struct(NAME T, …).
type Type string

var scalars = map[string]string{
	"text": "VARCHAR", "integer": "INTEGER", "bigint": "BIGINT", "double": "DOUBLE", "boolean": "BOOLEAN", "date": "DATE",
	"time": "TIME", "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMPTZ", "uuid": "UUID", "json": "JSON",
}

var (
	decimal  = regexp.MustCompile(`^decimal\((\d{1,2}),(\d{1,2})\)$`)
	identRE  = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
	typeHint = "write text, integer, bigint, double, boolean, date, time, timestamp, timestamptz, uuid, json, decimal(18,2), text[] or struct(name text)"
)

// ParseType reads a type; unknown ones are faults of code invalid.
func ParseType(s string) (Type, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if inner, ok := strings.CutSuffix(s, "[]"); ok {
		t, err := ParseType(inner)
		if err != nil {
			return "", err
		}
		return t + "[]", nil
	}
	if _, ok := scalars[s]; ok {
		return Type(s), nil
	}
	compact := strings.ReplaceAll(s, " ", "")
	if m := decimal.FindStringSubmatch(compact); m != nil {
		width, _ := strconv.Atoi(m[1])
		scale, _ := strconv.Atoi(m[2])
		if width < 1 || width > 38 || scale > width {
			return "", fault.New(fault.Invalid, fmt.Sprintf("%q is not a decimal type", s), "write decimal(P,S) with P digits in all, at most 38, and S of them after the point")
		}
		return Type(fmt.Sprintf("decimal(%d,%d)", width, scale)), nil
	}
	if fields, ok := structFields(s); ok {
		out := make([]string, 0, len(fields))
		for _, f := range fields {
			name, rest, _ := strings.Cut(f, " ")
			t, err := ParseType(rest)
			if err != nil || !identRE.MatchString(name) {
				return "", fault.New(fault.Invalid, fmt.Sprintf("%q is not a field of a struct type", f), typeHint)
			}
			out = append(out, name+" "+string(t))
		}
		return Type("struct(" + strings.Join(out, ", ") + ")"), nil
	}
	return "", fault.New(fault.Invalid, fmt.Sprintf("%q is not a column type", s), typeHint)
}

// structFields splits "struct(a text, b struct(c date))" at its outer commas.
func structFields(s string) ([]string, bool) {
	body, ok := strings.CutPrefix(s, "struct(")
	if !ok || !strings.HasSuffix(body, ")") {
		return nil, false
	}
	body = strings.TrimSuffix(body, ")")
	var fields []string
	depth, start := 0, 0
	for i, r := range body {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				fields = append(fields, strings.TrimSpace(body[start:i]))
				start = i + 1
			}
		}
	}
	return append(fields, strings.TrimSpace(body[start:])), depth == 0
}

// SQL is the DuckDB spelling of the type.
func (t Type) SQL() string {
	s := string(t)
	if inner, ok := strings.CutSuffix(s, "[]"); ok {
		return Type(inner).SQL() + "[]"
	}
	if sql, ok := scalars[s]; ok {
		return sql
	}
	if fields, ok := structFields(s); ok {
		out := make([]string, len(fields))
		for i, f := range fields {
			name, rest, _ := strings.Cut(f, " ")
			out[i] = `"` + name + `" ` + Type(rest).SQL()
		}
		return "STRUCT(" + strings.Join(out, ", ") + ")"
	}
	return strings.ToUpper(s)
}

// Scalar reports whether the type is neither list, struct nor json.
func (t Type) Scalar() bool {
	_, ok := scalars[string(t)]
	return (ok && t != "json") || decimal.MatchString(string(t))
}
