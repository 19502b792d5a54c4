package templates

// RunsView is the page of every node and every day.
type RunsView struct {
	Page
	Actions []Action
	Live    []LiveRunView
	Next    []NextRun
	Filter  GridFilter
	Grid    GridView
	Recent  *Table // the latest runs
	Empty   *Notice
}

// LiveRunView is a run that is under way; its element's id is LiveRunID(Run).
type LiveRunView struct {
	Run      string // its id
	Status   Status // the word is the run's name: "Run 412"
	Text     string
	Facts    []Fact
	Actions  []Action
	Tasks    []StateKind // one segment each, in order
	Progress string      // what the bar says in words
	Now      []Status
}

// LiveRunsID is the id of the element that holds the runs under way.
const LiveRunsID = "live"

// LiveRunID is the id of the element that shows the run on the page of runs.
func LiveRunID(run string) string { return "live-" + run }

// NextRun is a scheduled piece of work.
type NextRun struct{ Time, What, Detail string }

// GridFilter is the bar above the grid, a form that gets.
type GridFilter struct {
	Query     string
	Kinds     []Option
	States    []Option
	Ranges    []RangeLink
	Days      string // kept by the form
	Facts     []Fact
	Downloads []Download
}

// RangeLink is one span of days.
type RangeLink struct {
	Label, Href string
	Current     bool
}

// GridView is nodes by days.
type GridView struct {
	Months []GridMonth
	Days   []GridDay
	Groups []GridGroup
	Rerun  string // address that reruns post to: csrf, node, day, scope (node, downstream, day)
	Allow  bool   // the person may rerun
}

// GridMonth spans Days columns.
type GridMonth struct {
	Label string
	Days  int
}

// GridDay heads a column: "M", "22".
type GridDay struct {
	Weekday, Number string
	Day             string // 2023-05-22
	Weekend, Last   bool
}

// GridGroup is the nodes of one kind.
type GridGroup struct {
	Label string
	Rows  []GridRow
}

// GridRow is one node.
type GridRow struct {
	Node, Label, Href, Median string
	Cells                     []GridCell
}

// GridCell is a build. Its element's id is CellID(Node, Day).
type GridCell struct {
	Node, Day        string
	Status           Status
	Href             string // the task; empty for a day that is not scheduled
	Label            string // "searches 2023-05-22: up to date"
	Why, Took, Count string // of the card
}

// CellID is the id of the grid's cell of a build.
func CellID(node, day string) string { return "cell-" + node + "-" + day }
