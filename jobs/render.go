package jobs

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/report"
	"daybook/internal/store"
	"daybook/internal/text"
)

// Printer writes an edition as a file that stands alone.
type Printer struct {
	Mailer *Mailer
}

// Formats lists what Print can write.
func Formats() []string { return []string{"html", "eml", "json", "pdf", "xlsx", "png", "csv"} }

// Print renders the newest edition of a report's day: html opens from disk with the network off, eml is the mail as it was or
// would be sent, json the figures, pdf and xlsx files to hand on, png one section's chart, csv one section's rows. An empty locale is the report's first.
func (p *Printer) Print(ctx context.Context, name string, day calendar.Day, format, section, locale string) (body []byte, contentType string, err error) {
	r := p.Mailer.Runner
	figures, edition, err := r.Figures(ctx, name, day, 0)
	if err != nil {
		return nil, "", err
	}
	l := text.ParseLocale(edition.Locales[0])
	if locale != "" {
		l = text.ParseLocale(locale)
	}
	switch format {
	case "html", "pdf", "xlsx":
		file, err := p.Mailer.File(ctx, edition, l, format)
		return file.Bytes, file.Type, err
	case "eml":
		body, err = p.eml(ctx, edition, l)
		return body, "message/rfc822", err
	case "json":
		body, err = report.Canonical(figures)
		return body, "application/json", err
	case "png":
		body, err = p.png(ctx, figures, section, l)
		return body, "image/png", err
	case "csv":
		body, err = sectionCSV(figures, section)
		return body, "text/csv; charset=utf-8", err
	}
	return nil, "", fault.New(fault.Invalid, fmt.Sprintf("a report cannot be written as %q", format), "write one of "+strings.Join(Formats(), ", "))
}

// eml is the mail addressed to its sender.
func (p *Printer) eml(ctx context.Context, e store.Edition, l text.Locale) ([]byte, error) {
	m, err := p.Mailer.Printed(ctx, e, l, store.VariantDaily)
	if err != nil {
		return nil, err
	}
	m.To = p.Mailer.From
	m.MessageID, m.Date = e.ID+"@"+p.Mailer.domain(), e.Created.In(p.Mailer.Runner.Project.Zone)
	return m.MIME()
}

func (p *Printer) png(ctx context.Context, f report.Figures, section string, l text.Locale) ([]byte, error) {
	var drawn []string
	for _, s := range f.Sections {
		if s.Table != nil || !report.Drawn(s) {
			continue
		}
		drawn = append(drawn, s.Name)
		if s.Name != section {
			continue
		}
		option, err := report.Option(s, l, report.Mail)
		if err != nil {
			return nil, err
		}
		picture, err := p.Mailer.Draw(ctx, option, int(report.Mail), report.Height(s, report.Mail))
		return picture.PNG, err
	}
	return nil, fault.New(fault.NotFound, fmt.Sprintf("%s has no chart of a section %q", f.Report, section), "name one with --section: "+strings.Join(drawn, ", "))
}

func sectionCSV(f report.Figures, section string) ([]byte, error) {
	var names []string
	for _, s := range f.Sections {
		if s.Kind == report.KindText {
			continue
		}
		names = append(names, s.Name)
		if s.Name == section {
			var b bytes.Buffer
			err := report.CSV(&b, s)
			return b.Bytes(), err
		}
	}
	return nil, fault.New(fault.NotFound, fmt.Sprintf("%s has no rows of a section %q", f.Report, section), "name one with --section: "+strings.Join(names, ", "))
}
