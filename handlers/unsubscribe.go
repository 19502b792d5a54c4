package handlers

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/templates"
)

// oneClick is the field and the value that a mail program posts (RFC 8058).
const (
	oneClickField = "List-Unsubscribe"
	oneClickValue = "One-Click"
)

// subscriber is whom a mail's token belongs to: having it is all the right that is needed.
type subscriber struct {
	person  store.Person
	report  project.Report
	cadence string
	locale  text.Locale
}

func (h *Handlers) subscriber(c echo.Context) (subscriber, error) {
	ctx := c.Request().Context()
	id, name, err := h.Store.UnsubscribeToken(ctx, c.Param("token"))
	var s subscriber
	if err == nil {
		s.person, err = h.Store.Person(ctx, id)
	}
	if fault.Is(err, fault.NotFound) {
		l := h.localeOf(c, nil)
		return s, fault.New(fault.NotFound, l.T("unsubscribe.unknown"), l.T("unsubscribe.unknown.hint"))
	}
	if err != nil {
		return s, err
	}
	s.report = project.Report{Name: name, Title: project.Words{"": name}}
	if i := slices.IndexFunc(h.Project.Reports, func(r project.Report) bool { return r.Name == name }); i >= 0 {
		s.report = h.Project.Reports[i]
	}
	list, err := h.Store.SubscriptionsOf(ctx, id)
	if err != nil {
		return s, err
	}
	for _, b := range list {
		if b.Report == name {
			s.cadence = inForce(s.report, b.Cadence)
		}
	}
	s.locale = h.localeOf(c, &s.person)
	return s, nil
}

// unsubscribePage says how often the report comes, and changes nothing: programs that look at mail open its links.
func (h *Handlers) unsubscribePage(c echo.Context) error {
	s, err := h.subscriber(c)
	if err != nil {
		return err
	}
	v := h.unsubscribeView(c, s)
	v.Done = c.QueryParam("done") != ""
	if s.report.Required {
		v.Why = v.T("unsubscribe.required")
	}
	for _, choice := range []templates.Choice{
		{Value: store.CadenceOff, Label: v.T("unsubscribe.set.off")}, {Value: store.CadenceWeekly, Label: v.T("unsubscribe.set.weekly")}, {Value: cadenceDaily, Label: v.T("unsubscribe.set.daily")},
	} {
		if choice.Name = "cadence"; choice.Value != orDaily(s.cadence) && !(s.report.Required && choice.Value == store.CadenceOff) {
			v.Choices = append(v.Choices, choice)
		}
	}
	v.Choices[0].Tone = "primary"
	return h.show(c, http.StatusOK, templates.UnsubscribePage(v))
}

func (h *Handlers) unsubscribeView(c echo.Context, s subscriber) templates.UnsubscribeView {
	p := h.page(c, "", "")
	p.Locale, p.User = s.locale, nil
	title := reportTitle(s.report, s.locale)
	p.Title = p.T("unsubscribe.title", title)
	return templates.UnsubscribeView{Page: p, URL: c.Request().URL.EscapedPath(), Heading: p.Title, Address: s.person.Address, Now: p.T("unsubscribe." + orDaily(s.cadence))}
}

// unsubscribe takes the choice of the page, or the one click of a mail program, which has no cookie and follows no redirect.
func (h *Handlers) unsubscribe(c echo.Context) error {
	c.Set(visitorKey, &visitor{locale: h.localeOf(c, nil)}) // for the page of an error; nobody is signed in here
	s, err := h.subscriber(c)
	if err != nil {
		return err
	}
	cadence, ok := cadenceNamed(c.FormValue("cadence"))
	click := c.FormValue(oneClickField) == oneClickValue
	switch {
	case click && s.report.Required:
		cadence = store.CadenceWeekly
	case click:
		cadence = store.CadenceOff
	case !ok || c.FormValue("cadence") == "":
		return fault.New(fault.Invalid, s.locale.T("people.error.cadence"), "")
	case cadence == store.CadenceOff && s.report.Required:
		return fault.New(fault.Refused, s.locale.T("unsubscribe.required"), "")
	}
	if cadence != s.cadence {
		ctx := c.Request().Context()
		if err := h.Store.SetSubscription(ctx, store.Subscription{Person: s.person.ID, Report: s.report.Name, Cadence: cadence, At: h.Now()}); err != nil {
			return err
		}
		entry := store.Entry{By: s.person.Address, Action: "subscription", Subject: s.person.Address, Detail: s.report.Name + " " + orDaily(s.cadence) + " → " + orDaily(cadence), At: h.Now()}
		if err := h.Store.Audit(ctx, entry); err != nil {
			return err
		}
	}
	if !click {
		return see(c, c.Request().URL.EscapedPath()+"?done=1")
	}
	s.cadence = cadence
	v := h.unsubscribeView(c, s)
	v.Done = true
	return h.show(c, http.StatusOK, templates.UnsubscribePage(v))
}
