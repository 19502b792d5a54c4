package jobs

import (
	"context"
	"fmt"
	"runtime"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"daybook/internal/calendar"
	"daybook/internal/mail"
	"daybook/internal/report"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/templates"
)

// view fills the mail's template from the figures, and says which pictures it needs.
func (m *Mailer) view(ctx context.Context, f report.Figures, e store.Edition, k letterKey, follows string) (templates.MailView, []drawing, error) {
	l, zone := k.locale, m.Runner.Project.Zone
	fresh := l.T("mail.fresh", l.Clock(e.Created, zone))
	v := templates.MailView{
		Locale: string(l), Title: f.Title.In(string(l)), DayText: l.DayLong(f.Day), FreshnessText: fresh,
		Preheader: preheader(report.Headline(f, l), fresh, l.DayLong(f.Day), f.Title.In(string(l)), l.T("mail.why", m.Runner.Project.Name)), EditionText: editionText(e, follows, l),
		PageURL: m.pageURL(e), OpenText: l.T("mail.open"),
		Links:  []templates.MailLink{{Label: l.T("mail.permalink"), URL: m.pageURL(e)}, {Label: l.T("mail.unsubscribe"), URL: m.unsubscribeURL(nobody)}},
		Footer: []string{l.T("mail.why", m.Runner.Project.Name), l.T("mail.hash", e.Hash[:8])},
	}
	if absent := missingWords(f, l, zone); absent != "" {
		v.Banner = l.T("page."+bannerTitle(e)) + ": " + absent
	} else if e.Kind == store.EditionNotice {
		v.Banner = l.T("page.empty")
	}
	if e.Kind == store.EditionNotice {
		v.Preheader = preheader(v.Banner, l.T("mail.day", f.Day.String()), f.Title.In(string(l)), l.T("mail.why", m.Runner.Project.Name))
		return v, nil, nil
	}
	corrected, err := m.corrected(ctx, f, e, l)
	if err != nil {
		return v, nil, err
	}
	if follows != "" {
		v.Banner = joined(v.Banner, l.T("mail."+follows, e.Corrects))
	}
	if len(corrected.Rows) > 0 {
		v.Sections = append(v.Sections, corrected)
	}
	if k.variant == store.VariantWeekly {
		v.Sections = append(v.Sections, week(f, l))
	}
	drawings, err := m.sections(&v, f, l)
	return v, drawings, err
}

// A mailbox shows so much behind a subject, and fills what is missing with whatever comes next.
const (
	preheaderLeast = 40 // characters
	preheaderMost  = 180
)

// preheader is the parts that a mailbox has room for, the first two at least.
func preheader(parts ...string) string {
	s := ""
	for i, part := range parts {
		if i < 2 || utf8.RuneCountInString(s) < preheaderLeast {
			s = joined(s, part)
		}
	}
	if r := []rune(s); len(r) > preheaderMost {
		s = string(r[:preheaderMost]) + "…"
	}
	return s
}

// bannerTitle is the word for figures that lack something.
func bannerTitle(e store.Edition) string {
	switch e.Kind {
	case store.EditionNotice:
		return "notice"
	case store.EditionPartial:
		return "part"
	}
	return "partial"
}

// follows says what an edition is to the one that its readers got before: a correction, a completion, or nothing.
func (m *Mailer) follows(ctx context.Context, e store.Edition) (string, error) {
	if e.Corrects == 0 || e.Kind != store.EditionFull {
		return "", nil
	}
	before, err := m.Runner.Store.Edition(ctx, e.Report, e.Day, e.Corrects)
	if err != nil || before.Kind == store.EditionFull {
		return store.CauseCorrection, err
	}
	return store.CauseCompletion, nil
}

func editionText(e store.Edition, follows string, l text.Locale) string {
	s := l.T("mail.edition", e.Number)
	switch {
	case e.Kind == store.EditionPartial:
		return joined(s, l.T("day.partial"))
	case follows == store.CauseCorrection:
		return joined(s, l.T("day.corrected"))
	}
	return s
}

// corrected is the table of what an edition says differently from the one that it corrects, headlines first.
func (m *Mailer) corrected(ctx context.Context, f report.Figures, e store.Edition, l text.Locale) (templates.MailTable, error) {
	t := templates.MailTable{Title: l.T("mail.changes"), More: l.T("mail.more")}
	if e.Corrects == 0 {
		return t, nil
	}
	before, older, err := m.Runner.Figures(ctx, e.Report, e.Day, e.Corrects)
	if err != nil || older.Kind == store.EditionNotice { // which had no figures
		return t, err
	}
	t.Columns = []templates.MailColumn{{Name: l.T("report.column.figure")}, {Name: l.T("mail.before"), Numeric: true}, {Name: l.T("mail.after"), Numeric: true}}
	diff := report.Diff(before, f)
	for _, d := range diff[:min(len(diff), maxCorrections)] {
		t.Rows = append(t.Rows, []string{d.Name(l), d.Number(d.Before, l), d.Number(d.After, l)})
	}
	t.Partial = len(diff) > maxCorrections
	return t, nil
}

// maxCorrections is how many changed figures a mail shows; the page has all of them.
const maxCorrections = 8

// week is the kpis of the seven days that end with the report's.
func week(f report.Figures, l text.Locale) templates.MailTable {
	t := templates.MailTable{Title: l.T("mail.week"), More: l.T("mail.more"), Columns: []templates.MailColumn{{Name: l.T("report.column.day")}}}
	rows := map[calendar.Day][]string{}
	days := calendar.Range(f.Day.Add(-6), f.Day)
	for _, s := range f.Sections {
		if s.KPI == nil || len(s.KPI.History) < len(days) {
			continue
		}
		t.Columns = append(t.Columns, templates.MailColumn{Name: s.Heading(l), Numeric: true})
		for _, p := range s.KPI.History[len(s.KPI.History)-len(days):] {
			rows[p.Day] = append(rows[p.Day], s.Number(p.Value, l))
		}
	}
	for _, d := range days {
		t.Rows = append(t.Rows, append([]string{l.DayShort(d)}, rows[d]...))
	}
	return t
}

// sections fills the mail's parts in the order of the page.
func (m *Mailer) sections(v *templates.MailView, f report.Figures, l text.Locale) ([]drawing, error) {
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
			return nil, fmt.Errorf("mail section %s of %s: %w", s.Name, f.Report, err)
		}
		v.Sections = append(v.Sections, section)
		if d.option != nil {
			drawings = append(drawings, d)
		}
	}
	flush()
	return drawings, nil
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
