package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"daybook/internal/mail"
	"daybook/internal/still"
	"daybook/internal/text"
	"daybook/jobs"
)

// keep puts a mail into the outbox.
func (s *site) keep(id, subject string) string {
	s.t.Helper()
	m := mail.Message{From: mail.Address{Address: "daybook@example.com"}, To: mail.Address{Address: "ada@example.com"}, Subject: subject,
		HTML: `<p style="color:red">Hello</p><script>alert(1)</script><img src="cid:p1" alt="">`, Text: "Hello", MessageID: id + "@example.com", Date: s.Now(),
		Images:      []mail.Image{{CID: "p1", Name: "p.png", Type: "image/png", Bytes: []byte("png")}},
		Attachments: []mail.Attachment{{Name: "a.csv", Type: "text/csv", Bytes: []byte("a\n")}}}
	_, err := s.Outbox.Send(context.Background(), m)
	check(s.t, err)
	return "/outbox/" + s.Now().Format("2006-01-02") + "/" + id + "@example.com.eml"
}

// paths is every page of a library that was built, and one that failed to be.
func (s *site) paths() []string {
	s.t.Helper()
	s.build(monday.Add(-1), monday)
	letter := s.keep("m1", "Hello "+hostile)
	return []string{
		"/", "/reports/daily/2026-11-16", "/reports/daily/2026-11-16/1", "/reports/daily/2026-11-10", "/reports/lending/2026-11-15", "/runs", "/runs?days=7&q=words&kind=mart&state=open",
		"/runs/1", "/runs/1?task=words", "/runs/1?task=searches", "/backfills", "/backfills?preview=1&from=2026-11-15&to=2026-11-16&nodes=words",
		"/data", "/data?q=word", "/data/searches", "/data/words?day=2026-11-15", "/data/words", "/data/daily", "/outbox", letter,
	}
}

func TestEveryPageIsThereInBothLanguagesAndSealed(t *testing.T) {
	s := serve(t, nil)
	paths := s.paths()
	b := s.signedIn(roleAdmin)
	for _, l := range text.Locales() {
		b.get("/data")
		b.post("/locale", "locale", string(l), "back", "/")
		for _, path := range paths {
			a := b.get(path)
			if a.code != http.StatusOK {
				t.Errorf("%s in %s: %d\n%s", path, l, a.code, s.log)
				continue
			}
			if !strings.Contains(a.body, `<html lang="`+string(l)+`"`) {
				t.Errorf("%s is not in %s", path, l)
			}
			sealedPage(t, path, a)
		}
	}
	visitor := s.browser()
	for _, path := range []string{"/signin", "/nowhere"} {
		sealedPage(t, path, visitor.get(path))
	}
	if log := s.log.String(); strings.Contains(log, "level=ERROR") {
		t.Error(log)
	}
}

// sealedPage looks for anything that the policy would have to allow, for data that became markup, and for keys in place of words.
func sealedPage(t *testing.T, path string, a answer) {
	t.Helper()
	if got := a.head.Get("Content-Security-Policy"); got != policy {
		t.Errorf("%s: policy %q", path, got)
	}
	if strings.Contains(a.head.Get("Content-Security-Policy"), "unsafe") || a.head.Get("X-Content-Type-Options") != "nosniff" || a.head.Get("Referrer-Policy") != "same-origin" {
		t.Errorf("%s: headers %v", path, a.head)
	}
	each(t, a.body, func(n *html.Node, attr map[string]string) {
		for key := range attr {
			if key == "style" || strings.HasPrefix(key, "on") {
				t.Errorf("%s: <%s> has the attribute %s", path, n.Data, key)
			}
		}
		switch {
		case n.Data == "style" || n.Data == "img":
			t.Errorf("%s holds a %s element", path, n.Data)
		case n.Data == "script" && attr["type"] == "application/json":
			if !json.Valid([]byte(n.FirstChild.Data)) {
				t.Errorf("%s: the block %s is not JSON", path, attr["id"])
			}
		case n.Data == "script" && (attr["src"] == "" || n.FirstChild != nil):
			t.Errorf("%s holds an inline script", path)
		}
		for _, key := range []string{"src", "href", "action"} {
			if strings.Contains(attr[key], "//") || strings.HasPrefix(attr[key], "javascript:") {
				t.Errorf("%s: <%s %s=%q> leaves the host", path, n.Data, key, attr[key])
			}
		}
		if n.FirstChild != nil && n.FirstChild.Type == html.TextNode && n.Data != "code" && n.Data != "script" {
			words := strings.TrimSpace(n.FirstChild.Data)
			for _, room := range []string{"web.", "page.", "report.", "runs.", "data.", "column.", "why.", "state.", "kind.", "kinds.", "task."} {
				if strings.HasPrefix(words, room) && !strings.ContainsAny(words, " /") || strings.Contains(words, "%!") {
					t.Errorf("%s shows %q", path, words)
				}
			}
		}
	})
}

func TestHostileWordsAreShownAsWords(t *testing.T) {
	s := serve(t, nil)
	s.build(monday.Add(-1), monday)
	b := s.signedIn(roleViewer)
	shown := "&lt;img src=x onerror=alert(1)&gt;"
	for _, path := range []string{"/reports/daily/2026-11-16", "/data/words?day=2026-11-16", "/data/searches?day=2026-11-16"} {
		if a := b.get(path); !strings.Contains(a.body, shown) {
			t.Errorf("%s does not show the word", path)
		}
	}
	if a := b.get("/data/searches?day=2026-11-16"); !strings.Contains(a.body, "&lt;b&gt;noon&lt;/b&gt;") {
		t.Error("the reject is not shown")
	}
	a := b.get("/runs?q=" + `%22%3E%3Cscript%3Ealert(1)%3C/script%3E`)
	if strings.Contains(a.body, "<script>alert(1)") {
		t.Error("the filter's words became a script")
	}
}

func TestCellsThatASpreadsheetWouldRunAreLedByAnApostrophe(t *testing.T) {
	s := serve(t, nil)
	s.build(monday.Add(-1), monday)
	b := s.signedIn(roleViewer)
	for _, path := range []string{"/reports/daily/2026-11-16/words_bar.csv", "/reports/daily/2026-11-16/list.csv", "/data/words.csv?day=2026-11-16", "/data/searches.csv?day=2026-11-16"} {
		a := b.get(path)
		if a.code != http.StatusOK || !strings.HasPrefix(a.body, "\ufeff") {
			t.Errorf("%s: %d %q", path, a.code, a.body[:min(40, len(a.body))])
		}
		if !strings.Contains(a.body, `'=HYPERLINK(`) {
			t.Errorf("%s runs the formula:\n%s", path, a.body)
		}
		if !strings.HasPrefix(a.head.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s is not a file: %s", path, a.head.Get("Content-Disposition"))
		}
	}
	for in, want := range map[string]string{"=1+1": "'=1+1", "+x": "'+x", "-x": "'-x", "@x": "'@x", "-1.5": "-1.5", "+3": "+3", "\tx": "'\tx", "x=1": "x=1", "": ""} {
		if got := guarded(in); got != want {
			t.Errorf("guarded(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestEveryTableCanBeTakenAsAFile(t *testing.T) {
	s := serve(t, nil)
	s.paths()
	b := s.signedIn(roleAdmin)
	for _, path := range []string{"/runs?format=csv", "/runs/1?format=csv", "/data?format=csv", "/outbox?format=csv", "/backfills?format=csv"} {
		a := b.get(path)
		if a.code != http.StatusOK || !strings.HasPrefix(a.head.Get("Content-Type"), "text/csv") || strings.Count(a.body, "\n") < 1 {
			t.Errorf("%s: %d %s", path, a.code, a.body)
		}
	}
}

func TestEditionsHaveTheirFilesAndPermanentAddresses(t *testing.T) {
	s := serve(t, nil)
	s.prints()
	s.build(monday.Add(-1), monday)
	s.write("data/loans-2026-11-16.ndjson", `{"id":"l9","branch":"Mapo"}`+"\n")
	b := s.signedIn(roleAdmin)
	b.post("/runs", "node", "loans", "day", "2026-11-16", "scope", scopeDownstream, "force", "fetch")
	until(t, "there are two editions", func() bool {
		list, err := s.Store.Editions(context.Background(), "daily", monday)
		return err == nil && len(list) == 2
	})
	for path, want := range map[string]string{
		"/reports/daily/2026-11-16/1": "There is a newer edition", "/reports/daily/2026-11-16/2": "Mapo", "/reports/daily/2026-11-16": "Mapo",
		"/reports/daily/2026-11-16/1.json": `"Yongsan"`, "/reports/daily/2026-11-16/2.html": "Content-Security-Policy",
		"/reports/daily/2026-11-16/2.pdf": "%PDF-", "/reports/daily/2026-11-16/2.xlsx": "PK",
		"/reports/daily/2026-11-16/share.csv?edition=1": "Yongsan", "/reports/daily/2026-11-16/share.csv": "Mapo",
	} {
		if a := b.get(path); a.code != http.StatusOK || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d, without %q", path, a.code, want)
		}
	}
	if a := b.get("/reports/daily/2026-11-16/1"); strings.Contains(a.body, "Mapo") {
		t.Error("edition 1 changed")
	}
}

func TestWhatDoesNotExistHasADoor(t *testing.T) {
	s := serve(t, nil)
	b := s.signedIn(roleAdmin)
	for path, code := range map[string]int{
		"/reports/nothing": 404, "/reports/nothing/2026-11-16": 404, "/reports/words/2026-11-16": 404, "/reports/daily/yesterday": 400, "/reports/daily/2026-11-16/7": 404,
		"/reports/daily/2026-11-16/x.exe": 404, "/reports/daily/2026-11-16/none.csv": 404, "/runs/99": 404, "/runs/abc": 404, "/data/nothing": 404, "/data/nothing.csv": 404,
		"/outbox/2026-11-16/x": 404, "/outbox/..%2f..%2fapp.db/x": 404, "/static/nothing.js": 404, "/nowhere": 404, "/data/words?day=x": 400,
		"/data/%3Cimg%20src=x%20onerror=alert(1)%3E": 404, "/reports/%3Cscript%3Ealert(1)%3C%2Fscript%3E": 404,
	} {
		a := b.get(path)
		if a.code != code {
			t.Errorf("%s: %d, want %d", path, a.code, code)
		}
		if id := a.head.Get("X-Request-Id"); id == "" || !strings.Contains(a.body, id) {
			t.Errorf("%s: the door does not show request %q", path, id)
		}
		sealedPage(t, path, a)
	}
}

func TestProjectWithoutABuiltDaySaysWhatToDoFirst(t *testing.T) {
	s := serve(t, nil)
	admin := s.signedIn(roleAdmin)
	a := admin.get("/")
	if a.code != http.StatusOK || !strings.Contains(a.body, "No reports yet") || !strings.Contains(a.body, "Build 2026-11-16") {
		t.Errorf("%d\n%s", a.code, a.body)
	}
	if a := s.signedIn(roleViewer).get("/"); strings.Contains(a.body, "Build 2026-11-16") {
		t.Error("a viewer is offered to build")
	}
	if a := admin.get("/reports/daily"); a.head.Get("Location") != "/reports/daily/2026-11-16" {
		t.Errorf("to %q", a.head.Get("Location"))
	}
	if a := admin.get("/reports"); a.head.Get("Location") != "/reports/daily" {
		t.Errorf("to %q", a.head.Get("Location"))
	}
}

func TestFormatOfTheOutbox(t *testing.T) {
	s := serve(t, nil)
	b := s.signedIn(roleAdmin)
	path := s.keep("m1", "Hello")
	a := b.get(path + "/html")
	if got := a.head.Get("Content-Security-Policy"); got != letterPolicy || !strings.Contains(got, "sandbox") {
		t.Errorf("policy %q", got)
	}
	if !strings.Contains(a.body, "data:image/png;base64,cG5n") {
		t.Errorf("the picture is not inside: %s", a.body)
	}
	if a := b.get(path + "/raw"); !strings.Contains(a.body, "Message-ID: <m1@example.com>") || a.head.Get("Content-Type") != "message/rfc822" {
		t.Errorf("raw: %s\n%s", a.head.Get("Content-Type"), a.body)
	}
	if a := b.get(path + "/parts/2"); a.body != "a\n" {
		t.Errorf("part 2: %q", a.body)
	}
	for _, n := range []string{"0", "3", "x"} {
		if a := b.get(path + "/parts/" + n); a.code != http.StatusNotFound {
			t.Errorf("part %s: %d", n, a.code)
		}
	}
}

func TestServerSaysThatItIsUpAndThatItsPartsAnswer(t *testing.T) {
	s := serve(t, nil)
	b := s.browser()
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := b.get(path); a.code != http.StatusOK {
			t.Errorf("%s: %d", path, a.code)
		}
	}
	check(t, s.Store.Close())
	if a := b.get("/readyz"); a.code != http.StatusServiceUnavailable {
		t.Errorf("/readyz without records: %d", a.code)
	}
	if a := b.get("/healthz"); a.code != http.StatusOK {
		t.Errorf("/healthz: %d", a.code)
	}
}

func TestFilesOfTheBrowserAreKeptForEver(t *testing.T) {
	s := serve(t, nil)
	a := s.browser().get(s.Static.Path("app.js"))
	if a.code != http.StatusOK || !strings.Contains(a.head.Get("Cache-Control"), "immutable") || !strings.HasPrefix(a.head.Get("Content-Type"), "text/javascript") {
		t.Errorf("%d %v", a.code, a.head)
	}
	if _, ok := a.head["Set-Cookie"]; ok {
		t.Error("a file sets a cookie")
	}
}

func TestLanguageIsThePersonsElseTheBrowsersElseTheProjects(t *testing.T) {
	s := serve(t, nil)
	b := s.browser()
	lang := func() string {
		_, rest, _ := strings.Cut(b.get("/signin").body, `<html lang="`)
		return rest[:2]
	}
	if got := lang(); got != "en" {
		t.Errorf("the project's is en, got %s", got)
	}
	b.accept = "fr, ko-KR;q=0.8, en;q=0.7"
	if got := lang(); got != "ko" {
		t.Errorf("the browser asks for ko, got %s", got)
	}
	a := b.post("/locale", "locale", "en", "back", "//evil.example/")
	if a.head.Get("Location") != "/" {
		t.Errorf("to %q", a.head.Get("Location"))
	}
	if got := lang(); got != "en" {
		t.Errorf("the choice is en, got %s", got)
	}
	p := s.add("ada@example.com", roleViewer)
	p.Locale = "ko"
	check(t, s.Store.SavePerson(context.Background(), &p))
	b.post("/signin", "address", "ada@example.com", "password", password)
	if a := b.get("/data"); !strings.Contains(a.body, `<html lang="ko"`) {
		t.Error("the person's is ko")
	}
	b.post("/locale", "locale", "en", "back", "/data?q=x")
	if p := must(s.Store.Person(context.Background(), p.ID))(t); p.Locale != "en" {
		t.Errorf("the person has %q", p.Locale)
	}
}

func TestOnlyPathsOfThisServerAreGoneBackTo(t *testing.T) {
	for in, want := range map[string]string{
		"": "/", "/runs?days=7": "/runs?days=7", "//evil.example": "/", "https://evil.example/": "/", "/\\evil.example": "/", "runs": "/", "javascript:alert(1)": "/",
		"/\tx": "/", "/a\r\nSet-Cookie: x": "/", "/reports/daily": "/reports/daily",
	} {
		if got := local(in); got != want {
			t.Errorf("local(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestOnlyAdminsReadLettersAsTheyHoldOtherPeoplesLinks(t *testing.T) {
	s := serve(t, nil)
	path := s.keep("m1", "Hello")
	for _, p := range []string{"/outbox", "/outbox?format=csv", path, path + "/html", path + "/raw", path + "/parts/1"} {
		if a := s.signedIn(roleViewer).get(p); a.code != http.StatusForbidden {
			t.Errorf("%s: %d", p, a.code)
		}
	}
}

// prints lets the site make files of editions; every picture is a dot.
func (s *site) prints() {
	s.Mailer = &jobs.Mailer{Runner: s.Runner, Draw: dot, Page: jobs.PageParts{CSS: string(s.Static.Bytes("app.css")),
		JS:      string(s.Static.Bytes("charts.js")) + "\n" + string(s.Static.Bytes("app.js")),
		Regular: s.Static.Bytes("Pretendard-Regular.ttf"), Bold: s.Static.Bytes("Pretendard-SemiBold.ttf")}}
}

// dot stands for every picture.
func dot(context.Context, []byte, int, int) (still.Picture, error) {
	var b bytes.Buffer
	err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1)))
	return still.Picture{PNG: b.Bytes()}, err
}
