package mail_test

import (
	"fmt"
	"strings"
	"testing"

	"daybook/internal/mail"
	"daybook/internal/mail/mailtest"
)

func TestReportMailHasNoFindings(t *testing.T) {
	if findings := mail.Lint(mailtest.Message()); len(findings) != 0 {
		t.Errorf("findings %+v", findings)
	}
}

func TestLintFindsWhatPeopleWouldNotSee(t *testing.T) {
	add := func(s string) func(*mail.Message) {
		return func(m *mail.Message) { m.HTML = strings.Replace(m.HTML, "</body>", s+"</body>", 1) }
	}
	for name, c := range map[string]struct {
		rule   string
		change func(*mail.Message)
	}{
		"clipped by size":        {"size", func(m *mail.Message) { m.HTML += strings.Repeat("<p class=\"x\">ok</p>\n", 5000) }},
		"blank text":             {"text", func(m *mail.Message) { m.HTML, m.Text = "", " \n" }},
		"number only in HTML":    {"facts", add("<td>1,684</td>")},
		"image not attached":     {"image", add(`<img src="cid:other" alt="5">`)},
		"image from the network": {"image", add(`<img src="https://example.com/x.png" alt="5">`)},
		"image not shown": {"image", func(m *mail.Message) {
			m.HTML = strings.Replace(m.HTML, "cid:hours@daybook", "cid:keywords@daybook", 1)
		}},
		"image of another type": {"image", func(m *mail.Message) { m.Images[0].Bytes = []byte("<svg/>") }},
		"alt without a number": {"alt", func(m *mail.Message) {
			m.HTML = strings.Replace(m.HTML, "13시 8,308건이 가장 많음", "시간대별 요청", 1)
		}},
		"data image":         {"active", add(`<img src="data:image/png;base64,AAAA" alt="5">`)},
		"svg":                {"active", add(`<svg width="5"></svg>`)},
		"script":             {"active", add(`<script>alert()</script>`)},
		"event handler":      {"active", add(`<p onclick="x()">x</p>`)},
		"picture in a style": {"active", add(`<p style="background:url(https://example.com/x.png)">x</p>`)},
		"relative link":      {"link", add(`<a href="/reports/daily">x</a>`)},
		"script link":        {"link", add(`<a href="javascript:x()">x</a>`)},
		"no language":        {"lang", func(m *mail.Message) { m.HTML = strings.Replace(m.HTML, ` lang="ko"`, "", 1) }},
	} {
		t.Run(name, func(t *testing.T) {
			m := mailtest.Message()
			c.change(&m)
			findings := mail.Lint(m)
			if !strings.Contains(fmt.Sprint(findings), "{"+c.rule+" ") {
				t.Errorf("findings %+v, want one of rule %q", findings, c.rule)
			}
		})
	}
}

func TestLintLooksAtVisibleNumbersOnly(t *testing.T) {
	m := mailtest.Message()
	m.HTML = strings.Replace(m.HTML, "<title>", "<style>@media (max-width:480px) { p { margin: 17px } }</style><title>2026 ", 1)
	if findings := mail.Lint(m); len(findings) != 0 {
		t.Errorf("findings %+v", findings)
	}
}
