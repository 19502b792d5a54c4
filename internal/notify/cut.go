package notify

import (
	"strings"
	"unicode/utf16"
)

// cut writes s through spell, rune by rune, in at most limit UTF-16 units; what does not fit ends in "…". A rune's spelling is never
// cut in two.
func cut(s string, limit int, spell func(rune) string) string {
	var b strings.Builder
	size, fits, all := 0, 0, true // fits: bytes that leave room for the ellipsis
	for _, r := range strings.ToValidUTF8(s, "\ufffd") {
		part := spell(r)
		size += units(part)
		if size > limit {
			all = false
			break
		}
		b.WriteString(part)
		if size < limit {
			fits = b.Len()
		}
	}
	if all {
		return b.String()
	}
	return b.String()[:fits] + "…"
}

func units(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

func plain(r rune) string { return string(r) }
