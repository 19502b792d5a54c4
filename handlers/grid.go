package handlers

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
	"daybook/templates"
)

// span is the days of a grid. A current state stands in the column of the last one.
type span struct{ from, to calendar.Day }

func (s span) days() []calendar.Day { return calendar.Range(s.from, s.to) }

// column is the day under which a build is shown.
func (s span) column(c jobs.Cell) calendar.Day {
	if c.Day.IsZero() {
		return s.to
	}
	return c.Day
}

// ledger is what is known of the cells of a grid.
type ledger struct {
	builds map[jobs.Cell]store.Build
	tasks  map[jobs.Cell]store.Task // the newest
	stale  map[jobs.Cell]jobs.Why
}

// ledger reads the cells of a span.
func (h *Handlers) ledger(ctx context.Context, s span) (ledger, error) {
	out := ledger{builds: map[jobs.Cell]store.Build{}, tasks: map[jobs.Cell]store.Task{}}
	builds, err := h.Store.Builds(ctx, s.from, s.to)
	if err != nil {
		return out, err
	}
	tasks, err := h.Store.LatestTasks(ctx, s.from, s.to)
	if err != nil {
		return out, err
	}
	for _, n := range h.Runner.Graph.Order {
		if !n.Current {
			continue
		}
		current, err := h.Store.NodeBuilds(ctx, n.Name, 1)
		if err != nil {
			return out, err
		}
		builds = append(builds, current...)
		newest, err := h.Store.NodeTasks(ctx, n.Name, calendar.Day{}, 1)
		if err != nil {
			return out, err
		}
		tasks = append(tasks, newest...)
	}
	for _, b := range builds {
		out.builds[jobs.Cell{Node: b.Node, Day: b.Day}] = b
	}
	for _, t := range tasks {
		out.tasks[jobs.Cell{Node: t.Node, Day: t.Day}] = t
	}
	out.stale, err = h.Runner.Stale(ctx, s.from, s.to)
	return out, err
}

// cell shows a build: its newest task where that is newer than what is built, else what is built, marked when it is stale. What was
// neither built nor tried has no state.
func (l ledger) cell(at jobs.Cell, column calendar.Day, locale text.Locale, h *Handlers) templates.GridCell {
	out := templates.GridCell{Node: at.Node, Day: column.String(), Took: text.Dash, Count: text.Dash}
	b, built := l.builds[at]
	t, tried := l.tasks[at]
	if built {
		out.Status, out.Count = templates.Status{Kind: templates.UpToDate}, locale.Count(b.Rows)
		out.Href = taskPath(b.Run, b.Task)
		if why, stale := l.stale[at]; stale && why.Code != "never_built" {
			out.Status = templates.Status{Kind: templates.Queued, Word: locale.T("web.stale")}
			out.Why = why.In(locale)
		}
	}
	newer := tried && (!built || t.Ended.IsZero() || t.Ended.After(b.At))
	if newer && (!built || t.State != store.StateDone) {
		out.Status, out.Why = status(t.State), jobs.ParseWhy(t.Why).In(locale)
		if t.Error != "" {
			out.Why = brief(t.Error)
		}
		if t.State != store.StateDone {
			out.Count = text.Dash
		}
	}
	if tried {
		out.Href, out.Took = taskPath(t.Run, t.ID), h.took(t.Started, t.Ended, locale)
		if out.Why == "" {
			out.Why = jobs.ParseWhy(t.Why).In(locale)
		}
	}
	word := locale.T("grid.none")
	if out.Status.Kind != templates.NoState {
		word = stateWord(out.Status, locale)
	}
	out.Label = at.Node + " " + out.Day + ": " + word
	return out
}

// taskPath leads to a task; the page of the run finds its number.
func taskPath(run, task string) string { return "/runs/" + run + "?task=" + task }

// brief is the beginning of a message, for places that hold a line.
func brief(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return s
}

// median is the middle duration of a node's finished tasks.
func (l ledger) median(node string, locale text.Locale) string {
	var took []time.Duration
	for at, t := range l.tasks {
		if at.Node == node && t.State == store.StateDone && !t.Started.IsZero() {
			took = append(took, t.Ended.Sub(t.Started))
		}
	}
	if len(took) == 0 {
		return text.Dash
	}
	slices.Sort(took)
	return locale.Took(took[len(took)/2])
}

// kindsInOrder are the kinds of nodes, in the order of the work.
var kindsInOrder = []string{"source", "table", "mart", "report", "publication"}

// grid is the nodes that pass the filter, by days. Attention counts the builds that are not up to date, of all shown.
func (h *Handlers) grid(s span, l ledger, f gridFilter, locale text.Locale, admin bool) (g templates.GridView, attention, builds int) {
	g = templates.GridView{Rerun: "/runs", Allow: admin}
	for i, d := range s.days() {
		_, _, number := d.Date()
		if i == 0 || number == 1 {
			g.Months = append(g.Months, templates.GridMonth{Label: locale.Month(d)})
		}
		g.Months[len(g.Months)-1].Days++
		weekday := d.Weekday()
		g.Days = append(g.Days, templates.GridDay{Weekday: initial(locale.Weekday(weekday)), Number: strconv.Itoa(number), Day: d.String(),
			Weekend: weekday == time.Saturday || weekday == time.Sunday, Last: d == s.to})
	}
	for _, kind := range kindsInOrder {
		group := templates.GridGroup{Label: locale.T("kinds." + kind)}
		for _, n := range h.Runner.Graph.Order {
			if n.Kind != kind || !f.takes(n) {
				continue
			}
			row := templates.GridRow{Node: n.Name, Label: n.Name, Href: nodePath(n.Name), Median: l.median(n.Name, locale)}
			worth := f.state == ""
			for _, d := range s.days() {
				at := n.Key(d)
				if n.Current && d != s.to {
					row.Cells = append(row.Cells, templates.GridCell{Node: n.Name, Day: d.String(), Label: n.Name + " " + d.String() + ": " + locale.T("grid.none")})
					continue
				}
				cell := l.cell(at, d, locale, h)
				row.Cells = append(row.Cells, cell)
				worth = worth || f.matches(cell.Status)
				if cell.Status.Kind != templates.NoState {
					builds++
				}
				if needsALook(cell.Status) {
					attention++
				}
			}
			if worth {
				group.Rows = append(group.Rows, row)
			}
		}
		if len(group.Rows) > 0 {
			g.Groups = append(g.Groups, group)
		}
	}
	return g, attention, builds
}

func needsALook(s templates.Status) bool {
	return s.Kind != templates.NoState && (s.Kind != templates.UpToDate || s.Word != "")
}

func initial(s string) string { return string([]rune(s)[:1]) }
