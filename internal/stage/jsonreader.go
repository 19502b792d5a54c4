package stage

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// jsonReader reads JSON strictly and never more of it than one value, which it can keep. Lines end in LF.
type jsonReader struct {
	in     *bufio.Reader
	line   int64 // of the byte that comes next
	column int   // in characters
	keep   bool
	kept   []byte
	nested []byte // the brackets that are open in the value being read
}

func newJSONReader(in io.Reader) *jsonReader {
	j := &jsonReader{in: bufio.NewReaderSize(in, 1<<16), line: 1, column: 1}
	if mark, err := j.in.Peek(len(bom)); err == nil && string(mark) == string(bom) {
		_, _ = j.in.Discard(len(bom)) // just peeked
	}
	return j
}

// syntaxError is a byte that JSON does not allow; it is not consumed.
type syntaxError struct{ what string }

func (e *syntaxError) Error() string { return e.what }

// errShort is the end of the text within a value.
var errShort = io.ErrUnexpectedEOF

func (j *jsonReader) unexpected(c byte) error {
	if c < ' ' || c >= utf8.RuneSelf {
		return &syntaxError{fmt.Sprintf("byte 0x%02x at line %d, column %d", c, j.line, j.column)}
	}
	return &syntaxError{fmt.Sprintf("%q at line %d, column %d", string(c), j.line, j.column)}
}

// peek is the next byte; io.EOF at the end.
func (j *jsonReader) peek() (byte, error) {
	b, err := j.in.Peek(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// skip consumes n bytes that were peeked.
func (j *jsonReader) skip(b []byte) error {
	for _, c := range b {
		if c == '\n' {
			j.line, j.column = j.line+1, 1
		} else if c < 0x80 || c >= 0xc0 {
			j.column++
		}
	}
	if j.keep {
		if len(j.kept)+len(b) > maxRecord {
			return bufio.ErrTooLong
		}
		j.kept = append(j.kept, b...)
	}
	_, err := j.in.Discard(len(b))
	return err
}

// waiting is what can be looked at without reading more, at least one byte.
func (j *jsonReader) waiting() ([]byte, error) {
	if _, err := j.in.Peek(1); err != nil {
		return nil, err
	}
	return j.in.Peek(j.in.Buffered())
}

// space consumes white space and gives the byte behind it, which is not consumed.
func (j *jsonReader) space() (byte, error) {
	for {
		b, err := j.waiting()
		if err != nil {
			return 0, err
		}
		n := 0
		for n < len(b) && isSpace(b[n]) {
			n++
		}
		more := n == len(b)
		var c byte
		if !more {
			c = b[n]
		}
		if err := j.skip(b[:n]); err != nil || !more {
			return c, err
		}
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// take consumes one byte, which must be c.
func (j *jsonReader) take(c byte) error {
	got, err := j.peek()
	switch {
	case err != nil:
		return short(err)
	case got != c:
		return j.unexpected(got)
	}
	return j.skip([]byte{c})
}

func short(err error) error {
	if errors.Is(err, io.EOF) {
		return errShort
	}
	return err
}

// value consumes one value. Its text is valid until the next call, and only there when it is to be kept.
func (j *jsonReader) value(keep bool) ([]byte, error) {
	j.keep, j.kept, j.nested = keep, j.kept[:0], j.nested[:0]
	err := j.values()
	j.keep = false
	return j.kept, err
}

// values consumes one value with all that is in it, without recursion: hostile text must not take the stack.
func (j *jsonReader) values() error {
	for {
		c, err := j.space()
		if err != nil {
			return short(err)
		}
		switch c {
		case '{', '[':
			opened, err := j.open(c)
			if err != nil {
				return err
			}
			if opened {
				continue
			}
		case '"':
			if err := j.text(); err != nil {
				return err
			}
		default:
			if err := j.word(c); err != nil {
				return err
			}
		}
		if done, err := j.after(); done || err != nil {
			return err
		}
	}
}

// open consumes an opening bracket, and the closing one of an empty value; opened says that a value follows.
func (j *jsonReader) open(bracket byte) (opened bool, err error) {
	if err := j.skip([]byte{bracket}); err != nil {
		return false, err
	}
	c, err := j.space()
	if err != nil {
		return false, short(err)
	}
	if c == bracket+2 { // ] and } stand two behind [ and {
		return false, j.skip([]byte{c})
	}
	j.nested = append(j.nested, bracket)
	if bracket == '{' {
		return true, j.name()
	}
	return true, nil
}

// name consumes a member's name and its colon.
func (j *jsonReader) name() error {
	c, err := j.space()
	if err != nil {
		return short(err)
	}
	if c != '"' {
		return j.unexpected(c)
	}
	if err := j.text(); err != nil {
		return err
	}
	if _, err := j.space(); err != nil {
		return short(err)
	}
	return j.take(':')
}

// after consumes what follows a value within others, up to the next one; done says that the outermost is complete.
func (j *jsonReader) after() (done bool, err error) {
	for len(j.nested) > 0 {
		c, err := j.space()
		if err != nil {
			return false, short(err)
		}
		bracket := j.nested[len(j.nested)-1]
		switch c {
		case ',':
			if err := j.skip([]byte{c}); err != nil {
				return false, err
			}
			if bracket == '{' {
				return false, j.name()
			}
			return false, nil
		case bracket + 2:
			if err := j.skip([]byte{c}); err != nil {
				return false, err
			}
			j.nested = j.nested[:len(j.nested)-1]
		default:
			return false, j.unexpected(c)
		}
	}
	return true, nil
}

// text consumes a string. Whether its escapes mean something is for others.
func (j *jsonReader) text() error {
	if err := j.take('"'); err != nil {
		return err
	}
	for {
		b, err := j.waiting()
		if err != nil {
			return short(err)
		}
		n := 0
		for n < len(b) && b[n] != '"' && b[n] != '\\' && b[n] >= ' ' {
			n++
		}
		if n < len(b) && b[n] == '\\' {
			if n > 0 || len(b) < 2 {
				if err := j.skip(b[:n]); err != nil {
					return err
				}
				if b, err = j.in.Peek(2); err != nil {
					return short(err)
				}
				n = 0
			}
			if b[1] < ' ' {
				return j.unexpected(b[0])
			}
			if err := j.skip(b[:2]); err != nil {
				return err
			}
			continue
		}
		end := n < len(b)
		var c byte
		if end {
			c = b[n]
		}
		if err := j.skip(b[:n]); err != nil {
			return err
		}
		if end && c == '"' {
			return j.skip([]byte{c})
		}
		if end {
			return j.unexpected(c)
		}
	}
}

// word consumes a number, true, false or null; the engine judges which numbers are such.
func (j *jsonReader) word(c byte) error {
	if c != '-' && (c < '0' || c > '9') && c != 't' && c != 'f' && c != 'n' {
		return j.unexpected(c)
	}
	for first := true; ; first = false {
		b, err := j.waiting()
		if errors.Is(err, io.EOF) && !first {
			return nil
		}
		if err != nil {
			return err
		}
		n := 0
		for n < len(b) && isWord(b[n]) {
			n++
		}
		end := n < len(b)
		if err := j.skip(b[:n]); err != nil || end {
			return err
		}
	}
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '-' || c == '+' || c == '.' || c == 'E'
}

// rejected is how much is kept of a value that is none.
const rejected = 2000

// resume consumes what cannot be read, up to where a record may begin: an object that directly follows another one, or one at the beginning of
// a line, behind something after which no value can come. It gives the text of what it consumed, behind before, and io.EOF where none follows.
func (j *jsonReader) resume(before []byte) ([]byte, error) {
	text := append([]byte(nil), before[:min(len(before), rejected)]...)
	last := lastOf(before)
	for {
		c, err := j.peek()
		if err != nil {
			return text, err
		}
		if c == '{' && (last == 0 || last == '}' || j.column == 1 && last != ',' && last != ':' && last != '[') {
			return text, nil
		}
		if !isSpace(c) {
			last = c
		}
		if len(text) < rejected {
			text = append(text, c)
		}
		if err := j.skip([]byte{c}); err != nil {
			return text, err
		}
	}
}

func lastOf(text []byte) byte {
	for i := len(text) - 1; i >= 0; i-- {
		if !isSpace(text[i]) {
			return text[i]
		}
	}
	return 0
}
