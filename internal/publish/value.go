package publish

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"daybook/internal/calendar"
)

const (
	clock   = "2006-01-02 15:04:05.999999"
	instant = "2006-01-02 15:04:05.999999Z07:00"
)

// isInstant reports whether the engine type is a moment and not what a clock shows.
func isInstant(kind string) bool {
	return strings.HasPrefix(kind, "TIMESTAMPTZ") || strings.HasPrefix(kind, "TIMESTAMP WITH TIME ZONE")
}

// nested reports whether texts of the engine type are JSON.
func nested(kind string) bool {
	return kind == "JSON" || strings.HasPrefix(kind, "STRUCT(") || strings.HasPrefix(kind, "MAP(")
}

// plain is a value, not null, as text: numbers with all their digits, days as 2006-01-02, instants in UTC with Z, lists as JSON.
func plain(v any, kind string) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return number(v)
	case calendar.Day:
		return v.String()
	case time.Time:
		if isInstant(kind) {
			return v.UTC().Format(instant)
		}
		return v.Format(clock)
	case []any:
		var b bytes.Buffer
		if err := writeJSON(&b, v, kind); err == nil {
			return b.String()
		}
	}
	return fmt.Sprint(v)
}

// number is a double with the digits that give it back, whole ones without exponent.
func number(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == math.Trunc(f) && math.Abs(f) < 1e15:
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func finite(v any) bool {
	f, ok := v.(float64)
	return !ok || !math.IsNaN(f) && !math.IsInf(f, 0)
}

// errNotFinite is NaN or infinity where only numbers have a form.
type errNotFinite struct{ value float64 }

func (e errNotFinite) Error() string {
	return "is " + number(e.value) + ", which the target has no number for"
}

const finiteHint = "turn NaN and infinity into NULL in the mart's SQL"

// exact is the largest whole number up to which JavaScript and others keep all.
const exact = 1 << 53

// writeJSON writes a value as JSON. Decimals, and whole numbers beyond 2^53, are strings, so that no reader rounds them.
func writeJSON(b *bytes.Buffer, v any, kind string) error {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case int64:
		if v > exact || v < -exact {
			b.WriteString(strconv.Quote(strconv.FormatInt(v, 10)))
			return nil
		}
		b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		if !finite(v) {
			return errNotFinite{v}
		}
		b.WriteString(number(v))
	case []any:
		b.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeJSON(b, item, strings.TrimSuffix(kind, "[]")); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case string:
		if nested(kind) && json.Valid([]byte(v)) {
			return json.Compact(b, []byte(v))
		}
		return quoted(b, v)
	case time.Time:
		if isInstant(kind) {
			return quoted(b, v.UTC().Format("2006-01-02T15:04:05.999999Z07:00"))
		}
		return quoted(b, plain(v, kind))
	default:
		return quoted(b, plain(v, kind))
	}
	return nil
}

func quoted(b *bytes.Buffer, s string) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // Encode ends the line
	return nil
}

// object writes a row as a JSON object in the order of the columns.
func (l *layout) object(b *bytes.Buffer, row []any) error {
	b.WriteByte('{')
	for i, c := range l.columns {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := quoted(b, c.as); err != nil {
			return err
		}
		b.WriteByte(':')
		if err := writeJSON(b, row[i], c.Type); err != nil {
			return l.bad(row, i, err.Error(), finiteHint)
		}
	}
	b.WriteByte('}')
	return nil
}
