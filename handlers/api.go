package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"

	"github.com/labstack/echo/v4"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/store"
	"daybook/jobs"
)

type callerKey struct{}

// Trusted marks a connection's context as coming from the project's own socket, by the caller's name ("cli:USER").
func Trusted(ctx context.Context, caller string) context.Context {
	return context.WithValue(ctx, callerKey{}, caller)
}

// caller is who calls; a connection that the listener did not mark is refused.
func caller(c echo.Context) (string, error) {
	name, ok := c.Request().Context().Value(callerKey{}).(string)
	if !ok {
		return "", fault.New(fault.Refused, "this connection is not trusted", "use the project's own socket")
	}
	return name, nil
}

func decode(c echo.Context, into any) (string, error) {
	name, err := caller(c)
	if err != nil {
		return "", err
	}
	d := json.NewDecoder(c.Request().Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return "", fault.Wrap(fault.Invalid, err, "the request is not understood", "use the same version of daybook as the server")
	}
	return name, nil
}

// asked is the request of a caller, as jobs.Request in JSON. Who asks is the connection's name, whatever the request says.
func asked(c echo.Context) (jobs.Request, error) {
	var req jobs.Request
	by, err := decode(c, &req)
	if err != nil {
		return req, err
	}
	if req.By = by; req.Cause == "" {
		req.Cause = "cli"
	}
	return req, nil
}

func (h *Handlers) apiPlan(c echo.Context) error {
	req, err := asked(c)
	if err != nil {
		return err
	}
	plan, err := h.Runner.Plan(c.Request().Context(), req)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, plan)
}

// RunLine is a line of the answer to a run: a task at each of its changes, then how the run or the request ended.
type RunLine struct {
	Task  *store.Task `json:"task,omitempty"`
	Run   *store.Run  `json:"run,omitempty"`
	Error *apiError   `json:"error,omitempty"`
}

// apiRun runs a request and tells how it goes, a JSON line for each change. A caller who leaves cancels the run.
func (h *Handlers) apiRun(c echo.Context) error {
	req, err := asked(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	out := json.NewEncoder(c.Response())
	begun := false
	say := func(line RunLine) error {
		if !begun {
			begun = true
			c.Response().Header().Set(echo.HeaderContentType, "application/x-ndjson")
			c.Response().WriteHeader(http.StatusOK)
		}
		err := out.Encode(line)
		c.Response().Flush()
		return err
	}
	req.Observe = func(t store.Task) {
		if say(RunLine{Task: &t}) != nil {
			cancel()
		}
	}
	run, err := h.Runner.Run(ctx, req)
	switch {
	case err == nil:
		return say(RunLine{Run: &run})
	case !begun:
		return err
	}
	_, e := trouble(err)
	told := told(e)
	return errors.Join(err, say(RunLine{Error: &told}))
}

// QueryAnswer is columns and rows as the warehouse gave them.
type QueryAnswer struct {
	Columns []string `json:"columns"`
	Rows    [][]any  `json:"rows"`
}

func (h *Handlers) apiQuery(c echo.Context) error {
	var r struct {
		SQL string       `json:"sql"`
		Day calendar.Day `json:"day"`
	}
	if _, err := decode(c, &r); err != nil {
		return err
	}
	columns, rows, err := h.Runner.Query(c.Request().Context(), r.SQL, r.Day)
	if err != nil {
		return err
	}
	if rows == nil {
		rows = [][]any{}
	}
	for _, row := range rows {
		for i, v := range row {
			if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
				row[i] = plain(v) // JSON has no such numbers
			}
		}
	}
	return c.JSON(http.StatusOK, QueryAnswer{columns, rows})
}

func (h *Handlers) apiReport(c echo.Context) error {
	var r struct {
		Report  string       `json:"report"`
		Day     calendar.Day `json:"day"`
		Format  string       `json:"format"`
		Section string       `json:"section"`
		Locale  string       `json:"locale"`
	}
	if _, err := decode(c, &r); err != nil {
		return err
	}
	if h.Render == nil {
		return fault.New(fault.Unavailable, "this server renders no reports", "")
	}
	body, kind, err := h.Render(c.Request().Context(), r.Report, r.Day, r.Format, r.Section, r.Locale)
	if err != nil {
		return fmt.Errorf("render %s: %w", r.Report, err)
	}
	return c.Blob(http.StatusOK, kind, body)
}
