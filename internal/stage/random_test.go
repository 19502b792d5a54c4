package stage

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// oddValues are JSON values, of which every type takes some and not others.
var oddValues = []string{`null`, `"a"`, `""`, `"[\"a\"]"`, `7`, `1.50`, `true`, `[]`, `["a","b"]`, `["가",null,1,1.5,true,{"x":1},["y"]]`, `[null]`, `{}`, `{"x":"y"}`, `"\u0000"`,
	`"2026-11-19"`, `"2026-11-19 10:00:00"`, `"12345678-0000-4000-8000-000000000000"`, `1e999`, `"\ud800"`, `[`, `nul`, `"a" "b"`, ` [ "a" , "b" ] `}

// randomLines are records, most of which fit, among blank lines and such that are no records.
func randomLines(random *rand.Rand, lines int) string {
	var b strings.Builder
	for range lines {
		switch random.IntN(20) {
		case 0:
			b.WriteString("\n")
		case 1:
			b.WriteString([]string{"{", "[]", "\xff", "{}", `{"tags":["\xff"]}`, "   ", `{"id":1} x`, "{\"id\":\r}"}[random.IntN(8)] + "\r\n")
		default:
			b.WriteString(`{"id":` + []string{"1", `"2"`, "3.0"}[random.IntN(3)])
			for _, key := range []string{"tags", "more", "when", "id", "tags"} {
				if random.IntN(2) == 0 {
					value := `["x","y"]`
					if random.IntN(3) == 0 {
						value = oddValues[random.IntN(len(oddValues))]
					}
					fmt.Fprintf(&b, `,"%s":%s`, key, value)
				}
			}
			b.WriteString("}\n")
		}
	}
	return b.String()
}

// all is everything that a run says of its records.
func all(t *testing.T, result Result, columns string) []string {
	t.Helper()
	out := query(t, "SELECT "+columns+" FROM read_parquet('"+result.Data+"')")
	return append(out, query(t, `SELECT object, line, "column", reason, text FROM read_parquet('`+result.Rejects+"')")...)
}

func TestListsOfTextsAreJudgedAsOtherLists(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		// A root that is declared a second time as json is kept as a whole, and its list is cast from that.
		short := contract("ndjson", "id integer", "tags text[]", "more text[]!", "when timestamptz")
		long := contract("ndjson", "id integer", "tags text[]", "more text[]!", "when timestamptz", "t<tags json", "m<more json")
		short.MaxRejects, long.MaxRejects = 1<<40, 1<<40
		content := randomLines(random, 200)
		objects := []object{{"a", content}, {"b", randomLines(random, 3)}}
		a, b := mustRun(t, jobFor(t, short, objects...)), mustRun(t, jobFor(t, long, objects...))
		const columns = `id, tags, more, "when"`
		same(t, all(t, a, columns), all(t, b, columns))
		same(t, []int64{a.Records, a.Staged, a.Rejected}, []int64{b.Records, b.Staged, b.Rejected})
	}
}

func TestALineIsTheSameAloneAndAmongOthers(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	s := contract("ndjson", "id integer", "tags text[]", "more text[]!", "when timestamptz")
	s.MaxRejects = 1 << 40
	for range 10 {
		content := randomLines(random, 100)
		// With a blank line after each, no two records are on lines that follow each other.
		apart := strings.ReplaceAll(content, "\n", "\n\n")
		const lines = `SELECT "column", regexp_replace(reason, 'at line [0-9]+', ''), text, %s FROM read_parquet('%s')`
		a, b := mustRun(t, jobFor(t, s, object{"a", content})), mustRun(t, jobFor(t, s, object{"a", apart}))
		same(t, read(t, a.Data), read(t, b.Data))
		same(t, query(t, fmt.Sprintf(lines, "2 * line - 1", a.Rejects)), query(t, fmt.Sprintf(lines, "line", b.Rejects)))
	}
}

func TestQuotesAroundFieldsChangeNothingButEmptyTexts(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	values := []string{"1", "x", "가나", "2026-11-19", " ", "1.5", "7", "a b", "\t"}
	s := contract("csv", "b text", "a integer", "c date")
	s.MaxRejects = 1 << 40
	for range 10 {
		plain, quoted := bytes.NewBufferString("a,b,c\n"), bytes.NewBufferString("a,b,c\n")
		w := csv.NewWriter(plain)
		for range 100 {
			record := []string{values[random.IntN(len(values))], values[random.IntN(len(values))], values[random.IntN(len(values))]}
			if err := w.Write(record); err != nil {
				t.Fatal(err)
			}
			w.Flush()
			some := random.IntN(3)
			for i, v := range record {
				if i != some {
					v = `"` + v + `"`
				}
				record[i] = v
			}
			quoted.WriteString(strings.Join(record, ",") + "\n")
		}
		a, b := mustRun(t, jobFor(t, s, object{"a", plain.String()})), mustRun(t, jobFor(t, s, object{"a", quoted.String()}))
		same(t, read(t, a.Data), read(t, b.Data))
		const rejects = `SELECT line, "column", reason FROM read_parquet('%s')`
		same(t, query(t, fmt.Sprintf(rejects, a.Rejects)), query(t, fmt.Sprintf(rejects, b.Rejects)))
	}
}

func TestObjectsOfOneSourceMayOrderTheirColumnsDifferently(t *testing.T) {
	s := contract("csv", "a integer", "b text")
	result := mustRun(t, jobFor(t, s, object{"1", "a,b\n1,x\n"}, object{"2", "b,more,a\ny,m,2\n\"z,\",,3\n"}, object{"3", "a,b\n4,\n5,\"\"\n"}))
	same(t, read(t, result.Data), []string{"1|x", "2|y", "3|z,", "4|∅", "5|"})
}
