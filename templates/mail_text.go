package templates

import (
	"strings"
	"unicode"
)

// MailText is the mail as plain text: the same facts in the same order as Mail shows them.
func MailText(v MailView) string { return mailText(v.clean()) }

func mailText(v MailView) string {
	var b strings.Builder
	w := mailWriter{&b}
	w.lines(v.Title, v.DayText, mailJoined(" · ", v.FreshnessText, v.EditionText))
	w.block(v.Preheader)
	w.block(v.Banner)
	for i, s := range v.Sections {
		switch s := s.(type) {
		case MailKPIs:
			for _, k := range s {
				w.kpi(k)
			}
		case MailChart:
			w.block(s.Title, s.Subtitle, s.Alt, s.Source)
		case MailTable:
			w.table(s, v.PageURL)
		case MailProse:
			w.block(s.Title)
			for _, p := range s.Paragraphs {
				w.block(p)
			}
		}
		if i == 0 {
			w.block(mailLabelled(v.OpenText, v.PageURL))
		}
	}
	if len(v.Sections) == 0 {
		w.block(mailLabelled(v.OpenText, v.PageURL))
	}
	b.WriteString("\n-- \n")
	for _, l := range v.Links {
		w.lines(mailLabelled(l.Label, l.URL))
	}
	w.lines(v.Footer...)
	return b.String()
}

// mailWriter leaves empty lines out and puts one between blocks.
type mailWriter struct{ *strings.Builder }

func (w mailWriter) lines(lines ...string) {
	for _, l := range lines {
		if l = strings.TrimRightFunc(l, unicode.IsSpace); l != "" {
			w.WriteString(l + "\n")
		}
	}
}

func (w mailWriter) block(lines ...string) {
	if strings.TrimSpace(strings.Join(lines, "")) != "" {
		w.WriteString("\n")
		w.lines(lines...)
	}
}

func (w mailWriter) kpi(k MailKPI) {
	w.block(mailJoined(" ", k.Label+":", k.Value, k.Unit, k.Note))
	for _, c := range k.Changes {
		w.lines("  " + mailJoined(" ", c.Label, c.Arrow, c.Text))
	}
}

// table sets columns under each other, counting Korean characters as two places wide.
func (w mailWriter) table(t MailTable, pageURL string) {
	w.block(t.Title, t.Caption)
	heading := make([]string, len(t.Columns))
	widths := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		heading[i] = c.Name
		widths[i] = mailTextWidth(c.Name)
		for _, row := range t.Rows {
			widths[i] = max(widths[i], min(mailTextWidth(t.cell(row, i)), mailTextColumn))
		}
	}
	w.WriteString("\n")
	w.lines(mailTextRow(t, heading, widths))
	for _, row := range t.Rows {
		w.lines(mailTextRow(t, row, widths))
	}
	if t.Partial {
		w.lines(mailLabelled(t.More, pageURL))
	}
}

// mailTextColumn is how far a column is padded; longer cells push the rest of their row to the right.
const mailTextColumn = 40

func mailTextRow(t MailTable, row []string, widths []int) string {
	var b strings.Builder
	for i, c := range t.Columns {
		cell := t.cell(row, i)
		padding := strings.Repeat(" ", max(0, widths[i]-mailTextWidth(cell)))
		if i > 0 {
			b.WriteString("  ")
		}
		if c.Numeric {
			b.WriteString(padding + cell)
		} else {
			b.WriteString(cell + padding)
		}
	}
	return b.String()
}

// mailTextWidth counts places of a fixed-width font: Korean, Chinese and Japanese take two, marks and zero-width characters none.
func mailTextWidth(s string) int {
	width := 0
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case unicode.In(r, unicode.Hangul, unicode.Han, unicode.Hiragana, unicode.Katakana), r >= 0xff01 && r <= 0xff60, r >= 0x1f300 && r <= 0x1faff:
			width += 2
		default:
			width++
		}
	}
	return width
}

func mailLabelled(label, url string) string {
	if url == "" {
		return ""
	}
	return mailJoined(": ", label, url)
}

// mailJoined leaves out what is empty.
func mailJoined(separator string, parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, separator)
}
