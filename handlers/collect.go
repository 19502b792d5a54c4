package handlers

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"math"
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
	Grace  time.Duration     // how long a body may take before its rate counts; 0 means ten seconds
}

// How long a body may take: it holds memory that others wait for.
const (
	slowBody  = 30 * time.Second
	slowGrace = 10 * time.Second
	slowRate  = 8 << 10 // bytes a second after the grace
)

// firstBlock is the memory that a body begins with; each time that it is full it becomes twice as large.
const firstBlock = 16 << 10

// collect takes records for a source. 202 says that they are on disk; after any other answer the sender sends them again.
func (h *Handlers) collect(c echo.Context) error {
	s, ok := h.collected(c.Param("source"))
	if !ok {
		return refuseRecords(c, http.StatusNotFound, fault.New(fault.NotFound, "there is no such source to send to", "send to /collect/ and the name of a source that says from: collect"))
	}
	allowOrigin(c, s)
	page, err := h.maySend(c, s)
	if err != nil {
		status, _ := trouble(err)
		if status == http.StatusUnauthorized {
			c.Response().Header().Set(echo.HeaderWWWAuthenticate, "Bearer")
		}
		return refuseRecords(c, status, err)
	}
	body, room, err := h.admit(c, s, page)
	if room != nil {
		defer room.Release()
	}
	if err != nil {
		return h.refuseRecords(c, err)
	}
	records, n, err := collect.Records(body)
	if err != nil {
		return h.refuseRecords(c, err)
	}
	if n > 0 {
		if err := room.Spend(int64(len(records))); err != nil {
			return h.refuseRecords(c, err)
		}
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
func (h *Handlers) maySend(c echo.Context, s project.Source) (page bool, err error) {
	r := c.Request()
	if token, ok := strings.CutPrefix(r.Header.Get(echo.HeaderAuthorization), "Bearer "); ok {
		if want := h.Collect.Tokens[s.Name]; want != "" && same(token, want) {
			return false, nil
		}
		return false, fault.New(codeSignedOut, "the token is not that of "+s.Name, "send Authorization: Bearer with the token that the source's file refers to")
	}
	key, origin := c.QueryParam("key"), r.Header.Get(echo.HeaderOrigin)
	if key == "" {
		return false, fault.New(codeSignedOut, "the request says neither token nor key", "send Authorization: Bearer with the token, or ?key= from a page")
	}
	if want, ok := s.Collect.Origins[origin]; ok && same(key, want) {
		return true, nil
	}
	return false, fault.New(fault.Refused, "this key does not hold for this origin", "write the page's origin and its key under origins: of the source")
}

// same compares without telling by its time how much is right.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// admit reads a body into memory that was free for it, more of it as more arrives: who announces much and sends nothing holds nothing.
// Room is nil when nothing is held.
func (h *Handlers) admit(c echo.Context, s project.Source, page bool) (body []byte, room *collect.Room, err error) {
	r := c.Request()
	if e := r.Header.Get(echo.HeaderContentEncoding); e != "" && e != "identity" {
		return nil, nil, echo.NewHTTPError(http.StatusUnsupportedMediaType)
	}
	if r.ContentLength > s.Collect.Body {
		return nil, nil, echo.NewHTTPError(http.StatusRequestEntityTooLarge)
	}
	grace := h.Collect.Grace
	if grace == 0 {
		grace = slowGrace
	}
	in := &timely{body: r.Body, clock: http.NewResponseController(c.Response()), began: time.Now(), grace: grace}
	var first [1]byte
	if _, err := io.ReadFull(in, first[:]); errors.Is(err, io.EOF) && r.ContentLength <= 0 {
		return nil, nil, nil
	} else if err != nil {
		return nil, nil, unread(err)
	}
	if room, err = h.Collect.Log.Admit(s.Name, page, r.ContentLength); err != nil {
		return nil, nil, err
	}
	most := s.Collect.Body
	if r.ContentLength > 0 {
		most = r.ContentLength
	}
	body, err = grown(in, room, first[0], most)
	return body, room, err
}

// grown reads a body of at most so many bytes behind its first one, into blocks that the room has. It has place for one byte more, the end
// of a last line.
func grown(in io.Reader, room *collect.Room, first byte, most int64) ([]byte, error) {
	var body []byte
	for {
		if len(body) == cap(body) {
			size := min(max(firstBlock, 2*int64(cap(body))), most+1) // one more, so that a body that is too long shows
			if err := room.Grow(size - int64(cap(body))); err != nil {
				return nil, err
			}
			body = append(make([]byte, 0, size), body...)
		}
		if len(body) == 0 {
			body = append(body, first)
		}
		n, err := in.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > most:
			return nil, echo.NewHTTPError(http.StatusRequestEntityTooLarge)
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, unread(err)
		}
	}
}

// unread is why a body could not be read.
func unread(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return echo.NewHTTPError(http.StatusRequestTimeout)
	}
	return fault.New(fault.Invalid, "the body did not arrive whole", "send it again")
}

// timely reads a body that must come at some rate.
type timely struct {
	body  io.Reader
	clock *http.ResponseController
	began time.Time
	grace time.Duration
	read  int64
}

func (t *timely) Read(p []byte) (int, error) {
	if err := t.clock.SetReadDeadline(t.began.Add(patience(t.grace, t.read))); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := t.body.Read(p)
	t.read += int64(n)
	return n, err
}

// patience is how long after a body's begin its next byte may come when so many are there.
func patience(grace time.Duration, read int64) time.Duration {
	return min(slowBody, grace+time.Duration(read)*time.Second/slowRate)
}

// refuseRecords answers what a fault means for a sender.
func (h *Handlers) refuseRecords(c echo.Context, err error) error {
	status, e := trouble(err)
	wait := 1
	switch {
	case fault.Is(err, collect.CodeFull):
		status = http.StatusTooManyRequests
	case fault.Is(err, fault.Quota):
		status, wait = http.StatusTooManyRequests, max(1, int(math.Ceil(e.Until.Sub(h.Now()).Seconds())))
	case status == http.StatusRequestEntityTooLarge:
		e.Hint = "send fewer records at once"
	case fault.Is(err, fault.NoSpace) && e.Err == nil: // told once a minute; a line for each request would fill what is left
	case status >= http.StatusInternalServerError:
		h.Log.Error("records could not be collected", "request", requestID(c), "source", c.Param("source"), "err", err)
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(wait))
	}
	return refuseRecords(c, status, e)
}

func refuseRecords(c echo.Context, status int, err error) error {
	_, e := trouble(err)
	return c.JSON(status, map[string]apiError{"error": told(e)})
}
