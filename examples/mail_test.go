package examples_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jhillyerd/enmime/v2"

	"daybook/internal/mail"
	"daybook/internal/mail/mailtest"
	"daybook/internal/still"
	"daybook/internal/store"
	"daybook/jobs"
	"daybook/static"
)

// pythonReader tells of a mail what Python's email package makes of it, defects too.
const pythonReader = `
import email, json, sys
from email import policy
m = email.message_from_binary_file(sys.stdin.buffer, policy=policy.default)
defects = []
for part in m.walk():
    defects += [repr(d) for d in part.defects]
    for name, value in part.items():
        defects += [name + ": " + repr(d) for d in getattr(value, "defects", [])]
files = {}
for part in m.walk():
    if part.get_content_disposition() is not None:
        files[part.get_filename()] = len(part.get_payload(decode=True))
def body(kind):
    return m.get_body((kind,)).get_content()
json.dump({"Subject": m["Subject"], "To": m["To"].addresses[0].display_name, "Unsubscribe": m["List-Unsubscribe"], "OneClick": m["List-Unsubscribe-Post"],
    "Text": body("plain"), "HTML": body("html"), "Files": files, "Defects": defects}, sys.stdout)
`

// reading is a mail as a reader understood it.
type reading struct {
	Subject, To, Unsubscribe, OneClick, Text, HTML string
	Files                                          map[string]int // size by name
	Defects                                        []string
}

func readByPython(t *testing.T, raw []byte) reading {
	t.Helper()
	const python = "/usr/bin/python3" // the one that .ci/setup installs
	if _, err := os.Stat(python); err != nil {
		if os.Getenv("DAYBOOK_TEST") == "strict" {
			t.Fatal("python3 is missing: ", err)
		}
		t.Skip("python3 is missing: ", err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", pythonReader)
	cmd.Stdin = bytes.NewReader(raw)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var r reading
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func readByEnmime(t *testing.T, raw []byte) (reading, map[string][]byte) {
	t.Helper()
	e, err := enmime.ReadEnvelope(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	to, err := e.AddressList("To")
	if err != nil || len(to) != 1 {
		t.Fatalf("to %v, %v", to, err)
	}
	r := reading{Subject: e.GetHeader("Subject"), To: to[0].Name, Unsubscribe: e.GetHeader("List-Unsubscribe"), OneClick: e.GetHeader("List-Unsubscribe-Post"),
		Text: e.Text, HTML: e.HTML, Files: map[string]int{}, Defects: []string{}}
	for _, problem := range e.Errors {
		r.Defects = append(r.Defects, problem.Error())
	}
	files := map[string][]byte{}
	for _, p := range slices.Concat(e.Inlines, e.OtherParts, e.Attachments) {
		r.Files[p.FileName], files[p.FileName] = len(p.Content), p.Content
	}
	return r, files
}

// mailed sends the daily report with all that can hang on it to a Korean and an English reader.
func mailed(t *testing.T) (*house, map[string]store.Person, map[string][]byte) {
	t.Helper()
	files, err := static.New()
	if err != nil {
		if os.Getenv("DAYBOOK_TEST") == "strict" {
			t.Fatal("static/dist is not built: ", err)
		}
		t.Skip("static/dist is not built: ", err)
	}
	h := library(t, 8, 200)
	h.edit("reports/daily.yaml", "to: [everyone]\n", "to: [everyone]\nattach: [html, pdf, xlsx, csv]\n")
	h = h.again()
	h.build(jobs.Request{Day: thursday.Add(-7), Through: thursday})
	people := map[string]store.Person{}
	for _, p := range []store.Person{{Address: "seoyeon@example.com", Name: "김서연", Locale: "ko", Groups: []string{"everyone"}}, {Address: "ada@example.com", Name: "Ada", Locale: "en", Groups: []string{"everyone"}}} {
		if err := h.Store.SavePerson(t.Context(), &p); err != nil {
			t.Fatal(err)
		}
		people[p.Address] = p
	}
	renderer, err := still.New(files.Bytes("still.js"), still.Fonts{Regular: files.Bytes("Pretendard-Regular.otf"), Bold: files.Bytes("Pretendard-SemiBold.otf")}, files.LightTokens())
	if err != nil {
		t.Fatal(err)
	}
	server := mailtest.SES(t)
	sender, err := mail.NewSES(t.Context(), mailtest.SESOptions(server))
	if err != nil {
		t.Fatal(err)
	}
	m := &jobs.Mailer{Runner: h.Runner, Sender: sender, Draw: renderer.PNG, From: mail.Address{Name: "도서관 일간 보고", Address: "daybook@example.com"}, Base: "https://daybook.example.com",
		Page: jobs.PageParts{CSS: string(files.Bytes("app.css")), JS: string(files.Bytes("charts.js")) + "\n" + string(files.Bytes("app.js")),
			Regular: files.Bytes("Pretendard-Regular.ttf"), Bold: files.Bytes("Pretendard-SemiBold.ttf")}}
	if out, err := m.Deliver(context.Background(), "daily", thursday); err != nil || out.Accepted != 2 {
		t.Fatalf("delivered %v, %v", out, err)
	}
	raw := map[string][]byte{}
	for _, sent := range server.Sent() {
		raw[sent.To[0]] = sent.Raw
	}
	return h, people, raw
}

var (
	figure = regexp.MustCompile(`[0-9][0-9.,:]*[0-9]|[0-9]`)
	markup = regexp.MustCompile(`(?s)<style.*?</style>|<!--.*?-->|<[^>]*>`)
	images = regexp.MustCompile(`src="cid:([^"]+)"`)
)

func TestTheDailyMailAsItArrivesIsReadBackWithoutADefect(t *testing.T) {
	h, people, raw := mailed(t)
	var ids []string
	for _, p := range people {
		ids = append(ids, p.ID)
	}
	tokens, err := h.Store.UnsubscribeTokens(t.Context(), "daily", ids, h.Now())
	if err != nil {
		t.Fatal(err)
	}
	for address, subject := range map[string]string{"seoyeon@example.com": "일일 앱 사용 결과", "ada@example.com": "Daily app usage"} {
		t.Run(address, func(t *testing.T) {
			p := people[address]
			got, files := readByEnmime(t, raw[address])
			lines := strings.NewReplacer("\r\n", "\n")
			other := readByPython(t, raw[address])
			for _, r := range []*reading{&got, &other} {
				r.Text, r.HTML = lines.Replace(r.Text), lines.Replace(r.HTML)
			}
			if d := cmp.Diff(got, other); d != "" {
				t.Errorf("enmime and Python read differently:\n%s", d)
			}
			if len(got.Defects) > 0 || got.To != p.Name || got.Subject != subject+" ("+thursday.String()+")" {
				t.Errorf("to %q: %q, defects %v", got.To, got.Subject, got.Defects)
			}
			link := "https://daybook.example.com/unsubscribe/" + tokens[p.ID]
			if got.Unsubscribe != "<"+link+">" || got.OneClick != "List-Unsubscribe=One-Click" || !strings.Contains(got.HTML, link) || !strings.Contains(got.Text, link) {
				t.Errorf("unsubscribe by %q, %q", got.Unsubscribe, got.OneClick)
			}
			for id, token := range tokens {
				if id != p.ID && strings.Contains(string(raw[address])+got.HTML+got.Text, token) {
					t.Error("the mail holds the token of somebody else")
				}
			}
			said := figure.FindAllString(got.Text, -1)
			for _, n := range figure.FindAllString(markup.ReplaceAllString(got.HTML, " "), -1) {
				if !slices.Contains(said, n) {
					t.Errorf("the number %s of the HTML is not in the text", n)
				}
			}
			pictures := images.FindAllStringSubmatch(got.HTML, -1)
			if len(pictures) != 6 {
				t.Errorf("the mail shows %d pictures", len(pictures))
			}
			for _, m := range pictures {
				name, _, _ := strings.Cut(m[1], "@")
				if !bytes.HasPrefix(files[name+".png"], []byte("\x89PNG\r\n\x1a\n")) {
					t.Errorf("the picture %s is not in the mail", name)
				}
			}
			opens(t, files)
		})
	}
}

// opens holds that the files that hang on a mail are what their names say, one of each kind at least.
func opens(t *testing.T, files map[string][]byte) {
	t.Helper()
	kinds := map[string]int{}
	for name, body := range files {
		problem := ""
		kind := path.Ext(name)
		switch kinds[kind]++; kind {
		case ".html":
			if !bytes.HasPrefix(bytes.ToLower(body), []byte("<!doctype html>")) || regexp.MustCompile(`(?i)(src|href)="(https?:)?//[^"]*\.(js|css|png|woff2?)`).Match(body) {
				problem = "is no page that stands alone"
			}
		case ".pdf":
			if !bytes.HasPrefix(body, []byte("%PDF-")) || !bytes.Contains(body[max(len(body)-64, 0):], []byte("%%EOF")) {
				problem = "is no PDF"
			}
		case ".xlsx":
			book, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
			if err != nil || !slices.ContainsFunc(book.File, func(f *zip.File) bool { return f.Name == "xl/workbook.xml" }) {
				problem = "is no workbook"
			}
		case ".csv":
			rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(body, []byte("\ufeff")))).ReadAll()
			if err != nil || len(rows) < 2 || !bytes.HasPrefix(body, []byte("\ufeff")) {
				problem = "is no table"
			}
		}
		if problem != "" {
			t.Errorf("%s %s", name, problem)
		}
	}
	for _, kind := range []string{".html", ".pdf", ".xlsx", ".csv"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s hangs on the mail", kind)
		}
	}
}
