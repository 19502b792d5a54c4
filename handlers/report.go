package handlers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/report"
	"daybook/internal/text"
	"daybook/jobs"
	"daybook/templates"
)

// home is the newest day of the home report, or what to do first.
func (h *Handlers) home(c echo.Context) error {
	name := h.homeReport()
	if name == "" {
		return h.empty(c)
	}
	e, err := h.Store.LatestEdition(c.Request().Context(), name)
	if fault.Is(err, fault.NotFound) {
		return h.empty(c)
	}
	if err != nil {
		return err
	}
	return h.edition(c, name, e.Day, 0)
}

// homeReport is the project's, or its first; empty when it has none.
func (h *Handlers) homeReport() string {
	if h.Project.Home != "" || len(h.Project.Reports) == 0 {
		return h.Project.Home
	}
	return h.Project.Reports[0].Name
}

func (h *Handlers) empty(c echo.Context) error {
	p := h.page(c, "", "reports")
	p.Title = p.T("empty.title")
	day := h.yesterday().String()
	v := templates.EmptyView{
		Page: p, Heading: p.T("empty.title"), Lede: p.T("empty.lede"),
		Steps: []templates.Step{
			{Title: p.T("empty.read"), Text: h.contents(p.Locale), Status: &templates.Status{Kind: templates.UpToDate, Word: p.T("empty.done")}},
			{Title: p.T("empty.build"), Text: p.T("report.notbuilt"), Status: &templates.Status{Kind: templates.Queued, Word: p.T("empty.next")}},
		},
	}
	if who(c).admin() {
		v.Actions = []templates.Action{
			{Label: p.T("report.build", day), Tone: "primary", URL: "/runs", Fields: []templates.Field{{Name: "day", Value: day}}},
			{Label: p.T("empty.choose"), Href: "/backfills"},
		}
	}
	return h.show(c, http.StatusOK, templates.EmptyPage(v))
}

// contents says what the project holds.
func (h *Handlers) contents(l text.Locale) string {
	return l.T("web.contents", len(h.Project.Sources), len(h.Project.Tables), len(h.Project.Marts), len(h.Project.Reports))
}

func (h *Handlers) reports(c echo.Context) error {
	name := h.homeReport()
	if name == "" {
		return h.empty(c)
	}
	return see(c, "/reports/"+url.PathEscape(name))
}

func (h *Handlers) newestReport(c echo.Context) error {
	name := c.Param("report")
	if err := h.isReport(name); err != nil {
		return err
	}
	day := h.yesterday()
	e, err := h.Store.LatestEdition(c.Request().Context(), name)
	switch {
	case err == nil:
		day = e.Day
	case !fault.Is(err, fault.NotFound):
		return err
	}
	return see(c, "/reports/"+url.PathEscape(name)+"/"+day.String())
}

func (h *Handlers) isReport(name string) error {
	n, err := h.Runner.Graph.Node(name)
	if err != nil || n.Kind != project.KindReport {
		return fault.New(fault.NotFound, fmt.Sprintf("there is no report %q", name), "")
	}
	return nil
}

func (h *Handlers) report(c echo.Context) error {
	day, err := calendar.ParseDay(c.Param("day"))
	if err != nil {
		return err
	}
	return h.edition(c, c.Param("report"), day, 0)
}

func (h *Handlers) edition(c echo.Context, name string, day calendar.Day, number int) error {
	visitor := who(c)
	v, err := h.Runner.ReportView(c.Request().Context(), name, day, number, visitor.locale)
	if err != nil {
		return err
	}
	charts := v.Charts
	v.Page = h.page(c, v.Title, "reports")
	v.Charts = charts
	if visitor.admin() {
		if v.Nothing != nil {
			v.Nothing.Actions = []templates.Action{{Label: v.T("report.build", day.String()), Tone: "primary", URL: "/runs", Fields: []templates.Field{{Name: "node", Value: name}, {Name: "day", Value: day.String()}}}}
		} else {
			v.Actions = []templates.Action{h.rerunAction(v.Page, name, day)}
		}
	}
	if err := h.around(c, &v, name, day, number); err != nil {
		return err
	}
	return h.show(c, http.StatusOK, templates.ReportPage(v))
}

// reportPart is an edition (2), a file of it (2.html, 2.pdf, 2.xlsx), its figures (2.json), or the numbers of a section (NAME.csv).
func (h *Handlers) reportPart(c echo.Context) error {
	name, part := c.Param("report"), c.Param("part")
	day, err := calendar.ParseDay(c.Param("day"))
	if err != nil {
		return err
	}
	stem, kind := part, ""
	if i := strings.LastIndexByte(part, '.'); i >= 0 {
		stem, kind = part[:i], part[i+1:]
	}
	number, notNumber := strconv.Atoi(stem)
	none := fault.New(fault.NotFound, fmt.Sprintf("%s of %s has no part %q", name, day, part), "")
	switch {
	case kind == "csv":
		number, _ = strconv.Atoi(c.QueryParam("edition"))
		return h.sectionCSV(c, name, day, number, stem)
	case notNumber != nil || number < 1:
		return none
	case kind == "":
		return h.edition(c, name, day, number)
	case kind == "html" || kind == "pdf" || kind == "xlsx":
		return h.editionFile(c, name, day, number, kind)
	case kind != "json":
		return none
	}
	f, e, err := h.Runner.Figures(c.Request().Context(), name, day, number)
	if err != nil {
		return err
	}
	attach(c, fmt.Sprintf("%s-%s-%d.json", name, day, e.Number))
	body, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	return c.Blob(http.StatusOK, "application/json", body)
}

func (h *Handlers) editionFile(c echo.Context, name string, day calendar.Day, number int, kind string) error {
	e, err := h.Store.Edition(c.Request().Context(), name, day, number)
	if err != nil {
		return err
	}
	if h.Mailer == nil {
		return fault.New(fault.NotFound, "this server makes no files of editions", "")
	}
	file, err := h.Mailer.File(c.Request().Context(), e, who(c).locale, kind)
	if err != nil {
		return err
	}
	attach(c, file.Name)
	return c.Blob(http.StatusOK, file.Type, file.Bytes)
}

func (h *Handlers) sectionCSV(c echo.Context, name string, day calendar.Day, number int, section string) error {
	f, _, err := h.Runner.Figures(c.Request().Context(), name, day, number)
	if err != nil {
		return err
	}
	for _, s := range f.Sections {
		if s.Name == section && s.Kind != report.KindText {
			var b bytes.Buffer
			if err := report.CSV(&b, s); err != nil {
				return err
			}
			attach(c, fmt.Sprintf("%s-%s-%s.csv", name, day, section))
			return c.Blob(http.StatusOK, "text/csv; charset=utf-8", b.Bytes())
		}
	}
	return fault.New(fault.NotFound, fmt.Sprintf("%s has no section %q", name, section), "")
}

// rerunAction asks what of a node's day to build again.
func (h *Handlers) rerunAction(p templates.Page, node string, day calendar.Day) templates.Action {
	day = h.asked(day)
	scope := []templates.Option{{Label: p.T("web.scope.node", node), Value: scopeNode, Selected: true}}
	if len(h.Runner.Graph.Readers(node)) > 0 {
		scope = append(scope, templates.Option{Label: p.T("web.scope.downstream", node), Value: scopeDownstream})
	}
	scope = append(scope, templates.Option{Label: p.T("web.scope.day", day.String()), Value: scopeDay})
	return templates.Action{Label: p.T("rerun.ask"), URL: "/runs", Fields: []templates.Field{{Name: "node", Value: node}, {Name: "day", Value: day.String()}}, Ask: &templates.Question{
		Title: p.T("rerun.title", node), Text: p.T("web.rerun.text", day.String()),
		Inputs: []templates.Input{
			{Name: "scope", Label: p.T("web.scope"), Kind: "select", Options: scope},
			{Name: "force", Label: p.T("web.force"), Kind: "select", Options: []templates.Option{
				{Label: p.T("web.force.rebuild"), Value: jobs.ForceRebuild, Selected: true}, {Label: p.T("web.force.stale"), Value: forceStale}, {Label: p.T("web.force.fetch"), Value: jobs.ForceFetch},
			}},
			{Name: "reason", Label: p.T("rerun.reason"), Hint: p.T("rerun.reasonhint")},
		},
		Confirm: p.T("rerun.node"),
	}}
}

// asked is the day to ask for: a current state is made as of yesterday.
func (h *Handlers) asked(day calendar.Day) calendar.Day {
	if day.IsZero() {
		return h.yesterday()
	}
	return day
}
