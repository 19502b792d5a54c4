package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"daybook/internal/calendar"
)

// Cell is one value of a row: nil, int64, float64, string, bool, calendar.Day or time.Time. Whole numbers are int64 whichever
// type the warehouse gave them, doubles have twelve significant digits, and what is not a number (NaN, infinity) is nil.
type Cell struct{ Value any }

// wholeLimit is the first double beyond int64.
const wholeLimit = 1 << 63

func cellOf(v any) (Cell, error) {
	switch v := v.(type) {
	case nil, int64, string, bool, calendar.Day:
		return Cell{v}, nil
	case float64:
		return number(v), nil
	case time.Time:
		t, err := time.Parse(time.RFC3339Nano, v.Format(time.RFC3339Nano))
		return Cell{t}, err
	}
	return Cell{}, fmt.Errorf("a value of type %T cannot stand in a report", v)
}

func number(v float64) Cell {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Cell{}
	}
	v = significant(v)
	if v == math.Trunc(v) && math.Abs(v) < wholeLimit {
		return Cell{int64(v)}
	}
	return Cell{v}
}

// significant rounds to twelve significant digits.
func significant(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', 11, 64), 64)
	if err != nil || r == 0 {
		return 0 // also takes the sign off a zero
	}
	return r
}

// float is the cell as a measure, nil when it is not a number.
func (c Cell) float() *float64 {
	switch v := c.Value.(type) {
	case int64:
		f := float64(v)
		return &f
	case float64:
		return &v
	}
	return nil
}

// String is the cell as data: numbers unformatted, days and instants in ISO form, nothing for nil.
func (c Cell) String() string {
	switch v := c.Value.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(c.Value)
}

// rank orders the types; nil comes last.
func (c Cell) rank() int {
	switch c.Value.(type) {
	case int64, float64:
		return 0
	case calendar.Day:
		return 1
	case time.Time:
		return 2
	case bool:
		return 3
	case string:
		return 4
	}
	return 5
}

func (c Cell) compare(d Cell) int {
	if r := cmp.Compare(c.rank(), d.rank()); r != 0 {
		return r
	}
	switch v := c.Value.(type) {
	case int64:
		if w, ok := d.Value.(int64); ok {
			return cmp.Compare(v, w)
		}
		return cmp.Compare(*c.float(), *d.float())
	case float64:
		return cmp.Compare(v, *d.float())
	case calendar.Day:
		return v.Compare(d.Value.(calendar.Day))
	case time.Time:
		return v.Compare(d.Value.(time.Time))
	case bool:
		return cmp.Compare(c.String(), d.String())
	case string:
		return cmp.Compare(v, d.Value.(string))
	}
	return 0
}

// MarshalJSON writes days and instants as {"day": …} and {"time": …}, so that text which looks like one stays text.
func (c Cell) MarshalJSON() ([]byte, error) {
	switch v := c.Value.(type) {
	case calendar.Day:
		return json.Marshal(map[string]string{"day": v.String()})
	case time.Time:
		return json.Marshal(map[string]string{"time": v.Format(time.RFC3339Nano)})
	}
	return json.Marshal(c.Value)
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (c *Cell) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return fmt.Errorf("read a cell: %w", err)
	}
	switch v := v.(type) {
	case json.Number:
		return c.parseNumber(v.String())
	case map[string]any:
		return c.parseMoment(v)
	}
	c.Value = v
	return nil
}

func (c *Cell) parseNumber(s string) error {
	if !strings.ContainsAny(s, ".eE") {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			c.Value = n
			return nil
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	c.Value = f
	return err
}

func (c *Cell) parseMoment(m map[string]any) error {
	if s, ok := m["day"].(string); ok {
		d, err := calendar.ParseDay(s)
		c.Value = d
		return err
	}
	s, _ := m["time"].(string)
	t, err := time.Parse(time.RFC3339Nano, s)
	c.Value = t
	return err
}
