package handlers

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"daybook/internal/project"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/templates"
)

// maxIncidents is how many incidents the page lists.
const maxIncidents = 200

// openIncidents counts what is open, for the badge of every page. A count that cannot be read leaves the badge out: the page itself
// reads the same records and says so.
func (h *Handlers) openIncidents(ctx context.Context) int {
	list, err := h.Store.Incidents(ctx, maxIncidents)
	if err != nil {
		return 0
	}
	return opened(list)
}

func opened(list []store.Incident) int {
	n := 0
	for _, i := range list {
		if i.Closed.IsZero() {
			n++
		}
	}
	return n
}

func (h *Handlers) incidents(c echo.Context) error {
	ctx := c.Request().Context()
	list, err := h.Store.Incidents(ctx, maxIncidents)
	if err != nil {
		return err
	}
	p := h.page(c, "", "incidents")
	p.Title = p.T("incidents.title")
	l := p.Locale
	t := templates.Table{ID: "incidents", Caption: p.T("incidents.list"), Empty: p.T("incidents.none"), Columns: []templates.Column{
		{Label: p.T("column.state")}, {Label: p.T("incidents.column.what")}, {Label: p.T("column.kind"), Optional: true}, {Label: p.T("column.day"), Optional: true}, {Label: p.T("column.reason"), Optional: true},
		{Label: p.T("incidents.column.since"), Number: true}, {Label: p.T("incidents.column.until"), Number: true, Optional: true}, {Label: p.T("incidents.column.howlong"), Number: true, Optional: true},
		{Label: p.T("column.run"), Optional: true}, {Label: p.T("incidents.column.told"), Optional: true},
	}}
	for _, i := range list {
		row, err := h.incidentRow(ctx, i, l)
		if err != nil {
			return err
		}
		t.Rows = append(t.Rows, row)
	}
	if asksCSV(c) {
		return h.tableCSV(c, "incidents", t)
	}
	if len(list) > 0 {
		t.Downloads = h.csvOf(c, p)
	}
	facts := templates.FactLine{}
	if n := opened(list); n > 0 {
		facts.Statuses = []templates.Status{{Kind: templates.Failed, Word: p.T("incidents.count", l.Count(int64(n)))}}
	}
	if len(list) > 0 {
		facts.Facts = []templates.Fact{{After: p.T("incidents.total", l.Count(int64(len(list))))}}
	}
	return h.show(c, http.StatusOK, templates.IncidentsPage(templates.IncidentsView{Page: p, Facts: facts, Incidents: t}))
}

func (h *Handlers) incidentRow(ctx context.Context, i store.Incident, l text.Locale) (templates.Row, error) {
	s := templates.Status{Kind: templates.Failed, Word: l.T("incidents.open")}
	if !i.Closed.IsZero() {
		s = templates.Status{Kind: templates.UpToDate, Word: l.T("incidents.closed")}
	}
	what := templates.TableCell{Head: true, Text: i.Subject, Small: incidentKind(i.Kind, l) + ": " + brief(i.Reason), Href: h.subjectPath(i)}
	day := templates.TableCell{Text: text.Dash}
	if !i.Day.IsZero() {
		day = templates.TableCell{Text: i.Day.String(), Whole: true}
	}
	run := templates.TableCell{Text: text.Dash}
	if r, err := h.Store.Run(ctx, i.Run); err == nil { // an incident outlives the record of its run
		run.Text = strconv.FormatInt(r.Number, 10)
		run.Href = "/runs/" + run.Text
	}
	told, err := h.told(ctx, i, l)
	if err != nil {
		return templates.Row{}, err
	}
	return templates.Row{ID: "incident-" + i.ID, Cells: []templates.TableCell{{Status: &s}, what, {Text: incidentKind(i.Kind, l)}, day, {Text: brief(i.Reason)},
		{Text: h.clock(i.Opened, l), Sort: strconv.FormatInt(i.Opened.Unix(), 10)}, {Text: h.clock(i.Closed, l), Sort: strconv.FormatInt(i.Closed.Unix(), 10)},
		{Text: h.took(i.Opened, i.Closed, l), Sort: strconv.FormatInt(int64(h.lasted(i).Seconds()), 10)}, run, told}}, nil
}

// lasted is how long an incident has lasted, so far where it is open.
func (h *Handlers) lasted(i store.Incident) time.Duration {
	if i.Closed.IsZero() {
		return h.Now().Sub(i.Opened)
	}
	return i.Closed.Sub(i.Opened)
}

// incidentKind is the kind in words, or as it is where the words do not know it.
func incidentKind(kind string, l text.Locale) string {
	switch kind {
	case project.OnFailed, project.OnLate, project.OnFigure:
		return l.T("incidents.kind." + kind)
	}
	return kind
}

// subjectPath leads to what an incident is about, if the project still has it.
func (h *Handlers) subjectPath(i store.Incident) string {
	n, err := h.Runner.Graph.Node(i.Subject)
	switch {
	case err != nil:
		return ""
	case n.Report != nil && !i.Day.IsZero() && i.Kind != project.OnFailed:
		return dayPath(n.Name, i.Day)
	}
	return nodePath(n.Name)
}

// told is who heard of an incident, and who could not be told.
func (h *Handlers) told(ctx context.Context, i store.Incident, l text.Locale) (templates.TableCell, error) {
	alerts, err := h.Store.AlertsOf(ctx, i.ID)
	if err != nil {
		return templates.TableCell{}, err
	}
	by := map[string][]string{}
	for _, a := range alerts {
		words := a.Channel
		if a.State == store.AlertGivenUp && a.Error != "" {
			words += " (" + brief(a.Error) + ")"
		}
		if !slices.Contains(by[a.State], words) {
			by[a.State] = append(by[a.State], words)
		}
	}
	var parts []string
	for _, part := range []struct{ state, key string }{{store.AlertGivenUp, "incidents.givenup"}, {store.AlertWaiting, "incidents.waiting"}, {store.AlertSent, "incidents.sent"}} {
		if len(by[part.state]) > 0 {
			parts = append(parts, l.T(part.key, strings.Join(by[part.state], ", ")))
		}
	}
	if len(parts) == 0 {
		return templates.TableCell{Text: l.T("incidents.nobodytold"), Quiet: true}, nil
	}
	return templates.TableCell{Text: strings.Join(parts, "; ")}, nil
}
