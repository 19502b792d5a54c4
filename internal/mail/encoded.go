package mail

import (
	"slices"
	"strings"
)

// encoded is what many messages have in common. It is only looked up: a message that differs in more is encoded as any other.
type encoded struct {
	files  map[place][]byte // as base64
	html   string
	width  int    // of a blank
	blanks []int  // offsets in html
	body   []byte // html as quoted-printable
	marks  []int  // offsets in body of the blanks' characters
}

// place is where the bytes of a file are.
type place struct {
	first *byte
	size  int
}

// Encoded is the message with its files and its HTML encoded once, for many that differ in headers, in the text, and in the HTML
// where blank stands, which is ASCII letters and digits. The bytes of the files must not change afterwards.
func (m Message) Encoded(blank string) Message {
	e := &encoded{files: map[place][]byte{}}
	for _, i := range m.Images {
		e.keep(i.Bytes)
	}
	for _, a := range m.Attachments {
		e.keep(a.Bytes)
	}
	if blank != "" {
		e.learn(m.HTML, blank)
	}
	m.encoded = e
	return m
}

func (e *encoded) keep(b []byte) {
	if len(b) > 0 {
		e.files[place{&b[0], len(b)}] = wrapBase64(b)
	}
}

// learn finds the blanks in the encoded HTML, where a line may break within one, as what changes with them.
func (e *encoded) learn(html, blank string) {
	other := strings.Map(func(c rune) rune {
		if c == 'x' {
			return 'y'
		}
		return 'x'
	}, blank)
	encoding, body := encodeBody(html)
	_, changed := encodeBody(strings.ReplaceAll(html, blank, other))
	if encoding != quotedPrintable || len(body) != len(changed) {
		return
	}
	for i := range body {
		if body[i] != changed[i] {
			e.marks = append(e.marks, i)
		}
	}
	for at := 0; ; at += len(blank) {
		n := strings.Index(html[at:], blank)
		if n < 0 {
			break
		}
		at += n
		e.blanks = append(e.blanks, at)
	}
	if len(e.marks) == len(e.blanks)*len(blank) {
		e.html, e.body, e.width = html, body, len(blank)
	}
}

// quoted is html as quoted-printable, nil where it differs in more than the blanks.
func (e *encoded) quoted(html string) []byte {
	if e == nil || e.body == nil || len(html) != len(e.html) {
		return nil
	}
	body, end, marks := slices.Clone(e.body), 0, e.marks
	for _, at := range e.blanks {
		if html[end:at] != e.html[end:at] {
			return nil
		}
		end = at + e.width
		for i, c := range []byte(html[at:end]) {
			if !same(c) {
				return nil
			}
			body[marks[i]] = c
		}
		marks = marks[e.width:]
	}
	if html[end:] != e.html[end:] {
		return nil
	}
	return body
}

// same says that quoted-printable leaves a character as it is, wherever it stands.
func same(c byte) bool { return c > ' ' && c < 0x7f && c != '=' }

// file is b as base64.
func (e *encoded) file(b []byte) []byte {
	if e != nil && len(b) > 0 {
		if known, ok := e.files[place{&b[0], len(b)}]; ok {
			return known
		}
	}
	return wrapBase64(b)
}
