package handlers

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	netmail "net/mail"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"daybook/internal/auth"
	"daybook/internal/fault"
	"daybook/internal/store"
)

// Account is who may sign in.
type Account struct {
	Address  string `json:"address"`
	Name     string `json:"name"`
	Locale   string `json:"locale"`
	Role     string `json:"role"` // viewer reads, admin runs; empty leaves it, and is viewer for who has none
	Password string `json:"password"`
}

// SaveAccount makes or changes an account, and ends the person's sessions. Groups stay as they are.
func SaveAccount(ctx context.Context, s *store.Store, hasher *auth.Hasher, a Account, by string, now time.Time) error {
	if parsed, err := netmail.ParseAddress(a.Address); err != nil || parsed.Address != a.Address {
		return fault.New(fault.Invalid, fmt.Sprintf("%q is not a mail address", a.Address), "write name@example.com")
	}
	if !slices.Contains([]string{"", roleViewer, roleAdmin}, a.Role) {
		return fault.New(fault.Invalid, fmt.Sprintf("there is no role %q", a.Role), "write viewer or admin")
	}
	hash, err := hasher.Hash(ctx, a.Password)
	if err != nil {
		return err
	}
	p, err := s.PersonByAddress(ctx, a.Address)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	role := cmp.Or(a.Role, p.Role, roleViewer) // a new password alone leaves the role
	if p.Role == roleAdmin && !p.Disabled && role != roleAdmin {
		if n, err := s.CountAdmins(ctx); err != nil {
			return err
		} else if n < 2 {
			return fault.New(fault.Refused, a.Address+" is the last admin", "make somebody else an admin first")
		}
	}
	p.Address, p.Role, p.PasswordHash, p.Disabled = a.Address, role, hash, false
	if a.Name != "" {
		p.Name = a.Name
	}
	if a.Locale != "" {
		p.Locale = a.Locale
	}
	if p.ID == "" {
		p.Created = now
	}
	if err := s.SavePerson(ctx, &p); err != nil {
		return err
	}
	if err := s.DeleteSessions(ctx, p.ID); err != nil {
		return err
	}
	return s.Audit(ctx, store.Entry{By: by, Action: "account", Subject: p.Address, Detail: p.Role, At: now})
}

func (h *Handlers) apiAccount(c echo.Context) error {
	var a Account
	by, err := decode(c, &a)
	if err != nil {
		return err
	}
	h.saving.Lock()
	defer h.saving.Unlock()
	if err := SaveAccount(c.Request().Context(), h.Store, h.Hasher, a, by, h.Now()); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct{}{})
}
