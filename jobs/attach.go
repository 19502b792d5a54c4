package jobs

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"daybook/internal/export"
	"daybook/internal/mail"
	"daybook/internal/report"
	"daybook/internal/store"
	"daybook/internal/text"
)

// attachments are the files that a report's mail carries.
func (m *Mailer) attachments(ctx context.Context, node *Node, f report.Figures, e store.Edition, l text.Locale) ([]mail.Attachment, error) {
	var list []mail.Attachment
	if e.Kind == store.EditionNotice {
		return nil, nil
	}
	for _, format := range node.Report.Attach {
		files, err := m.files(ctx, f, e, l, format)
		if err != nil {
			return nil, fmt.Errorf("the %s of %s %s: %w", format, f.Report, f.Day, err)
		}
		list = append(list, files...)
	}
	return list, nil
}

// File is an edition as a file to hand on: html, pdf or xlsx.
func (m *Mailer) File(ctx context.Context, e store.Edition, l text.Locale, format string) (mail.Attachment, error) {
	f, _, err := m.Runner.Figures(ctx, e.Report, e.Day, e.Number)
	if err != nil {
		return mail.Attachment{}, err
	}
	list, err := m.files(ctx, f, e, l, format)
	if err != nil {
		return mail.Attachment{}, fmt.Errorf("the %s of %s %s: %w", format, e.Report, e.Day, err)
	}
	return list[0], nil
}

// files writes an edition in a format: one file, or for csv one for each section.
func (m *Mailer) files(ctx context.Context, f report.Figures, e store.Edition, l text.Locale, format string) ([]mail.Attachment, error) {
	var b bytes.Buffer
	name := f.Report + "-" + f.Day.String()
	switch format {
	case "html":
		body, err := m.Runner.Standalone(ctx, f, e, l, m.Page.CSS, m.Page.JS)
		return []mail.Attachment{{Name: name + ".html", Type: "text/html; charset=utf-8", Bytes: body}}, err
	case "xlsx":
		err := export.XLSX(&b, m.book(f, e, l))
		return []mail.Attachment{{Name: name + ".xlsx", Type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Bytes: b.Bytes()}}, err
	case "pdf":
		body, err := m.pdf(ctx, f, e, l)
		return []mail.Attachment{{Name: name + ".pdf", Type: "application/pdf", Bytes: body}}, err
	}
	var list []mail.Attachment
	for _, s := range f.Sections {
		if s.Kind == report.KindText || s.Empty() {
			continue
		}
		var b bytes.Buffer
		if err := report.CSV(&b, s); err != nil {
			return nil, err
		}
		list = append(list, mail.Attachment{Name: name + "-" + s.Name + ".csv", Type: "text/csv; charset=utf-8", Bytes: b.Bytes()})
	}
	return list, nil
}

// book is an edition as a workbook: a sheet for each section that has rows.
func (m *Mailer) book(f report.Figures, e store.Edition, l text.Locale) export.Book {
	b := export.Book{Title: f.Title.In(string(l)), Subtitle: l.DayLong(f.Day), Author: m.Runner.Project.Name, Link: m.pageURL(e), Created: e.Created, Zone: m.Runner.Project.Zone}
	for _, s := range f.Sections {
		if s.Kind == report.KindText {
			continue
		}
		columns, rows := report.Raw(s)
		sheet := export.Sheet{Name: s.Heading(l), Title: s.Heading(l), Note: s.Subtitle.In(string(l)), Rows: rows}
		for _, c := range columns {
			sheet.Columns = append(sheet.Columns, exportColumn(s, c, l))
		}
		b.Sheets = append(b.Sheets, sheet)
	}
	return b
}

// exportColumn says how a column of a section's raw rows is written.
func exportColumn(s report.Section, name string, l text.Locale) export.Column {
	out := export.Column{Name: name}
	if s.Table != nil {
		for _, c := range s.Table.Columns {
			if c.Name == name {
				out.Label, out.Format, out.Digits = c.Title.In(string(l)), c.Format, c.Digits
			}
		}
		return out
	}
	if s.Marks != nil {
		for _, c := range s.Marks.Columns {
			if c.Name == name {
				return export.Column{Name: name, Label: c.Title.In(string(l)), Format: c.Format, Digits: c.Digits}
			}
		}
		if name == s.Marks.Label {
			return out
		}
	}
	switch {
	case name == "share":
		return export.Column{Name: name, Label: l.T("report.column.share"), Format: export.Percent, Digits: 1}
	case name == "day":
		return export.Column{Name: name, Label: l.T("report.column.day"), Format: export.Date}
	case s.Lines != nil && name == s.Lines.X.Column, s.Grid != nil && (name == s.Grid.X.Column || name == s.Grid.Y.Column):
		return out
	}
	return export.Column{Name: name, Format: s.Format, Digits: s.Digits}
}

// shownInPDF is how many rows of a table a PDF shows.
const shownInPDF = 30

// pdf is an edition as pages: the kpis, then every section as a picture with its rows, or its text.
func (m *Mailer) pdf(ctx context.Context, f report.Figures, e store.Edition, l text.Locale) ([]byte, error) {
	follows, err := m.follows(ctx, e)
	if err != nil {
		return nil, err
	}
	d := export.Doc{
		Title: f.Title.In(string(l)), Subtitle: l.DayLong(f.Day), Banner: missingWords(f, l, m.Runner.Project.Zone), MaxRows: shownInPDF,
		More: func(rest int) string { return l.T("page.more", l.Count(int64(rest))) },
		Link: m.pageURL(e), Edition: editionText(e, follows, l), Hash: e.Hash, Author: m.Runner.Project.Name, Locale: l, Created: e.Created.In(m.Runner.Project.Zone),
		Fonts: export.Fonts{Regular: m.Page.Regular, SemiBold: m.Page.Bold},
	}
	for _, s := range f.Sections {
		if s.KPI != nil {
			k := export.KPI{Label: s.Heading(l), Value: s.Number(s.KPI.Value, l)}
			for _, c := range report.Changes(s, l) {
				k.Changes = append(k.Changes, c.Against+" "+strings.TrimSpace(c.Arrow+" "+c.Text))
			}
			d.KPIs = append(d.KPIs, k)
			continue
		}
		section, err := m.pdfSection(ctx, s, l)
		if err != nil {
			return nil, err
		}
		d.Sections = append(d.Sections, section)
	}
	var b bytes.Buffer
	err = export.PDF(&b, d)
	return b.Bytes(), err
}

func (m *Mailer) pdfSection(ctx context.Context, s report.Section, l text.Locale) (export.Section, error) {
	out := export.Section{Title: s.Heading(l), Subtitle: s.Subtitle.In(string(l))}
	switch {
	case s.Kind == report.KindText:
		out.Text = s.Text.In(string(l))
		return out, nil
	case s.Empty():
		out.Text = l.T("mail.nothing")
		return out, nil
	}
	if report.Drawn(s) && s.Table == nil {
		option, err := report.Option(s, l, report.Mail)
		if err != nil {
			return out, err
		}
		picture, err := m.Draw(ctx, option, int(report.Mail), report.Height(s, report.Mail))
		if err != nil {
			return out, fmt.Errorf("draw %s: %w", s.Name, err)
		}
		out.Chart = &export.Chart{PNG: picture.PNG, Alt: report.Alt(s, l)}
	}
	if s.Lines == nil && s.Grid == nil { // a line for each hour says less than its picture
		sheet := report.TableView(s, l)
		table := export.Table{Rows: sheet.Rows, Count: sheet.Count}
		for _, h := range sheet.Columns {
			table.Heads = append(table.Heads, export.Head{Text: h.Text, Right: h.Number})
		}
		out.Table = &table
	}
	return out, nil
}
