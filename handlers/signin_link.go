package handlers

import (
	"context"
	"encoding/base64"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"daybook/internal/auth"
	"daybook/internal/fault"
	"daybook/internal/mail"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/templates"
)

const (
	purposeLink  = "signin"
	linkLife     = 15 * time.Minute
	linkMinutes  = int(linkLife / time.Minute)
	linkSending  = time.Minute // how long a sender may take over a link
	maxStrangers = 20          // links an hour to people who are not known
	maxNext      = 1000        // bytes of a path that a link may lead on to
)

// linkDomains are those whose people may sign in by a mailed link, empty when nobody may.
func (h *Handlers) linkDomains() string {
	if h.Mailer == nil {
		return ""
	}
	return strings.Join(h.Project.Mail.Domains, ", ")
}

// mailLink sends a link to sign in by. Its answer is the same for everybody and does not wait for the mail, so that nobody learns
// from it who is known here.
func (h *Handlers) mailLink(c echo.Context) error {
	ctx, l := c.Request().Context(), who(c).locale
	if h.linkDomains() == "" {
		return fault.New(fault.NotFound, "nobody signs in by a mailed link here", "sign in with a password")
	}
	address, next := strings.ToLower(strings.TrimSpace(c.FormValue("address"))), local(c.FormValue("next"))
	if len(next) > maxNext {
		next = "/"
	}
	form := func(code int, problem string) error {
		return h.signInForm(c, code, signInTry{next: next, linkAddress: address, linkProblem: problem})
	}
	if !validAddress(address) {
		return form(http.StatusBadRequest, l.T("people.error.address"))
	}
	wait, err := h.countLink(ctx, address, c.RealIP())
	if err != nil {
		return err
	}
	if wait > 0 {
		c.Response().Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return form(http.StatusTooManyRequests, l.T("web.signin.wait", l.Took(wait)))
	}
	id := requestID(c)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), linkSending)
		defer cancel()
		if err := h.sendLink(ctx, address, next, l); err != nil {
			h.Log.Error("a sign-in link was not sent", "request", id, "err", err)
		}
	}()
	p := h.page(c, "", "")
	p.Title, p.Path = p.T("signin.link.sent"), "/signin?next="+url.QueryEscape(next)
	return h.show(c, http.StatusOK, templates.LinkPage(templates.LinkView{Page: p, Heading: p.Title, Text: p.T("signin.link.text", address, linkMinutes)}))
}

// countLink counts a request for a link, for its address and for where it comes from, or says how long the next has to wait.
func (h *Handlers) countLink(ctx context.Context, address, network string) (time.Duration, error) {
	select {
	case h.signing <- struct{}{}:
		defer func() { <-h.signing }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	keys := map[string]int{"link " + address: 1, "link network " + network: networkPatience}
	for key, patience := range keys {
		if wait, err := h.wait(ctx, key, patience); err != nil || wait > 0 {
			return wait, err
		}
	}
	for key := range keys {
		if err := h.Store.RecordSignIn(ctx, key, false, h.Now()); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// sendLink mails a link to somebody who may sign in by one; to anybody else it does nothing.
func (h *Handlers) sendLink(ctx context.Context, address, next string, locale text.Locale) error {
	p, err := h.Store.PersonByAddress(ctx, address)
	unknown := fault.Is(err, fault.NotFound)
	switch {
	case err != nil && !unknown:
		return err
	case unknown && !h.Project.Mail.Allows(address), !unknown && !h.mayEnter(p):
		return nil
	}
	if stopped, err := h.linkStopped(ctx, address, unknown); err != nil || stopped {
		return err
	}
	if known(p.Locale) {
		locale = text.Locale(p.Locale)
	}
	token := newLinkToken(address)
	now := h.Now()
	if err := h.Store.CreateToken(ctx, store.Token{Purpose: purposeLink, Hash: auth.TokenHash(token), Person: p.ID, Created: now, Expires: now.Add(linkLife)}); err != nil {
		return err
	}
	link := strings.TrimSuffix(h.BaseURL, "/") + "/signin/" + token
	if next != "/" {
		link += "?next=" + url.QueryEscape(next)
	}
	return h.Mailer.Letter(ctx, mail.Address{Name: p.Name, Address: address}, locale.T("signin.mail.subject", h.Project.Name), locale.T("signin.mail.text", h.Project.Name, link, linkMinutes))
}

// linkStopped reports whether no link goes to an address: its mail came back, or too many links went to strangers lately. Invented
// addresses bounce, which uses up the mail service's day and its patience. The page does not tell.
func (h *Handlers) linkStopped(ctx context.Context, address string, stranger bool) (bool, error) {
	list, err := h.Store.Suppressions(ctx)
	if err != nil || slices.ContainsFunc(list, func(s store.Suppression) bool { return s.Address == address }) {
		return true, err
	}
	if !stranger {
		return false, nil
	}
	const key = "link stranger"
	n, err := h.Store.FailedSignIns(ctx, key, h.Now().Add(-time.Hour))
	if err != nil {
		return true, err
	}
	if n >= maxStrangers {
		h.Log.Warn("no more sign-in links to people who are not known this hour", "limit", maxStrangers)
		return true, nil
	}
	return false, h.Store.RecordSignIn(ctx, key, false, h.Now())
}

// newLinkToken is random, with the address that it was sent to behind: somebody who is not known yet has no other record. The store's
// hash is of both, so that neither can be changed.
func newLinkToken(address string) string {
	random, _ := auth.NewToken()
	return random + "." + base64.RawURLEncoding.EncodeToString([]byte(address))
}

func linkAddress(token string) (string, bool) {
	_, encoded, ok := strings.Cut(token, ".")
	address, err := base64.RawURLEncoding.DecodeString(encoded)
	return string(address), ok && err == nil && validAddress(string(address))
}

func (h *Handlers) gone(l text.Locale) error {
	return fault.New(fault.NotFound, l.T("signin.link.gone"), l.T("signin.link.gone.hint", linkMinutes))
}

// linkPage has the button that uses the link. Opening it uses nothing up: programs that look at mail open links too.
func (h *Handlers) linkPage(c echo.Context) error {
	token := c.Param("token")
	address, ok := linkAddress(token)
	if !ok || h.linkDomains() == "" {
		return h.gone(who(c).locale)
	}
	p := h.page(c, "", "")
	p.Title, p.Path = p.T("signin.title"), c.Request().URL.RequestURI()
	return h.show(c, http.StatusOK, templates.LinkPage(templates.LinkView{Page: p, Heading: p.T("signin.link.title", address), Text: p.T("signin.link.once"),
		URL: "/signin/" + url.PathEscape(token), Fields: []templates.Field{{Name: "next", Value: local(c.QueryParam("next"))}}}))
}

// useLink signs in whoever has the link, once. Somebody who was not known becomes a person without a role.
func (h *Handlers) useLink(c echo.Context) error {
	ctx, token := c.Request().Context(), c.Param("token")
	gone := h.gone(who(c).locale)
	address, ok := linkAddress(token)
	if !ok || h.linkDomains() == "" {
		return gone
	}
	used, err := h.Store.UseToken(ctx, purposeLink, auth.TokenHash(token), h.Now())
	if fault.Is(err, fault.NotFound) {
		return gone
	}
	if err != nil {
		return err
	}
	p, err := h.linked(ctx, used, address, who(c).locale)
	if err != nil {
		return err
	}
	if !h.mayEnter(p) {
		return gone
	}
	if err := h.enter(c, p); err != nil {
		return err
	}
	return see(c, local(c.FormValue("next")))
}

// linked is whom a used link belongs to, made when nobody has the address yet; the zero value, who may nothing, when the address is
// not in the domains any more.
func (h *Handlers) linked(ctx context.Context, used store.Token, address string, l text.Locale) (store.Person, error) {
	h.saving.Lock()
	defer h.saving.Unlock()
	if used.Person != "" {
		return h.Store.Person(ctx, used.Person)
	}
	p, err := h.Store.PersonByAddress(ctx, address)
	if !fault.Is(err, fault.NotFound) {
		return p, err
	}
	if !h.Project.Mail.Allows(address) {
		return store.Person{Disabled: true}, nil
	}
	p = store.Person{Address: address, Locale: string(l), Created: h.Now()}
	if err := h.Store.SavePerson(ctx, &p); err != nil {
		return p, err
	}
	return p, h.Store.Audit(ctx, store.Entry{By: address, Action: "person added", Subject: address, Detail: "by a sign-in link", At: h.Now()})
}
