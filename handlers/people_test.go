package handlers

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/internal/auth"
	"daybook/internal/mail"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
)

// peopled is a library that mails its reports: to a group that the pages keep, and to one that its file keeps.
func peopled() map[string]string {
	return map[string]string{
		"daybook.yaml": library["daybook.yaml"] + `mail: {domains: [example.com, example.org]}
groups:
  all-staff: []
  visitors: []
  board:
    - {address: chair@example.com, name: Chair}
`,
		"reports/daily.yaml":   library["reports/daily.yaml"] + "to: [all-staff, board]\n",
		"reports/lending.yaml": library["reports/lending.yaml"] + "to: [all-staff]\nrequired: true\n",
	}
}

// peopleSite serves a peopled library whose mail goes to the outbox.
func peopleSite(t *testing.T) *site {
	t.Helper()
	s := serve(t, peopled())
	s.Mailer = &jobs.Mailer{Runner: s.Runner, Sender: s.Outbox, From: mail.Address{Name: "Daybook", Address: "daybook@example.com"}, Base: s.url}
	return s
}

// person makes somebody who is in groups.
func (s *site) person(address, name string, groups ...string) store.Person {
	s.t.Helper()
	p := store.Person{Address: address, Name: name, Locale: "en", Groups: groups, Created: s.Now()}
	check(s.t, s.Store.SavePerson(context.Background(), &p))
	return p
}

// again is a person as recorded now.
func (s *site) again(p store.Person) store.Person {
	s.t.Helper()
	return must(s.Store.Person(context.Background(), p.ID))(s.t)
}

// audited reports whether the audit log has an entry that holds the words.
func (s *site) audited(action, subject, words string) bool {
	s.t.Helper()
	return slices.ContainsFunc(must(s.Store.AuditLog(context.Background(), 100))(s.t), func(e store.Entry) bool {
		return e.Action == action && e.Subject == subject && strings.Contains(e.Detail, words)
	})
}

// mailed records a delivery of a day's edition to a person.
func (s *site) mailed(p store.Person, state string) store.Edition {
	s.t.Helper()
	ctx := context.Background()
	edition := store.Edition{Report: "daily", Day: monday, Hash: "h", Kind: store.EditionFull, State: "released", Created: s.Now(), Locales: []string{"en"}}
	if list := must(s.Store.Editions(ctx, "daily", monday))(s.t); len(list) > 0 {
		edition = list[0]
	} else if _, err := s.Store.AddEdition(ctx, &edition); err != nil {
		s.t.Fatal(err)
	}
	must(s.Store.PlanDeliveries(ctx, edition.ID, "release", []store.Recipient{{Person: p}}, s.Now()))(s.t)
	for _, d := range must(s.Store.PendingDeliveries(ctx, edition.ID))(s.t) {
		if d.Person == p.ID {
			d.State, d.Sent, d.MessageID = state, s.Now(), "m-"+d.ID
			must(s.Store.SetDelivery(ctx, d, store.DeliveryPlanned))(s.t)
		}
	}
	return edition
}

func TestPeoplePagesAreForAdmins(t *testing.T) {
	s := peopleSite(t)
	p := s.person("ada@example.com", "Ada", "all-staff")
	b := s.signedIn(roleViewer)
	for _, path := range []string{"/people", "/people/export", "/people/import", personPath(p)} {
		if a := b.get(path); a.code != http.StatusForbidden || strings.Contains(a.body, "ada@example.com") {
			t.Errorf("GET %s: %d", path, a.code)
		}
	}
	for _, path := range []string{"/people", "/people/import", personPath(p), personPath(p) + "/lift"} {
		if a := b.post(path, "address", "eve@example.com", "role", "admin", "locale", "en"); a.code != http.StatusForbidden {
			t.Errorf("POST %s: %d", path, a.code)
		}
	}
	if a := b.get("/data"); strings.Contains(a.body, `href="/people"`) {
		t.Error("the navigation leads a viewer to a page that is closed to them")
	}
	if a := s.signedIn(roleAdmin).get("/data"); !strings.Contains(a.body, `href="/people"`) {
		t.Error("the navigation does not lead an admin there")
	}
}

func TestPeoplePagesAreThereInBothLanguagesAndSealed(t *testing.T) {
	s := peopleSite(t)
	p := s.person("ada@example.com", hostile, "all-staff", "board")
	s.mailed(p, store.DeliveryDelivered)
	check(t, s.Store.MirrorSuppressions(context.Background(), []store.Suppression{{Address: p.Address, Reason: store.SuppressedComplaint, Since: s.Now()}}, s.Now()))
	b := s.signedIn(roleAdmin)
	for _, l := range text.Locales() {
		b.get("/data")
		b.post("/locale", "locale", string(l), "back", "/")
		for _, path := range []string{"/people", "/people?q=ada&group=all-staff", "/people?q=nobody", "/people?new=1&changed=2", personPath(p), personPath(p) + "?saved=1", "/people/import"} {
			a := b.get(path)
			if a.code != http.StatusOK || !strings.Contains(a.body, `<html lang="`+string(l)+`"`) {
				t.Errorf("%s in %s: %d\n%s", path, l, a.code, s.log)
			}
			sealedPage(t, path, a)
		}
	}
}

func TestPersonIsAddedAndChanged(t *testing.T) {
	s := peopleSite(t)
	b := s.signedIn(roleAdmin)
	b.get("/people")
	a := b.post("/people", "address", " New@Example.com ", "name", " New ", "locale", "ko", "group", "all-staff")
	p := must(s.Store.PersonByAddress(context.Background(), "new@example.com"))(t)
	if a.code != http.StatusSeeOther || a.head.Get("Location") != personPath(p) {
		t.Fatalf("%d to %s\n%s", a.code, a.head.Get("Location"), a.body)
	}
	if p.Name != "New" || p.Locale != "ko" || p.Role != "" || !slices.Equal(p.Groups, []string{"all-staff"}) || !p.Created.Equal(s.Now()) {
		t.Errorf("added %+v", p)
	}
	b.get(personPath(p))
	a = b.post(personPath(p), "name", "Newer", "locale", "en", "role", "viewer", "group", "visitors", "group", "all-staff", "report.daily", "weekly", "report.lending", "daily")
	if a.code != http.StatusSeeOther {
		t.Fatalf("%d\n%s", a.code, a.body)
	}
	if p = s.again(p); p.Name != "Newer" || p.Locale != "en" || p.Role != roleViewer || !slices.Equal(p.Groups, []string{"all-staff", "visitors"}) {
		t.Errorf("changed %+v", p)
	}
	if got := must(s.Store.SubscriptionsOf(context.Background(), p.ID))(t); len(got) != 1 || got[0].Report != "daily" || got[0].Cadence != store.CadenceWeekly {
		t.Errorf("subscriptions %+v", got)
	}
	for _, words := range []string{`name "New" → "Newer"`, `role "" → "viewer"`, "+visitors", "daily daily → weekly"} {
		if !s.audited("person changed", "new@example.com", words) {
			t.Errorf("the audit log lacks %s", words)
		}
	}
	if !s.audited("person added", "new@example.com", "all-staff") {
		t.Error("the audit log lacks the addition")
	}
	before := len(must(s.Store.AuditLog(context.Background(), 100))(t))
	b.post(personPath(p), "name", "Newer", "locale", "en", "role", "viewer", "group", "visitors", "group", "all-staff", "report.daily", "weekly")
	if after := len(must(s.Store.AuditLog(context.Background(), 100))(t)); after != before {
		t.Error("saving the same again is recorded as a change")
	}
	b.post(personPath(p), "name", "Newer", "locale", "en", "role", "viewer", "group", "visitors", "group", "all-staff", "report.daily", "daily")
	if got := must(s.Store.SubscriptionsOf(context.Background(), p.ID))(t); len(got) != 0 {
		t.Errorf("subscriptions after daily again %+v", got)
	}
}

func TestWhatIsRefusedIsSaidInPlaceAndKeepsWhatWasTyped(t *testing.T) {
	s := peopleSite(t)
	s.person("ada@example.com", "Ada")
	b := s.signedIn(roleAdmin)
	b.get("/people")
	for name, c := range map[string]struct{ address, name, locale, group, want string }{
		"no address":          {"nobody", "Typed", "en", "", "Write an address such as"},
		"outside the domains": {"ada@example.net", "Typed", "en", "", "Only addresses in example.com, example.org"},
		"below a domain":      {"ada@evil.example.com", "Typed", "en", "", "Only addresses in"},
		"known":               {"ADA@example.com", "Typed", "en", "", "here already"},
		"long name":           {"new@example.com", strings.Repeat("Typed", 50), "en", "", "at most 200 characters"},
		"header in the name":  {"new@example.com", "Typed\r\nBcc: eve@example.com", "en", "", "Write one line"},
		"no language":         {"new@example.com", "Typed", "xx", "", "Choose one of the languages"},
		"group of the file":   {"new@example.com", "Typed", "en", "board", "no group board that is kept"},
		"unknown group":       {"new@example.com", "Typed", "en", "nothing", "no group nothing"},
	} {
		a := b.post("/people", "address", c.address, "name", c.name, "locale", c.locale, "group", c.group)
		if a.code != http.StatusBadRequest || !strings.Contains(a.body, c.want) || !strings.Contains(a.body, `value="Typed`) {
			t.Errorf("%s: %d, without %q or what was typed", name, a.code, c.want)
		}
	}
	if people := must(s.Store.People(context.Background()))(t); len(people) != 2 {
		t.Errorf("%d people", len(people))
	}
}

func TestLastAdminStays(t *testing.T) {
	s := peopleSite(t)
	b := s.signedIn(roleAdmin)
	admin := must(s.Store.PersonByAddress(context.Background(), "admin@example.com"))(t)
	b.get(personPath(admin))
	for name, fields := range map[string][]string{
		"role": {"name", "Typed", "locale", "en", "role", "viewer"}, "none": {"name", "Typed", "locale", "en", "role", ""}, "disabled": {"name", "Typed", "locale", "en", "role", "admin", "disabled", "1"},
	} {
		a := b.post(personPath(admin), fields...)
		if a.code != http.StatusBadRequest || !strings.Contains(a.body, "This is the last admin") || !strings.Contains(a.body, `value="Typed"`) {
			t.Errorf("%s: %d", name, a.code)
		}
	}
	if p := s.again(admin); p.Role != roleAdmin || p.Disabled || p.Name == "Typed" {
		t.Errorf("%+v", p)
	}
	gone := s.add("gone@example.com", roleAdmin)
	gone.Disabled = true
	check(t, s.Store.SavePerson(context.Background(), &gone))
	if a := b.post(personPath(admin), "locale", "en", "role", ""); a.code != http.StatusBadRequest {
		t.Errorf("a disabled admin counts: %d", a.code)
	}
	s.add("second@example.com", roleAdmin)
	if a := b.post(personPath(admin), "locale", "en", "role", "viewer"); a.code != http.StatusSeeOther {
		t.Errorf("with a second admin: %d", a.code)
	}
}

func TestTwoAdminsWhoDisableEachOtherLeaveOne(t *testing.T) {
	s := peopleSite(t)
	first := s.signedIn(roleAdmin)
	other := s.add("other@example.com", roleAdmin)
	second := s.browser()
	second.get("/signin")
	second.post("/signin", "address", "other@example.com", "password", password)
	second.get("/people")
	admin := must(s.Store.PersonByAddress(context.Background(), "admin@example.com"))(t)
	first.get("/people")
	done := make(chan struct{})
	go func() {
		defer close(done)
		second.post(personPath(admin), "locale", "en", "role", "admin", "disabled", "1")
	}()
	first.post(personPath(other), "locale", "en", "role", "admin", "disabled", "1")
	<-done
	if n := must(s.Store.CountAdmins(context.Background()))(t); n != 1 {
		t.Errorf("%d admins are left", n)
	}
}

func TestWhoMayLessThanBeforeIsSignedOut(t *testing.T) {
	s := peopleSite(t)
	b := s.signedIn(roleAdmin)
	b.get("/people")
	for name, fields := range map[string][]string{"role": {"locale", "en", "role", ""}, "disabled": {"locale", "en", "role", "viewer", "disabled", "1"}} {
		p := s.add(name+"@example.com", roleViewer)
		token, hash := auth.NewToken()
		check(t, s.Store.CreateSession(context.Background(), store.Session{Hash: hash, Person: p.ID, Created: s.Now(), Expires: s.Now().Add(time.Hour)}))
		if a := b.post(personPath(p), "locale", "ko", "role", "viewer"); a.code != http.StatusSeeOther {
			t.Fatalf("%d", a.code)
		}
		if _, err := s.Store.Session(context.Background(), auth.TokenHash(token), s.Now()); err != nil {
			t.Errorf("%s: a language ended the session: %v", name, err)
		}
		b.post(personPath(p), fields...)
		if _, err := s.Store.Session(context.Background(), auth.TokenHash(token), s.Now()); err == nil {
			t.Errorf("%s: the session goes on", name)
		}
		if again := s.again(p); again.PasswordHash != p.PasswordHash {
			t.Errorf("%s: the password changed", name)
		}
	}
}

func TestGroupsOfTheFileAreShownAndStay(t *testing.T) {
	s := peopleSite(t)
	p := s.person("chair@example.com", "Chair", "board", "visitors")
	b := s.signedIn(roleAdmin)
	a := b.get(personPath(p))
	for _, words := range []string{"daybook.yaml keeps who is in these groups", "daybook.yaml lists this person", `name="group" value="all-staff"`} {
		if !strings.Contains(a.body, words) {
			t.Errorf("the page lacks %q", words)
		}
	}
	if strings.Contains(a.body, `name="group" value="board"`) {
		t.Error("the file's group has a box")
	}
	if a := b.post(personPath(p), "locale", "en", "role", "", "group", "board"); a.code != http.StatusBadRequest {
		t.Errorf("the file's group is taken from the form: %d", a.code)
	}
	b.post(personPath(p), "locale", "en", "role", "", "group", "all-staff")
	if got := s.again(p).Groups; !slices.Equal(got, []string{"all-staff", "board"}) {
		t.Errorf("groups %v", got)
	}
}

func TestRequiredReportIsNeverOff(t *testing.T) {
	s := peopleSite(t)
	p := s.person("ada@example.com", "Ada", "all-staff")
	b := s.signedIn(roleAdmin)
	a := b.get(personPath(p))
	if n := strings.Count(a.body, `value="off"`); n != 1 {
		t.Errorf("off is offered %d times", n)
	}
	if a := b.post(personPath(p), "locale", "en", "role", "", "group", "all-staff", "report.lending", "off"); a.code != http.StatusBadRequest || !strings.Contains(a.body, "is required") {
		t.Errorf("%d", a.code)
	}
	if a := b.post(personPath(p), "locale", "en", "role", "", "group", "all-staff", "report.lending", "weekly", "report.daily", "off"); a.code != http.StatusSeeOther {
		t.Errorf("%d", a.code)
	}
	list := must(s.Store.SubscriptionsOf(context.Background(), p.ID))(t)
	if len(list) != 2 {
		t.Errorf("%+v", list)
	}
	if a := b.get("/people"); !strings.Contains(a.body, "Loans weekly; without Daily use") {
		t.Error("the list does not say it")
	}
}

func TestSuppressedPersonSaysWhatToDoAndIsLifted(t *testing.T) {
	s := peopleSite(t)
	ctx := context.Background()
	p := s.person("ada@example.com", "Ada", "all-staff")
	check(t, s.Store.MirrorSuppressions(ctx, []store.Suppression{{Address: "Ada@example.com", Reason: store.SuppressedBounce, Since: s.Now().Add(-48 * time.Hour)}}, s.Now()))
	b := s.signedIn(roleAdmin)
	if a := b.get("/people"); !strings.Contains(a.body, "bounced") || !strings.Contains(a.body, "check the address") || !strings.Contains(a.body, "cannot be reached 1") {
		t.Error("the list does not say it")
	}
	a := b.get(personPath(p))
	for _, words := range []string{"bounces, since 15 Nov", "disable this person and add the right one", "suppression list of SES", personPath(p) + "/lift"} {
		if !strings.Contains(a.body, words) {
			t.Errorf("the page lacks %q", words)
		}
	}
	if a := b.post(personPath(p) + "/lift"); a.code != http.StatusSeeOther {
		t.Fatalf("%d %s", a.code, s.log)
	}
	if list := must(s.Store.Suppressions(ctx))(t); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	if a := b.get(personPath(p) + "?lifted=1"); !strings.Contains(a.body, "Taken off the list") || strings.Contains(a.body, "/lift") {
		t.Error("the page still says so")
	}
}

func TestListIsSearchedAndFilteredAndSaysWhatWasSent(t *testing.T) {
	s := peopleSite(t)
	ada := s.person("ada@example.com", "Ada Kim", "all-staff", "board")
	s.person("bob@example.org", "밥", "visitors")
	s.person("old@example.net", "Old", "all-staff")
	s.mailed(ada, store.DeliveryDelivered)
	b := s.signedIn(roleAdmin)
	for path, want := range map[string][]string{
		"/people": {"ada@", "bob@", "old@"}, "/people?q=KIM": {"ada@"}, "/people?q=%EB%B0%A5": {"bob@"}, "/people?group=board": {"ada@"}, "/people?group=all-staff&q=old": {"old@"}, "/people?q=none": nil,
	} {
		a := b.get(path)
		for _, address := range []string{"ada@", "bob@", "old@"} {
			if has := strings.Contains(a.body, ">"+address); has != slices.Contains(want, address) {
				t.Errorf("%s shows %s: %v", path, address, has)
			}
		}
	}
	a := b.get("/people")
	for _, words := range []string{"delivered", `href="/deliveries/daily/2026-11-16/1"`, "domain not allowed", "in no report&#39;s group", "kept", "in daybook.yaml"} {
		if !strings.Contains(a.body, words) {
			t.Errorf("the list lacks %q", words)
		}
	}
	a = b.get(personPath(ada))
	for _, words := range []string{`href="/deliveries/daily/2026-11-16/1"`, "by all-staff, board", "by all-staff; required"} {
		if !strings.Contains(a.body, words) {
			t.Errorf("the person's page lacks %q", words)
		}
	}
	for path, words := range map[string]string{"/people?format=csv&table=groups": "all-staff,2,on these pages,", "/people?format=csv&table=reports": "Loans,all-staff,1"} {
		if a := b.get(path); !strings.Contains(a.body, words) {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	for _, path := range []string{"/people?format=csv&q=ada", personPath(ada) + "?format=csv"} {
		if a := b.get(path); !strings.HasPrefix(a.head.Get("Content-Type"), "text/csv") || strings.Count(a.body, "\n") != 2 || !strings.Contains(a.body, "2026-11-16") {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}

func TestManyPeopleComeInPages(t *testing.T) {
	s := peopleSite(t)
	var list []*store.Person
	for i := range 250 {
		list = append(list, &store.Person{Address: fmt.Sprintf("p%03d@example.com", i), Groups: []string{"all-staff"}, Created: s.Now()})
	}
	check(t, s.Store.SavePeople(context.Background(), list))
	b := s.signedIn(roleAdmin)
	a := b.get("/people?group=all-staff&from=100")
	if !strings.Contains(a.body, "101 to 200 of 250") || strings.Contains(a.body, "p099@") || !strings.Contains(a.body, "p100@") || strings.Contains(a.body, "p200@") {
		t.Error("the second page does not hold 101 to 200")
	}
	for _, href := range []string{"from=0&amp;group=all-staff", "from=200&amp;group=all-staff"} {
		if !strings.Contains(a.body, href) {
			t.Errorf("no link %s", href)
		}
	}
	if a := b.get("/people?group=all-staff&from=x"); a.code != http.StatusOK || !strings.Contains(a.body, "1 to 100 of 250") {
		t.Errorf("%d", a.code)
	}
	if a := b.get("/people?format=csv&group=all-staff"); strings.Count(a.body, "\n") != 251 {
		t.Errorf("the file has %d lines", strings.Count(a.body, "\n"))
	}
}
