package collect

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"daybook/internal/fault"
)

const hint = "send one JSON object a line, or an array of them"

// Records makes of a body one JSON object a line, each with the bytes that it came with but for line breaks between its parts: the body is
// an array of objects, one object, or objects a line each. Empty lines are left out. The body's own memory is used for the result. What
// is no object is a fault of code invalid that names the first one.
func Records(body []byte) (records []byte, n int, err error) {
	text := bytes.TrimSpace(body)
	switch {
	case len(text) == 0:
		return nil, 0, nil
	case text[0] == '[':
		return array(text)
	}
	if first, _, more := bytes.Cut(text, []byte{'\n'}); more && !whole(bytes.TrimSpace(first)) && whole(text) { // one object on several lines
		return append(joined(text[:0], text), '\n'), 1, nil
	}
	return lines(body)
}

// whole reports whether text is one JSON object in UTF-8.
func whole(text []byte) bool {
	return len(text) > 0 && text[0] == '{' && json.Valid(text) && utf8.Valid(text)
}

// joined appends JSON without its line breaks, which stand only between parts of a value. Out may begin where value does.
func joined(out, value []byte) []byte {
	for _, b := range value {
		if b != '\n' && b != '\r' {
			out = append(out, b)
		}
	}
	return out
}

func lines(body []byte) ([]byte, int, error) {
	out, n, number := body[:0], 0, 0
	for rest := body; len(rest) > 0; {
		number++
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte{'\n'})
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if !whole(line) {
			return nil, 0, bad(fmt.Sprintf("line %d is", number), line)
		}
		// Never ahead of what is read: a line and its end fit where they stood, except for the last one without an end.
		out = append(append(out, line...), '\n')
		n++
	}
	return out, n, nil
}

// array splits an array of objects at its commas.
func array(text []byte) ([]byte, int, error) {
	out, n, number := text[:0], 0, 1
	depth, from, quoted := 0, 1, false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '\n':
			number++
		case b == '{' || b == '[':
			depth++
		case b == '}' || b == ']':
			depth--
		}
		end := depth == 0
		if quoted || !end && (depth != 1 || text[i] != ',') {
			continue
		}
		element := bytes.TrimSpace(text[from:i])
		from = i + 1
		if end && text[i] != ']' {
			break
		}
		if !end || n > 0 || len(element) > 0 { // it is not []
			if !whole(element) {
				return nil, 0, bad(fmt.Sprintf("record %d, which ends on line %d, is", n+1, number), element)
			}
			out, n = append(joined(out, element), '\n'), n+1
		}
		if end && len(bytes.TrimSpace(text[from:])) > 0 {
			return nil, 0, fault.New(fault.Invalid, "something follows the array of records", hint)
		}
		if end {
			return out, n, nil
		}
	}
	return nil, 0, fault.New(fault.Invalid, "the array of records does not end", hint)
}

func bad(which string, text []byte) error {
	switch {
	case !utf8.Valid(text):
		return fault.New(fault.Invalid, which+" not UTF-8", hint)
	case json.Valid(text):
		return fault.New(fault.Invalid, which+" JSON but no object", hint)
	}
	return fault.New(fault.Invalid, which+" not JSON", hint)
}

// cut shortens a segment to its last whole record and returns what is left. A torn write may have lost any part of what was never
// confirmed, so the first line that is no record ends it.
func cut(path string) (int64, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var kept int64
	r := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if err != nil || !whole(line[:len(line)-1]) {
			break
		}
		kept += int64(len(line))
	}
	return kept, errors.Join(f.Truncate(kept), f.Sync())
}
