package stage

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// csvRecord is a record; reason says why it is none. One without quotes is its text, valid until the next one is read, between commas; others have
// fields, which are strings, or nil for an empty one without quotes.
type csvRecord struct {
	fields []any
	line   int64
	text   []byte
	reason string
}

func (r csvRecord) width() int {
	if r.fields != nil {
		return len(r.fields)
	}
	return bytes.Count(r.text, comma) + 1
}

// values are the fields of every record.
func (r csvRecord) values() []any {
	if r.fields != nil {
		return r.fields
	}
	values := make([]any, 0, r.width())
	for field := range bytes.SplitSeq(r.text, comma) {
		if len(field) == 0 {
			values = append(values, nil)
		} else {
			values = append(values, string(field))
		}
	}
	return values
}

// csvReader splits a file into records.
type csvReader struct {
	scanner *bufio.Scanner
	waiting [][]byte // lines given back
	line    int64    // of the line that was read last
	from    string   // the encoding that the text came in, for people
}

func newCSVReader(in io.Reader, from string) *csvReader {
	scanner := bufio.NewScanner(in)
	scanner.Buffer(make([]byte, 1<<20), maxRecord)
	scanner.Split(anyLine)
	return &csvReader{scanner: scanner, from: from}
}

// anyLine splits after LF, CRLF or CR and keeps the line end.
func anyLine(data []byte, atEOF bool) (int, []byte, error) {
	i := bytes.IndexAny(data, "\r\n")
	switch {
	case len(data) == 0, i < 0 && !atEOF:
		return 0, nil, nil
	case i < 0:
		return len(data), data, nil
	case data[i] == '\r' && i == len(data)-1 && !atEOF:
		return 0, nil, nil
	case data[i] == '\r' && i+1 < len(data) && data[i+1] == '\n':
		i++
	}
	return i + 1, data[:i+1], nil
}

// nextLine is valid until the next call.
func (c *csvReader) nextLine() ([]byte, error) {
	if len(c.waiting) > 0 {
		line := c.waiting[0]
		c.waiting = c.waiting[1:]
		c.line++
		return line, nil
	}
	if !c.scanner.Scan() {
		if err := c.scanner.Err(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	}
	line := c.scanner.Bytes()
	if c.line++; c.line == 1 {
		line = bytes.TrimPrefix(line, bom)
	}
	return line, nil
}

// next gives the next record; blank lines are none. The error is io.EOF at the end.
func (c *csvReader) next() (csvRecord, error) {
	for {
		line, err := c.nextLine()
		if err != nil {
			return csvRecord{}, err
		}
		if body, _ := cutEnd(line); len(body) > 0 {
			return c.record(line)
		}
	}
}

// cutEnd splits a line into its body and its line end.
func cutEnd(line []byte) (body, end []byte) {
	body = bytes.TrimRight(line, "\r\n")
	return body, line[len(body):]
}

// quotedRecord bounds a record that goes over several lines, so that a stray quote costs little.
const quotedRecord = 1 << 20

// record reads the record that begins with line. Where the lines together are no record, only the first is given up.
func (c *csvReader) record(line []byte) (csvRecord, error) {
	record := csvRecord{line: c.line}
	first, end := cutEnd(line)
	if bytes.IndexByte(first, '"') < 0 {
		record.text, record.reason = first, undecodable(c.from, record.line, 1, first)
		return record, nil
	}
	whole := append([]byte{}, first...)
	var parser csvParser
	parser.feed(first)
	var more [][]byte
	for parser.state == inQuotes {
		whole = append(whole, end...)
		parser.field = append(parser.field, end...)
		next, err := c.nextLine()
		if err != nil && !errors.Is(err, io.EOF) {
			return record, err
		}
		if err == nil {
			more = append(more, bytes.Clone(next))
		}
		if err != nil || len(whole)+len(next) > quotedRecord {
			parser.reason = "a quote is never closed"
			break
		}
		var body []byte
		body, end = cutEnd(next)
		whole = append(whole, body...)
		parser.feed(body)
	}
	if record.reason = parser.reason; record.reason != "" && len(more) > 0 {
		c.waiting = append(more, c.waiting...)
		c.line = record.line
		whole = whole[:len(first)]
	}
	if record.reason == "" {
		record.fields = parser.end()
		record.reason = undecodable(c.from, record.line, 1, whole)
	}
	record.text = whole
	return record, nil
}

var comma = []byte(",")

type csvState int

const (
	fieldStart csvState = iota
	plain
	inQuotes
	afterQuote
)

// csvParser takes a record line by line.
type csvParser struct {
	fields []any
	field  []byte
	quoted bool
	state  csvState
	reason string
}

func (p *csvParser) feed(body []byte) {
	for _, c := range body {
		switch {
		case p.state == inQuotes && c != '"':
			p.field = append(p.field, c)
		case p.state == inQuotes:
			p.state = afterQuote
		case c == ',':
			p.close()
		case p.state == fieldStart && c == '"':
			p.state, p.quoted = inQuotes, true
		case p.state == afterQuote && c == '"':
			p.field, p.state = append(p.field, c), inQuotes
		case p.state == afterQuote:
			p.reason = "something follows a closing quote"
			return
		case c == '"':
			p.reason = "a quote stands in a field that does not begin with one"
			return
		default:
			p.field, p.state = append(p.field, c), plain
		}
	}
}

func (p *csvParser) close() {
	if len(p.field) == 0 && !p.quoted {
		p.fields = append(p.fields, nil)
	} else {
		p.fields = append(p.fields, string(p.field))
	}
	p.field, p.quoted, p.state = p.field[:0], false, fieldStart
}

func (p *csvParser) end() []any {
	p.close()
	return p.fields
}
