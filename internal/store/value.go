package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"daybook/internal/calendar"

	"github.com/google/uuid"
)

// instant is stored as microseconds UTC, the zero time as 0.
type instant time.Time

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func (t instant) Value() (driver.Value, error) { return micros(time.Time(t)), nil }

func (t *instant) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("%T is not an instant", v)
	}
	*t = instant{}
	if n != 0 {
		*t = instant(time.UnixMicro(n).UTC())
	}
	return nil
}

// date is stored as "2006-01-02", the zero Day as ”.
type date calendar.Day

func dayText(d calendar.Day) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

func (d date) Value() (driver.Value, error) { return dayText(calendar.Day(d)), nil }

func (d *date) Scan(v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("%T is not a day", v)
	}
	return (*calendar.Day)(d).UnmarshalText([]byte(s))
}

// list is stored as a JSON array; an empty one is read back as nil.
type list[T any] []T

func (l list[T]) Value() (driver.Value, error) {
	if len(l) == 0 {
		return "[]", nil
	}
	b, err := json.Marshal([]T(l))
	return string(b), err
}

func (l *list[T]) Scan(v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("%T is not a list", v)
	}
	*l = nil
	if s == "[]" {
		return nil
	}
	return json.Unmarshal([]byte(s), (*[]T)(l))
}

// prose is text that may come from data or from another program. PostgreSQL refuses NUL and broken UTF-8, and an
// error that cannot be recorded would hide itself, so both become U+FFFD.
type prose string

func (p prose) Value() (driver.Value, error) {
	return strings.ReplaceAll(strings.ToValidUTF8(string(p), "\uFFFD"), "\x00", "\uFFFD"), nil
}

func (p *prose) Scan(v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("%T is not text", v)
	}
	*p = prose(s)
	return nil
}

func newID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return id.String(), nil
}

// reference is the id of a row that may be none: null in the database, empty in Go.
type reference string

func (r reference) Value() (driver.Value, error) {
	if r == "" {
		return nil, nil
	}
	return string(r), nil
}

func (r *reference) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*r = ""
	case string:
		*r = reference(v)
	default:
		return fmt.Errorf("%T is not an id", v)
	}
	return nil
}
