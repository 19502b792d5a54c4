// Package source fetches a day's records, as they are, from where they live.
package source

import (
	"context"
	"errors"
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
	// or its own, means that the day is not whole: what the sink took is not committed, but kept for the next try, whose request
	// names it. A day that is there and empty is no error; a day that is not there is a fault of code missing, and one whose end is
	// not yet known, such as a file that is still being written or a stream whose day still runs, one of code unavailable.
	// Neither errors nor origins nor states ever show a credential.
	Fetch(ctx context.Context, r Request, sink Sink) (Result, error)
}

// Request asks for a day of a source. A kind uses what it needs of it; the functions are never nil.
type Request struct {
	Source project.Source
	Dir    string       // the project's directory, from which relative paths start
	Temp   string       // a directory for scratch files; the system's own when empty
	Day    calendar.Day // of the source's zone
	Now    func() time.Time
	Kept   []Part // what an unfinished fetch of this day has put, in that order: not to be asked for, nor put, again

	// Wait waits, as told by a server or a rate; it ends early with the context's error.
	Wait func(ctx context.Context, d time.Duration) error
	// Secret is what a reference such as env:NAME stands for.
	Secret func(ctx context.Context, ref string) (string, error)
	// Log tells people about the fetch; level is info or warn.
	Log func(level, format string, args ...any)
	// Values are the distinct values, as text and in order, of a column in the staged records that another source, one that this
	// source names, has for the day; null is none.
	Values func(ctx context.Context, source, column string) ([]string, error)
	// Checkpoint is what the fetch of the day before said of where this day begins; nil when it said nothing or was never made.
	Checkpoint map[string]string
	// Spend counts one call against an allowance of limit calls within a window of time, such as "2026-11-19" of a quota per day.
	// It reports whether the call is allowed; one that is not is not counted.
	Spend func(ctx context.Context, allowance, window string, limit int64) (bool, error)
	// Collected lists the closed segments that collect has written for the day, in order; a segment still open is a fault of code
	// unavailable.
	Collected func(ctx context.Context, d calendar.Day) ([]Segment, error)
}

// Segment is a file of collected records.
type Segment struct{ Name, Path string }

// Part is an object of a day. Names are single path elements of letters, digits and simple punctuation, unlike within a day; their
// ending tells format and compression as the original's did. Origin is where the object came from, for people. State is the
// source's own note of how to go on behind this object.
type Part struct{ Name, Origin, State string }

// Sink takes the objects of a day. A part is durable when Put returns. Put may be called by several goroutines.
type Sink interface {
	Put(ctx context.Context, p Part, r io.Reader) error
}

// ErrChanged is in the chain of an error that makes what an unfinished fetch has put worthless: the next try begins anew.
var ErrChanged = errors.New("it changed since an unfinished fetch")

// Result is what a fetch says beside its objects.
type Result struct {
	Missing    []string          // parts of the day that are absent at the source, such as "hour 2: logs/2026-11-19-2.json.gz"
	NoData     bool              // the source has no data on such a day, by its days setting; nothing was put
	Checkpoint map[string]string // where the next day begins, by part of the source such as a shard; nil for kinds without
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
		{"bigquery", BigQuery{}, validateBigQuery},
		{"collect", Collect{}, validateCollect},
		{"dynamodb", DynamoDB{}, validateDynamoDB},
		{"exec", Exec{}, validateExec},
		{"files", Files{}, validateFiles},
		{"http", HTTP{}, validateHTTP},
		{"kafka", Kafka{}, validateKafka},
		{"kinesis", Kinesis{}, validateKinesis},
		{"mysql", MySQL{}, validateDatabase},
		{"postgres", Postgres{}, validateDatabase},
		{"s3", S3{}, validateS3},
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
