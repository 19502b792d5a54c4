// Package report turns the rows of a day into the figures of a report, and figures into chart options and the words of pages and mails.
package report

import (
	"context"
	"slices"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/project"
)

// Query runs one SELECT for a day, which stands for $day in it. Values are nil, int64, float64, string, bool, calendar.Day or time.Time.
type Query func(ctx context.Context, sql string, day calendar.Day) (columns []string, rows [][]any, err error)

// Section kinds.
const (
	KindKPI     = "kpi"
	KindLine    = "line"
	KindArea    = "area"
	KindBar     = "bar"
	KindPie     = "pie"
	KindHeatmap = "heatmap"
	KindFunnel  = "funnel"
	KindTable   = "table"
	KindText    = "text"
)

// What a section is compared with: the day before, and the same weekday a week earlier.
const (
	WithDay  = "day"
	WithWeek = "week"
)

// How measures are written.
const (
	FormatNumber  = "number"  // whole, with thousands separators
	FormatPercent = "percent" // a ratio, times a hundred
	FormatDecimal = "decimal"
	FormatText    = "text" // columns only: as it is
)

// rowLimit bounds the rows that a section keeps; Count says how many there were.
const rowLimit = 1000

// pointLimit bounds the points of lines and heatmaps.
const pointLimit = 5000

// usualDays is how many same weekdays must be there before a value can be called unusual.
const usualDays = 8

// Figures are the numbers of one report for one day, in no language: what an edition is made from. They survive JSON unchanged.
type Figures struct {
	Report   string        `json:"report"`
	Title    project.Words `json:"title,omitempty"`
	Day      calendar.Day  `json:"day"`
	Missing  []Missing     `json:"missing,omitempty"`
	Sections []Section     `json:"sections,omitempty"` // none in a notice, which only says why there is no report
}

// Missing is something that the figures were made without.
type Missing struct {
	Node   string       `json:"node"`
	State  string       `json:"state"`          // parts: the day is there without some of its Parts; else what became of the node's last task
	Since  time.Time    `json:"since,omitzero"` // when it was first found missing
	Last   calendar.Day `json:"last,omitzero"`  // the newest day that is there
	Reason string       `json:"reason,omitempty"`
	Parts  []string     `json:"parts,omitempty"`
}

// MissingParts is the State of a node whose day is there without some of its parts.
const MissingParts = "parts"

// Section holds the data of one part; the field of its kind is set, and none for text.
type Section struct {
	Name     string        `json:"name"`
	Kind     string        `json:"kind"`
	Title    project.Words `json:"title,omitempty"`
	Subtitle project.Words `json:"subtitle,omitempty"`
	Unit     project.Words `json:"unit,omitempty"`
	Tab      project.Words `json:"tab,omitempty"`
	Group    project.Words `json:"group,omitempty"`
	Text     project.Words `json:"text,omitempty"`
	Mart     string        `json:"mart,omitempty"` // empty when the section has its own query
	Measure  string        `json:"measure,omitempty"`
	Format   string        `json:"format,omitempty"`
	Digits   int           `json:"digits,omitempty"`
	Limit    int           `json:"limit,omitempty"` // marks drawn by the chart
	Headline bool          `json:"headline,omitempty"`
	Compare  []Comparison  `json:"compare,omitempty"`
	KPI      *KPI          `json:"kpi,omitempty"`
	Lines    *Lines        `json:"lines,omitempty"` // line, area
	Marks    *Marks        `json:"marks,omitempty"` // bar, pie, funnel
	Grid     *Grid         `json:"grid,omitempty"`  // heatmap
	Table    *Table        `json:"table,omitempty"`
}

// Comparison is with an earlier day. Absent says that nothing is known of that day, which is not zero; Value, Change and
// Relative are a kpi's, and nil where they cannot be said.
type Comparison struct {
	With     string       `json:"with"`
	Day      calendar.Day `json:"day"`
	Absent   bool         `json:"absent,omitempty"`
	Value    *float64     `json:"value,omitempty"`
	Change   *float64     `json:"change,omitempty"`   // value of the day − value of the earlier day
	Relative *float64     `json:"relative,omitempty"` // Change / value of the earlier day
}

// KPI is one number. History is there for sections of several days, oldest first, the day itself last.
type KPI struct {
	Value   *float64 `json:"value,omitempty"`
	History []Point  `json:"history,omitempty"`
	Usual   *Range   `json:"usual,omitempty"`   // of the last eight same weekdays, nil when one of them is absent
	Unusual bool     `json:"unusual,omitempty"` // Value lies outside Usual
}

// Point is a day's value, nil when the day is absent.
type Point struct {
	Day   calendar.Day `json:"day"`
	Value *float64     `json:"value,omitempty"`
}

// Range is the least and the greatest of a number of days.
type Range struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	Days int     `json:"days"`
}

// Kinds of axes.
const (
	axisHour   = "hour"
	axisDay    = "day"
	axisNumber = "number"
	axisTime   = "time"
	axisText   = "text"
)

// Axis is the positions along one side of a chart, in order. Hours are all 24 and days are all of the window, received or not.
type Axis struct {
	Column string `json:"column"`
	Kind   string `json:"kind"` // hour, day, number, time or text
	Cells  []Cell `json:"cells,omitempty"`
}

// Lines are values along an axis; every series is as long as the axis, nil where nothing was received.
type Lines struct {
	X      Axis   `json:"x"`
	Series []Line `json:"series,omitempty"`
	Count  int    `json:"count"` // rows received, those beyond the limit included
}

// Line is one series. Before is the compared day, zero for the day itself.
type Line struct {
	Name   string        `json:"name"`
	Title  project.Words `json:"title,omitempty"`
	Before calendar.Day  `json:"before,omitzero"`
	Values []*float64    `json:"values,omitempty"`
}

// Marks are labelled values in the order of the chart.
type Marks struct {
	Label   string   `json:"label"`
	Columns []Column `json:"columns,omitempty"` // further columns of the table beside the chart
	Rows    []Mark   `json:"rows,omitempty"`
	Total   *float64 `json:"total,omitempty"` // of all rows, those beyond the limit included
	Count   int      `json:"count"`
}

// Mark is one row. Share is of the total (of the first mark in a funnel); Before is the value of the compared day, nil when
// that day has no such label.
type Mark struct {
	Label  Cell     `json:"label"`
	Value  *float64 `json:"value,omitempty"`
	Share  *float64 `json:"share,omitempty"`
	Before *float64 `json:"before,omitempty"`
	More   []Cell   `json:"more,omitempty"` // one for each of Columns
}

// Grid is a value per (x, y); Values[y][x] is nil for a missing cell.
type Grid struct {
	X      Axis         `json:"x"`
	Y      Axis         `json:"y"`
	Values [][]*float64 `json:"values,omitempty"`
	Count  int          `json:"count"`
}

// Column of a table and how its cells are written.
type Column struct {
	Name   string        `json:"name"`
	Title  project.Words `json:"title,omitempty"`
	Format string        `json:"format,omitempty"`
	Digits int           `json:"digits,omitempty"`
}

// Measured reports whether the column holds numbers that are written as such, and stand to the right.
func (c Column) Measured() bool { return c.Format != FormatText }

// Table is rows as the warehouse gave them, in a total order.
type Table struct {
	Columns []Column `json:"columns,omitempty"`
	Rows    [][]Cell `json:"rows,omitempty"`
	Count   int      `json:"count"`
}

// Empty reports whether the day has no data at all for the section; text is never empty.
func (s Section) Empty() bool {
	switch {
	case s.KPI != nil:
		return s.KPI.Value == nil
	case s.Lines != nil:
		return s.Lines.Count == 0
	case s.Marks != nil:
		return s.Marks.Count == 0
	case s.Grid != nil:
		return s.Grid.Count == 0
	case s.Table != nil:
		return s.Table.Count == 0
	}
	return s.Kind != KindText
}

// Empty reports whether no section that holds data has any.
func (f Figures) Empty() bool {
	return !slices.ContainsFunc(f.Sections, func(s Section) bool { return s.Kind != KindText && !s.Empty() })
}

// Absent lists the comparison days that have no data, each once and in order.
func (f Figures) Absent() []calendar.Day {
	var days []calendar.Day
	for _, s := range f.Sections {
		for _, c := range s.Compare {
			if c.Absent {
				days = append(days, c.Day)
			}
		}
	}
	slices.SortFunc(days, calendar.Day.Compare)
	return slices.Compact(days)
}
