package templates

// DataView is the catalogue, with one node open or a table of all.
type DataView struct {
	Page
	Query    string
	Catalog  []CatalogGroup
	Overview *Table
	Lede     string // of the overview
	Node     *NodeView
}

// CatalogGroup is the nodes of one kind.
type CatalogGroup struct {
	Label string
	Items []CatalogItem
}

// CatalogItem is one node of the rail.
type CatalogItem struct {
	Name, Href, Rows string
	Current          bool
	Status           *Status // shown when it needs a look
}

// NodeView is one node.
type NodeView struct {
	Kind, Name, Lede string
	Facts            FactLine
	Actions          []Action
	Downloads        []Download
	Banner           *Notice
	Lineage          []LineageStep
	LineageSub       string
	Columns          *Table
	ColumnsSub       string
	Rows             *Bars
	RowsSub          string
	Checks           *ChecksView
	ChecksSub        string
	Rejects          *Table
	RejectsSub       string
	Sample           *Table
	SampleSub        string
	SampleDays       []Option // the days a sample can be of; the form gets "day"
	SampleURL        string
	Schema           *Table // of a source's days
	SchemaSub        string
}

// LineageStep is one column of where the data comes from and goes to.
type LineageStep struct {
	Label string
	Links []Link
	Here  bool
}

// Bars is rows by day.
type Bars struct {
	Label string // in words, for who does not see it
	Top   string // what the upper line stands for
	Max   float64
	Days  []Bar
}

// Bar is one day; Tick is written under it when set.
type Bar struct {
	Value   float64
	Missing bool
	Current bool
	Title   string
	Tick    string
	Href    string
}

// ChecksView is checks by day.
type ChecksView struct {
	Days []string
	Rows []CheckRow
}

// CheckRow is one check over the days.
type CheckRow struct {
	Name, Kind, Last string
	Cells            []CheckCell
}

// CheckCell is the check's result of a day.
type CheckCell struct {
	Kind  StateKind
	Label string
	Href  string
}

// OutboxView lists mails that were written to the outbox.
type OutboxView struct {
	Page
	Lede     string
	Facts    FactLine
	Messages Table
}

// MessageView is one mail.
type MessageView struct {
	Page
	Crumbs      []Link
	Subject     string
	Facts       FactLine
	Headers     []Pair
	HTMLSource  string // address of the HTML part, shown in a sandboxed frame
	Text        string
	Attachments []Download
	Downloads   []Download
	Variants    []RangeLink // the same mail in other languages and kinds
}

// Pair is a name and its value.
type Pair struct{ Name, Value string }

// SignInView is the door.
type SignInView struct {
	Page
	Next    string // where to go afterwards
	Address string
	Error   string
	Help    string

	Domains     string // whose people may have a link mailed; empty leaves that form out
	LinkAddress string
	LinkError   string
}

// SetupView makes the first admin by a one-time link.
type SetupView struct {
	Page
	Token  string
	Inputs []Input
	Error  string
}

// ErrorView is a fault shown to a person.
type ErrorView struct {
	Page
	Crumbs        []Link
	Heading       string
	Facts         FactLine
	Where         string // file:line:column
	Message, Hint string
	Code          []CodeLine
	Steps         []Step
	Actions       []Action
	FaultCode     string
	Request       string
	Note          string
}

// Step is one thing to do, with its state when it has one.
type Step struct {
	Title, Text string
	Status      *Status
}

// EmptyView is a project without reports yet.
type EmptyView struct {
	Page
	Heading, Lede string
	Steps         []Step
	Actions       []Action
}
