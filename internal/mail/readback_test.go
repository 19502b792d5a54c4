package mail_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jhillyerd/enmime/v2"

	"daybook/internal/mail"
	"daybook/internal/mail/mailtest"
)

// reading is what an independent reader makes of a mail.
type reading struct {
	Subject, From, To, ReplyTo, MessageID, ListID, Unsubscribe, OneClick, Auto string
	Text, HTML                                                                 string
	Files                                                                      []file
	Defects                                                                    []string
}

type file struct {
	Name, Type, CID, Disposition, SHA256 string
	Bytes                                int
}

func wanted(m mail.Message) reading {
	address := func(a mail.Address) string { return a.Name + " <" + a.Address + ">" }
	r := reading{
		Subject: m.Subject, From: address(m.From), To: address(m.To), ReplyTo: address(m.ReplyTo), MessageID: "<" + m.MessageID + ">",
		ListID: "<" + m.ListID + ">", Unsubscribe: "<" + m.Unsubscribe + ">", OneClick: "List-Unsubscribe=One-Click", Auto: "auto-generated",
		Text: m.Text, HTML: m.HTML,
	}
	sum := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	for _, i := range m.Images {
		r.Files = append(r.Files, file{i.Name, i.Type, i.CID, "inline", sum(i.Bytes), len(i.Bytes)})
	}
	for _, a := range m.Attachments {
		mediaType, _, _ := strings.Cut(a.Type, ";")
		r.Files = append(r.Files, file{a.Name, mediaType, "", "attachment", sum(a.Bytes), len(a.Bytes)})
	}
	return r
}

// hardMessages are the ones that readers get wrong most often.
func hardMessages(t *testing.T) map[string]mail.Message {
	long := mailtest.Message()
	long.Subject = "[정정] " + strings.Repeat("긴 제목을 접을 때 글자가 깨지지 않아야 한다 ", 12) + "끝 😀 👨‍👩‍👧"
	long.From.Name = strings.Repeat("도서관 데이터팀 ", 8) + "(보고)"
	long.Attachments[0].Name = strings.Repeat("검색실패키워드", 8) + " (1) 'a'; b=\"c\" 100%.csv"
	ascii := mailtest.Message()
	ascii.Subject, ascii.From.Name, ascii.To.Name = "Usage: =?utf-8?B?eA==?= 50% <b>", `Reports, "daily" (team)`, "O'Neil; Ada"
	ascii.Images[0].Name, ascii.Attachments[0].Name = "a b.png", `quote".csv`
	ascii.HTML, ascii.Text = strings.ReplaceAll(ascii.HTML, "\n", "\r\n\r\n"), "\n\n.\n..\n-- \ntrailing space \ntab\t\n--=_x\nFrom here 11/19 100,096 (+4.1%), 06:12\n"
	korean := houseMail(t, "ko")
	korean.Attachments = append(korean.Attachments,
		mail.Attachment{Name: "일일 앱 사용 결과 2026-11-19.html", Type: "text/html; charset=utf-8", Bytes: []byte("<!doctype html><html lang=\"ko\"><p>요청 100,096건\n")},
		mail.Attachment{Name: "일일 앱 사용 결과 (1판).pdf", Type: "application/pdf", Bytes: scrambled("%PDF-1.7\n", 70_000)},
		mail.Attachment{Name: "시간대별 요청, 도서 & 저자.xlsx", Type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Bytes: scrambled("PK\x03\x04", 5_001)},
		mail.Attachment{Name: "빈 파일.csv", Type: "text/csv; charset=utf-8", Bytes: []byte("\ufeff")})
	lines := mailtest.Message()
	lines.HTML = strings.Replace(lines.HTML, "<h1>", "<p>"+strings.Repeat("long line ", 400)+strings.Repeat("=20.", 500)+"</p><h1>", 1)
	lines.Text = strings.Repeat("long line ", 400) + "\n" + strings.Repeat("=20.", 500) + "\n" + lines.Text
	return map[string]mail.Message{"report": mailtest.Message(), "long": long, "ascii": ascii, "korean": korean, "english": houseMail(t, "en"), "lines": lines}
}

// scrambled are bytes of every value, always the same.
func scrambled(start string, n int) []byte {
	b := []byte(start)
	for x := uint32(1); len(b) < n; {
		x = x*1664525 + 1013904223
		b = append(b, byte(x>>24))
	}
	return b
}

func TestEnmimeReadsTheMailAsItWasMeant(t *testing.T) {
	for name, m := range hardMessages(t) {
		t.Run(name, func(t *testing.T) {
			raw, err := m.MIME()
			if err != nil {
				t.Fatal(err)
			}
			e, err := enmime.ReadEnvelope(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			address := func(header string) string {
				list, err := e.AddressList(header)
				if err != nil || len(list) != 1 {
					t.Fatalf("%s: %v, %v", header, list, err)
				}
				return list[0].Name + " <" + list[0].Address + ">"
			}
			got := reading{
				Subject: e.GetHeader("Subject"), From: address("From"), To: address("To"), ReplyTo: address("Reply-To"),
				MessageID: e.GetHeader("Message-ID"), ListID: e.GetHeader("List-Id"), Unsubscribe: e.GetHeader("List-Unsubscribe"),
				OneClick: e.GetHeader("List-Unsubscribe-Post"), Auto: e.GetHeader("Auto-Submitted"), Text: e.Text, HTML: e.HTML,
			}
			for _, p := range append(append([]*enmime.Part{}, e.Inlines...), append(e.OtherParts, e.Attachments...)...) {
				sum := sha256.Sum256(p.Content)
				got.Files = append(got.Files, file{p.FileName, p.ContentType, p.ContentID, p.Disposition, hex.EncodeToString(sum[:]), len(p.Content)})
			}
			for _, problem := range e.Errors {
				got.Defects = append(got.Defects, problem.Error())
			}
			compare(t, m, got)
		})
	}
}

func compare(t *testing.T, m mail.Message, got reading) {
	t.Helper()
	lines := strings.NewReplacer("\r\n", "\n")
	want := wanted(m)
	want.Text, want.HTML = lines.Replace(want.Text), lines.Replace(want.HTML)
	got.Text, got.HTML = lines.Replace(got.Text), lines.Replace(got.HTML)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var shown, attached []string
	for _, part := range strings.Split(got.HTML, `<img src="cid:`)[1:] {
		cid, _, _ := strings.Cut(part, `"`)
		shown = append(shown, cid)
	}
	for _, f := range got.Files {
		if f.Disposition == "inline" {
			attached = append(attached, f.CID)
		}
	}
	if !slices.Equal(shown, attached) {
		t.Errorf("the HTML shows %q, the mail has %q", shown, attached)
	}
	number := regexp.MustCompile(`[0-9][0-9.,:]*[0-9]|[0-9]`)
	said := number.FindAllString(got.Text, -1)
	for _, n := range number.FindAllString(regexp.MustCompile(`(?s)<style.*?</style>|<!--.*?-->|<[^>]*>`).ReplaceAllString(got.HTML, " "), -1) {
		if !slices.Contains(said, n) {
			t.Errorf("the number %s of the HTML is not in the text", n)
		}
	}
}

const pythonReader = `
import email, hashlib, json, sys
from email import policy
m = email.message_from_binary_file(sys.stdin.buffer, policy=policy.default)
def address(h):
    a = m[h].addresses
    assert len(a) == 1, (h, a)
    return a[0].display_name + " <" + a[0].addr_spec + ">"
defects = []
for part in m.walk():
    defects += [repr(d) for d in part.defects]
    for name, value in part.items():
        defects += [name + ": " + repr(d) for d in getattr(value, "defects", [])]
files = []
for part in m.walk():
    if part.get_content_maintype() == "multipart" or part.get_content_disposition() is None:
        continue
    files.append({"Name": part.get_filename(), "Type": part.get_content_type(), "CID": (part["Content-ID"] or "").strip("<>"),
        "Disposition": part.get_content_disposition(), "SHA256": hashlib.sha256(part.get_payload(decode=True)).hexdigest(), "Bytes": len(part.get_payload(decode=True))})
def body(kind):
    return m.get_body((kind,)).get_payload(decode=True).decode("utf-8")
json.dump({"Subject": m["Subject"], "From": address("From"), "To": address("To"), "ReplyTo": address("Reply-To"),
    "MessageID": m["Message-ID"], "ListID": m["List-Id"], "Unsubscribe": m["List-Unsubscribe"], "OneClick": m["List-Unsubscribe-Post"],
    "Auto": m["Auto-Submitted"], "Text": body("plain"), "HTML": body("html"), "Files": files, "Defects": defects}, sys.stdout)
`

func TestPythonReadsTheMailWithoutDefects(t *testing.T) {
	const python = "/usr/bin/python3" // the one that .ci/setup installs
	if _, err := os.Stat(python); err != nil {
		if os.Getenv("DAYBOOK_TEST") == "strict" {
			t.Fatal("python3 is missing: ", err)
		}
		t.Skip("python3 is missing: ", err)
	}
	for name, m := range hardMessages(t) {
		t.Run(name, func(t *testing.T) {
			raw, err := m.MIME()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), python, "-c", pythonReader)
			cmd.Stdin = bytes.NewReader(raw)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, stderr.String())
			}
			var got reading
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			if len(got.Defects) == 0 {
				got.Defects = nil
			}
			// Some versions of CPython keep the fold between two encoded words of a name, against RFC 2047, section 6.2.
			m.From.Name = strings.ReplaceAll(m.From.Name, " ", "")
			got.From = strings.Replace(strings.ReplaceAll(got.From, " ", ""), "<", " <", 1)
			compare(t, m, got)
		})
	}
}
