package templates

// Table is any table of a page: sortable by its heads, downloadable.
type Table struct {
	ID        string
	Caption   string // read out, not shown
	Columns   []Column
	Rows      []Row
	Still     bool   // no sorting
	Slim      bool   // no wider than its words need
	Empty     string // shown in place of no rows
	Foot      string
	More      *Link
	Downloads []Download
}

// Column is a table's head.
type Column struct {
	Label    string
	Number   bool   // right-aligned
	Optional bool   // hidden on narrow screens
	Sorted   string // "ascending", "descending" or empty
	Fixed    bool   // not sortable
	Hidden   bool   // its label is read out, not shown
}

// Row is a table's row; ID lets the stream swap it.
type Row struct {
	ID      string
	Current bool
	Cells   []TableCell
}

// TableCell is one value, already formatted.
type TableCell struct {
	Text   string
	Sort   string // what sorting compares, when it is not Text
	Href   string
	Note   string // quiet, after the text
	Change string // "up", "down" or "flat": the mark before the text
	Lang   string
	Head   bool // names the row
	Quiet  bool
	Mono   bool
	Rank   bool
	Whole  bool // never broken into lines
	Key    bool // marked as part of the key
	Status *Status
	Label  *Label
	Action *Action
	Small  string // under the text, on narrow screens only
	Pick   *Pick
}

// Pick is a box to tick that belongs to the form with that id.
type Pick struct{ Form, Name, Value, Label string }
