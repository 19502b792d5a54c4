package handlers

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
	"daybook/templates"
)

// backfillWindow is how many of the newest runs are searched for backfills.
const backfillWindow = 500

func (h *Handlers) backfills(c echo.Context) error {
	ctx, visitor := c.Request().Context(), who(c)
	p := h.page(c, "", "runs")
	p.Title = p.T("backfills.title")
	runs, err := h.Store.Runs(ctx, store.RunFilter{Limit: backfillWindow})
	if err != nil {
		return err
	}
	runs = slices.DeleteFunc(runs, func(r store.Run) bool { return r.Cause != "backfill" })
	v := templates.BackfillsView{Page: p, URL: "/backfills", Runs: h.runTable(runs, p), Form: h.backfillForm(c, p)}
	v.Runs.ID, v.Runs.Caption, v.Runs.Empty = "backfills", p.T("backfills.list"), p.T("backfills.none")
	if asksCSV(c) {
		return h.tableCSV(c, "backfills", v.Runs)
	}
	if len(v.Runs.Rows) > 0 {
		v.Runs.Downloads = h.csvOf(c, p)
	}
	code := http.StatusOK
	if c.QueryParam("preview") != "" {
		req, err := backfillRequest(c.QueryParam)
		var plan jobs.Plan
		if err == nil {
			plan, err = h.Runner.Plan(ctx, req)
		}
		switch status, e := trouble(err); {
		case err == nil:
			preview := h.preview(req, plan, c.QueryParam("nodes"), p, visitor.admin())
			v.Preview = &preview
		case status >= http.StatusInternalServerError:
			return err
		default:
			code, v.Error = status, told(e).Message
			if e.Hint != "" {
				v.Error += ". " + e.Hint
			}
		}
	}
	return h.show(c, code, templates.BackfillsPage(v))
}

func (h *Handlers) backfillForm(c echo.Context, p templates.Page) []templates.Input {
	last := h.yesterday()
	value := func(name, otherwise string) string {
		if v := c.QueryParam(name); v != "" {
			return v
		}
		return otherwise
	}
	return []templates.Input{
		{Name: "from", Label: p.T("backfills.from"), Kind: "date", Value: value("from", last.Add(-6).String()), Required: true},
		{Name: "to", Label: p.T("backfills.to"), Kind: "date", Value: value("to", last.String()), Required: true},
		{Name: "nodes", Label: p.T("backfills.nodes"), Value: c.QueryParam("nodes"), Hint: p.T("backfills.nodeshint")},
		{Name: "reason", Label: p.T("backfills.reason"), Value: c.QueryParam("reason")},
	}
}

func backfillRequest(value func(string) string) (jobs.Request, error) {
	req := jobs.Request{Nodes: names(value("nodes")), Cause: "backfill"}
	var err error
	if req.Day, err = calendar.ParseDay(value("from")); err != nil {
		return req, err
	}
	req.Through, err = calendar.ParseDay(value("to"))
	return req, err
}

// preview says what a backfill would build: a line for each node and reason.
func (h *Handlers) preview(req jobs.Request, plan jobs.Plan, nodes string, p templates.Page, admin bool) templates.BackfillPreview {
	l := p.Locale
	v := templates.BackfillPreview{Title: p.T("backfills.plan"), Text: daysOf(store.Run{Day: req.Day, Through: req.Through}),
		Facts: []templates.Fact{{Strong: l.Count(int64(len(plan.Steps))), After: p.T("web.tobuild")}, {After: p.T("web.fresh", l.Count(int64(plan.Fresh))), Quiet: true}},
		Table: templates.Table{Caption: p.T("backfills.plan"), Empty: p.T("web.nothingtodo"), Columns: []templates.Column{
			{Label: p.T("column.node")}, {Label: p.T("column.kind")}, {Label: p.T("column.builds"), Number: true}, {Label: p.T("column.why")}}}}
	count := map[string]int{}
	var lines []jobs.Step
	for _, s := range plan.Steps {
		key := s.Cell.Node + " " + s.Why.String()
		if count[key] == 0 {
			lines = append(lines, s)
		}
		count[key]++
	}
	for _, s := range lines {
		reason := s.Why.In(l)
		if s.Maybe {
			reason = p.T("web.maybe", reason)
		}
		v.Table.Rows = append(v.Table.Rows, templates.Row{Cells: []templates.TableCell{{Head: true, Text: s.Cell.Node, Href: nodePath(s.Cell.Node)},
			{Text: p.T("kind." + s.Kind), Quiet: true}, {Text: l.Count(int64(count[s.Cell.Node+" "+s.Why.String()]))}, {Text: reason}}})
	}
	if n := len(plan.Later); n > 0 {
		v.Warnings = append(v.Warnings, p.T("web.later", l.Count(int64(n)), plan.Later[n-1].Day.String()))
	}
	if admin && len(plan.Steps) > 0 {
		v.Start = &templates.Action{Label: p.T("backfills.start"), Tone: "primary", URL: "/backfills",
			Fields: []templates.Field{{Name: "from", Value: req.Day.String()}, {Name: "to", Value: req.Through.String()}, {Name: "nodes", Value: nodes}},
			Ask: &templates.Question{Title: p.T("backfills.confirm"), Lines: planLines(plan, l), Confirm: p.T("backfills.confirm"),
				Inputs: []templates.Input{{Name: "reason", Label: p.T("backfills.reason")}}}}
	}
	return v
}

// planLines are the nodes of a plan with how many days of each.
func planLines(plan jobs.Plan, l text.Locale) []string {
	count := map[string]int{}
	var nodes, out []string
	for _, s := range plan.Steps {
		if count[s.Cell.Node] == 0 {
			nodes = append(nodes, s.Cell.Node)
		}
		count[s.Cell.Node]++
	}
	for _, n := range nodes {
		out = append(out, n+" × "+l.Count(int64(count[n])))
	}
	return out
}

// backfill begins one.
func (h *Handlers) backfill(c echo.Context) error {
	req, err := backfillRequest(c.FormValue)
	if err != nil {
		return err
	}
	if h.yesterday().Before(req.Through) {
		return fault.New(fault.Invalid, "the range ends on "+req.Through.String()+", which is not over yet", "end it on "+h.yesterday().String()+" at the latest")
	}
	req.By, req.Reason = who(c).person.Address, reason(c)
	return h.start(c, req, strings.ToLower(req.Cause))
}
