package handlers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"daybook/internal/calendar"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/templates"
)

// component is a templ component.
type component interface {
	Render(ctx context.Context, w io.Writer) error
}

// show answers with a page, whole or not at all.
func (h *Handlers) show(c echo.Context, status int, page component) error {
	html, err := rendered(c.Request().Context(), page)
	if err != nil {
		return err
	}
	return c.HTML(status, html)
}

func rendered(ctx context.Context, page component) (string, error) {
	var b bytes.Buffer
	if err := page.Render(ctx, &b); err != nil {
		return "", fmt.Errorf("render a page: %w", err)
	}
	return b.String(), nil
}

// page is what every page's model begins with.
func (h *Handlers) page(c echo.Context, title, section string) templates.Page {
	v := who(c)
	l := v.locale
	now := h.Now().In(h.Project.Zone)
	p := templates.Page{
		Locale: l, Title: title, Path: c.Request().URL.RequestURI(), Section: section, Project: h.Project.Name,
		Now:  l.T("web.now", l.Weekday(now.Weekday()), l.DayShort(calendar.DayOf(now, h.Project.Zone)), now.Format("15:04 MST")),
		Zone: h.Project.Zone.String(), Static: h.Static.Path,
	}
	if v.token != "" {
		p.CSRF = v.csrf()
	}
	if v.person != nil {
		name := v.person.Name
		if name == "" {
			name, _, _ = strings.Cut(v.person.Address, "@")
		}
		p.User = &templates.User{Name: name, Address: v.person.Address, Role: l.T("web.role." + v.role()), Admin: v.admin()}
		p.Incidents, p.Outbox = h.openIncidents(c.Request().Context()), h.Project.Mail.Sender == "outbox"
	}
	return p
}

// yesterday is the newest day that can be asked for without naming one.
func (h *Handlers) yesterday() calendar.Day {
	return calendar.DayOf(h.Now(), h.Project.Zone).Add(-1)
}

// clock is the time of day with seconds, with the date when it is not today.
func (h *Handlers) clock(t time.Time, l text.Locale) string {
	if t.IsZero() {
		return text.Dash
	}
	s := t.In(h.Project.Zone).Format("15:04:05")
	if d := calendar.DayOf(t, h.Project.Zone); d != calendar.DayOf(h.Now(), h.Project.Zone) {
		return l.DayShort(d) + " " + s
	}
	return s
}

// took is how long something lasted, so far where it has not ended.
func (h *Handlers) took(started, ended time.Time, l text.Locale) string {
	switch {
	case started.IsZero():
		return text.Dash
	case ended.IsZero():
		return l.Took(h.Now().Sub(started))
	}
	return l.Took(ended.Sub(started))
}

func status(state string) templates.Status {
	return templates.Status{Kind: templates.StateKind(state)}
}

// stateWord is the state in words.
func stateWord(s templates.Status, l text.Locale) string {
	if s.Word != "" {
		return s.Word
	}
	return l.T("state." + string(s.Kind))
}

// open reports that work in this state has not ended.
func open(state string) bool {
	switch state {
	case store.StateQueued, store.StateWaiting, store.StateRunning, store.StateRetrying:
		return true
	}
	return false
}

// see sends the reader on after a change.
func see(c echo.Context, path string) error { return c.Redirect(http.StatusSeeOther, path) }

// when is a moment of the coming days.
func (h *Handlers) when(t time.Time, l text.Locale) string {
	day := calendar.DayOf(t, h.Project.Zone)
	return l.T("web.when", l.DayShort(day), l.Clock(t, h.Project.Zone))
}
