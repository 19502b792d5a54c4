package templates

// RunView is one run with one of its tasks open.
type RunView struct {
	Page
	Crumbs   []Link
	Name, Of string
	Actions  []Action
	Facts    FactLine // its ID is RunFactsID
	Banner   *Notice
	Graph    *GraphView
	GraphSub string
	TasksSub string
	Tasks    Table // its rows' ids are TaskID(task)
	Task     *TaskView
}

// The ids that the stream swaps on the page of a run.
const (
	RunFactsID = "run-facts"
	RunActsID  = "run-acts"
	GraphID    = "graph"
	TaskPaneID = "task"
)

// TaskID is the id of a task's row.
func TaskID(task string) string { return "task-" + task }

// LogID is the id of the log that lines are appended to.
func LogID(task string) string { return "log-" + task }

// TaskView is the panel of one task.
type TaskView struct {
	ID         string
	Kind, Name string
	Href       string // the node's page
	Facts      FactLine
	Actions    []Action
	Error      *Notice
	Code       []CodeLine
	Why        []string
	Inputs     *Table
	Diff       []DiffFigure
	DiffRows   *Table
	Balance    string // "In 612,004 = out 611,958 + rejected 3 + deduplicated 43"
	Rejects    *Link
	Attempts   *Table
	LogTitle   string
	Log        []LogLine
	LogMore    *Link
}

// DiffFigure is one number of a data diff; Tone is "", "plus" or "minus".
type DiffFigure struct{ Label, Was, Is, Tone string }

// LogLine is one line of a task's log; Tone is "", "warn" or "error".
type LogLine struct{ Time, Text, Tone string }

// CodeLine is a line of a file; Here marks the one an error is about.
type CodeLine struct {
	Number, Text, Note string
	Here               bool
}

// GraphView is the graph of a run: nodes in columns by kind, laid out here from the kinds and edges alone.
type GraphView struct {
	Label string
	Kinds []GraphKind // in order, sources first
	Edges []GraphEdge
}

// GraphKind is the nodes of one kind.
type GraphKind struct {
	Label string
	Nodes []GraphNode
}

// GraphNode is one build of the graph.
type GraphNode struct {
	ID, Name, Detail, Href string
	Status                 Status
	Selected               bool
	Progress               float64 // 0 to 1; 0 shows no bar
}

// GraphEdge leads from an input to what is made of it.
type GraphEdge struct{ From, To string }

// BackfillsView is the page that builds a span of days.
type BackfillsView struct {
	Page
	Form    []Input
	URL     string // the form posts here; with preview=1 it is asked by GET
	Error   string
	Preview *BackfillPreview
	Runs    Table
}

// BackfillPreview says what a backfill would do before it is started.
type BackfillPreview struct {
	Title, Text string
	Facts       []Fact
	Table       Table
	Warnings    []string
	Start       *Action
}
