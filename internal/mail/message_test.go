package mail_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
	"daybook/internal/mail"
	"daybook/internal/mail/mailtest"
)

var update = flag.Bool("update", false, "write the golden files")

// dot is a PNG of one pixel, in fixed bytes: what an encoder makes may change with its version.
const dot = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89" +
	"\x00\x00\x00\rIDATx\x9cc\xf8\xff\xff\xff\x7f\x00\t\xfb\x03\xfd\x05CE\xca\x00\x00\x00\x00IEND\xaeB`\x82"

// smallMessage has one of each part and no large picture, so that its golden file can be read.
func smallMessage() mail.Message {
	m := mailtest.Message()
	m.HTML = "<!doctype html>\n<html lang=\"ko\"><body><p>요청 100,096건</p>\n<img src=\"cid:hours@daybook\" alt=\"13시 8,308건\"></body></html>\n"
	m.Images = []mail.Image{{CID: "hours@daybook", Name: "hours.png", Type: "image/png", Bytes: []byte(dot)}}
	return m
}

func TestMessageBecomesTheGoldenMail(t *testing.T) {
	raw, err := smallMessage().MIME()
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "message.eml")
	if *update {
		if err := os.WriteFile(golden, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(raw)); diff != "" {
		t.Error(diff)
	}
}

func TestEqualMessagesGiveEqualBytes(t *testing.T) {
	a, _ := mailtest.Message().MIME()
	b, _ := mailtest.Message().MIME()
	if !bytes.Equal(a, b) {
		t.Error("two renderings differ")
	}
}

func TestLinesAreShortAndEndInCRLF(t *testing.T) {
	m := mailtest.Message()
	m.Text += strings.Repeat("아주 긴 줄 ", 400) + "\n" + strings.Repeat("a=b ", 2000)
	m.Subject = strings.Repeat("긴 제목 ", 60)
	m.To.Name = strings.Repeat("이름 ", 40)
	m.Attachments[0].Name = strings.Repeat("가", 60) + ".csv"
	raw, err := m.MIME()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(bytes.ReplaceAll(raw, []byte("\r\n"), nil), []byte("\n")) || bytes.Contains(bytes.ReplaceAll(raw, []byte("\r\n"), nil), []byte("\r")) {
		t.Error("a line does not end in CRLF")
	}
	for _, line := range strings.Split(string(raw), "\r\n") {
		// RFC 2231 file names stay on one line, which many readers need; RFC 5322 allows 998 bytes.
		if len(line) > 76 && !strings.HasPrefix(line, " filename*=") || len(line) > 998 {
			t.Errorf("line of %d bytes: %.100s", len(line), line)
		}
	}
}

func TestLineBreaksInHeadersAreRefused(t *testing.T) {
	for _, bad := range []string{"a\r\nBcc: x@example.com", "a\nb", "a\rb", "a\x00b", "a\u2028b", "a\xffb"} {
		for name, change := range map[string]func(*mail.Message){
			"subject":         func(m *mail.Message) { m.Subject = bad },
			"from name":       func(m *mail.Message) { m.From.Name = bad },
			"to name":         func(m *mail.Message) { m.To.Name = bad },
			"reply-to name":   func(m *mail.Message) { m.ReplyTo.Name = bad },
			"from address":    func(m *mail.Message) { m.From.Address = bad + "@example.com" },
			"to address":      func(m *mail.Message) { m.To.Address = "reader@example.org" + bad },
			"message id":      func(m *mail.Message) { m.MessageID = bad + "@example.com" },
			"list id":         func(m *mail.Message) { m.ListID = bad + ".example.com" },
			"unsubscribe":     func(m *mail.Message) { m.Unsubscribe = "https://example.com/" + bad },
			"header name":     func(m *mail.Message) { m.Headers = map[string]string{bad: "x"} },
			"header value":    func(m *mail.Message) { m.Headers = map[string]string{"X-Day": bad} },
			"image id":        func(m *mail.Message) { m.Images[0].CID = bad },
			"image name":      func(m *mail.Message) { m.Images[0].Name = bad },
			"image type":      func(m *mail.Message) { m.Images[0].Type = "image/png" + bad },
			"attachment name": func(m *mail.Message) { m.Attachments[0].Name = bad },
			"attachment type": func(m *mail.Message) { m.Attachments[0].Type = "text/csv" + bad },
		} {
			m := mailtest.Message()
			change(&m)
			if raw, err := m.MIME(); !fault.Is(err, fault.Invalid) || fault.Hint(err) == "" || raw != nil {
				t.Errorf("%s %q: error %v", name, bad, err)
			}
		}
	}
}

func TestIncompleteMessagesAreRefused(t *testing.T) {
	for name, change := range map[string]func(*mail.Message){
		"no subject":             func(m *mail.Message) { m.Subject = "" },
		"no text":                func(m *mail.Message) { m.Text = "" },
		"no sender":              func(m *mail.Message) { m.From = mail.Address{} },
		"no recipient":           func(m *mail.Message) { m.To = mail.Address{} },
		"two recipients":         func(m *mail.Message) { m.To.Address = "a@example.com, b@example.com" },
		"address in Korean":      func(m *mail.Message) { m.To.Address = "김@example.com" },
		"no date":                func(m *mail.Message) { m.Date = time.Time{} },
		"no message id":          func(m *mail.Message) { m.MessageID = "" },
		"message id as a path":   func(m *mail.Message) { m.MessageID = "../a@example.com" },
		"message id in brackets": func(m *mail.Message) { m.MessageID = "<a@example.com>" },
		"unsubscribe by script":  func(m *mail.Message) { m.Unsubscribe = "javascript:alert(1)" },
		"own header again":       func(m *mail.Message) { m.Headers = map[string]string{"bcc": "x@example.com"} },
		"two images of one id":   func(m *mail.Message) { m.Images[1].CID = m.Images[0].CID },
		"svg":                    func(m *mail.Message) { m.Images[0].Type = "image/svg+xml" },
		"file name with a path":  func(m *mail.Message) { m.Attachments[0].Name = "../../x.csv" },
		"very long file name":    func(m *mail.Message) { m.Attachments[0].Name = strings.Repeat("가", 100) },
		"images without HTML":    func(m *mail.Message) { m.HTML = "" },
		"text in another code":   func(m *mail.Message) { m.Text = "\xb0\xa1" },
	} {
		m := mailtest.Message()
		change(&m)
		if _, err := m.MIME(); !fault.Is(err, fault.Invalid) || fault.Hint(err) == "" {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestAMailIsMixedAndPlainTextIsOnePart(t *testing.T) {
	for want, change := range map[string]func(*mail.Message){
		"multipart/mixed": func(m *mail.Message) { m.Attachments = nil },
		"text/plain":      func(m *mail.Message) { m.Attachments, m.Images, m.HTML = nil, nil, "" },
	} {
		m := mailtest.Message()
		change(&m)
		raw, err := m.MIME()
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(string(raw), "\r\n\r\n")
		if !strings.Contains(head, "\r\nContent-Type: "+want+";") {
			t.Errorf("want %s in\n%s", want, head)
		}
	}
}

func TestOneClickUnsubscribeNeedsHTTPS(t *testing.T) {
	for url, want := range map[string]int{"": 0, "http://daybook.example.com/u/1": 1, "https://daybook.example.com/u/1": 2} {
		m := mailtest.Message()
		m.Unsubscribe = url
		raw, err := m.MIME()
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Count(raw, []byte("\r\nList-Unsubscribe")); got != want {
			t.Errorf("%q: %d headers, want %d", url, got, want)
		}
	}
}

// FuzzMessage: whatever the texts are, the message is refused or reads back as it was, with no header that was not written.
func FuzzMessage(f *testing.F) {
	f.Add("앱 이용 현황", "김서연", "요청 100,096건", "요청.csv")
	f.Add("=?utf-8?B?eA==?=", "a \"quoted\" <b@example.com>", "--=_\r\n.\r\n", "a;b=\"c\".csv")
	f.Add(" leading", strings.Repeat("x", 200), "From me\n", "ﬀ\u202etxt.exe")
	f.Fuzz(func(t *testing.T, subject, name, text, file string) {
		m := mailtest.Message()
		m.Images, m.HTML = nil, "<html lang=\"ko\">"+text+"</html>"
		m.Subject, m.To.Name, m.Text, m.Attachments[0].Name = subject, name, text, file
		raw, err := m.MIME()
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("error without a code: %v", err)
			}
			return
		}
		l, err := mail.ReadLetter(raw)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.NewReplacer("\r\n", "\n", "\r", "\n")
		if l.Subject != subject || l.Text != lines.Replace(text) || l.HTML != lines.Replace(m.HTML) || len(l.Attachments) != 1 || l.Attachments[0].Name != file {
			t.Errorf("read back %q %q %q %+v", l.Subject, l.Text, l.HTML, l.Attachments)
		}
		if head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n")); bytes.Count(head, []byte("\r\nTo: ")) != 1 || bytes.Contains(head, []byte("\r\nBcc")) {
			t.Errorf("headers %s", head)
		}
	})
}

func FuzzReadLetter(f *testing.F) {
	raw, err := smallMessage().MIME()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte("Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a--\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if l, err := mail.ReadLetter(raw); err == nil && l.Bytes != int64(len(raw)) {
			t.Errorf("%d bytes, want %d", l.Bytes, len(raw))
		}
	})
}
