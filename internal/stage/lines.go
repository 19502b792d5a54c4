package stage

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxRecord bounds one record, so that a file without line ends cannot take all memory.
const maxRecord = 64 << 20

var bom = []byte("\xef\xbb\xbf")

// lines reads one JSON record per line; blank lines are no records, but count as lines.
func (r *run) lines(ctx context.Context, to taker, object int, in io.Reader) error {
	scanner := bufio.NewScanner(in)
	scanner.Buffer(make([]byte, 1<<20), maxRecord)
	for line := int64(1); scanner.Scan(); line++ {
		record := scanner.Bytes()
		if line == 1 {
			record = bytes.TrimPrefix(record, bom)
		}
		whole := len(record)
		record = bytes.TrimLeftFunc(record, unicode.IsSpace)
		column := 1 + whole - len(record)
		if record = bytes.TrimSpace(record); len(record) == 0 {
			continue
		}
		if err := to.json(ctx, object, line, column, record); err != nil {
			return err
		}
	}
	return scanner.Err()
}

// json takes one record of JSON text; the engine finds out whether it is valid.
func (b *batch) json(ctx context.Context, object int, line int64, column int, record []byte) error {
	switch {
	case !utf8.Valid(record):
		return b.reject(ctx, object, line, undecodable(b.run.job.Source.Encoding, line, column, record), string(record))
	case record[0] != '{':
		return b.reject(ctx, object, line, notObject, string(record))
	}
	return b.add(ctx, object, line, record, nil)
}

const notObject = "the record is not a JSON object"

// cut keeps the text of a reject at 1000 bytes of valid UTF-8.
func cut(s string) string {
	const limit = 1000
	s = strings.ToValidUTF8(s[:min(len(s), 2*limit)], "\ufffd")
	for len(s) > limit {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}
