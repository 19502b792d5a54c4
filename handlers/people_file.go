package handlers

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	netmail "net/mail"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"

	"daybook/internal/text"
)

const (
	maxPeopleFile = 1 << 20 // bytes
	maxPeopleRows = 20000
)

// words is a sentence of the tables, for whoever reads it in their language; the zero value says nothing.
type words struct {
	key  string
	args []any
}

func say(key string, args ...any) words { return words{key, args} }

// label is a string of the tables among the arguments of a sentence.
type label string

func (w words) in(l text.Locale) string {
	if w.key == "" {
		return ""
	}
	args := make([]any, len(w.args))
	for i, a := range w.args {
		if key, ok := a.(label); ok {
			a = l.T(string(key))
		}
		args[i] = a
	}
	return l.T(w.key, args...)
}

// listed is a row of a file of people.
type listed struct {
	line    int
	address string // lower case
	name    string // as it is in the cell
	locale  string // ko, en or empty
	groups  []string
	cell    string // the groups as they are in the cell
	problem words  // why the row is not taken
}

// peopleFile is a file of people, read. A column that the file lacks says nothing about anybody.
type peopleFile struct {
	hasName, hasLocale, hasGroups bool
	rows                          []listed
}

// peopleColumnNames are what the columns may be called in a header.
func peopleColumnNames() map[string]string {
	return map[string]string{
		"address": "address", "email": "address", "e-mail": "address", "mail": "address", "주소": "address", "이메일": "address", "메일": "address",
		"name": "name", "이름": "name", "성명": "name",
		"locale": "locale", "language": "locale", "언어": "locale",
		"groups": "groups", "group": "groups", "그룹": "groups",
	}
}

// readPeople reads a file of people: UTF-8, with or without a mark, or CP949; separated by commas, semicolons or tabs; with a header.
// A row that cannot be used carries its problem; the problem returned is one of the whole file.
func readPeople(raw []byte) (peopleFile, words) {
	if len(raw) > maxPeopleFile {
		return peopleFile{}, say("import.error.large")
	}
	body, ok := decodeText(raw)
	if !ok {
		return peopleFile{}, say("import.error.encoding")
	}
	columns, comma, problem := readHeader(body)
	if problem.key != "" {
		return peopleFile{}, problem
	}
	var f peopleFile
	width := 0
	for _, c := range columns {
		f.hasName, f.hasLocale, f.hasGroups = f.hasName || c == "name", f.hasLocale || c == "locale", f.hasGroups || c == "groups"
	}
	r := csvReader(body, comma)
	for first, seen := true, map[string]int{}; ; first = false {
		cells, err := r.Read()
		var broken *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			if len(f.rows) == 0 {
				return f, say("import.error.empty")
			}
			return f, words{}
		case first:
			width = len(cells)
			continue
		case len(f.rows) == maxPeopleRows:
			return f, say("import.error.many", maxPeopleRows)
		case errors.As(err, &broken):
			f.rows = append(f.rows, listed{line: broken.StartLine, problem: say("import.error.quote")})
			continue
		case blank(cells):
			continue
		}
		row := readRow(columns, cells)
		row.line, _ = r.FieldPos(0)
		if row.problem.key == "" && len(cells) != width {
			row.problem = say("import.error.cells", len(cells), width)
		}
		if line, ok := seen[row.address]; ok && row.problem.key == "" {
			row.problem = say("import.error.repeated", line)
		} else if row.address != "" && row.problem.key == "" {
			seen[row.address] = row.line
		}
		f.rows = append(f.rows, row)
	}
}

// decodeText is the text of a file in UTF-8 or CP949, without a byte order mark.
func decodeText(raw []byte) (string, bool) {
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if bytes.IndexByte(raw, 0) >= 0 { // UTF-16, or no text at all
		return "", false
	}
	if utf8.Valid(raw) {
		return string(raw), true
	}
	decoded, err := korean.EUCKR.NewDecoder().Bytes(raw)
	if err != nil || bytes.ContainsRune(decoded, utf8.RuneError) {
		return "", false
	}
	return string(decoded), true
}

func csvReader(body string, comma rune) *csv.Reader {
	r := csv.NewReader(strings.NewReader(body))
	r.Comma, r.FieldsPerRecord, r.TrimLeadingSpace = comma, -1, comma != '\t'
	return r
}

// readHeader finds the separator that makes the most of the first row, and what its columns are; "" is one that nobody asked for.
func readHeader(body string) (columns []string, comma rune, problem words) {
	best := 0
	names := peopleColumnNames()
	for _, candidate := range []rune{',', ';', '\t'} {
		cells, err := csvReader(body, candidate).Read()
		if err != nil {
			continue
		}
		var list []string
		known := 0
		for _, cell := range cells {
			name := names[strings.ToLower(strings.TrimSpace(cell))]
			if name != "" {
				known++
			}
			list = append(list, name)
		}
		if known > best {
			best, columns, comma = known, list, candidate
		}
	}
	seen := map[string]bool{}
	for _, c := range columns {
		if c != "" && seen[c] {
			return nil, 0, say("import.error.twice", c)
		}
		seen[c] = true
	}
	if !seen["address"] {
		return nil, 0, say("import.error.header")
	}
	return columns, comma, words{}
}

func blank(cells []string) bool {
	return strings.TrimSpace(strings.Join(cells, "")) == ""
}

// readRow reads the cells of one person.
func readRow(columns, cells []string) listed {
	var row listed
	for i, column := range columns {
		if i >= len(cells) {
			break
		}
		cell := strings.TrimSpace(cells[i])
		switch column {
		case "address":
			row.address = strings.ToLower(unguarded(cell))
		case "name":
			row.name = cell
		case "locale":
			locale, ok := localeNamed(cell)
			if !ok {
				row.problem = say("import.error.locale", shortened(cell))
			}
			row.locale = locale
		case "groups":
			row.cell, row.groups = cell, splitGroups(unguarded(cell))
		}
	}
	if row.address == "" {
		row.problem = say("import.error.noaddress")
	}
	return row
}

// splitGroups reads the names in a cell, each once and in the order of the cell.
func splitGroups(cell string) []string {
	var out []string
	seen := map[string]bool{}
	for name := range strings.FieldsFuncSeq(cell, func(r rune) bool { return strings.ContainsRune(";,|\r\n", r) }) {
		if name = strings.TrimSpace(name); name != "" && !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	return out
}

// localeNamed is ko or en for a language by its code or its name, and nothing for nothing.
func localeNamed(s string) (string, bool) {
	s, _, _ = strings.Cut(strings.ToLower(s), "-")
	switch s {
	case "":
		return "", true
	case "ko", "kor", "korean", "한국어", "한글", "국문":
		return string(text.Korean), true
	case "en", "eng", "english", "영어", "영문":
		return string(text.English), true
	}
	return "", false
}

// unguarded takes away the apostrophe that guarded puts before what a spreadsheet would run.
func unguarded(s string) string {
	if rest, ok := strings.CutPrefix(s, "'"); ok && guarded(rest) == s {
		return rest
	}
	return s
}

// shortened keeps a sentence about a cell readable.
func shortened(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// validAddress reports whether mail can be sent to an address as it stands: ASCII, without a name.
func validAddress(address string) bool {
	a, err := netmail.ParseAddress("<" + address + ">")
	return err == nil && a.Address == address && a.Name == "" && len(address) <= 254 && !strings.ContainsAny(address, "\"()<>,;:\\[] ") &&
		strings.IndexFunc(address, func(r rune) bool { return r <= ' ' || r >= utf8.RuneSelf }) < 0
}

// maxName is how many characters a person's name may have.
const maxName = 200

// validName reports whether a name is one line of text.
func validName(name string) bool {
	return utf8.ValidString(name) && utf8.RuneCountInString(name) <= maxName &&
		strings.IndexFunc(name, func(r rune) bool {
			return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029'
		}) < 0
}
