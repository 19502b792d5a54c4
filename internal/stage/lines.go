package stage

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strings"
	"unicode/utf8"
)

// maxRecord bounds one record, so that a file without line ends cannot take all memory.
const maxRecord = 64 << 20

var bom = []byte("\xef\xbb\xbf")

// lines reads one JSON record per line; blank lines are no records, but count as lines.
func (r *run) lines(ctx context.Context, b *batch, object int, in io.Reader) error {
	scanner := bufio.NewScanner(in)
	scanner.Buffer(make([]byte, 1<<20), maxRecord)
	for line := int64(1); scanner.Scan(); line++ {
		record := scanner.Bytes()
		if line == 1 {
			record = bytes.TrimPrefix(record, bom)
		}
		if record = bytes.TrimSpace(record); len(record) == 0 {
			continue
		}
		if err := b.json(ctx, object, line, record); err != nil {
			return err
		}
	}
	return scanner.Err()
}

// json takes one record of JSON text; the engine finds out whether it is valid.
func (b *batch) json(ctx context.Context, object int, line int64, record []byte) error {
	switch {
	case !utf8.Valid(record):
		return b.reject(ctx, object, line, notUTF8, string(record))
	case record[0] != '{':
		return b.reject(ctx, object, line, "the record is not a JSON object", string(record))
	}
	return b.add(ctx, object, line, record, nil)
}

const notUTF8 = "the record is not valid UTF-8"

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
