package source

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/korean"

	"daybook/internal/fault"
)

// mostDepth of what is nested in an answer.
const mostDepth = 500

// httpReading is what an answer says beside its records.
type httpReading struct {
	records int64
	total   *int64
	next    string // the cursor or the link to the next page, as text
	code    string // of ok:
	message string
	absent  string // what there was instead of records
	single  bool   // it is one object that counts as one record
	gateway bool   // it is the error that the gateway of data.go.kr gives instead of the API's own answer, as XML whatever was asked for
}

// read reads an answer to its end; an error means that it is not whole, or not in the format.
func (h *httpFetch) read(r io.Reader, format string) (httpReading, error) {
	b := bufio.NewReader(r)
	if bom, _ := b.Peek(3); bytes.Equal(bom, []byte("\ufeff")) {
		_, _ = b.Discard(3) // they were just seen
	}
	found := map[string]*string{h.s.Pages.Total: nil, h.s.Pages.Next: nil, h.s.OK.Path: nil, h.s.OK.Message: nil}
	delete(found, "")
	var records int64
	var single bool
	var absent string
	var err error
	switch format {
	case "json", "ndjson", "dynamodb":
		if startsWith(b, '<') {
			return readGateway(b)
		}
		if format == "json" {
			object := startsWith(b, '{')
			records, absent, err = readJSON(b, h.r.Source.Records, found)
			single = records == 1 && h.r.Source.Records == "" && object
		} else {
			records, err = readLines(b)
		}
	case "xml":
		var root string
		records, root, err = readXML(b, h.r.Source.Records, found)
		if root == gatewayRoot && err == nil {
			return httpReading{gateway: true, code: textOf(found["returnReasonCode"]), message: textOf(found["returnAuthMsg"])}, nil
		}
	case "csv":
		if startsWith(b, '<') {
			return httpReading{}, errors.New("it is no CSV, it begins with <")
		}
		records, err = readCSV(b, h.r.Source.Header)
	case "parquet":
		err = readParquet(b)
	}
	out := httpReading{records: records, single: single, absent: absent, next: textOf(found[h.s.Pages.Next]), code: textOf(found[h.s.OK.Path]), message: textOf(found[h.s.OK.Message])}
	if v := found[h.s.Pages.Total]; err == nil && v != nil && *v != "" {
		n, bad := strconv.ParseInt(*v, 10, 64)
		if bad != nil || n < 0 {
			return out, fmt.Errorf("%s is %q, no number of records", h.s.Pages.Total, oneLine(*v))
		}
		out.total = &n
	}
	return out, err
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// verdict is the fault of an answer of status 200 that says that it is an error.
func (h *httpFetch) verdict(t httpTarget, found httpReading) error {
	ok := h.s.OK
	if !found.gateway && (ok.Path == "" || slices.Contains(ok.Equals, found.code)) {
		return nil
	}
	code := found.code
	if code == "" {
		code = "no " + ok.Path
	}
	message := fmt.Sprintf("%s answers %s", t.shown, oneLine(h.mask(code)))
	if words := oneLine(h.mask(found.message)); words != "" {
		message += ": " + words
	}
	hint := "look the code up in the API's manual, and correct the source or run the day again"
	switch {
	case slices.Contains(ok.Quota, found.code), found.gateway && found.code == "22":
		_, until, err := h.quotaDay()
		if err != nil {
			return err
		}
		return h.waiting(until, errors.New(message))
	case found.gateway && len(found.code) == 2 && found.code >= "20" && found.code < "40":
		return fault.New(fault.Refused, message, "correct the key under secrets:, as the portal shows it decoded, or ask the portal for access to this API")
	}
	return fault.New(fault.Unavailable, message, hint)
}

// startsWith reports whether the first byte that is no space is c.
func startsWith(b *bufio.Reader, c byte) bool {
	for n := 1; ; n++ {
		p, err := b.Peek(n)
		if err != nil {
			return false
		}
		if last := p[n-1]; !strings.ContainsRune(" \t\r\n", rune(last)) {
			return last == c
		}
	}
}

const gatewayRoot = "OpenAPI_ServiceResponse"

// readGateway reads the error of the gateway of data.go.kr; other XML, such as a page for people, is none of the formats.
func readGateway(r io.Reader) (httpReading, error) {
	found := map[string]*string{}
	_, root, err := readXML(r, "", found)
	if err != nil || root != gatewayRoot {
		return httpReading{}, errors.New("it is no JSON, it begins with <")
	}
	return httpReading{gateway: true, code: textOf(found["returnReasonCode"]), message: textOf(found["returnAuthMsg"])}, nil
}

// readJSON counts the records at a path, as they are staged, and fills in what is wanted; several values may follow each other. Absent
// says what was there instead of the path, empty when it was there.
func readJSON(r io.Reader, records string, found map[string]*string) (count int64, absent string, err error) {
	s := &jsonScan{dec: json.NewDecoder(r), within: records != "", found: found}
	s.dec.UseNumber()
	root := jsonSpot{on: true}
	if records != "" {
		root.rest = strings.Split(records, ".")
	}
	for values := 0; ; values++ {
		t, err := s.dec.Token()
		if errors.Is(err, io.EOF) && values > 0 {
			return s.count, s.absent, nil
		}
		if err == nil {
			err = s.value(root, t)
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return s.count, "", fmt.Errorf("it is no JSON: %w", err)
		}
	}
}

type jsonScan struct {
	dec    *json.Decoder
	within bool // the records are within answers
	found  map[string]*string
	count  int64
	absent string
}

// jsonSpot is where a value is: its path, and the rest of the way to the records while it is on it.
type jsonSpot struct {
	path  string
	on    bool
	many  bool // it is in an array on the way
	rest  []string
	depth int
}

func (s *jsonScan) value(at jsonSpot, t json.Token) error {
	if at.depth > mostDepth {
		return fmt.Errorf("it is nested more than %d deep", mostDepth)
	}
	d, nested := t.(json.Delim)
	if _, wanted := s.found[at.path]; wanted && !nested && at.path != "" {
		v := tokenText(t)
		s.found[at.path] = &v
	}
	switch {
	case at.on && d == '[': // an array of records, or of answers on the way to them
	case at.on && len(at.rest) == 0 && s.within && !at.many && d == '{' && !s.dec.More(): // how some APIs write that there are none
	case at.on && len(at.rest) == 0 && (at.many || d == '{' || !s.within):
		s.count++
		at.on = false
	case at.on && !nested && t != nil && t != "":
		s.absent = "something else on the way to the records"
	}
	switch d {
	case '[':
		return s.elements(at)
	case '{':
		return s.members(at)
	}
	return nil
}

func (s *jsonScan) elements(at jsonSpot) error {
	for s.dec.More() {
		t, err := s.dec.Token()
		if err != nil {
			return err
		}
		below := jsonSpot{path: "\x00", on: at.on, many: true, rest: at.rest, depth: at.depth + 1} // in an array there is nothing to look for
		if at.on && !s.within {
			s.count++
			below.on = false
		}
		if err := s.value(below, t); err != nil {
			return err
		}
	}
	_, err := s.dec.Token()
	return err
}

func (s *jsonScan) members(at jsonSpot) error {
	var names []string
	seen := false
	for s.dec.More() {
		k, err := s.dec.Token()
		if err != nil {
			return err
		}
		name, _ := k.(string) // a key is one
		if len(names) < 10 {
			names = append(names, name)
		}
		below := jsonSpot{path: at.path + "." + name, many: at.many, depth: at.depth + 1}
		if at.path == "" {
			below.path = name
		}
		if at.on && len(at.rest) > 0 && at.rest[0] == name {
			below.on, below.rest, seen = true, at.rest[1:], true
		}
		t, err := s.dec.Token()
		if err != nil {
			return err
		}
		if err := s.value(below, t); err != nil {
			return err
		}
	}
	if at.on && len(at.rest) > 0 && !seen && !at.many && len(names) > 0 {
		s.absent = "an object with " + strings.Join(names, ", ")
	}
	_, err := s.dec.Token()
	return err
}

// tokenText is a scalar's text; null, false and what has no text are empty.
func tokenText(t json.Token) string {
	switch v := t.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
	}
	return ""
}

// readXML counts the elements of a name, or of names within each other, and fills in what is wanted: the texts at paths from the root, and of the gateway's error.
func readXML(r io.Reader, records string, found map[string]*string) (count int64, root string, err error) {
	dec := xml.NewDecoder(r)
	dec.CharsetReader = func(charset string, r io.Reader) (io.Reader, error) {
		switch strings.ToLower(charset) {
		case "euc-kr", "cp949", "ks_c_5601-1987", "ms949":
			return korean.EUCKR.NewDecoder().Reader(r), nil
		}
		return nil, fmt.Errorf("it is encoded in %s", charset)
	}
	var path []string
	var chars strings.Builder
	element, record := strings.Split(records, "."), 0 // record is the depth of the one that is open
	for {
		t, err := dec.Token()
		if errors.Is(err, io.EOF) && root != "" && len(path) == 0 {
			return count, root, nil
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return count, root, fmt.Errorf("it is no XML: %w", err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if len(path) == 0 && root != "" || len(path) > mostDepth {
				return count, root, errors.New("it is no XML: it has two roots, or is nested too deep")
			}
			if len(path) == 0 {
				root = t.Name.Local
			}
			if path = append(path, t.Name.Local); records != "" && record == 0 && endsWith(path, element) {
				count, record = count+1, len(path)
			}
			chars.Reset()
		case xml.CharData:
			chars.Write(t)
		case xml.EndElement:
			v := strings.TrimSpace(chars.String())
			if at := strings.Join(path, "."); wantedXML(at, found) {
				found[at] = &v
			} else if root == gatewayRoot {
				found[t.Name.Local] = &v
			}
			if record == len(path) {
				record = 0
			}
			path = path[:len(path)-1]
			chars.Reset()
		}
	}
}

func endsWith(path, element []string) bool {
	return len(path) >= len(element) && slices.Equal(path[len(path)-len(element):], element)
}

func wantedXML(path string, found map[string]*string) bool {
	_, ok := found[path]
	return ok
}

// readLines counts the lines of NDJSON; the last one, which a cut would show in, must be a whole value.
func readLines(b *bufio.Reader) (count int64, err error) {
	var last []byte
	for {
		line, err := b.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			count, last = count+1, line
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return count, err
		}
	}
	if count > 0 && !json.Valid(last) {
		return count, errors.New("its last line is no JSON")
	}
	return count, nil
}

// readCSV counts the records. One at the end that has no end of line and fewer fields than the first was cut off.
func readCSV(b *bufio.Reader, header bool) (count int64, err error) {
	var last byte
	dec := csv.NewReader(io.TeeReader(b, writerFunc(func(p []byte) (int, error) {
		last = p[len(p)-1]
		return len(p), nil
	})))
	dec.FieldsPerRecord, dec.LazyQuotes, dec.ReuseRecord = -1, true, true
	first, fields := 0, 0
	for {
		record, err := dec.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return count, err
		}
		if count++; count == 1 {
			first = len(record)
		}
		fields = len(record)
	}
	if count > 1 && last != '\n' && last != '\r' && fields < first {
		return count, errors.New("its last record is cut off")
	}
	if header && count > 0 {
		count--
	}
	return count, nil
}

// readParquet looks for the mark with which a file begins and ends.
func readParquet(b *bufio.Reader) error {
	first, _ := b.Peek(4) // shorter ones are none
	var last []byte
	_, err := io.Copy(writerFunc(func(p []byte) (int, error) {
		last = append(last, p...)
		last = last[max(0, len(last)-4):]
		return len(p), nil
	}), b)
	if err == nil && (string(first) != "PAR1" || string(last) != "PAR1") {
		err = errors.New("it is no Parquet file")
	}
	return err
}
