package templates

import "encoding/json"

// ReportView is one edition of a report, or a day without one.
type ReportView struct {
	Page
	Eyebrow, Name, Of string // "Daily report · Monday 22 May", the title, "(2023-05-22)"
	Days              DayLinks
	Fresh             FactLine
	Banner            *Notice
	Reports           []RangeLink // the project's reports, when there are several
	Month             *Month
	Editions          []EditionLink
	KPIs              []KPIView
	Sections          []Section
	Actions           []Action
	Downloads         []Download
	Foot              FactLine
	Nothing           *NoEdition // set for a day without an edition; sections are empty then
	Gate              *Gate      // that it is held, or waits to be sent; nil for nothing to say
	Changes           *ReportChanges
}

// ReportChanges is what an edition changed against the one before, the headlines first and not all.
type ReportChanges struct {
	Subtitle string
	Table    Table
}

// ChangesView is all of that.
type ChangesView struct {
	Page
	Crumbs  []Link
	Of      string
	Facts   FactLine
	Changes Table
}

// NoEdition says why a day has no report and what can be done.
type NoEdition struct {
	Status      Status
	Title, Text string
	Actions     []Action
}

// DayLinks lead to the days beside this one; a nil link is shown as its label, disabled.
type DayLinks struct {
	Prev, Next           *Link
	PrevLabel, NextLabel string
}

// Month is the calendar of one month, weeks of seven days.
type Month struct {
	Title      string
	Prev, Next *Link
	Weekdays   []string
	Weeks      [][]MonthDay
}

// MonthDay is one day of it. Kind is final, partial, corrected, missing or empty; without Href it is only a number.
type MonthDay struct {
	Number, Kind, Href, Label string
	Current                   bool
}

// EditionLink is one edition of the day.
type EditionLink struct {
	Label, Detail, Href string
	Current             bool
	Kind                string // partial, notice, correction; in words, empty for a whole first one
	Changes             *Link
}

// KPIView is one figure with what it is compared with.
type KPIView struct {
	Name, Value, Unit string
	Href              string // where the number comes from
	HrefLabel         string // says so
	None              bool   // nothing is known: the value is a dash
	Label             *Label
	Compare           []Comparison
	Why               []string
	Spark             *Spark
}

// Comparison is one line under a figure; Change is "up", "down", "flat" or empty.
type Comparison struct{ Label, Text, Change string }

// Section is one part of the report: a chart, ranks in tabs, a table or text, in this order when it has several.
type Section struct {
	ID, Title, Subtitle string
	Short               string // its name in the list of contents
	Half                bool   // shares its row with the next half
	Chart               *ChartView
	Ranks               []RankView
	Table               *Table
	Text                []string
	Downloads           []Download
	Why                 string // address of where its numbers come from
}

// ChartView is an ECharts option with the same numbers as a table.
type ChartView struct {
	ID     string // of the JSON block, unique in the page
	Label  string // what a screen reader says: the measure and the largest value
	Option json.RawMessage
	Size   string // "small", "medium" (default), "large", or "rows-N" for N bars (1 to 20)
	Source string
	Table  *Table
}

// RankView is a bar chart beside its table.
type RankView struct {
	ID, Tab, Count  string
	Title, Subtitle string
	Chart           ChartView
	Table           Table
	Why             string // address of where its numbers come from
}

func (c ChartView) class() string {
	if c.Size == "" {
		return "chart medium"
	}
	return "chart " + c.Size
}

// rows groups sections: two halves that follow one another share a row.
func (r ReportView) rows() [][]Section {
	var out [][]Section
	for _, s := range r.Sections {
		last := len(out) - 1
		if s.Half && last >= 0 && len(out[last]) == 1 && out[last][0].Half {
			out[last] = append(out[last], s)
			continue
		}
		out = append(out, []Section{s})
	}
	return out
}

// StandaloneView is the report as one file that opens without a server.
type StandaloneView struct {
	Report  ReportView
	CSS, JS string
}

// name is the section's name in the list of contents.
func (s Section) name() string {
	if s.Short != "" {
		return s.Short
	}
	return s.Title
}

// heading is what stands over the section.
func (s Section) heading(p Page) Heading {
	h := Heading{Title: s.Title, Subtitle: s.Subtitle, Downloads: s.downloads()}
	if s.Why != "" {
		h.Facts = []Fact{{After: p.T("origin.ask"), Href: s.Why}}
	}
	return h
}

// downloads are the section's own, or else its table's.
func (s Section) downloads() []Download {
	if len(s.Downloads) == 0 && s.Table != nil {
		return s.Table.Downloads
	}
	return s.Downloads
}
