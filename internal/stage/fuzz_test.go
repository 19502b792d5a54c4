package stage

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"daybook/internal/fault"
)

// FuzzCSV compares with the standard library where that finds nothing wrong; everywhere else every line must be accounted for.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"a,b\n1,\"x\"\"y\nz\"\n", "\"\n\"", "a\"b", "\"a\"b\n\"c", ",,\n\n,", "\ufeffa,b\r\n", "\r\r\n\n\r", "\"a\r\nb\",c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		reader := newCSVReader(strings.NewReader(text), "")
		var ours [][]string
		last, clean := int64(0), true
		for {
			record, err := reader.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if record.line <= last {
				t.Fatalf("%q: line %d after %d", text, record.line, last)
			}
			last = record.line
			clean = clean && record.reason == ""
			values := record.values()
			fields := make([]string, len(values))
			for i, field := range values {
				fields[i], _ = field.(string)
			}
			ours = append(ours, fields)
		}
		standard := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, string(bom))))
		standard.FieldsPerRecord = -1
		theirs, err := standard.ReadAll()
		if err != nil || strings.Contains(text, "\r") || !utf8.ValidString(text) {
			return
		}
		if !clean {
			t.Fatalf("%q: rejected, though it is fine", text)
		}
		same(t, ours, append([][]string(nil), theirs...))
	})
}

// FuzzRun stages whatever there is: it must end with a fault or with a result that adds up.
func FuzzRun(f *testing.F) {
	f.Add("ndjson", []byte(`{"a":1,"b":"x","c":["y"],"d":{"e":1}}`+"\n{\n[]\n\xff\n"))
	f.Add("json", []byte(`[{"a":1},{"b":"\u0000"},7]`))
	f.Add("csv", []byte("a,b,c,e\n1,x\x00,[],\n\"\n"))
	f.Add("parquet", []byte("PAR1"))
	f.Add("ndjson", []byte("\x1f\x8b"))
	f.Add("json", []byte(`{"a":1}{"a":}{"b":"}{"}{`))
	f.Add("xml", []byte("<?xml version=\"1.0\" encoding=\"euc-kr\"?><l><r a=\"1\"><a>1</a><c>x</c><c/></r><r>\xb0</r></l>"))
	f.Add("dynamodb", []byte(`{"Items":[{"a":{"N":"1"},"c":{"SS":["x"]},"d":{"M":{"e":{"NULL":true}}}},7],"Count":2}{"Keys":{},"Metadata":{}}{"Item":{"a":{"L":[1]}}}`))
	f.Add("cp949", []byte("a,b,c,e\n1,\xb0\xa1\xff,[],\"\xb0\n\"\n"))
	f.Add("answers", []byte(`{"d":{"e":[{"a":""},null]}}{"d":""}[{"d":null}]`))
	f.Add("ndjson", []byte(`{"a":1e999,"b":"\ud800","c":[[[]]],"a":2}`))
	f.Fuzz(func(t *testing.T, format string, content []byte) {
		if !strings.Contains(" ndjson json csv parquet xml dynamodb cp949 answers ", " "+format+" ") {
			return
		}
		s := contract(format, "a integer", "b text", "c text[]", "e<d.e json", "f<a decimal(20,3)")
		switch format {
		case "csv", "parquet":
			s.Columns[3].From = "e"
		case "xml":
			s.Records = "r"
		case "cp949":
			s.Format, s.Encoding, s.Columns[3].From = "csv", "cp949", "e"
		case "answers":
			s.Format, s.Records = "json", "d.e"
		}
		s.MaxRejects, s.Empty = 1<<40, "ok"
		dir := t.TempDir()
		path := filepath.Join(dir, "x")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		result, err := Run(context.Background(), Job{Source: s, Objects: []Object{{Name: "x", Path: path}}, Dir: dir, Threads: 1, Memory: "256MB"})
		if err != nil {
			if fault.Code(err) == "" {
				t.Fatalf("%q: %v", content, err)
			}
			return
		}
		if result.Records != result.Staged+result.Rejected+result.Deduplicated {
			t.Fatalf("%q: %+v", content, result)
		}
		if format == "ndjson" {
			lines := 0
			for line := range bytes.Lines(bytes.TrimPrefix(content, bom)) {
				if len(bytes.TrimSpace(line)) > 0 {
					lines++
				}
			}
			same(t, result.Records, int64(lines))
		}
	})
}
