package handlers

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"daybook/internal/fault"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
	"daybook/templates"
)

// maxTasks is how many tasks of a run the page lists; the file has all.
const maxTasks = 300

// runOf is the run of the address, by number or by id.
func (h *Handlers) runOf(c echo.Context) (store.Run, error) {
	number := c.Param("number")
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		return h.Store.RunByNumber(c.Request().Context(), n)
	}
	return h.Store.Run(c.Request().Context(), number)
}

func (h *Handlers) run(c echo.Context) error {
	ctx, visitor := c.Request().Context(), who(c)
	run, err := h.runOf(c)
	if err != nil {
		return err
	}
	number := strconv.FormatInt(run.Number, 10)
	if c.Param("number") != number {
		return see(c, "/runs/"+number+query(c))
	}
	seen, err := h.Store.LastEvent(ctx)
	if err != nil {
		return err
	}
	tasks, err := h.Store.Tasks(ctx, run.ID)
	if err != nil {
		return err
	}
	p := h.page(c, "", "runs")
	p.Title = p.T("runs.named", number)
	picked := pick(tasks, c.QueryParam("task"))
	v := templates.RunView{
		Page: p, Crumbs: []templates.Link{{Label: p.T("runs.title"), Href: "/runs"}, {Label: number}}, Name: p.Title, Of: p.T("runs.for", daysOf(run)),
		Facts: h.runFacts(run, tasks, p), Banner: h.runBanner(run, tasks, p), TasksSub: p.T("web.tasks.sub"),
		Tasks: h.taskTable(run, tasks, picked, p),
	}
	if asksCSV(c) {
		return h.tableCSV(c, "run-"+number, v.Tasks)
	}
	v.Tasks.Downloads = h.csvOf(c, p)
	if len(v.Tasks.Rows) > maxTasks {
		v.Tasks.Foot = p.T("page.rows", p.Locale.Count(maxTasks), p.Locale.Count(int64(len(tasks))))
		v.Tasks.Rows = v.Tasks.Rows[:maxTasks]
	}
	if len(tasks) > 0 {
		g := h.runGraph(run, tasks, picked, p.Locale)
		v.Graph, v.GraphSub = &g, p.T("web.graph.sub")
	}
	if t := find(tasks, picked); t != nil {
		if v.Task, err = h.taskView(ctx, *t, p, visitor.admin(), seen); err != nil {
			return err
		}
	}
	if visitor.admin() {
		v.Actions = h.runActions(run, p)
	}
	if open(run.State) {
		v.Events = "/events?" + url.Values{"run": {run.ID}, "task": {picked}, "after": {strconv.FormatInt(seen, 10)}}.Encode()
	}
	return h.show(c, http.StatusOK, templates.RunPage(v))
}

func query(c echo.Context) string {
	if q := c.Request().URL.RawQuery; q != "" {
		return "?" + q
	}
	return ""
}

// pick is the task that is open: the one asked for, by id or node, else the first that failed.
func pick(tasks []store.Task, asked string) string {
	for _, t := range tasks {
		if asked != "" && (t.ID == asked || t.Node == asked) {
			return t.ID
		}
	}
	for _, t := range tasks {
		if t.State == store.StateFailed {
			return t.ID
		}
	}
	return ""
}

func find(tasks []store.Task, id string) *store.Task {
	for i := range tasks {
		if tasks[i].ID == id {
			return &tasks[i]
		}
	}
	return nil
}

func (h *Handlers) runActions(run store.Run, p templates.Page) []templates.Action {
	number := strconv.FormatInt(run.Number, 10)
	if open(run.State) {
		return []templates.Action{cancelAction(p, number)}
	}
	fields := []templates.Field{{Name: "day", Value: run.Day.String()}, {Name: "through", Value: run.Through.String()}, {Name: "reason", Value: p.T("web.again", number)}}
	for _, n := range run.Nodes {
		fields = append(fields, templates.Field{Name: "node", Value: n})
	}
	return []templates.Action{{Label: p.T("web.rerun.run"), URL: "/runs", Fields: fields}}
}

func (h *Handlers) runFacts(run store.Run, tasks []store.Task, p templates.Page) templates.FactLine {
	l, ended := p.Locale, 0
	for _, t := range tasks {
		if !open(t.State) {
			ended++
		}
	}
	return templates.FactLine{ID: templates.RunFactsID, Live: true, Statuses: []templates.Status{status(run.State)}, Facts: []templates.Fact{
		{Strong: l.T("runs.done", ended, len(tasks))}, {Strong: h.took(run.Started, run.Ended, l)}, {After: h.asking(run, l), Quiet: true},
	}}
}

// runBanner says why a run failed, or that there was nothing to do.
func (h *Handlers) runBanner(run store.Run, tasks []store.Task, p templates.Page) *templates.Notice {
	switch {
	case run.Error != "":
		return &templates.Notice{Bad: true, Title: brief(run.Error)}
	case len(tasks) == 0 && !open(run.State):
		return &templates.Notice{Kind: templates.UpToDate, Title: p.T("web.nothingtodo")}
	}
	return nil
}

// rank orders tasks for people: what failed, what is under way, what waits, what is done.
func rank(t store.Task) int {
	switch t.State {
	case store.StateFailed:
		return 0
	case store.StateRetrying, store.StateRunning:
		return 1
	case store.StateQueued, store.StateWaiting:
		return 2
	case store.StateDone:
		return 4
	}
	return 3
}

func (h *Handlers) taskTable(run store.Run, tasks []store.Task, picked string, p templates.Page) templates.Table {
	t := templates.Table{ID: "tasks", Caption: p.T("run.tasks"), Empty: p.T("web.nothingtodo"), Columns: taskColumns(p)}
	sorted := slices.Clone(tasks)
	slices.SortStableFunc(sorted, func(a, b store.Task) int { return rank(a) - rank(b) })
	for _, task := range sorted {
		t.Rows = append(t.Rows, h.taskRow(run, task, picked, p.Locale))
	}
	return t
}

func taskColumns(p templates.Page) []templates.Column {
	return []templates.Column{
		{Label: p.T("column.state")}, {Label: p.T("column.node")}, {Label: p.T("column.day"), Optional: true}, {Label: p.T("column.why"), Optional: true},
		{Label: p.T("column.attempt"), Number: true, Optional: true}, {Label: p.T("column.rows"), Number: true, Optional: true},
		{Label: p.T("column.took"), Number: true}, {Label: p.T("column.started"), Number: true, Optional: true},
	}
}

func (h *Handlers) taskRow(run store.Run, t store.Task, picked string, l text.Locale) templates.Row {
	s, attempt, rows, day := status(t.State), text.Dash, text.Dash, text.Dash
	if t.Attempt > 0 {
		attempt = strconv.Itoa(t.Attempt)
	}
	if t.State == store.StateDone {
		rows = l.Count(t.Rows)
	}
	if !t.Day.IsZero() {
		day = t.Day.String()
	}
	return templates.Row{ID: templates.TaskID(t.ID), Current: t.ID == picked, Cells: []templates.TableCell{
		{Status: &s}, {Head: true, Text: t.Node, Href: "/runs/" + strconv.FormatInt(run.Number, 10) + "?task=" + t.ID, Note: l.T("kind." + t.Kind)}, {Text: day},
		{Text: why(t, l)}, {Text: attempt}, {Text: rows}, {Text: h.took(t.Started, t.Ended, l)}, {Text: h.clock(t.Started, l)},
	}}
}

// why is the reason of a task in words.
func why(t store.Task, l text.Locale) string {
	w := jobs.ParseWhy(t.Why)
	if w.IsZero() {
		return ""
	}
	return w.In(l)
}

// runGraph is the nodes of a run; a node with several days shows the one that needs a look first.
func (h *Handlers) runGraph(run store.Run, tasks []store.Task, picked string, l text.Locale) templates.GraphView {
	worst, done, of := map[string]store.Task{}, map[string]int{}, map[string]int{}
	for _, t := range tasks {
		of[t.Node]++
		if !open(t.State) {
			done[t.Node]++
		}
		if w, ok := worst[t.Node]; !ok || rank(t) < rank(w) || t.ID == picked {
			worst[t.Node] = t
		}
	}
	g := templates.GraphView{Label: l.T("run.graph") + " " + strconv.FormatInt(run.Number, 10)}
	for _, kind := range kindsInOrder {
		group := templates.GraphKind{Label: l.T("kinds." + kind)}
		for _, n := range h.Runner.Graph.Order {
			t, ok := worst[n.Name]
			if !ok || n.Kind != kind {
				continue
			}
			node := templates.GraphNode{ID: n.Name, Name: n.Name, Detail: h.detail(t, done[n.Name], of[n.Name], l), Status: status(t.State), Selected: t.ID == picked,
				Href: "/runs/" + strconv.FormatInt(run.Number, 10) + "?task=" + t.ID}
			if t.State == store.StateRunning {
				node.Progress = t.Progress
			}
			group.Nodes = append(group.Nodes, node)
			for _, in := range n.Inputs {
				g.Edges = append(g.Edges, templates.GraphEdge{From: in, To: n.Name})
			}
		}
		if len(group.Nodes) > 0 {
			g.Kinds = append(g.Kinds, group)
		}
	}
	return g
}

func (h *Handlers) detail(t store.Task, done, of int, l text.Locale) string {
	switch {
	case of > 1:
		return strconv.Itoa(done) + "/" + strconv.Itoa(of)
	case t.State == store.StateDone:
		return l.Count(t.Rows) + " · " + h.took(t.Started, t.Ended, l)
	case !t.Started.IsZero():
		return h.took(t.Started, t.Ended, l)
	}
	return ""
}

// parts of a run's page that its stream sends.
func (h *Handlers) runParts(ctx context.Context, id string) (store.Run, []store.Task, error) {
	run, err := h.Store.Run(ctx, id)
	if err != nil {
		return run, nil, err
	}
	tasks, err := h.Store.Tasks(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return run, nil, nil
	}
	return run, tasks, err
}
