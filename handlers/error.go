package handlers

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"daybook/internal/fault"
	"daybook/templates"
)

// Codes of faults that only requests have.
const (
	codeSignedOut = "signed_out"
	codeTooMany   = "too_many"
)

// statuses are the HTTP statuses of faults; any other error is the server's.
var statuses = map[string]int{
	fault.NotFound: http.StatusNotFound, fault.Invalid: http.StatusBadRequest, fault.Missing: http.StatusNotFound, fault.Busy: http.StatusConflict,
	fault.CheckFailed: http.StatusUnprocessableEntity, fault.Refused: http.StatusForbidden, fault.NoSpace: http.StatusInsufficientStorage,
	fault.Unavailable: http.StatusServiceUnavailable, codeSignedOut: http.StatusUnauthorized, codeTooMany: http.StatusTooManyRequests,
}

// trouble is an error as it is told: a person's fault in full, the server's own without its insides.
func trouble(err error) (int, *fault.Error) {
	var e *fault.Error
	if errors.As(err, &e) {
		status, ok := statuses[e.Code]
		if !ok {
			status = http.StatusInternalServerError
		}
		return status, e
	}
	var he *echo.HTTPError
	if errors.As(err, &he) {
		code := fault.Invalid
		if he.Code == http.StatusNotFound {
			code = fault.NotFound
		}
		return he.Code, fault.New(code, strings.ToLower(http.StatusText(he.Code)), "")
	}
	return http.StatusInternalServerError, fault.New("internal", "the server could not do this", "the log has more under the number of this request")
}

// fail is the one place where a request's error ends: told once, logged once.
func (h *Handlers) fail(err error, c echo.Context) {
	status, e := trouble(err)
	if errors.Is(err, context.Canceled) && c.Request().Context().Err() != nil {
		return // the reader left
	}
	if status >= http.StatusInternalServerError {
		h.Log.Error("a request failed", "request", requestID(c), "method", c.Request().Method, "path", c.Request().URL.Path, "err", err)
	}
	if c.Response().Committed {
		return
	}
	c.Response().Header().Del(echo.HeaderContentDisposition)
	if strings.HasPrefix(c.Request().URL.Path, "/api/") {
		err = c.JSON(status, map[string]apiError{"error": told(e)})
	} else {
		err = h.door(c, status, e)
	}
	if err != nil {
		h.Log.Error("an error could not be shown", "request", requestID(c), "err", err)
	}
}

// apiError is a fault for programs.
type apiError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Place   string `json:"place,omitempty"`
}

func told(e *fault.Error) apiError {
	message := e.Message
	if e.Err != nil {
		message += ": " + e.Err.Error()
	}
	return apiError{e.Code, message, e.Hint, e.Place()}
}

func (h *Handlers) door(c echo.Context, status int, e *fault.Error) error {
	p := h.page(c, "", "")
	heading := p.T("error.title")
	switch status {
	case http.StatusNotFound:
		heading = p.T("error.missing")
	case http.StatusForbidden:
		heading = p.T("error.denied")
	}
	p.Title = heading
	message := told(e).Message
	if e.Code == "internal" {
		message = p.T("web.internal")
	}
	return h.show(c, status, templates.ErrorDoor(templates.ErrorView{
		Page: p, Heading: heading, Where: e.Place(), Message: message, Hint: e.Hint, FaultCode: e.Code, Request: requestID(c),
		Actions: []templates.Action{{Label: p.T("error.home"), Href: "/"}},
	}))
}
