package handlers

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"daybook/internal/fault"
	"daybook/internal/report"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
	"daybook/templates"
)

// whyRows is how many rows of a chart or table the page of its origin repeats.
const whyRows = 20

// why answers where the numbers of a section come from: the query, every build under it, and the raw bytes.
func (h *Handlers) why(c echo.Context) error {
	ctx := c.Request().Context()
	e, r, err := h.editionOf(c)
	if err != nil {
		return err
	}
	figures, _, err := h.Runner.Figures(ctx, e.Report, e.Day, e.Number)
	if err != nil {
		return err
	}
	name := c.Param("section")
	at := slices.IndexFunc(figures.Sections, func(s report.Section) bool { return s.Name == name && s.Kind != report.KindText })
	if at < 0 {
		return fault.New(fault.NotFound, fmt.Sprintf("%s has no section %q", e.Report, name), "")
	}
	section := figures.Sections[at]
	p := h.page(c, "", "reports")
	l := p.Locale
	of := p.T("origin.of", e.Day.String(), e.Number)
	p.Title = p.T("origin.title") + " " + section.Heading(l)
	v := templates.OriginView{Page: p, Name: section.Heading(l), Of: of,
		Crumbs: []templates.Link{{Label: reportTitle(r, l), Href: "/reports/" + url.PathEscape(e.Report)}, {Label: of, Href: editionPath(e)}, {Label: p.T("origin.title")}},
		Facts: templates.FactLine{Facts: []templates.Fact{{Before: p.T("report.fingerprint"), Strong: e.Hash[:min(len(e.Hash), 8)], Mono: true},
			{After: p.T("origin.edition", h.clock(e.Created, l))}}}}
	h.showValue(&v, section, e)
	origins, err := h.Runner.Provenance(ctx, e.Report, e.Day, e.Number)
	if fault.Is(err, fault.NotFound) {
		v.Banner = &templates.Notice{Kind: templates.Missing, Title: p.T("origin.none"), Text: p.T("origin.nonetext")}
		return h.show(c, http.StatusOK, templates.OriginPage(v))
	}
	if err != nil {
		return err
	}
	chain := h.chain(&v, origins, name)
	if asksCSV(c) {
		return objectsCSV(c, e, name, chain, p)
	}
	if err := h.steps(ctx, &v, chain, p); err != nil {
		return err
	}
	v.Lineage = lineageOf(chain, p, e)
	v.Downloads = []templates.Download{{Label: p.T("origin.file"), Hint: p.T("origin.filehint"), Href: csvHref(c)}}
	return h.show(c, http.StatusOK, templates.OriginPage(v))
}

// showValue repeats what the edition shows.
func (h *Handlers) showValue(v *templates.OriginView, s report.Section, e store.Edition) {
	l := v.Locale
	if s.KPI != nil {
		unit := report.Sign(s.Format, s.Unit.In(string(l)))
		if unit != "" && unit != "%" && l == text.English {
			unit = " " + unit
		}
		k := templates.KPIView{Name: v.T("origin.value"), Value: report.Bare(s.KPI.Value, s.Format, s.Digits, l), Unit: unit, None: s.KPI.Value == nil}
		if k.None {
			k.Unit = ""
		}
		for _, c := range report.Changes(s, l) {
			k.Compare = append(k.Compare, templates.Comparison{Label: c.Against, Text: c.Text, Change: map[string]string{report.Up: "up", report.Down: "down", report.Same: "flat"}[c.Arrow]})
		}
		v.Figure = &k
		return
	}
	sheet := report.TableView(s, l)
	t := templates.Table{ID: "numbers", Caption: v.T("origin.value"), Empty: v.T("page.nothing"), Still: true}
	for _, head := range sheet.Columns {
		t.Columns = append(t.Columns, templates.Column{Label: head.Text, Number: head.Number})
	}
	for _, row := range sheet.Rows[:min(len(sheet.Rows), whyRows)] {
		cells := make([]templates.TableCell, len(row))
		for i, s := range row {
			cells[i] = templates.TableCell{Text: s, Head: i == 0}
		}
		t.Rows = append(t.Rows, templates.Row{Cells: cells})
	}
	if len(sheet.Rows) > whyRows {
		t.Foot = v.T("page.rows", l.Count(whyRows), l.Count(int64(sheet.Count)))
	}
	t.Downloads = []templates.Download{{Label: "CSV", Hint: v.T("page.csv.hint"),
		Href: dayPath(e.Report, e.Day) + "/" + url.PathEscape(s.Name) + ".csv?edition=" + strconv.Itoa(e.Number)}}
	v.Numbers = &t
}

// chain is the builds under a section, what it reads first and the sources last.
func (h *Handlers) chain(v *templates.OriginView, p jobs.Provenance, section string) []jobs.Origin {
	under := map[string]bool{}
	for _, reading := range p.Sections {
		if reading.Section != section {
			continue
		}
		v.Query = reading.SQL
		for i, name := range reading.Reads {
			under[name] = true
			if i > 0 {
				v.QueryName += ", "
			}
			v.QueryName += name
		}
	}
	var list []jobs.Origin
	for _, o := range slices.Backward(p.Nodes) { // each stands after what it reads
		if !under[o.Node] {
			continue
		}
		list = append(list, o)
		for _, in := range o.Inputs {
			under[in] = true
		}
	}
	return list
}

func stepID(node string) string { return "node-" + node }

// steps says of every build what went in and out, and whether there is another one by now.
func (h *Handlers) steps(ctx context.Context, v *templates.OriginView, chain []jobs.Origin, p templates.Page) error {
	changed := false
	for _, o := range chain {
		step, err := h.originStep(ctx, o, p)
		if err != nil {
			return err
		}
		changed = changed || step.Changed != ""
		v.Steps = append(v.Steps, step)
	}
	if changed {
		v.Banner = &templates.Notice{Kind: templates.Partial, Title: p.T("origin.anychanged")}
	}
	return nil
}

func (h *Handlers) originStep(ctx context.Context, o jobs.Origin, p templates.Page) (templates.OriginStep, error) {
	l := p.Locale
	step := templates.OriginStep{ID: stepID(o.Node), Node: o.Node, Href: nodePath(o.Node), Kind: p.T("kind." + o.Kind), File: o.File, SQL: o.SQL, Note: o.Note}
	if !o.Day.IsZero() {
		step.Day = o.Day.String()
	}
	for _, object := range o.Objects {
		step.Objects = append(step.Objects, templates.OriginObject{Name: object.Name, Origin: object.Origin, Size: l.Bytes(object.Bytes), SHA256: object.SHA256})
	}
	if o.Fingerprint == "" {
		step.Note = p.T("origin.notbuilt")
		return step, nil
	}
	for _, n := range []struct {
		key    string
		n      int64
		always bool
	}{{"origin.rowsin", o.RowsIn, false}, {"origin.rows", o.Rows, true}, {"origin.rejected", o.Rejected, o.Kind == "source"}, {"origin.deduplicated", o.Deduplicated, o.Kind == "source"}} {
		if n.n != 0 || n.always {
			step.Facts = append(step.Facts, templates.Fact{Before: p.T(n.key), Strong: l.Count(n.n)})
		}
	}
	step.Facts = append(step.Facts, templates.Fact{Before: p.T("origin.built"), Strong: h.clock(o.At, l)},
		templates.Fact{Before: p.T("origin.fingerprint"), Strong: o.Fingerprint[:min(len(o.Fingerprint), 8)], Mono: true})
	if run, err := h.Store.Run(ctx, o.Run); err == nil { // a build outlives the record of its run
		number := strconv.FormatInt(run.Number, 10)
		step.Facts = append(step.Facts, templates.Fact{After: p.T("origin.run", number), Href: "/runs/" + number + "?" + url.Values{"task": {o.Node}}.Encode()})
	}
	now, built, err := h.Store.Build(ctx, o.Node, o.Day)
	switch {
	case err != nil:
		return step, err
	case !built:
		step.Changed = p.T("origin.gone")
	case now.Output != o.Output:
		step.Changed = p.T("origin.changed", l.Count(now.Rows), h.clock(now.At, l))
	}
	return step, nil
}

// lineageOf is the chain as steps from the sources to the report, each name leading to its part of the page.
func lineageOf(chain []jobs.Origin, p templates.Page, e store.Edition) []templates.LineageStep {
	var list []templates.LineageStep
	for _, kind := range kindsInOrder {
		step := templates.LineageStep{Label: p.T("kinds." + kind)}
		for _, o := range slices.Backward(chain) {
			if o.Kind == kind {
				step.Links = append(step.Links, templates.Link{Label: o.Node, Href: "#" + stepID(o.Node)})
			}
		}
		if len(step.Links) > 0 {
			list = append(list, step)
		}
	}
	return append(list, templates.LineageStep{Label: p.T("origin.report"), Links: []templates.Link{{Label: e.Report, Href: editionPath(e)}}, Here: true})
}

// objectsCSV is the raw objects under a section, with their whole hashes.
func objectsCSV(c echo.Context, e store.Edition, section string, chain []jobs.Origin, p templates.Page) error {
	var rows [][]string
	for _, o := range chain {
		for _, object := range o.Objects {
			rows = append(rows, []string{o.Node, o.Day.String(), object.Name, object.Origin, strconv.FormatInt(object.Bytes, 10), object.SHA256})
		}
	}
	columns := []string{p.T("column.node"), p.T("column.day"), p.T("origin.column.object"), p.T("origin.column.origin"), p.T("origin.column.bytes"), "SHA-256"}
	return answerCSV(c, fmt.Sprintf("%s-%s-%d-%s-raw.csv", e.Report, e.Day, e.Number, cmp.Or(section, "all")), columns, rows)
}
