// Package templates turns view models into HTML pages and mails; it formats nothing and fetches nothing.
package templates

import "daybook/internal/text"

// Page is what every page's model embeds.
type Page struct {
	Locale  text.Locale
	Title   string // of the document; the project's name follows it
	Path    string // path and query of the page: where a change of language comes back to
	Section string // which part of the navigation is current, by the names of navigation; empty for none
	User    *User  // nil when nobody is signed in
	Project string
	Now     string // the project's time, its zone named: "Tue 23 May, 06:13 KST"
	Zone    string // IANA name, for the time at which a stream was lost
	Static  func(name string) string
	CSRF    string
	Events  string // address of the page's stream; empty for a page that stands still
	Charts  bool   // the page draws charts
	Flash   *Notice

	Incidents int  // how many are open
	Outbox    bool // mail is written to files, which have a page
}

// T returns the fixed label of the key in the page's language.
func (p Page) T(key string, args ...any) string { return p.Locale.T(key, args...) }

// User is the person who is signed in.
type User struct {
	Name, Address, Role string
	Admin               bool // may see who there is
}

// StateKind is one of the states that a build, task, run or delivery is shown in.
type StateKind string

// The states; a word, a glyph and a colour each.
const (
	UpToDate    StateKind = "up to date"
	Running     StateKind = "running"
	Queued      StateKind = "queued"
	Waiting     StateKind = "waiting"
	Failed      StateKind = "failed"
	Retrying    StateKind = "retrying"
	Held        StateKind = "held"
	Partial     StateKind = "partial"
	Skipped     StateKind = "skipped"
	Missing     StateKind = "missing at source"
	Quota       StateKind = "waiting for quota"
	Interrupted StateKind = "interrupted"
	Unknown     StateKind = "unknown"
	Canceled    StateKind = "canceled"
	NoState     StateKind = "" // not scheduled: a faint dot
)

// StateKinds lists the states in the order of the glossary.
func StateKinds() []StateKind {
	return []StateKind{UpToDate, Running, Queued, Waiting, Failed, Retrying, Held, Partial, Skipped, Missing, Quota, Interrupted, Unknown, Canceled}
}

// class is the state's part of class names and glyph ids.
func (k StateKind) class() string {
	switch k {
	case UpToDate:
		return "ok"
	case Missing:
		return "missing"
	case Quota:
		return "waiting"
	case NoState:
		return "none"
	case Running, Queued, Waiting, Failed, Retrying, Held, Partial, Skipped, Interrupted, Canceled:
		return string(k)
	}
	return "unknown"
}

// Status is a state with the word it is shown by.
type Status struct {
	Kind StateKind
	Word string // empty for the state's own word
}

func (s Status) word(l text.Locale) string {
	if s.Word != "" {
		return s.Word
	}
	if s.Kind == NoState {
		return l.T("grid.none")
	}
	return l.T("state." + string(s.Kind))
}

// Link is a place to go.
type Link struct{ Label, Href string }

// Label is a small tag: Tone is "", "warn" or "accent"; Glyph the name of a glyph or empty.
type Label struct{ Text, Tone, Glyph string }

// Fact is a short statement: plain text around one strong part, or a link.
type Fact struct {
	Before, Strong, After string
	Href                  string // makes the whole fact a link
	Label                 *Label // a tag, in place of the words
	Quiet, Mono           bool
	Lang                  string // of the strong part, when it is not the page's
}

// FactLine is a row of facts under a title; ID lets the stream swap it.
type FactLine struct {
	ID       string
	Live     bool // announced when it changes
	Statuses []Status
	Facts    []Fact
}

// Heading opens a section with a rule.
type Heading struct {
	ID, Title, Subtitle string
	Actions             []Action
	Downloads           []Download
	Facts               []Fact
}

// Notice is a banner; Bad makes it an alert.
type Notice struct {
	Kind        StateKind
	Bad         bool
	Title, Text string
	Lines       []string
	Link        *Link
}

// Download is a file that holds the table or figure beside it.
type Download struct{ Label, Hint, Href string }

// Action is a button: a link when Href is set, else a form that posts Fields to URL. With Ask it asks first.
type Action struct {
	Label, Count string
	Tone         string // "", primary, danger or plain
	Href         string
	URL          string
	Fields       []Field
	Disabled     bool
	Ask          *Question
}

// Field is a hidden value of a form.
type Field struct{ Name, Value string }

// Question is what a button ending in "…" asks before it acts.
type Question struct {
	Form        string // the form's id, for fields that stand outside it; empty for none
	Title, Text string
	Lines       []string
	Inputs      []Input
	Confirm     string
}

// Input is a labelled field of a form.
type Input struct {
	Name, Label, Kind string // Kind: an HTML input type, "select" or "area"; empty is text
	Value             string
	Placeholder       string
	Hint, Error       string
	Autocomplete      string
	Required, Checked bool
	Autofocus         bool
	Min, Max          string
	Options           []Option
}

// Option is one choice of a select.
type Option struct {
	Label, Value string
	Selected     bool
}
