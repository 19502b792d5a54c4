package sqlparse

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"
)

type kind int

const (
	word kind = iota // identifier, keyword or number
	quoted
	literal
	parameter
	symbol
	space // white space and comments
)

// token is a piece of SQL text: at is its byte offset.
type token struct {
	kind kind
	text string
	at   int
}

// operators are the symbols of more than one character, longest first.
var operators = []string{"->>", "<=>", "<->", "!~~", "<=", ">=", "<>", "!=", "==", "||", "->", "::", ":=", "=>", "**", "//", "^@", "~~", "!~", "<<", ">>", "&&", "@>", "<@"}

// scan splits SQL into tokens whose texts, joined, are the input. A string, name or comment that never ends is a fault.
func scan(text string) ([]token, error) {
	for at, r := range text {
		if r == 0 || r == utf8.RuneError && !strings.HasPrefix(text[at:], string(utf8.RuneError)) {
			return nil, invalid(text, at, "the text is not UTF-8", "save the file as UTF-8")
		}
	}
	var tokens []token
	for at := 0; at < len(text); {
		k, n := next(text[at:])
		if n < 0 {
			return nil, invalid(text, at, "this "+[...]string{quoted: "quoted name", literal: "string", space: "comment"}[k]+" never ends", "close it")
		}
		tokens = append(tokens, token{k, text[at : at+n], at})
		at += n
	}
	return tokens, nil
}

// next gives kind and length in bytes of the first token; the length is -1 when it never ends.
func next(s string) (kind, int) {
	switch c := s[0]; {
	case isSpace(c):
		n := 1
		for n < len(s) && isSpace(s[n]) {
			n++
		}
		return space, n
	case strings.HasPrefix(s, "--"):
		if n := strings.IndexAny(s, "\r\n"); n >= 0 {
			return space, n
		}
		return space, len(s)
	case strings.HasPrefix(s, "/*"):
		return space, comment(s)
	case c == '\'':
		return literal, closing(s, 1, '\'', false)
	case (c == 'e' || c == 'E') && strings.HasPrefix(s[1:], "'"):
		return literal, closing(s, 2, '\'', true)
	case c == '"':
		return quoted, closing(s, 1, '"', false)
	case c == '$':
		return dollar(s)
	case c == '?':
		return parameter, 1
	case isWord(c):
		return word, wordLen(s)
	}
	for _, op := range operators {
		if strings.HasPrefix(s, op) {
			return symbol, len(op)
		}
	}
	return symbol, 1
}

func isSpace(c byte) bool { return strings.IndexByte(" \t\r\n\f\v", c) >= 0 }

func isWord(c byte) bool {
	return c == '_' || c >= utf8.RuneSelf || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// wordLen keeps the point and the signed exponent of a number together; a name may have $ inside.
func wordLen(s string) int {
	n := 0
	number := s[0] >= '0' && s[0] <= '9'
	for n < len(s) {
		c := s[n]
		exponent := number && (c == '+' || c == '-') && (s[n-1] == 'e' || s[n-1] == 'E') && n+1 < len(s) && s[n+1] >= '0' && s[n+1] <= '9'
		if !isWord(c) && !exponent && !(number && c == '.') && !(n > 0 && !number && c == '$') {
			break
		}
		n++
	}
	return n
}

// closing finds the end of a quoted run whose body begins at from; a doubled quote stands for one.
func closing(s string, from int, quote byte, escapes bool) int {
	for i := from; i < len(s); i++ {
		switch {
		case escapes && s[i] == '\\':
			i++
		case s[i] == quote:
			if i+1 < len(s) && s[i+1] == quote {
				i++
				continue
			}
			return i + 1
		}
	}
	return -1
}

// comment finds the end of a block comment; such comments nest.
func comment(s string) int {
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch s[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// dollar reads a $parameter or a $tag$ string $tag$.
func dollar(s string) (kind, int) {
	n := 1
	for n < len(s) && isWord(s[n]) {
		n++
	}
	numbered := n > 1 && s[1] >= '0' && s[1] <= '9'
	if n < len(s) && s[n] == '$' && !numbered {
		tag := s[:n+1]
		end := strings.Index(s[n+1:], tag)
		if end < 0 {
			return literal, -1
		}
		return literal, n + 1 + end + len(tag)
	}
	if n == 1 {
		return symbol, 1
	}
	return parameter, n
}

func firstToken(tokens []token) token {
	for _, t := range tokens {
		if t.kind != space {
			return t
		}
	}
	return token{}
}

// secondStatement is the offset of the first token after a semicolon.
func secondStatement(tokens []token) int {
	ended := false
	for _, t := range tokens {
		switch {
		case t.text == ";" && t.kind == symbol:
			ended = true
		case ended && t.kind != space:
			return t.at
		}
	}
	return -1
}

// place turns a byte offset into line and column, both 1-based, the column in characters. A negative offset gives zeros.
func place(text string, at int) (line, column int) {
	if at < 0 || at > len(text) {
		return 0, 0
	}
	before := text[:at]
	line = strings.Count(before, "\n") + 1
	return line, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
}

// offset reads the engine's byte position; -1 when there is none.
func offset(position string) int {
	n, err := strconv.Atoi(position)
	if err != nil {
		return -1
	}
	return n
}

// byteOffset is the byte offset of the n-th character: the engine counts bytes everywhere but in syntax errors, where it counts characters.
func byteOffset(text string, n int) int {
	for at := range text {
		if n == 0 {
			return at
		}
		n--
	}
	if n == 0 {
		return len(text)
	}
	return -1
}

// Normalize gives a form of the statement for fingerprints: comments, white space and a closing semicolon make no difference, a changed literal,
// name or operator does. It is not meant to be run. A string or comment that never ends is a fault of code invalid.
func (p *Parser) Normalize(_ context.Context, text string) (string, error) { return normalize(text) }

func normalize(text string) (string, error) {
	tokens, err := scan(text)
	if err != nil {
		return "", err
	}
	for len(tokens) > 0 && (tokens[len(tokens)-1].kind == space || tokens[len(tokens)-1].text == ";") {
		tokens = tokens[:len(tokens)-1]
	}
	var b strings.Builder
	gap := ""
	for _, t := range tokens {
		if t.kind == space {
			// Two strings on two lines are one string in SQL, so a line end between strings has a meaning.
			if strings.Contains(t.text, "\n") {
				gap = "\n"
			}
			continue
		}
		if b.Len() > 0 {
			if t.kind != literal {
				gap = " "
			} else if gap == "" {
				gap = " "
			}
			b.WriteString(gap)
		}
		b.WriteString(t.text)
		gap = ""
	}
	return b.String(), nil
}
