package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"daybook/internal/auth"
	"daybook/internal/fault"
	"daybook/internal/store"
	"daybook/internal/text"
)

// The cookies.
const (
	sessionCookie = "daybook_session"
	visitorCookie = "daybook_visitor" // ties the forms of the door to a browser that is not signed in
	localeCookie  = "daybook_locale"
)

// Roles of people.
const (
	roleViewer = "viewer" // reads
	roleAdmin  = "admin"  // runs
)

const (
	sessionLife = 14 * 24 * time.Hour
	sessionStep = 24 * time.Hour // a session's end moves at most once in this time
)

// visitor is who asks.
type visitor struct {
	person *store.Person // nil when nobody is signed in
	token  string        // of the session or of the visitor; the forms belong to it
	locale text.Locale
}

func (v *visitor) csrf() string { return auth.CSRF(v.token) }

// role is what the visitor acts as.
func (v *visitor) role() string {
	if v.admin() {
		return roleAdmin
	}
	return roleViewer
}

func (v *visitor) admin() bool { return v.person != nil && v.person.Role == roleAdmin }

const visitorKey = "visitor"

// who is the visitor of a request that came through visit; before it, nobody.
func who(c echo.Context) *visitor {
	if v, ok := c.Get(visitorKey).(*visitor); ok {
		return v
	}
	return &visitor{locale: text.English}
}

// visit finds out who asks.
func (h *Handlers) visit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		path := c.Request().URL.Path
		if strings.HasPrefix(path, "/static/") || path == "/healthz" || path == "/readyz" || path == "/favicon.ico" || fromElsewhere(c) {
			return next(c)
		}
		if m := c.Request().Method; m != http.MethodGet && m != http.MethodHead {
			_, _ = c.FormParams() // all of a form first: who asks is judged as it is when something is done, not when a slow form began
		}
		v := &visitor{}
		// The door shows errors in this language, the one of a session that cannot be read included.
		v.locale = h.localeOf(c, nil)
		c.Set(visitorKey, v)
		if cookie, err := c.Cookie(sessionCookie); err == nil {
			person, err := h.person(c.Request().Context(), cookie.Value, c)
			if err != nil {
				return err
			}
			if person != nil {
				v.person, v.token, v.locale = person, cookie.Value, h.localeOf(c, person)
			}
		}
		if v.person == nil {
			v.token = h.visitorToken(c)
		}
		return next(c)
	}
}

// person is whom a session belongs to; nil when it has ended or they may not sign in any more. With a context of a request the
// session's end moves on.
func (h *Handlers) person(ctx context.Context, token string, c echo.Context) (*store.Person, error) {
	now := h.Now()
	s, err := h.Store.Session(ctx, auth.TokenHash(token), now)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := h.Store.Person(ctx, s.Person)
	if fault.Is(err, fault.NotFound) || err == nil && !h.mayEnter(p) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if c != nil && s.Expires.Sub(now) < sessionLife-sessionStep {
		if err := h.Store.ExtendSession(ctx, s.Hash, now.Add(sessionLife)); err != nil {
			return nil, err
		}
		c.SetCookie(h.cookie(sessionCookie, token, sessionLife))
	}
	return &p, nil
}

// mayEnter reports whether a person's session holds. One without a role has signed in by a mailed link and acts as a viewer.
func (h *Handlers) mayEnter(p store.Person) bool {
	return maySignIn(p) || !p.Disabled && p.Role == "" && h.linkDomains() != "" && h.Project.Mail.Allows(p.Address)
}

// maySignIn reports whether a person may use a password.
func maySignIn(p store.Person) bool {
	return !p.Disabled && (p.Role == roleAdmin || p.Role == roleViewer)
}

// visitorToken is the browser's, or a new one.
func (h *Handlers) visitorToken(c echo.Context) string {
	if cookie, err := c.Cookie(visitorCookie); err == nil && len(cookie.Value) >= 40 {
		return cookie.Value
	}
	token, _ := auth.NewToken()
	c.SetCookie(h.cookie(visitorCookie, token, 0))
	return token
}

// enter begins a session and forgets the one before.
func (h *Handlers) enter(c echo.Context, p store.Person) error {
	ctx := c.Request().Context()
	if old, err := c.Cookie(sessionCookie); err == nil {
		if err := h.Store.DeleteSession(ctx, auth.TokenHash(old.Value)); err != nil {
			return err
		}
	}
	token, hash := auth.NewToken()
	now := h.Now()
	if err := h.Store.CreateSession(ctx, store.Session{Hash: hash, Person: p.ID, Created: now, Expires: now.Add(sessionLife)}); err != nil {
		return err
	}
	c.SetCookie(h.cookie(sessionCookie, token, sessionLife))
	c.SetCookie(h.cookie(visitorCookie, "", -1))
	return nil
}

// require lets people of a role through; admins may all that viewers may. Readers of pages are led to the door first.
func (h *Handlers) require(role string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			v, r := who(c), c.Request()
			switch {
			case v.person == nil && r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html"):
				return see(c, "/signin?next="+url.QueryEscape(r.URL.RequestURI()))
			case v.person == nil:
				return fault.New(codeSignedOut, "nobody is signed in", "sign in and try again")
			case role == roleAdmin && !v.admin():
				return fault.New(fault.Refused, v.locale.T("web.adminonly"), v.locale.T("web.askadmin"))
			}
			return next(c)
		}
	}
}

// audit notes what a person did.
func (h *Handlers) audit(c echo.Context, action, subject, detail string) error {
	by := ""
	if v := who(c); v.person != nil {
		by = v.person.Address
	}
	return h.Store.Audit(c.Request().Context(), store.Entry{By: by, Action: action, Subject: subject, Detail: detail, At: h.Now()})
}
