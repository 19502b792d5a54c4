// Package handlers is Daybook over HTTP: who asks, what they may, which page or answer they get; it computes nothing itself.
package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"daybook/internal/auth"
	"daybook/internal/calendar"
	"daybook/internal/lake"
	"daybook/internal/mail"
	"daybook/internal/project"
	"daybook/internal/store"
	"daybook/jobs"
	"daybook/static"
)

// Handlers answer requests. Set the fields, then take Routes for browsers and API for the project's own socket.
type Handlers struct {
	Project  *project.Project
	Runner   *jobs.Runner
	Store    *store.Store
	Lake     lake.Lake
	Static   *static.Files
	Outbox   mail.Outbox
	Mailer   *jobs.Mailer // nil sends nothing
	Hasher   *auth.Hasher
	Upcoming func(now time.Time) []jobs.Upcoming // what the schedules hold; nil shows none
	Peek     Peek                                // nil leaves out samples and rejects of sources
	Render   Render                              // nil refuses the API's reports
	Collect  Collecting                          // what is sent to /collect
	Now      func() time.Time
	Log      *slog.Logger
	BaseURL  string // under which browsers reach the server; https makes cookies secure
	Version  string
	Closing  <-chan struct{} // closed when the server stops, so that streams end; nil never

	signing chan struct{} // one sign-in at a time, so that parallel guesses are counted
	saving  sync.Mutex    // one change of people at a time, so that an admin is left
}

// Peek reads up to limit rows of a Parquet file.
type Peek func(ctx context.Context, file string, limit int) (columns []string, rows [][]any, err error)

// Render gives a report of a day as html, json, eml, png or csv, and its content type. Section is for png and csv.
type Render func(ctx context.Context, report string, day calendar.Day, format, section, locale string) (body []byte, contentType string, err error)

// Routes are the pages, for TCP.
func (h *Handlers) Routes() *echo.Echo {
	h.signing = make(chan struct{}, 1)
	e := h.engine()
	e.Use(sealed, h.visit, h.fromHere)
	e.Use(middleware.GzipWithConfig(middleware.GzipConfig{Skipper: uncompressed, MinLength: 1024}))
	viewer, admin := h.require(roleViewer), h.require(roleAdmin)

	e.GET("/healthz", h.healthy)
	e.GET("/readyz", h.ready)
	e.GET("/static/:name", h.asset)
	e.GET("/favicon.ico", noIcon)

	e.GET("/signin", h.signInPage)
	e.POST("/signin", h.signIn)
	e.POST("/signout", h.signOut)
	e.POST("/signin/link", h.mailLink)
	e.GET("/signin/:token", h.linkPage)
	e.POST("/signin/:token", h.useLink)
	e.GET("/setup/:token", h.setupPage)
	e.POST("/setup", h.setup)
	e.POST("/locale", h.setLocale)

	e.GET("/", h.home, viewer)
	e.GET("/reports", h.reports, viewer)
	e.GET("/reports/:report", h.newestReport, viewer)
	e.GET("/reports/:report/:day", h.report, viewer)
	e.GET("/reports/:report/:day/:part", h.reportPart, viewer) // 2 · 2.html · 2.pdf · 2.xlsx · 2.json · SECTION.csv
	e.GET("/reports/:report/:day/:part/why/:section", h.why, viewer)
	e.GET("/reports/:report/:day/:part/changes", h.changes, viewer)
	e.POST("/reports/:report/:day/hold", h.hold, admin)
	e.POST("/reports/:report/:day/release", h.release, admin)

	e.GET("/deliveries", h.deliveries, viewer)
	e.GET("/deliveries/:report/:day/:number", h.ledgerPage, viewer)
	e.POST("/deliveries/:report/:day/:number/resend", h.resend, admin)
	e.POST("/deliveries/:report/:day/:number/settle", h.settle, admin)
	e.POST("/deliveries/:report/:day/:number/test", h.testMail, admin)
	e.GET("/deliveries/:report/:day/:number/mail/:locale", h.editionMail, viewer)
	e.GET("/deliveries/:report/:day/:number/mail/:locale/html", h.editionMailHTML, viewer)
	e.GET("/deliveries/:report/:day/:number/mail/:locale/parts/:part", h.editionMailPart, viewer)
	e.GET("/incidents", h.incidents, viewer)

	e.GET("/runs", h.runs, viewer)
	e.POST("/runs", h.rerun, admin)
	e.GET("/runs/:number", h.run, viewer)
	e.POST("/runs/:number/cancel", h.cancel, admin)
	e.GET("/backfills", h.backfills, viewer)
	e.POST("/backfills", h.backfill, admin)

	e.GET("/data", h.data, viewer)
	e.GET("/data/:node", h.node, viewer) // also NODE.csv?day=
	e.GET("/outbox", h.outbox, admin)    // letters hold links that let their readers in
	e.GET("/outbox/:date/:name", h.letter, admin)
	e.GET("/outbox/:date/:name/html", h.letterHTML, admin)
	e.GET("/outbox/:date/:name/raw", h.letterRaw, admin)
	e.GET("/outbox/:date/:name/parts/:part", h.letterPart, admin)

	e.GET("/people", h.people, admin)
	e.POST("/people", h.addPerson, admin)
	e.GET("/people/export", h.exportPeople, admin)
	e.GET(importRoute, h.importPage, admin)
	e.POST(importRoute, h.importPeople, admin)
	e.GET("/people/:id", h.personPage, admin)
	e.POST("/people/:id", h.savePerson, admin)
	e.POST("/people/:id/lift", h.lift, admin)
	e.GET(unsubscribeRoute, h.unsubscribePage)
	e.POST(unsubscribeRoute, h.unsubscribe)
	e.POST(hookRoute, h.hookSES)
	e.POST(collectRoute, h.collect)
	e.OPTIONS(collectRoute, h.collectPreflight)

	e.GET("/events", h.events, viewer)
	return e
}

// API is the command line's way in, for the project's own socket alone: whoever can open it is trusted. The listener names them
// by Trusted.
func (h *Handlers) API() http.Handler {
	e := h.engine()
	e.POST("/api/v1/plan", h.apiPlan)
	e.POST("/api/v1/runs", h.apiRun)
	e.POST("/api/v1/query", h.apiQuery)
	e.POST("/api/v1/report", h.apiReport)
	e.POST("/api/v1/account", h.apiAccount)
	return e
}

// What anybody may send: forms and SQL, and a file of people, which a form carries in letters.
const (
	maxBody   = "1M"
	maxUpload = "3M"
)

// Routes that middleware knows.
const (
	importRoute      = "/people/import"
	unsubscribeRoute = "/unsubscribe/:token"
	hookRoute        = "/hooks/ses"
	collectRoute     = "/collect/:source"
)

func (h *Handlers) engine() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = h.fail
	// Headers of proxies are what the client wrote, so they say nothing about where it is.
	e.IPExtractor = echo.ExtractIPDirect()
	e.Use(numbered, h.survive)
	e.Use(bounded()...)
	return e
}
