package notify

import (
	"encoding/json"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func alert() Alert {
	return Alert{
		ID: "0193-a", Kind: "failed", Title: "일일 이용 현황: daily_usage did not build", Text: "no object searches-2026-11-19.json\nasked 12 times",
		Link: "https://daybook.example.com/runs/7?a=1&b=2", Project: "library", Node: "daily_usage", Day: "2026-11-19",
		Fields: []Field{{"rows", "100,096"}, {"owner", "data@example.com"}},
		At:     time.Date(2026, 11, 20, 6, 12, 0, 0, time.FixedZone("KST", 9*3600)),
	}
}

func TestSlackGetsAnAlertAsBlocks(t *testing.T) {
	s := newServer(t, answer{status: 200, body: "ok"})
	channel, err := NewSlack(s.URL + "/services/T0/B0/hunter2")
	if err != nil {
		t.Fatal(err)
	}
	if err := channel.Send(t.Context(), alert()); err != nil {
		t.Fatal(err)
	}
	const want = `{"text":"일일 이용 현황: daily_usage did not build","blocks":[
		{"type":"header","text":{"type":"plain_text","text":"일일 이용 현황: daily_usage did not build","emoji":false}},
		{"type":"section","text":{"type":"mrkdwn","text":"no object searches-2026-11-19.json\nasked 12 times","verbatim":true}},
		{"type":"section","fields":[{"type":"mrkdwn","text":"*rows*\n100,096","verbatim":true},{"type":"mrkdwn","text":"*owner*\ndata@example.com","verbatim":true}]},
		{"type":"context","elements":[{"type":"mrkdwn","text":"library · daily_usage · 2026-11-19 · 2026-11-20 06:12 KST · <https://daybook.example.com/runs/7?a=1&amp;b=2>","verbatim":true}]}],
		"unfurl_links":false,"unfurl_media":false}`
	if diff := cmp.Diff(decoded(t, []byte(want)), decoded(t, s.taken[0].body)); diff != "" {
		t.Error(diff)
	}
	if s.taken[0].path != "/services/T0/B0/hunter2" || s.taken[0].header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Error(s.taken[0].path, s.taken[0].header)
	}
}

func decoded(t *testing.T, body []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return v
}

// texts lists every text object of a message, and the text for notifications.
func texts(m slackMessage) (list []words) {
	list = append(list, words{Type: "mrkdwn", Text: m.Text})
	for _, b := range m.Blocks {
		if b.Text != nil {
			list = append(list, *b.Text)
		}
		list = append(append(list, b.Fields...), b.Elements...)
	}
	return list
}

var called = regexp.MustCompile(`(?i)<[!@#]|@(channel|here|everyone|group)`)

func checkSlack(t *testing.T, a Alert) {
	t.Helper()
	m := slackBody(a)
	if m.Text == "" || len(m.Blocks) == 0 || len(m.Blocks) > 50 {
		t.Fatalf("%d blocks, text %q", len(m.Blocks), m.Text)
	}
	for _, b := range m.Blocks {
		limit := map[string]int{"header": 150, "section": 3000, "context": 2000}[b.Type]
		if b.Text != nil && units(b.Text.Text) > limit || len(b.Fields) > 10 {
			t.Errorf("%s of %d characters, %d fields", b.Type, units(b.Text.Text), len(b.Fields))
		}
		for _, f := range append(b.Fields, b.Elements...) {
			if units(f.Text) > 2000 {
				t.Errorf("a field of %d characters", units(f.Text))
			}
		}
	}
	link := address(a.Link)
	for _, w := range texts(m) {
		s := w.Text
		if w.Type == "mrkdwn" && link != "" {
			s = strings.ReplaceAll(s, "<"+link+">", "")
		}
		switch {
		case s == "" && w.Text == "", !utf8.ValidString(s):
			t.Errorf("%+v is empty or broken", w)
		case called.MatchString(s) || strings.ContainsAny(s, "<>"):
			t.Errorf("%q calls people or makes a link", s)
		case strings.Contains(html.UnescapeString(s), "&am…"):
			t.Errorf("an escape is cut in two: %q", s)
		}
	}
}

func TestHostileTextCallsNobodyInSlack(t *testing.T) {
	for _, hostile := range []string{
		"<!channel> <!here> <@U123> <#C123> <https://evil.example.com|Sign in>", "@channel @Here @EVERYONE @group", "a & b < c > d &amp; &lt;!here&gt;",
		strings.Repeat("&", 4000), strings.Repeat("가", 4000), strings.Repeat("😀", 4000), "\x00\x07\u202eevil\u2066", "", " ", "\xff\xfe", "a\n\nb",
		"https://x.example.com/|<!here>", "https://x.example.com/?<!here>&a|b", "javascript:alert(1)",
	} {
		a := Alert{Kind: hostile, Title: hostile, Text: hostile, Link: hostile, Project: hostile, Node: hostile, Day: hostile, At: time.Unix(0, 0)}
		for range 40 {
			a.Fields = append(a.Fields, Field{hostile, hostile})
		}
		checkSlack(t, a)
	}
	checkSlack(t, Alert{})
}

func FuzzSlackTextCallsNobody(f *testing.F) {
	f.Add("<!here>", "@channel", "https://example.com/|x")
	f.Fuzz(func(t *testing.T, title, text, link string) {
		checkSlack(t, Alert{Title: title, Text: text, Link: link, Fields: []Field{{title, text}, {text, title}}, Project: text})
	})
}

func TestCutTextFitsAndSaysSo(t *testing.T) {
	for _, c := range []struct {
		s     string
		limit int
		want  string
	}{
		{"", 3, ""}, {"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"😀😀", 4, "😀😀"}, {"😀😀😀", 4, "😀…"}, {"ab&", 7, "ab&amp;"}, {"abc&", 7, "abc…"}, {"a&&", 7, "a&amp;…"},
	} {
		if got := cut(c.s, c.limit, spelled); got != c.want || units(got) > c.limit {
			t.Errorf("%q in %d: %q, want %q", c.s, c.limit, got, c.want)
		}
	}
}
