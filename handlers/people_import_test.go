package handlers

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"daybook/internal/store"
)

// upload sends a file by the form of the import page.
func (b *browser) upload(file string, fields ...string) answer {
	b.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for i := 0; i+1 < len(fields); i += 2 {
		check(b.t, w.WriteField(fields[i], fields[i+1]))
	}
	check(b.t, w.WriteField("csrf", b.csrf))
	part := must(w.CreateFormFile("file", "people.csv"))(b.t)
	must(part.Write([]byte(file)))(b.t)
	check(b.t, w.Close())
	req := must(http.NewRequest(http.MethodPost, b.url+"/people/import", &body))(b.t)
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("Accept", "text/html")
	resp := must(b.client.Do(req))(b.t)
	defer resp.Body.Close()
	var out bytes.Buffer
	must(out.ReadFrom(resp.Body))(b.t)
	return answer{resp.StatusCode, resp.Header, out.String()}
}

// confirm sends the form of a preview, or nothing when it has none.
func (b *browser) confirm(preview string) answer {
	b.t.Helper()
	form := url.Values{}
	each(b.t, preview, func(n *html.Node, attr map[string]string) {
		if n.Data == "input" && attr["type"] == "hidden" && slices.Contains([]string{"csrf", "carried", "plan", "absent"}, attr["name"]) {
			form.Set(attr["name"], attr["value"])
		}
	})
	if form.Get("plan") == "" {
		return answer{}
	}
	return b.do(http.MethodPost, "/people/import", form, nil)
}

func (s *site) everybody() map[string]store.Person {
	s.t.Helper()
	out := map[string]store.Person{}
	for _, p := range must(s.Store.People(context.Background()))(s.t) {
		out[p.Address] = p
	}
	return out
}

func TestImportShowsEveryLineAndWritesNothingBeforeItIsConfirmed(t *testing.T) {
	s := peopleSite(t)
	s.person("ada@example.com", "Ada", "all-staff", "board")
	s.person("same@example.com", "Same", "all-staff")
	s.person("absent@example.com", "Absent", "all-staff", "visitors")
	s.person("outside@example.com", "Outside", "visitors")
	b := s.signedIn(roleAdmin)
	b.get("/people/import")
	file := "address,name,locale,groups,role\n" +
		"ada@example.com,Ada Kim,ko,visitors,admin\n" + // 2 changed
		"same@example.com,,,all-staff,admin\n" + // 3 same
		"new@example.com,=New,,all-staff; visitors,admin\n" + // 4 new
		"far@example.net,Far,,,\n" + // 5 refused: domain
		"chair2@example.com,Chair,,board,\n" + // 6 refused: kept by the file
		"lost@example.com,Lost,,nothing,\n" + // 7 refused: no such group
		"not an address,X,,,\n" // 8 refused
	before := s.everybody()
	a := b.upload(file)
	if a.code != http.StatusOK {
		t.Fatalf("%d\n%s", a.code, a.body)
	}
	for _, words := range []string{"Name: Ada → Ada Kim", "Language: en → ko", "Groups: all-staff; board → board; visitors", "Groups: all-staff; visitors", "outside example.com, example.org",
		"daybook.yaml keeps who is in board", "There is no group nothing", "not an address is not an address", "Write 2 changes?"} {
		if !strings.Contains(a.body, words) {
			t.Errorf("the preview lacks %q", words)
		}
	}
	sealedPage(t, "/people/import", a)
	if now := s.everybody(); len(now) != len(before) || now["ada@example.com"].Name != "Ada" {
		t.Error("the preview wrote something")
	}
	done := b.confirm(a.body)
	if done.code != http.StatusSeeOther || done.head.Get("Location") != "/people?new=1&changed=1" {
		t.Fatalf("%d to %s", done.code, done.head.Get("Location"))
	}
	now := s.everybody()
	for address, want := range map[string]string{
		"ada@example.com": "Ada Kim ko [board visitors] ", "same@example.com": "Same en [all-staff] ", "new@example.com": "=New en [all-staff visitors] ", "absent@example.com": "Absent en [all-staff visitors] ",
	} {
		p := now[address]
		if got := p.Name + " " + p.Locale + " [" + strings.Join(p.Groups, " ") + "] " + p.Role; got != want {
			t.Errorf("%s is %q, want %q", address, got, want)
		}
	}
	if len(now) != len(before)+1 {
		t.Errorf("%d people after %d", len(now), len(before))
	}
	if !s.audited("people imported", "people", "1 new, 1 changed, 0 left groups, 4 refused") {
		t.Error("the audit log lacks the import")
	}
}

func TestWhoIsAbsentLeavesTheGroupsOfTheFileWhenAskedFor(t *testing.T) {
	s := peopleSite(t)
	s.person("ada@example.com", "Ada", "all-staff")
	s.person("absent@example.com", "Absent", "all-staff", "board", "visitors")
	b := s.signedIn(roleAdmin)
	b.get("/people/import")
	a := b.upload("address,groups\nada@example.com,all-staff\n", "absent", "1")
	if !strings.Contains(a.body, "leaves groups") || !strings.Contains(a.body, "all-staff; board; visitors → board; visitors") {
		t.Errorf("the preview does not say it:\n%s", a.body)
	}
	if done := b.confirm(a.body); done.code != http.StatusSeeOther {
		t.Fatalf("%d", done.code)
	}
	if got := s.everybody()["absent@example.com"].Groups; !slices.Equal(got, []string{"board", "visitors"}) {
		t.Errorf("groups %v", got)
	}
	if got := s.everybody()["ada@example.com"].Groups; !slices.Equal(got, []string{"all-staff"}) {
		t.Errorf("groups %v", got)
	}
}

func TestExportIsImportedWithoutAnyChange(t *testing.T) {
	s := peopleSite(t)
	for address, name := range map[string]string{
		"ada@example.com": "=HYPERLINK(\"x\")", "+tag@example.com": "-dash", "quote@example.com": `a "quoted", name; x`, "apostrophe@example.com": "'=x", "hangul@example.com": "김하나", "none@example.com": "", "far@example.net": "Far",
	} {
		s.person(address, name, "all-staff", "board")
	}
	s.person("two words@example.com", "not valid by now", "gone from the file")
	b := s.signedIn(roleAdmin)
	export := b.get("/people/export")
	if export.code != http.StatusOK || !strings.HasPrefix(export.body, "\ufeffaddress,name,locale,groups\r\n") {
		t.Fatalf("%d %q", export.code, export.body)
	}
	b.get("/people/import")
	a := b.upload(export.body, "absent", "1")
	if a.code != http.StatusOK || !strings.Contains(a.body, "Nothing is written") {
		t.Errorf("%d\n%s", a.code, a.body)
	}
	if done := b.confirm(a.body); done.code != 0 {
		t.Error("there is something to confirm")
	}
}

func TestPreviewThatIsOutOfDateIsShownAnew(t *testing.T) {
	s := peopleSite(t)
	p := s.person("ada@example.com", "Ada")
	b := s.signedIn(roleAdmin)
	b.get("/people/import")
	first := b.upload("address,name\nada@example.com,Adele\n")
	p.Name = "Somebody"
	check(t, s.Store.SavePerson(context.Background(), &p))
	again := b.confirm(first.body)
	if again.code != http.StatusOK || !strings.Contains(again.body, "People have changed since you looked") || !strings.Contains(again.body, "Somebody → Adele") {
		t.Errorf("%d", again.code)
	}
	if got := s.again(p).Name; got != "Somebody" {
		t.Errorf("name %s", got)
	}
	if done := b.confirm(again.body); done.code != http.StatusSeeOther || s.again(p).Name != "Adele" {
		t.Errorf("%d %s", done.code, s.again(p).Name)
	}
}

func TestFileThatCannotBeImportedIsRefusedOnThePage(t *testing.T) {
	s := peopleSite(t)
	b := s.signedIn(roleAdmin)
	b.get("/people/import")
	for file, want := range map[string]string{
		"": "Choose a file", "name\nAda\n": "The first row names no address column", "address\n" + strings.Repeat("a", maxPeopleFile): "larger than 1 MB", "address\n\xff\xff": "neither UTF-8 nor CP949",
	} {
		if a := b.upload(file); a.code != http.StatusBadRequest || !strings.Contains(a.body, want) {
			t.Errorf("%.20q: %d, without %q", file, a.code, want)
		}
	}
	if a := b.upload("address\n" + strings.Repeat("a", 4<<20)); a.code != http.StatusRequestEntityTooLarge {
		t.Errorf("4 MB: %d", a.code)
	}
	big := "address,name\n" + strings.Repeat("someone@example.com,"+strings.Repeat("n", 150)+"\n", 5800)
	if a := b.upload(big); a.code != http.StatusOK || len(big) < 900<<10 {
		t.Errorf("%d bytes: %d", len(big), a.code)
	} else if done := b.confirm(a.body); done.code != http.StatusSeeOther {
		t.Errorf("%d bytes, confirmed: %d", len(big), done.code)
	}
	if a := b.post("/people", "address", strings.Repeat("a", 2<<20)); a.code != http.StatusRequestEntityTooLarge {
		t.Errorf("2 MB elsewhere: %d", a.code)
	}
	if a := b.post("/people/import", "carried", "%%%", "plan", "x"); a.code != http.StatusBadRequest {
		t.Errorf("a file that is no file: %d", a.code)
	}
}
