package handlers

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"daybook/internal/auth"
	"daybook/internal/fault"
)

// policy is what a page may load: its own host's files, and pictures inside the sheet.
const policy = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"

// sealed sets the headers that every answer has.
func sealed(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		head := c.Response().Header()
		head.Set("Content-Security-Policy", policy)
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "same-origin")
		head.Set("Cross-Origin-Opener-Policy", "same-origin")
		head.Set("Cache-Control", "no-store")
		return next(c)
	}
}

// numbered gives every request an id that pages and the log show. One that the client sends is not taken over.
func numbered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		b := make([]byte, 6)
		rand.Read(b)
		c.Response().Header().Set(echo.HeaderXRequestID, hex.EncodeToString(b))
		return next(c)
	}
}

func requestID(c echo.Context) string { return c.Response().Header().Get(echo.HeaderXRequestID) }

// survive turns a panic into that request's error, and nobody else's.
func (h *Handlers) survive(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			p := recover()
			if e, ok := p.(error); ok && errors.Is(e, http.ErrAbortHandler) {
				panic(p)
			}
			if p != nil {
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		return next(c)
	}
}

// uncompressed skips what is compressed already or must leave at once.
func uncompressed(c echo.Context) bool {
	path := c.Request().URL.Path
	return path == "/events" || strings.HasPrefix(path, "/static/") || strings.HasPrefix(path, "/collect/")
}

// fromElsewhere reports whether programs of others are meant to post here. What they post carries its own right: a mail's token, a
// signature, or a source's key. They have no cookies and are given none.
func fromElsewhere(c echo.Context) bool {
	return c.Path() == collectRoute || c.Request().Method == http.MethodPost && (c.Path() == unsubscribeRoute || c.Path() == hookRoute)
}

// bounded is how much of a body is read: little, except where a file of people is sent. What is collected has bounds of its own.
func bounded() []echo.MiddlewareFunc {
	upload := func(c echo.Context) bool { return c.Path() == importRoute }
	return []echo.MiddlewareFunc{
		middleware.BodyLimitWithConfig(middleware.BodyLimitConfig{Skipper: func(c echo.Context) bool { return upload(c) || c.Path() == collectRoute }, Limit: maxBody}),
		middleware.BodyLimitWithConfig(middleware.BodyLimitConfig{Skipper: func(c echo.Context) bool { return !upload(c) }, Limit: maxUpload}),
	}
}

// fromHere refuses a change that another site's page asks for, or a form that this session was not given.
func (h *Handlers) fromHere(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.Method == http.MethodGet || r.Method == http.MethodHead || fromElsewhere(c) {
			return next(c)
		}
		foreign := fault.New(fault.Refused, "the form was not sent from a page of this server", "open the page anew and try again")
		if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
			return foreign
		}
		if origin := r.Header.Get("Origin"); origin != "" {
			if u, err := url.Parse(origin); err != nil || u.Host != r.Host {
				return foreign
			}
		}
		if !auth.ValidCSRF(who(c).token, c.FormValue("csrf")) {
			return fault.New(fault.Refused, "the form is too old", "open the page anew and try again")
		}
		return next(c)
	}
}
