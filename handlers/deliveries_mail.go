package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"daybook/internal/fault"
	"daybook/internal/mail"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/templates"
)

// mailPath is the page of an edition's mail in a language.
func mailPath(e store.Edition, locale string) string {
	return deliveriesPath(e.Report, e.Day, e.Number) + "/mail/" + url.PathEscape(locale)
}

// mailLocale is the wanted language if the edition has it, else its first.
func mailLocale(e store.Edition, wanted text.Locale) string {
	if len(e.Locales) == 0 || slices.Contains(e.Locales, string(wanted)) {
		return string(wanted)
	}
	return e.Locales[0]
}

func variantOf(c echo.Context) string {
	if c.QueryParam("variant") == store.VariantWeekly {
		return store.VariantWeekly
	}
	return store.VariantDaily
}

// printed is the mail that the address names, as it was mailed or would be now.
func (h *Handlers) printed(c echo.Context) (mail.Message, store.Edition, error) {
	e, _, err := h.editionOf(c)
	if err != nil {
		return mail.Message{}, e, err
	}
	if h.Mailer == nil {
		return mail.Message{}, e, h.noMailer()
	}
	locale := c.Param("locale")
	if !slices.Contains(e.Locales, locale) {
		return mail.Message{}, e, fault.New(fault.NotFound, fmt.Sprintf("edition %d of %s %s has no mail in %q", e.Number, e.Report, e.Day, locale), "")
	}
	m, err := h.Mailer.Printed(c.Request().Context(), e, text.ParseLocale(locale), variantOf(c))
	return m, e, err
}

// editionMail is the mail of an edition as its readers get it.
func (h *Handlers) editionMail(c echo.Context) error {
	m, e, err := h.printed(c)
	if err != nil {
		return err
	}
	p := h.page(c, m.Subject, "deliveries")
	path, kind := mailPath(e, c.Param("locale")), "?variant="+variantOf(c)
	v := templates.MessageView{
		Page: p, Subject: m.Subject, Text: m.Text, HTMLSource: path + "/html" + kind,
		Crumbs: []templates.Link{{Label: p.T("deliveries.title"), Href: "/deliveries"},
			{Label: e.Report + " " + e.Day.String() + ", " + p.T("report.edition", e.Number), Href: deliveriesPath(e.Report, e.Day, e.Number)}, {Label: p.T("ledger.seemail")}},
		Facts:   templates.FactLine{Facts: []templates.Fact{{Before: p.T("report.fingerprint"), Strong: e.Hash[:min(len(e.Hash), 8)], Mono: true}}},
		Headers: []templates.Pair{{Name: "From", Value: m.From.Name + " <" + m.From.Address + ">"}, {Name: "Subject", Value: m.Subject}},
	}
	if m.ListID != "" {
		v.Headers = append(v.Headers, templates.Pair{Name: "List-Id", Value: m.ListID})
	}
	for i, part := range files(m.Images, m.Attachments) {
		v.Attachments = append(v.Attachments, templates.Download{Label: part.Name, Hint: p.Locale.Bytes(int64(len(part.Bytes))), Href: path + "/parts/" + strconv.Itoa(i+1) + kind})
	}
	if v.Variants, err = h.mailVariants(c, e, p); err != nil {
		return err
	}
	return h.show(c, http.StatusOK, templates.MessagePage(v))
}

// mailVariants are the mails of an edition that people got, or would get.
func (h *Handlers) mailVariants(c echo.Context, e store.Edition, p templates.Page) ([]templates.RangeLink, error) {
	sent, err := h.Store.Deliveries(c.Request().Context(), e.ID)
	if err != nil {
		return nil, err
	}
	kinds := []string{store.VariantDaily}
	if slices.ContainsFunc(sent, func(d store.Delivery) bool { return d.Variant == store.VariantWeekly }) || variantOf(c) == store.VariantWeekly {
		kinds = append(kinds, store.VariantWeekly)
	}
	var list []templates.RangeLink
	for _, l := range e.Locales {
		for _, kind := range kinds {
			label := p.T("ledger.language." + string(text.ParseLocale(l)))
			if kind == store.VariantWeekly {
				label += ", " + p.T("ledger.weekly")
			}
			list = append(list, templates.RangeLink{Label: label, Href: mailPath(e, l) + "?variant=" + kind, Current: l == c.Param("locale") && kind == variantOf(c)})
		}
	}
	return list, nil
}

func (h *Handlers) editionMailHTML(c echo.Context) error {
	m, _, err := h.printed(c)
	if err != nil {
		return err
	}
	return framed(c, m.HTML, m.Images)
}

func (h *Handlers) editionMailPart(c echo.Context) error {
	m, _, err := h.printed(c)
	if err != nil {
		return err
	}
	return filePart(c, files(m.Images, m.Attachments))
}
