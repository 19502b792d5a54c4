package handlers

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/templates"
)

// sentShown is how many mails the page of a person lists.
const sentShown = 50

// cadenceField is the form's field of a report's subscription.
const cadenceField = "report."

// personForm is what the forms about a person hold.
type personForm struct {
	address, name, locale, role string
	disabled                    bool
	groups                      []string          // those kept on the pages
	cadence                     map[string]string // by report
	errors                      map[string]string // by field
}

// check notes what is wrong with the fields that every form has.
func (f *personForm) check(p *project.Project, l text.Locale) {
	if !validName(f.name) {
		f.errors["name"] = l.T("people.error.name", maxName)
	}
	if !known(f.locale) {
		f.errors["locale"] = l.T("people.error.locale")
	}
	for _, g := range f.groups {
		if !keptHere(p, g) {
			f.errors["groups"] = l.T("people.error.group", g)
		}
	}
}

func formOf(p store.Person, subscriptions []store.Subscription, pr *project.Project) personForm {
	f := personForm{address: p.Address, name: p.Name, locale: p.Locale, role: p.Role, disabled: p.Disabled, cadence: map[string]string{}}
	for _, g := range p.Groups {
		if keptHere(pr, g) {
			f.groups = append(f.groups, g)
		}
	}
	for _, s := range subscriptions {
		f.cadence[s.Report] = s.Cadence
		for _, report := range pr.Reports {
			if report.Name == s.Report {
				f.cadence[s.Report] = inForce(report, s.Cadence)
			}
		}
	}
	return f
}

func (h *Handlers) personPage(c echo.Context) error {
	ctx := c.Request().Context()
	person, err := h.Store.Person(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	subscriptions, err := h.Store.SubscriptionsOf(ctx, person.ID)
	if err != nil {
		return err
	}
	return h.showPerson(c, http.StatusOK, person, formOf(person, subscriptions, h.Project))
}

// showPerson is the page of a person as recorded, its form holding f.
func (h *Handlers) showPerson(c echo.Context, code int, person store.Person, f personForm) error {
	ctx := c.Request().Context()
	p := h.page(c, person.Address, "people")
	p.Path = personPath(person)
	v := templates.PersonView{Page: p, Crumbs: []templates.Link{{Label: p.T("people.title"), Href: "/people"}, {Label: person.Address}}, Heading: person.Address, URL: personPath(person)}
	if person.Name != "" {
		v.Heading = person.Name
	}
	switch {
	case c.QueryParam("saved") != "":
		v.Flash = &templates.Notice{Kind: templates.UpToDate, Title: p.T("person.saved")}
	case c.QueryParam("lifted") != "":
		v.Flash = &templates.Notice{Kind: templates.UpToDate, Title: p.T("person.lifted")}
	}
	r, err := h.roll(ctx)
	if err != nil {
		return err
	}
	s := r.standing(person, p.Locale)
	v.Facts = templates.FactLine{Statuses: []templates.Status{s.status}, Facts: []templates.Fact{{Strong: person.Address}, {After: roleWord(person.Role, p.Locale)},
		{After: p.T("person.since", p.Locale.DayShort(calendar.DayOf(person.Created, h.Project.Zone))), Quiet: true}}}
	v.Stopped = h.stopped(r, person, p)
	h.personFields(&v, person, f)
	if v.Sent, err = h.sent(ctx, person, p); err != nil {
		return err
	}
	if asksCSV(c) {
		return h.tableCSV(c, "mail", v.Sent)
	}
	if len(v.Sent.Rows) > 0 {
		v.Sent.Downloads, v.SentSubtitle = h.csvOf(c, p), p.T("person.sent.sub", sentShown)
	}
	return h.show(c, code, templates.PersonPage(v))
}

// stopped says why nothing is sent to the person's address, and since when; nil when something is.
func (h *Handlers) stopped(r roll, person store.Person, p templates.Page) *templates.Stopped {
	s, ok := r.suppressed[person.Address]
	if !ok {
		return nil
	}
	source := p.T("person.event")
	if s.Source == store.SuppressedBySES {
		source = p.T("person.ses")
	}
	since := p.Locale.DayShort(calendar.DayOf(s.Since, h.Project.Zone))
	out := &templates.Stopped{Notice: templates.Notice{Bad: true, Title: p.T("person."+s.Reason, since), Text: p.T("person." + s.Reason + ".todo"), Lines: []string{source}}}
	if h.Mailer != nil {
		out.Lift = &templates.Action{Label: p.T("person.lift"), URL: personPath(person) + "/lift",
			Ask: &templates.Question{Title: p.T("person.lift.title", person.Address), Confirm: p.T("person.lift.confirm")}}
	}
	return out
}

// personFields fills in what the form shows.
func (h *Handlers) personFields(v *templates.PersonView, person store.Person, f personForm) {
	p := v.Page
	if listedInFile(h.Project, person.Address) {
		v.Note = p.T("person.inthefile")
	}
	languages := languageOptions(f.locale)
	if person.Locale == "" {
		languages = languageOptions(h.Project.Locale)
	}
	v.Fields = []templates.Input{
		{Name: "name", Label: p.T("people.name"), Value: f.name, Error: f.errors["name"], Autocomplete: "off"},
		{Name: "locale", Label: p.T("people.locale"), Kind: "select", Options: languages, Error: f.errors["locale"]},
		{Name: "role", Label: p.T("people.role"), Kind: "select", Options: roleOptions(p, f.role), Error: f.errors["role"]},
	}
	v.Disabled = templates.Input{Name: "disabled", Label: p.T("person.disabled"), Kind: "checkbox", Value: "1", Checked: f.disabled, Hint: p.T("person.disabled.hint")}
	v.DisabledError, v.GroupError = f.errors["disabled"], f.errors["groups"]
	groups := slices.Clone(f.groups)
	for _, g := range groupNames(h.Project) {
		var titles []string
		for _, report := range reportsTo(h.Project, []string{g}) {
			titles = append(titles, reportTitle(report, p.Locale))
		}
		switch {
		case keptHere(h.Project, g):
			v.Groups = append(v.Groups, templates.Input{Name: "group", Label: g, Kind: "checkbox", Value: g, Checked: slices.Contains(f.groups, g), Hint: strings.Join(titles, ", ")})
		case slices.Contains(person.Groups, g):
			v.Kept = append(v.Kept, templates.Fact{Strong: g, After: strings.Join(titles, ", ")})
			groups = append(groups, g)
		}
	}
	for _, report := range h.Project.Reports {
		title := reportTitle(report, p.Locale)
		by := shared(report.To, groups)
		if len(by) == 0 && len(report.To) > 0 {
			v.Others = append(v.Others, title+": "+strings.Join(report.To, ", "))
		}
		if len(by) == 0 {
			continue
		}
		hint := p.T("person.by", strings.Join(by, ", "))
		if report.Required {
			hint = p.T("person.required", strings.Join(by, ", "))
		}
		v.Subscriptions = append(v.Subscriptions, templates.Input{Name: cadenceField + report.Name, Label: title, Kind: "select", Hint: hint,
			Options: cadenceOptions(p, report.Required, f.cadence[report.Name]), Error: f.errors[cadenceField+report.Name]})
	}
}

func roleOptions(p templates.Page, chosen string) []templates.Option {
	var out []templates.Option
	for _, o := range []templates.Option{{Label: p.T("people.role.none")}, {Label: p.T("people.role.viewer"), Value: roleViewer}, {Label: p.T("people.role.admin"), Value: roleAdmin}} {
		o.Selected = o.Value == chosen
		out = append(out, o)
	}
	return out
}

func cadenceOptions(p templates.Page, required bool, chosen string) []templates.Option {
	out := []templates.Option{{Label: p.T("person.daily"), Value: cadenceDaily}, {Label: p.T("person.weekly"), Value: store.CadenceWeekly}}
	if !required {
		out = append(out, templates.Option{Label: p.T("person.off"), Value: store.CadenceOff})
	}
	for i := range out {
		out[i].Selected = out[i].Value == chosen
	}
	return out
}

// sent is what was mailed to a person, the newest first.
func (h *Handlers) sent(ctx context.Context, person store.Person, p templates.Page) (templates.Table, error) {
	t := templates.Table{ID: "sent", Caption: p.T("person.sent"), Empty: p.T("person.sent.none"), Columns: []templates.Column{
		{Label: p.T("person.report")}, {Label: p.T("column.day")}, {Label: p.T("person.edition"), Number: true}, {Label: p.T("people.state")}, {Label: p.T("person.variant"), Optional: true},
		{Label: p.T("person.at"), Number: true, Optional: true}, {Label: p.T("person.detail"), Optional: true}}}
	list, err := h.Store.DeliveriesOf(ctx, person.ID, sentShown)
	if err != nil {
		return t, err
	}
	for _, d := range list {
		state := deliveryStatus(d.State, p.Locale)
		variant := p.T("person.variant.daily")
		if d.Variant == store.CadenceWeekly {
			variant = p.T("person.variant.weekly")
		}
		t.Rows = append(t.Rows, templates.Row{Cells: []templates.TableCell{
			{Head: true, Text: h.titleOf(d.Report, p.Locale)}, {Text: d.Day.String(), Href: deliveriesPath(d.Report, d.Day, d.Number)}, {Text: strconv.Itoa(d.Number)}, {Status: &state},
			{Text: variant, Quiet: true}, {Text: h.clock(d.Sent, p.Locale), Sort: strconv.FormatInt(d.Sent.Unix(), 10)}, {Text: d.Error, Quiet: true},
		}})
	}
	return t, nil
}

// savePerson takes the form of a person's page over. Nothing is written unless all of it can be.
func (h *Handlers) savePerson(c echo.Context) error {
	ctx := c.Request().Context()
	h.saving.Lock()
	defer h.saving.Unlock()
	old, err := h.Store.Person(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	subscriptions, err := h.Store.SubscriptionsOf(ctx, old.ID)
	if err != nil {
		return err
	}
	before := formOf(old, subscriptions, h.Project)
	f, err := h.personForm(c, old, before)
	if err != nil {
		return err
	}
	if len(f.errors) > 0 {
		return h.showPerson(c, http.StatusBadRequest, old, f)
	}
	p := old
	p.Name, p.Locale, p.Role, p.Disabled = f.name, f.locale, f.role, f.disabled
	p.Groups = slices.DeleteFunc(slices.Clone(old.Groups), func(g string) bool { return keptHere(h.Project, g) })
	p.Groups = append(p.Groups, f.groups...)
	if err := h.keep(c, old, p, before, f); err != nil {
		return err
	}
	return see(c, personPath(p)+"?saved=1")
}

// keep records what changed of a person, and ends the sessions of who may less than before.
func (h *Handlers) keep(c echo.Context, old, p store.Person, before, f personForm) error {
	ctx := c.Request().Context()
	changes := personChanges(old, p)
	if len(changes) > 0 {
		if err := h.Store.SavePerson(ctx, &p); err != nil {
			return err
		}
	}
	if p.Disabled && !old.Disabled || might(p.Role) < might(old.Role) {
		if err := h.Store.DeleteSessions(ctx, p.ID); err != nil {
			return err
		}
	}
	for _, report := range h.Project.Reports {
		was, is := before.cadence[report.Name], f.cadence[report.Name]
		if was == is {
			continue
		}
		if err := h.Store.SetSubscription(ctx, store.Subscription{Person: p.ID, Report: report.Name, Cadence: is, At: h.Now()}); err != nil {
			return err
		}
		changes = append(changes, fmt.Sprintf("%s %s → %s", report.Name, orDaily(was), orDaily(is)))
	}
	if len(changes) == 0 {
		return nil
	}
	return h.audit(c, "person changed", p.Address, strings.Join(changes, "; "))
}

// personForm reads the form of a person's page and notes what is wrong in it. A report that the form does not name stays as before.
func (h *Handlers) personForm(c echo.Context, old store.Person, before personForm) (personForm, error) {
	l := who(c).locale
	values, err := c.FormParams()
	if err != nil {
		return personForm{}, fault.New(fault.Invalid, "the form cannot be read", "")
	}
	f := personForm{address: old.Address, name: strings.TrimSpace(c.FormValue("name")), locale: c.FormValue("locale"), role: c.FormValue("role"), disabled: c.FormValue("disabled") != "",
		groups: values["group"], cadence: map[string]string{}, errors: map[string]string{}}
	f.check(h.Project, l)
	if !slices.Contains([]string{"", roleViewer, roleAdmin}, f.role) {
		f.errors["role"] = l.T("people.error.role")
	}
	for _, report := range h.Project.Reports {
		f.cadence[report.Name] = before.cadence[report.Name]
		list, asked := values[cadenceField+report.Name]
		if !asked {
			continue
		}
		cadence, ok := cadenceNamed(list[0])
		if !ok {
			f.errors[cadenceField+report.Name] = l.T("people.error.cadence")
		} else if cadence == store.CadenceOff && report.Required {
			f.errors[cadenceField+report.Name] = l.T("people.error.required", reportTitle(report, l))
		}
		f.cadence[report.Name] = cadence
	}
	if old.Role == roleAdmin && !old.Disabled && (f.role != roleAdmin || f.disabled) {
		others, err := h.otherAdmins(c.Request().Context(), old.ID)
		if err != nil {
			return f, err
		}
		field := "role"
		if f.disabled {
			field = "disabled"
		}
		if others == 0 {
			f.errors[field] = l.T("people.error.lastadmin")
		}
	}
	return f, nil
}

// otherAdmins counts the admins beside one who can sign in: with a password, or by a mailed link.
func (h *Handlers) otherAdmins(ctx context.Context, id string) (int, error) {
	people, err := h.Store.People(ctx)
	n := 0
	for _, p := range people {
		if p.ID != id && p.Role == roleAdmin && !p.Disabled && (p.PasswordHash != "" || h.linkDomains() != "") {
			n++
		}
	}
	return n, err
}

// cadenceDaily is what forms call every edition; the records have nothing for it.
const cadenceDaily = "daily"

// cadenceNamed is how the records have what a form says.
func cadenceNamed(s string) (cadence string, ok bool) {
	switch s {
	case cadenceDaily, "":
		return "", true
	case store.CadenceWeekly, store.CadenceOff:
		return s, true
	}
	return "", false
}

// inForce is the cadence by which mail goes: who left a report before it was required has the digest.
func inForce(r project.Report, cadence string) string {
	if r.Required && cadence == store.CadenceOff {
		return store.CadenceWeekly
	}
	return cadence
}

func orDaily(cadence string) string {
	if cadence == "" {
		return cadenceDaily
	}
	return cadence
}

// might orders roles by what they may.
func might(role string) int { return slices.Index([]string{"", roleViewer, roleAdmin}, role) }

// personChanges says for the records what a form changed.
func personChanges(old, p store.Person) []string {
	var out []string
	for _, field := range [][3]string{{"name", old.Name, p.Name}, {"locale", old.Locale, p.Locale}, {"role", old.Role, p.Role}, {"disabled", strconv.FormatBool(old.Disabled), strconv.FormatBool(p.Disabled)}} {
		if field[1] != field[2] {
			out = append(out, fmt.Sprintf("%s %q → %q", field[0], field[1], field[2]))
		}
	}
	for _, g := range p.Groups {
		if !slices.Contains(old.Groups, g) {
			out = append(out, "+"+g)
		}
	}
	for _, g := range old.Groups {
		if !slices.Contains(p.Groups, g) {
			out = append(out, "-"+g)
		}
	}
	return out
}

// lift takes a person's address off the list of those that nothing is sent to.
func (h *Handlers) lift(c echo.Context) error {
	ctx := c.Request().Context()
	p, err := h.Store.Person(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	if h.Mailer == nil {
		return fault.New(fault.Unavailable, "this server sends no mail", "")
	}
	if err := h.Mailer.Lift(ctx, p.Address, who(c).person.Address); err != nil {
		return err
	}
	return see(c, personPath(p)+"?lifted=1")
}
