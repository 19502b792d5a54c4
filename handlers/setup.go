package handlers

import (
	"context"
	"fmt"
	"net/http"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"daybook/internal/auth"
	"daybook/internal/fault"
	"daybook/internal/store"
	"daybook/templates"
)

const (
	purposeSetup = "setup"
	setupLife    = 24 * time.Hour
)

// SetupLink makes the one-time link by which somebody becomes the first admin, empty when there is an admin already.
func SetupLink(ctx context.Context, s *store.Store, baseURL string, now time.Time) (string, error) {
	if n, err := s.CountAdmins(ctx); err != nil || n > 0 {
		return "", err
	}
	token, hash := auth.NewToken()
	if err := s.CreateToken(ctx, store.Token{Purpose: purposeSetup, Hash: hash, Created: now, Expires: now.Add(setupLife)}); err != nil {
		return "", fmt.Errorf("make a setup link: %w", err)
	}
	return strings.TrimSuffix(baseURL, "/") + "/setup/" + token, nil
}

// closed is the fault of a link that makes no admin any more.
func (h *Handlers) closed(ctx context.Context) error {
	n, err := h.Store.CountAdmins(ctx)
	if err == nil && n > 0 {
		return fault.New(fault.NotFound, "this link does not work any more", "sign in, or ask an admin for an account")
	}
	return err
}

func (h *Handlers) setupPage(c echo.Context) error {
	if err := h.closed(c.Request().Context()); err != nil {
		return err
	}
	return h.setupForm(c, http.StatusOK, c.Param("token"), "")
}

func (h *Handlers) setupForm(c echo.Context, code int, token, problem string) error {
	p := h.page(c, "", "")
	p.Title, p.Path = p.T("setup.title"), "/setup/"+token
	return h.show(c, code, templates.SetupPage(templates.SetupView{Page: p, Token: token, Error: problem, Inputs: []templates.Input{
		{Name: "address", Label: p.T("setup.address"), Kind: "email", Value: c.FormValue("address"), Required: true, Autofocus: true, Autocomplete: "username"},
		{Name: "name", Label: p.T("setup.name"), Value: c.FormValue("name"), Autocomplete: "name"},
		{Name: "password", Label: p.T("setup.password"), Kind: "password", Required: true, Hint: p.T("web.setup.passwordhint", auth.MinLength), Autocomplete: "new-password"},
	}}))
}

// setup makes the first admin. The token is used up last, so that a mistyped form can be sent again.
func (h *Handlers) setup(c echo.Context) error {
	ctx, l := c.Request().Context(), who(c).locale
	if err := h.closed(ctx); err != nil {
		return err
	}
	token, address := c.FormValue("token"), strings.TrimSpace(c.FormValue("address"))
	parsed, err := netmail.ParseAddress(address)
	if err != nil || parsed.Address != address {
		return h.setupForm(c, http.StatusBadRequest, token, l.T("web.setup.address"))
	}
	hash, err := h.Hasher.Hash(ctx, c.FormValue("password"))
	if fault.Is(err, fault.Invalid) {
		return h.setupForm(c, http.StatusBadRequest, token, l.T("web.setup.password", auth.MinLength, auth.MaxLength))
	}
	if err != nil {
		return err
	}
	p, err := h.Store.PersonByAddress(ctx, address)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if _, err := h.Store.UseToken(ctx, purposeSetup, auth.TokenHash(token), h.Now()); err != nil {
		if fault.Is(err, fault.NotFound) {
			return fault.New(fault.NotFound, "this link does not work any more", "start the server again for a new one")
		}
		return err
	}
	p.Address, p.Role, p.PasswordHash, p.Disabled = address, roleAdmin, hash, false
	if name := strings.TrimSpace(c.FormValue("name")); name != "" {
		p.Name = name
	}
	if p.ID == "" {
		p.Created = h.Now()
	}
	if err := h.Store.SavePerson(ctx, &p); err != nil {
		return err
	}
	if err := h.audit(c, "setup", p.Address, "first admin"); err != nil {
		return err
	}
	if err := h.enter(c, p); err != nil {
		return err
	}
	return see(c, "/")
}
