package handlers

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"daybook/internal/project"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/templates"
)

// peopleColumns are those of the table of people. Boxes stand first where somebody may pick.
func peopleColumns(p templates.Page, picks bool) []templates.Column {
	list := []templates.Column{
		{Label: p.T("column.state")}, {Label: p.T("deliveries.column.person")}, {Label: p.T("deliveries.column.group"), Optional: true},
		{Label: p.T("deliveries.column.accepted"), Number: true, Optional: true}, {Label: p.T("deliveries.column.delivered"), Number: true, Optional: true},
		{Label: p.T("deliveries.column.happened"), Optional: true}, {Label: p.T("deliveries.column.todo"), Fixed: true},
	}
	if picks {
		list = append([]templates.Column{{Label: p.T("deliveries.column.pick"), Fixed: true, Hidden: true}}, list...)
	}
	return list
}

// picks reports whether an edition has people whom an admin may resend to.
func (h *Handlers) picks(led ledgerOf, admin bool) bool {
	return admin && h.Mailer != nil && led.count.Failed+led.count.Rejected > 0
}

func (h *Handlers) peopleTable(ctx context.Context, led ledgerOf, f ledgerFilter, list []store.Delivery, p templates.Page, admin bool) (templates.Table, error) {
	l := p.Locale
	t := templates.Table{ID: "people", Caption: p.T("ledger.people"), Empty: p.T("ledger.empty"), Columns: peopleColumns(p, h.picks(led, admin))}
	switch {
	case len(led.deliveries) == 0:
		t.Empty = p.T("ledger.notyet")
	case f.own != "":
		t.Empty = p.T("ledger.notyou")
	}
	shown := f.paged(list)
	for _, d := range shown {
		row, err := h.personRow(ctx, led, d, p, admin)
		if err != nil {
			return t, err
		}
		t.Rows = append(t.Rows, row)
	}
	zone := h.Now().In(h.Project.Zone).Format("MST")
	first := (f.page - 1) * ledgerRows
	switch {
	case len(shown) < len(list):
		t.Foot = p.T("ledger.foot", l.Count(int64(first+1)), l.Count(int64(first+len(shown))), l.Count(int64(len(list))), zone)
	case len(list) > 0 && f.own == "":
		t.Foot = p.T("ledger.foot1", l.Count(int64(len(list))), zone)
	}
	return t, nil
}

func (h *Handlers) personRow(ctx context.Context, led ledgerOf, d store.Delivery, p templates.Page, admin bool) (templates.Row, error) {
	l, person, s := p.Locale, led.people[d.Person], deliveryStatus(d.State, p.Locale)
	happened, err := h.happened(ctx, d, l)
	if err != nil {
		return templates.Row{}, err
	}
	name := templates.TableCell{Head: true, Text: cmp.Or(person.Name, d.Address), Small: happened}
	if person.Name != "" {
		name.Note = d.Address
	}
	cells := []templates.TableCell{{Status: &s, Sort: strconv.Itoa(urgency(d.State))}, name, {Text: strings.Join(groupsOf(person, led.report), ", ")},
		{Text: h.clock(acceptedAt(d), l), Sort: strconv.FormatInt(acceptedAt(d).Unix(), 10)}, {Text: h.clock(d.Delivered, l), Sort: strconv.FormatInt(d.Delivered.Unix(), 10)}, {Text: happened}, h.todo(led, d, p, admin)}
	if h.picks(led, admin) {
		var pick templates.TableCell
		if resendable(d.State) {
			pick.Pick = &templates.Pick{Form: templates.ResendForm, Name: "id", Value: d.ID, Label: p.T("ledger.resendpick", d.Address)}
		}
		cells = append([]templates.TableCell{pick}, cells...)
	}
	return templates.Row{ID: templates.DeliveryID(d.ID), Cells: cells}, nil
}

// groupsOf are the groups through which somebody gets a report.
func groupsOf(person store.Person, r project.Report) []string {
	var list []string
	for _, g := range person.Groups {
		if slices.Contains(r.To, g) {
			list = append(list, g)
		}
	}
	return list
}

// todo is what an admin can do about a delivery.
func (h *Handlers) todo(led ledgerOf, d store.Delivery, p templates.Page, admin bool) templates.TableCell {
	switch {
	case !admin:
	case d.State == store.DeliveryUnknown && h.Mailer != nil:
		e := led.edition
		return templates.TableCell{Action: &templates.Action{Label: p.T("ledger.settle"), Tone: "plain", URL: deliveriesPath(e.Report, e.Day, e.Number) + "/settle", Fields: []templates.Field{{Name: "id", Value: d.ID}},
			Ask: &templates.Question{Title: p.T("ledger.settletitle", d.Address), Text: p.T("ledger.settletext"), Inputs: []templates.Input{
				{Name: "outcome", Label: p.T("ledger.settleoutcome"), Kind: "select", Required: true, Options: []templates.Option{
					{Label: p.T("ledger.settlechoose"), Selected: true}, {Label: p.T("ledger.settlearrived"), Value: outcomeArrived}, {Label: p.T("ledger.settlenot"), Value: outcomeLost}}},
				{Name: "note", Label: p.T("ledger.settlenote"), Hint: p.T("ledger.settlenotehint")},
			}, Confirm: p.T("ledger.settlesave")}}}
	case d.State == store.DeliveryBounced, d.State == store.DeliveryComplained, d.State == store.DeliveryRejected, d.State == store.DeliveryFailed:
		return templates.TableCell{Text: p.T("ledger.bounced"), Href: "/people/" + url.PathEscape(d.Person)}
	}
	return templates.TableCell{}
}

// ledgerCSV is everybody whom the filter lets through, with instants in full.
func (h *Handlers) ledgerCSV(c echo.Context, led ledgerOf, list []store.Delivery) error {
	ctx, l := c.Request().Context(), who(c).locale
	full := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(h.Project.Zone).Format(time.RFC3339)
	}
	columns := []string{l.T("column.state"), l.T("deliveries.column.person"), l.T("deliveries.column.address"), l.T("deliveries.column.group"), l.T("deliveries.column.variant"),
		l.T("deliveries.column.accepted"), l.T("deliveries.column.delivered"), l.T("column.attempt"), l.T("deliveries.column.happened")}
	rows := make([][]string, len(list))
	for i, d := range list {
		happened, err := h.happened(ctx, d, l)
		if err != nil {
			return err
		}
		person := led.people[d.Person]
		rows[i] = []string{l.T("delivery." + d.State), person.Name, d.Address, strings.Join(groupsOf(person, led.report), ", "), occasion(d, l), full(acceptedAt(d)), full(d.Delivered), strconv.Itoa(d.Attempt), happened}
	}
	e := led.edition
	return answerCSV(c, fmt.Sprintf("deliveries-%s-%s-%d.csv", e.Report, e.Day, e.Number), columns, rows)
}

// deliveryStatus is a delivery's state with its word.
func deliveryStatus(state string, l text.Locale) templates.Status {
	s := templates.Status{Word: l.T("delivery." + state)}
	switch state {
	case store.DeliveryPlanned:
		s.Kind = templates.Queued
	case store.DeliverySending:
		s.Kind = templates.Running
	case store.DeliveryAccepted:
		s.Kind = templates.Waiting
	case store.DeliveryDelivered:
		s.Kind = templates.UpToDate
	case store.DeliveryDelayed:
		s.Kind = templates.Retrying
	case store.DeliveryUnknown:
		s.Kind = templates.Unknown
	default:
		s.Kind = templates.Failed
	}
	return s
}

// acceptedAt is when the mail server took a mail over, zero where it did not or nobody knows.
func acceptedAt(d store.Delivery) time.Time {
	switch d.State {
	case store.DeliveryPlanned, store.DeliverySending, store.DeliveryFailed, store.DeliveryUnknown:
		return time.Time{}
	}
	return d.Sent
}

// happened says what came of a delivery beyond its state: its error, or the newest event that says something.
func (h *Handlers) happened(ctx context.Context, d store.Delivery, l text.Locale) (string, error) {
	switch {
	case d.State == store.DeliveryUnknown:
		return strings.TrimSpace(brief(d.Error) + " " + l.T("delivery.mayhaveleft")), nil
	case d.State == store.DeliveryDelivered, d.Error != "":
		return brief(d.Error), nil
	}
	switch d.State {
	case store.DeliveryPlanned:
		return l.T("delivery.waits"), nil
	case store.DeliverySending:
		return "", nil
	case store.DeliveryUnknown:
		return l.T("delivery.mayhaveleft"), nil
	case store.DeliveryAccepted:
		if h.Project.Mail.Sender == "ses" { // no other sender tells
			return l.T("delivery.noevent"), nil
		}
		return "", nil
	}
	events, err := h.Store.MailEvents(ctx, d.ID)
	if err != nil {
		return "", fmt.Errorf("what happened to delivery %s: %w", d.ID, err)
	}
	for _, e := range slices.Backward(events) {
		if e.Detail != "" {
			return brief(e.Detail), nil
		}
	}
	return "", nil
}
