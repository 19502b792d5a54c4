package source

import (
	"cmp"
	"html"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// hidden is a secret and what people read in its place.
type hidden struct{ value, instead string }

// hideSecrets takes secrets out of a text, the longest first, so that one that is part of another leaves nothing of it. With escaped
// they are known too where they stand as in addresses, JSON and HTML.
func hideSecrets(text string, secrets []hidden, escaped bool) string {
	secrets = slices.Clone(secrets)
	slices.SortStableFunc(secrets, func(a, b hidden) int { return cmp.Compare(len(b.value), len(a.value)) })
	return hideInOrder(text, secrets, escaped)
}

// hideInOrder looks for each secret only in what those before it have left, never in what stands in their place.
func hideInOrder(text string, secrets []hidden, escaped bool) string {
	for i, s := range secrets {
		if s.value == "" {
			continue
		}
		pieces := strings.Split(text, s.value)
		if escaped {
			pieces = splitEscaped(text, s.value)
		}
		if len(pieces) == 1 {
			continue
		}
		for j := range pieces {
			pieces[j] = hideInOrder(pieces[j], secrets[i+1:], escaped)
		}
		return strings.Join(pieces, s.instead)
	}
	return text
}

// splitEscaped splits a text at a secret, whichever of its characters are escaped.
func splitEscaped(text, secret string) (pieces []string) {
	from := 0
	for at := 0; at < len(text); {
		n, ok := beginsWith(text[at:], secret)
		if !ok {
			at++
			continue
		}
		pieces = append(pieces, text[from:at])
		at += n
		from = at
	}
	return append(pieces, text[from:])
}

// beginsWith reports whether a text begins with a secret, and how many bytes of it that takes.
func beginsWith(text, secret string) (taken int, ok bool) {
	if secret == "" {
		return 0, true
	}
	if text == "" {
		return 0, false
	}
	plain, n := unescaped(text)
	if rest, ok := strings.CutPrefix(secret, plain); ok && n > 0 {
		if more, ok := beginsWith(text[n:], rest); ok {
			return n + more, true
		}
	}
	if text[0] != secret[0] {
		return 0, false
	}
	more, ok := beginsWith(text[1:], secret[1:])
	return 1 + more, ok
}

// unescaped is the character that an escape at the beginning of a text stands for, and the escape's length; 0 when there is none.
func unescaped(text string) (plain string, n int) {
	switch text[0] {
	case '+':
		return " ", 1
	case '%':
		if c, ok := hexadecimal(text, 1, 2); ok {
			return string([]byte{byte(c)}), 3
		}
	case '\\':
		return unescapedJSON(text)
	case '&':
		if end := strings.IndexByte(text[:min(len(text), 12)], ';'); end > 0 {
			if plain := html.UnescapeString(text[:end+1]); plain != text[:end+1] {
				return plain, end + 1
			}
		}
	}
	return "", 0
}

func unescapedJSON(text string) (plain string, n int) {
	if len(text) < 2 {
		return "", 0
	}
	if i := strings.IndexByte(`"\/bfnrt`, text[1]); i >= 0 {
		return "\"\\/\b\f\n\r\t"[i : i+1], 2
	}
	c, ok := hexadecimal(text, 2, 4)
	if text[1] != 'u' || !ok {
		return "", 0
	}
	if !utf16.IsSurrogate(c) {
		return string(c), 6
	}
	low, ok := hexadecimal(text, 8, 4)
	if pair := utf16.DecodeRune(c, low); ok && text[6:8] == `\u` && pair != utf8.RuneError {
		return string(pair), 12
	}
	return "", 0
}

// hexadecimal reads digits of a text from a place on.
func hexadecimal(text string, from, digits int) (rune, bool) {
	if len(text) < from+digits {
		return 0, false
	}
	v, err := strconv.ParseUint(text[from:from+digits], 16, 32)
	return rune(v), err == nil
}
