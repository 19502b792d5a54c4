package stage

import (
	"fmt"
	"regexp"
	"strings"

	"daybook/internal/project"
)

// How dates and times are written. The engine reads as far as it understands and forgets the rest, and takes 26-11-19 for a day of the year 26.
const (
	formDay    = `[0-9]{4,6}(-[0-9]{1,2}-[0-9]{1,2}|/[0-9]{1,2}/[0-9]{1,2})`
	formClock  = `[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?`
	formOffset = `( ?(Z|UTC|[-+][0-9]{2}(:?[0-9]{2}){0,2}))`
	formZone   = `( [A-Za-z][A-Za-z0-9_+/-]*)` // a name that the engine knows
	formEver   = `[-+]?[Ii]nfinity`
)

// form is a regular expression for the texts of a type of dates or times; empty for other types.
func form(t project.Type) string {
	either := ""
	switch t {
	case "date":
		either = formDay + `( \(BC\)|[ T]` + formClock + formOffset + `?)?|` + formEver
	case "time":
		either = `(` + formDay + `[ T])?` + formClock + formOffset + `?`
	case "timestamp":
		either = formDay + `([ T]` + formClock + formOffset + `?)?|` + formEver
	case "timestamptz":
		either = formDay + `([ T]` + formClock + `(` + formOffset + `|` + formZone + `)?)?|` + formEver
	default:
		return ""
	}
	return `\s*(` + either + `)\s*`
}

// written is a condition: the text raw is written as the type t has it. Only a date that comes with a time needs more than the form, as the
// engine does not look at that time.
func written(t project.Type, raw string) string {
	is := fmt.Sprintf("regexp_full_match(%s, %s)", raw, text(form(t)))
	if t == "date" {
		is += fmt.Sprintf(" AND (NOT contains(%[1]s, ':') OR TRY_CAST(trim(%[1]s) AS TIMESTAMP) IS NOT NULL)", raw)
	}
	return is
}

// dated reports whether values of the type are or hold dates or times.
func dated(t project.Type) bool {
	return strings.Contains(t.SQL(), "DATE") || strings.Contains(t.SQL(), "TIME")
}

// asTexts is the engine's type with texts in the place of dates and times; names of fields are never in capitals.
func asTexts(t project.Type) string {
	return regexp.MustCompile(`\b(DATE|TIMESTAMPTZ|TIMESTAMP|TIME)\b`).ReplaceAllString(t.SQL(), "VARCHAR")
}

// writtenWithin is a condition: every text in value, which is of the type asTexts(t), is written as t has it. Null is.
func writtenWithin(t project.Type, value string) string {
	if form(t) != "" {
		return "coalesce(" + written(t, value) + ", " + value + " IS NULL)"
	}
	if !dated(t) {
		return "true"
	}
	if inner, ok := strings.CutSuffix(string(t), "[]"); ok {
		each := fmt.Sprintf("e%d", strings.Count(inner, "[]"))
		return fmt.Sprintf("coalesce(list_bool_and(list_transform(%s, lambda %s: %s)), true)", value, each, writtenWithin(project.Type(inner), each))
	}
	var all []string
	for _, f := range fields(t) {
		field, kind, _ := strings.Cut(f, " ")
		all = append(all, writtenWithin(project.Type(kind), fmt.Sprintf("struct_extract(%s, %s)", value, text(field))))
	}
	return "(" + strings.Join(all, " AND ") + ")"
}

// fields are the "name type" of a struct.
func fields(t project.Type) []string {
	body := strings.TrimSuffix(strings.TrimPrefix(string(t), "struct("), ")")
	depth, start := 0, 0
	var list []string
	for i, c := range body {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			list, start = append(list, strings.TrimSpace(body[start:i])), i+1
		}
	}
	return append(list, strings.TrimSpace(body[start:]))
}

// fitsWithin is an expression for the value of a list or struct whose dates and times are the texts in value; null when one of them does not fit.
func (c column) fitsWithin(value string) string {
	return fmt.Sprintf("CASE WHEN %s THEN TRY(CAST(%s AS %s)) END", writtenWithin(c.Type, value), value, c.sql)
}
