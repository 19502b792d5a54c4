package handlers

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"daybook/internal/collect"
	"daybook/internal/fault"
	"daybook/internal/project"
)

// Collecting is what /collect needs; without a Log nothing is collected.
type Collecting struct {
	Log    *collect.Log
	Tokens map[string]string // by source: what programs send
}

// slowBody is how long a body may take: it holds memory that others wait for.
const slowBody = 30 * time.Second

// collect takes records for a source. 202 says that they are on disk; after any other answer the sender sends them again.
func (h *Handlers) collect(c echo.Context) error {
	s, ok := h.collected(c.Param("source"))
	if !ok {
		return refuseRecords(c, http.StatusNotFound, fault.New(fault.NotFound, "there is no such source to send to", "send to /collect/ and the name of a source that says from: collect"))
	}
	allowOrigin(c, s)
	if err := h.maySend(c, s); err != nil {
		status, _ := trouble(err)
		if status == http.StatusUnauthorized {
			c.Response().Header().Set(echo.HeaderWWWAuthenticate, "Bearer")
		}
		return refuseRecords(c, status, err)
	}
	body, release, err := h.admit(c, s)
	defer release()
	if err != nil {
		return h.refuseRecords(c, err)
	}
	records, n, err := collect.Records(body)
	if err != nil {
		return h.refuseRecords(c, err)
	}
	if n > 0 {
		if err := h.Collect.Log.Append(c.Request().Context(), s.Name, records); err != nil {
			return h.refuseRecords(c, err)
		}
	}
	return c.JSON(http.StatusAccepted, map[string]int{"accepted": n})
}

// collectPreflight tells a browser whether a page may send.
func (h *Handlers) collectPreflight(c echo.Context) error {
	if s, ok := h.collected(c.Param("source")); ok && allowOrigin(c, s) {
		head := c.Response().Header()
		head.Set(echo.HeaderAccessControlAllowMethods, http.MethodPost)
		head.Set(echo.HeaderAccessControlAllowHeaders, "Content-Type")
		head.Set(echo.HeaderAccessControlMaxAge, "7200")
	}
	return c.NoContent(http.StatusNoContent)
}

func (h *Handlers) collected(name string) (project.Source, bool) {
	if h.Collect.Log == nil {
		return project.Source{}, false
	}
	i := slices.IndexFunc(h.Project.Sources, func(s project.Source) bool { return s.Name == name && s.From == "collect" })
	if i < 0 {
		return project.Source{}, false
	}
	return h.Project.Sources[i], true
}

// allowOrigin lets a page of an origin that the source names read the answer. Beacons are sent with cookies, which nobody looks at.
func allowOrigin(c echo.Context, s project.Source) bool {
	c.Response().Header().Add(echo.HeaderVary, echo.HeaderOrigin)
	origin := c.Request().Header.Get(echo.HeaderOrigin)
	if _, ok := s.Collect.Origins[origin]; !ok {
		return false
	}
	c.Response().Header().Set(echo.HeaderAccessControlAllowOrigin, origin)
	c.Response().Header().Set(echo.HeaderAccessControlAllowCredentials, "true")
	return true
}

// maySend reports who a sender is: a program with the token, or a page of a known origin with that origin's key.
func (h *Handlers) maySend(c echo.Context, s project.Source) error {
	r := c.Request()
	if token, ok := strings.CutPrefix(r.Header.Get(echo.HeaderAuthorization), "Bearer "); ok {
		if want := h.Collect.Tokens[s.Name]; want != "" && same(token, want) {
			return nil
		}
		return fault.New(codeSignedOut, "the token is not that of "+s.Name, "send Authorization: Bearer with the token that the source's file refers to")
	}
	key, origin := c.QueryParam("key"), r.Header.Get(echo.HeaderOrigin)
	if key == "" {
		return fault.New(codeSignedOut, "the request says neither token nor key", "send Authorization: Bearer with the token, or ?key= from a page")
	}
	if want, ok := s.Collect.Origins[origin]; ok && same(key, want) {
		return nil
	}
	return fault.New(fault.Refused, "this key does not hold for this origin", "write the page's origin and its key under origins: of the source")
}

// same compares without telling by its time how much is right.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// admit reads a body into memory that was free for it. Release is never nil.
func (h *Handlers) admit(c echo.Context, s project.Source) (body []byte, release func(), err error) {
	r, nothing := c.Request(), func() {}
	if e := r.Header.Get(echo.HeaderContentEncoding); e != "" && e != "identity" {
		return nil, nothing, echo.NewHTTPError(http.StatusUnsupportedMediaType)
	}
	size := r.ContentLength
	if size > s.Collect.Body {
		return nil, nothing, echo.NewHTTPError(http.StatusRequestEntityTooLarge)
	}
	if size < 0 { // nobody knows
		size = s.Collect.Body
	}
	if release, err = h.Collect.Log.Admit(s.Name, size); err != nil {
		return nil, nothing, err
	}
	if err := http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(slowBody)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, release, err
	}
	body = make([]byte, size+1) // one more, so that a body that is too long shows, and for the end of a last line
	n, err := io.ReadFull(r.Body, body)
	switch {
	case err == nil:
		return nil, release, echo.NewHTTPError(http.StatusRequestEntityTooLarge)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && (r.ContentLength < 0 || int64(n) == r.ContentLength):
		return body[:n], release, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, release, echo.NewHTTPError(http.StatusRequestTimeout)
	}
	return nil, release, fault.New(fault.Invalid, "the body did not arrive whole", "send it again")
}

// refuseRecords answers what a fault means for a sender.
func (h *Handlers) refuseRecords(c echo.Context, err error) error {
	status, e := trouble(err)
	switch {
	case fault.Is(err, collect.CodeFull):
		status = http.StatusTooManyRequests
	case status == http.StatusRequestEntityTooLarge:
		e.Hint = "send fewer records at once"
	case status >= http.StatusInternalServerError:
		h.Log.Error("records could not be collected", "request", requestID(c), "source", c.Param("source"), "err", err)
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(1))
	}
	return refuseRecords(c, status, e)
}

func refuseRecords(c echo.Context, status int, err error) error {
	_, e := trouble(err)
	return c.JSON(status, map[string]apiError{"error": told(e)})
}
