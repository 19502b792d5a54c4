package templates

// PeopleView is everybody, the groups, and the ways to add people.
type PeopleView struct {
	Page
	Facts     FactLine
	Query     string
	Groups    []Option // the filter
	Downloads []Download
	People    Table
	Shown     string // which of how many, when not all are on the page
	Earlier   *Link
	Further   *Link
	GroupList Table
	Reports   Table
	Add       []Input
}

// PersonView is one person: who it is, what they get, what was sent.
type PersonView struct {
	Page
	Crumbs        []Link
	Heading       string
	Facts         FactLine
	Stopped       *Stopped // why nothing is sent to the address
	URL           string
	Note          string
	Fields        []Input
	Groups        []Input // a box each
	GroupError    string
	Kept          []Fact // groups that the project's file keeps
	Subscriptions []Input
	Others        []string // reports that go to other groups, each with those
	Disabled      Input
	DisabledError string
	Sent          Table
	SentSubtitle  string
}

// Stopped is an address that nothing is sent to, and what can be done.
type Stopped struct {
	Notice Notice
	Lift   *Action
}

// ImportView asks for a file of people and says what it would change.
type ImportView struct {
	Page
	Crumbs  []Link
	Error   string
	Form    []Input
	Preview *ImportPreview
}

// ImportPreview is what a file would change, line by line.
type ImportPreview struct {
	Facts    FactLine
	Note     string
	Lines    Table
	Write    *Action // nil when there is nothing to write
	Warnings []Notice
}

// UnsubscribeView lets whoever has the token choose how often a report comes.
type UnsubscribeView struct {
	Page
	URL     string
	Heading string
	Address string
	Now     string
	Why     string // why it cannot be stopped
	Done    bool
	Choices []Choice // empty for the answer to a program
}

// Choice is a button of a form.
type Choice struct{ Name, Value, Label, Tone string }

func (c Choice) class() string {
	if c.Tone == "" {
		return "btn"
	}
	return "btn " + c.Tone
}

// LinkView is a page of signing in by a mailed link: words, and perhaps the button that uses it.
type LinkView struct {
	Page
	Heading string
	Text    string
	URL     string // where the button posts; empty for none
	Fields  []Field
}
