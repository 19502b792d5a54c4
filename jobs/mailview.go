package jobs

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"daybook/internal/mail"
	"daybook/internal/report"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/templates"
)

// view fills the mail's template from the figures, and draws its pictures.
func (m *Mailer) view(ctx context.Context, f report.Figures, e store.Edition, l text.Locale) (templates.MailView, []mail.Image, error) {
	zone := m.Runner.Project.Zone
	fresh := l.T("mail.fresh", l.Clock(e.Created, zone))
	v := templates.MailView{
		Locale: string(l), Title: f.Title.In(string(l)), DayText: l.DayLong(f.Day), FreshnessText: fresh,
		Preheader: joined(report.Headline(f, l), fresh), EditionText: l.T("mail.edition", e.Number),
		PageURL: m.pageURL(e), OpenText: l.T("mail.open"),
		Links:  []templates.MailLink{{Label: l.T("mail.permalink"), URL: m.pageURL(e)}},
		Footer: []string{l.T("mail.why", m.Runner.Project.Name), l.T("mail.hash", e.Hash[:8])},
	}
	if absent := m.Runner.absences(f.Report, f.Day, l); absent != "" {
		v.Banner = l.T("page.partial") + ": " + absent
	}
	var drawings []drawing
	var kpis templates.MailKPIs
	flush := func() {
		if len(kpis) > 0 {
			v.Sections, kpis = append(v.Sections, kpis), nil
		}
	}
	strip := "" // of the tab strip that is under way; its first chart is a picture, the others are tables
	for _, s := range f.Sections {
		if s.Kind == report.KindKPI {
			kpis = append(kpis, mailKPI(s, f, l))
			continue
		}
		flush()
		tab, first := s.Tab.In(string(l)), strip == ""
		strip = tab
		if s.Marks != nil && tab != "" && !first {
			v.Sections = append(v.Sections, topRows(mailTable(s, s.Heading(l), l), l))
			continue
		}
		section, d, err := m.section(s, l)
		if err != nil {
			return v, nil, fmt.Errorf("mail section %s of %s: %w", s.Name, f.Report, err)
		}
		v.Sections = append(v.Sections, section)
		if d.option != nil {
			drawings = append(drawings, d)
		}
	}
	flush()
	images, err := m.drawAll(ctx, drawings)
	if err != nil {
		return v, nil, fmt.Errorf("pictures of %s: %w", f.Report, err)
	}
	return v, images, nil
}

// drawing is a picture that is still to be drawn.
type drawing struct {
	name, cid string
	option    []byte // nil for none
	height    int
}

// drawAll draws the pictures, one on each core, in their order.
func (m *Mailer) drawAll(ctx context.Context, list []drawing) ([]mail.Image, error) {
	images := make([]mail.Image, len(list))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, d := range list {
		group.Go(func() error {
			picture, err := m.Draw(ctx, d.option, int(report.Mail), d.height)
			if err != nil {
				return fmt.Errorf("draw %s: %w", d.name, err)
			}
			images[i] = mail.Image{CID: d.cid, Name: d.name + ".png", Type: "image/png", Bytes: picture.PNG}
			return nil
		})
	}
	return images, group.Wait()
}

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " · " + b
}

func mailKPI(s report.Section, f report.Figures, l text.Locale) templates.MailKPI {
	k := templates.MailKPI{Label: s.Title.In(string(l)), Value: report.Bare(s.KPI.Value, s.Format, s.Digits, l), Unit: report.Sign(s.Format, s.Unit.In(string(l)))}
	if s.KPI.Value == nil {
		k.Unit = ""
	}
	for _, c := range report.Changes(s, l) {
		k.Changes = append(k.Changes, templates.MailChange{Label: c.Against, Arrow: c.Arrow, Text: c.Text})
	}
	if s.KPI.Unusual {
		k.Note = "◆ " + l.T("mail.unusual") + " " + report.Usual(s, f.Day, l)
	}
	return k
}

// section is a picture with its facts, a table, or text. A bar chart's table is left to the page: its picture says the top.
func (m *Mailer) section(s report.Section, l text.Locale) (templates.MailSection, drawing, error) {
	title, subtitle := s.Heading(l), s.Subtitle.In(string(l))
	switch {
	case s.Kind == report.KindText:
		return templates.MailProse{Title: title, Paragraphs: []string{s.Text.In(string(l))}}, drawing{}, nil
	case s.Kind == report.KindTable:
		return mailTable(s, title, l), drawing{}, nil
	case s.Empty():
		return templates.MailProse{Title: title, Paragraphs: []string{l.T("mail.nothing")}}, drawing{}, nil
	}
	option, err := report.Option(s, l, report.Mail)
	if err != nil {
		return nil, drawing{}, err
	}
	d := drawing{name: s.Name, cid: s.Name + "@daybook", option: option, height: report.Height(s, report.Mail)}
	chart := templates.MailChart{Title: title, Subtitle: subtitle, CID: d.cid, Alt: report.Alt(s, l), Width: int(report.Mail), Height: d.height}
	if s.Mart != "" {
		chart.Source = l.T("mail.source", s.Mart)
	}
	return chart, d, nil
}

func mailTable(s report.Section, title string, l text.Locale) templates.MailTable {
	sheet := report.TableView(s, l)
	t := templates.MailTable{Title: title, Caption: s.Subtitle.In(string(l)), More: l.T("mail.more"), Rows: sheet.Rows, Partial: sheet.Count > len(sheet.Rows)}
	for _, h := range sheet.Columns {
		t.Columns = append(t.Columns, templates.MailColumn{Name: h.Text, Numeric: h.Number})
	}
	return t
}

// stripRows is how many rows a mail shows of a ranking that has no picture.
const stripRows = 8

func topRows(t templates.MailTable, l text.Locale) templates.MailTable {
	if len(t.Rows) > stripRows {
		t.Rows, t.Partial = t.Rows[:stripRows], true
		t.Caption = joined(t.Caption, l.T("mail.top", stripRows))
	}
	return t
}
