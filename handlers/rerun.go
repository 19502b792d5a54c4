package handlers

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/jobs"
)

// What of a day is asked for.
const (
	scopeNode       = "node"       // the node itself
	scopeDownstream = "downstream" // with everything that reads it
	scopeDay        = "day"        // the whole day
)

// forceStale leaves alone what is up to date.
const forceStale = "stale"

// maxReason bounds what is kept of a reason, in characters.
const maxReason = 500

// rerun begins a run that a button asked for. A rerun of a node makes it again; a whole day builds what is stale. The form's force
// says otherwise.
func (h *Handlers) rerun(c echo.Context) error {
	req := jobs.Request{Cause: "button", By: who(c).person.Address, Reason: reason(c)}
	var err error
	if req.Day, err = calendar.ParseDay(c.FormValue("day")); err != nil {
		return err
	}
	if through := c.FormValue("through"); through != "" {
		if req.Through, err = calendar.ParseDay(through); err != nil {
			return err
		}
	}
	scope := c.FormValue("scope")
	if scope != scopeDay {
		req.Nodes = names(strings.Join(c.Request().Form["node"], ","))
	}
	if len(req.Nodes) > 0 && scope != "" {
		req.Force = jobs.ForceRebuild
		req.Downstream = scope == scopeDownstream
	}
	switch force := c.FormValue("force"); force {
	case "":
	case forceStale:
		req.Force = ""
	case jobs.ForceRebuild, jobs.ForceFetch:
		req.Force = force
	default:
		return fault.New(fault.Invalid, fmt.Sprintf("force cannot be %q", force), "write rebuild, fetch or stale")
	}
	return h.start(c, req, "rerun")
}

func (h *Handlers) start(c echo.Context, req jobs.Request, action string) error {
	if last := h.yesterday().Add(1); req.Day.After(last) || req.Through.After(last) {
		return fault.New(fault.Invalid, "a day that has not begun was asked for", "ask for "+h.yesterday().String()+" at the latest")
	}
	run, err := h.Runner.Start(c.Request().Context(), req)
	if err != nil {
		return err
	}
	number := strconv.FormatInt(run.Run.Number, 10)
	if err := h.audit(c, action, "run "+number, strings.Join(req.Nodes, ", ")+" "+req.Day.String()+" "+req.Force); err != nil {
		return err
	}
	return see(c, "/runs/"+number)
}

func reason(c echo.Context) string {
	r := []rune(strings.TrimSpace(c.FormValue("reason")))
	return string(r[:min(len(r), maxReason)])
}

// names are those of a list with commas.
func names(s string) []string {
	var out []string
	for name := range strings.SplitSeq(s, ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	return out
}

func (h *Handlers) cancel(c echo.Context) error {
	run, err := h.runOf(c)
	if err != nil {
		return err
	}
	if err := h.Runner.Cancel(run.ID); err != nil {
		return err
	}
	number := strconv.FormatInt(run.Number, 10)
	if err := h.audit(c, "cancel", "run "+number, ""); err != nil {
		return err
	}
	return see(c, "/runs/"+number)
}
