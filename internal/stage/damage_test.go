package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"daybook/internal/fault"
)

// counted are the records that readers hand on.
type counted struct {
	records [][]byte
	lines   []int64
	rejects int
}

func (c *counted) json(_ context.Context, _ int, line int64, _ int, record []byte) error {
	c.records, c.lines = append(c.records, bytes.Clone(record)), append(c.lines, line)
	return nil
}

func (c *counted) reject(_ context.Context, _ int, line int64, reason, _ string) error {
	if reason == "" {
		return errors.New("a reject without a reason")
	}
	c.rejects, c.lines = c.rejects+1, append(c.lines, line)
	return nil
}

// handedOn is what a reader makes of a content, read in pieces of a few bytes.
func handedOn(t testing.TB, format, records string, content []byte, piece int) (*counted, error) {
	t.Helper()
	s := contract(format, "a integer", "c<c.d text[]", "j json", "n decimal(30,2)")
	s.Records = records
	r := &run{job: Job{Source: s}, columns: columnsOf(s)}
	c := &counted{}
	err := r.textRecords(t.Context(), c, 0, Object{Name: "x"}, &pieces{from: bytes.NewReader(content), size: piece})
	for i := 1; i < len(c.lines); i++ {
		if c.lines[i] < c.lines[i-1] {
			t.Fatalf("%s %q: line %d after %d", format, content, c.lines[i], c.lines[i-1])
		}
	}
	if last := int64(1 + bytes.Count(content, []byte("\n"))); len(c.lines) > 0 && c.lines[len(c.lines)-1] > last {
		t.Fatalf("%s %q: line %d of %d", format, content, c.lines[len(c.lines)-1], last)
	}
	return c, err
}

type pieces struct {
	from io.Reader
	size int
}

func (p *pieces) Read(b []byte) (int, error) { return p.from.Read(b[:min(len(b), p.size)]) }

// FuzzReaders compares the reader of JSON with the standard library where that finds nothing wrong; everywhere else it must come to an end, in
// the same way however the text arrives.
func FuzzReaders(f *testing.F) {
	for _, seed := range []string{`{"a":1}{"a":2}`, `[{"a":1},{"c":{"d":["x"]}}]`, `{"a":"\u00e9\\"} 7 null "x"`, `{"a":}{"b":[{}]}`, `[1,]`, `{"a":{"b":1}{"c":2}`, `{"x":{"y":[{"a":1},[{"a":2}],""]}}`, "\ufeff\n{}",
		`<l><r a="1"><a>1</a><c><d>x</d><d/></c>&amp;</r></l>`, `{"Items":[{"a":{"N":"1"}},{"a":{"L":[{"S":"x"}]}}],"Count":1}`, `{"Keys":{"a":{"S":"x"}},"Metadata":{}}`, `{"n":123456789012345678901.5}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		for _, format := range []string{"ndjson", "json", "dynamodb", "xml", "json x.y"} {
			format, path, _ := strings.Cut(format, " ")
			if format == "xml" {
				path = "r"
			}
			a, errA := handedOn(t, format, path, []byte(content), 1<<20)
			b, errB := handedOn(t, format, path, []byte(content), 1)
			same(t, fmt.Sprintf("%q %v %d", b.records, b.lines, b.rejects), fmt.Sprintf("%q %v %d", a.records, a.lines, a.rejects))
			if fmt.Sprint(errA) != fmt.Sprint(errB) {
				t.Fatalf("%s %q: %v and %v", format, content, errA, errB)
			}
			if errA != nil && fault.Code(errA) == "" && !strings.Contains(errA.Error(), "token too long") {
				t.Fatalf("%s %q: %v", format, content, errA)
			}
			if format == "json" && path == "" {
				asTheStandardLibrary(t, content, a, errA)
			}
		}
	})
}

func asTheStandardLibrary(t *testing.T, content string, got *counted, err error) {
	t.Helper()
	content = strings.TrimPrefix(content, string(bom))
	decoder := json.NewDecoder(strings.NewReader(content))
	var want []json.RawMessage
	for {
		var v json.RawMessage
		e := decoder.Decode(&v)
		if errors.Is(e, io.EOF) {
			break
		}
		if e != nil {
			return
		}
		want = append(want, v)
	}
	if strings.HasPrefix(strings.TrimLeft(content, " \t\r\n"), "[") {
		if len(want) != 1 {
			return
		}
		var items []json.RawMessage
		if json.Unmarshal(want[0], &items) != nil {
			return
		}
		want = items
	}
	// Words that touch, such as 1true, are two for the library and one that is no record for us.
	if err != nil || got.rejects > 0 || len(got.records) > len(want) {
		t.Fatalf("%q: %d records, %d rejects, %v", content, len(got.records), got.rejects, err)
	}
	if len(got.records) == len(want) {
		for i := range want {
			if !bytes.Equal(bytes.TrimSpace(want[i]), got.records[i]) {
				t.Fatalf("%q: %s, not %s", content, got.records[i], want[i])
			}
		}
	}
}

// Damage of any kind must leave a fault, or a result in which every record is accounted for.
func TestDamagedObjectsAreAccountedFor(t *testing.T) {
	const n = 60
	whole := map[string]func(i int) string{
		"ndjson": func(i int) string { return fmt.Sprintf("{\"a\":%d,\"b\":\"가 %d\",\"c\":[\"x\"]}\n", i, i) },
		"json":   func(i int) string { return fmt.Sprintf(`{"a":%d,"b":"나 %d","c":["x","y"]}`, i, i) },
		"csv": func(i int) string {
			return fmt.Sprintf("%d,\"다, \"\"%d\"\"\n\",\"[\"\"x\"\"]\"\n%d,plain,\n", i, i, i)
		},
		"xml": func(i int) string { return fmt.Sprintf("<r><a>%d</a><b>라 %d</b>\n<c>x</c><c>y</c></r>", i, i) },
		"dynamodb": func(i int) string {
			return fmt.Sprintf("{\"Item\":{\"a\":{\"N\":\"%d\"},\"b\":{\"S\":\"마\"},\"c\":{\"SS\":[\"x\"]}}}\n", i)
		},
	}
	random := rand.New(rand.NewPCG(7, 8))
	for format, record := range whole {
		staged, damagedOnes := 0, 0
		for range 12 {
			var b strings.Builder
			for i := range n {
				b.WriteString(record(i))
			}
			content := []byte(b.String())
			switch format {
			case "csv":
				content = append([]byte("a,b,c\n"), content...)
			case "xml":
				content = append(append([]byte("<l>"), content...), "</l>"...)
			}
			s := contract(format, "a integer", "b text", "c text[]")
			s.MaxRejects, s.Records, s.Encoding = 1<<40, map[string]string{"xml": "r"}[format], "utf-8"
			if random.IntN(3) == 0 && format != "dynamodb" {
				s.Encoding, content = "cp949", []byte(koreanBytes(t, string(content)))
			}
			content = damage(random, content)
			job := jobFor(t, s, object{"x", string(content)})
			result, err := Run(t.Context(), job)
			if err != nil && fault.Code(err) == "" {
				t.Fatalf("%s %q: %v", format, content, err)
			}
			if err != nil {
				damagedOnes++
				continue
			}
			staged++
			same(t, result.Records, result.Staged+result.Rejected+result.Deduplicated)
			same(t, query(t, "SELECT count(*) FROM read_parquet('"+result.Rejects+"') WHERE reason IS NULL OR reason = '' OR line < 1"), []string{"0"})
			if most := int64(2*n + 100); result.Records > most || result.Staged == 0 {
				t.Errorf("%s: %d records of %d, %d staged: %q", format, result.Records, n, result.Staged, content)
			}
		}
		t.Logf("%s: %d staged with rejects, %d refused as damaged", format, staged, damagedOnes)
	}
}

// damage flips, cuts out, doubles or puts in a few bytes.
func damage(random *rand.Rand, content []byte) []byte {
	for range 1 + random.IntN(4) {
		at := random.IntN(len(content) - 20)
		switch random.IntN(4) {
		case 0:
			content[at] ^= byte(1 + random.IntN(255))
		case 1:
			content = append(content[:at:at], content[at+1+random.IntN(19):]...)
		case 2:
			content = append(content[:at:at], append(bytes.Clone(content[at:at+10]), content[at:]...)...)
		default:
			content = append(content[:at:at], append([]byte([]string{"\"", "{", "}", "\n", "\r", "\xff", "<", "]", ",", "\x00"}[random.IntN(10)]), content[at:]...)...)
		}
	}
	return content
}
