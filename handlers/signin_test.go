package handlers

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"daybook/internal/auth"
	"daybook/internal/store"
)

func TestSignedOutReadersAreLedToTheDoorAndBack(t *testing.T) {
	s := serve(t, nil)
	s.add("ada@example.com", roleViewer)
	b := s.browser()
	for _, path := range []string{"/", "/reports/daily/2026-11-16", "/runs", "/runs/1", "/backfills", "/data", "/outbox"} {
		a := b.get(path)
		if a.code != http.StatusSeeOther || !strings.HasPrefix(a.head.Get("Location"), "/signin?next=%2F") {
			t.Errorf("%s: %d to %q", path, a.code, a.head.Get("Location"))
		}
	}
	if a := b.do(http.MethodGet, "/events", nil, map[string]string{"Accept": "text/event-stream"}); a.code != http.StatusUnauthorized {
		t.Errorf("/events: %d", a.code)
	}
	b.get("/signin?next=%2Fdata%3Fq%3Dx")
	a := b.post("/signin", "address", " ADA@example.com ", "password", password, "next", "/data?q=x")
	if a.code != http.StatusSeeOther || a.head.Get("Location") != "/data?q=x" {
		t.Fatalf("%d to %q", a.code, a.head.Get("Location"))
	}
	var session string
	for _, line := range a.head.Values("Set-Cookie") {
		if strings.HasPrefix(line, sessionCookie+"=") {
			session = line
		}
	}
	for _, part := range []string{"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=1209600"} {
		if !strings.Contains(session, part) {
			t.Errorf("the cookie %q lacks %s", session, part)
		}
	}
	token, _, _ := strings.Cut(strings.TrimPrefix(session, sessionCookie+"="), ";")
	if _, err := s.Store.Session(context.Background(), auth.TokenHash(token), s.Now()); err != nil {
		t.Errorf("the session: %v", err)
	}
	if _, err := s.Store.Session(context.Background(), token, s.Now()); err == nil {
		t.Error("the token itself is stored")
	}
	if a := b.get("/data?q=x"); a.code != http.StatusOK {
		t.Errorf("/data: %d", a.code)
	}
	if a := b.get("/signin"); a.code != http.StatusSeeOther {
		t.Errorf("the door is shown to who is inside: %d", a.code)
	}
	if a := b.post("/signout"); a.code != http.StatusSeeOther {
		t.Errorf("sign out: %d", a.code)
	}
	if a := b.get("/data"); a.code != http.StatusSeeOther {
		t.Errorf("/data after signing out: %d", a.code)
	}
}

func TestWrongPasswordAndUnknownPersonGetTheSameAnswer(t *testing.T) {
	s := serve(t, nil)
	s.add("ada@example.com", roleViewer)
	s.add("mail-only@example.com", "")
	gone := s.add("gone@example.com", roleAdmin)
	gone.Disabled = true
	check(t, s.Store.SavePerson(context.Background(), &gone))
	bodies := map[string]bool{}
	for _, who := range [][2]string{{"ada@example.com", "wrong"}, {"bob@example.com", password}, {"mail-only@example.com", password}, {"gone@example.com", password}} {
		b := s.browser()
		b.get("/signin")
		a := b.post("/signin", "address", who[0], "password", who[1])
		if a.code != http.StatusUnauthorized {
			t.Errorf("%s: %d", who[0], a.code)
		}
		bodies[strings.ReplaceAll(strings.ReplaceAll(a.body, who[0], "X"), b.csrf, "T")] = true
	}
	if len(bodies) != 1 {
		t.Errorf("%d different answers", len(bodies))
	}
}

func TestGuessesHaveToWait(t *testing.T) {
	s := serve(t, nil)
	s.add("ada@example.com", roleViewer)
	s.add("bob@example.com", roleViewer)
	b := s.browser()
	b.get("/signin")
	guess := func(address, word string) int { return b.post("/signin", "address", address, "password", word).code }
	for i := range 5 {
		if code := guess("ada@example.com", "wrong"); code != http.StatusUnauthorized {
			t.Fatalf("guess %d: %d", i, code)
		}
	}
	a := b.post("/signin", "address", "Ada@Example.com", "password", password)
	if a.code != http.StatusTooManyRequests || a.head.Get("Retry-After") == "" {
		t.Errorf("the sixth guess: %d, Retry-After %q", a.code, a.head.Get("Retry-After"))
	}
	if code := guess("bob@example.com", password); code != http.StatusSeeOther {
		t.Errorf("somebody else: %d", code)
	}
	s.clock.move(2 * time.Second)
	b = s.browser()
	b.get("/signin")
	if code := guess("ada@example.com", password); code != http.StatusSeeOther {
		t.Errorf("after the wait: %d", code)
	}
}

func TestGuessesAtManyPeopleFromOnePlaceHaveToWait(t *testing.T) {
	s := serve(t, nil)
	for i := range 60 {
		check(t, s.Store.RecordSignIn(context.Background(), "network 127.0.0.1", false, s.Now().Add(-time.Duration(i)*time.Millisecond)))
	}
	b := s.browser()
	b.get("/signin")
	if a := b.post("/signin", "address", "ada@example.com", "password", "x"); a.code != http.StatusTooManyRequests {
		t.Errorf("%d", a.code)
	}
}

func TestAddressOfAProxyHeaderIsNotBelieved(t *testing.T) {
	s := serve(t, nil)
	b := s.browser()
	b.get("/signin")
	for i := range 3 {
		form := map[string]string{"X-Forwarded-For": fmt.Sprintf("10.0.0.%d", i), "X-Real-IP": "10.0.0.1"}
		b.do(http.MethodPost, "/signin", map[string][]string{"csrf": {b.csrf}, "address": {"ada@example.com"}, "password": {"x"}}, form)
	}
	n, err := s.Store.FailedSignIns(context.Background(), "network 127.0.0.1", s.Now().Add(-time.Minute))
	if err != nil || n != 3 {
		t.Errorf("%d failures of the network, want 3 (%v)", n, err)
	}
}

func TestFormsOfOthersAreRefused(t *testing.T) {
	s := serve(t, nil)
	s.build(monday, monday)
	b, other := s.signedIn(roleAdmin), s.signedIn(roleViewer)
	form := func(token string) map[string][]string {
		return map[string][]string{"csrf": {token}, "day": {"2026-11-16"}, "scope": {"day"}}
	}
	for name, c := range map[string]struct {
		token string
		head  map[string]string
		want  int
	}{
		"no token":          {"", nil, 403},
		"another's token":   {other.csrf, nil, 403},
		"other site":        {b.csrf, map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		"neighbouring site": {b.csrf, map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		"other origin":      {b.csrf, map[string]string{"Origin": "http://evil.example"}, 403},
		"origin hidden":     {b.csrf, map[string]string{"Origin": "null"}, 403},
		"own origin":        {b.csrf, map[string]string{"Origin": s.url, "Sec-Fetch-Site": "same-origin"}, 303},
		"no header":         {b.csrf, nil, 303},
	} {
		if a := b.do(http.MethodPost, "/runs", form(c.token), c.head); a.code != c.want {
			t.Errorf("%s: %d, want %d", name, a.code, c.want)
		}
	}
	stranger := s.browser()
	if a := stranger.do(http.MethodPost, "/signin", map[string][]string{"address": {"admin@example.com"}, "password": {password}}, nil); a.code != http.StatusForbidden {
		t.Errorf("sign in without a form: %d", a.code)
	}
}

func TestViewerMayReadAndNotRun(t *testing.T) {
	s := serve(t, nil)
	s.build(monday, monday)
	b := s.signedIn(roleViewer)
	for _, path := range []string{"/runs", "/runs/1/cancel", "/backfills"} {
		if a := b.post(path, "day", "2026-11-16", "from", "2026-11-16", "to", "2026-11-16"); a.code != http.StatusForbidden {
			t.Errorf("POST %s: %d", path, a.code)
		}
	}
	for _, path := range []string{"/runs", "/runs/1", "/reports/daily/2026-11-16", "/data/words"} {
		if a := b.get(path); strings.Contains(a.body, `action="/runs"`) && strings.Contains(a.body, `method="post" action="/runs"`) {
			t.Errorf("%s offers a rerun", path)
		}
	}
	runs, err := s.Store.Runs(context.Background(), store.RunFilter{})
	if err != nil || len(runs) != 1 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
}

func TestSessionMovesOnWhileItIsUsedAndEndsWhenItIsNot(t *testing.T) {
	s := serve(t, nil)
	b := s.signedIn(roleViewer)
	for range 3 {
		s.clock.move(10 * 24 * time.Hour)
		a := b.get("/data")
		if a.code != http.StatusOK || !strings.Contains(strings.Join(a.head.Values("Set-Cookie"), "\n"), sessionCookie+"=") {
			t.Fatalf("within the fortnight: %d %v", a.code, a.head.Values("Set-Cookie"))
		}
	}
	s.clock.move(15 * 24 * time.Hour)
	if a := b.get("/data"); a.code != http.StatusSeeOther {
		t.Errorf("after the fortnight: %d", a.code)
	}
}

func TestPersonWhoIsDisabledIsOutAtOnce(t *testing.T) {
	s := serve(t, nil)
	b := s.signedIn(roleViewer)
	p := must(s.Store.PersonByAddress(context.Background(), "viewer@example.com"))(t)
	p.Disabled = true
	check(t, s.Store.SavePerson(context.Background(), &p))
	if a := b.get("/data"); a.code != http.StatusSeeOther {
		t.Errorf("%d", a.code)
	}
}

func TestSetupLinkMakesOneAdminOnce(t *testing.T) {
	s := serve(t, nil)
	ctx := context.Background()
	link := must(SetupLink(ctx, s.Store, s.url+"/", s.Now()))(t)
	path := strings.TrimPrefix(link, s.url)
	if !strings.HasPrefix(path, "/setup/") {
		t.Fatalf("link %q", link)
	}
	_, token, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	b := s.browser()
	if a := b.get(path); a.code != http.StatusOK {
		t.Fatalf("%d", a.code)
	}
	for what, fields := range map[string][]string{
		"no address":  {"token", token, "address", "nobody", "password", password},
		"short":       {"token", token, "address", "ada@example.com", "password", "short"},
		"wrong token": {"token", "x", "address", "ada@example.com", "password", password},
	} {
		if a := b.post("/setup", fields...); a.code != http.StatusBadRequest && a.code != http.StatusNotFound {
			t.Errorf("%s: %d", what, a.code)
		}
	}
	b.get(path)
	a := b.post("/setup", "token", token, "address", "Ada@example.com", "name", "Ada", "password", password)
	if a.code != http.StatusSeeOther {
		t.Fatalf("%d\n%s", a.code, a.body)
	}
	if a := b.get("/runs"); a.code != http.StatusOK || !strings.Contains(a.body, "Ada") {
		t.Errorf("the new admin is not inside: %d", a.code)
	}
	p := must(s.Store.PersonByAddress(ctx, "ada@example.com"))(t)
	if p.Role != roleAdmin {
		t.Errorf("role %q", p.Role)
	}
	second := s.browser()
	if a := second.get(path); a.code != http.StatusNotFound {
		t.Errorf("the link a second time: %d", a.code)
	}
	if a := second.post("/setup", "token", token, "address", "eve@example.com", "password", password); a.code != http.StatusNotFound {
		t.Errorf("the form a second time: %d", a.code)
	}
	if link := must(SetupLink(ctx, s.Store, s.url, s.Now()))(t); link != "" {
		t.Errorf("another link %q", link)
	}
}
