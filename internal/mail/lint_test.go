package mail_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"daybook/internal/mail"
	"daybook/internal/mail/mailtest"
)

func TestReportMailHasNoFindings(t *testing.T) {
	if findings := mail.Lint(mailtest.Message()); len(findings) != 0 {
		t.Errorf("findings %+v", findings)
	}
}

// TestTheHousesMailsHaveNoFindings reads what the templates make.
func TestTheHousesMailsHaveNoFindings(t *testing.T) {
	for _, locale := range []string{"ko", "en"} {
		m := houseMail(t, locale)
		for _, f := range mail.Lint(m) {
			t.Errorf("%s: %s: %s", locale, f.Rule, f.Detail)
		}
	}
}

func houseMail(t testing.TB, locale string) mail.Message {
	t.Helper()
	m := mailtest.Message()
	m.Images = nil
	for part, text := range map[string]*string{"html": &m.HTML, "txt": &m.Text} {
		b, err := os.ReadFile(filepath.Join("..", "..", "templates", "testdata", "mail_"+locale+"."+part))
		if err != nil {
			t.Fatal(err)
		}
		*text = string(b)
	}
	for rest := m.HTML; ; {
		_, after, found := strings.Cut(rest, `src="cid:`)
		if !found {
			return m
		}
		cid, _, _ := strings.Cut(after, `"`)
		m.Images = append(m.Images, mail.Image{CID: cid, Name: "x.png", Type: "image/png", Bytes: mailtest.Picture(550, 227)})
		rest = after
	}
}

// night is a style block as the templates have it.
const night = `<style>:root { color-scheme: light dark; } /* night */
@media (max-width: 480px) { .in { padding: 18px !important; color: #ffffff !important; } }
@media (prefers-color-scheme: dark) { .bg { background: #111517 !important; } .ink, .t td, .t th { color: #e6eaec !important; } .mut { color: #a3adb2 !important; } }
[data-ogsc] .ink { color: #e6eaec !important; } [data-ogsb] .hint { background: #182536 !important; }</style>`

func inBody(s string) func(*mail.Message) {
	return func(m *mail.Message) {
		m.HTML = strings.Replace(m.HTML, "</td></tr></table></body>", s+"</td></tr></table></body>", 1)
	}
}

func inHead(s, body string) func(*mail.Message) {
	return func(m *mail.Message) {
		m.HTML = strings.Replace(m.HTML, "</head>", s+"</head>", 1)
		inBody(body)(m)
	}
}

func replaced(old, with string) func(*mail.Message) {
	return func(m *mail.Message) {
		if !strings.Contains(m.HTML, old) {
			panic("the message has no " + old)
		}
		m.HTML = strings.Replace(m.HTML, old, with, 1)
	}
}

const hidden = `<div style="display:none;max-height:0;overflow:hidden;mso-hide:all;">11월 19일 요청 100,096건(지난주 목요일 대비 +4.1%) · 데이터 06:12 기준</div>`

func preheader(s string) func(*mail.Message) {
	return replaced(hidden, `<div style="display:none">`+s+`</div>`)
}

// wrong is a mail that people would not read as it was meant, and the rule that says so.
type wrong struct {
	rule   string
	change func(*mail.Message)
}

func wrongContents() map[string]wrong {
	return map[string]wrong{
		"clipped by size":         {"size", inBody(strings.Repeat("<p class=\"x\">ok</p>\n", 5000))},
		"blank text":              {"text", func(m *mail.Message) { m.HTML, m.Images, m.Text = "", nil, " \n" }},
		"number only in HTML":     {"facts", inBody("<p>1,684</p>")},
		"number only in alt":      {"facts", replaced("텐서플로우 3,149건", "텐서플로우 3,150건")},
		"image not attached":      {"image", inBody(`<img src="cid:other" width="5" height="5" alt="06:12">`)},
		"image from the network":  {"image", inBody(`<img src="https://example.com/x.png" width="5" height="5" alt="06:12">`)},
		"image not shown":         {"image", replaced("cid:hours@daybook", "cid:keywords@daybook")},
		"image of another type":   {"image", func(m *mail.Message) { m.Images[0].Bytes = []byte("<svg/>") }},
		"image without width":     {"image", replaced(`width="550" height="367"`, `height="367"`)},
		"image without height":    {"image", replaced(`width="550" height="367"`, `width="550" height="auto"`)},
		"alt without a number":    {"alt", replaced("13시 8,308건이 가장 많음", "시간대별 요청")},
		"data image":              {"active", inBody(`<img src="data:image/png;base64,AAAA" width="5" height="5" alt="06:12">`)},
		"svg":                     {"active", inBody(`<svg width="5"></svg>`)},
		"script":                  {"active", inBody(`<script>alert()</script>`)},
		"form":                    {"active", inBody(`<form action="https://example.com/"></form>`)},
		"field":                   {"active", inBody(`<input name="x">`)},
		"frame":                   {"active", inBody(`<iframe src="https://example.com/"></iframe>`)},
		"style sheet":             {"active", inHead(`<link rel="stylesheet" href="https://example.com/x.css">`, "")},
		"imported style sheet":    {"active", inHead(`<style>@import url("https://example.com/x.css"); .a { color: #000000 }</style>`, "")},
		"web font":                {"active", inHead(`<style>@font-face { font-family: X; src: url(https://example.com/x.woff2) }</style>`, "")},
		"refresh":                 {"active", inHead(`<meta http-equiv="Refresh" content="0;url=https://example.com/">`, "")},
		"event handler":           {"active", inBody(`<p onclick="x()">x</p>`)},
		"picture in a style":      {"active", inBody(`<p style="background:url(https://example.com/x.png)">x</p>`)},
		"picture in an attribute": {"active", inBody(`<table role="presentation" background="https://example.com/x.png"><tr><td>x</td></tr></table>`)},
		"pictures by density":     {"active", inBody(`<img src="cid:hours@daybook" srcset="cid:x 2x" width="5" height="5" alt="06:12">`)},
		"position":                {"layout", inBody(`<p style="position:absolute">x</p>`)},
		"flex":                    {"layout", inBody(`<div style="display:flex">x</div>`)},
		"grid":                    {"layout", inHead(`<style>.a { display: inline-grid; }</style>`, "")},
		"grid when narrow":        {"layout", inHead(`<style>@media (max-width: 480px) { .a { grid-template-columns: auto; } }</style>`, "")},
		"gradient":                {"layout", inBody(`<p style="background:linear-gradient(#ffffff,#eeeeee)">x</p>`)},
		"background image":        {"layout", inHead(`<style>.a { background-image: url(https://example.com/x.png); }</style>`, "")},
		"unread selector":         {"style", inHead(`<style>p > a { color: #000000; }</style>`, "")},
		"unread at rule":          {"style", inHead(`<style>@supports (color: red) { p { color: #000000; } }</style>`, "")},
		"unread media":            {"style", inHead(`<style>@media print { p { color: #000000; } }</style>`, "")},
		"open style block":        {"style", inHead(`<style>p</style>`, "")},
		"relative link":           {"link", inBody(`<a href="/reports/daily" style="color:#2156a2">x</a>`)},
		"script link":             {"link", inBody(`<a href="javascript:x()" style="color:#2156a2">x</a>`)},
		"no language":             {"lang", replaced(` lang="ko"`, "")},
		"no heading":              {"heading", func(m *mail.Message) { m.HTML = strings.ReplaceAll(m.HTML, "h1>", "h2>") }},
		"two headings":            {"heading", inBody("<h1>둘</h1>")},
		"table of neither kind":   {"table", inBody("<table><tr><td>x</td></tr></table>")},
		"no preheader":            {"preheader", replaced(hidden, "")},
		"preheader in sight":      {"preheader", replaced(hidden, strings.Replace(hidden, "display:none;max-height:0;", "", 1))},
		"short preheader":         {"preheader", preheader("요청 100,096건" + strings.Repeat("&#847;&zwnj; ", 60))},
		"long preheader":          {"preheader", preheader("요청 100,096건 " + strings.Repeat("가", 200))},
		"preheader without news":  {"preheader", preheader("어제의 앱 이용 현황을 알려 드립니다. 자세한 것은 보고서를 보아 주십시오.")},
		"preheader is subject": {"preheader", func(m *mail.Message) {
			preheader(m.Subject)(m)
			m.Text += m.Subject
		}},
	}
}

func wrongLooks() map[string]wrong {
	return map[string]wrong{
		"no limit of width":     {"width", replaced(`width="600" style="width:100%;max-width:600px;"`, `width="100%"`)},
		"too wide":              {"width", replaced(`width="600" style="width:100%;max-width:600px;"`, `width="640"`)},
		"too wide by style":     {"width", inBody(`<p style="min-width:601px">x</p>`)},
		"too wide by block":     {"width", inHead(`<style>.a { width: 700px; }</style>`, "")},
		"grey on white":         {"contrast", inBody(`<p style="color:#777777">x</p>`)},
		"grey, large, not bold": {"contrast", inBody(`<p style="color:#949494;font-size:23px">x</p>`)},
		"grey, bold, small":     {"contrast", inBody(`<b style="color:#949494;font-size:13.5pt">x</b>`)},
		"grey on grey":          {"contrast", inBody(`<table role="presentation"><tr><td bgcolor="#cccccc"><p style="color:#666666">x</p></td></tr></table>`)},
		"alt text":              {"contrast", replaced(`alt="13시`, `style="color:#dddddd" alt="13시`)},
		"inherited":             {"contrast", inBody(`<div style="background:#14191c"><p><span>x</span></p></div>`)},
		"colour of a block":     {"contrast", inHead(`<style>p.a { color: #aaaaaa; }</style>`, `<p class="a">x</p>`)},
		"stronger than inline":  {"contrast", inHead(`<style>.a { color: #aaaaaa !important; }</style>`, `<p class="a" style="color:#000000">x</p>`)},
		"blue link in the dark": {"contrast", inHead(night, `<div class="bg"><a href="https://example.com/">x</a></div>`)},
		"dark text in the dark": {"contrast", inHead(night, `<div class="bg"><p style="color:#14191c">x</p></div>`)},
		"light text on white":   {"contrast", inHead(night, `<p class="ink">x</p>`)},
		"dark canvas": {"contrast", func(m *mail.Message) {
			replaced("background:#ffffff;", "")(m)
			inHead(`<meta name="color-scheme" content="light dark">`, "")(m)
		}},
		"Outlook's dark":       {"contrast", inHead(`<style>@media (prefers-color-scheme: dark) { .bg { background: #111517 !important; } } [data-ogsc] .x { color: #333333 !important; }</style>`, `<div class="bg" style="color:#767676"><p class="x" style="color:#14191c">x</p></div>`)},
		"name of a colour":     {"contrast", inBody(`<p style="color:rebeccapurple">x</p>`)},
		"see-through colour":   {"contrast", inBody(`<p style="background:rgba(0,0,0,.5)">x</p>`)},
		"see-through text":     {"contrast", inBody(`<p style="opacity:.5">x</p>`)},
		"no way out of a list": {"header", func(m *mail.Message) { m.Unsubscribe = "" }},
		"no date":              {"header", func(m *mail.Message) { m.Date = time.Time{} }},
		"no message id":        {"header", func(m *mail.Message) { m.MessageID = "" }},
		"wrong list id":        {"header", func(m *mail.Message) { m.ListID = "daily" }},
	}
}

func TestLintFindsWhatPeopleWouldNotSee(t *testing.T) {
	all := wrongContents()
	maps.Copy(all, wrongLooks())
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			m := mailtest.Message()
			c.change(&m)
			findings := mail.Lint(m)
			if !strings.Contains(fmt.Sprint(findings), "{"+c.rule+" ") {
				t.Errorf("findings %+v, want one of rule %q", findings, c.rule)
			}
			for _, f := range findings {
				if f.Rule == "" || len(f.Detail) < 20 {
					t.Errorf("finding %+v says too little", f)
				}
			}
		})
	}
}

func TestLintLetsPassWhatPeopleSee(t *testing.T) {
	for name, change := range map[string]func(*mail.Message){
		"numbers that nobody sees": func(m *mail.Message) {
			m.HTML = strings.Replace(m.HTML, "<title>", "<style>@media (max-width:480px) { p { margin: 17px } }</style><title>2026 ", 1)
		},
		"a rendering for many":      func(m *mail.Message) { m.To, m.MessageID, m.Date, m.Unsubscribe = mail.Address{}, "", time.Time{}, "" },
		"no list, nothing to leave": func(m *mail.Message) { m.ListID, m.Unsubscribe = "", "" },
		"text alone":                func(m *mail.Message) { m.HTML, m.Images = "", nil },
		"grey, just enough":         inBody(`<p style="color:#767676">x</p>`),
		"grey, large":               inBody(`<p style="color:#949494;font-size:24px">x</p>`),
		"grey, bold, larger":        inBody(`<b style="color:#949494;font-size:14pt">x</b>`),
		"a heading is large":        inBody(`<h2 style="color:#949494">x</h2>`),
		"hidden text":               inBody(`<p style="color:#ffffff;display:none">x</p>`),
		"spaces":                    inBody(`<p style="color:#ffffff">&nbsp; </p>`),
		"a dark box":                inBody(`<div style="background:#14191c;color:#FFF">x <a href="https://example.com/" style="color:inherit">y</a></div>`),
		"text in the dark":          inHead(night, `<div class="bg" style="background:#ffffff"><p class="ink" style="color:#14191c">x</p><p class="mut" style="color:#616c73">y</p></div>`),
		"descendants in the dark":   inHead(night, `<div class="bg" style="background:#ffffff"><table class="t"><tr><th style="color:#767676">x</th></tr><tr><td style="color:#14191c">x</td></tr></table></div>`),
		"colours of print":          inHead(`<style>.a, b.a, #c, * { color: rgb(20, 25, 28) }</style>`, `<p class="a b">x</p>`),
		"quoted semicolons":         inBody(`<p style="font-family:'a;color:red',sans-serif;color:#14191c">x</p>`),
		"a narrow column":           inBody(`<table width="100%"><tr><th width="32">x</th></tr></table>`),
		"a mailed link":             inBody(`<a href="mailto:data@example.com" style="color:#2156a2">x</a>`),
		"a preheader filled up":     preheader("요청 100,096건" + strings.Repeat("&#847;&zwnj;&nbsp;", 60)),
		"a longer preheader":        preheader("요청 100,096건 · 데이터 06:12 기준, 어제와 같이 모두 왔습니다" + strings.Repeat("&#847;&zwnj;&nbsp;", 60)),
		"a narrow screen's colours": inHead(night, `<p class="in">x</p>`),
	} {
		t.Run(name, func(t *testing.T) {
			m := mailtest.Message()
			change(&m)
			if name == "a narrow screen's colours" || strings.HasSuffix(name, "in the dark") {
				m.HTML = strings.Replace(m.HTML, "<body ", `<body class="bg ink" `, 1)
				m.HTML = strings.Replace(m.HTML, `style="color:#2156a2">`, `class="ink" style="color:#2156a2">`, 1)
			}
			for _, f := range mail.Lint(m) {
				t.Errorf("%s: %s", f.Rule, f.Detail)
			}
		})
	}
}

// BenchmarkLint judges a mail as large as it may be.
func BenchmarkLint(b *testing.B) {
	m := houseMail(b, "ko")
	row := m.HTML[strings.Index(m.HTML, "<tbody>")+len("<tbody>") : strings.Index(m.HTML, "</tbody>")]
	for len(m.HTML) < 64_000 {
		m.HTML = strings.Replace(m.HTML, "<tbody>", "<tbody>"+row, 1)
	}
	for b.Loop() {
		if f := mail.Lint(m); len(f) != 0 {
			b.Fatal(f)
		}
	}
	b.ReportMetric(float64(len(m.HTML)), "bytes")
}
