package handlers

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"daybook/internal/auth"
	"daybook/internal/fault"
	"daybook/internal/store"
	"daybook/templates"
)

func (h *Handlers) signInPage(c echo.Context) error {
	next := local(c.QueryParam("next"))
	if who(c).person != nil {
		return see(c, next)
	}
	return h.signInForm(c, http.StatusOK, signInTry{next: next})
}

// signInTry is what the forms of the door hold.
type signInTry struct {
	next, address, problem   string
	linkAddress, linkProblem string
}

func (h *Handlers) signInForm(c echo.Context, code int, t signInTry) error {
	p := h.page(c, "", "")
	p.Title, p.Path = p.T("signin.title"), "/signin?next="+url.QueryEscape(t.next)
	return h.show(c, code, templates.SignInPage(templates.SignInView{Page: p, Next: t.next, Address: t.address, Error: t.problem, Help: p.T("signin.help"),
		Domains: h.linkDomains(), LinkAddress: t.linkAddress, LinkError: t.linkProblem}))
}

func (h *Handlers) signIn(c echo.Context) error {
	address, next := strings.TrimSpace(c.FormValue("address")), local(c.FormValue("next"))
	wait, p, err := h.prove(c.Request().Context(), address, c.FormValue("password"), c.RealIP())
	switch l := who(c).locale; {
	case err != nil:
		return err
	case wait > 0:
		seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
		c.Response().Header().Set("Retry-After", seconds)
		return h.signInForm(c, http.StatusTooManyRequests, signInTry{next: next, address: address, problem: l.T("web.signin.wait", l.Took(wait))})
	case p == nil:
		return h.signInForm(c, http.StatusUnauthorized, signInTry{next: next, address: address, problem: l.T("signin.wrong")})
	}
	if err := h.enter(c, *p); err != nil {
		return err
	}
	return see(c, next)
}

// networkPatience is how many times more failures a network address may have than a person's: an office has one of them.
const networkPatience = 10

// prove returns the person whose password it is, nil for anybody else, or how long to wait before the next guess. It does the same
// work for people who do not exist. One at a time, so that a hundred guesses sent at once are counted one after another.
func (h *Handlers) prove(ctx context.Context, address, password, network string) (time.Duration, *store.Person, error) {
	select {
	case h.signing <- struct{}{}:
		defer func() { <-h.signing }()
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	}
	keys := map[string]int{"address " + strings.ToLower(address): 1, "network " + network: networkPatience}
	for key, patience := range keys {
		if wait, err := h.wait(ctx, key, patience); err != nil || wait > 0 {
			return wait, nil, err
		}
	}
	p, err := h.Store.PersonByAddress(ctx, address)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return 0, nil, err
	}
	hash := p.PasswordHash
	if !maySignIn(p) {
		hash = ""
	}
	ok, rehash, err := h.Hasher.Verify(ctx, password, hash)
	if err != nil {
		return 0, nil, err
	}
	for key := range keys {
		if err := h.Store.RecordSignIn(ctx, key, ok, h.Now()); err != nil {
			return 0, nil, err
		}
	}
	if !ok {
		return 0, nil, nil
	}
	if rehash {
		var fresh string
		if fresh, err = h.Hasher.Hash(ctx, password); err == nil {
			err = h.amend(ctx, p.ID, func(now *store.Person) {
				if now.PasswordHash == p.PasswordHash {
					now.PasswordHash = fresh
				}
			})
		}
	}
	return 0, &p, err
}

// wait is how long guesses under a key still have to wait, at most: the store counts failures and does not say when the last one was.
func (h *Handlers) wait(ctx context.Context, key string, patience int) (time.Duration, error) {
	now := h.Now()
	failures, err := h.Store.FailedSignIns(ctx, key, now.Add(-auth.Window))
	if err != nil {
		return 0, err
	}
	wait := auth.Wait(failures/patience, now, now)
	if wait == 0 {
		return 0, nil
	}
	recent, err := h.Store.FailedSignIns(ctx, key, now.Add(-wait))
	if err != nil || recent == 0 {
		return 0, err
	}
	return wait, nil
}

func (h *Handlers) signOut(c echo.Context) error {
	if cookie, err := c.Cookie(sessionCookie); err == nil {
		if err := h.Store.DeleteSession(c.Request().Context(), auth.TokenHash(cookie.Value)); err != nil {
			return err
		}
	}
	c.SetCookie(h.cookie(sessionCookie, "", -1))
	return see(c, "/signin")
}
