package mail

import (
	"encoding/base64"
	netmail "net/mail"
	"strings"
	"unicode/utf8"
)

// maxHeaderLine is the longest line that may hold an encoded word (RFC 2047, section 2).
const maxHeaderLine = 76

// header is the address as a header value, its name encoded where it is not plain ASCII.
func (a Address) header(field string) string {
	if a.Name == "" {
		return "<" + a.Address + ">"
	}
	if plain(a.Name) && len(field)+len(a.Name)+len(a.Address) < maxHeaderLine-8 {
		return (&netmail.Address{Name: a.Name, Address: a.Address}).String()
	}
	words := encodeWords(a.Name, len(field)+2)
	last := words[strings.LastIndexByte(words, '\n')+1:]
	separator := " "
	if len(last)+len(a.Address)+len(field)+5 > maxHeaderLine {
		separator = "\r\n "
	}
	return words + separator + "<" + a.Address + ">"
}

// encodeText is the value of an unstructured header: itself when it is short ASCII, else encoded words folded between characters.
func encodeText(field, s string) string {
	if plain(s) && len(field)+2+len(s) <= maxHeaderLine && strings.TrimSpace(s) == s {
		return s
	}
	return encodeWords(s, len(field)+2)
}

// plain text is ASCII that no reader could take for an encoded word.
func plain(s string) bool { return isASCII(s) && !strings.Contains(s, "=?") }

// encodeWords writes s as base64 words, each on its own folded line; used is how much of the first line is taken.
func encodeWords(s string, used int) string {
	const frame = len("=?utf-8?B?") + len("?=")
	var b strings.Builder
	for line := 0; s != ""; line++ {
		if line > 0 {
			b.WriteString("\r\n ")
			used = 1
		}
		room := max((maxHeaderLine-used-frame)/4*3, utf8.UTFMax)
		n := 0
		for n < len(s) {
			_, size := utf8.DecodeRuneInString(s[n:])
			if n+size > room {
				break
			}
			n += size
		}
		b.WriteString("=?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(s[:n])) + "?=")
		s = s[n:]
	}
	return b.String()
}
