package templates

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/a-h/templ"
)

// MailView is a report's mail. Every string is in the reader's language and formatted already; empty ones are left out.
type MailView struct {
	Locale        string // language tag: ko, en
	Title         string
	Preheader     string // what a mailbox shows behind the subject: number, comparison, freshness; 40 to 100 characters
	DayText       string // "Daily report · Monday 22 May"
	FreshnessText string // "Data as of 06:12"
	EditionText   string // "edition 2 · corrected"
	Banner        string // what is missing or was corrected
	PageURL       string // absolute permalink of the edition
	OpenText      string // label of the button to PageURL
	Sections      []MailSection
	Links         []MailLink // in the footer: permalink, download, unsubscribe
	Footer        []string   // lines: who gets this and why, whom to answer, edition and hash
}

// MailSection is one of MailKPIs, MailChart, MailTable and MailProse.
type MailSection interface{ mailSection() }

// MailKPIs are shown two in a row, as text.
type MailKPIs []MailKPI

// MailKPI is one number with what it is compared to.
type MailKPI struct {
	Label, Value, Unit string
	Changes            []MailChange
	Note               string // "◆ unusual"
}

// MailChange is one comparison: "than yesterday", "▲", "22.4%".
type MailChange struct{ Label, Arrow, Text string }

// MailChart is a picture of the mail's own. Without a CID its Alt is shown as text.
type MailChart struct {
	Title, Subtitle string
	CID             string
	Alt             string // what the picture says, with its most important number
	Source          string
	Width, Height   int // as shown, in CSS pixels; 550 wide fills the column
}

// MailTable is a table of data. At most MailMaxRows rows are shown, fewer where the mail would be cut off by mail programs.
type MailTable struct {
	Title, Caption string
	Columns        []MailColumn
	Rows           [][]string
	Partial        bool   // there are more rows than these
	More           string // label of the link to the page, shown when rows are left out; names no count
}

// MailColumn is a column's heading; numeric ones are set flush right.
type MailColumn struct {
	Name    string
	Numeric bool
}

// MailProse is text, a paragraph each.
type MailProse struct {
	Title      string
	Paragraphs []string
}

// MailLink is a labelled absolute URL.
type MailLink struct{ Label, URL string }

func (MailKPIs) mailSection()  {}
func (MailChart) mailSection() {}
func (MailTable) mailSection() {}
func (MailProse) mailSection() {}

// MailMaxRows is how many rows of a table a mail shows.
const MailMaxRows = 20

// mailBudget is how large the HTML may be after transfer encoding. Gmail cuts off at about 102 KB.
const mailBudget = 85_000

// MailParts are the HTML and its text twin, made from the same values. Tables are shortened together until the HTML fits a mail;
// one that is too large without any rows is given as it is.
func MailParts(ctx context.Context, v MailView) (html, text string, err error) {
	v = v.clean()
	for _, rows := range []int{MailMaxRows, 12, 8, 5, 3, 0} {
		short := v.shorten(rows)
		var b bytes.Buffer
		if err := mailPage(short).Render(ctx, &b); err != nil {
			return "", "", fmt.Errorf("render the mail %q: %w", v.Title, err)
		}
		html, text = b.String(), mailText(short)
		if mailEncodedSize(html) <= mailBudget {
			break
		}
	}
	return html, text, nil
}

// shorten leaves at most n rows in every table, marked as partial where rows went.
func (v MailView) shorten(n int) MailView {
	sections := make([]MailSection, len(v.Sections))
	for i, s := range v.Sections {
		if t, ok := s.(MailTable); ok && len(t.Rows) > n {
			t.Rows, t.Partial = t.Rows[:n], true
			s = t
		}
		sections[i] = s
	}
	v.Sections = sections
	return v
}

// mailEncodedSize is the smaller of quoted-printable and base64 for s, line breaks included, rounded up.
func mailEncodedSize(s string) int {
	quoted := len(s)
	for i := range len(s) {
		if c := s[i]; c == '=' || c >= 0x80 {
			quoted += 2
		}
	}
	quoted += quoted / 72 * 3
	return min(quoted, len(s)*4/3+len(s)/57*2+8)
}

// Search terms and names are written by strangers, and colleagues trust this mail: a term may not look like a link, change the
// direction of the text around it, begin a new line of the text part, or be endless.
const (
	maxMailCell = 100 // characters
	maxMailAlt  = 400
)

// clean makes the text that can come from data harmless, in a copy.
func (v MailView) clean() MailView {
	sections := make([]MailSection, len(v.Sections))
	for i, s := range v.Sections {
		switch s := s.(type) {
		case MailTable:
			rows := make([][]string, len(s.Rows))
			for r, row := range s.Rows {
				rows[r] = make([]string, len(row))
				for c, cell := range row {
					rows[r][c] = mailTame(cell, maxMailCell)
				}
			}
			s.Rows = rows
			sections[i] = s
		case MailChart:
			s.Alt = mailTame(s.Alt, maxMailAlt)
			sections[i] = s
		default:
			sections[i] = s
		}
	}
	v.Sections = sections
	return v
}

var mailHostDot = regexp.MustCompile(`\.([a-zA-Z]{2,})`)

func mailTame(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Bidi_Control, r), r == '\ufeff':
			return -1
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > limit {
		s = string(r[:limit]) + "…"
	}
	// A zero-width space keeps mail programs from making a link of an address.
	s = strings.ReplaceAll(s, "://", ":\u200b//")
	return mailHostDot.ReplaceAllString(s, ".\u200b${1}")
}

// rowHeader is the column that names a row: the first that holds no numbers, else none.
func (t MailTable) rowHeader() int {
	for i, c := range t.Columns {
		if !c.Numeric {
			return i
		}
	}
	return -1
}

// cell is empty where a row is shorter than the heading.
func (t MailTable) cell(row []string, column int) string {
	if column < len(row) {
		return row[column]
	}
	return ""
}

// align sets numbers flush right, except a rank: numbers in front of what they rank.
func (t MailTable) align(column int) string {
	if t.Columns[column].Numeric && !t.rank(column) {
		return "right"
	}
	return "left"
}

func (t MailTable) rank(column int) bool {
	return column == 0 && t.Columns[0].Numeric && len(t.Columns) > 1 && !t.Columns[1].Numeric
}

func (t MailTable) headStyle(column int) templ.SafeCSS {
	wrap := "overflow-wrap:break-word;"
	if t.rank(column) {
		wrap = "white-space:nowrap;width:32px;"
	}
	return t.padding(column) + templ.SafeCSS(wrap+"font-size:12px;line-height:16px;font-weight:500;color:#616c73;border-bottom:1px solid #c3c9cd;")
}

// cellStyle keeps a number on one line, unless the columns are too many for a phone.
func (t MailTable) cellStyle(column int) templ.SafeCSS {
	wrap := ""
	if t.Columns[column].Numeric && len(t.Columns) <= 6 {
		wrap = "white-space:nowrap;"
	}
	return t.padding(column) + templ.SafeCSS(wrap+"font-weight:400;border-bottom:1px solid #e2e5e7;")
}

// padding leaves the outer edges of the table flush with the text around it.
func (t MailTable) padding(column int) templ.SafeCSS {
	left, right := "0", "10px"
	if t.align(column) == "right" {
		left = "10px"
	}
	if column == len(t.Columns)-1 {
		right = "0"
	}
	return templ.SafeCSS("padding:6px " + right + " 6px " + left + ";")
}

// mailUnit stays on the line of its number.
func mailUnit(unit string) string {
	if unit == "" {
		return ""
	}
	return "\u00a0" + unit
}
