// Package source fetches a day's records, as they are, from where they live.
package source

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
)

// Source is a kind of place that records come from.
type Source interface {
	// Fetch puts the records of the request's day into the sink, each once, with the bytes as received. An error, the sink's
	// or its own, means that the day is not whole: what the sink took must not be kept. A day that is there and empty is no
	// error; a day that is not there is a fault of code missing, and one whose end is not yet known, such as a file that is
	// still being written, one of code unavailable. Neither errors nor origins ever show a credential.
	Fetch(ctx context.Context, r Request, sink Sink) (Result, error)
}

// Request asks for a day of a source.
type Request struct {
	Source project.Source
	Dir    string       // the project's directory, from which relative paths start
	Day    calendar.Day // of the source's zone
	Now    func() time.Time
}

// Sink takes raw objects. Names are single path elements of letters, digits and simple punctuation, unlike within a fetch;
// their ending tells format and compression as the original's did. origin is where the object came from, for people.
type Sink interface {
	Put(ctx context.Context, name, origin string, r io.Reader) error
}

// Result is what a fetch says beside its objects.
type Result struct {
	Missing []string // parts of the day that are absent at the source, such as "hour 2: logs/2026-11-19-2.json.gz"
	NoData  bool     // the source has no data on such a day, by its days setting; nothing was put
}

// kind is a row of the table of kinds.
type kind struct {
	from     string
	source   Source
	validate func(project.Source) error
}

// kinds lists every kind of source; sources say which by their from setting.
func kinds() []kind {
	return []kind{
		{"files", Files{}, validateFiles},
	}
}

func find(from string) (kind, *fault.Error) {
	for _, k := range kinds() {
		if k.from == from {
			return k, nil
		}
	}
	return kind{}, fault.New(fault.Invalid, fmt.Sprintf("%q is not a kind of source", from), "write from: "+strings.Join(Kinds(), " or "))
}

// New returns the kind of source that from names; an unknown one is a fault of code invalid.
func New(from string) (Source, error) {
	k, err := find(from)
	if err != nil {
		return nil, err
	}
	return k.source, nil
}

// Kinds lists what from may say, in order.
func Kinds() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.from)
	}
	slices.Sort(names)
	return names
}

// Validate checks the settings that are particular to a source's kind. Its errors are faults of code invalid with the
// source's file and line.
func Validate(s project.Source) error {
	k, err := find(s.From)
	if err != nil {
		return place(s, err)
	}
	return k.validate(s)
}

func place(s project.Source, e *fault.Error) error {
	e.File, e.Line = s.File, s.Line
	return e
}

// snapshot reports whether the source has only a present state, which is the same whatever the day.
func snapshot(s project.Source) bool { return s.Holds == "snapshot" }

// noData reports whether the source, by its days setting, has nothing on the request's day.
func noData(r Request) bool {
	return !snapshot(r.Source) && !r.Source.Days.Has(r.Day.Weekday())
}
