package stage

import (
	"io"
	"unicode/utf8"

	"golang.org/x/text/transform"
)

// xmlText is text in which a replacement character stands for bytes without meaning, and knows where. The reader of XML takes nothing else.
type xmlText struct {
	io.Reader
	written int64
	line    int64
	column  int
	bad     []badText
}

// badText is where bytes mean nothing: in the text that is read, and for people.
type badText struct {
	offset int64
	line   int64
	column int
}

func newXMLText(in io.Reader) *xmlText {
	x := &xmlText{line: 1, column: 1}
	x.Reader = transform.NewReader(in, x)
	return x
}

// Reset is never called while text is read.
func (x *xmlText) Reset() {}

// Transform implements transform.Transformer.
func (x *xmlText) Transform(dst, src []byte, atEOF bool) (written, read int, err error) {
	for read < len(src) {
		c, size := rune(src[read]), 1
		if c >= utf8.RuneSelf {
			if !atEOF && !utf8.FullRune(src[read:]) {
				return written, read, transform.ErrShortSrc
			}
			c, size = utf8.DecodeRune(src[read:])
		}
		bad := c == utf8.RuneError && size == 1
		if written+utf8.RuneLen(c) > len(dst) {
			return written, read, transform.ErrShortDst
		}
		if bad {
			x.bad = append(x.bad[max(0, len(x.bad)-most):], badText{x.written, x.line, x.column})
		}
		n := utf8.EncodeRune(dst[written:], c)
		written, read, x.written, x.column = written+n, read+size, x.written+int64(n), x.column+1
		if c == '\n' {
			x.line, x.column = x.line+1, 1
		}
	}
	return written, read, nil
}

// most is how many places of bytes without meaning are remembered. Those of a record are asked for at its end, when some thousand bytes more have
// been read.
const most = 1 << 17

// between is the first such place in a part of the text, and forgets those before its end.
func (x *xmlText) between(from, to int64) (badText, bool) {
	n := 0
	var first badText
	found := false
	for n < len(x.bad) && x.bad[n].offset < to {
		if !found && x.bad[n].offset >= from {
			first, found = x.bad[n], true
		}
		n++
	}
	x.bad = x.bad[n:]
	return first, found
}
