// Package publish makes a production store hold what a mart holds.
package publish

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
)

// Target is a kind of store that marts are published to. One publication is published by one call at a time.
type Target interface {
	// Publish makes the target hold the request's rows, in the way of the publication's mode. What changes at once, and what readers can
	// see until then, is stated by each kind and in Result.Step. Publishing the same again is harmless. On an error the target has its
	// old content, or, where the kind has no step that changes everything at once, a mixture that the next publish mends.
	//
	// Errors are faults: invalid for settings, tables and values that do not fit, check_failed for rows that must not be published (a
	// key twice or null, a reference to nothing, counts that differ), refused for credentials, unavailable for what may work later,
	// busy when another publish took the place meanwhile. They name rows by their key and never show a credential.
	Publish(ctx context.Context, r Request) (Result, error)
}

// Request says what to publish. The functions are never nil.
type Request struct {
	Publication project.Publication
	Day         calendar.Day // zero for a mart that has no days
	Columns     []Column     // of Rows
	// Rows are those of the whole mart with mode swap, those of the day otherwise; read once. Values are as warehouse.Rows states them,
	// except that those of DECIMAL, and integers that do not fit into 64 bits, are their digits as string.
	Rows  iter.Seq2[[]any, error]
	Count int64    // how many Rows gives
	Keys  []string // columns that name a row: the publication's key, the mart's when it has none, or empty
	Run   string   // names the run that publishes

	Project string // whose publication it is, empty when there is only one
	First   bool   // no publish of this publication to this place is on record: what is there may be another's

	// Secret is what a reference such as env:NAME stands for.
	Secret func(ctx context.Context, ref string) (string, error)
	// Wait waits, as told by a server or a rate; it ends early with the context's error.
	Wait func(ctx context.Context, d time.Duration) error
	// Log tells people about the publish; level is info or warn.
	Log func(level, format string, args ...any)
}

// Column is a column of the mart with its engine type, such as VARCHAR[] or DECIMAL(18,2).
type Column struct{ Name, Type string }

// Result says what was done. Kinds that put new content in the place of the old count all rows as written and all old ones as removed.
type Result struct {
	Sent     int64    // rows of the mart
	Held     int64    // of them held back, as what they refer to is not there
	Written  int64    // rows that are new or other than before
	Removed  int64    // rows of the target that are gone
	Kept     int64    // rows of the target that should be gone but are still referred to by others; a later publish removes them
	Examples []string // of rows held back or kept, at most five
	Step     string   // what changed at once, for people
}

type kind struct {
	to     string
	target Target
	modes  []string
	place  func(project.Publication) (setting, value string) // where it publishes to
}

func kinds() []kind {
	all := []string{"swap", "upsert", "day"}
	table := func(p project.Publication) (string, string) { return "table", p.Table }
	return []kind{
		{"dynamodb", DynamoDB{}, all, table},
		{"mysql", MySQL{}, all, table},
		{"postgres", Postgres{}, all, table},
		{"redis", Redis{}, all, func(p project.Publication) (string, string) { return "name", p.Redis.Name }},
		{"s3", S3{}, []string{"swap", "day"}, func(p project.Publication) (string, string) { return "path", p.Path }},
	}
}

func find(to string) (kind, *fault.Error) {
	for _, k := range kinds() {
		if k.to == to {
			return k, nil
		}
	}
	return kind{}, fault.New(fault.Invalid, fmt.Sprintf("%q is not a kind of target", to), "write to: "+strings.Join(Kinds(), " or "))
}

// New returns the kind of target that to names; an unknown one is a fault of code invalid.
func New(to string) (Target, error) {
	k, err := find(to)
	if err != nil {
		return nil, err
	}
	return discreet{k.target}, nil
}

// Kinds lists what to may say, in order.
func Kinds() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.to)
	}
	return names
}

// Validate checks a publication's settings as far as they can be without its mart. Its errors are faults of code invalid with the
// publication's file and line.
func Validate(p project.Publication) error {
	k, err := find(p.To)
	if err != nil {
		return placed(p, err)
	}
	if setting, value := k.place(p); value == "" {
		return placed(p, fault.New(fault.Invalid, "the publication does not say where to", "write "+setting+":"))
	}
	for _, mode := range k.modes {
		if mode == p.Mode {
			return nil
		}
	}
	return placed(p, fault.New(fault.Invalid, fmt.Sprintf("to: %s has no mode %q", p.To, p.Mode), "write mode: "+strings.Join(k.modes, " or ")))
}

func placed(p project.Publication, e *fault.Error) error {
	e.File, e.Line = p.File, p.Line
	return e
}

// invalid is what a person mends in the publication's file.
func invalid(r Request, message, hint string) error {
	return placed(r.Publication, fault.New(fault.Invalid, message, hint))
}
