// Package project reads the user's directory, daybook.yaml with sources, tables, marts and reports, into one checked Project.
package project

import (
	"time"

	"daybook/internal/calendar"
)

// Project is everything the user wrote. Nodes of each kind are ordered by name.
type Project struct {
	Dir      string // as given with -C
	Name     string
	Zone     *time.Location
	Locale   string // ko or en
	Home     string // the report of the page /
	Refresh  []Refresh
	Catchup  int // how many missed days are built after downtime, newest first
	Engine   Engine
	Lake     Lake
	Store    string // sqlite:PATH (PATH within the data directory) or postgres://…
	Mail     Mail
	Groups   map[string][]Member // one without members has them on the pages
	Alerts   []Channel
	Pools    map[string]int // how many tasks of a pool run at once; "default" is there always
	Attempts int            // tries per task
	Timeout  time.Duration  // per attempt
	Sources  []Source
	Tables   []Query
	Marts    []Query
	Reports  []Report

	Publications []Publication
}

// Engine bounds the embedded warehouse.
type Engine struct {
	Memory  string // such as 1GB
	Threads int
	Readers int // how many queries of people run at once
}

// Refresh says when data nodes are brought up to date, for the day before the one on which it is due.
type Refresh struct {
	Name     string // refresh-NODES unless given: names its occurrences, so changing the hour of a named one never runs a day twice
	Schedule calendar.Schedule
	Nodes    []string // "all" or node names
}

// Member is a person of a group as daybook.yaml lists it.
type Member struct {
	Address string // lower case
	Name    string
	Locale  string
}

// Source is a contract: where records come from and what they must look like.
type Source struct {
	Name        string
	File        string // the YAML file, relative to the project
	Line        int
	Owner       string
	Description string
	From        string // the kind: files, s3, http, dynamodb, postgres, mysql, kinesis, kafka, collect, bigquery or exec
	Asks        string // the settings of the kind that say what is asked for, as written: moving what ${NAME} stands for changes no definition
	Path        string // files, s3: with {day} {yyyy} {mm} {dd} {hour}, ${NAME} already replaced
	Format      string // ndjson, json, csv, parquet, xml, dynamodb
	Records     string // JSON: the dotted path of the array of records in an object; XML: the element that is a record; empty for the whole
	Encoding    string // of text: utf-8 or cp949
	Agrees      string // another source of the same data, whose keys must be the same; empty for none
	Header      bool   // CSV: whether the first row names the columns
	Zone        *time.Location
	Days        calendar.Weekdays // the days it has data
	Empty       string            // ok or fail
	NewColumns  string            // keep, ignore or fail
	MaxRejects  int64
	Key         []string
	Duplicates  string // fail, reject or latest
	LatestBy    string // the column of latest(COLUMN)
	Holds       string // day or snapshot
	Columns     []Column
	Pool        string
	// Of the kind that From names, the others are zero.
	AWS      AWS // s3, dynamodb, kinesis
	DynamoDB DynamoDB
	Database Database // postgres, mysql
	S3       S3
	HTTP     HTTP
	Stream   Stream // kinesis, kafka
	Collect  Collect
	BigQuery BigQuery
	Exec     Exec
}

// Column is a declared column of a source.
type Column struct {
	Name        string
	Type        Type
	From        string // dotted path in a JSON record, or the header name in CSV; Name when empty
	Required    bool   // null rejects the row
	Description string
	Line        int
}

// Query is a table or a mart: a SELECT with its header.
type Query struct {
	Kind        string // KindTable or KindMart
	Name        string
	File        string
	SQL         string // the text without the header comment
	SQLLine     int    // the line of File on which SQL begins
	Owner       string
	Description string
	Columns     map[string]string // meaning by column name
	Key         []string
	Refresh     string // day, full or latest
	Version     string // latest: the column whose greatest value is the newest row of a key
	Deleted     string // latest: the column that is true, or not null, in a row that says that its key is gone; empty for none
	Lookback    int    // days before $day that the SQL reads
	Needs       []string
	Checks      []Check
	Pool        string
}

// Check is a rule on a node's rows of the built day.
type Check struct {
	Kind     string // unique, not_null, rows, accepted, total
	Warning  bool   // it is noted and does not stop what comes after
	Line     int
	Name     string   // what it is called; empty for what it says
	Columns  []string // unique, not_null; relationship: those that refer
	Column   string   // accepted, range, matches, length
	Values   []string // accepted
	Min, Max *int64   // rows
	Within   float64  // rows: allowed relative change to the same weekday of last week; 0 when unused
	Low      *float64 // range, length: the least that is right
	High     *float64 // range, length: the most
	Pattern  string   // matches: a regular expression that the whole value must match
	In       string   // relationship: the node that must have the values
	Keys     []string // relationship: its columns, in the order of Columns
	Rule     string   // rule: an expression that is not false for any row
	SQL      string   // sql: a SELECT of the rows that are wrong
	Measure  string   // total: an aggregate over this node, such as sum(requests)
	Of       string   // total: the input it must agree with
	Equals   string   // total: the aggregate over that input, such as count(*)
}

// Node kinds.
const (
	KindSource = "source"
	KindTable  = "table"
	KindMart   = "mart"
	KindReport = "report"
)

// Report is the definition of a page.
type Report struct {
	Name     string
	File     string
	Line     int
	Owner    string
	Title    Words
	Schedule *calendar.Schedule // when it is released; nil for never by itself
	Covers   string             // yesterday
	Deadline string             // HH:MM, empty for none
	IfLate   string             // hold, partial or notice
	IfEmpty  string             // send, say or skip
	To       []string           // groups
	Subject  Words
	Locales  []string
	Required bool        // nobody can leave it, a weekly digest is the least
	Attach   []string    // files that hang on its mail: html, pdf, xlsx or csv
	Moved    float64     // a headline that a later edition moves by more than this share of itself is mailed as a correction
	Alerts   []Threshold // figures that somebody must hear of
	Sections []Section
}

// Threshold is a figure's bound, written "failure_rate > 0.3".
type Threshold struct {
	KPI   string // the section's name
	Above bool   // greater than Bound, else less
	Bound float64
}

// Words is a string per locale; a plain YAML string stands for every locale under "".
type Words map[string]string

// In returns the words for the locale, or those written for every locale.
func (w Words) In(locale string) string {
	if s, ok := w[locale]; ok {
		return s
	}
	if s, ok := w[""]; ok {
		return s
	}
	for _, l := range []string{"en", "ko"} {
		if s, ok := w[l]; ok {
			return s
		}
	}
	return ""
}

// Section is a part of a report. Which fields a kind uses is stated in docs/project.md.
type Section struct {
	Kind     string // kpi line area bar pie heatmap funnel table text
	Name     string // unique in the report; NAME of mart when not given
	Line     int
	Title    Words
	Subtitle Words
	Unit     Words
	Tab      Words // consecutive sections with a tab form one tab strip
	Group    Words // the heading above the strip
	Mart     string
	Query    string // instead of Mart: a SELECT in the warehouse, with $day
	Days     int    // how many days up to the report's day are read; 1 by default
	Value    string // kpi, bar, pie, heatmap, funnel: the measure's column
	Values   []string
	Format   string // number, percent, decimal (two digits)
	Digits   int    // digits after the point for percent and decimal
	X, Y     string // line, area, heatmap: the axis columns
	Series   string // line, area: a column whose values split the measure into series
	Label    string // bar, pie, funnel: the column that names the mark
	Limit    int    // bar, table: the first rows only in the chart
	Order    string // column, or -column for descending; the row order of the mart's key otherwise
	Compare  []string
	Columns  []SectionColumn // table, and the table beside a bar chart
	Text     Words
	Headline bool // kpi: the number of the mail's preheader
}

// SectionColumn is a column of a table section.
type SectionColumn struct {
	Name   string
	Title  Words
	Format string
	Digits int
}
