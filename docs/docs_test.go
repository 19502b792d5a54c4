// Package docs_test holds the documents to the code: every key that the loader knows is explained, every example loads, every
// command is listed, and every link leads somewhere.
package docs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/sqlparse"
	"daybook/jobs"
)

const reference = "project.md"

// The project that keys are tried in; every place of a key holds KEYS once.
var base = map[string]string{
	"daybook.yaml":      "name: n\nrefresh:\n  - {at: \"03:00\", nodes: all}\nwarehouse: {threads: 1}\nlake: {bucket: s3://bucket/lake}\nmail: {sender: outbox, smtp: {host: localhost}, events: {queue: \"https://sqs.example.com/q\"}}\nalerts:\n  - {mail: a@example.com}\nexec:\n  export: {run: x}\ngroups:\n  g:\n    - {address: a@example.com}\n",
	"sources/s.yaml":    "from: files\npath: \"{day}.csv\"\ncolumns:\n  a: {type: text}\n",
	"tables/t.sql":      "/*\nowner: o\nchecks:\n  - unique: a\n  - rows: {min: 1}\n  - accepted: {column: a, values: b}\n  - range: {column: a, min: 1}\n  - length: {column: a, max: 1}\n  - matches: {column: a, pattern: b}\n  - relationship: {column: a, in: s}\n  - total: {measure: count(*), of: s}\n*/\nSELECT a FROM s\n",
	"sources/pg.yaml":   "from: postgres\nurl: env:DB\ntable: t\ncreated: c\nkey: a\ncolumns:\n  a: text\n",
	"sources/my.yaml":   "from: mysql\nurl: env:DB\ntable: t\ncreated: c\nkey: a\ncolumns:\n  a: text\n",
	"sources/dyn.yaml":  "from: dynamodb\ntable: t\nread: scan\nday_attribute: d\naws: {region: us-east-1}\ncolumns:\n  a: text\n",
	"sources/web.yaml":  "from: http\nurl: \"https://api.example.com/{day}\"\nformat: json\npages: {by: page, parameter: p}\nfor_each: {source: s, column: a}\nquota: {calls: 5}\nok: {path: code, equals: \"0\"}\ncolumns:\n  a: text\n",
	"sources/run.yaml":  "from: exec\ncommand: export\ncolumns:\n  a: text\n",
	"sources/bq.yaml":   "from: bigquery\nproject: p\nquery: SELECT @day AS a\nlimit: 1GB\ncredentials: env:KEY\ncolumns:\n  a: text\n",
	"sources/post.yaml": "from: collect\ntoken: env:TOKEN\ncolumns:\n  a: text\n",
	"sources/kin.yaml":  "from: kinesis\nstream: clicks\naws: {region: us-east-1}\ncolumns:\n  a: text\n",
	"sources/kaf.yaml":  "from: kafka\ntopic: clicks\nbrokers: localhost\ncolumns:\n  a: text\n",
	"sources/buck.yaml": "from: s3\npath: \"s3://bucket/{day}/*.csv\"\nformat: csv\naws: {region: us-east-1}\ncolumns:\n  a: text\n",
	"marts/m.sql":       "/*\nkey: a\n*/\nSELECT a, day FROM t WHERE day = $day\n",
	"publish/pg_p.yaml": "mart: m\nto: postgres\nurl: env:DB\ntable: p\n",
	"publish/dy_p.yaml": "mart: m\nto: dynamodb\ntable: p\naws: {region: us-east-1}\n",
	"publish/re_p.yaml": "mart: m\nto: redis\nurl: env:DB\nname: p\n",
	"publish/s3_p.yaml": "mart: m\nto: s3\npath: s3://bucket/p\n",
	"reports/rep.yaml":  "title: {en: t}\nschedule: {at: \"07:00\"}\nsections:\n  - {kind: table, mart: t, columns: {a: {title: t}}}\n",
	"reports/home.yaml": "title: h\nsections:\n  - {kind: text, text: t}\n",
}

// common are the keys that every kind of source has; the reference explains them once.
var common = strings.Fields("agrees columns days description duplicates empty encoding format from header holds key max_rejects new_columns owner pool records zone")

// published are the keys that every kind of publication has.
var published = strings.Fields("columns description key mart mode owner pool shrink takes_over to")

// places are where keys may stand: the name in the reference's marker, the file, and the text that a key is put behind.
var places = []struct{ name, file, behind, form string }{
	{"daybook.yaml", "daybook.yaml", "name: n\n", "%s\n"},
	{"daybook.yaml refresh", "daybook.yaml", "nodes: all", ", %s"},
	{"daybook.yaml warehouse", "daybook.yaml", "threads: 1", ", %s"},
	{"daybook.yaml mail", "daybook.yaml", "sender: outbox", ", %s"},
	{"daybook.yaml mail smtp", "daybook.yaml", "host: localhost", ", %s"},
	{"daybook.yaml mail events", "daybook.yaml", "queue: \"https://sqs.example.com/q\"", ", %s"},
	{"daybook.yaml alerts", "daybook.yaml", "mail: a@example.com", ", %s"},
	{"daybook.yaml groups", "daybook.yaml", "address: a@example.com", ", %s"},
	{"source", "sources/s.yaml", "from: files\n", "%s\n"},
	{"source files", "sources/s.yaml", "from: files\n", "%s\n"},
	{"source dynamodb", "sources/dyn.yaml", "from: dynamodb\n", "%s\n"},
	{"source dynamodb aws", "sources/dyn.yaml", "region: us-east-1", ", %s"},
	{"source http", "sources/web.yaml", "from: http\n", "%s\n"},
	{"source http pages", "sources/web.yaml", "by: page", ", %s"},
	{"source http for_each", "sources/web.yaml", "source: s", ", %s"},
	{"source http quota", "sources/web.yaml", "calls: 5", ", %s"},
	{"source http ok", "sources/web.yaml", "path: code", ", %s"},
	{"source exec", "sources/run.yaml", "from: exec\n", "%s\n"},
	{"daybook.yaml exec", "daybook.yaml", "run: x", ", %s"},
	{"source bigquery", "sources/bq.yaml", "from: bigquery\n", "%s\n"},
	{"source collect", "sources/post.yaml", "from: collect\n", "%s\n"},
	{"source kinesis", "sources/kin.yaml", "from: kinesis\n", "%s\n"},
	{"source kinesis aws", "sources/kin.yaml", "region: us-east-1", ", %s"},
	{"source kafka", "sources/kaf.yaml", "from: kafka\n", "%s\n"},
	{"source postgres", "sources/pg.yaml", "from: postgres\n", "%s\n"},
	{"source mysql", "sources/my.yaml", "from: mysql\n", "%s\n"},
	{"column", "sources/s.yaml", "type: text", ", %s"},
	{"header", "tables/t.sql", "owner: o\n", "%s\n"},
	{"check", "tables/t.sql", "  - unique: a\n", "    %s\n"},
	{"check rows", "tables/t.sql", "rows: {min: 1", ", %s"},
	{"check accepted", "tables/t.sql", "accepted: {column: a", ", %s"},
	{"check range", "tables/t.sql", "range: {column: a", ", %s"},
	{"check length", "tables/t.sql", "length: {column: a", ", %s"},
	{"check matches", "tables/t.sql", "matches: {column: a", ", %s"},
	{"check relationship", "tables/t.sql", "relationship: {column: a", ", %s"},
	{"check total", "tables/t.sql", "of: s", ", %s"},
	{"source s3", "sources/buck.yaml", "from: s3\n", "%s\n"},
	{"daybook.yaml lake", "daybook.yaml", "bucket: s3://bucket/lake", ", %s"},
	{"source s3 aws", "sources/buck.yaml", "region: us-east-1", ", %s"},
	{"publication", "publish/pg_p.yaml", "mart: m\n", "%s\n"},
	{"publication postgres", "publish/pg_p.yaml", "mart: m\n", "%s\n"},
	{"publication dynamodb", "publish/dy_p.yaml", "mart: m\n", "%s\n"},
	{"publication redis", "publish/re_p.yaml", "mart: m\n", "%s\n"},
	{"publication s3", "publish/s3_p.yaml", "mart: m\n", "%s\n"},
	{"report", "reports/rep.yaml", "title: {en: t}\n", "%s\n"},
	{"report schedule", "reports/rep.yaml", "at: \"07:00\"", ", %s"},
	{"section", "reports/rep.yaml", "kind: table, mart: t", ", %s"},
	{"section column", "reports/rep.yaml", "{a: {title: t", ", %s"},
	{"words", "reports/rep.yaml", "title: {en: t", ", %s"},
}

// load writes the files into a directory and loads them as a project.
func load(t *testing.T, files map[string]string) error {
	t.Helper()
	_, err := loaded(t, files)
	return err
}

// prove loads the files and binds their SQL, as daybook check does.
func prove(t *testing.T, files map[string]string) error {
	t.Helper()
	p, err := loaded(t, files)
	if err != nil {
		return err
	}
	parser, err := sqlparse.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer parser.Close()
	_, err = jobs.NewGraph(t.Context(), p, parser)
	return err
}

func loaded(t *testing.T, files map[string]string) (*project.Project, error) {
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
	return project.Load(dir, func(string) (string, bool) { return "", false })
}

// with is the base project with a line put in at a place, instead of the same key where that is there already.
func with(t *testing.T, file, behind, form, key, line string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for name, text := range base {
		files[name] = text
	}
	if strings.Count(files[file], behind) != 1 {
		t.Fatalf("%s holds %q %d times, not once", file, behind, strings.Count(files[file], behind))
	}
	instead := behind + fmt.Sprintf(form, line)
	if there := regexp.MustCompile(`\b` + key + `: [^,}\n]+`); key != "" && there.MatchString(behind) {
		instead = there.ReplaceAllLiteralString(behind, line)
	}
	files[file] = strings.Replace(files[file], behind, instead, 1)
	return files
}

// problems are the faults in an error.
func problems(err error) []*fault.Error {
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) {
		var all []*fault.Error
		for _, e := range many.Unwrap() {
			all = append(all, problems(e)...)
		}
		return all
	}
	var one *fault.Error
	if errors.As(err, &one) {
		return []*fault.Error{one}
	}
	return nil
}

// known asks the loader which keys it knows at a place.
func known(t *testing.T, file, behind, form string) []string {
	t.Helper()
	const strange = "zzzzzzzz"
	err := load(t, with(t, file, behind, form, "", strange+": x"))
	for _, p := range problems(err) {
		if strings.Contains(p.Message, strange) {
			_, list, ok := strings.Cut(p.Hint, "known here: ")
			if !ok {
				t.Fatalf("the hint of %v lists no keys", p)
			}
			return strings.Split(list, ", ")
		}
	}
	t.Fatalf("a strange key in %s was not refused: %v", file, err)
	return nil
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var cellKey = regexp.MustCompile("^\\| `([^`]+)` \\|")

// rows are those of the table that follows a marker, by what stands in the first cell.
func rows(t *testing.T, text, marker string) (keys []string, row map[string]string) {
	t.Helper()
	_, after, ok := strings.Cut(text, "<!-- "+marker+" -->\n")
	if !ok {
		t.Fatalf("%s has no table marked <!-- %s -->", reference, marker)
	}
	row = map[string]string{}
	for line := range strings.Lines(after) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if m := cellKey.FindStringSubmatch(line); m != nil {
			keys = append(keys, m[1])
			row[m[1]] = line
		}
	}
	return keys, row
}

// everyKey is the whole reference: the kinds of sources and what is beside the project have pages of their own.
func everyKey(t *testing.T) string {
	var all strings.Builder
	for _, name := range documents(t) {
		all.WriteString(read(t, name) + "\n")
	}
	return all.String()
}

func TestEveryKeyIsExplainedAndNoOther(t *testing.T) {
	text := everyKey(t)
	if err := load(t, base); err != nil {
		t.Fatalf("the base project does not load: %v", err)
	}
	var marked, placed []string
	for _, m := range regexp.MustCompile(`<!-- keys: ([a-z0-9_. ]+) -->`).FindAllStringSubmatch(text, -1) {
		marked = append(marked, m[1])
	}
	for _, p := range places {
		placed = append(placed, p.name)
	}
	slices.Sort(marked)
	slices.Sort(placed)
	if diff := cmp.Diff(placed, marked); diff != "" {
		t.Errorf("tables of keys (- the places that are tried, + the documents):\n%s", diff)
	}
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			want := known(t, p.file, p.behind, p.form)
			if kind, ok := strings.CutPrefix(p.name, "source "); ok && !strings.Contains(kind, " ") {
				want = slices.DeleteFunc(want, func(key string) bool { return slices.Contains(common, key) })
			}
			if kind, ok := strings.CutPrefix(p.name, "publication"); ok {
				want = slices.DeleteFunc(want, func(key string) bool { return slices.Contains(published, key) != (kind == "") })
			}
			got, row := rows(t, text, "keys: "+p.name)
			if diff := cmp.Diff(want, slices.Sorted(slices.Values(got))); diff != "" {
				t.Errorf("keys of %s (- the loader, + %s):\n%s", p.name, reference, diff)
			}
			for _, key := range want {
				fixedValues(t, with(t, p.file, p.behind, p.form, key, key+": zzzz"), key, row[key])
			}
		})
	}
}

// fixedValues holds that a row names every value that the loader takes for the key, where these are a fixed set.
func fixedValues(t *testing.T, files map[string]string, key, row string) {
	t.Helper()
	for _, p := range problems(load(t, files)) {
		list, ok := strings.CutPrefix(p.Hint, "write ")
		if !ok || !strings.Contains(p.Message, key+` cannot be "zzzz"`) {
			continue
		}
		for value := range strings.SplitSeq(strings.ReplaceAll(list, " or ", ", "), ", ") {
			value, _, _ = strings.Cut(value, " (")
			if !strings.Contains(row, "`"+value+"`") {
				t.Errorf("the row of %s does not name the value %s: %s", key, value, row)
			}
		}
	}
}

func TestEveryColumnTypeIsExplained(t *testing.T) {
	_, err := project.ParseType("zzzz")
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatal("a strange type was taken")
	}
	list := strings.TrimPrefix(strings.ReplaceAll(f.Hint, " or ", ", "), "write ")
	got, _ := rows(t, read(t, reference), "types")
	want := slices.Sorted(strings.SplitSeq(list, ", "))
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(got))); diff != "" {
		t.Errorf("types (- the loader, + %s):\n%s", reference, diff)
	}
	for _, name := range got {
		if _, err := project.ParseType(name); err != nil {
			t.Errorf("%s names the type %s: %v", reference, name, err)
		}
	}
}

var fence = regexp.MustCompile("(?ms)^```(\\w+)([^\n]*)\n(.*?)^```$")

// documents are all that people read.
func documents(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("*.md")
	if err != nil || len(found) == 0 {
		t.Fatalf("no documents here: %v", err)
	}
	kinds, err := filepath.Glob("sources/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found = append(found, kinds...)
	return append(found, "../README.md", "../CONTRIBUTING.md", "../CHANGELOG.md")
}

// Examples are whole files, each block of YAML or SQL naming its own: ```yaml file=sources/visits.yaml. Those of a document are one project.
func TestEveryExampleLoads(t *testing.T) {
	for _, name := range documents(t) {
		files := map[string]string{}
		for _, block := range fence.FindAllStringSubmatch(read(t, name), -1) {
			language, attribute := block[1], strings.TrimSpace(block[2])
			if language != "yaml" && language != "sql" {
				continue
			}
			file, ok := strings.CutPrefix(attribute, "file=")
			if !ok {
				t.Errorf("%s: a block of %s names no file: %.60q", name, language, block[3])
				continue
			}
			if _, twice := files[file]; twice {
				t.Errorf("%s: two blocks are %s", name, file)
			}
			files[file] = block[3]
		}
		if len(files) == 0 {
			continue
		}
		if err := prove(t, files); err != nil {
			t.Errorf("the examples of %s: %v", name, err)
		}
	}
}

// The commands are found by the Use lines of their definitions.
func TestTheReadmeListsEveryCommand(t *testing.T) {
	sources, err := filepath.Glob("../cmd/daybook/*.go")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no commands are there: %v", err)
	}
	var commands []string
	use := regexp.MustCompile(`Use:\s+"(\w+)`)
	for _, file := range sources {
		for _, m := range use.FindAllStringSubmatch(read(t, file), -1) {
			if m[1] != "daybook" && !strings.HasSuffix(file, "_test.go") {
				commands = append(commands, m[1])
			}
		}
	}
	slices.Sort(commands)
	_, after, ok := strings.Cut(read(t, "../README.md"), "## Commands\n")
	if !ok {
		t.Fatal("README.md has no section Commands")
	}
	section, _, _ := strings.Cut(after, "\n## ")
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)").FindAllStringSubmatch(section, -1) {
		listed = append(listed, m[1])
	}
	slices.Sort(listed)
	if diff := cmp.Diff(commands, listed); diff != "" {
		t.Errorf("commands (- cmd/daybook, + README.md):\n%s", diff)
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"`)

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	for _, name := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(read(t, name), ""), -1) {
			target := m[1] + m[2]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			path, anchor, _ := strings.Cut(target, "#")
			file := name
			if path != "" {
				file = filepath.Join(filepath.Dir(name), filepath.FromSlash(path))
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s, which is not there", name, target)
				continue
			}
			if anchor != "" && !slices.Contains(anchors(read(t, file)), anchor) {
				t.Errorf("%s links to %s, a heading that is not there", name, target)
			}
		}
	}
}

var heading = regexp.MustCompile(`(?m)^#+ (.+)$`)

// anchors are the addresses of a document's headings, as they are made of their words.
func anchors(text string) []string {
	var all []string
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		plain := regexp.MustCompile(`[^\p{L}\p{N}\- ]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(plain, " ", "-"))
	}
	return all
}
