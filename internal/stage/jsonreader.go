package stage

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// jsonReader reads JSON strictly and never more of it than one value, which it can keep. Lines end in LF.
type jsonReader struct {
	from    io.Reader
	buffer  []byte
	at, end int    // what was read and is not consumed is buffer[at:end]
	kept    int    // where the value begins that is kept, or -1
	counted int    // up to where line and column are right
	line    int64  // of buffer[counted]
	column  int    // in characters
	nested  []byte // the brackets that are open in the value being read
}

func newJSONReader(in io.Reader) *jsonReader {
	j := &jsonReader{from: in, buffer: make([]byte, 1<<16), kept: -1, line: 1, column: 1}
	for j.end < len(bom) && j.fill() == nil {
		continue
	}
	if bytes.HasPrefix(j.buffer[:j.end], bom) {
		j.at, j.counted = len(bom), len(bom)
	}
	return j
}

// fill reads more; io.EOF at the end.
func (j *jsonReader) fill() error {
	j.place()
	low := j.at
	if j.kept >= 0 {
		low = j.kept
	}
	if j.end-low > maxRecord {
		return bufio.ErrTooLong
	}
	if low > 0 {
		copy(j.buffer, j.buffer[low:j.end])
		j.at, j.end, j.counted = j.at-low, j.end-low, j.counted-low
		j.kept = max(j.kept-low, -1)
	}
	if j.end == len(j.buffer) {
		j.buffer = append(j.buffer, make([]byte, len(j.buffer))...)
	}
	for range 100 {
		n, err := j.from.Read(j.buffer[j.end:])
		if j.end += n; n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// place is the line and column of the byte that comes next.
func (j *jsonReader) place() (line int64, column int) {
	passed := j.buffer[j.counted:j.at]
	if i := bytes.LastIndexByte(passed, '\n'); i >= 0 {
		j.line += int64(bytes.Count(passed[:i+1], passed[i:i+1]))
		j.column, passed = 1, passed[i+1:]
	}
	for _, c := range passed {
		if c < 0x80 || c >= 0xc0 {
			j.column++
		}
	}
	j.counted = j.at
	return j.line, j.column
}

// syntaxError is a byte that JSON does not allow; it is not consumed.
type syntaxError struct{ what string }

func (e *syntaxError) Error() string { return e.what }

// errShort is the end of the text within a value.
var errShort = io.ErrUnexpectedEOF

func (j *jsonReader) unexpected(c byte) error {
	line, column := j.place()
	if c < ' ' || c >= utf8.RuneSelf {
		return &syntaxError{fmt.Sprintf("byte 0x%02x at line %d, column %d", c, line, column)}
	}
	return &syntaxError{fmt.Sprintf("%q at line %d, column %d", string(c), line, column)}
}

// peek is the next byte; io.EOF at the end.
func (j *jsonReader) peek() (byte, error) {
	if j.at == j.end {
		if err := j.fill(); err != nil {
			return 0, err
		}
	}
	return j.buffer[j.at], nil
}

// space consumes white space and gives the byte behind it, which is not consumed.
func (j *jsonReader) space() (byte, error) {
	for {
		for ; j.at < j.end; j.at++ {
			if c := j.buffer[j.at]; !isSpace(c) {
				return c, nil
			}
		}
		if err := j.fill(); err != nil {
			return 0, err
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
	j.at++
	return nil
}

func short(err error) error {
	if errors.Is(err, io.EOF) {
		return errShort
	}
	return err
}

// value consumes one value. Its text is valid until the next call, and only there when it is to be kept.
func (j *jsonReader) value(keep bool) ([]byte, error) {
	j.nested = j.nested[:0]
	if keep {
		j.kept = j.at
	}
	err := j.values()
	return j.text(), err
}

// text ends the keeping and gives what was kept.
func (j *jsonReader) text() []byte {
	if j.kept < 0 {
		return nil
	}
	text := j.buffer[j.kept:j.at]
	j.kept = -1
	return text
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
			if err := j.string(); err != nil {
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
	j.at++
	c, err := j.space()
	if err != nil {
		return false, short(err)
	}
	if c == bracket+2 { // ] and } stand two behind [ and {
		j.at++
		return false, nil
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
	if err := j.string(); err != nil {
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
			j.at++
			if bracket == '{' {
				return false, j.name()
			}
			return false, nil
		case bracket + 2:
			j.at++
			j.nested = j.nested[:len(j.nested)-1]
		default:
			return false, j.unexpected(c)
		}
	}
	return true, nil
}

// string consumes a string. Whether its escapes mean something is for others.
func (j *jsonReader) string() error {
	if err := j.take('"'); err != nil {
		return err
	}
	for escaped := false; ; {
		for ; j.at < j.end; j.at++ {
			c := j.buffer[j.at]
			switch {
			case c < ' ':
				return j.unexpected(c)
			case escaped:
				escaped = false
			case c == '"':
				j.at++
				return nil
			case c == '\\':
				escaped = true
			}
		}
		if err := j.fill(); err != nil {
			return short(err)
		}
	}
}

// word consumes a number, true, false or null; the engine judges which numbers are such.
func (j *jsonReader) word(c byte) error {
	if c != '-' && (c < '0' || c > '9') && c != 't' && c != 'f' && c != 'n' {
		return j.unexpected(c)
	}
	for {
		for ; j.at < j.end; j.at++ {
			if !isWord(j.buffer[j.at]) {
				return nil
			}
		}
		if err := j.fill(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
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
// a line, behind something after which no value can come or where the value before stopped making sense. It gives the text of what it consumed,
// behind before, and io.EOF where none follows.
func (j *jsonReader) resume(before []byte) ([]byte, error) {
	text := append([]byte(nil), before[:min(len(before), rejected)]...)
	last, cut := lastOf(before), bytes.IndexByte(before, '\n') >= 0
	for ; ; cut = false {
		c, err := j.peek()
		if err != nil {
			return text, err
		}
		if c == '{' {
			_, column := j.place()
			if last == 0 || last == '}' || column == 1 && (cut || last != ',' && last != ':' && last != '[') {
				return text, nil
			}
		}
		if !isSpace(c) {
			last = c
		}
		if len(text) < rejected {
			text = append(text, c)
		}
		j.at++
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
