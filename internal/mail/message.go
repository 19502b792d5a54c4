package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"sort"
	"strings"
	"time"
)

// MIME is the message as bytes with CRLF line ends, ready to be sent: mixed(related(alternative(text, html), images), attachments),
// levels with a single part left out. Equal messages give equal bytes. A message that cannot be well-formed, such as one with a
// line break in a header field, is refused with a *fault.Error.
func (m Message) MIME() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	body := m.body()
	var b bytes.Buffer
	b.Grow(body.size() + spare)
	if err := m.write(&b, body); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// write is the message that was checked, in pieces.
func (m Message) write(w io.Writer, body part) error {
	var b bytes.Buffer
	m.writeHeaders(&b)
	for _, name := range sortedKeys(body.header) {
		fmt.Fprintf(&b, "%s: %s\r\n", name, body.header.Get(name))
	}
	b.WriteString("\r\n")
	_, err := b.WriteTo(w)
	if err == nil {
		err = body.write(w)
	}
	if err != nil {
		return fmt.Errorf("write the mail %s: %w", m.MessageID, err)
	}
	return nil
}

func (m Message) writeHeaders(b *bytes.Buffer) {
	field := func(name, value string) { fmt.Fprintf(b, "%s: %s\r\n", name, value) }
	field("Date", m.Date.Format(time.RFC1123Z))
	field("From", m.From.header("From"))
	field("To", m.To.header("To"))
	if m.ReplyTo != (Address{}) {
		field("Reply-To", m.ReplyTo.header("Reply-To"))
	}
	field("Subject", encodeText("Subject", m.Subject))
	field("Message-ID", "<"+m.MessageID+">")
	field("MIME-Version", "1.0")
	field("Auto-Submitted", "auto-generated")
	field("X-Auto-Response-Suppress", "All")
	if m.ListID != "" {
		field("List-Id", "<"+m.ListID+">")
	}
	if m.Unsubscribe != "" {
		field("List-Unsubscribe", "<"+m.Unsubscribe+">")
		// RFC 8058 allows one-click for https only.
		if strings.HasPrefix(m.Unsubscribe, "https:") {
			field("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
		}
	}
	for _, name := range sortedKeys(m.Headers) {
		field(textproto.CanonicalMIMEHeaderKey(name), encodeText(name, m.Headers[name]))
	}
}

// body nests the parts: mixed(related(alternative(text, html), images…), attachments…). Plain text alone is one part.
func (m Message) body() part {
	p := textPart("text/plain", m.Text, nil)
	if m.HTML != "" {
		p = m.multi("alternative", p, textPart("text/html", m.HTML, m.encoded))
	}
	if len(m.Images) > 0 {
		parts := []part{p}
		for _, i := range m.Images {
			parts = append(parts, filePart(i.Type, "inline", i.Name, i.CID, m.encoded.file(i.Bytes)))
		}
		p = m.multi("related", parts...)
	}
	if m.HTML != "" || len(m.Attachments) > 0 {
		parts := []part{p}
		for _, a := range m.Attachments {
			parts = append(parts, filePart(a.Type, "attachment", a.Name, "", m.encoded.file(a.Bytes)))
		}
		p = m.multi("mixed", parts...)
	}
	return p
}

// part is a leaf with an encoded body, or a multipart with a boundary and children.
type part struct {
	header   textproto.MIMEHeader
	body     []byte
	boundary string
	children []part
}

func (p part) write(w io.Writer) error {
	if len(p.children) == 0 {
		_, err := w.Write(p.body)
		return err
	}
	mw := multipart.NewWriter(w)
	if err := mw.SetBoundary(p.boundary); err != nil {
		return err
	}
	for _, c := range p.children {
		cw, err := mw.CreatePart(c.header)
		if err != nil {
			return err
		}
		if err := c.write(cw); err != nil {
			return err
		}
	}
	return mw.Close()
}

// multi has a boundary that follows from the Message-ID, so that equal messages give equal bytes. It begins with "=_", which
// neither quoted-printable nor base64 can produce, so it never occurs in a body.
func (m Message) multi(kind string, children ...part) part {
	sum := sha256.Sum256([]byte(kind + "\n" + m.MessageID))
	boundary := "=_" + hex.EncodeToString(sum[:12])
	params := [][2]string{{"boundary", boundary}}
	if kind == "related" { // RFC 2387 requires the type of the root part
		root, _, _ := strings.Cut(children[0].header.Get("Content-Type"), ";")
		params = append(params, [2]string{"type", root})
	}
	return part{
		header:   textproto.MIMEHeader{"Content-Type": {foldParams("multipart/"+kind, params)}},
		boundary: boundary,
		children: children,
	}
}

// textPart is encoded in whichever way is shorter: quoted-printable for mostly ASCII, base64 for mostly Korean.
func textPart(mediaType, s string, known *encoded) part {
	encoding, body := quotedPrintable, known.quoted(s)
	if body == nil {
		encoding, body = encodeBody(s)
	}
	return part{
		header: textproto.MIMEHeader{
			"Content-Type":              {mediaType + "; charset=utf-8"},
			"Content-Transfer-Encoding": {encoding},
		},
		body: body,
	}
}

const quotedPrintable = "quoted-printable"

func encodeBody(s string) (encoding string, body []byte) {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	s = strings.ReplaceAll(s, "\n", "\r\n")
	escaped := 0
	for i := range len(s) {
		if c := s[i]; c >= 0x7f || c == '=' {
			escaped++
		}
	}
	if 6*escaped > len(s) { // quoted-printable makes three bytes of one, base64 four of three
		return "base64", wrapBase64([]byte(s))
	}
	var qp bytes.Buffer
	qp.Grow(len(s) + 2*escaped + len(s)/16)
	w := quotedprintable.NewWriter(&qp)
	io.WriteString(w, s) // a bytes.Buffer takes everything
	w.Close()
	return quotedPrintable, qp.Bytes()
}

func filePart(mediaType, disposition, name, cid string, encoded []byte) part {
	h := textproto.MIMEHeader{
		"Content-Type":              {mediaType},
		"Content-Transfer-Encoding": {"base64"},
		"Content-Disposition":       {foldParams(disposition, [][2]string{{"filename", name}})},
	}
	if cid != "" {
		h.Set("Content-Id", "<"+cid+">")
	}
	return part{header: h, body: encoded}
}

// spare is room for headers and boundaries.
const spare = 8 << 10

func (p part) size() int {
	n := len(p.body)
	for _, c := range p.children {
		n += c.size()
	}
	return n
}

// wrapBase64 breaks lines after 76 characters, the most that RFC 2045 allows.
func wrapBase64(b []byte) []byte {
	const lineBytes = 57 // 76 characters
	out := make([]byte, 0, len(b)*4/3+len(b)/lineBytes*2+8)
	for len(b) > 0 {
		n := min(len(b), lineBytes)
		out = base64.StdEncoding.AppendEncode(out, b[:n])
		out = append(out, '\r', '\n')
		b = b[n:]
	}
	return out
}

// foldParams writes each parameter on its own line; values that are not ASCII become RFC 2231 ones (name*=utf-8”…).
func foldParams(value string, params [][2]string) string {
	for _, p := range params {
		one := mime.FormatMediaType("x/x", map[string]string{p[0]: p[1]})
		value += ";\r\n " + strings.TrimPrefix(one, "x/x; ")
	}
	return value
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
