package handlers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"daybook/internal/mail"
	"daybook/internal/store"
)

func (b *browser) cookies() string {
	u, err := url.Parse(b.url)
	check(b.t, err)
	var list []string
	for _, c := range b.client.Jar.Cookies(u) {
		list = append(list, c.Name+"="+c.Value)
	}
	return strings.Join(list, "; ")
}

// slow sends a form whose end waits until between has run, and returns the answer.
func (b *browser) slow(path string, form url.Values, between func()) *http.Response {
	b.t.Helper()
	form.Set("csrf", b.csrf)
	body, host := form.Encode(), strings.TrimPrefix(b.url, "http://")
	conn := must(net.Dial("tcp", host))(b.t)
	b.t.Cleanup(func() { conn.Close() })
	_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\nExpect: 100-continue\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n", path, host, b.cookies(), len(body))
	check(b.t, err)
	r := bufio.NewReader(conn)
	line := must(r.ReadString('\n'))(b.t) // the server asks for the body: it has begun with the request
	if !strings.Contains(line, "100 Continue") {
		b.t.Fatalf("the server says %q", line)
	}
	must(r.ReadString('\n'))(b.t)
	between()
	_, err = fmt.Fprint(conn, body)
	check(b.t, err)
	return must(http.ReadResponse(r, nil))(b.t)
}

func TestASlowFormOfWhoWasDisabledMeanwhileDoesNothing(t *testing.T) {
	s := peopleSite(t)
	ctx := context.Background()
	s.add("second@example.com", roleAdmin)
	friend := s.person("friend@example.com", "F")
	for path, form := range map[string]url.Values{"/locale": {"locale": {"ko"}, "back": {"/"}}, "/people/" + friend.ID: {"name": {"F"}, "locale": {"en"}, "role": {roleAdmin}}} {
		b := s.signedIn(roleAdmin)
		b.get("/people")
		me := must(s.Store.PersonByAddress(ctx, "admin@example.com"))(t)
		was := me
		b.slow(path, form, func() {
			me.Role, me.Disabled = "", true
			check(t, s.Store.SavePerson(ctx, &me))
			check(t, s.Store.DeleteSessions(ctx, me.ID))
		})
		if got := s.again(me); got.Role != "" || !got.Disabled {
			t.Errorf("%s: the disabled admin is %q, disabled %v", path, got.Role, got.Disabled)
		}
		if got := s.again(friend); got.Role == roleAdmin {
			t.Errorf("%s: a disabled admin made an admin", path)
		}
		check(t, s.Store.SavePerson(ctx, &was))
	}
}

func TestAPageBeyondEveryNumberIsNoFailure(t *testing.T) {
	s := peopleSite(t)
	e := s.mailed(s.person("ada@example.com", "Ada", "all-staff"), store.DeliveryAccepted)
	if a := s.signedIn(roleViewer).get(deliveriesPath(e.Report, e.Day, e.Number) + "?page=200000000000000000"); a.code != http.StatusOK {
		t.Errorf("%d %s", a.code, s.log.String())
	}
}

func TestTheLastAdminCannotBeMadeLess(t *testing.T) {
	s := peopleSite(t)
	ctx := context.Background()
	s.add("ada@example.com", roleAdmin)
	save := func(role string) error {
		return SaveAccount(ctx, s.Store, s.Hasher, Account{Address: "ada@example.com", Role: role, Password: "another good password"}, "cli:x", s.Now())
	}
	if err := save(roleViewer); err == nil {
		t.Error("the last admin became a viewer")
	}
	check(t, save("")) // a new password alone
	if p := must(s.Store.PersonByAddress(ctx, "ada@example.com"))(t); p.Role != roleAdmin {
		t.Errorf("role %q after a new password", p.Role)
	}
}

func TestAnAdminWithoutAPasswordIsNotEnoughToLeaveTheOthersOut(t *testing.T) {
	s := serve(t, nil) // without domains nobody signs in by a link
	ctx := context.Background()
	b := s.signedIn(roleAdmin)
	me := must(s.Store.PersonByAddress(ctx, "admin@example.com"))(t)
	p := s.person("ada@example.com", "Ada")
	b.get("/people")
	b.post("/people/"+p.ID, "name", "Ada", "locale", "en", "role", roleAdmin)
	b.post("/people/"+me.ID, "name", "", "locale", "en", "role", roleViewer)
	if got := s.again(me); got.Role != roleAdmin {
		t.Error("nobody can sign in as an admin any more")
	}
}

func TestInventedAddressesGetSoManyLinksAnHourAndSuppressedOnesNone(t *testing.T) {
	s := peopleSite(t)
	s.person("ada@example.com", "Ada", "all-staff")
	check(t, s.Store.MirrorSuppressions(context.Background(), []store.Suppression{{Address: "ada@example.com", Reason: "bounce", Since: s.Now()}}, s.Now()))
	b := s.browser()
	b.asks("ada@example.com", "/")
	for i := range maxStrangers + 10 {
		b.post("/signin/link", "address", fmt.Sprintf("nobody%d@example.com", i))
	}
	until(t, "the limit is told", func() bool { return strings.Contains(s.log.String(), "no more sign-in links") })
	until(t, "the letters are written", func() bool { return len(s.letters()) >= maxStrangers })
	for _, letter := range s.letters() {
		if strings.Contains(letter, "ada@example.com") {
			t.Error("a suppressed address was mailed")
		}
	}
	if n := len(s.letters()); n > maxStrangers {
		t.Errorf("%d mails to invented addresses", n)
	}
}

func TestWhoLeftBeforeAReportWasRequiredHasTheDigestOnEveryPage(t *testing.T) {
	s := peopleSite(t)
	ctx := context.Background()
	p := s.person("ada@example.com", "Ada", "all-staff")
	check(t, s.Store.SetSubscription(ctx, store.Subscription{Person: p.ID, Report: "lending", Cadence: store.CadenceOff, At: s.Now()}))
	token := must(s.Store.UnsubscribeTokens(ctx, "lending", []string{p.ID}, s.Now()))(t)[p.ID]
	if a := s.browser().get("/unsubscribe/" + token); strings.Contains(a.body, "You get no mail") {
		t.Error("the page says that no mail comes")
	}
	b := s.signedIn(roleAdmin)
	a := b.get("/people/" + p.ID)
	_, options, _ := strings.Cut(a.body, `name="report.lending"`)
	options, _, _ = strings.Cut(options, "</select>")
	if !strings.Contains(options, `value="weekly" selected`) {
		t.Errorf("the form offers %s", options)
	}
}

func TestATestThatDidNotLeaveSaysWhy(t *testing.T) {
	s, p, _ := troubled(t)
	b := s.signedIn(roleAdmin)
	b.get(ledgerOfMonday)
	p.refuse["admin@example.com"] = &mail.SendError{Kind: mail.Sandbox, Err: errors.New("554 Email address is not verified")}
	if a := b.post(ledgerOfMonday + "/test"); !strings.Contains(a.body, "not verified") {
		t.Errorf("%d without the reason", a.code)
	}
}

func TestWordsInAnAddressAreNotShownAsNews(t *testing.T) {
	s := peopleSite(t)
	a := s.signedIn(roleAdmin).get("/people?new=" + url.QueryEscape("0 - sign in at evil.example") + "&changed=0")
	if strings.Contains(a.body, `class="flash"`) {
		t.Error("anybody can put words into the page's own notice")
	}
}
