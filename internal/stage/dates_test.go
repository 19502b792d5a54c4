package stage

import (
	"fmt"
	"testing"

	"daybook/internal/project"
)

// dates stages texts as values of a type, and gives the values and the texts that were rejected.
func dates(t *testing.T, kind string, texts ...string) (values []string, rejected int64) {
	t.Helper()
	content := "n,v\n"
	for i, s := range texts {
		content += fmt.Sprintf("%d,\"%s\"\n", i, s)
	}
	s := contract("csv", "n integer", "v "+kind)
	s.MaxRejects = 1 << 40
	result := mustRun(t, jobFor(t, s, object{"a.csv", content}))
	return query(t, "SELECT v FROM read_parquet('"+result.Data+"') ORDER BY n"), result.Rejected
}

func TestDatesAndTimesAreTakenAsISOWritesThem(t *testing.T) {
	for kind, c := range map[string]struct{ texts, values []string }{
		"date": {[]string{"2026-11-19", " 2026-1-9 ", "2026/11/19", "2026-11-19 10:11", "2026-11-19T10:11:12.5Z", "2026-11-19T23:11:12+09:00", "0044-03-15 (BC)", "infinity", "12026-01-01"},
			[]string{"2026-11-19", "2026-01-09", "2026-11-19", "2026-11-19", "2026-11-19", "2026-11-19", "0044-03-15 (BC)", "infinity", "12026-01-01"}},
		"time":      {[]string{"10:11", "9:05", "10:11:12.25", "24:00", "2026-11-19 10:11:12"}, []string{"10:11:00", "09:05:00", "10:11:12.25", "24:00:00", "10:11:12"}},
		"timestamp": {[]string{"2026-11-19", "2026-11-19 9:05", "2026-11-19T10:11:12.123456", "2026-11-19T10:11:12Z"}, []string{"2026-11-19 00:00:00", "2026-11-19 09:05:00", "2026-11-19 10:11:12.123456", "2026-11-19 10:11:12"}},
	} {
		values, rejected := dates(t, kind, c.texts...)
		same(t, values, c.values)
		same(t, rejected, int64(0))
	}
	for _, instant := range []string{"2026-11-19", "2026-11-19T10:11:12Z", "2026-11-19 10:11:12+09", "2026-11-19 10:11:12+0900", "2026-11-19 10:11:12.5 UTC", "2026-11-19 10:11:12 Asia/Seoul", "-infinity"} {
		if _, rejected := dates(t, "timestamptz", instant); rejected != 0 {
			t.Errorf("%s is no timestamptz", instant)
		}
	}
}

func TestWhatStandsBehindADateIsNotForgotten(t *testing.T) {
	never := []string{"2026-11-19 zzz", "2026-11-19zzz", "2026-11-19T", "2026-11-19 10", "2026-11-19 25:00:00", "2026-11-19 10:11:00 zzz", "2026-11-19 10:11:00zzz", "26-11-19", "2026 11 19", "2026-02-30", "2026-11/19",
		"epoch", "2026-11-19, or so", "2026.11.19", "10:11:12 zzz", "10:11:12zzz", "10:11:12+zz", "10:11zzz", "2026-11-19 10:11:00 UTC zzz"}
	for _, kind := range []string{"date", "time", "timestamp", "timestamptz"} {
		if values, _ := dates(t, kind, never...); len(values) > 0 {
			t.Errorf("%s took %v", kind, values)
		}
	}
	if values, _ := dates(t, "time", "2026-11-19", "2026/11/19"); len(values) > 0 {
		t.Errorf("a date is the time %v", values)
	}
}

func TestARejectedDateIsNamed(t *testing.T) {
	s := contract("csv", "id integer", "d date")
	s.MaxRejects = 1
	result := mustRun(t, jobFor(t, s, object{"a.csv", "id,d\n1,2026-11-19\n2,2026-11-19 zzz\n"}))
	same(t, rejects(t, result), []string{`a.csv|3|d is declared date and came as text "2026-11-19 zzz"`})
}

func TestDatesWithinListsAndRecordsAreLookedAt(t *testing.T) {
	lines := `{"id":1,"days":["2026-11-19",null],"spans":[{"from":"2026-11-19","at":["10:11"],"name":"a"}],"seen":["2026-11-19T10:00:00Z"]}
{"id":2,"days":["2026-11-19","2026-11-20 zzz"]}
{"id":3,"spans":[{"from":"2026-11-19 zzz","at":[],"name":"zzz"}]}
{"id":4,"spans":[{"from":"2026-11-19","at":["10:11","10:11 zzz"]}]}
{"id":5,"seen":["2026-11-19T10:00:00Z","26-11-19"]}
{"id":6,"days":null,"spans":null,"seen":[]}
`
	s := contract("ndjson", "id integer", "days date[]", "spans json", "seen timestamptz[]")
	s.Columns[2].Type = project.Type("struct(from date, at time[], name text)[]")
	s.MaxRejects = 1 << 40
	result := mustRun(t, jobFor(t, s, object{"a.ndjson", lines}))
	same(t, query(t, "SELECT id, days, spans FROM read_parquet('"+result.Data+"')"), []string{
		"1|[2026-11-19, NULL]|[{'from': 2026-11-19, 'at': ['10:11:00'], 'name': a}]", "6|∅|∅"})
	var named []string
	for _, r := range rejects(t, result) {
		named = append(named, r[:len("a.ndjson|2|days")])
	}
	same(t, named, []string{"a.ndjson|2|days", "a.ndjson|3|span", "a.ndjson|4|span", "a.ndjson|5|seen"})
}

func TestTextsOfParquetAreLookedAtAsOthersAre(t *testing.T) {
	s := contract("parquet", "id integer", "d date", "list date[]")
	s.Columns = append(s.Columns, project.Column{Name: "span", Type: "struct(begin timestamp, n integer)"})
	s.MaxRejects = 1 << 40
	result := mustRun(t, jobFor(t, s, parquetOf(t, `SELECT * FROM (VALUES (1, '2026-11-19', ['2026-11-19'], {'begin': '2026-11-19 10:11:12', 'n': 1}), (2, '2026-11-19 zzz', NULL, NULL),
 (3, NULL, ['2026-11-19 zzz'], NULL), (4, NULL, NULL, {'begin': '26-11-19', 'n': 1})) AS v(id, d, list, span)`)))
	same(t, read(t, result.Data), []string{"1|2026-11-19|[2026-11-19]|{'begin': '2026-11-19 10:11:12', 'n': 1}"})
	same(t, rejects(t, result), []string{
		`x.parquet|2|d is declared date and came as text "2026-11-19 zzz"`,
		"x.parquet|3|list is declared date[] and came as text[] [2026-11-19 zzz]",
		`x.parquet|4|span is declared struct(begin timestamp, n integer) and came as struct("begin" text, n integer) {'begin': 26-11-19, 'n': 1}`,
	})
}
