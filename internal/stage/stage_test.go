package stage

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// contract is a source as project.Load gives it, with "name type" columns; a type with a ! is required.
func contract(format string, columns ...string) project.Source {
	s := project.Source{Name: "searches", File: "sources/searches.yaml", Format: format, Header: true, Empty: "fail", NewColumns: "keep", Duplicates: "fail"}
	for _, c := range columns {
		space := strings.LastIndex(c, " ")
		n, from, _ := strings.Cut(c[:space], "<")
		kind := c[space+1:]
		kind, must := strings.CutSuffix(kind, "!")
		s.Columns = append(s.Columns, project.Column{Name: n, Type: project.Type(kind), From: from, Required: must})
	}
	return s
}

// object is a name and its content.
type object struct{ name, content string }

func jobFor(t *testing.T, s project.Source, objects ...object) Job {
	t.Helper()
	dir := t.TempDir()
	job := Job{Source: s, Day: calendar.MustDay("2026-11-19"), Zone: time.UTC, Dir: filepath.Join(dir, "out"), Threads: 2, Memory: "512MB"}
	if err := os.Mkdir(job.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i, o := range objects {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, []byte(o.content), 0o600); err != nil {
			t.Fatal(err)
		}
		job.Objects = append(job.Objects, Object{Name: o.name, Path: path})
	}
	return job
}

func mustRun(t *testing.T, job Job) Result {
	t.Helper()
	result, err := Run(context.Background(), job)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func mustFail(t *testing.T, job Job, code string, parts ...string) Result {
	t.Helper()
	result, err := Run(context.Background(), job)
	if !fault.Is(err, code) {
		t.Fatalf("got %v, want a fault of code %s", err, code)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	return result
}

// read gives the rows of a Parquet file as text, null as ∅.
func read(t *testing.T, path string) []string {
	t.Helper()
	return query(t, "SELECT * FROM read_parquet('"+path+"')")
}

func query(t *testing.T, statement string) []string {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT list_aggregate([coalesce(CAST(c AS VARCHAR), '∅') FOR c IN [*COLUMNS(c -> true)]], 'string_agg', '|') FROM (SELECT COLUMNS(*)::VARCHAR FROM (" + statement + "))")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var line sql.NullString
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		out = append(out, line.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func zip(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(s))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zst(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write([]byte(s))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLinesBecomeTypedRowsInTheirOrder(t *testing.T) {
	s := contract("ndjson", "id integer!", "at timestamptz", "who<actor.login text", "tags text[]", "price decimal(10,2)", "ok boolean", "extra json")
	result := mustRun(t, jobFor(t, s,
		object{"b.ndjson", "\ufeff" + `{"id":2,"at":"2026-11-19T10:00:00+09:00","actor":{"login":"민지"},"tags":["a",null,"b"],"price":1.5,"ok":true,"extra":{"x":1},"new":1}` + "\r\n\n"},
		object{"a.ndjson.gz", zip(t, `{"id":"1","at":"2026-11-19 10:00:00","actor":null,"tags":[],"extra":"text","newer":null}`)},
		object{"c.ndjson.zst", zst(t, `{"id":3.0,"tags":null,"extra":null}`+"\n")},
	))
	same(t, read(t, result.Data), []string{
		`2|2026-11-19 01:00:00+00|민지|[a, NULL, b]|1.50|true|{"x":1}`,
		`1|2026-11-19 10:00:00+00|∅|[]|∅|∅|"text"`,
		`3|∅|∅|∅|∅|∅|∅`,
	})
	same(t, []int64{result.Records, result.Staged, result.Rejected, result.Deduplicated, result.Repeats}, []int64{3, 3, 0, 0, 0})
	same(t, result.NewColumns, []string{"new", "newer"})
}

func TestNamesOfJSONAreExact(t *testing.T) {
	s := contract("ndjson", "a<id integer", "b<ID integer", "c<it's.a\"b\\c.d text", "d<it's json", "e<id.x text")
	result := mustRun(t, jobFor(t, s, object{"a", `{"Id":0,"ID":2,"id":1,"id":3,"it's":{"a\"b\\c":{"d":"x","D":"y"}}}` + "\n" + `{"id":null,"it's":"\u0000"}`}))
	same(t, read(t, result.Data), []string{`1|2|x|{"a\"b\\c":{"d":"x","D":"y"}}|∅`, `∅|∅|∅|"\u0000"|∅`})
	same(t, result.NewColumns, []string{"Id"})
}

func TestTimestampsWithoutOffsetAreReadInTheSourcesZone(t *testing.T) {
	seoul, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	s := contract("ndjson", "at timestamptz", "clock timestamp", "list timestamptz[]")
	s.Zone = seoul
	result := mustRun(t, jobFor(t, s, object{"a", `{"at":"2026-11-19 00:30:00","clock":"2026-11-19 00:30:00","list":["2026-11-19 00:30:00","2026-11-18T15:30:00Z"]}`}))
	same(t, query(t, `SELECT epoch("at"), clock, list_transform(list, lambda x: epoch(x)) FROM read_parquet('`+result.Data+"')"),
		[]string{"1795015800.0|2026-11-19 00:30:00|[1795015800.0, 1795015800.0]"})
}

func TestRecordsThatDoNotFitAreRejectedWithReasonObjectAndLine(t *testing.T) {
	s := contract("ndjson", "id integer!", "day date", "n bigint[]", "name<who.name text!")
	s.MaxRejects = 20
	result := mustRun(t, jobFor(t, s, object{"a.ndjson", strings.Join([]string{
		`{"id":1,"day":"2026-11-19","n":[1,2],"who":{"name":"x"}}`,
		`{"id":1.5,"who":{"name":"x"}}`,
		`{"id":"one","who":{"name":"x"}}`,
		`{"who":{"name":"x"}}`,
		`{"id":1,"day":"someday","who":{"name":"x"}}`,
		`{"id":1,"n":["x"],"who":{"name":"x"}}`,
		`{"id":1,"n":3,"who":{"name":"x"}}`,
		`{"id":1,"who":"x"}`,
		`{"id":1,"who":{"name":"x"}`,
		`[1]`,
		"{\"id\":1,\"who\":{\"name\":\"\xff\"}}",
		``,
		`{"id":99999999999,"who":{"name":"x"}}`,
		`{"id":true,"who":{"name":"x"}}`,
		`{"id":15e-1,"who":{"name":"x"}}`,
		`{"id":"9.5e0","who":{"name":"x"}}`,
	}, "\n")}))
	same(t, query(t, `SELECT object, line, "column", reason FROM read_parquet('`+result.Rejects+"')"), []string{
		`a.ndjson|2|id|id is declared integer and came as double 1.5`,
		`a.ndjson|3|id|id is declared integer and came as text "one"`,
		`a.ndjson|4|id|id is required and missing`,
		`a.ndjson|5|day|day is declared date and came as text "someday"`,
		`a.ndjson|6|n|n is declared bigint[] and came as list ["x"]`,
		`a.ndjson|7|n|n is declared bigint[] and came as integer 3`,
		`a.ndjson|8|name|name is required and missing`,
		`a.ndjson|9||the record is not valid JSON`,
		`a.ndjson|10||the record is not a JSON object`,
		`a.ndjson|11||the record is not valid UTF-8 at line 11, column 24`,
		`a.ndjson|13|id|id is declared integer and came as bigint 99999999999`,
		`a.ndjson|14|id|id is declared integer and came as boolean true`,
		`a.ndjson|15|id|id is declared integer and came as double 1.5`,
		`a.ndjson|16|id|id is declared integer and came as text "9.5e0"`,
	})
	same(t, []int64{result.Records, result.Staged, result.Rejected}, []int64{15, 1, 14})
	same(t, result.Samples[0], Reject{Object: "a.ndjson", Line: 2, Reason: `id is declared integer and came as double 1.5`, Column: "id", Text: `{"id":1.5,"who":{"name":"x"}}`})
}

func TestMoreRejectsThanAllowedFailWithTheFirstOnesAndKeepTheFiles(t *testing.T) {
	s := contract("ndjson", "id integer")
	s.MaxRejects = 1
	content := `{"id":1}` + "\n" + `{"id":"x"}` + "\n" + `{"id":"y"}`
	result := mustFail(t, jobFor(t, s, object{"a.ndjson", content}), fault.CheckFailed, "2 of 3 records", `a.ndjson line 2: id is declared integer and came as text "x"`, "raise max_rejects or mend the source")
	if len(read(t, result.Rejects)) != 2 || len(read(t, result.Data)) != 1 || result.Rejected != 2 {
		t.Errorf("the files do not hold what was found: %+v", result)
	}
}

func TestARejectsTextIsCutToOneKilobyte(t *testing.T) {
	s := contract("ndjson", "id integer")
	s.MaxRejects = 9
	long := strings.Repeat("가나다", 1000)
	result := mustRun(t, jobFor(t, s, object{"a", `{"id":"` + long + `"}` + "\n" + long + "\n" + `{"id":"` + strings.Repeat("x", 5000) + `"}`}))
	for _, n := range query(t, "SELECT strlen(text) BETWEEN 900 AND 1000 FROM read_parquet('"+result.Rejects+"')") {
		same(t, n, "true")
	}
}

func TestCutOffAndDamagedObjectsAreNamed(t *testing.T) {
	content := strings.Repeat(`{"id":1}`+"\n", 1000)
	whole := zip(t, content)
	flipped := []byte(zst(t, content))
	flipped[len(flipped)/2] ^= 0xff
	array := contract("json", "id integer")
	for name, job := range map[string]Job{
		"truncated gzip": jobFor(t, contract("ndjson", "id integer"), object{"x.ndjson.gz", whole[:len(whole)-10]}),
		"no gzip":        jobFor(t, contract("ndjson", "id integer"), object{"x.ndjson.gz", content}),
		"damaged zstd":   jobFor(t, contract("ndjson", "id integer"), object{"x.ndjson.zst", string(flipped)}),
		"no zstd":        jobFor(t, contract("ndjson", "id integer"), object{"x.ndjson.zst", content}),
		"no parquet":     jobFor(t, contract("parquet", "id integer"), object{"x.parquet", content}),
		"half an array":  jobFor(t, array, object{"x.json", `[{"id":1},{"id":2}`}),
		"half an item":   jobFor(t, array, object{"x.json", `[{"id":1},{"i`}),
		"broken array":   jobFor(t, array, object{"x.json", "[{\"id\":1},\n{id:2}]"}),
		"after an array": jobFor(t, array, object{"x.json", "[{\"id\":1}]\n]"}),
	} {
		t.Run(name, func(t *testing.T) { mustFail(t, job, fault.Damaged, "x.") })
	}
}

func TestADayWithoutRecordsFailsUnlessItMayBeEmpty(t *testing.T) {
	for _, format := range []string{"ndjson", "json", "csv"} {
		job := jobFor(t, contract(format, "id integer"), object{"a.gz", ""}, object{"b", "\n"})
		mustFail(t, job, fault.Missing, "no records for 2026-11-19", "empty: ok")
		job.Source.Empty = "ok"
		result := mustRun(t, job)
		same(t, query(t, "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet('"+result.Data+"'))"), []string{"id|INTEGER"})
	}
}

func TestIdenticalRepeatsOfAKeyAreDroppedAndCounted(t *testing.T) {
	s := contract("ndjson", "id integer", "tags text[]")
	s.Key = []string{"id"}
	content := `{"id":1,"tags":["a"]}
{"id":2,"tags":["a"]}
{"tags":["a"],"id":1,"undeclared":1}
{"id":1,"tags":["a"]}`
	result := mustRun(t, jobFor(t, s, object{"a", content}))
	same(t, read(t, result.Data), []string{"1|[a]", "2|[a]"})
	same(t, []int64{result.Records, result.Staged, result.Deduplicated, result.Repeats}, []int64{4, 2, 2, 0})
}

func TestWithoutAKeyRepeatsAreCountedAndKept(t *testing.T) {
	result := mustRun(t, jobFor(t, contract("ndjson", "id integer"), object{"a", "{\"id\":1}\n{\"id\":1}\n{\"id\":2}"}))
	same(t, []int64{result.Staged, result.Repeats}, []int64{3, 1})
}

func TestOneKeyWithDifferentRecords(t *testing.T) {
	s := contract("ndjson", "id integer", "v integer", "who text")
	s.Key = []string{"id"}
	s.MaxRejects = 3
	content := `{"id":1,"v":1,"who":"a"}
{"id":2,"v":1,"who":"a"}
{"id":1,"v":3,"who":"b"}
{"id":1,"v":3,"who":"c"}
{"id":1,"v":null,"who":"d"}
{"id":1,"v":1,"who":"a"}
{"id":null}`
	objects := []object{{"x.ndjson", content}}
	mustFail(t, jobFor(t, s, objects...), fault.CheckFailed, "1 (x.ndjson line 1, x.ndjson line 3", "duplicates: latest(COLUMN)")
	s.Duplicates, s.LatestBy = "latest", "v"
	result := mustRun(t, jobFor(t, s, objects...))
	same(t, read(t, result.Data), []string{"2|1|a", "1|3|c"})
	same(t, []int64{result.Records, result.Staged, result.Rejected, result.Deduplicated}, []int64{7, 2, 1, 4})
	s.Duplicates = "reject"
	result = mustFail(t, jobFor(t, s, objects...), fault.CheckFailed, "5 of 7 records", "other records have the same id and different values")
	same(t, read(t, result.Data), []string{"2|1|a"})
	same(t, result.Samples[0].Text, `{"id":"1","v":"1","who":"a"}`)
}

// Objects that are fetched side by side are listed in the order in which they came.
func TestAmongEqualVersionsTheOrderInWhichObjectsCameDoesNotMatter(t *testing.T) {
	s := contract("ndjson", "id integer", "v integer", "who text")
	s.Key, s.Duplicates, s.LatestBy = []string{"id"}, "latest", "v"
	a, b := object{"a.ndjson", `{"id":1,"v":1,"who":"z"}`}, object{"b.ndjson", `{"id":1,"v":1,"who":"y"}` + "\n" + `{"id":1,"v":1,"who":"x"}`}
	for _, objects := range [][]object{{a, b}, {b, a}} {
		same(t, read(t, mustRun(t, jobFor(t, s, objects...)).Data), []string{"1|1|x"})
	}
}

func TestUndeclaredColumns(t *testing.T) {
	for _, c := range []struct{ format, content string }{{"ndjson", `{"id":1,"b":2,"a":{"c":1}}`}, {"csv", "b,id,a\n1,2,3"}} {
		s := contract(c.format, "id integer")
		same(t, mustRun(t, jobFor(t, s, object{"x", c.content})).NewColumns, []string{"a", "b"})
		s.NewColumns = "ignore"
		same(t, mustRun(t, jobFor(t, s, object{"x", c.content})).NewColumns, []string(nil))
		s.NewColumns = "fail"
		mustFail(t, jobFor(t, s, object{"x", c.content}), fault.CheckFailed, "not declared: a, b")
	}
}

func TestItemsOfAnArrayAreRecords(t *testing.T) {
	s := contract("json", "id integer")
	s.MaxRejects = 2
	result := mustRun(t, jobFor(t, s, object{"a.json", "\ufeff [\n{\"id\": 1},\n{\n \"id\": \"x\"\n},\n 7, {\"id\":2}]\n"}, object{"b.json", "{\"id\":3}\n{\"id\":4}"}, object{"c.json", "[]"}))
	same(t, read(t, result.Data), []string{"1", "2", "3", "4"})
	same(t, query(t, "SELECT object, line FROM read_parquet('"+result.Rejects+"')"), []string{"a.json|3", "a.json|6"})
}

func TestProgressEndsAtAllBytes(t *testing.T) {
	job := jobFor(t, contract("ndjson", "id integer"), object{"a", "{\"id\":1}"}, object{"b.gz", zip(t, "{\"id\":2}")})
	var done, total int64
	job.Progress = func(d, all int64) { done, total = d, all }
	mustRun(t, job)
	if done != total || total == 0 {
		t.Errorf("%d of %d bytes", done, total)
	}
}

func TestACancelledRunSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, jobFor(t, contract("ndjson", "id integer"), object{"a", "{\"id\":1}"})); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestOneHundredThousandRequestsAreStagedWhole(t *testing.T) {
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, `{"query_id":"%08x-0000-4000-8000-000000000000","query_date":"2026-11-19 10:00:%02d","user_id":%d,"selected_lib":["lib%d","lib%d"],"isbn13_list":["9788900000%03d","9788911111%03d","9788922222%03d"],"user_search":["검색어%d","검색"]}`+"\n",
			i, i%60, i%5000, i%1500, i%700, i%1000, i%1000, i%1000, i%9000)
	}
	s := contract("ndjson", "query_id uuid!", "query_date timestamptz", "user_id integer", "selected_lib text[]", "isbn13_list text[]", "user_search text[]")
	s.Key = []string{"query_id"}
	job := jobFor(t, s, object{"a.ndjson.gz", zip(t, b.String())})
	begin := time.Now()
	result := mustRun(t, job)
	t.Logf("staged in %v", time.Since(begin).Round(time.Millisecond))
	same(t, []int64{result.Records, result.Staged}, []int64{100_000, 100_000})
	same(t, query(t, "SELECT count(*) FROM (SELECT query_id, lag(query_id) OVER () AS before FROM read_parquet('"+result.Data+"')) WHERE before >= query_id"), []string{"0"})
}

func TestTextGoesOnBehindANUL(t *testing.T) {
	s := contract("ndjson", "s text", "l text[]", "j json")
	result := mustRun(t, jobFor(t, s, object{"a", `{"s":"a\u0000b,C","l":["x\u0000y"],"j":{"k":"a\u0000b"}}`}))
	for _, c := range [][2]string{
		{"length(s), strlen(s), length(l[1]), length(json_extract_string(j, '$.k'))", "5|5|3|3"},
		{"upper(s), concat(s, '!'), s || '!', right(s, 2), split_part(s, ',', 2)", "A\x00B,C|a\x00b,C!|a\x00b,C!|,C|C"},
		{"s = 'a', s > 'a', s LIKE 'a%C', contains(s, 'b'), strpos(s, 'C')", "false|true|true|true|5"},
		{"replace(s, 'b', 'c'), regexp_replace(s, 'b', 'c'), trim(s), reverse(s)", "a\x00c,C|a\x00c,C|a\x00b,C|C,b\x00a"},
		{"min(s), string_agg(s, ';'), list(s)[1], md5(min(s)) = md5('a')", "a\x00b,C|a\x00b,C|a\x00b,C|false"},
	} {
		same(t, query(t, "SELECT "+c[0]+" FROM read_parquet('"+result.Data+"')"), []string{c[1]})
	}
}
