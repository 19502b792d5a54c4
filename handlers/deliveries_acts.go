package handlers

import (
	"context"
	"errors"
	"time"

	"github.com/labstack/echo/v4"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/mail"
	"daybook/templates"
)

// What a person says of a mail that may have left.
const (
	outcomeArrived = "arrived"
	outcomeLost    = "lost"
)

// askedLines is how many addresses a question lists.
const askedLines = 20

// soon is how long a page waits for mails to leave before it goes on without them; the ledger shows the rest as it happens.
const soon = 2 * time.Second

// ledgerActions are the buttons of an edition's page.
func (h *Handlers) ledgerActions(c echo.Context, led ledgerOf, p templates.Page) []templates.Action {
	e, path := led.edition, deliveriesPath(led.edition.Report, led.edition.Day, led.edition.Number)
	var list []templates.Action
	if h.Mailer != nil {
		list = append(list, templates.Action{Label: p.T("ledger.seemail"), Href: path + "/mail/" + mailLocale(e, p.Locale)})
	}
	if !h.mayMail(c) {
		return list
	}
	list = append(list, templates.Action{Label: p.T("ledger.test"), URL: path + "/test", Ask: &templates.Question{
		Title: p.T("ledger.testtitle"), Text: p.T("ledger.testtext", who(c).person.Address), Confirm: p.T("ledger.testsend")}})
	var lines []string
	n := 0
	for _, d := range led.deliveries {
		if resendable(d.State) {
			if n++; n <= askedLines {
				lines = append(lines, d.Address)
			}
		}
	}
	if n == 0 {
		return list
	}
	if n > askedLines {
		lines = append(lines, p.T("ledger.resendmore", p.Locale.Count(int64(n-askedLines))))
	}
	count := p.Locale.Count(int64(n))
	return append(list, templates.Action{Label: p.T("ledger.resend", count), Tone: "primary", URL: path + "/resend", Ask: &templates.Question{
		Title: p.T("ledger.resendtitle", count), Text: p.T("ledger.resendtext"), Lines: lines, Confirm: p.T("ledger.resendsend")}})
}

// Words of what was just done, in the address of the page that shows it.
const (
	didTest   = "test"
	didResend = "resend"
)

// ledgerFlash says what a form of the page just did.
func (h *Handlers) ledgerFlash(c echo.Context, p templates.Page) *templates.Notice {
	switch c.QueryParam("did") {
	case didTest:
		return &templates.Notice{Kind: templates.UpToDate, Title: p.T("ledger.tested", who(c).person.Address)}
	case didResend:
		return &templates.Notice{Kind: templates.UpToDate, Title: p.T("ledger.resent")}
	}
	return nil
}

func (h *Handlers) noMailer() error {
	return fault.New(fault.Unavailable, "this server sends no mail", "set mail: in daybook.yaml")
}

// meanwhile begins what may take long and waits a little for its end: its fault when it ends soon, else the log has it. That one
// person's mail failed is no fault of the request: the ledger shows it.
func (h *Handlers) meanwhile(c echo.Context, what string, do func(ctx context.Context) error) error {
	ctx, done := context.WithoutCancel(c.Request().Context()), make(chan error, 1)
	go func() { done <- do(ctx) }()
	log := func(err error) {
		if err != nil {
			h.Log.Warn("not every mail could be sent", "what", what, "err", err)
		}
	}
	select {
	case err := <-done:
		var told *fault.Error
		if errors.As(err, &told) {
			return err
		}
		log(err)
	case <-time.After(soon):
		go func() { log(<-done) }()
	}
	return nil
}

// resend sends what certainly did not leave once more: to everybody of the edition, or to those who are ticked.
func (h *Handlers) resend(c echo.Context) error {
	e, _, err := h.editionOf(c)
	if err != nil {
		return err
	}
	if h.Mailer == nil {
		return h.noMailer()
	}
	var ids []string
	if c.FormValue("picked") != "" {
		if ids = c.Request().Form["id"]; len(ids) == 0 {
			l := who(c).locale
			return fault.New(fault.Invalid, l.T("ledger.nobodypicked"), l.T("ledger.nobodypickedhint"))
		}
	}
	path, by := deliveriesPath(e.Report, e.Day, e.Number), who(c).person.Address
	err = h.meanwhile(c, "resend "+path, func(ctx context.Context) error {
		_, err := h.Mailer.Resend(ctx, e.ID, ids, by)
		return err
	})
	if err != nil {
		return err
	}
	return see(c, path+"?did="+didResend)
}

// settle records what a person found out about a mail that may have left.
func (h *Handlers) settle(c echo.Context) error {
	e, _, err := h.editionOf(c)
	if err != nil {
		return err
	}
	if h.Mailer == nil {
		return h.noMailer()
	}
	d, err := h.Store.Delivery(c.Request().Context(), c.FormValue("id"))
	if err != nil {
		return err
	}
	outcome := c.FormValue("outcome")
	if d.Edition != e.ID || outcome != outcomeArrived && outcome != outcomeLost {
		return fault.New(fault.Invalid, "it was not said whether the mail arrived", "choose one of the two")
	}
	note := []rune(c.FormValue("note"))
	if err := h.Mailer.Settle(c.Request().Context(), d.ID, outcome == outcomeArrived, string(note[:min(len(note), maxReason)]), who(c).person.Address); err != nil {
		return err
	}
	return see(c, deliveriesPath(e.Report, e.Day, e.Number))
}

// testMail sends the edition to the admin who asks, and to nobody else.
func (h *Handlers) testMail(c echo.Context) error {
	e, _, err := h.editionOf(c)
	if err != nil {
		return err
	}
	if h.Mailer == nil {
		return h.noMailer()
	}
	me := *who(c).person
	if err := h.Mailer.Test(c.Request().Context(), e.Report, e.Day, e.Number, me, me.Address); err != nil {
		return unsent(err)
	}
	return see(c, deliveriesPath(e.Report, e.Day, e.Number)+"?did="+didTest)
}

// gateForm is the report and day of a form that holds or releases, with its reason.
func (h *Handlers) gateForm(c echo.Context) (report string, day calendar.Day, why string, err error) {
	report = c.Param("report")
	if err = h.isReport(report); err != nil {
		return
	}
	if day, err = calendar.ParseDay(c.Param("day")); err != nil {
		return
	}
	if h.Mailer == nil {
		err = h.noMailer()
		return
	}
	if why = reason(c); why == "" {
		l := who(c).locale
		err = fault.New(fault.Invalid, l.T("gate.noreason"), l.T("gate.noreasonhint"))
	}
	return
}

// hold keeps a report's day from being mailed.
func (h *Handlers) hold(c echo.Context) error {
	report, day, why, err := h.gateForm(c)
	if err != nil {
		return err
	}
	if err := h.Mailer.Hold(c.Request().Context(), report, day, why, who(c).person.Address); err != nil {
		return err
	}
	return see(c, dayPath(report, day))
}

// release mails what there is of a report's day.
func (h *Handlers) release(c echo.Context) error {
	report, day, why, err := h.gateForm(c)
	if err != nil {
		return err
	}
	by := who(c).person.Address
	err = h.meanwhile(c, "release "+report+" "+day.String(), func(ctx context.Context) error {
		_, err := h.Mailer.Release(ctx, report, day, why, by)
		return err
	})
	if err != nil {
		return err
	}
	e, err := h.Store.Edition(c.Request().Context(), report, day, 0)
	if fault.Is(err, fault.NotFound) { // it is still being built
		return see(c, dayPath(report, day))
	}
	if err != nil {
		return err
	}
	return see(c, deliveriesPath(report, day, e.Number))
}

// unsent tells the admin why a message did not leave: that is what they tried it for.
func unsent(err error) error {
	var out *mail.SendError
	var told *fault.Error
	if errors.As(err, &out) && !errors.As(err, &told) {
		return fault.Wrap(fault.Unavailable, out.Err, "the test was not sent", "")
	}
	return err
}
