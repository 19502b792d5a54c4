package handlers

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/report"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
	"daybook/templates"
)

// shownChanges is how many changed figures stand under a report; their page has all.
const shownChanges = 10

// dayPath is the page of a report's day.
func dayPath(report string, day calendar.Day) string {
	return "/reports/" + url.PathEscape(report) + "/" + day.String()
}

func editionPath(e store.Edition) string {
	return dayPath(e.Report, e.Day) + "/" + strconv.Itoa(e.Number)
}

func whyPath(e store.Edition, section string) string {
	return editionPath(e) + "/why/" + url.PathEscape(section)
}

// around adds to a report's page what belongs to its editions: the gate, what changed, and where every number comes from.
func (h *Handlers) around(c echo.Context, v *templates.ReportView, name string, day calendar.Day, number int) error {
	ctx, admin := c.Request().Context(), who(c).admin()
	node, err := h.Runner.Graph.Node(name)
	if err != nil {
		return err
	}
	if v.Nothing != nil {
		v.Gate, err = h.gate(ctx, *node.Report, day, nil, v.Page, admin)
		return err
	}
	editions, err := h.Store.Editions(ctx, name, day)
	if err != nil {
		return err
	}
	figures, e, err := h.Runner.Figures(ctx, name, day, number)
	if err != nil {
		return err
	}
	if e.Number == editions[0].Number {
		if err := h.gated(ctx, v, *node.Report, e, admin); err != nil {
			return err
		}
	}
	for i := range v.Editions { // the page lists the same editions in the same order
		if i < len(editions) {
			v.Editions[i].Kind = editionKind(editions[i], editions, v.Locale)
			if editions[i].Number > 1 {
				v.Editions[i].Changes = &templates.Link{Label: v.T("report.changes"), Href: editionPath(editions[i]) + "/changes"}
			}
		}
	}
	answers(v, figures, e)
	if e.Number > 1 {
		v.Changes, err = h.reportChanges(ctx, e, v.Page)
	}
	return err
}

// gated adds the gate, or for an older day that was never mailed only the way to mail it.
func (h *Handlers) gated(ctx context.Context, v *templates.ReportView, r project.Report, e store.Edition, admin bool) error {
	var err error
	if v.Gate, err = h.gate(ctx, r, e.Day, &e, v.Page, admin); err != nil {
		return err
	}
	if v.Gate != nil || !admin || h.Mailer == nil || e.State == jobs.EditionReleased || len(r.To) == 0 {
		return nil
	}
	release, err := h.releaseAction(ctx, r, e.Day, v.Page)
	v.Actions = append(v.Actions, release)
	return err
}

// editionKind says what an edition is, empty for a whole one that corrects nothing.
func editionKind(e store.Edition, all []store.Edition, l text.Locale) string {
	var words []string
	if e.Kind != store.EditionFull && e.Kind != "" {
		words = append(words, l.T("ledger.kind."+e.Kind))
	}
	if s := corrects(e, all, l); s != "" {
		words = append(words, s)
	}
	if e.State == jobs.EditionUnsent {
		words = append(words, l.T("ledger.unsent"))
	}
	return strings.Join(words, ", ")
}

// answers links every number to where it comes from. The page numbers its parts by the sections they show, from 1.
func answers(v *templates.ReportView, f report.Figures, e store.Edition) {
	section := func(id, prefix string) string {
		n, err := strconv.Atoi(strings.TrimPrefix(id, prefix))
		if err != nil || n < 1 || n > len(f.Sections) || f.Sections[n-1].Kind == report.KindText {
			return ""
		}
		return whyPath(e, f.Sections[n-1].Name)
	}
	kpi := 0
	for _, s := range f.Sections {
		if s.KPI != nil && kpi < len(v.KPIs) {
			v.KPIs[kpi].Href, v.KPIs[kpi].HrefLabel = whyPath(e, s.Name), v.T("origin.askone")
			kpi++
		}
	}
	for i := range v.Sections {
		s := &v.Sections[i]
		if len(s.Ranks) == 0 {
			s.Why = section(s.ID, "section-")
		}
		for j := range s.Ranks {
			s.Ranks[j].Why = section(s.Ranks[j].ID, "panel-")
		}
	}
}

// gate says that a report's day is held or was not mailed, with what an admin can do; nil where there is nothing to say. e is its
// newest edition, nil for none.
func (h *Handlers) gate(ctx context.Context, r project.Report, day calendar.Day, e *store.Edition, p templates.Page, admin bool) (*templates.Gate, error) {
	if e != nil && e.State == jobs.EditionReleased {
		return nil, nil
	}
	hold, held, err := h.Store.Hold(ctx, r.Name, day)
	if err != nil {
		return nil, err
	}
	due, wasDue, err := h.dueOf(ctx, r.Name, day)
	if err != nil {
		return nil, err
	}
	g := &templates.Gate{Kind: templates.Held, Title: p.T("gate.held")}
	switch {
	case held:
		g.Text = p.T("gate.heldby", hold.By, h.clock(hold.At, p.Locale), hold.Reason)
	case wasDue && due.State == store.StateHeld:
		g.Text = brief(due.Note)
	case e != nil && e.State == jobs.EditionUnsent:
		g.Kind, g.Title, g.Text = templates.Skipped, p.T("gate.unsent"), e.Reason
	case e == nil || len(r.To) == 0 || !admin || day != h.yesterday():
		return nil, nil
	default:
		g.Kind, g.Title = templates.Queued, p.T("gate.waits")
	}
	mailed, err := h.mailedBefore(ctx, r.Name, day)
	if err != nil {
		return nil, err
	}
	switch {
	case mailed > 0 && g.Kind == templates.Queued:
		g.Title, g.Text = p.T("gate.newer"), p.T("gate.newertext", mailed)
	case mailed == 0 && r.Deadline != "" && g.Kind != templates.Skipped && day == h.yesterday():
		g.Text = strings.TrimSpace(g.Text + " " + p.T("gate.deadline", r.Deadline))
	}
	if admin && h.Mailer != nil {
		g.Actions, err = h.gateActions(ctx, r, day, held, p)
	}
	return g, err
}

// mailedBefore is the number of the newest edition of a day that people have, 0 for none.
func (h *Handlers) mailedBefore(ctx context.Context, report string, day calendar.Day) (int, error) {
	editions, err := h.Store.Editions(ctx, report, day)
	for _, e := range editions {
		if e.State == jobs.EditionReleased {
			return e.Number, nil
		}
	}
	return 0, err
}

// dueOf is the occurrence of a report's release for a day.
func (h *Handlers) dueOf(ctx context.Context, report string, day calendar.Day) (store.Occurrence, bool, error) {
	list, err := h.Store.Occurrences(ctx, "release:"+report, 0)
	if err != nil {
		return store.Occurrence{}, false, err
	}
	for _, o := range list {
		if o.Day == day {
			return o, true, nil
		}
	}
	return store.Occurrence{}, false, nil
}

func (h *Handlers) gateActions(ctx context.Context, r project.Report, day calendar.Day, held bool, p templates.Page) ([]templates.Action, error) {
	var list []templates.Action
	if !held {
		list = append(list, templates.Action{Label: p.T("gate.hold"), URL: dayPath(r.Name, day) + "/hold", Ask: &templates.Question{
			Title: p.T("gate.holdtitle", reportTitle(r, p.Locale), day.String()), Text: p.T("gate.holdtext"), Inputs: gateReason(p), Confirm: p.T("gate.holdconfirm")}})
	}
	if len(r.To) == 0 {
		return list, nil
	}
	release, err := h.releaseAction(ctx, r, day, p)
	release.Tone = "primary"
	return append(list, release), err
}

func gateReason(p templates.Page) []templates.Input {
	return []templates.Input{{Name: "reason", Label: p.T("gate.reason"), Hint: p.T("gate.reasonhint"), Required: true}}
}

func (h *Handlers) releaseAction(ctx context.Context, r project.Report, day calendar.Day, p templates.Page) (templates.Action, error) {
	groups := strings.Join(r.To, ", ")
	a := templates.Action{Label: p.T("gate.release"), URL: dayPath(r.Name, day) + "/release", Ask: &templates.Question{
		Title: p.T("gate.releasetitle", reportTitle(r, p.Locale), day.String()), Text: p.T("gate.releasetext", groups), Inputs: gateReason(p), Confirm: p.T("gate.releaseconfirm")}}
	mailed, err := h.mailedBefore(ctx, r.Name, day)
	if err != nil {
		return a, err
	}
	if mailed > 0 {
		a.Ask.Text = p.T("gate.releasenewer", groups, mailed)
	}
	waiting, err := h.without(ctx, r, day)
	a.Ask.Lines = []string{p.T("gate.releasecount", p.Locale.Count(int64(waiting)))}
	return a, err
}

// without counts the people of a report's groups who have no mail of a day and want one.
func (h *Handlers) without(ctx context.Context, r project.Report, day calendar.Day) (int, error) {
	people, err := h.Store.PeopleIn(ctx, r.To)
	if err != nil {
		return 0, err
	}
	editions, err := h.Store.Editions(ctx, r.Name, day)
	if err != nil {
		return 0, err
	}
	ids := make([]string, len(editions))
	for i, e := range editions {
		ids[i] = e.ID
	}
	have, err := h.Store.RecipientsOf(ctx, ids)
	if err != nil {
		return 0, err
	}
	cadence, err := h.Store.Subscriptions(ctx, r.Name)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, p := range people {
		if !have[p.ID] && inForce(r, cadence[p.ID]) != store.CadenceOff {
			n++
		}
	}
	return n, nil
}

// reportChanges is the first of what an edition changed; nil where it changed no figure.
func (h *Handlers) reportChanges(ctx context.Context, e store.Edition, p templates.Page) (*templates.ReportChanges, error) {
	before, list, err := h.Runner.Changes(ctx, e)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	out := &templates.ReportChanges{Subtitle: p.T("changes.sub", e.Number, before.Number), Table: changeTable(list, p)}
	path := editionPath(e) + "/changes"
	out.Table.Downloads = []templates.Download{{Label: "CSV", Hint: p.T("page.csv.hint"), Href: path + "?format=csv"}}
	if len(list) > shownChanges {
		out.Table.Rows = out.Table.Rows[:shownChanges]
		out.Table.More = &templates.Link{Label: p.T("changes.all", p.Locale.Count(int64(len(list)))), Href: path}
	}
	return out, nil
}

func changeTable(list []report.Difference, p templates.Page) templates.Table {
	l := p.Locale
	t := templates.Table{ID: "changed", Caption: p.T("changes.title"), Empty: p.T("changes.none"), Columns: []templates.Column{
		{Label: p.T("changes.column.figure")}, {Label: p.T("changes.column.which")}, {Label: p.T("changes.column.before"), Number: true}, {Label: p.T("changes.column.after"), Number: true},
		{Label: p.T("changes.column.change"), Number: true, Optional: true},
	}}
	for _, d := range list {
		name := templates.TableCell{Head: true, Text: cmp.Or(d.Title.In(string(l)), d.Section)}
		if d.Headline {
			name.Label = &templates.Label{Text: p.T("changes.headline"), Tone: "accent"}
		}
		written := func(v *float64) templates.TableCell {
			cell := templates.TableCell{Text: report.Number(v, d.Format, d.Digits, d.Unit.In(string(l)), l)}
			if v != nil {
				cell.Sort = strconv.FormatFloat(*v, 'f', -1, 64)
			}
			return cell
		}
		t.Rows = append(t.Rows, templates.Row{Cells: []templates.TableCell{name, {Text: d.Label}, written(d.Before), written(d.After), moved(d, l)}})
	}
	return t
}

// moved is how far a figure went: points of a percentage, percent of a number.
func moved(d report.Difference, l text.Locale) templates.TableCell {
	if d.Before == nil || d.After == nil {
		return templates.TableCell{Text: text.Dash}
	}
	by := *d.After - *d.Before
	cell := templates.TableCell{Change: "up", Sort: strconv.FormatFloat(by, 'f', -1, 64)}
	if by < 0 {
		by, cell.Change = -by, "down"
	}
	switch {
	case d.Format == report.FormatPercent:
		cell.Text = l.Percent(by, max(d.Digits, 1)) + "%p"
	case *d.Before != 0:
		cell.Text = l.Percent(d.Relative(), 1) + "%"
	default:
		cell.Text = report.Number(&by, d.Format, d.Digits, d.Unit.In(string(l)), l)
	}
	return cell
}

// changes is everything that an edition changed.
func (h *Handlers) changes(c echo.Context) error {
	e, r, err := h.editionOf(c)
	if err != nil {
		return err
	}
	before, list, err := h.Runner.Changes(c.Request().Context(), e)
	if err != nil {
		return err
	}
	p := h.page(c, "", "reports")
	of := p.T("origin.of", e.Day.String(), e.Number)
	p.Title = p.T("changes.title") + " " + of
	t := changeTable(list, p)
	if asksCSV(c) {
		return h.tableCSV(c, fmt.Sprintf("changes-%s-%s-%d", e.Report, e.Day, e.Number), t)
	}
	t.Downloads = h.csvOf(c, p)
	v := templates.ChangesView{Page: p, Of: of, Changes: t,
		Crumbs: []templates.Link{{Label: reportTitle(r, p.Locale), Href: "/reports/" + url.PathEscape(e.Report)}, {Label: of, Href: editionPath(e)}, {Label: p.T("changes.title")}},
		Facts:  templates.FactLine{Facts: []templates.Fact{{Strong: p.Locale.Count(int64(len(list))), After: p.T("changes.count")}}}}
	if before.Number > 0 {
		v.Facts.Facts = append(v.Facts.Facts, templates.Fact{After: p.T("changes.sub", e.Number, before.Number), Href: editionPath(before)})
	}
	return h.show(c, http.StatusOK, templates.ChangesPage(v))
}
