package project

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

// small is a valid project with one node of each kind.
func small() map[string]string {
	return map[string]string{
		"daybook.yaml": `# A small library.
name: 도서관
timezone: Asia/Seoul
locale: ko
home: daily
refresh:
  - {at: 03:00, nodes: all}
groups:
  staff:
    - {address: reader@example.com, name: 독자, locale: ko}
pools: {files: 2}
`,
		"sources/searches.yaml": `from: files
path: "${DATA}/{day}.ndjson.gz"
owner: data
zone: UTC
days: sun-fri
pool: files
key: query_id
duplicates: latest(at)
columns:
  query_id: {type: uuid, required: true, description: one search}
  isbn13_list: text[]
  at:
    type: timestamptz
    from: meta.at
`,
		"tables/requests.sql": `/*
owner: data
description: One row for each search
key: [query_id]
*/
SELECT query_id, len(isbn13_list) = 0 AS failed FROM searches
`,
		"marts/daily_usage.sql": `
/* key: day
   lookback: 27d
   columns: {requests: 검색 수}
   checks:
     - unique: [day]
     - rows: {min: 1, max: 1}
       severity: warning
     - total: {measure: sum(requests), of: requests}
*/

SELECT day, count(*) AS requests FROM requests WHERE day = $day GROUP BY day
`,
		"reports/daily.yaml": `title: {ko: 하루 이용, en: Daily usage}
subject: Usage of {day}
schedule: {at: 07:00, on: weekdays}
deadline: 09:00
to: staff
sections:
  - {kind: kpi, mart: daily_usage, value: requests, compare: [day, week], headline: true}
  - kind: line
    mart: daily_usage
    days: 28
    x: day
    value: requests
`,
	}
}

func env(name string) (string, bool) {
	v, ok := map[string]string{"DATA": "/data", "EMPTY": ""}[name]
	return v, ok
}

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func place(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func expected(t *testing.T, dir string) *Project {
	t.Helper()
	seoul := place(t, "Asia/Seoul")
	one := int64(1)
	return &Project{
		Dir: dir, Name: "도서관", Zone: seoul, Locale: "ko", Home: "daily", Catchup: 7, Attempts: 3, Timeout: 30 * time.Minute, Store: "sqlite:app.db",
		Refresh: []Refresh{{Name: "all", Schedule: calendar.Schedule{Hour: 3, Zone: seoul}, Nodes: []string{"all"}}},
		Engine:  Engine{Memory: "1GB", Threads: runtime.NumCPU(), Readers: 2},
		Mail:    Mail{Sender: "outbox", From: "Daybook <daybook@localhost>", BaseURL: "http://localhost:8080"},
		Groups:  map[string][]Member{"staff": {{Address: "reader@example.com", Name: "독자", Locale: "ko"}}},
		Pools:   map[string]int{"default": runtime.NumCPU(), "files": 2},
		Sources: []Source{{
			Name: "searches", File: "sources/searches.yaml", Line: 1, Owner: "data", From: "files", Path: "/data/{day}.ndjson.gz", Asks: `path: "${DATA}/{day}.ndjson.gz"`,
			Format: "ndjson", Encoding: "utf-8", Header: true, Zone: time.UTC, Days: 0b0111111, Empty: "fail", NewColumns: "keep", Key: []string{"query_id"},
			Duplicates: "latest", LatestBy: "at", Holds: "day", Pool: "files",
			Columns: []Column{
				{Name: "query_id", Type: "uuid", Required: true, Description: "one search", Line: 10},
				{Name: "isbn13_list", Type: "text[]", Line: 11},
				{Name: "at", Type: "timestamptz", From: "meta.at", Line: 12},
			},
		}},
		Tables: []Query{{
			Kind: KindTable, Name: "requests", File: "tables/requests.sql", SQL: "SELECT query_id, len(isbn13_list) = 0 AS failed FROM searches\n", SQLLine: 6,
			Owner: "data", Description: "One row for each search", Key: []string{"query_id"}, Refresh: "day", Pool: "default",
		}},
		Marts: []Query{{
			Kind: KindMart, Name: "daily_usage", File: "marts/daily_usage.sql", SQLLine: 12,
			SQL:     "SELECT day, count(*) AS requests FROM requests WHERE day = $day GROUP BY day\n",
			Columns: map[string]string{"requests": "검색 수"}, Key: []string{"day"}, Refresh: "day", Lookback: 27, Pool: "default",
			Checks: []Check{
				{Kind: "unique", Line: 6, Columns: []string{"day"}},
				{Kind: "rows", Line: 7, Min: &one, Max: &one, Warning: true},
				{Kind: "total", Line: 9, Measure: "sum(requests)", Of: "requests", Equals: "count(*)"},
			},
		}},
		Reports: []Report{{
			Name: "daily", File: "reports/daily.yaml", Line: 1, Title: Words{"ko": "하루 이용", "en": "Daily usage"}, Subject: Words{"": "Usage of {day}"},
			Schedule: &calendar.Schedule{Hour: 7, On: 0b0111110, Zone: seoul}, Covers: "yesterday", Deadline: "09:00", IfLate: "hold", IfEmpty: "send", Moved: 0.01,
			To: []string{"staff"}, Locales: []string{"ko"},
			Sections: []Section{
				{Kind: "kpi", Name: "requests", Line: 7, Mart: "daily_usage", Days: 1, Value: "requests", Format: "number", Limit: 10, Compare: []string{"day", "week"}, Headline: true},
				{Kind: "line", Name: "daily_usage_line", Line: 8, Mart: "daily_usage", Days: 28, Value: "requests", Format: "number", Limit: 10, X: "day"},
			},
		}},
	}
}

var sameZone = cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })

func TestProjectIsReadAsItIsWritten(t *testing.T) {
	dir := write(t, small())
	got, err := Load(dir, env)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(expected(t, dir), got, sameZone); diff != "" {
		t.Error(diff)
	}
}

// Windows editors end lines in CRLF and begin files with a byte order mark; neither may change what a node is.
func TestSameProjectWithCRLFAndByteOrderMarksIsTheSame(t *testing.T) {
	files := small()
	for name, text := range files {
		var crlf []byte
		for i := range len(text) {
			if text[i] == '\n' {
				crlf = append(crlf, '\r')
			}
			crlf = append(crlf, text[i])
		}
		files[name] = "\ufeff" + string(crlf)
	}
	dir := write(t, files)
	got, err := Load(dir, env)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(expected(t, dir), got, sameZone); diff != "" {
		t.Error(diff)
	}
}

func TestHeaderAndQueryKeepTheirLinesInTheFile(t *testing.T) {
	for _, c := range []struct {
		name, text string
		sqlLine    int
		problem    string
	}{
		{"no header", "SELECT 1", 1, ""},
		{"no header, lines above", "\n\nSELECT 1", 3, ""},
		{"on one line", "/* owner: a */ SELECT 1", 1, ""},
		{"below", "/*\nowner: a\n*/\n\n\nSELECT 1\n", 6, ""},
		{"empty header", "/**/\nSELECT 1", 2, ""},
		{"a comment of SQL", "-- why\nSELECT 1", 1, ""},
		{"problem below", "\n\n/*\nowner: a\n\nowners: b\n*/\nSELECT 1", 8, "tables/requests.sql:6:1: "},
		{"problem on the first line", "/* owners: b */\nSELECT 1", 2, "tables/requests.sql:1:4: "},
		{"CRLF", "/*\r\nowner: a\r\nowners: b\r\n*/\r\nSELECT 1", 5, "tables/requests.sql:3:1: "},
		{"bad YAML", "\n/*\nowner: a\n  key: b\n*/\nSELECT 1", 6, "tables/requests.sql:3:8: "},
	} {
		files := small()
		files["tables/requests.sql"] = c.text
		p, err := Load(write(t, files), env)
		switch {
		case c.problem == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.problem == "":
			if p.Tables[0].SQLLine != c.sqlLine {
				t.Errorf("%s: SQL begins on line %d, want %d", c.name, p.Tables[0].SQLLine, c.sqlLine)
			}
		case err == nil || len(err.Error()) < len(c.problem) || err.Error()[:len(c.problem)] != c.problem:
			t.Errorf("%s: %v, want it at %s", c.name, err, c.problem)
		}
	}
}

func TestDirectoryWithoutAProjectIsNotFound(t *testing.T) {
	_, err := Load(t.TempDir(), env)
	if !fault.Is(err, fault.NotFound) || fault.Hint(err) == "" {
		t.Errorf("%v", err)
	}
}

func TestProjectOfOneLineIsEnough(t *testing.T) {
	p, err := Load(write(t, map[string]string{Filename: "name: Empty"}), env)
	if err != nil {
		t.Fatal(err)
	}
	if p.Zone != time.UTC || p.Locale != "en" || p.Home != "" || len(p.Sources) != 0 || p.Pools["default"] != runtime.NumCPU() {
		t.Errorf("%+v", p)
	}
}

func TestHomeIsTheFirstReportUnlessItIsSaid(t *testing.T) {
	files := small()
	files["daybook.yaml"] = "name: x\ngroups: {staff: []}\npools: {files: 1}\n"
	files["reports/annual.yaml"] = files["reports/daily.yaml"]
	if p, err := Load(write(t, files), env); err != nil || p.Home != "annual" {
		t.Errorf("%v, %v", p, err)
	}
}

func TestExampleProjectsAreSound(t *testing.T) {
	dirs, err := filepath.Glob("../../examples/*/" + Filename)
	if err != nil {
		t.Fatal(err)
	}
	if len(dirs) == 0 {
		t.Fatal("no examples here")
	}
	for _, file := range dirs {
		if _, err := Load(filepath.Dir(file), func(string) (string, bool) { return "/data", true }); err != nil {
			t.Errorf("%v", err)
		}
	}
}

func with(changes map[string]string) map[string]string {
	files := small()
	maps.Copy(files, changes)
	return files
}

func TestACommentAboveASectionDoesNotRenameIt(t *testing.T) {
	name := func(report string) string {
		dir := t.TempDir()
		for file, body := range map[string]string{"daybook.yaml": "name: x\n", "reports/daily.yaml": report} {
			path := filepath.Join(dir, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		p, err := Load(dir, func(string) (string, bool) { return "", false })
		if err != nil {
			t.Fatal(err)
		}
		return p.Reports[0].Sections[0].Name
	}
	plain := name("title: x\nsections:\n  - kind: text\n    text: hello\n")
	if commented := name("title: x\n# a comment\nsections:\n  # another\n  - kind: text\n    text: hello\n"); commented != plain {
		t.Errorf("%q became %q", plain, commented)
	}
}
