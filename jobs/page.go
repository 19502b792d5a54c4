package jobs

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/report"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/templates"
)

// ReportView is the page of an edition, without what belongs to who reads it (Page's other fields, and the actions). Number 0 is
// the day's newest; a day without any has Nothing set. An unknown report or number is a fault of code not_found.
func (r *Runner) ReportView(ctx context.Context, name string, day calendar.Day, number int, l text.Locale) (templates.ReportView, error) {
	node, err := r.Graph.Node(name)
	if err != nil || node.Report == nil {
		return templates.ReportView{}, fault.New(fault.NotFound, fmt.Sprintf("there is no report %q", name), "")
	}
	days, err := r.Store.EditionDays(ctx, name, calendar.Day{}, calendar.Date(9999, time.December, 31))
	if err != nil {
		return templates.ReportView{}, err
	}
	figures, edition, err := r.Figures(ctx, name, day, number)
	if fault.Is(err, fault.NotFound) && number == 0 && !slices.ContainsFunc(days, func(d store.EditionDay) bool { return d.Day == day }) {
		v := reportHead(name, node.Report.Title, day, l)
		v.Nothing = &templates.NoEdition{Status: templates.Status{Kind: templates.Missing}, Title: l.T("report.nothing"), Text: l.T("report.notbuilt")}
		r.around(&v, name, day, days, l)
		return v, nil
	}
	if err != nil {
		return templates.ReportView{}, err
	}
	editions, err := r.Store.Editions(ctx, name, day)
	if err != nil {
		return templates.ReportView{}, err
	}
	made := r.madeBy(ctx, edition)
	p := pager{figures: figures, edition: edition, locale: l, zone: r.Project.Zone, made: made, newest: editions[0].Number == edition.Number, online: true}
	v, err := p.view()
	if err != nil {
		return templates.ReportView{}, err
	}
	for _, e := range editions {
		v.Editions = append(v.Editions, templates.EditionLink{Label: l.T("report.edition", e.Number), Detail: p.clock(e.Created), Href: editionPath(e), Current: e.Number == edition.Number})
	}
	r.around(&v, name, day, days, l)
	return v, nil
}

// Standalone is an edition as one HTML file that asks for nothing: its sheet and scripts are inside, and it uses the reader's own fonts.
func (r *Runner) Standalone(ctx context.Context, figures report.Figures, edition store.Edition, l text.Locale, css, js string) ([]byte, error) {
	p := pager{figures: figures, edition: edition, locale: l, zone: r.Project.Zone, newest: true}
	v, err := p.view()
	if err != nil {
		return nil, err
	}
	v.Project, v.Now = r.Project.Name, l.T("report.edition", edition.Number)
	var b bytes.Buffer
	if err := templates.Standalone(templates.StandaloneView{Report: v, CSS: css, JS: js}).Render(ctx, &b); err != nil {
		return nil, fmt.Errorf("write the file of %s %s: %w", figures.Report, figures.Day, err)
	}
	return b.Bytes(), nil
}

// madeBy is the path of the run that made an edition, empty when it is not recorded.
func (r *Runner) madeBy(ctx context.Context, e store.Edition) string {
	run, err := r.Store.Run(ctx, e.Run)
	if err != nil {
		return "" // an edition outlives the record of its run
	}
	return "/runs/" + strconv.FormatInt(run.Number, 10)
}

// around adds what leads to other days and reports. days are those with an edition, in order.
func (r *Runner) around(v *templates.ReportView, name string, day calendar.Day, days []store.EditionDay, l text.Locale) {
	last := calendar.DayOf(r.Now(), r.Project.Zone).Add(-1)
	if n := len(days); n > 0 && days[n-1].Day.After(last) {
		last = days[n-1].Day
	}
	v.Days = templates.DayLinks{Prev: dayLink(name, day.Add(-1), l), NextLabel: l.DayShort(day.Add(1))}
	if day.Before(last) {
		v.Days.Next = dayLink(name, day.Add(1), l)
	}
	v.Month = month(name, day, days, l)
	if len(r.Project.Reports) > 1 {
		for _, rep := range r.Project.Reports {
			v.Reports = append(v.Reports, templates.RangeLink{Label: cmp.Or(rep.Title.In(string(l)), rep.Name), Href: reportPath(rep.Name), Current: rep.Name == name})
		}
	}
}

func reportPath(name string) string { return "/reports/" + url.PathEscape(name) }

func dayPath(name string, day calendar.Day) string { return reportPath(name) + "/" + day.String() }

func editionPath(e store.Edition) string {
	return dayPath(e.Report, e.Day) + "/" + strconv.Itoa(e.Number)
}

func dayLink(name string, day calendar.Day, l text.Locale) *templates.Link {
	return &templates.Link{Label: l.DayShort(day), Href: dayPath(name, day)}
}

// month is the calendar of the day's month. A day without an edition is missing when it lies between days that have one.
func month(name string, day calendar.Day, days []store.EditionDay, l text.Locale) *templates.Month {
	y, m, _ := day.Date()
	first, next := calendar.Date(y, m, 1), calendar.Date(y, m+1, 1)
	v := &templates.Month{Title: l.Month(day)}
	kinds := map[calendar.Day]string{}
	for _, d := range days {
		kinds[d.Day] = dayKind(d)
		switch {
		case d.Day.Before(first):
			v.Prev = &templates.Link{Label: l.Month(d.Day), Href: dayPath(name, d.Day)}
		case !d.Day.Before(next) && v.Next == nil:
			v.Next = &templates.Link{Label: l.Month(d.Day), Href: dayPath(name, d.Day)}
		}
	}
	monday := first.Add(-(int(first.Weekday()) + 6) % 7)
	for i := range 7 {
		v.Weekdays = append(v.Weekdays, l.Weekday(monday.Add(i).Weekday()))
	}
	for start := monday; start.Before(next); start = start.Add(7) {
		var week []templates.MonthDay
		for _, d := range calendar.Range(start, start.Add(6)) {
			week = append(week, monthDay(name, d, d == day, !d.Before(first) && d.Before(next), kinds, days, l))
		}
		v.Weeks = append(v.Weeks, week)
	}
	return v
}

func monthDay(name string, d calendar.Day, current, inside bool, kinds map[calendar.Day]string, days []store.EditionDay, l text.Locale) templates.MonthDay {
	if !inside {
		return templates.MonthDay{}
	}
	_, _, number := d.Date()
	out := templates.MonthDay{Number: strconv.Itoa(number), Kind: kinds[d], Current: current}
	if out.Kind == "" && len(days) > 0 && d.After(days[0].Day) && d.Before(days[len(days)-1].Day) {
		out.Kind = "missing"
	}
	if out.Kind != "" || current {
		out.Href, out.Label = dayPath(name, d), d.String()
	}
	if out.Kind != "" {
		out.Label += ", " + l.T("day."+out.Kind)
	}
	return out
}

func dayKind(d store.EditionDay) string {
	switch {
	case d.Kind == store.EditionPartial:
		return "partial"
	case d.Kind == store.EditionNotice:
		return "missing"
	case d.Number > 1:
		return "corrected"
	}
	return "final"
}

func reportHead(name string, title project.Words, day calendar.Day, l text.Locale) templates.ReportView {
	v := templates.ReportView{Eyebrow: l.T("page.daily", l.DayLong(day)), Name: cmp.Or(title.In(string(l)), name), Of: "(" + day.String() + ")"}
	v.Locale, v.Title, v.Section = l, v.Name+" "+v.Of, "reports"
	return v
}

// pager makes the body of a page from an edition. Off line it leads nowhere.
type pager struct {
	figures report.Figures
	edition store.Edition
	locale  text.Locale
	zone    *time.Location
	made    string // path of the run, empty when unknown
	newest  bool
	online  bool
}

func (p pager) view() (templates.ReportView, error) {
	l, e := p.locale, p.edition
	v := reportHead(p.figures.Report, p.figures.Title, p.figures.Day, l)
	v.Charts = true
	v.Fresh.Facts = []templates.Fact{{Strong: l.T("report.asof", p.clock(e.Created))}, {After: l.T("report.edition", e.Number)}}
	switch {
	case e.Kind == store.EditionPartial:
		v.Fresh.Facts = append(v.Fresh.Facts, templates.Fact{Label: &templates.Label{Text: l.T("day.partial"), Tone: "warn", Glyph: "partial"}})
	case e.Kind == store.EditionFull && e.Number > 1:
		v.Fresh.Facts = append(v.Fresh.Facts, templates.Fact{Label: &templates.Label{Text: l.T("day.corrected"), Tone: "accent", Glyph: "corrected"}})
	}
	v.Foot.Facts = []templates.Fact{{After: l.T("report.edition", e.Number) + ", " + e.Created.In(p.zone).Format("2006-01-02 15:04 MST")}, {Before: l.T("report.fingerprint"), Strong: e.Hash[:min(len(e.Hash), 8)], Mono: true}}
	v.Banner = p.banner()
	if p.online {
		p.links(&v)
	}
	for i := 0; i < len(p.figures.Sections); i++ {
		s := p.figures.Sections[i]
		if s.KPI != nil {
			v.KPIs = append(v.KPIs, p.kpi(s))
			continue
		}
		strip := p.strip(i)
		section, err := p.section(strip, i)
		if err != nil {
			return v, err
		}
		v.Sections = append(v.Sections, section)
		i += len(strip) - 1
	}
	return v, nil
}

// banner says what the figures were made without.
func (p pager) banner() *templates.Notice {
	l := p.locale
	if absent := missingWords(p.figures, l, p.zone); absent != "" {
		return &templates.Notice{Kind: templates.Partial, Title: l.T("page." + bannerTitle(p.edition)), Text: absent}
	}
	if p.edition.Kind == store.EditionNotice {
		return &templates.Notice{Kind: templates.Partial, Title: l.T("page.empty")}
	}
	return nil
}

func (p pager) links(v *templates.ReportView) {
	l, e := p.locale, p.edition
	if p.made != "" {
		v.Fresh.Facts = append(v.Fresh.Facts, templates.Fact{After: l.T("report.made"), Href: p.made})
	}
	if !p.newest {
		v.Banner = &templates.Notice{Kind: templates.Partial, Title: l.T("report.older"), Link: &templates.Link{Label: l.T("report.newest"), Href: dayPath(e.Report, e.Day)}}
	}
	v.Foot.Facts = append(v.Foot.Facts, templates.Fact{After: l.T("report.permalink"), Href: editionPath(e)})
	v.Downloads = []templates.Download{
		{Label: l.T("report.file"), Hint: l.T("page.file.hint"), Href: editionPath(e) + ".html"},
		{Label: "PDF", Hint: l.T("page.pdf.hint"), Href: editionPath(e) + ".pdf"},
		{Label: "XLSX", Hint: l.T("page.xlsx.hint"), Href: editionPath(e) + ".xlsx"},
		{Label: "JSON", Hint: l.T("page.json.hint"), Href: editionPath(e) + ".json"},
	}
}

// clock is the time of day, with the date when it is not the day after the report's.
func (p pager) clock(t time.Time) string {
	s := p.locale.Clock(t, p.zone)
	if d := calendar.DayOf(t, p.zone); d != p.figures.Day.Add(1) {
		return p.locale.DayShort(d) + " " + s
	}
	return s
}

var changeClass = map[string]string{report.Up: "up", report.Down: "down", report.Same: "flat"}

func (p pager) kpi(s report.Section) templates.KPIView {
	l := p.locale
	k := templates.KPIView{Name: s.Heading(l), Value: report.Bare(s.KPI.Value, s.Format, s.Digits, l), None: s.KPI.Value == nil}
	if !k.None {
		k.Unit = report.Sign(s.Format, s.Unit.In(string(l)))
		if k.Unit != "" && k.Unit != "%" && l == text.English {
			k.Unit = " " + k.Unit
		}
		k.Href = p.made
	}
	for _, c := range report.Changes(s, l) {
		k.Compare = append(k.Compare, templates.Comparison{Label: c.Against, Text: c.Text, Change: changeClass[c.Arrow]})
	}
	if s.KPI.Unusual {
		k.Label = &templates.Label{Text: l.T("page.unusual"), Tone: "warn", Glyph: "unusual"}
		k.Why = append(k.Why, report.Usual(s, p.figures.Day, l))
	}
	if len(s.KPI.History) > 1 {
		k.Spark = &templates.Spark{Label: report.Alt(s, l) + ", " + l.T("data.lastdays", len(s.KPI.History))}
		for _, point := range s.KPI.History {
			value := math.NaN()
			if point.Value != nil {
				value = *point.Value
			}
			k.Spark.Points = append(k.Spark.Points, value)
		}
		if u := s.KPI.Usual; u != nil {
			k.Spark.Low, k.Spark.High = u.Low, u.High
		}
	}
	return k
}

// strip is the sections from i on that share a row of tabs: those with a tab and the same group.
func (p pager) strip(i int) []report.Section {
	all, l := p.figures.Sections, string(p.locale)
	n := 1
	for all[i].Tab != nil && i+n < len(all) && all[i+n].Tab != nil && all[i+n].KPI == nil && all[i+n].Group.In(l) == all[i].Group.In(l) {
		n++
	}
	return all[i : i+n]
}

func (p pager) section(strip []report.Section, i int) (templates.Section, error) {
	l, s := p.locale, strip[0]
	out := templates.Section{ID: "section-" + strconv.Itoa(i+1), Title: s.Heading(l), Subtitle: s.Subtitle.In(string(l)), Downloads: p.downloads(s)}
	switch {
	case len(strip) > 1:
		out.Title, out.Subtitle, out.Downloads = cmp.Or(s.Group.In(string(l)), out.Title), "", nil
		for j, tab := range strip {
			rank, err := p.rank(tab, i+j)
			if err != nil {
				return out, err
			}
			out.Ranks = append(out.Ranks, rank)
		}
	case s.Kind == report.KindText:
		out.Downloads = nil
		for paragraph := range strings.SplitSeq(s.Text.In(string(l)), "\n\n") {
			out.Text = append(out.Text, strings.TrimSpace(paragraph))
		}
	case s.Empty():
		out.Text = []string{l.T("page.nothing")}
	case s.Kind == report.KindTable:
		t := p.table(s, i)
		t.Downloads = out.Downloads
		out.Table = &t
	case s.Kind == report.KindBar:
		rank, err := p.rank(s, i)
		out.Ranks = []templates.RankView{rank}
		return out, err
	default:
		out.Half = s.Kind == report.KindPie || s.Kind == report.KindFunnel
		width := report.Page
		if out.Half {
			width = report.Panel
		}
		chart, err := p.chart(s, i, width)
		if err != nil {
			return out, err
		}
		t := p.table(s, i)
		chart.Table, out.Chart = &t, &chart
	}
	return out, nil
}

func (p pager) rank(s report.Section, i int) (templates.RankView, error) {
	l := p.locale
	t := p.table(s, i)
	t.Downloads = p.downloads(s)
	title := s.Heading(l)
	out := templates.RankView{ID: "panel-" + strconv.Itoa(i+1), Tab: cmp.Or(s.Tab.In(string(l)), title), Title: title, Subtitle: s.Subtitle.In(string(l)), Table: t}
	if s.Marks != nil {
		out.Count = l.Count(int64(s.Marks.Count))
	}
	chart, err := p.chart(s, i, report.Panel)
	out.Chart = chart
	return out, err
}

// noChart draws nothing: a tab whose day has no data still has its table, which says so.
const noChart = `{"series":[]}`

func (p pager) chart(s report.Section, i int, width report.Width) (templates.ChartView, error) {
	c := templates.ChartView{ID: "chart-" + strconv.Itoa(i+1), Label: report.Alt(s, p.locale), Option: []byte(noChart), Size: "rows-1"}
	if s.Mart != "" {
		c.Source = p.locale.T("report.source", s.Mart)
	}
	if !report.Drawn(s) {
		return c, nil
	}
	option, err := report.Option(s, p.locale, width)
	if err != nil {
		return c, err
	}
	c.Option, c.Size = option, chartSize(s, width)
	return c, nil
}

// chartSize names the height in the sheet that fits the chart's own.
func chartSize(s report.Section, width report.Width) string {
	if s.Marks != nil && s.Kind != report.KindPie {
		return "rows-" + strconv.Itoa(max(1, min(20, cmp.Or(s.Limit, len(s.Marks.Rows)), len(s.Marks.Rows))))
	}
	switch height := report.Height(s, width); {
	case height <= 200:
		return "small"
	case height > 320:
		return "large"
	}
	return "medium"
}

// How many rows of a table are shown: as many as the chart beside it has bars, some more of a table alone, and more yet in a file that
// leads to no other page. The download has all.
const (
	shownRows = 20
	aloneRows = 100
)

func (p pager) most(s report.Section) int {
	switch {
	case !p.online:
		return aloneRows
	case s.Marks != nil:
		return max(s.Limit, 1)
	}
	return max(shownRows, s.Limit)
}

func (p pager) table(s report.Section, i int) templates.Table {
	l := p.locale
	sheet := report.TableView(s, l)
	t := templates.Table{ID: "table-" + strconv.Itoa(i+1), Caption: s.Heading(l), Empty: l.T("page.nothing"), Still: s.Grid != nil}
	for _, h := range sheet.Columns {
		t.Columns = append(t.Columns, templates.Column{Label: h.Text, Number: h.Number})
	}
	rows := sheet.Rows
	if most := p.most(s); s.Lines == nil && s.Grid == nil && len(rows) > most {
		rows = rows[:most]
		t.Foot = l.T("page.rows", l.Count(int64(most)), l.Count(int64(sheet.Count)))
		if p.online && s.Mart != "" {
			t.More = &templates.Link{Label: l.T("page.all"), Href: "/data/" + url.PathEscape(s.Mart) + "?day=" + p.figures.Day.String() + "#sample"}
		}
	}
	for _, row := range rows {
		cells := make([]templates.TableCell, len(row))
		for j, text := range row {
			cells[j] = cell(text)
		}
		switch {
		case s.Marks != nil && len(cells) > 1:
			cells[0].Rank, cells[1].Head = true, true
		case len(cells) > 0:
			cells[0].Head = true
		}
		t.Rows = append(t.Rows, templates.Row{Cells: cells})
	}
	return t
}

// cell takes the arrow off a change: the page draws it, and sorts by the number behind it.
func cell(s string) templates.TableCell {
	arrow, rest, ok := strings.Cut(s, " ")
	class := changeClass[arrow]
	if !ok || class == "" {
		return templates.TableCell{Text: s}
	}
	sort := strings.ReplaceAll(rest, ",", "")
	if class == "down" {
		sort = "-" + sort
	}
	return templates.TableCell{Text: rest, Change: class, Sort: sort}
}

func (p pager) downloads(s report.Section) []templates.Download {
	if !p.online {
		return nil
	}
	href := dayPath(p.edition.Report, p.edition.Day) + "/" + url.PathEscape(s.Name) + ".csv"
	if !p.newest {
		href += "?edition=" + strconv.Itoa(p.edition.Number)
	}
	return []templates.Download{{Label: "CSV", Hint: p.locale.T("page.csv.hint"), Href: href}}
}
