package stage

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"daybook/internal/fault"

	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/transform"
)

const cp949Name = "cp949"

// decoded gives text in the source's encoding as UTF-8. Bytes that mean nothing in it become such that mean nothing in UTF-8 either, so that
// whoever takes the record sees them; a replacement character would pass for text.
func decoded(encoding string, o Object, in io.Reader) (io.Reader, error) {
	if encoding != cp949Name {
		return in, nil
	}
	reader := bufio.NewReaderSize(in, 1<<16)
	if mark, err := reader.Peek(len(bom)); err == nil && bytes.Equal(mark, bom) { // it would pass for Korean
		return nil, fault.New(fault.Invalid, o.Name+" begins with the mark of UTF-8, and its source says encoding: cp949", "take encoding: out")
	}
	return transform.NewReader(reader, cp949{korean.EUCKR.NewDecoder()}), nil
}

// cp949 has no replacement character, so that one in its output stands for bytes without meaning.
type cp949 struct{ transform.Transformer }

var noText = []byte("\xff\xff\xff")

func (c cp949) Transform(dst, src []byte, atEOF bool) (int, int, error) {
	written, read, err := c.Transformer.Transform(dst, src, atEOF)
	for at := 0; ; {
		i := bytes.Index(dst[at:written], []byte("\ufffd"))
		if i < 0 {
			return written, read, err
		}
		at += i + copy(dst[at+i:], noText)
	}
}

// encodingName is how people call the encoding of a source.
func encodingName(encoding string) string {
	if encoding == cp949Name {
		return "CP949"
	}
	return "UTF-8"
}

// undecodable says where a record that begins at line and column, counted in characters, is no text; it is empty where all of it is.
func undecodable(encoding string, line int64, column int, record []byte) string {
	if utf8.Valid(record) {
		return ""
	}
	for i := 0; i < len(record); {
		switch c, size := utf8.DecodeRune(record[i:]); {
		case c == utf8.RuneError && size == 1:
			return notText(encoding, line, column)
		case c == '\n', c == '\r' && (i+1 == len(record) || record[i+1] != '\n'):
			line, column = line+1, 1
			i += size
		default:
			column++
			i += size
		}
	}
	return ""
}

func notText(encoding string, line int64, column int) string {
	return fmt.Sprintf("the record is not valid %s at line %d, column %d", encodingName(encoding), line, column)
}
