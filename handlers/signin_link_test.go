package handlers

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var linkShape = regexp.MustCompile(`http://\S+/signin/\S+`)

// asks asks for a link and gives the page's answer.
func (b *browser) asks(address, next string) answer {
	b.t.Helper()
	b.get("/signin")
	return b.post("/signin/link", "address", address, "next", next)
}

// letters are the mails in the outbox, in whatever order.
func (s *site) letters() []string {
	s.t.Helper()
	var out []string
	for _, e := range must(s.Outbox.List())(s.t) {
		l := must(s.Outbox.Open(e.Name))(s.t)
		out = append(out, e.To+"\n"+e.Subject+"\n"+l.Text)
	}
	return out
}

// link waits for a mail to an address and takes the path of its link.
func (s *site) link(address string) string {
	s.t.Helper()
	var found string
	until(s.t, "a link is mailed to "+address, func() bool {
		for _, letter := range s.letters() {
			if strings.Contains(letter, address) {
				found = linkShape.FindString(letter)
			}
		}
		return found != ""
	})
	return strings.TrimPrefix(found, s.url)
}

func TestMailedLinkSignsInOnceAndOpeningItUsesNothing(t *testing.T) {
	s := peopleSite(t)
	p := s.person("ada@example.com", "Ada", "all-staff")
	p.Locale = "ko"
	check(t, s.Store.SavePerson(context.Background(), &p))
	b := s.browser()
	a := b.asks(" Ada@Example.com ", "/reports/lending")
	if a.code != http.StatusOK || !strings.Contains(a.body, "If ada@example.com may sign in") {
		t.Fatalf("%d\n%s", a.code, a.body)
	}
	path := s.link("ada@example.com")
	if letters := s.letters(); len(letters) != 1 || !strings.Contains(letters[0], "library 로그인 링크") || !strings.Contains(letters[0], "15분") {
		t.Errorf("mails %q", letters)
	}
	for range 3 { // what looks at mail opens it
		if a := s.browser().get(path); a.code != http.StatusOK || !strings.Contains(a.body, "ada@example.com") {
			t.Fatalf("the link: %d", a.code)
		}
	}
	a = b.get(path)
	sealedPage(t, path, a)
	address, _, _ := strings.Cut(path, "?")
	a = b.post(address, "next", "/reports/lending")
	if a.code != http.StatusSeeOther || a.head.Get("Location") != "/reports/lending" {
		t.Fatalf("%d to %s\n%s", a.code, a.head.Get("Location"), a.body)
	}
	if a := b.get("/data"); a.code != http.StatusOK || !strings.Contains(a.body, "열람자") {
		t.Errorf("a person without a role reads: %d", a.code)
	}
	for _, path := range []string{"/people", "/people/export"} {
		if a := b.get(path); a.code != http.StatusForbidden {
			t.Errorf("%s: %d", path, a.code)
		}
	}
	b.post("/locale", "locale", "en", "back", "/")
	if got := s.again(p); got.Role != "" || got.Locale != "en" {
		t.Errorf("%+v", got)
	}
	other := s.browser()
	other.get(path)
	if a := other.post(address); a.code != http.StatusNotFound {
		t.Errorf("a second time: %d", a.code)
	}
}

func TestAnswerIsTheSameForEverybodyAndOnlySomeGetALink(t *testing.T) {
	s := peopleSite(t)
	s.person("ada@example.com", "Ada")
	s.person("far@example.net", "Far") // known, outside the domains
	gone := s.person("gone@example.com", "Gone")
	gone.Disabled = true
	check(t, s.Store.SavePerson(context.Background(), &gone))
	want := map[string]bool{"ada@example.com": true, "far@example.net": false, "new@example.org": true, "gone@example.com": false, "eve@example.net": false, "eve@sub.example.com": false}
	bodies := map[string]bool{}
	for address, mailed := range want {
		s.clock.move(time.Second) // a letter's id is its time
		b := s.browser()
		a := b.asks(address, "/")
		if a.code != http.StatusOK {
			t.Errorf("%s: %d", address, a.code)
		}
		bodies[strings.ReplaceAll(strings.ReplaceAll(a.body, address, "X"), b.csrf, "T")] = true
		if mailed {
			s.link(address)
		}
	}
	if len(bodies) != 1 {
		t.Errorf("%d different answers", len(bodies))
	}
	if n := len(s.letters()); n != 2 {
		t.Errorf("%d mails: %q", n, s.letters())
	}
	if strings.Contains(s.log.String(), "level=ERROR") {
		t.Error(s.log)
	}
}

func TestSomebodyOfADomainBecomesAPersonAtTheFirstUse(t *testing.T) {
	s := peopleSite(t)
	b := s.browser()
	b.asks("new@example.org", "//evil.example/x")
	path := s.link("new@example.org")
	if strings.Contains(path, "evil") {
		t.Errorf("the link leads elsewhere: %s", path)
	}
	b.get(path)
	if len(s.everybody()) != 0 {
		t.Error("opening the link made a person")
	}
	if a := b.post(path, "next", "https://evil.example/"); a.code != http.StatusSeeOther || a.head.Get("Location") != "/" {
		t.Errorf("%d to %s", a.code, a.head.Get("Location"))
	}
	p, ok := s.everybody()["new@example.org"]
	if !ok || p.Role != "" || p.Disabled || p.PasswordHash != "" || len(p.Groups) != 0 {
		t.Errorf("%+v", p)
	}
	if a := b.get("/data"); a.code != http.StatusOK {
		t.Errorf("%d", a.code)
	}
	p.Disabled = true
	check(t, s.Store.SavePerson(context.Background(), &p))
	if a := b.get("/data"); a.code != http.StatusSeeOther {
		t.Errorf("disabled: %d", a.code)
	}
}

func TestLinkIsOfItsAddressAndItsTime(t *testing.T) {
	s := peopleSite(t)
	s.person("ada@example.com", "Ada")
	s.add("root@example.com", roleAdmin)
	b := s.browser()
	b.asks("ada@example.com", "/")
	path := s.link("ada@example.com")
	random, _, _ := strings.Cut(strings.TrimPrefix(path, "/signin/"), ".")
	b.get(path)
	_, other, _ := strings.Cut(newLinkToken("root@example.com"), ".")
	for _, forged := range []string{random + "." + other, random, random + ".", random + ".%25%25", "." + other, "x.y"} {
		if a := b.post("/signin/" + forged); a.code != http.StatusNotFound && a.code != http.StatusBadRequest {
			t.Errorf("%s: %d", forged, a.code)
		}
	}
	s.clock.move(linkLife)
	if a := b.post(path); a.code != http.StatusNotFound || !strings.Contains(a.body, "15 minutes") {
		t.Errorf("after its time: %d", a.code)
	}
	s.clock.move(time.Second)
	b.asks("ada@example.com", "/")
	var fresh string
	until(t, "there is a second link", func() bool {
		for _, letter := range s.letters() {
			if link := strings.TrimPrefix(linkShape.FindString(letter), s.url); link != path {
				fresh = link
			}
		}
		return fresh != ""
	})
	p := s.everybody()["ada@example.com"]
	p.Disabled = true
	check(t, s.Store.SavePerson(context.Background(), &p))
	b.get(fresh)
	if a := b.post(fresh); a.code != http.StatusNotFound {
		t.Errorf("disabled meanwhile: %d", a.code)
	}
	if a := b.get("/data"); a.code != http.StatusSeeOther {
		t.Errorf("inside all the same: %d", a.code)
	}
}

func TestAskingForManyLinksHasToWait(t *testing.T) {
	s := peopleSite(t)
	s.person("ada@example.com", "Ada")
	b := s.browser()
	for i := range 5 {
		s.clock.move(time.Millisecond) // a letter's id is its time
		if a := b.asks("ada@example.com", "/"); a.code != http.StatusOK {
			t.Fatalf("request %d: %d", i, a.code)
		}
		until(t, "it is mailed", func() bool { return len(s.letters()) == i+1 })
	}
	a := b.asks("ada@example.com", "/")
	if a.code != http.StatusTooManyRequests || a.head.Get("Retry-After") == "" || !strings.Contains(a.body, `value="ada@example.com"`) {
		t.Errorf("the sixth: %d, Retry-After %q", a.code, a.head.Get("Retry-After"))
	}
	if a := b.asks("nobody@example.net", "/"); a.code != http.StatusOK {
		t.Errorf("somebody else: %d", a.code)
	}
	for range 60 {
		check(t, s.Store.RecordSignIn(context.Background(), "link network 127.0.0.1", false, s.Now()))
	}
	if a := b.asks("bob@example.com", "/"); a.code != http.StatusTooManyRequests {
		t.Errorf("from one place: %d", a.code)
	}
}

func TestWithoutDomainsNobodySignsInByALink(t *testing.T) {
	s := serve(t, nil)
	b := s.browser()
	if a := b.get("/signin"); strings.Contains(a.body, "/signin/link") {
		t.Error("the door offers a link")
	}
	token := newLinkToken("ada@example.com")
	for _, a := range []answer{b.post("/signin/link", "address", "ada@example.com"), b.get("/signin/" + token), b.post("/signin/" + token)} {
		if a.code != http.StatusNotFound {
			t.Errorf("%d", a.code)
		}
	}
	p := s.person("ada@example.com", "Ada")
	if s.mayEnter(p) {
		t.Error("a person without a role may enter")
	}
}

func TestAddressThatIsNoneIsSaidInPlace(t *testing.T) {
	s := peopleSite(t)
	b := s.browser()
	for _, address := range []string{"", "nobody", "a@example.com\r\nBcc: eve@example.com", "Ada <ada@example.com>"} {
		if a := b.asks(address, "/runs"); a.code != http.StatusBadRequest || !strings.Contains(a.body, "Write an address such as") || !strings.Contains(a.body, `name="next" value="/runs"`) {
			t.Errorf("%q: %d", address, a.code)
		}
	}
	if slices.ContainsFunc(s.letters(), func(string) bool { return true }) {
		t.Error("something was mailed")
	}
}

func TestTokenOfALinkIsNotStored(t *testing.T) {
	s := peopleSite(t)
	s.person("ada@example.com", "Ada")
	s.browser().asks("ada@example.com", "/")
	token := strings.TrimPrefix(s.link("ada@example.com"), "/signin/")
	if _, err := s.Store.UseToken(context.Background(), purposeLink, token, s.Now()); err == nil {
		t.Error("the token itself is stored")
	}
	if _, err := s.Store.UseToken(context.Background(), purposeSetup, token, s.Now()); err == nil {
		t.Error("it serves another purpose")
	}
}
