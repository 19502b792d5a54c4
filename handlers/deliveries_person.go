package handlers

import (
	"cmp"
	"context"
	"net/url"
	"strconv"
	"strings"

	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/templates"
)

const (
	personMails = 200 // newest mails of a person
	personHits  = 20  // people to choose from
)

// found is who matches the words, with the mails of the one who does. Where only is an address, nobody else is found.
func (h *Handlers) found(ctx context.Context, q, only string, p templates.Page) (*templates.FoundPeople, error) {
	people, err := h.Store.People(ctx)
	if err != nil {
		return nil, err
	}
	var hits []store.Person
	for _, person := range people {
		if only != "" && person.Address != only {
			continue
		}
		if strings.EqualFold(person.Address, q) {
			hits = []store.Person{person}
			break
		}
		if named(person.Name, person.Address, q) {
			hits = append(hits, person)
		}
	}
	switch len(hits) {
	case 0:
		return &templates.FoundPeople{Title: p.T("deliveries.person", q), Empty: p.T("deliveries.nobody")}, nil
	case 1:
		f, err := h.mailsOf(ctx, hits[0], p)
		if err == nil && only != "" {
			f.Person = nil // the page of a person is for admins
		}
		return f, err
	}
	f := &templates.FoundPeople{Title: p.T("deliveries.several")}
	for _, person := range hits[:min(len(hits), personHits)] {
		f.Others = append(f.Others, templates.Link{Label: strings.TrimSpace(person.Name + " " + person.Address), Href: "/deliveries?" + url.Values{"person": {person.Address}}.Encode()})
	}
	if more := len(hits) - personHits; more > 0 {
		f.Empty = p.T("deliveries.more", p.Locale.Count(int64(more)))
	}
	return f, nil
}

// named reports whether a person's name or address has the words in it.
func named(name, address, q string) bool {
	q = strings.ToLower(q)
	return strings.Contains(strings.ToLower(name), q) || strings.Contains(strings.ToLower(address), q)
}

func (h *Handlers) mailsOf(ctx context.Context, person store.Person, p templates.Page) (*templates.FoundPeople, error) {
	l := p.Locale
	list, err := h.Store.DeliveriesOf(ctx, person.ID, personMails)
	if err != nil {
		return nil, err
	}
	f := &templates.FoundPeople{Title: p.T("deliveries.person", cmp.Or(person.Name, person.Address)), Person: &templates.Link{Label: p.T("deliveries.personpage"), Href: "/people/" + url.PathEscape(person.ID)}}
	if person.Name != "" {
		f.Subtitle = person.Address
	}
	t := templates.Table{ID: "mails", Caption: f.Title, Empty: p.T("deliveries.nothingto"), Columns: []templates.Column{
		{Label: p.T("column.day"), Sorted: "descending"}, {Label: p.T("deliveries.column.report")}, {Label: p.T("deliveries.column.edition"), Optional: true}, {Label: p.T("column.state")},
		{Label: p.T("deliveries.column.accepted"), Number: true, Optional: true}, {Label: p.T("deliveries.column.delivered"), Number: true, Optional: true},
		{Label: p.T("deliveries.column.variant"), Optional: true}, {Label: p.T("deliveries.column.happened"), Optional: true},
	}}
	for _, d := range list {
		s := deliveryStatus(d.State, l)
		happened, err := h.happened(ctx, d.Delivery, l)
		if err != nil {
			return nil, err
		}
		t.Rows = append(t.Rows, templates.Row{Cells: []templates.TableCell{
			{Text: d.Day.String(), Whole: true}, {Head: true, Text: d.Report, Href: deliveriesPath(d.Report, d.Day, d.Number), Small: happened}, {Text: l.T("report.edition", d.Number)}, {Status: &s},
			{Text: h.clock(acceptedAt(d.Delivery), l), Sort: strconv.FormatInt(acceptedAt(d.Delivery).Unix(), 10)}, {Text: h.clock(d.Delivered, l), Sort: strconv.FormatInt(d.Delivered.Unix(), 10)},
			{Text: occasion(d.Delivery, l)}, {Text: happened},
		}})
	}
	if len(list) > 0 {
		f.Mails = &t
	} else {
		f.Empty = t.Empty
	}
	return f, nil
}

// occasion says which kind of mail it was and why it was sent.
func occasion(d store.Delivery, l text.Locale) string {
	words := l.T("delivery.variant.daily")
	if d.Variant == store.VariantWeekly {
		words = l.T("delivery.variant.weekly")
	}
	if d.Cause == store.CauseCorrection || d.Cause == store.CauseCompletion {
		words += " · " + l.T("delivery.cause."+d.Cause)
	}
	return words
}
