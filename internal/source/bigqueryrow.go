package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// bigQueryField is a column of a result.
type bigQueryField struct {
	Name   string          `json:"name"`
	Type   string          `json:"type"`
	Mode   string          `json:"mode"`
	Fields []bigQueryField `json:"fields"`
}

// bigQueryCell is a value as the API gives it; row is a record or a struct.
type bigQueryCell struct {
	V json.RawMessage `json:"v"`
}

type bigQueryRow struct {
	F []bigQueryCell `json:"f"`
}

// writeBigQueryRow writes a row as a line of NDJSON. Numbers that a double would not hold are strings, an instant is RFC 3339 to the microsecond.
func writeBigQueryRow(w *bytes.Buffer, fields []bigQueryField, text []byte) error {
	if err := writeBigQueryStruct(w, fields, text); err != nil {
		return err
	}
	return w.WriteByte('\n')
}

func writeBigQueryStruct(w *bytes.Buffer, fields []bigQueryField, text []byte) error {
	var r bigQueryRow
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	if len(r.F) != len(fields) {
		return fmt.Errorf("it has %d values, and the schema %d fields", len(r.F), len(fields))
	}
	w.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			w.WriteByte(',')
		}
		w.Write(quoteJSON(w.AvailableBuffer(), f.Name))
		w.WriteByte(':')
		if err := writeBigQueryValue(w, f, r.F[i].V); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	w.WriteByte('}')
	return nil
}

func writeBigQueryValue(w *bytes.Buffer, f bigQueryField, v json.RawMessage) error {
	if len(v) == 0 || string(v) == "null" {
		w.WriteString("null")
		return nil
	}
	if f.Mode == "REPEATED" {
		var list []bigQueryCell
		if err := json.Unmarshal(v, &list); err != nil {
			return err
		}
		one := f
		one.Mode = ""
		w.WriteByte('[')
		for i, c := range list {
			if i > 0 {
				w.WriteByte(',')
			}
			if err := writeBigQueryValue(w, one, c.V); err != nil {
				return err
			}
		}
		w.WriteByte(']')
		return nil
	}
	if f.Type == "RECORD" || f.Type == "STRUCT" {
		return writeBigQueryStruct(w, f.Fields, v)
	}
	var s string
	if err := json.Unmarshal(v, &s); err != nil {
		return fmt.Errorf("%s is no text", oneLine(string(v)))
	}
	return writeBigQueryScalar(w, f.Type, s)
}

func writeBigQueryScalar(w *bytes.Buffer, kind, s string) error {
	switch kind {
	case "BOOLEAN", "BOOL":
		if s != "true" && s != "false" {
			return fmt.Errorf("%q is no boolean", oneLine(s))
		}
		w.WriteString(s)
	case "FLOAT", "FLOAT64":
		if json.Valid([]byte(s)) && strings.ContainsAny(s[:1], "-0123456789") {
			w.WriteString(s)
			return nil
		}
		w.Write(quoteJSON(w.AvailableBuffer(), s)) // NaN, Infinity
	case "TIMESTAMP":
		at, err := bigQueryInstant(s)
		if err != nil {
			return err
		}
		w.Write(quoteJSON(w.AvailableBuffer(), at.Format("2006-01-02T15:04:05.999999Z07:00")))
	case "DATETIME":
		w.Write(quoteJSON(w.AvailableBuffer(), strings.Replace(s, "T", " ", 1)))
	case "JSON":
		if !json.Valid([]byte(s)) {
			return fmt.Errorf("%q is no JSON", oneLine(s))
		}
		return json.Compact(w, []byte(s))
	default: // INTEGER, NUMERIC, BIGNUMERIC, DATE, TIME, BYTES in base64, STRING, GEOGRAPHY, INTERVAL, RANGE
		w.Write(quoteJSON(w.AvailableBuffer(), s))
	}
	return nil
}

// bigQueryInstant reads microseconds, or seconds with a fraction or an exponent such as 1.7637696001234567E9, without passing through a double.
func bigQueryInstant(s string) (time.Time, error) {
	if len(s) > 64 || strings.ContainsAny(s, "/_xXpP") || farExponent(s) {
		return time.Time{}, fmt.Errorf("%q is no instant", oneLine(s))
	}
	v, ok := new(big.Rat).SetString(s)
	if !ok {
		return time.Time{}, fmt.Errorf("%q is no instant", oneLine(s))
	}
	if strings.ContainsAny(s, ".eE") {
		v.Mul(v, big.NewRat(1e6, 1))
	}
	// Half up: the text of a double may lie a little beside its microsecond.
	v.Add(v, big.NewRat(1, 2))
	us := new(big.Int).Div(v.Num(), v.Denom())
	if !us.IsInt64() {
		return time.Time{}, fmt.Errorf("%q is no instant", oneLine(s))
	}
	return time.UnixMicro(us.Int64()).UTC(), nil
}

// farExponent reports whether a number has one that no instant has: big.Rat would write out all its digits.
func farExponent(s string) bool {
	_, e, ok := strings.Cut(strings.ToUpper(s), "E")
	return ok && len(strings.TrimLeft(e, "+-0")) > 2
}
