package handlers

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"daybook/internal/project"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
	"daybook/templates"
)

func nodePath(name string) string { return "/data/" + url.PathEscape(name) }

// newest is what is known of a node's newest day.
type newest struct {
	build  store.Build
	status templates.Status
	tried  store.Task
}

func (h *Handlers) newest(ctx context.Context, n *jobs.Node) (newest, error) {
	var out newest
	builds, err := h.Store.NodeBuilds(ctx, n.Name, 1)
	if err != nil {
		return out, err
	}
	tasks, err := h.Store.NodeTasks(ctx, n.Name, n.Key(h.yesterday()).Day, 1)
	if err != nil {
		return out, err
	}
	l := ledger{builds: map[jobs.Cell]store.Build{}, tasks: map[jobs.Cell]store.Task{}}
	at := n.Key(h.yesterday())
	if len(builds) > 0 {
		out.build = builds[0]
		at = jobs.Cell{Node: n.Name, Day: builds[0].Day}
		l.builds[at] = builds[0]
	}
	// What failed since is newer than the newest day that was built.
	if len(tasks) > 0 && !tasks[0].Day.Before(at.Day) {
		out.tried = tasks[0]
		at = jobs.Cell{Node: n.Name, Day: tasks[0].Day}
		l.tasks[at] = tasks[0]
	}
	out.status = l.cell(at, h.yesterday(), text.English, h).Status
	return out, nil
}

// matching reports whether a node or one of its columns has the words in its name.
func matching(n *jobs.Node, q string) bool {
	q = strings.ToLower(strings.TrimSpace(q))
	if q == "" || strings.Contains(strings.ToLower(n.Name), q) {
		return true
	}
	for _, c := range n.Columns {
		if strings.Contains(strings.ToLower(c.Name), q) {
			return true
		}
	}
	return false
}

// catalog is the nodes by kind, and the same as a table.
func (h *Handlers) catalog(ctx context.Context, current, q string, p templates.Page) ([]templates.CatalogGroup, templates.Table, error) {
	l := p.Locale
	t := templates.Table{ID: "nodes", Caption: p.T("data.nodes"), Empty: p.T("web.nothingfound"), Columns: []templates.Column{
		{Label: p.T("column.state")}, {Label: p.T("column.node")}, {Label: p.T("column.owner"), Optional: true}, {Label: p.T("column.built"), Optional: true}, {Label: p.T("column.rows"), Number: true},
	}}
	var groups []templates.CatalogGroup
	for _, kind := range kindsInOrder {
		group := templates.CatalogGroup{Label: p.T("kinds." + kind)}
		for _, n := range h.Runner.Graph.Order {
			if n.Kind != kind || !matching(n, q) && n.Name != current {
				continue
			}
			now, err := h.newest(ctx, n)
			if err != nil {
				return nil, t, err
			}
			rows, built := text.Dash, text.Dash
			if now.build.Node != "" {
				rows, built = l.Count(now.build.Rows), h.clock(now.build.At, l)
			}
			item := templates.CatalogItem{Name: n.Name, Href: nodePath(n.Name), Rows: rows, Current: n.Name == current}
			if needsALook(now.status) {
				item.Status = &now.status
			}
			group.Items = append(group.Items, item)
			t.Rows = append(t.Rows, templates.Row{Cells: []templates.TableCell{
				{Status: &now.status}, {Head: true, Text: n.Name, Href: nodePath(n.Name), Note: p.T("kind." + kind)}, {Text: n.Owner},
				{Text: built, Sort: strconv.FormatInt(now.build.At.Unix(), 10)}, {Text: rows, Sort: strconv.FormatInt(now.build.Rows, 10)},
			}})
		}
		if len(group.Items) > 0 {
			groups = append(groups, group)
		}
	}
	return groups, t, nil
}

func (h *Handlers) data(c echo.Context) error {
	p := h.page(c, "", "data")
	p.Title = p.T("data.title")
	q := c.QueryParam("q")
	groups, t, err := h.catalog(c.Request().Context(), "", q, p)
	if err != nil {
		return err
	}
	if asksCSV(c) {
		return h.tableCSV(c, "nodes", t)
	}
	t.Downloads = h.csvOf(c, p)
	return h.show(c, http.StatusOK, templates.DataPage(templates.DataView{Page: p, Query: q, Catalog: groups, Overview: &t, Lede: p.T("data.lede")}))
}

// lineage is where a node's data comes from and goes to, a step for each kind.
func (h *Handlers) lineage(n *jobs.Node, l text.Locale) []templates.LineageStep {
	up, down := h.Runner.Graph.Upstream(n.Name), h.Runner.Graph.Downstream(n.Name)
	delete(up, n.Name)
	delete(down, n.Name)
	steps := h.stepsOf(up, l)
	if n.Source != nil {
		steps = []templates.LineageStep{{Label: l.T("data.from"), Links: []templates.Link{{Label: strings.TrimSpace(n.Source.From + " " + n.Source.Place())}}}}
	}
	steps = append(steps, templates.LineageStep{Label: l.T("kind." + n.Kind), Links: []templates.Link{{Label: n.Name, Href: nodePath(n.Name)}}, Here: true})
	return append(steps, h.stepsOf(down, l)...)
}

func (h *Handlers) stepsOf(set map[string]bool, l text.Locale) []templates.LineageStep {
	var steps []templates.LineageStep
	for _, kind := range kindsInOrder {
		step := templates.LineageStep{Label: l.T("kinds." + kind)}
		for _, n := range h.Runner.Graph.Order {
			if set[n.Name] && n.Kind == kind {
				step.Links = append(step.Links, templates.Link{Label: n.Name, Href: nodePath(n.Name)})
			}
		}
		if len(step.Links) > 0 {
			steps = append(steps, step)
		}
	}
	return steps
}

// columns is what a node's rows have, and what it means.
func columns(n *jobs.Node, p templates.Page) *templates.Table {
	if len(n.Columns) == 0 {
		return nil
	}
	meaning, key := map[string]string{}, []string(nil)
	switch {
	case n.Source != nil:
		key = n.Source.Key
		for _, c := range n.Source.Columns {
			meaning[c.Name] = c.Description
		}
	case n.Query != nil:
		key, meaning = n.Query.Key, n.Query.Columns
	}
	t := &templates.Table{Caption: p.T("data.columns"), Still: true, Columns: []templates.Column{{Label: p.T("column.name")}, {Label: p.T("column.type")}, {Label: p.T("column.meaning")}}}
	for _, c := range n.Columns {
		t.Rows = append(t.Rows, templates.Row{Cells: []templates.TableCell{{Head: true, Text: c.Name, Mono: true, Key: slices.Contains(key, c.Name)}, {Text: c.Type, Mono: true}, {Text: meaning[c.Name]}}})
	}
	return t
}

// about is the file, the description and the key of a node.
func about(n *jobs.Node) (file, description string, key []string) {
	switch n.Kind {
	case project.KindSource:
		return n.Source.File, n.Source.Description, n.Source.Key
	case project.KindReport:
		return n.Report.File, "", nil
	case project.KindPublication:
		return n.Publication.File, n.Publication.Description, n.Publication.Key
	}
	return n.Query.File, n.Query.Description, n.Query.Key
}
