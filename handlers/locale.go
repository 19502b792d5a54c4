package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"daybook/internal/store"
	"daybook/internal/text"
)

// localeOf is the person's language, else the browser's choice here, else what the browser asks for, else the project's.
func (h *Handlers) localeOf(c echo.Context, person *store.Person) text.Locale {
	if person != nil && known(person.Locale) {
		return text.Locale(person.Locale)
	}
	if cookie, err := c.Cookie(localeCookie); err == nil && known(cookie.Value) {
		return text.Locale(cookie.Value)
	}
	for tag := range strings.SplitSeq(c.Request().Header.Get("Accept-Language"), ",") {
		language, _, _ := strings.Cut(strings.TrimSpace(tag), ";")
		language, _, _ = strings.Cut(strings.ToLower(language), "-")
		if known(language) {
			return text.Locale(language)
		}
	}
	return text.ParseLocale(h.Project.Locale)
}

func known(locale string) bool {
	return locale == string(text.Korean) || locale == string(text.English)
}

// setLocale remembers the language, in the browser and for the person.
func (h *Handlers) setLocale(c echo.Context) error {
	locale := c.FormValue("locale")
	if known(locale) {
		c.SetCookie(h.cookie(localeCookie, locale, 365*24*time.Hour))
		if v := who(c); v.person != nil && v.person.Locale != locale {
			err := h.amend(c.Request().Context(), v.person.ID, func(p *store.Person) { p.Locale = locale })
			if err != nil {
				return err
			}
		}
	}
	return see(c, local(c.FormValue("back")))
}

// amend changes one thing of a person and leaves what others changed meanwhile.
func (h *Handlers) amend(ctx context.Context, id string, change func(*store.Person)) error {
	h.saving.Lock()
	defer h.saving.Unlock()
	p, err := h.Store.Person(ctx, id)
	if err != nil {
		return err
	}
	change(&p)
	return h.Store.SavePerson(ctx, &p)
}

// local is a path of this server, "/" for anything that would lead elsewhere.
func local(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") ||
		strings.ContainsAny(path, "\\\r\n\t") {
		return "/"
	}
	return path
}

// cookie is one of ours: not for scripts, not for other sites. Its life is counted by the browser; 0 lasts until that is closed, and
// a negative one takes the cookie away.
func (h *Handlers) cookie(name, value string, life time.Duration) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(h.BaseURL, "https://")}
	if c.MaxAge = int(life / time.Second); life < 0 {
		c.MaxAge = -1
	}
	return c
}
