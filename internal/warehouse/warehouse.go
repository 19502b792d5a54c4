// Package warehouse keeps tables and marts: it replaces a node's day in one transaction, checks it there, and answers queries.
package warehouse

import (
	"context"
	"time"

	"daybook/internal/calendar"
)

// Warehouse is where nodes of kind table and mart live. All methods may be called at once from several goroutines.
// Cancelling the context ends the work and returns an error that is context.Canceled or context.DeadlineExceeded.
type Warehouse interface {
	// Load replaces the rows of one day of a node (or all of them) by those of a SELECT, in one transaction with its checks and its record.
	// On any error readers keep the rows they had. The error is a fault: check_failed when a blocking check says no (Loaded.Checks is
	// complete then), invalid for SQL that does not work, refused for a changed column whose old values do not fit, no_space, damaged.
	Load(ctx context.Context, load Load) (Loaded, error)
	// Record is the newest load of the node for the day (the zero Day for a full one); false when there is none.
	Record(ctx context.Context, node string, day calendar.Day) (Record, bool, error)
	// Records lists every load record, by node and day.
	Records(ctx context.Context) ([]Record, error)
	// Query runs exactly one SELECT, reading only, with $day bound where it is used. It waits while all readers are busy.
	Query(ctx context.Context, sql string, day calendar.Day) (Rows, error)
	// Export reads the rows of a node's day, or all of them with the zero Day, as they are at one moment; a fault of code not_found when
	// the node was never loaded. What use returns is returned.
	Export(ctx context.Context, node string, day calendar.Day, use func(Export) error) error
	// Columns are those of the node's table, in its order; a fault of code not_found when it was never loaded.
	Columns(ctx context.Context, node string) ([]Column, error)
	// Drop removes the node's table and its records; dropping one that does not exist does nothing.
	Drop(ctx context.Context, node string) error
	Close() error
}

// Load says what to put where. SQL is one SELECT over unqualified names: nodes of the warehouse and the sources of Staged. A node that is loaded
// by day gets a DATE column day at the end when the SELECT has none; rows of another day than Asked are a fault.
//
// When the SELECT's columns differ from the table's, the table follows the SELECT: new columns are null on the other days, dropped ones
// are gone on all days, and of retyped ones the old values are cast; one that cannot be cast is a fault that names the column and its days.
type Load struct {
	Kind        string              // project.KindTable or project.KindMart
	Node        string              // the table's name
	Day         calendar.Day        // the zero Day when Full
	SQL         string              // with $day
	Asked       calendar.Day        // the value of $day
	Staged      map[string][]string // source name → the Parquet files it stands for, at least one
	Full        bool                // replace the whole table
	Key         []string            // names rows for Diff; none compares whole rows
	Fingerprint string
	Run         string
	At          time.Time
	Checks      []Check
	Diff        bool // compare with the rows that are replaced
}

// Check is a question about the loaded rows. Its SQL returns one row: ok BOOLEAN, value VARCHAR, want VARCHAR, examples VARCHAR[]; it runs
// within the load's transaction, sees the new rows and the staged sources, and may use $day. Unless it is a warning, a no undoes the load.
type Check struct {
	Name    string
	Warning bool
	SQL     string
}

// Result is a check's answer.
type Result struct {
	Name     string
	Warning  bool
	OK       bool
	Value    string
	Want     string
	Examples []string
}

// Loaded says what a load did. Output is a checksum of the loaded rows that does not depend on their order or on that of the columns, with
// doubles rounded to 12 significant digits (also in lists of doubles): same rows, same Output.
type Loaded struct {
	Rows    int64
	Output  string
	Checks  []Result
	Diff    Diff // zero unless asked for
	Columns []Column
	Took    time.Duration
}

// Diff counts rows of the replaced and the new content. With a key, Changed counts keys whose rows differ; without one a changed row is one
// removed and one added.
type Diff struct{ Before, After, Added, Removed, Changed int64 }

// Record is what the warehouse itself knows about the newest load of a node's day, written in the load's transaction.
type Record struct {
	Kind        string
	Node        string
	Day         calendar.Day
	Fingerprint string
	Output      string
	Rows        int64
	Run         string
	At          time.Time
}

// Column is a column with its engine type, such as VARCHAR[] or DECIMAL(18,2).
type Column struct{ Name, Type string }

// Rows is a whole answer. A value is nil, bool, int64, float64 (also decimals), string (also UUID, TIME, JSON, INTERVAL, structs and maps as
// JSON, blobs as hex), calendar.Day for DATE, time.Time for TIMESTAMP (clock time, in UTC) and TIMESTAMPTZ (in the warehouse's zone), or
// []any of these for lists.
type Rows struct {
	Columns []Column
	Values  [][]any
}
