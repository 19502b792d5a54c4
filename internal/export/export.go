// Package export writes an edition's figures as files for people to keep: workbooks for Excel and pages for print. Equal input gives equal bytes.
package export

import (
	"strings"
	"unicode"
	"unicode/utf16"

	"golang.org/x/text/width"
)

// wide is how many columns of a monospaced screen the text takes: Hangul and its like take two.
func wide(s string) int {
	n := 0
	for _, r := range s {
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			n++
		}
		n++
	}
	return n
}

// printable replaces what neither XML nor a page can hold: broken UTF-8 becomes U+FFFD, line ends become \n, and control characters but
// tab and newline, direction overrides and noncharacters go.
func printable(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n':
			return r
		case r == '\r', r == '\u2028', r == '\u2029':
			return '\n'
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\ufeff', r&0xfffe == 0xfffe, r >= 0xfdd0 && r <= 0xfdef:
			return -1
		}
		return r
	}, s)
}

// oneLine is a printable text without line ends and tabs.
func oneLine(s string) string { return strings.Join(strings.Fields(printable(s)), " ") }

// capped cuts s to a number of UTF-16 units, in which Excel counts; a cut text ends in "…".
func capped(s string, limit int) string {
	size, fits := 0, 0
	for i, r := range s {
		n := utf16.RuneLen(r)
		if size+n > limit {
			return s[:fits] + "…"
		}
		size += n
		if size < limit {
			fits = i + len(string(r))
		}
	}
	return s
}
