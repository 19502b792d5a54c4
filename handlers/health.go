package handlers

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

// healthy says that the process is up.
func (h *Handlers) healthy(c echo.Context) error { return c.String(http.StatusOK, "ok\n") }

// ready says that the records and the warehouse answer.
func (h *Handlers) ready(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), 5*time.Second)
	defer cancel()
	_, err := h.Store.LastEvent(ctx)
	if err == nil {
		_, _, err = h.Runner.Query(ctx, "SELECT 1", calendar.Day{})
	}
	if err != nil {
		h.Log.Warn("not ready", "err", err)
		return c.String(http.StatusServiceUnavailable, "not ready\n")
	}
	return c.String(http.StatusOK, "ready\n")
}

// asset is a file of static under its hashed name, which never changes.
func (h *Handlers) asset(c echo.Context) error {
	name := c.Param("name")
	body, kind, ok := h.Static.Open(name)
	if !ok {
		return fault.New(fault.NotFound, "there is no such file", "")
	}
	head := c.Response().Header()
	head.Set("Cache-Control", "public, max-age=31536000, immutable")
	head.Set("Vary", "Accept-Encoding")
	if strings.Contains(c.Request().Header.Get("Accept-Encoding"), "gzip") {
		if small, ok := h.Static.Gzip(name); ok {
			head.Set("Content-Encoding", "gzip")
			body = small
		}
	}
	return c.Blob(http.StatusOK, kind, body)
}

// noIcon answers what browsers ask for unasked.
func noIcon(c echo.Context) error { return c.NoContent(http.StatusNoContent) }
