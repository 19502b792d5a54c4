package handlers

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/templates"
)

// peopleListed is how many people a page lists.
const peopleListed = 100

// roll is everybody, and what decides what they get.
type roll struct {
	project    *project.Project
	people     []store.Person
	suppressed map[string]store.Suppression // by address
	cadence    map[string]map[string]string // by report, then person: weekly or off
}

func (h *Handlers) roll(ctx context.Context) (roll, error) {
	r := roll{project: h.Project, suppressed: map[string]store.Suppression{}, cadence: map[string]map[string]string{}}
	var err error
	if r.people, err = h.Store.People(ctx); err != nil {
		return r, err
	}
	list, err := h.Store.Suppressions(ctx)
	if err != nil {
		return r, err
	}
	for _, s := range list {
		r.suppressed[s.Address] = s
	}
	for _, report := range h.Project.Reports {
		if r.cadence[report.Name], err = h.Store.Subscriptions(ctx, report.Name); err != nil {
			return r, err
		}
		for person, cadence := range r.cadence[report.Name] {
			r.cadence[report.Name][person] = inForce(report, cadence)
		}
	}
	return r, nil
}

// standing is what a person gets: a word with its glyph, and what to do or know about it.
type standing struct {
	status templates.Status
	note   string
	mailed bool // something is sent
	stuck  bool // something would be, and cannot
}

func (r roll) standing(p store.Person, l text.Locale) standing {
	at := func(kind templates.StateKind, key string) standing {
		return standing{status: templates.Status{Kind: kind, Word: l.T("people.state." + key)}}
	}
	reports := reportsTo(r.project, p.Groups)
	var off, weekly []string
	for _, report := range reports {
		switch title := reportTitle(report, l); r.cadence[report.Name][p.ID] {
		case store.CadenceOff:
			off = append(off, title)
		case store.CadenceWeekly:
			weekly = append(weekly, l.T("people.todo.weekly", title))
		}
	}
	suppression, suppressed := r.suppressed[p.Address]
	switch {
	case p.Disabled:
		return at(templates.Canceled, "disabled")
	case suppressed:
		s := at(templates.Failed, suppression.Reason)
		s.stuck, s.note = true, l.T("people.todo."+suppression.Reason)
		return s
	case !r.project.Mail.Allows(p.Address):
		s := at(templates.Failed, "outside")
		s.stuck, s.note = true, l.T("people.todo.outside")
		return s
	case len(reports) == 0:
		return at(templates.NoState, "none")
	case len(off) == len(reports):
		s := at(templates.Skipped, "off")
		s.note = strings.Join(off, ", ")
		return s
	}
	s := at(templates.UpToDate, "mail")
	s.mailed = true
	if len(off) > 0 {
		weekly = append(weekly, l.T("people.todo.off", strings.Join(off, ", ")))
	}
	s.note = strings.Join(weekly, "; ")
	return s
}

// reportsTo are the reports that go to any of the groups.
func reportsTo(p *project.Project, groups []string) []project.Report {
	return slices.DeleteFunc(slices.Clone(p.Reports), func(r project.Report) bool { return len(shared(r.To, groups)) == 0 })
}

// shared are the names of the first list that are in the second.
func shared(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

// find are the people of a group, any when it is empty, whose name or address holds q.
func (r roll) find(q, group string) []store.Person {
	q = strings.ToLower(strings.TrimSpace(q))
	var out []store.Person
	for _, p := range r.people {
		if (group == "" || slices.Contains(p.Groups, group)) && (q == "" || strings.Contains(strings.ToLower(p.Address+"\n"+p.Name), q)) {
			out = append(out, p)
		}
	}
	return out
}

func personPath(p store.Person) string { return "/people/" + url.PathEscape(p.ID) }

func (h *Handlers) people(c echo.Context) error {
	return h.peoplePage(c, http.StatusOK, personForm{locale: h.Project.Locale})
}

// peoplePage lists people; form is what the form for a new one holds.
func (h *Handlers) peoplePage(c echo.Context, code int, form personForm) error {
	ctx := c.Request().Context()
	p := h.page(c, "", "people")
	p.Title = p.T("people.title")
	r, err := h.roll(ctx)
	if err != nil {
		return err
	}
	q, group := c.QueryParam("q"), c.QueryParam("group")
	found := r.find(q, group)
	switch {
	case asksCSV(c) && c.QueryParam("table") == "groups":
		return h.tableCSV(c, "groups", r.groupTable(p))
	case asksCSV(c) && c.QueryParam("table") == "reports":
		return h.tableCSV(c, "reports", r.reportTable(p))
	case asksCSV(c):
		t, err := h.rollTable(ctx, r, found, p)
		if err != nil {
			return err
		}
		return h.tableCSV(c, "people", t)
	}
	v := templates.PeopleView{Page: p, Query: q, Groups: groupFilter(p, h.Project, group), Add: h.addFields(p, form), GroupList: r.groupTable(p), Reports: r.reportTable(p)}
	v.Downloads = []templates.Download{{Label: "CSV", Hint: p.T("people.table.hint"), Href: "/people?" + listQuery(q, group, "format", "csv")},
		{Label: p.T("people.export"), Hint: p.T("people.export.hint"), Href: "/people/export"}}
	v.Facts = r.facts(p)
	added, err := strconv.ParseInt(c.QueryParam("new"), 10, 64)
	changed, err2 := strconv.ParseInt(c.QueryParam("changed"), 10, 64)
	if err == nil && err2 == nil { // what an import has just done
		v.Flash = &templates.Notice{Kind: templates.UpToDate, Title: p.T("import.done", p.Locale.Count(added), p.Locale.Count(changed))}
	}
	from := 0
	if n, err := strconv.Atoi(c.QueryParam("from")); err == nil && n > 0 && n < len(found) {
		from = n
	}
	to := min(from+peopleListed, len(found))
	if v.People, err = h.rollTable(ctx, r, found[from:to], p); err != nil {
		return err
	}
	if len(r.people) == 0 {
		v.People.Empty = p.T("people.nobody")
	}
	if to-from < len(found) {
		count := func(n int) string { return p.Locale.Count(int64(n)) }
		v.Shown = p.T("people.page", count(from+1), count(to), count(len(found)))
	}
	if from > 0 {
		v.Earlier = &templates.Link{Label: p.T("people.earlier"), Href: "/people?" + listQuery(q, group, "from", strconv.Itoa(max(0, from-peopleListed)))}
	}
	if to < len(found) {
		v.Further = &templates.Link{Label: p.T("people.further"), Href: "/people?" + listQuery(q, group, "from", strconv.Itoa(to))}
	}
	return h.show(c, code, templates.PeoplePage(v))
}

func listQuery(q, group, key, value string) string {
	values := url.Values{key: {value}}
	if q != "" {
		values.Set("q", q)
	}
	if group != "" {
		values.Set("group", group)
	}
	return values.Encode()
}

func (r roll) facts(p templates.Page) templates.FactLine {
	var mailed, stuck int64
	for _, person := range r.people {
		switch s := r.standing(person, p.Locale); {
		case s.mailed:
			mailed++
		case s.stuck:
			stuck++
		}
	}
	f := templates.FactLine{Facts: []templates.Fact{{Before: p.T("people.title"), Strong: p.Locale.Count(int64(len(r.people)))}, {Before: p.T("people.mailed"), Strong: p.Locale.Count(mailed)}}}
	if stuck > 0 {
		f.Facts = append(f.Facts, templates.Fact{Label: &templates.Label{Text: p.T("people.stopped") + " " + p.Locale.Count(stuck), Tone: "warn"}})
	}
	return f
}

func (h *Handlers) rollTable(ctx context.Context, r roll, people []store.Person, p templates.Page) (templates.Table, error) {
	t := templates.Table{ID: "people", Caption: p.T("people.everybody"), Empty: p.T("people.none"), Columns: []templates.Column{
		{Label: p.T("people.address"), Sorted: "ascending"}, {Label: p.T("people.name")}, {Label: p.T("people.state")}, {Label: p.T("people.groups"), Optional: true},
		{Label: p.T("people.locale"), Optional: true}, {Label: p.T("people.role"), Optional: true}, {Label: p.T("people.last"), Optional: true},
	}}
	for _, person := range people {
		s := r.standing(person, p.Locale)
		last, err := h.lastMail(ctx, person, p)
		if err != nil {
			return t, err
		}
		state := templates.TableCell{Status: &s.status, Note: s.note}
		t.Rows = append(t.Rows, templates.Row{Cells: []templates.TableCell{
			{Head: true, Text: person.Address, Href: personPath(person)}, {Text: person.Name}, state, {Text: strings.Join(person.Groups, ", ")},
			{Text: languageName(person.Locale)}, {Text: roleWord(person.Role, p.Locale)}, last,
		}})
	}
	return t, nil
}

// lastMail is the newest mail of a person and what became of it.
func (h *Handlers) lastMail(ctx context.Context, person store.Person, p templates.Page) (templates.TableCell, error) {
	list, err := h.Store.DeliveriesOf(ctx, person.ID, 1)
	if err != nil || len(list) == 0 {
		return templates.TableCell{Text: text.Dash, Quiet: true}, err
	}
	d := list[0]
	s := deliveryStatus(d.State, p.Locale)
	return templates.TableCell{Status: &s, Text: h.titleOf(d.Report, p.Locale) + " " + d.Day.String(), Href: deliveriesPath(d.Report, d.Day, d.Number), Sort: d.Day.String() + d.Report}, nil
}

// titleOf is a report by its title, or by its name when the project has it no more.
func (h *Handlers) titleOf(name string, l text.Locale) string {
	for _, r := range h.Project.Reports {
		if r.Name == name {
			return reportTitle(r, l)
		}
	}
	return name
}

// languageName is a language under its own name.
func languageName(locale string) string {
	switch text.Locale(locale) {
	case text.Korean:
		return "한국어"
	case text.English:
		return "English"
	}
	return text.Dash
}

func roleWord(role string, l text.Locale) string {
	if role == "" {
		return l.T("people.role.short")
	}
	return l.T("web.role." + role)
}

// addPerson makes a person and goes on to their page, where the rest is.
func (h *Handlers) addPerson(c echo.Context) error {
	ctx, l := c.Request().Context(), who(c).locale
	f := personForm{address: strings.ToLower(strings.TrimSpace(c.FormValue("address"))), name: strings.TrimSpace(c.FormValue("name")), locale: c.FormValue("locale"), errors: map[string]string{}}
	if group := c.FormValue("group"); group != "" {
		f.groups = []string{group}
	}
	f.check(h.Project, l)
	switch {
	case !validAddress(f.address):
		f.errors["address"] = l.T("people.error.address")
	case !h.Project.Mail.Allows(f.address):
		f.errors["address"] = l.T("people.error.domain", strings.Join(h.Project.Mail.Domains, ", "))
	}
	h.saving.Lock()
	defer h.saving.Unlock()
	if _, err := h.Store.PersonByAddress(ctx, f.address); err == nil {
		f.errors["address"] = l.T("people.error.known")
	} else if !fault.Is(err, fault.NotFound) {
		return err
	}
	if len(f.errors) > 0 {
		return h.peoplePage(c, http.StatusBadRequest, f)
	}
	p := store.Person{Address: f.address, Name: f.name, Locale: f.locale, Groups: f.groups, Created: h.Now()}
	if err := h.Store.SavePerson(ctx, &p); err != nil {
		return err
	}
	if err := h.audit(c, "person added", p.Address, strings.Join(p.Groups, ", ")); err != nil {
		return err
	}
	return see(c, personPath(p))
}

func (h *Handlers) addFields(p templates.Page, f personForm) []templates.Input {
	groups := []templates.Option{{Label: p.T("people.nogroup")}}
	for _, g := range groupNames(h.Project) {
		if !keptByFile(h.Project, g) {
			groups = append(groups, templates.Option{Label: g, Value: g, Selected: slices.Contains(f.groups, g)})
		}
	}
	return []templates.Input{
		{Name: "locale", Label: p.T("people.locale"), Kind: "select", Options: languageOptions(f.locale), Error: f.errors["locale"]},
		{Name: "group", Label: p.T("people.group"), Kind: "select", Options: groups, Error: f.errors["groups"]},
		{Name: "address", Label: p.T("people.address"), Kind: "email", Value: f.address, Required: true, Error: f.errors["address"]},
		{Name: "name", Label: p.T("people.name"), Value: f.name, Error: f.errors["name"]},
	}
}

func languageOptions(chosen string) []templates.Option {
	var out []templates.Option
	for _, l := range []text.Locale{text.Korean, text.English} {
		out = append(out, templates.Option{Label: languageName(string(l)), Value: string(l), Selected: string(l) == chosen})
	}
	return out
}
