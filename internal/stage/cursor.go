package stage

import (
	"bytes"
	"encoding/json"
)

// cursor goes through the text of a JSON value that a reader has found whole. Over other text it makes no sense, but comes to an end.
type cursor struct {
	text []byte
	at   int
}

// space goes to the next byte that is none, and gives it; 0 at the end.
func (c *cursor) space() byte {
	for c.at < len(c.text) {
		if b := c.text[c.at]; !isSpace(b) {
			return b
		}
		c.at++
	}
	return 0
}

// value consumes a value and gives its text.
func (c *cursor) value() []byte {
	first := c.space()
	from := c.at
	switch first {
	case 0:
		return nil
	case '"':
		c.string()
	case '{', '[':
		c.nested()
	default:
		for c.at < len(c.text) && isWord(c.text[c.at]) {
			c.at++
		}
		if c.at == from {
			c.at++
		}
	}
	return c.text[from:c.at]
}

func (c *cursor) string() {
	for c.at++; c.at < len(c.text); c.at++ {
		if b := c.text[c.at]; b == '"' {
			c.at++
			return
		} else if b == '\\' {
			c.at++
		}
	}
	c.at = len(c.text)
}

func (c *cursor) nested() {
	for depth := 0; c.at < len(c.text); {
		switch c.text[c.at] {
		case '"':
			c.string()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		c.at++
		if depth == 0 {
			return
		}
	}
}

// members calls each for the members of an object's text, with the text of the name; it ends early when each says false.
func members(object []byte, each func(name, value []byte) bool) {
	c := cursor{text: object, at: 1}
	for {
		switch c.space() {
		case '"':
		case ',':
			c.at++
			continue
		default:
			return
		}
		name := c.value()
		if c.space() == ':' {
			c.at++
		}
		if value := c.value(); value == nil || !each(name, value) {
			return
		}
	}
}

// elements calls each for the elements of an array's text, with where they begin in it; it ends early when each says false.
func elements(array []byte, each func(at int, value []byte) bool) {
	c := cursor{text: array, at: 1}
	for {
		switch c.space() {
		case ',':
			c.at++
			continue
		case ']', 0:
			return
		}
		value := c.value()
		if !each(c.at-len(value), value) {
			return
		}
	}
}

// unquoted is what a JSON string says.
func unquoted(text []byte) string {
	if len(text) >= 2 && bytes.IndexByte(text, '\\') < 0 {
		return string(text[1 : len(text)-1])
	}
	var s string
	if json.Unmarshal(text, &s) != nil {
		return string(text)
	}
	return s
}
