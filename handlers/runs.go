package handlers

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
	"daybook/templates"
)

// ranges are the spans of days that the grid offers; the first is its own.
var ranges = []int{30, 7, 90}

// recentRuns is how many runs the page lists.
const recentRuns = 20

// gridFilter narrows the grid.
type gridFilter struct {
	query, kind, state string
	days               int
}

// stateOpen stands for every state but up to date.
const stateOpen = "open"

func readFilter(c echo.Context) gridFilter {
	f := gridFilter{query: strings.TrimSpace(c.QueryParam("q")), kind: c.QueryParam("kind"), state: c.QueryParam("state"), days: ranges[0]}
	for _, n := range ranges {
		if c.QueryParam("days") == strconv.Itoa(n) {
			f.days = n
		}
	}
	for word := range strings.FieldsSeq(f.query) {
		if state, ok := strings.CutPrefix(word, "state:"); ok {
			f.state = strings.ReplaceAll(state, "_", " ")
		}
	}
	return f
}

// takes reports whether the node is one of those asked for: every word is part of its name, or of owner:NAME.
func (f gridFilter) takes(n *jobs.Node) bool {
	if f.kind != "" && n.Kind != f.kind {
		return false
	}
	for word := range strings.FieldsSeq(strings.ToLower(f.query)) {
		owner, isOwner := strings.CutPrefix(word, "owner:")
		switch {
		case strings.HasPrefix(word, "state:"):
		case isOwner:
			if !strings.Contains(strings.ToLower(n.Owner), owner) {
				return false
			}
		case !strings.Contains(strings.ToLower(n.Name), word):
			return false
		}
	}
	return true
}

func (f gridFilter) matches(s templates.Status) bool {
	if f.state == stateOpen {
		return needsALook(s)
	}
	return string(s.Kind) == f.state
}

func (h *Handlers) runs(c echo.Context) error {
	ctx, visitor, f := c.Request().Context(), who(c), readFilter(c)
	p := h.page(c, "", "runs")
	p.Title = p.T("runs.title")
	seen, err := h.Store.LastEvent(ctx)
	if err != nil {
		return err
	}
	s := span{h.yesterday().Add(1 - f.days), h.yesterday()}
	l, err := h.ledger(ctx, s)
	if err != nil {
		return err
	}
	v := templates.RunsView{Page: p}
	var attention, builds int
	v.Grid, attention, builds = h.grid(s, l, f, p.Locale, visitor.admin())
	if asksCSV(c) {
		return h.gridCSV(c, v.Grid)
	}
	v.Events = "/events?" + url.Values{"page": {"runs"}, "to": {s.to.String()}, "after": {strconv.FormatInt(seen, 10)}}.Encode()
	if v.Live, err = h.live(ctx, v.Page, visitor.admin()); err != nil {
		return err
	}
	v.Filter = h.filterBar(c, p, f, attention, builds)
	if visitor.admin() {
		v.Actions = []templates.Action{{Label: p.T("backfills.ask"), Href: "/backfills"}, h.runAction(p)}
	}
	v.Next = h.next(p.Locale)
	recent, err := h.Store.Runs(ctx, store.RunFilter{Limit: recentRuns})
	if err != nil {
		return err
	}
	t := h.runTable(recent, p)
	v.Recent = &t
	return h.show(c, http.StatusOK, templates.RunsPage(v))
}

// filterBar is the form above the grid.
func (h *Handlers) filterBar(c echo.Context, p templates.Page, f gridFilter, attention, builds int) templates.GridFilter {
	bar := templates.GridFilter{
		Query: f.query, Days: strconv.Itoa(f.days), Downloads: h.csvOf(c, p),
		Kinds:  []templates.Option{{Label: p.T("runs.allkinds"), Selected: f.kind == ""}},
		States: []templates.Option{{Label: p.T("runs.allstates"), Selected: f.state == ""}, {Label: p.T("runs.notok"), Value: stateOpen, Selected: f.state == stateOpen}},
		Facts:  []templates.Fact{{Strong: p.Locale.Count(int64(attention)), After: p.T("web.ofbuilds", p.Locale.Count(int64(builds)))}},
	}
	for _, kind := range kindsInOrder {
		bar.Kinds = append(bar.Kinds, templates.Option{Label: p.T("kinds." + kind), Value: kind, Selected: f.kind == kind})
	}
	for _, k := range templates.StateKinds() {
		bar.States = append(bar.States, templates.Option{Label: p.T("state." + string(k)), Value: string(k), Selected: f.state == string(k)})
	}
	for _, n := range []int{7, 30, 90} {
		q := c.Request().URL.Query()
		q.Set("days", strconv.Itoa(n))
		bar.Ranges = append(bar.Ranges, templates.RangeLink{Label: p.T("runs.days", n), Href: "/runs?" + q.Encode(), Current: n == f.days})
	}
	return bar
}

// runAction asks for a day.
func (h *Handlers) runAction(p templates.Page) templates.Action {
	day := h.yesterday().String()
	return templates.Action{Label: p.T("runs.run"), Tone: "primary", URL: "/runs", Fields: []templates.Field{{Name: "scope", Value: scopeDay}}, Ask: &templates.Question{
		Title: p.T("web.run.title"), Text: p.T("web.run.text"), Confirm: p.T("web.run.confirm"),
		Inputs: []templates.Input{
			{Name: "day", Label: p.T("column.day"), Kind: "date", Value: day, Max: day, Required: true},
			{Name: "force", Label: p.T("web.force"), Kind: "select", Options: []templates.Option{
				{Label: p.T("web.force.stale"), Value: forceStale, Selected: true}, {Label: p.T("web.force.rebuild"), Value: jobs.ForceRebuild}, {Label: p.T("web.force.fetch"), Value: jobs.ForceFetch},
			}},
			{Name: "reason", Label: p.T("rerun.reason"), Hint: p.T("rerun.reasonhint")},
		},
	}}
}

// next is what the schedules hold.
func (h *Handlers) next(l text.Locale) []templates.NextRun {
	if h.Upcoming == nil {
		return nil
	}
	var out []templates.NextRun
	for _, u := range h.Upcoming(h.Now()) {
		kind, name, _ := strings.Cut(u.Schedule, ":")
		out = append(out, templates.NextRun{Time: h.when(u.Due, l), What: l.T("web.next."+kind, name), Detail: l.T("web.next.day", l.DayShort(u.Day))})
	}
	return out
}

// live is the runs under way.
func (h *Handlers) live(ctx context.Context, p templates.Page, admin bool) ([]templates.LiveRunView, error) {
	runs, err := h.Store.RunningRuns(ctx)
	if err != nil {
		return nil, err
	}
	var out []templates.LiveRunView
	for _, r := range runs {
		tasks, err := h.Store.Tasks(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, h.liveRun(r, tasks, p, admin))
	}
	return out, nil
}

// nowShown is how many tasks under way a live run names.
const nowShown = 5

func (h *Handlers) liveRun(r store.Run, tasks []store.Task, p templates.Page, admin bool) templates.LiveRunView {
	l, number := p.Locale, strconv.FormatInt(r.Number, 10)
	v := templates.LiveRunView{
		Run: r.ID, Status: templates.Status{Kind: templates.StateKind(r.State), Word: l.T("runs.named", number)}, Text: h.asking(r, l),
		Actions: []templates.Action{{Label: l.T("web.open"), Href: "/runs/" + number}},
	}
	if admin {
		v.Actions = append(v.Actions, cancelAction(p, number))
	}
	done := 0
	for _, t := range tasks {
		v.Tasks = append(v.Tasks, templates.StateKind(t.State))
		if !open(t.State) {
			done++
		}
		if (t.State == store.StateRunning || t.State == store.StateRetrying) && len(v.Now) < nowShown {
			v.Now = append(v.Now, templates.Status{Kind: templates.StateKind(t.State), Word: jobs.Cell{Node: t.Node, Day: t.Day}.String()})
		}
	}
	v.Progress = l.T("runs.done", done, len(tasks))
	v.Facts = []templates.Fact{{Strong: v.Progress}, {After: h.took(r.Started, r.Ended, l)}}
	return v
}

func cancelAction(p templates.Page, number string) templates.Action {
	return templates.Action{Label: p.T("cancel.ask"), Tone: "danger", URL: "/runs/" + number + "/cancel",
		Ask: &templates.Question{Title: p.T("cancel.title", number), Text: p.T("cancel.text"), Confirm: p.T("cancel.confirm")}}
}

// daysOf is the day or the days of a run.
func daysOf(r store.Run) string {
	if r.Through.IsZero() || r.Through == r.Day {
		return r.Day.String()
	}
	return r.Day.String() + " – " + r.Through.String()
}

// asking says for which days, by whom and why a run was asked for.
func (h *Handlers) asking(r store.Run, l text.Locale) string {
	s := l.T("web.asked", daysOf(r), cmp.Or(r.By, l.T("web.cause."+r.Cause)), l.Clock(r.Asked, h.Project.Zone))
	if r.Reason != "" {
		s += ": “" + r.Reason + "”"
	}
	return s
}

// runTable lists runs.
func (h *Handlers) runTable(runs []store.Run, p templates.Page) templates.Table {
	l := p.Locale
	t := templates.Table{ID: "recent", Caption: p.T("runs.recent"), Empty: p.T("runs.none"), Columns: []templates.Column{
		{Label: p.T("column.state")}, {Label: p.T("column.run")}, {Label: p.T("column.cause"), Optional: true}, {Label: p.T("column.reason"), Optional: true},
		{Label: p.T("column.tasks"), Number: true, Optional: true}, {Label: p.T("column.started"), Number: true}, {Label: p.T("column.took"), Number: true},
	}}
	for _, r := range runs {
		s, number := status(r.State), strconv.FormatInt(r.Number, 10)
		t.Rows = append(t.Rows, templates.Row{Cells: []templates.TableCell{
			{Status: &s}, {Head: true, Text: number, Href: "/runs/" + number, Note: daysOf(r)}, {Text: l.T("web.cause." + r.Cause), Note: r.By}, {Text: r.Reason},
			{Text: l.Count(int64(r.Tasks))}, {Text: h.clock(r.Started, l), Sort: strconv.FormatInt(r.Number, 10)},
			{Text: h.took(r.Started, r.Ended, l), Sort: strconv.FormatInt(r.Ended.Sub(r.Started).Milliseconds(), 10)},
		}})
	}
	return t
}

// gridCSV is the grid as a file: a line for each node and day that has a state.
func (h *Handlers) gridCSV(c echo.Context, g templates.GridView) error {
	l := who(c).locale
	var rows [][]string
	for _, group := range g.Groups {
		for _, row := range group.Rows {
			for _, cell := range row.Cells {
				if cell.Status.Kind != templates.NoState {
					rows = append(rows, []string{row.Node, cell.Day, stateWord(cell.Status, l), cell.Why, cell.Took, cell.Count})
				}
			}
		}
	}
	heads := []string{l.T("column.node"), l.T("column.day"), l.T("column.state"), l.T("column.why"), l.T("column.took"), l.T("column.rows")}
	return answerCSV(c, "runs.csv", heads, rows)
}
