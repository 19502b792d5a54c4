// Package stage turns the raw objects of one source day into typed Parquet, and what does not fit into rejects with reason, object and line.
package stage

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
)

// Object is a raw object on disk. Name is what people know it by and carries its compression (.gz, .zst); Origin is where it came from.
type Object struct {
	Name   string
	Path   string
	Origin string
}

// Job says what to stage. Timestamps without an offset are read in Source.Zone, or in Zone when the source has none. Memory (such as 1GB) and
// Threads bound the engine; empty and 0 are its defaults. Progress, when set, is told the raw bytes read of all.
type Job struct {
	Source   project.Source
	Day      calendar.Day
	Zone     *time.Location
	Objects  []Object
	Dir      string // exists; data.parquet and rejects.parquet are written into it
	Memory   string
	Threads  int
	Progress func(done, total int64)
}

// Result says what became of the records: Records = Staged + Rejected + Deduplicated, always. Data holds the declared columns, in the order of
// objects and lines; Rejects holds object, line, reason, column and text. Repeats counts identical rows of a source without a key, all kept.
type Result struct {
	Data         string
	Rejects      string
	Records      int64
	Staged       int64
	Rejected     int64
	Deduplicated int64
	Repeats      int64
	Samples      []Reject // the first three
	NewColumns   []string // columns the source has and the project does not declare, in order of their names
	Schema       Schema   // what the records came with
}

// Reject is a record that does not fit: Line is 1-based, for Parquet the row; Text is the record, cut to 1 kB.
type Reject struct {
	Object string
	Line   int64
	Reason string
	Column string
	Text   string
}

// Run stages the objects in their order. Values are never guessed: text that is no value of the declared type rejects the record, and text that
// is one is taken, also where JSON could have had a number: "7" and 7.0 are the integer 7. Where records: picks the records out of JSON answers, an
// empty text is null in columns that are not text, and so is an empty element of XML in every column. Two things are rounded: decimals to their
// scale, and JSON numbers with a fraction to the 17 digits of a double where the column is no decimal.
//
// Faults: damaged for an object that cannot be read to its end, missing for a day without records where
// the source does not allow it, check_failed for more rejects than the source allows, for a key with different rows and for undeclared
// columns where they must not be. After check_failed the result and both files are complete.
func Run(ctx context.Context, job Job) (Result, error) {
	r, err := start(ctx, job)
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	if err := r.readAll(ctx); err != nil {
		return Result{}, err
	}
	unlike, err := r.settle(ctx)
	if err != nil {
		return Result{}, err
	}
	result, err := r.write(ctx)
	if err != nil {
		return Result{}, err
	}
	return result, r.verdict(result, unlike)
}

// verdict applies the source's contract to what was found.
func (r *run) verdict(result Result, unlike string) error {
	s := r.job.Source
	switch {
	case result.Records == 0 && s.Empty != "ok":
		return fault.New(fault.Missing, fmt.Sprintf("%s has no records for %s", s.Name, r.job.Day), "write empty: ok in "+s.File+" if such days are right")
	case len(result.NewColumns) > 0 && s.NewColumns == "fail":
		return fault.New(fault.CheckFailed, fmt.Sprintf("%s has columns that are not declared: %s", s.Name, strings.Join(result.NewColumns, ", ")),
			"declare them in "+s.File+", or write new_columns: keep")
	case unlike != "":
		return fault.New(fault.CheckFailed, fmt.Sprintf("%s has different rows of one key: %s", s.Name, unlike),
			"write duplicates: latest(COLUMN) or duplicates: reject in "+s.File+", or mend the key")
	case result.Rejected > s.MaxRejects:
		var first []string
		for _, x := range result.Samples {
			first = append(first, fmt.Sprintf("%s line %d: %s", x.Object, x.Line, x.Reason))
		}
		return fault.New(fault.CheckFailed, fmt.Sprintf("%d of %d records of %s do not fit (%d may): %s", result.Rejected, result.Records, s.Name, s.MaxRejects, strings.Join(first, "; ")),
			"raise max_rejects or mend the source")
	}
	return nil
}

func (r *run) dataPath() string    { return filepath.Join(r.job.Dir, "data.parquet") }
func (r *run) rejectsPath() string { return filepath.Join(r.job.Dir, "rejects.parquet") }
