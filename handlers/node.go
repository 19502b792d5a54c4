package handlers

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/project"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
	"daybook/templates"
)

const (
	historyDays = 30
	sampleRows  = 20
	rejectRows  = 100
	fileRows    = 100_000 // of a node's day as a file; the name says so when there are more
	cellWidth   = 200     // characters of a value that a page shows
)

func (h *Handlers) node(c echo.Context) error {
	ctx, visitor, name := c.Request().Context(), who(c), c.Param("node")
	if stem, ok := strings.CutSuffix(name, ".csv"); ok {
		return h.nodeCSV(c, stem)
	}
	n, err := h.Runner.Graph.Node(name)
	if err != nil {
		return err
	}
	p := h.page(c, name, "data")
	builds, err := h.Store.NodeBuilds(ctx, n.Name, historyDays)
	if err != nil {
		return err
	}
	day, err := h.sampleDay(c, n, builds)
	if err != nil {
		return err
	}
	v := templates.DataView{Page: p, Query: c.QueryParam("q")}
	if v.Catalog, _, err = h.catalog(ctx, n.Name, v.Query, p); err != nil {
		return err
	}
	if v.Node, err = h.nodeView(ctx, n, builds, day, p); err != nil {
		return err
	}
	if visitor.admin() {
		v.Node.Actions = []templates.Action{h.rerunAction(p, n.Name, day)}
	}
	return h.show(c, http.StatusOK, templates.DataPage(v))
}

// sampleDay is the day asked for, else the newest that was built.
func (h *Handlers) sampleDay(c echo.Context, n *jobs.Node, builds []store.Build) (calendar.Day, error) {
	if asked := c.QueryParam("day"); asked != "" && !n.Current {
		return calendar.ParseDay(asked)
	}
	if len(builds) > 0 {
		return builds[0].Day, nil
	}
	return n.Key(h.yesterday()).Day, nil
}

func (h *Handlers) nodeView(ctx context.Context, n *jobs.Node, builds []store.Build, day calendar.Day, p templates.Page) (*templates.NodeView, error) {
	l := p.Locale
	file, description, key := about(n)
	v := &templates.NodeView{Kind: l.T("kind." + n.Kind), Name: n.Name, Lede: description, Lineage: h.lineage(n, l), LineageSub: l.T("data.lineagesub"),
		Columns: columns(n, p), ColumnsSub: file, ChecksSub: l.T("data.checkssub")}
	now, err := h.newest(ctx, n)
	if err != nil {
		return nil, err
	}
	v.Facts = templates.FactLine{ID: "node-facts", Statuses: []templates.Status{now.status}}
	fact := func(before, strong string, mono bool) {
		if strong != "" {
			v.Facts.Facts = append(v.Facts.Facts, templates.Fact{Before: before, Strong: strong, Mono: mono})
		}
	}
	if now.build.Node != "" {
		fact(l.T("column.built"), h.clock(now.build.At, l), false)
	}
	fact(l.T("column.owner"), n.Owner, false)
	fact(l.T("data.key"), strings.Join(key, ", "), true)
	if now.tried.State == store.StateFailed {
		v.Banner = &templates.Notice{Bad: true, Title: brief(now.tried.Error), Link: &templates.Link{Label: l.T("runs.open"), Href: taskPath(now.tried.Run, now.tried.ID)}}
	}
	if !n.Current && len(builds) > 0 {
		v.Rows, v.RowsSub = bars(builds, day, l), l.T("data.lastdays", historyDays)
	}
	if v.Checks, err = h.checks(ctx, n, builds, l); err != nil {
		return nil, err
	}
	if n.Source != nil && !n.Current {
		if v.Schema, err = h.schemaTable(ctx, n, builds, p); err != nil {
			return nil, err
		}
		v.SchemaSub = l.T("data.schemasub")
	}
	if n.Kind == project.KindReport || n.Kind == project.KindPublication {
		return v, nil
	}
	return v, h.rowsOf(ctx, n, builds, day, v, p)
}

// bars is the rows of the last days up to the newest build.
func bars(builds []store.Build, day calendar.Day, l text.Locale) *templates.Bars {
	last := builds[0].Day
	rows, most := map[calendar.Day]int64{}, int64(0)
	for _, b := range builds {
		rows[b.Day] = b.Rows
		most = max(most, b.Rows)
	}
	v := &templates.Bars{Label: l.T("web.bars", l.Count(rows[last]), last.String()), Top: l.T("web.rowscount", l.Count(most)), Max: float64(most)}
	for i, d := range calendar.Range(last.Add(1-historyDays), last) {
		n, ok := rows[d]
		bar := templates.Bar{Value: float64(n), Missing: !ok, Current: d == day, Title: d.String() + ": " + l.Count(n)}
		if !ok {
			bar.Title = d.String() + ": " + l.T("grid.none")
		}
		if i == 0 || d == last {
			bar.Tick = l.DayShort(d)
		}
		v.Days = append(v.Days, bar)
	}
	return v
}

// checkKinds are the states of check results as they are shown.
var checkKinds = map[string]templates.StateKind{"passed": templates.UpToDate, "warned": templates.Partial, "failed": templates.Failed}

func (h *Handlers) checks(ctx context.Context, n *jobs.Node, builds []store.Build, l text.Locale) (*templates.ChecksView, error) {
	var from, to calendar.Day
	if !n.Current {
		to = h.yesterday()
		if len(builds) > 0 && builds[0].Day.After(to) {
			to = builds[0].Day
		}
		from = to.Add(1 - historyDays)
	}
	results, err := h.Store.Checks(ctx, n.Name, from, to)
	if err != nil || len(results) == 0 {
		return nil, err
	}
	days := calendar.Range(from, to)
	v, at := &templates.ChecksView{}, map[string]int{}
	for _, d := range days {
		v.Days = append(v.Days, d.String())
	}
	for _, r := range results {
		i, ok := at[r.Name]
		if !ok {
			i = len(v.Rows)
			at[r.Name] = i
			v.Rows = append(v.Rows, templates.CheckRow{Name: r.Name, Cells: make([]templates.CheckCell, len(days))})
			for j, d := range days {
				v.Rows[i].Cells[j].Label = d.String() + ": " + l.T("grid.none")
			}
		}
		v.Rows[i].Kind, v.Rows[i].Last = l.T("data."+r.Severity), r.Value
		cell := templates.CheckCell{Kind: checkKinds[r.State], Label: r.Day.String() + ": " + l.T("web.check."+r.State) + ", " + r.Value}
		if r.State != "passed" {
			cell.Label += " (" + l.T("web.wanted", r.Want) + ") " + brief(strings.Join(r.Examples, ", "))
		}
		v.Rows[i].Cells[r.Day.Sub(from)] = cell
	}
	return v, nil
}

// rowsOf adds a sample of a day, and a source's rejects.
func (h *Handlers) rowsOf(ctx context.Context, n *jobs.Node, builds []store.Build, day calendar.Day, v *templates.NodeView, p templates.Page) error {
	if n.Source != nil && h.Peek != nil {
		heads, rows, err := h.staged(ctx, jobs.RejectsNode(n.Name), day, rejectRows)
		if err != nil {
			return err
		}
		t := h.rowTable("rejects", p.T("data.rejects"), heads, rows, map[string]bool{"line": true})
		for i, name := range heads {
			if key := rejectHeads[name]; key != "" {
				t.Columns[i].Label = p.T(key)
			}
		}
		t.Empty, v.RejectsSub, v.Rejects = p.T("data.norejects"), day.String(), &t
	}
	heads, rows, err := h.rows(ctx, n, day, sampleRows+1)
	if err != nil {
		return err
	}
	if heads == nil {
		return nil
	}
	more := len(rows) > sampleRows
	t := h.rowTable("sample-rows", p.T("data.sample"), heads, rows[:min(len(rows), sampleRows)], numeric(n))
	t.Slim, t.Empty, v.Sample = true, p.T("data.nosample"), &t
	if more {
		v.SampleSub = p.T("web.firstrows", sampleRows)
	}
	href := nodePath(n.Name) + ".csv"
	if !n.Current {
		href += "?day=" + day.String()
		v.SampleURL = nodePath(n.Name)
		for _, b := range builds {
			v.SampleDays = append(v.SampleDays, templates.Option{Label: b.Day.String(), Value: b.Day.String(), Selected: b.Day == day})
		}
	}
	t.Downloads = []templates.Download{{Label: "CSV", Hint: p.T("page.csv.hint"), Href: href}}
	return nil
}

// rows reads up to limit rows of a node's day; no columns at all where they cannot be read here.
func (h *Handlers) rows(ctx context.Context, n *jobs.Node, day calendar.Day, limit int) ([]string, [][]any, error) {
	if n.Source != nil {
		if h.Peek == nil {
			return nil, nil, nil
		}
		return h.staged(ctx, n.Name, day, limit)
	}
	if n.Query == nil {
		return nil, nil, nil
	}
	table := `"` + strings.ReplaceAll(n.Name, `"`, `""`) + `"`
	where := " WHERE day = $day"
	if n.Current {
		where = ""
	}
	if _, ok, err := h.Store.Build(ctx, n.Name, day); err != nil || !ok {
		return columnNames(n), nil, err
	}
	return h.Runner.Query(ctx, fmt.Sprintf("SELECT * FROM %s%s ORDER BY %s LIMIT %d", table, where, order(n), limit), day)
}

func columnNames(n *jobs.Node) []string {
	out := make([]string, len(n.Columns))
	for i, c := range n.Columns {
		out[i] = c.Name
	}
	return out
}

// order is the key, or else every column that can be compared, so that a sample is the same each time.
func order(n *jobs.Node) string {
	by := n.Query.Key
	if len(by) == 0 {
		by = columnNames(n)
	}
	quoted := make([]string, len(by))
	for i, c := range by {
		quoted[i] = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
	}
	return strings.Join(quoted, ", ")
}

// staged reads rows of the stage layer; a day that was never staged has none.
func (h *Handlers) staged(ctx context.Context, node string, day calendar.Day, limit int) ([]string, [][]any, error) {
	m, err := h.Lake.Manifest(ctx, lake.Key{Layer: lake.Stage, Node: node, Day: day})
	if fault.Is(err, fault.NotFound) || err == nil && len(m.Objects) == 0 {
		return []string{}, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	path, err := h.Lake.Local(ctx, m, m.Objects[0].Name)
	if err != nil {
		return nil, nil, err
	}
	return h.Peek(ctx, path, limit)
}

// rejectHeads are the columns of rejects.
var rejectHeads = map[string]string{"object": "column.object", "line": "column.line", "reason": "column.reason", "column": "column.name", "text": "column.text", "day": "column.day"}

// numeric are the columns that hold numbers.
func numeric(n *jobs.Node) map[string]bool {
	out := map[string]bool{}
	for _, c := range n.Columns {
		kind, _, _ := strings.Cut(c.Type, "(")
		out[c.Name] = slices.Contains([]string{"INTEGER", "BIGINT", "HUGEINT", "SMALLINT", "DOUBLE", "FLOAT", "DECIMAL"}, kind) && !strings.HasSuffix(c.Type, "]")
	}
	return out
}

// rowTable shows values as they are, long ones cut.
func (h *Handlers) rowTable(id, caption string, heads []string, rows [][]any, numeric map[string]bool) templates.Table {
	t := templates.Table{ID: id, Caption: caption}
	for _, name := range heads {
		t.Columns = append(t.Columns, templates.Column{Label: name, Number: numeric[name]})
	}
	for _, r := range rows {
		cells := make([]templates.TableCell, len(r))
		for i, v := range r {
			s := plain(v)
			if runes := []rune(s); len(runes) > cellWidth {
				s = string(runes[:cellWidth]) + "…"
			}
			cells[i] = templates.TableCell{Text: s, Quiet: v == nil}
			if v == nil {
				cells[i].Text = text.Dash
			}
		}
		t.Rows = append(t.Rows, templates.Row{Cells: cells})
	}
	return t
}

// nodeCSV is a node's day as a file.
func (h *Handlers) nodeCSV(c echo.Context, name string) error {
	ctx := c.Request().Context()
	n, err := h.Runner.Graph.Node(name)
	if err != nil {
		return err
	}
	builds, err := h.Store.NodeBuilds(ctx, n.Name, 1)
	if err != nil {
		return err
	}
	if c.QueryParam("table") == "schema" {
		return h.schemaCSV(c, n)
	}
	day, err := h.sampleDay(c, n, builds)
	if err != nil {
		return err
	}
	heads, values, err := h.rows(ctx, n, day, fileRows+1)
	if err != nil {
		return err
	}
	if heads == nil {
		return fault.New(fault.NotFound, fmt.Sprintf("%s has no rows to download", name), "")
	}
	file := name
	if !n.Current {
		file += "-" + day.String()
	}
	if len(values) > fileRows {
		values = values[:fileRows]
		file += fmt.Sprintf("-first-%d-rows", fileRows)
	}
	rows := make([][]string, len(values))
	for i, r := range values {
		for _, v := range r {
			rows[i] = append(rows[i], plain(v))
		}
	}
	return answerCSV(c, file+".csv", heads, rows)
}
