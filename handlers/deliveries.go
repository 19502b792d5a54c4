package handlers

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
	"daybook/templates"
)

// deliveryDays is how many days of editions the page of deliveries has.
const deliveryDays = 30

// deliveriesPath is the page of an edition's deliveries.
func deliveriesPath(report string, day calendar.Day, number int) string {
	return "/deliveries/" + url.PathEscape(report) + "/" + day.String() + "/" + strconv.Itoa(number)
}

// reportTitle is the report's in a language, or its name.
func reportTitle(r project.Report, l text.Locale) string {
	return cmp.Or(r.Title.In(string(l)), r.Name)
}

// deliveries is every report's newest editions, or what was sent to a person.
func (h *Handlers) deliveries(c echo.Context) error {
	ctx := c.Request().Context()
	p := h.page(c, "", "deliveries")
	p.Title = p.T("deliveries.title")
	v := templates.DeliveriesView{Page: p, Query: strings.TrimSpace(c.QueryParam("person"))}
	visitor := who(c)
	if !visitor.admin() { // other people's mails are not everybody's business
		v.Mine = visitor.person.Address
	}
	if v.Query != "" {
		found, err := h.found(ctx, v.Query, v.Mine, p)
		if err != nil {
			return err
		}
		if found.Mails != nil {
			if asksCSV(c) {
				return h.tableCSV(c, "deliveries", *found.Mails)
			}
			found.Mails.Downloads = h.csvOf(c, p)
		}
		v.Found = found
		return h.show(c, http.StatusOK, templates.DeliveriesPage(v))
	}
	for i, r := range h.Project.Reports {
		wanted := c.QueryParam("report")
		if asksCSV(c) && wanted != r.Name {
			continue
		}
		one, err := h.reportDeliveries(ctx, r, p)
		if err != nil {
			return err
		}
		if asksCSV(c) {
			return h.tableCSV(c, "deliveries-"+r.Name, one.Editions)
		}
		one.ID = "report-" + strconv.Itoa(i+1)
		if len(one.Editions.Rows) > 0 {
			one.Editions.Downloads = []templates.Download{{Label: "CSV", Hint: p.T("page.csv.hint"), Href: "/deliveries?" + url.Values{"report": {r.Name}, "format": {"csv"}}.Encode()}}
		}
		v.Reports = append(v.Reports, one)
	}
	if len(v.Reports) == 0 {
		v.Empty = p.T("deliveries.none")
	}
	return h.show(c, http.StatusOK, templates.DeliveriesPage(v))
}

// sendings is what is known of a report's mails in a span of days.
type sendings struct {
	report project.Report
	span   span
	counts []store.EditionCount // newest first
	unsent []store.Edition
	due    map[calendar.Day]store.Occurrence
	holds  map[calendar.Day]store.Hold
}

func (h *Handlers) sendings(ctx context.Context, r project.Report) (sendings, error) {
	to := h.yesterday()
	s := sendings{report: r, span: span{to.Add(1 - deliveryDays), to}, due: map[calendar.Day]store.Occurrence{}, holds: map[calendar.Day]store.Hold{}}
	var err error
	if s.counts, err = h.Store.DeliveryCounts(ctx, r.Name, s.span.from, s.span.to); err != nil {
		return s, err
	}
	unsent, err := h.Store.EditionsInState(ctx, jobs.EditionUnsent, s.span.from)
	if err != nil {
		return s, err
	}
	for _, e := range unsent {
		if e.Report == r.Name && !slices.ContainsFunc(s.counts, func(c store.EditionCount) bool { return c.Edition.ID == e.ID }) {
			s.unsent = append(s.unsent, e)
		}
	}
	occurrences, err := h.Store.Occurrences(ctx, "release:"+r.Name, deliveryDays)
	if err != nil {
		return s, err
	}
	for _, o := range occurrences {
		s.due[o.Day] = o
	}
	holds, err := h.Store.Holds(ctx)
	if err != nil {
		return s, err
	}
	for _, hold := range holds {
		if hold.Report == r.Name {
			s.holds[hold.Day] = hold
		}
	}
	return s, nil
}

func (h *Handlers) reportDeliveries(ctx context.Context, r project.Report, p templates.Page) (templates.ReportDeliveries, error) {
	s, err := h.sendings(ctx, r)
	if err != nil {
		return templates.ReportDeliveries{}, err
	}
	out := templates.ReportDeliveries{Title: reportTitle(r, p.Locale), Name: r.Name, Editions: templates.Table{
		ID: "editions-" + r.Name, Caption: p.T("deliveries.editions", reportTitle(r, p.Locale)), Empty: p.T("deliveries.nothing", deliveryDays), Columns: editionColumns(p),
	}}
	if out.Title == out.Name {
		out.Name = ""
	}
	days := map[calendar.Day]timeliness{}
	if r.Deadline != "" && h.Mailer != nil {
		list, err := h.timely(ctx, s)
		if err != nil {
			return out, err
		}
		on, of := 0, 0
		for _, d := range list {
			days[d.day] = d
			if d.counted {
				of++
			}
			if d.counted && d.on {
				on++
			}
		}
		if slices.ContainsFunc(list, func(d timeliness) bool { return d.mark != "" }) {
			out.Strip = h.strip(r, list, on, of, p.Locale)
		}
		if of > 0 {
			out.Facts = []templates.Fact{{Strong: p.T("deliveries.slo", on, of), After: p.T("deliveries.sloafter", strconv.Itoa(goal), r.Deadline)}}
		}
	}
	rows, err := h.editionRows(ctx, s, days, p.Locale)
	out.Editions.Rows = rows
	return out, err
}

func editionColumns(p templates.Page) []templates.Column {
	number := func(name string, optional bool) templates.Column {
		return templates.Column{Label: p.T("deliveries.column." + name), Number: true, Optional: optional}
	}
	return []templates.Column{
		{Label: p.T("column.day"), Sorted: "descending"}, {Label: p.T("deliveries.column.edition"), Optional: true}, {Label: p.T("column.state")},
		number("planned", false), number("accepted", true), number("delivered", false), number("bounced", true), number("unknown", true), number("failed", true),
		number("first", true), number("last", true), {Label: p.T("deliveries.column.deadline"), Optional: true},
	}
}

// editionRow is a row with what it is sorted by.
type editionRow struct {
	day    calendar.Day
	number int
	row    templates.Row
}

// editionRows are the editions that were mailed, those that will not be, and the days that are held; newest first.
func (h *Handlers) editionRows(ctx context.Context, s sendings, days map[calendar.Day]timeliness, l text.Locale) ([]templates.Row, error) {
	var list []editionRow
	mailed := map[calendar.Day]bool{}
	all := slices.Clone(s.unsent)
	for _, count := range s.counts {
		all = append(all, count.Edition)
	}
	for _, count := range s.counts {
		mailed[count.Edition.Day] = true
		list = append(list, editionRow{count.Edition.Day, count.Edition.Number, h.countRow(count, all, days[count.Edition.Day], l)})
	}
	for _, e := range s.unsent {
		list = append(list, editionRow{e.Day, e.Number, stillRow(s.report.Name, e.Day, e.Number, templates.Status{Kind: templates.Skipped, Word: l.T("ledger.unsent")}, e.Reason, l)})
	}
	for _, day := range s.span.days() {
		reason, held := s.held(day)
		if !held || mailed[day] {
			continue
		}
		editions, err := h.Store.Editions(ctx, s.report.Name, day)
		if err != nil {
			return nil, err
		}
		number := 0
		if len(editions) > 0 {
			number = editions[0].Number
		}
		list = append(list, editionRow{day, number, stillRow(s.report.Name, day, number, templates.Status{Kind: templates.Held}, reason, l)})
	}
	slices.SortStableFunc(list, func(a, b editionRow) int {
		return cmp.Or(b.day.Compare(a.day), cmp.Compare(b.number, a.number))
	})
	rows := make([]templates.Row, len(list))
	for i, r := range list {
		rows[i] = r.row
	}
	return rows, nil
}

// held says why a day is held: by a person, or by the gate.
func (s sendings) held(day calendar.Day) (reason string, held bool) {
	if hold, ok := s.holds[day]; ok {
		return hold.Reason, true
	}
	o, ok := s.due[day]
	return o.Note, ok && o.State == store.StateHeld
}

// editionCells are the day and number of an edition with a link to where more is said.
func editionCells(report string, day calendar.Day, number int, l text.Locale) []templates.TableCell {
	first, second := templates.TableCell{Head: true, Whole: true, Text: day.String(), Href: dayPath(report, day)}, templates.TableCell{Text: text.Dash, Sort: "0"}
	if number > 0 {
		first.Href = deliveriesPath(report, day, number)
		second = templates.TableCell{Text: l.T("report.edition", number), Sort: strconv.Itoa(number)}
		first.Small = second.Text
	}
	return []templates.TableCell{first, second}
}

// stillRow is an edition of which nothing was mailed.
func stillRow(report string, day calendar.Day, number int, s templates.Status, reason string, l text.Locale) templates.Row {
	row := templates.Row{Cells: append(editionCells(report, day, number, l), templates.TableCell{Status: &s, Text: reason, Quiet: true})}
	for range 8 {
		row.Cells = append(row.Cells, templates.TableCell{Text: text.Dash})
	}
	row.Cells = append(row.Cells, templates.TableCell{})
	return row
}

func (h *Handlers) countRow(count store.EditionCount, all []store.Edition, day timeliness, l text.Locale) templates.Row {
	e := count.Edition
	s, note := editionStatus(e, all, l)
	if count.Planned+count.Sending > 0 && e.State != jobs.EditionUnsent {
		s = templates.Status{Kind: templates.Running, Word: l.T("delivery.sending")}
	}
	cells := append(editionCells(e.Report, e.Day, e.Number, l), templates.TableCell{Status: &s, Text: note, Quiet: true})
	for _, n := range []int{count.All(), taken(count), count.Delivered, count.Bounced + count.Complained, count.Unknown, count.Failed + count.Rejected} {
		cells = append(cells, templates.TableCell{Text: l.Count(int64(n)), Quiet: n == 0})
	}
	for _, t := range []time.Time{count.First, count.Last} {
		cells = append(cells, templates.TableCell{Text: h.clock(t, l), Sort: strconv.FormatInt(t.Unix(), 10)})
	}
	var deadline templates.TableCell
	if day.counted && day.edition.ID == e.ID {
		mark := templates.Status{Kind: templates.UpToDate, Word: l.T("strip.final")}
		if !day.on {
			mark = templates.Status{Kind: templates.Failed, Word: l.T("strip.failed")}
		}
		deadline = templates.TableCell{Status: &mark, Quiet: true, Text: l.T("deliveries.reached", share(day.reached, day.all, l), l.Clock(day.deadline, h.Project.Zone))}
	}
	return templates.Row{Cells: append(cells, deadline)}
}

// taken counts the deliveries that the mail server took over, whatever came of them.
func taken(c store.EditionCount) int {
	return c.Accepted + c.Delivered + c.Delayed + c.Bounced + c.Complained
}

// editionStatus is what became of an edition, and what it is to an earlier one.
func editionStatus(e store.Edition, all []store.Edition, l text.Locale) (templates.Status, string) {
	s := templates.Status{Kind: templates.UpToDate, Word: l.T("deliveries.released")}
	switch {
	case e.State == jobs.EditionUnsent:
		return templates.Status{Kind: templates.Skipped, Word: l.T("ledger.unsent")}, e.Reason
	case e.State == jobs.EditionBuilt:
		s = templates.Status{Kind: templates.Queued, Word: l.T("ledger.built")}
	case e.Kind == store.EditionPartial:
		s = templates.Status{Kind: templates.Partial}
	case e.Kind == store.EditionNotice:
		s = templates.Status{Kind: templates.Missing, Word: l.T("ledger.kind.notice")}
	}
	return s, corrects(e, all, l)
}

// corrects says which edition of the day one corrects or completes, empty for none. all holds the day's editions, others too.
func corrects(e store.Edition, all []store.Edition, l text.Locale) string {
	if e.Corrects == 0 {
		return ""
	}
	for _, other := range all {
		if other.Day == e.Day && other.Number == e.Corrects && other.Kind != store.EditionFull {
			return l.T("ledger.kind.completion", e.Corrects)
		}
	}
	return l.T("ledger.kind.correction", e.Corrects)
}

// share is a part of people in whole percent, never rounded up to all.
func share(part, all int, l text.Locale) string {
	if all == 0 {
		return text.Dash
	}
	return l.Decimal(float64(part*1000/all)/10, 1)
}
