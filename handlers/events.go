package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"daybook/internal/calendar"
	"daybook/internal/store"
	"daybook/jobs"
	"daybook/templates"
)

const (
	heartbeat  = 15 * time.Second       // an idle stream says something, so that nothing between closes it
	gathering  = 150 * time.Millisecond // changes that come together are sent together
	eventBatch = 1000
)

// stream is one page that follows what happens.
type stream struct {
	*Handlers
	c     echo.Context
	page  templates.Page
	admin bool
	run   string // the run that the page shows, empty for the page of runs
	task  string // its open task
	to    calendar.Day
	seq   int64

	followed followed // the page of an edition's deliveries
}

// events sends a page the parts of it that change: "swap" replaces an element, "log" appends to one. It reads on from where the page,
// or the stream before, ended.
func (h *Handlers) events(c echo.Context) error {
	ctx := c.Request().Context()
	s := &stream{Handlers: h, c: c, page: h.page(c, "", "runs"), admin: who(c).admin(), run: c.QueryParam("run"), task: c.QueryParam("task"), to: h.yesterday()}
	if to := c.QueryParam("to"); to != "" {
		var err error
		if s.to, err = calendar.ParseDay(to); err != nil {
			return err
		}
	}
	var err error
	if s.seq, err = h.begin(ctx, c.Request().Header.Get("Last-Event-ID"), c.QueryParam("after")); err != nil {
		return err
	}
	if s.followed = (followed{edition: c.QueryParam("edition"), filter: readLedgerFilter(c)}); s.followed.edition != "" {
		if err := s.openLedger(ctx); err != nil {
			return err
		}
	}
	head := c.Response().Header()
	head.Set(echo.HeaderContentType, "text/event-stream")
	head.Set("X-Accel-Buffering", "no")
	c.Response().WriteHeader(http.StatusOK)
	if _, err := fmt.Fprint(c.Response(), "retry: 2000\n\n"); err != nil {
		return nil
	}
	c.Response().Flush()
	return s.follow(ctx)
}

// begin is the number that a stream goes on from: the browser's, else the page's, else that of now.
func (h *Handlers) begin(ctx context.Context, last, after string) (int64, error) {
	for _, s := range []string{last, after} {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
			return n, nil
		}
	}
	return h.Store.LastEvent(ctx)
}

// follow sends until the reader leaves, the session ends or the server stops.
func (s *stream) follow(ctx context.Context) error {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		changed := s.Store.Changed()
		events, err := s.Store.EventsAfter(ctx, s.seq, eventBatch)
		if err == nil && len(events) > 0 {
			err = s.send(ctx, events)
		}
		if err != nil {
			return err
		}
		if len(events) == eventBatch {
			continue
		}
		select {
		case <-changed:
		case <-beat.C:
			if !s.goesOn(ctx) {
				return nil
			}
		case <-ctx.Done():
			return nil
		case <-s.Closing:
			return nil
		}
		select {
		case <-time.After(s.pause()):
		case <-ctx.Done():
			return nil
		case <-s.Closing:
			return nil
		}
	}
}

// pause is how long changes are gathered before they are sent.
func (s *stream) pause() time.Duration {
	if s.followed.edition != "" {
		return gatheringMails
	}
	return gathering
}

// goesOn says something, and reports whether somebody who may listen does.
func (s *stream) goesOn(ctx context.Context) bool {
	if person, err := s.person(ctx, who(s.c).token, nil); err != nil || person == nil {
		return false
	}
	_, err := fmt.Fprint(s.c.Response(), ": still here\n\n")
	s.c.Response().Flush()
	return err == nil
}

// patch is a part of a page.
type patch struct {
	ID   string `json:"id"`
	HTML string `json:"html"`
}

func (s *stream) put(ctx context.Context, event, id string, part component) error {
	html, err := rendered(ctx, part)
	if err != nil {
		return err
	}
	return s.write(event, id, html)
}

func (s *stream) write(event, id, html string) error {
	data, err := json.Marshal(patch{id, html})
	if err != nil {
		return fmt.Errorf("write an event: %w", err)
	}
	_, err = fmt.Fprintf(s.c.Response(), "event: %s\ndata: %s\n\n", event, data)
	return err
}

// send tells the page what the events changed, each part once. The number goes last: a stream that breaks before it sends all again.
func (s *stream) send(ctx context.Context, events []store.Event) error {
	last := events[len(events)-1].Seq
	var err error
	switch {
	case s.followed.edition != "":
		err = s.sendLedger(ctx, events)
	case s.run != "":
		err = s.sendRun(ctx, events, last)
	default:
		err = s.sendGrid(ctx, events)
	}
	if err != nil {
		return err
	}
	s.seq = last
	_, err = fmt.Fprintf(s.c.Response(), "id: %d\nevent: seen\ndata: {}\n\n", last)
	s.c.Response().Flush()
	return err
}

// sendGrid brings the page of runs up to date: its cells, and the runs under way.
func (s *stream) sendGrid(ctx context.Context, events []store.Event) error {
	cells, live := map[jobs.Cell]bool{}, false
	for _, e := range events {
		live = live || e.Kind == store.EventRun || e.Kind == store.EventTask
		if e.Kind == store.EventTask && e.Node != "" {
			cells[jobs.Cell{Node: e.Node, Day: e.Day}] = true
		}
	}
	for at := range cells {
		if err := s.sendCell(ctx, at); err != nil {
			return err
		}
	}
	if !live {
		return nil
	}
	runs, err := s.live(ctx, s.page, s.admin)
	if err != nil {
		return err
	}
	html := `<div id="live">`
	for _, r := range runs {
		part, err := rendered(ctx, templates.LiveRun(s.page, r))
		if err != nil {
			return err
		}
		html += part
	}
	return s.write("swap", "live", html+"</div>")
}

func (s *stream) sendCell(ctx context.Context, at jobs.Cell) error {
	if _, err := s.Runner.Graph.Node(at.Node); err != nil {
		return nil // of a node that the project has no more
	}
	l := ledger{builds: map[jobs.Cell]store.Build{}, tasks: map[jobs.Cell]store.Task{}}
	b, ok, err := s.Store.Build(ctx, at.Node, at.Day)
	if err != nil {
		return err
	}
	if ok {
		l.builds[at] = b
	}
	tasks, err := s.Store.NodeTasks(ctx, at.Node, at.Day, 1)
	if err != nil {
		return err
	}
	if len(tasks) > 0 {
		l.tasks[at] = tasks[0]
	}
	cell := l.cell(at, span{to: s.to}.column(at), s.page.Locale, s.Handlers)
	return s.put(ctx, "swap", templates.CellID(cell.Node, cell.Day), templates.Cell(s.page.Locale, cell))
}

// sendRun brings the page of a run up to date: its facts, graph and tasks, the open task, and new lines of its log.
func (s *stream) sendRun(ctx context.Context, events []store.Event, last int64) error {
	touched, moved := map[string]bool{}, false
	for _, e := range events {
		if e.Run != s.run {
			continue
		}
		moved = moved || e.Kind == store.EventRun || e.Kind == store.EventTask
		if e.Kind == store.EventTask {
			touched[e.Task] = true
		}
	}
	if moved {
		if err := s.sendRunParts(ctx, touched, last); err != nil {
			return err
		}
	}
	if touched[s.task] {
		return nil // its panel came whole, with the lines
	}
	return s.sendLog(ctx, events, last)
}

func (s *stream) sendRunParts(ctx context.Context, touched map[string]bool, last int64) error {
	run, tasks, err := s.runParts(ctx, s.run)
	if err != nil {
		return err
	}
	l := s.page.Locale
	if err := s.put(ctx, "swap", templates.RunFactsID, templates.Facts(l, s.runFacts(run, tasks, s.page))); err != nil {
		return err
	}
	if s.admin && !open(run.State) {
		if err := s.put(ctx, "swap", templates.RunActsID, templates.RunActs(s.page, s.runActions(run, s.page))); err != nil {
			return err
		}
	}
	if len(tasks) > 0 {
		if err := s.put(ctx, "swap", templates.GraphID, templates.Graph(l, s.runGraph(run, tasks, s.task, l))); err != nil {
			return err
		}
	}
	for _, t := range tasks {
		if !touched[t.ID] {
			continue
		}
		row := templates.TableRow(s.page, taskColumns(s.page), s.taskRow(run, t, s.task, l))
		if err := s.put(ctx, "swap", templates.TaskID(t.ID), row); err != nil {
			return err
		}
		if t.ID != s.task {
			continue
		}
		v, err := s.taskView(ctx, t, s.page, s.admin, last)
		if err != nil {
			return err
		}
		if err := s.put(ctx, "swap", templates.TaskPaneID, templates.TaskPanel(s.page, *v)); err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) sendLog(ctx context.Context, events []store.Event, last int64) error {
	for _, e := range events {
		if s.task == "" || e.Kind != store.EventLog || e.Task != s.task {
			continue
		}
		lines, err := s.Store.Logs(ctx, s.task, s.seq, eventBatch)
		if err != nil {
			return err
		}
		for _, line := range lines {
			if line.Seq > last {
				break
			}
			if err := s.put(ctx, "log", templates.LogID(s.task), templates.LogRow(s.logLine(line))); err != nil {
				return err
			}
		}
		return nil
	}
	return nil
}
