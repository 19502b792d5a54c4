package project

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
)

func TestEveryMistakeIsToldAtOnceInTheOrderOfTheFiles(t *testing.T) {
	_, err := Load(write(t, with(map[string]string{
		"daybook.yaml":          "colour: red\nname: x\ntimezone: Nowhere\ngroups: {staff: [{address: x, locale: fr}]}\nhome: weekly\n",
		"sources/searches.yaml": "pool: slow\nzone: here\nfrom: files\npath: x.log\ncolumns: {a: int, b: strings}\nkey: c\n",
		"sources/notes.txt":     "",
		"tables/requests.sql":   "/*\n lookback: 2w\n ownr: me\n*/\n",
		"tables/searches.sql":   "SELECT 1",
		"reports/daily.yaml":    "sections:\n  - kind: pie\n  - kind: cake\nto: board\nschedule: {}\n",
	})), env)
	if err == nil {
		t.Fatal("no error")
	}
	var places []string
	for _, f := range faults(t, err) {
		places = append(places, f.Place())
	}
	want := []string{
		"daybook.yaml:1:1", "daybook.yaml:3:11", "daybook.yaml:4:28", "daybook.yaml:4:39",
		"sources/notes.txt",
		"sources/searches.yaml:1:7", "sources/searches.yaml:2:7", "sources/searches.yaml:4:7", "sources/searches.yaml:4:7",
		"sources/searches.yaml:5:14", "sources/searches.yaml:5:22", "sources/searches.yaml:6:6",
		"tables/requests.sql:2:12", "tables/requests.sql:3:2", "tables/requests.sql:5:1",
		"reports/daily.yaml:1:1", "reports/daily.yaml:2:5", "reports/daily.yaml:2:5", "reports/daily.yaml:2:5",
		"reports/daily.yaml:3:5", "reports/daily.yaml:3:11", "reports/daily.yaml:4:5", "reports/daily.yaml:5:11",
		"tables/searches.sql", "daybook.yaml:5:7",
	}
	if diff := cmp.Diff(want, places); diff != "" {
		t.Errorf("%s\n%v", diff, err)
	}
}

func reading(text string) (*document, *mapping) {
	d := &document{file: "f", env: env, broken: map[ast.Node]bool{}}
	return d, d.parse([]byte(text))
}

func TestValuesThatOlderYAMLReadsOtherwiseAreReadAsWritten(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"x: 07:00", "07:00"}, {"x: '07:00'", "07:00"}, {`x: "07:00"`, "07:00"}, {"{x: 07:00}", "07:00"}, {"x: 12:30:45", "12:30:45"},
		{"x: on", "on"}, {"x: yes", "yes"}, {"x: no", "no"}, {"x: true", "true"}, {"x: 0700", "0700"}, {"x: 1.10", "1.10"}, {"x: 1e3", "1e3"}, {"x: 0x1F", "0x1F"},
		{"x: 1_000", "1_000"}, {"x: 2026-11-19", "2026-11-19"}, {"x: .5", ".5"}, {"x: -1", "-1"}, {"x: ~", "none"}, {"x:", "none"}, {"x: ''", ""},
		{"x: 도서관 이용", "도서관 이용"}, {"x: a # b", "a"}, {"x: a#b", "a#b"}, {`x: "{day}.csv"`, "{day}.csv"}, {"x: a/{day}.csv", "a/{day}.csv"},
		{"x: |\n  one\n  two\n", "one\ntwo\n"}, {"x: >-\n  one\n  two\n", "one two"}, {"x: SELECT 1 -- why", "SELECT 1 -- why"}, {"x: $day", "$day"},
		{`x: "a\tb"`, "a\tb"}, {"x: it's", "it's"}, {"x: 'it''s'", "it's"}, {"x: latest(at)", "latest(at)"}, {"x: 30%", "30%"}, {"x: <<", "<<"},
	} {
		d, m := reading(c.text)
		if m == nil {
			t.Errorf("%q: %v", c.text, d.problems())
			continue
		}
		if got := m.str("x", "none"); got != c.want || d.problems() != nil {
			t.Errorf("%q: %q, %v, want %q", c.text, got, d.problems(), c.want)
		}
	}
}

func TestKeyNamedOnIsAKey(t *testing.T) {
	_, m := reading("at: 07:00\non: weekdays\n")
	if s := m.schedule(time.UTC); s.String() != "07:00 mon,tue,wed,thu,fri" || m.doc.problems() != nil {
		t.Errorf("%s, %v", s, m.doc.problems())
	}
	_, m = reading("{at: 07:00, on: [mon, thu], timezone: Asia/Seoul}")
	if s := m.schedule(time.UTC); s.String() != "07:00 mon,thu" || s.Zone.String() != "Asia/Seoul" || m.doc.problems() != nil {
		t.Errorf("%s, %v", s, m.doc.problems())
	}
}

func TestColumnOfAMistakeCountsCharactersNotBytes(t *testing.T) {
	d, m := reading("{제목: 이용, 색: red}")
	m.value("제목")
	m.finish()
	if got := d.problems(); got == nil || !strings.HasPrefix(got.Error(), `f:1:10: unknown key "색"`) {
		t.Errorf("%v", got)
	}
}

func TestWholeNumbersAndBooleansAreStrict(t *testing.T) {
	for text, want := range map[string]int64{"x: 28": 28, "x: 1_000": 1000, "x: '7'": 7, "y: 1": 5, "x:": 5} {
		_, m := reading(text)
		if got := m.integer("x", 5, 0); got != want || m.doc.problems() != nil {
			t.Errorf("%q: %d, %v", text, got, m.doc.problems())
		}
	}
	for _, bad := range []string{"x: 1.5", "x: 1e3", "x: 0x10", "x: -1", "x: 9999999999999999999", "x: [1]", "x: true", "x: ''"} {
		_, m := reading(bad)
		if got := m.integer("x", 5, 0); got != 5 || m.doc.problems() == nil {
			t.Errorf("%q: %d", bad, got)
		}
	}
	for _, bad := range []string{"x: yes", "x: 'true'", "x: 1", "x: [true]"} {
		_, m := reading(bad)
		if got := m.boolean("x", true); !got || m.doc.problems() == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

// FuzzLoad reads any text as each kind of file: it never panics, and every problem has its place inside the file.
func FuzzLoad(f *testing.F) {
	for _, text := range small() {
		f.Add(text)
	}
	for _, c := range broken {
		f.Add(c.new)
	}
	f.Add("/*/")
	f.Add(" \r\r0")
	f.Add("a:\n  {b,")
	examples, _ := filepath.Glob("../../examples/*/*/*")
	for _, name := range examples {
		if b, err := os.ReadFile(name); err == nil {
			f.Add(string(b))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range []string{"settings", "source", "report", "query"} {
			l := &loader{env: env, project: &Project{Zone: time.UTC}}
			plain, ok := l.plain("f", []byte(text))
			if !ok {
				continue
			}
			switch kind {
			case "settings":
				l.settings(plain)
			case "source":
				l.source("f", "n", plain)
			case "report":
				l.report("f", "n", plain)
			case "query":
				l.query(KindTable, "f", "n", plain)
			}
			lines := strings.Count(string(plain), "\n") + 2
			if err := errors.Join(l.errs...); err != nil {
				for _, f := range faults(t, err) {
					if f.Code != fault.Invalid || f.Hint == "" || f.File == "" || f.Line < 1 || f.Line > lines || f.Column < 1 {
						t.Errorf("%s: %+v of %d lines", kind, f, lines)
					}
				}
			}
		}
	})
}
