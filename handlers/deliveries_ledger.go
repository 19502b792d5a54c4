package handlers

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/templates"
)

// editionOf is the edition of the address, with the report as the project has it.
func (h *Handlers) editionOf(c echo.Context) (store.Edition, project.Report, error) {
	name := c.Param("report")
	if err := h.isReport(name); err != nil {
		return store.Edition{}, project.Report{}, err
	}
	node, err := h.Runner.Graph.Node(name)
	if err != nil {
		return store.Edition{}, project.Report{}, err
	}
	day, err := calendar.ParseDay(c.Param("day"))
	if err != nil {
		return store.Edition{}, project.Report{}, err
	}
	number, err := strconv.Atoi(cmp.Or(c.Param("number"), c.Param("part")))
	if err != nil || number < 1 {
		return store.Edition{}, project.Report{}, fault.New(fault.NotFound, fmt.Sprintf("%s of %s has no edition %q", name, day, cmp.Or(c.Param("number"), c.Param("part"))), "")
	}
	e, err := h.Store.Edition(c.Request().Context(), name, day, number)
	return e, *node.Report, err
}

// ledgerOf is an edition with the deliveries that were planned of it.
type ledgerOf struct {
	edition    store.Edition
	report     project.Report
	deliveries []store.Delivery // what needs a look first
	people     map[string]store.Person
	count      store.EditionCount
}

func (h *Handlers) ledgerOf(ctx context.Context, e store.Edition, r project.Report) (ledgerOf, error) {
	out := ledgerOf{edition: e, report: r, people: map[string]store.Person{}, count: store.EditionCount{Edition: e}}
	var err error
	if out.deliveries, err = h.Store.Deliveries(ctx, e.ID); err != nil {
		return out, err
	}
	counts, err := h.Store.DeliveryCounts(ctx, e.Report, e.Day, e.Day)
	if err != nil {
		return out, err
	}
	for _, c := range counts {
		if c.Edition.ID == e.ID {
			out.count = c
		}
	}
	people, err := h.Store.People(ctx)
	if err != nil {
		return out, err
	}
	for _, p := range people {
		out.people[p.ID] = p
	}
	slices.SortStableFunc(out.deliveries, func(a, b store.Delivery) int { return cmp.Compare(urgency(a.State), urgency(b.State)) })
	return out, nil
}

// urgency orders deliveries for people: what somebody must decide, what did not arrive, what is under way, what is well.
func urgency(state string) int {
	return slices.Index([]string{store.DeliveryUnknown, store.DeliveryFailed, store.DeliveryRejected, store.DeliveryBounced, store.DeliveryComplained, store.DeliveryDelayed,
		store.DeliverySending, store.DeliveryPlanned, store.DeliveryAccepted, store.DeliveryDelivered}, state)
}

// deservesALook reports whether somebody should see what came of a delivery.
func deservesALook(state string) bool { return urgency(state) <= urgency(store.DeliveryDelayed) }

// resendable reports whether a delivery certainly did not leave, so that it may be sent again.
func resendable(state string) bool {
	return state == store.DeliveryFailed || state == store.DeliveryRejected
}

func (h *Handlers) ledgerPage(c echo.Context) error {
	ctx, visitor := c.Request().Context(), who(c)
	e, r, err := h.editionOf(c)
	if err != nil {
		return err
	}
	seen, err := h.Store.LastEvent(ctx)
	if err != nil {
		return err
	}
	led, err := h.ledgerOf(ctx, e, r)
	if err != nil {
		return err
	}
	f, path := readLedgerFilter(c), deliveriesPath(e.Report, e.Day, e.Number)
	list := f.of(led)
	if asksCSV(c) {
		return h.ledgerCSV(c, led, list)
	}
	p := h.page(c, "", "deliveries")
	l := p.Locale
	of := p.T("ledger.of", e.Day.String(), e.Number)
	p.Title, p.Flash = reportTitle(r, l)+" "+of, h.ledgerFlash(c, p)
	v := templates.LedgerView{
		Page: p, Crumbs: []templates.Link{{Label: p.T("deliveries.title"), Href: "/deliveries"}, {Label: e.Report}}, Name: reportTitle(r, l), Of: of,
		Ledger: h.ledgerCounts(led, l),
	}
	if f.own == "" {
		v.Filter = h.ledgerFilterView(c, led, f, path, p)
	}
	if v.Facts, err = h.ledgerFacts(ctx, led, l); err != nil {
		return err
	}
	if v.People, err = h.peopleTable(ctx, led, f, list, p, visitor.admin()); err != nil {
		return err
	}
	if end := f.page * ledgerRows; end < len(list) {
		v.People.More = &templates.Link{Label: p.T("ledger.next", min(ledgerRows, len(list)-end)), Href: f.href(path, f.page+1)}
	}
	if f.page > 1 {
		v.Prev = &templates.Link{Label: p.T("ledger.previous", ledgerRows), Href: f.href(path, f.page-1)}
	}
	if v.Banner, err = h.gate(ctx, r, e.Day, &e, p, visitor.admin()); err != nil {
		return err
	}
	v.Actions = h.ledgerActions(c, led, p)
	if visitor.admin() && h.Mailer != nil && slices.ContainsFunc(f.paged(list), func(d store.Delivery) bool { return resendable(d.State) }) {
		v.Picked = &templates.Action{Label: p.T("ledger.resendpicked"), URL: path + "/resend", Fields: []templates.Field{{Name: "picked", Value: "1"}}, Ask: &templates.Question{
			Form: templates.ResendForm, Title: p.T("ledger.resendpickedtitle"), Text: p.T("ledger.resendtext"), Confirm: p.T("ledger.resendsend")}}
	}
	if h.moving(led) {
		q := f.query(f.page)
		q.Set("edition", e.ID)
		q.Set("after", strconv.FormatInt(seen, 10))
		v.Events = "/events?" + q.Encode()
	}
	return h.show(c, http.StatusOK, templates.LedgerPage(v))
}

// settled is how long after its last mail an edition's ledger is still followed: mail services say late what became of a mail.
const settled = 24 * time.Hour

// moving reports whether the deliveries of an edition may still change by themselves.
func (h *Handlers) moving(led ledgerOf) bool {
	return slices.ContainsFunc(led.deliveries, func(d store.Delivery) bool {
		waits := d.State == store.DeliveryPlanned || d.State == store.DeliverySending || d.State == store.DeliveryAccepted || d.State == store.DeliveryDelayed || d.State == store.DeliveryUnknown
		return waits && h.Now().Sub(d.Updated) < settled
	})
}

func (h *Handlers) ledgerFacts(ctx context.Context, led ledgerOf, l text.Locale) (templates.FactLine, error) {
	e := led.edition
	all, err := h.Store.Editions(ctx, e.Report, e.Day)
	if err != nil {
		return templates.FactLine{}, err
	}
	s, note := editionStatus(e, all, l)
	if !e.Released.IsZero() && s.Kind == templates.UpToDate {
		s.Word = l.T("ledger.released", h.clock(e.Released, l))
	}
	out := templates.FactLine{ID: templates.LedgerFactsID, Live: true, Statuses: []templates.Status{s}}
	if note != "" {
		out.Facts = append(out.Facts, templates.Fact{After: note})
	}
	if !led.count.Last.IsZero() {
		out.Facts = append(out.Facts, templates.Fact{Before: l.T("ledger.lastaccepted"), Strong: h.clock(led.count.Last, l)})
	}
	if led.report.Deadline != "" {
		out.Facts = append(out.Facts, templates.Fact{Before: l.T("ledger.deadline"), Strong: led.report.Deadline})
	}
	out.Facts = append(out.Facts, templates.Fact{After: l.T("ledger.seereport"), Href: editionPath(e)})
	return out, nil
}

// ledgerCounts is the equation: everybody who was planned, by what became of the mail.
func (h *Handlers) ledgerCounts(led ledgerOf, l text.Locale) templates.Ledger {
	c := led.count
	accepted := l.T("ledger.accepted")
	if h.Project.Mail.Sender != "ses" {
		accepted = l.T("ledger.acceptedonly")
	}
	sum := func(label string, n int) templates.LedgerCount {
		return templates.LedgerCount{Label: label, Value: l.Count(int64(n)), Count: n}
	}
	out := templates.Ledger{Counts: []templates.LedgerCount{sum(l.T("delivery.planned"), c.All()), sum(l.T("ledger.acceptedby", senderName(h.Project.Mail.Sender, l)), taken(c))}}
	var terms, words []string
	for _, part := range []struct {
		state  string
		n      int
		always bool
		label  string
	}{
		{store.DeliveryDelivered, c.Delivered, true, ""}, {store.DeliveryAccepted, c.Accepted, true, accepted}, {store.DeliveryDelayed, c.Delayed, false, ""},
		{store.DeliverySending, c.Sending, false, ""}, {store.DeliveryPlanned, c.Planned, false, l.T("delivery.waiting")}, {store.DeliveryUnknown, c.Unknown, true, ""},
		{store.DeliveryBounced, c.Bounced, true, ""}, {store.DeliveryComplained, c.Complained, true, ""}, {store.DeliveryRejected, c.Rejected, false, ""}, {store.DeliveryFailed, c.Failed, true, ""},
	} {
		if part.n == 0 && !part.always {
			continue
		}
		s := deliveryStatus(part.state, l)
		word := cmp.Or(part.label, s.Word)
		out.Counts = append(out.Counts, templates.LedgerCount{Label: word, Value: l.Count(int64(part.n)), Kind: s.Kind, Count: part.n, Rest: part.state == store.DeliveryAccepted})
		if part.n > 0 {
			terms = append(terms, s.Word+" "+l.Count(int64(part.n)))
			words = append(words, l.Count(int64(part.n))+" "+s.Word)
		}
	}
	if c.All() == 0 {
		out.Equation = l.T("ledger.notyet")
		return out
	}
	out.Equation, out.Label = l.T("ledger.equation", l.Count(int64(c.All())), strings.Join(terms, " + ")), strings.Join(words, ", ")
	return out
}

// senderName is how people call what takes the mails over.
func senderName(sender string, l text.Locale) string {
	switch sender {
	case "ses", "smtp":
		return strings.ToUpper(sender)
	}
	return l.T("nav.outbox")
}

// mayMail reports whether the visitor may send something, and the server can.
func (h *Handlers) mayMail(c echo.Context) bool { return who(c).admin() && h.Mailer != nil }
