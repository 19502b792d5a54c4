package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook/internal/fault"
	"daybook/internal/project"
)

// sourceProject is a project with one file of records and, unless it is empty, the source s that reads it.
func sourceProject(t *testing.T, source string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{"daybook.yaml": "name: n\ntimezone: Asia/Seoul\nwarehouse: {memory: 256MB, threads: 1}\n"}
	if source != "" {
		all["sources/s.yaml"] = source
	}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
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

const aDay = "2026-11-19"

func wantAll(t *testing.T, out string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(out, p) {
			t.Errorf("without %q:\n%s", p, out)
		}
	}
}

func TestASourceIsHeldAgainstItsContract(t *testing.T) {
	dir := sourceProject(t, "from: files\npath: \"{day}.ndjson\"\nmax_rejects: 0\ncolumns:\n  id: {type: integer, required: true}\n  age: integer\n  at: timestamptz\n  user: struct(id integer)\n  gone: text\n",
		map[string]string{aDay + ".ndjson": `{"id":1,"age":"young","at":"2026-11-19","user":{"id":1},"extra":true}
{"id":2,"age":31,"at":"2026-11-19T10:00:00Z","user":null,"extra":false}
`})
	out, err := call(t, "source", "test", "s", "-C", dir, "--day", aDay)
	if !isSilent(err) {
		t.Fatalf("a day that does not fit: %v", err)
	}
	wantAll(t, out, "s from files, 2026-11-19", "2026-11-19.ndjson  142", "First 2 records", "2 records = 1 staged + 1 rejected + 0 deduplicated",
		`rejected: 2026-11-19.ndjson line 1: age is declared integer and came as text "young"`, "not declared: extra", "the day does not fit: 1 of 2 records", "raise max_rejects")
	marks := map[string]string{}
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) > 1 && (f[0] == "differs" || f[0] == "undeclared" || f[0] == "absent") {
			marks[f[1]] = f[0]
		}
	}
	if want := map[string]string{"age": "differs", "gone": "absent", "extra": "undeclared"}; len(marks) != len(want) || marks["age"] != want["age"] || marks["gone"] != want["gone"] || marks["extra"] != want["extra"] {
		t.Errorf("marked are %v in\n%s", marks, out)
	}
	if _, err := os.Stat(filepath.Join(dir, dataDir)); !os.IsNotExist(err) {
		t.Errorf("the project has data now: %v", err)
	}
}

func TestADayThatDoesNotFitOrIsNotThereEndsWithOne(t *testing.T) {
	dir := sourceProject(t, "from: files\npath: \"{day}.csv\"\ncolumns:\n  id: integer\n", map[string]string{aDay + ".csv": "id\nx\n"})
	for _, format := range []string{"table", "json", "csv"} {
		var out, errs strings.Builder
		err := run(t.Context(), []string{"source", "test", "s", "-C", dir, "--day", aDay, "--format", format}, os.LookupEnv, strings.NewReader(""), &out, &errs)
		if err == nil || exitCode(err) != 1 || out.Len() == 0 {
			t.Errorf("%s: %v\n%s", format, err, out.String())
		}
	}
	if _, err := call(t, "source", "test", "s", "-C", dir, "--day", "2026-11-20"); !fault.Is(err, fault.Missing) || exitCode(err) != 1 {
		t.Errorf("a day that is not there: %v", err)
	}
	for _, args := range [][]string{{"source"}, {"source", "test"}, {"source", "test", "s", "--day", "x"}, {"source", "test", "s", "--day", aDay, "--objects", "-1"}, {"source", "infer", "New"}, {"source", "infer", "new"}, {"source", "infer", "s", "--path", "x"}} {
		if _, err := call(t, append(args, "-C", dir)...); err == nil || args[len(args)-1] != "test" && exitCode(err) != 2 {
			t.Errorf("daybook %s: %v", strings.Join(args, " "), err)
		}
	}
	if _, err := call(t, "source", "test", "none", "-C", dir); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown source: %v", err)
	}
}

func TestAProbeStopsAfterSoManyObjectsAndSaysSo(t *testing.T) {
	files := map[string]string{}
	for _, n := range []string{"1", "2", "3", "4"} {
		files[aDay+"-"+n+".ndjson"] = `{"id":` + n + "}\n"
	}
	dir := sourceProject(t, "from: files\npath: \"{day}-*.ndjson\"\ncolumns:\n  id: integer\n", files)
	wantAll(t, mustCall(t, "source", "test", "s", "-C", dir, "--day", aDay), "ended after 3 objects; --objects 0 fetches all", "3 records = 3 staged", "the day fits")
	wantAll(t, mustCall(t, "source", "test", "s", "-C", dir, "--day", aDay, "--objects", "0"), "4 records = 4 staged")
	var found struct {
		Fits, Stopped bool
		Records       int
		First         []map[string]int
	}
	if err := json.Unmarshal([]byte(mustCall(t, "source", "test", "s", "-C", dir, "--day", aDay, "--objects", "1", "--format", "json")), &found); err != nil {
		t.Fatal(err)
	}
	if !found.Fits || !found.Stopped || found.Records != 1 || found.First[0]["id"] != 1 {
		t.Errorf("%+v", found)
	}
}

func TestASourceIsTestedBesideTheOwnerOfTheProject(t *testing.T) {
	dir := sourceProject(t, "from: files\npath: \"{day}.csv\"\ncolumns:\n  id: integer\n", map[string]string{aDay + ".csv": "id\n1\n"})
	mustCall(t, "run", "-C", dir, "--day", aDay)
	release, err := lockProject(filepath.Join(dir, dataDir), "serve")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	before := listed(t, dir)
	wantAll(t, mustCall(t, "source", "test", "s", "-C", dir, "--day", aDay), "1 records = 1 staged")
	mustCall(t, "source", "infer", "s", "-C", dir, "--day", aDay)
	if after := listed(t, dir); after != before {
		t.Errorf("the project's files were\n%s\nand are\n%s", before, after)
	}
}

// listed is every file below a directory but those that readers of SQLite make.
func listed(t *testing.T, dir string) string {
	t.Helper()
	var list strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !strings.HasSuffix(path, "-wal") && !strings.HasSuffix(path, "-shm") {
			list.WriteString(path + "\n")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}

func TestRecordsCannotSteerTheTerminal(t *testing.T) {
	dir := sourceProject(t, "from: files\npath: \"{day}.ndjson\"\ncolumns:\n  id: integer\n", map[string]string{aDay + ".ndjson": `{"id":"\u001b[2J\u202egone","k\u001b]0;x":"가나다라마바사아자차카타파하가나다라마바사아자차"}` + "\n"})
	out, err := call(t, "source", "test", "s", "-C", dir, "--day", aDay)
	if !isSilent(err) {
		t.Fatalf("a day that does not fit: %v", err)
	}
	if strings.ContainsAny(out, "\x1b\u202e") {
		t.Errorf("%q", out)
	}
	wantAll(t, out, "·[2J·gone", "…")
}

// formats are records of every format, with all that makes columns hard.
var formats = map[string]struct{ settings, file, content string }{
	"ndjson": {"path: \"{day}.ndjson\"", ".ndjson", `{"id":1,"Name":"x","n":1.5,"at":"2026-11-19T10:00:00Z","tags":["a"],"user":{"id":7,"a.b":1},"null":"n","price":12345678901234567.25,"on":true,"k ":"z","mixed":[1,{"a":2}],"none":null}
{"id":2,"Name":"a \"b\": {c}, #d\n","n":2,"at":"2026-11-20T10:00:00+09:00","tags":[],"user":{"id":8},"null":"","price":1,"on":false,"mixed":7}
`},
	"csv": {"path: \"{day}.csv\"\nencoding: utf-8", ".csv", "InvoiceNo,도서관명,Price,,day,\"a,b\"\n536365,\"가,\n나\",2.55,x,2026-11-19,1\nC536366,다,,y,2026-11-19,2\n"},
	"xml": {"path: \"{day}.xml\"\nrecords: list.item", ".xml", `<r><list><item id="1"><n>1.5</n><p code="7">x</p><u><v>1</v><v>2</v></u><e/></item><item id="2"><n/><p code="8"/><u><v>3</v></u></item></list></r>`},
	"dynamodb": {"path: \"{day}.json\"\nformat: dynamodb", ".json", `{"Item":{"pk":{"S":"a"},"n":{"N":"12345678901234567890.5"},"ns":{"NS":["1","2"]},"m":{"M":{"Deep":{"BOOL":true}}},"x":{"NULL":true}}}
{"Item":{"pk":{"S":"b"},"n":{"N":"1"}}}
`},
	"json": {"path: \"{day}.json\"\nrecords: response.body.items", ".json", `{"response":{"body":{"items":[{"contentid":"7","mapx":"","title":"a","geo":{"Lat":37.5}},{"contentid":8,"mapx":126.5,"title":"","geo":{"Lat":"38"}}]}}}`},
}

func TestWhatIsInferredLoadsAndStagesTheSameRecords(t *testing.T) {
	for format, f := range formats {
		t.Run(format, func(t *testing.T) {
			settings := "from: files\n" + f.settings + "\n# a word of its author\nnew_columns: fail\n"
			dir := sourceProject(t, settings, map[string]string{aDay + f.file: f.content})
			wantAll(t, mustCall(t, "source", "infer", "s", "-C", dir, "--day", aDay, "--write"), "sources/s.yaml is written")
			text, err := os.ReadFile(filepath.Join(dir, "sources", "s.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := project.Load(dir, os.LookupEnv); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			wantAll(t, string(text), settings, "# Inferred from 2 records of 2026-11-19, in 1 objects.\n")
			out := mustCall(t, "source", "test", "s", "-C", dir, "--day", aDay)
			wantAll(t, out, "2 records = 2 staged + 0 rejected + 0 deduplicated", "the day fits")
			if format == "csv" { // whose fourth field has no name
				wantAll(t, out, "C536366     다               2026-11-19  2")
			}
			if strings.Contains(out, "\ndiffers") || strings.Contains(out, "\nabsent") || strings.Contains(out, "\nundeclared") {
				t.Errorf("%s\n%s", out, text)
			}
			mustCall(t, "run", "-C", dir, "--day", aDay)
		})
	}
}

func TestAContractIsInferredOfFilesWithoutASource(t *testing.T) {
	dir := sourceProject(t, "", map[string]string{"data/" + aDay + ".txt": "b,1\na,1\nb,2\n", "now.csv": "x\n1\n1\n"})
	args := []string{"source", "infer", "s", "-C", dir, "--day", aDay, "--from", "files"}
	out := mustCall(t, append(args, "--path", "data/{day}.txt", "--format", "csv", "--no-header")...)
	wantAll(t, out, "path: \"data/{day}.txt\"\nformat: \"csv\"\nheader: false\n", "key: [column_1, column_2]\n", "column_1: {type: text, required: true} # such as b | a\n", "column_2: {type: integer, required: true}")
	out = mustCall(t, append(args, "--path", "now.csv", "--write")...)
	if !strings.Contains(out, "is written") {
		t.Error(out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "sources", "s.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	wantAll(t, string(text), "holds: snapshot\n", "# No key was found")
	if _, err := call(t, "source", "infer", "s", "-C", dir, "--day", aDay, "--write"); !fault.Is(err, fault.Refused) {
		t.Errorf("a file that declares columns is written over: %v", err)
	}
	wantAll(t, mustCall(t, "source", "infer", "s", "-C", dir, "--day", aDay), "x: {type: integer, required: true}")
}

func TestLaterRecordsLoosenWhatTheFirstOnesMakeBelieve(t *testing.T) {
	var b strings.Builder
	for range 20_001 {
		b.WriteString("{\"n\":1,\"s\":\"x\",\"l\":[1]}\n")
	}
	b.WriteString("{\"n\":\"many\",\"l\":[\"x\",{}]}\nno record\n")
	dir := sourceProject(t, "from: files\npath: \"{day}.ndjson\"\n", map[string]string{aDay + ".ndjson": b.String()})
	wantAll(t, mustCall(t, "source", "infer", "s", "-C", dir, "--day", aDay), "  n: text # came as 20,000 integer", "  s: text # such as x", "  l: json", "There are more", "no records: 1, the first in 2026-11-19.ndjson line 20003")
}

func TestAKeyThatIsWrittenStays(t *testing.T) {
	settings := "from: files\npath: \"{day}.csv\"\nkey:\n  - b # by its meaning\nduplicates: reject\n"
	dir := sourceProject(t, settings, map[string]string{aDay + ".csv": "a,b\n1,x\n2,y\n"})
	out := mustCall(t, "source", "infer", "s", "-C", dir, "--day", aDay)
	wantAll(t, out, settings)
	if strings.Contains(out, "A guess") {
		t.Error(out)
	}
	if got := keyNames("key: [a, b_2] # c\ncolumns:\n  d: text\n"); strings.Join(got, " ") != "a b_2" {
		t.Errorf("%q", got)
	}
}
