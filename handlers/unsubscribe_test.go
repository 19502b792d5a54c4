package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"daybook/internal/store"
)

// leave is the path by which a person unsubscribes from a report.
func (s *site) leave(p store.Person, report string) string {
	s.t.Helper()
	tokens := must(s.Store.UnsubscribeTokens(context.Background(), report, []string{p.ID}, s.Now()))(s.t)
	return "/unsubscribe/" + tokens[p.ID]
}

func (s *site) cadence(p store.Person, report string) string {
	s.t.Helper()
	return must(s.Store.Subscriptions(context.Background(), report))(s.t)[p.ID]
}

// oneClick is what a mail program posts: from elsewhere, without cookies.
func oneClick(b *browser, path string) answer {
	b.t.Helper()
	bare := &browser{site: b.site, client: &http.Client{CheckRedirect: b.client.CheckRedirect}}
	return bare.do(http.MethodPost, path, url.Values{"List-Unsubscribe": {"One-Click"}}, map[string]string{"Accept": "*/*", "Origin": "https://mail.example.net", "Sec-Fetch-Site": "cross-site"})
}

func TestOneClickStopsAReportWithoutCookieOrForm(t *testing.T) {
	s := peopleSite(t)
	p := s.person("ada@example.com", "Ada", "all-staff")
	path := s.leave(p, "daily")
	for range 2 { // mail programs repeat it
		a := oneClick(s.browser(), path)
		if a.code != http.StatusOK || !strings.Contains(a.body, "You get no mail of this report") || len(a.body) > 16<<10 {
			t.Fatalf("%d, %d bytes", a.code, len(a.body))
		}
		if cookies := a.head.Values("Set-Cookie"); len(cookies) > 0 {
			t.Errorf("cookies %v", cookies)
		}
		if got := s.cadence(p, "daily"); got != store.CadenceOff {
			t.Errorf("cadence %q", got)
		}
	}
	if got := s.cadence(p, "lending"); got != "" {
		t.Errorf("another report became %q", got)
	}
	if !s.audited("subscription", "ada@example.com", "daily daily → off") {
		t.Error("the audit log lacks it")
	}
}

func TestOneClickMakesARequiredReportWeekly(t *testing.T) {
	s := peopleSite(t)
	p := s.person("ada@example.com", "Ada", "all-staff")
	path := s.leave(p, "lending")
	if a := oneClick(s.browser(), path); a.code != http.StatusOK || !strings.Contains(a.body, "once a week") {
		t.Errorf("%d", a.code)
	}
	if got := s.cadence(p, "lending"); got != store.CadenceWeekly {
		t.Errorf("cadence %q", got)
	}
	b := s.browser()
	a := b.get(path)
	if strings.Contains(a.body, `value="off"`) || !strings.Contains(a.body, "This report is required") {
		t.Error("the page lets it be stopped, or does not say why not")
	}
	if a := b.post(path, "cadence", "off"); a.code != http.StatusForbidden {
		t.Errorf("off: %d", a.code)
	}
	if a := b.post(path, "cadence", "daily"); a.code != http.StatusSeeOther || s.cadence(p, "lending") != "" {
		t.Errorf("daily: %d %q", a.code, s.cadence(p, "lending"))
	}
}

func TestOpeningTheLinkChangesNothingAndItsButtonsDo(t *testing.T) {
	s := peopleSite(t)
	p := s.person("ada@example.com", "Ada", "all-staff")
	p.Locale = "ko"
	check(t, s.Store.SavePerson(context.Background(), &p))
	path := s.leave(p, "daily")
	b := s.browser()
	for _, method := range []string{http.MethodGet, http.MethodGet} {
		a := b.do(method, path, nil, nil)
		if a.code != http.StatusOK || !strings.Contains(a.body, "하루 이용") || !strings.Contains(a.body, "ada@example.com") {
			t.Fatalf("%d", a.code)
		}
		sealedPage(t, path, a)
	}
	if got := s.cadence(p, "daily"); got != "" {
		t.Fatalf("opening the link made it %q", got)
	}
	for _, cadence := range []string{"weekly", "off", "daily"} {
		a := b.post(path, "cadence", cadence)
		if want, _ := cadenceNamed(cadence); a.code != http.StatusSeeOther || a.head.Get("Location") != path+"?done=1" || s.cadence(p, "daily") != want {
			t.Errorf("%s: %d to %s, %q", cadence, a.code, a.head.Get("Location"), s.cadence(p, "daily"))
		}
		if a := b.get(path + "?done=1"); a.code != http.StatusOK || strings.Contains(a.body, `value="`+cadence+`"`) {
			t.Errorf("%s: the page offers what is so already", cadence)
		}
	}
	for _, fields := range [][]string{nil, {"cadence", "never"}, {"List-Unsubscribe", "yes"}} {
		if a := b.post(path, fields...); a.code != http.StatusBadRequest {
			t.Errorf("%v: %d", fields, a.code)
		}
	}
}

func TestUnknownTokenSaysNothing(t *testing.T) {
	s := peopleSite(t)
	s.person("ada@example.com", "Ada", "all-staff")
	for _, token := range []string{"x", strings.Repeat("a", 43), "%00", "a%2fb", url.PathEscape(hostile)} {
		b := s.browser()
		for _, a := range []answer{b.get("/unsubscribe/" + token), oneClick(b, "/unsubscribe/"+token)} {
			if a.code != http.StatusNotFound || strings.Contains(a.body, "ada@") || strings.Contains(a.body, "<img") {
				t.Errorf("%s: %d", token, a.code)
			}
		}
	}
}

func TestOnlyTheseTwoAddressesTakePostsFromElsewhere(t *testing.T) {
	s := peopleSite(t)
	p := s.person("ada@example.com", "Ada", "all-staff")
	b := s.signedIn(roleAdmin)
	head := map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
	for _, path := range []string{"/people", "/people/import", personPath(p), personPath(p) + "/lift", "/signin/link", "/signin/x", "/signin", "/locale", "/runs", "/unsubscribe", "/unsubscribe/a/b", "/hooks/sess", "/hooks/ses/x", "//hooks/ses"} {
		a := b.do(http.MethodPost, path, url.Values{"List-Unsubscribe": {"One-Click"}, "csrf": {b.csrf}}, head)
		if a.code != http.StatusForbidden && a.code != http.StatusNotFound && a.code != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", path, a.code)
		}
	}
}
