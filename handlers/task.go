package handlers

import (
	"context"
	"strconv"

	"daybook/internal/project"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
	"daybook/templates"
)

// logShown is how many lines of a log the page shows, the newest.
const logShown = 400

// taskView is the panel of a task. Log lines with a Seq above upTo are left out : the stream brings them; 0 is no bound.
func (h *Handlers) taskView(ctx context.Context, t store.Task, p templates.Page, admin bool, upTo int64) (*templates.TaskView, error) {
	l := p.Locale
	v := &templates.TaskView{ID: t.ID, Kind: l.T("kind." + t.Kind), Name: t.Node, Href: nodePath(t.Node) + dayQuery(t)}
	v.Facts = templates.FactLine{Statuses: []templates.Status{status(t.State)}, Facts: []templates.Fact{{After: jobs.Cell{Node: t.Node, Day: t.Day}.String()}}}
	if t.State == store.StateDone {
		v.Facts.Facts = append(v.Facts.Facts, templates.Fact{Strong: l.Count(t.Rows), After: l.T("web.rows")})
	}
	if !t.Started.IsZero() {
		v.Facts.Facts = append(v.Facts.Facts, templates.Fact{After: h.took(t.Started, t.Ended, l)}, templates.Fact{After: h.clock(t.Started, l), Quiet: true})
	}
	if admin && !open(t.State) {
		v.Actions = h.taskActions(t, p)
	}
	if t.Error != "" {
		v.Error = &templates.Notice{Kind: templates.StateKind(t.State), Bad: t.State == store.StateFailed, Title: t.Error}
	}
	if w := why(t, l); w != "" {
		v.Why = []string{w}
	}
	if t.Kind == project.KindSource && t.RowsIn > 0 {
		v.Balance = l.T("web.balance", l.Count(t.RowsIn), l.Count(t.RowsIn-t.Rejected-t.Deduplicated), l.Count(t.Rejected), l.Count(t.Deduplicated))
		if t.Rejected > 0 {
			v.Rejects = &templates.Link{Label: l.T("task.rejects", l.Count(t.Rejected)), Href: nodePath(t.Node) + dayQuery(t)}
		}
	}
	var err error
	if v.Inputs, err = h.inputs(ctx, t, p); err != nil {
		return nil, err
	}
	if v.Attempts, err = h.attempts(ctx, t, p); err != nil {
		return nil, err
	}
	if v.Log, err = h.taskLog(ctx, t.ID, upTo); err != nil {
		return nil, err
	}
	if len(v.Log) == logShown {
		v.LogTitle = l.T("web.log.last", logShown)
	}
	return v, nil
}

func dayQuery(t store.Task) string {
	if t.Day.IsZero() {
		return ""
	}
	return "?day=" + t.Day.String()
}

func (h *Handlers) taskActions(t store.Task, p templates.Page) []templates.Action {
	fields := func(scope string) []templates.Field {
		return []templates.Field{{Name: "node", Value: t.Node}, {Name: "day", Value: h.asked(t.Day).String()}, {Name: "scope", Value: scope}}
	}
	out := []templates.Action{{Label: p.T("rerun.node"), Tone: "primary", URL: "/runs", Fields: fields(scopeNode)}}
	if readers := h.Runner.Graph.Downstream(t.Node); len(readers) > 1 {
		out = append(out, templates.Action{Label: p.T("rerun.downstream"), Count: strconv.Itoa(len(readers)), URL: "/runs", Fields: fields(scopeDownstream)})
	}
	return out
}

// inputs are what the build was made from, while it is this task's.
func (h *Handlers) inputs(ctx context.Context, t store.Task, p templates.Page) (*templates.Table, error) {
	b, ok, err := h.Store.Build(ctx, t.Node, t.Day)
	if err != nil || !ok || b.Task != t.ID || len(b.Inputs) == 0 {
		return nil, err
	}
	out := &templates.Table{Caption: p.T("column.input"), Still: true, Columns: []templates.Column{{Label: p.T("column.input")}, {Label: p.T("column.day")}, {Label: p.T("report.fingerprint")}}}
	for _, in := range b.Inputs {
		day := text.Dash
		if !in.Day.IsZero() {
			day = in.Day.String()
		}
		out.Rows = append(out.Rows, templates.Row{Cells: []templates.TableCell{{Head: true, Text: in.Node, Href: nodePath(in.Node)}, {Text: day}, {Text: in.Hash[:min(8, len(in.Hash))], Mono: true}}})
	}
	return out, nil
}

func (h *Handlers) attempts(ctx context.Context, t store.Task, p templates.Page) (*templates.Table, error) {
	list, err := h.Store.Attempts(ctx, t.ID)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	out := &templates.Table{Caption: p.T("task.attempts"), Still: true, Columns: []templates.Column{{Label: "#"}, {Label: p.T("column.state")}, {Label: p.T("column.took"), Number: true}, {Label: p.T("column.reason")}}}
	for _, a := range list {
		s := status(a.State)
		out.Rows = append(out.Rows, templates.Row{Cells: []templates.TableCell{{Text: strconv.Itoa(a.Number)}, {Status: &s}, {Text: h.took(a.Started, a.Ended, p.Locale)}, {Text: brief(a.Error)}}})
	}
	return out, nil
}

// logPage is how many lines are read at a time.
const logPage = 1000

func (h *Handlers) taskLog(ctx context.Context, task string, upTo int64) ([]templates.LogLine, error) {
	var out []templates.LogLine
	for after := int64(0); ; {
		lines, err := h.Store.Logs(ctx, task, after, logPage)
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			if after = line.Seq; upTo == 0 || after <= upTo {
				out = append(out, h.logLine(line))
			}
		}
		out = out[max(0, len(out)-logShown):]
		if len(lines) < logPage {
			return out, nil
		}
	}
}

func (h *Handlers) logLine(line store.Line) templates.LogLine {
	tone := ""
	if line.Level == "warn" || line.Level == "error" {
		tone = line.Level
	}
	return templates.LogLine{Time: line.At.In(h.Project.Zone).Format("15:04:05.000"), Text: line.Text, Tone: tone}
}
