package handlers

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/korean"
)

var compareFiles = cmp.AllowUnexported(peopleFile{}, listed{}, words{})

func TestFileOfPeopleIsReadWhateverWroteIt(t *testing.T) {
	want := peopleFile{hasName: true, hasLocale: true, hasGroups: true, rows: []listed{
		{line: 2, address: "ada@example.com", name: "아다", locale: "ko", groups: []string{"all-staff", "board"}, cell: "all-staff; board"},
		{line: 3, address: "bob@example.com", name: "Bob", locale: "en"},
	}}
	plain := "address,name,locale,groups\nADA@example.com,아다,ko,all-staff; board\nbob@example.com,Bob,en,\n"
	cp949 := string(must(korean.EUCKR.NewEncoder().Bytes([]byte("주소,이름,언어,그룹\nada@example.com,아다,한국어,all-staff; board\nbob@example.com,Bob,영어,\n")))(t))
	if utf8.ValidString(cp949) {
		t.Fatal("the CP949 sample is UTF-8")
	}
	for name, raw := range map[string]string{
		"plain": plain, "with a mark": "\ufeff" + plain, "CRLF": strings.ReplaceAll(plain, "\n", "\r\n"), "no last line end": strings.TrimSpace(plain) + "",
		"tabs": strings.ReplaceAll(plain, ",", "\t"), "CP949 in Korean": cp949, "blank lines": plain + "\n,,,\n\n",
		"semicolons":   "address;name;locale;groups\nada@example.com;아다;ko;\"all-staff; board\"\nbob@example.com;Bob;en;\n",
		"more columns": "role,E-Mail,name,language,group\nadmin,ada@example.com,아다,ko-KR,all-staff; board\nviewer,bob@example.com,Bob,English,\n",
	} {
		got, problem := readPeople([]byte(raw))
		if problem.key != "" {
			t.Errorf("%s: %s %v", name, problem.key, problem.args)
			continue
		}
		if diff := cmp.Diff(want, got, compareFiles); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestColumnsThatAFileLacksSayNothing(t *testing.T) {
	f, problem := readPeople([]byte("이메일\nada@example.com\n"))
	if problem.key != "" || f.hasName || f.hasLocale || f.hasGroups || len(f.rows) != 1 {
		t.Errorf("%+v %+v", f, problem)
	}
}

func TestRowThatCannotBeReadIsRefusedWithItsLine(t *testing.T) {
	raw := "address,name,locale\n" + // 1
		",Nobody,en\n" + // 2
		"ada@example.com,Ada,fr\n" + // 3
		"\n" + // 4
		"bob@example.com,Bob,en,more\n" + // 5
		"eve@example.com,\"Eve \"quoted\"\",en\n" + // 6
		"Dan@example.com,\"Dan\nthe second\",en\n" + // 7 and 8
		"dan@example.com,Dan,en\n" + // 9
		"\"open,en\n" // 10
	f, problem := readPeople([]byte(raw))
	if problem.key != "" {
		t.Fatal(problem)
	}
	got := map[int]string{}
	for _, row := range f.rows {
		got[row.line] = row.problem.key
	}
	want := map[int]string{2: "import.error.noaddress", 3: "import.error.locale", 5: "import.error.cells", 6: "import.error.quote", 7: "", 9: "import.error.repeated", 10: "import.error.quote"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFileThatIsNoListOfPeopleSaysWhy(t *testing.T) {
	for want, raw := range map[string]string{
		"import.error.header": "name,locale\nAda,en\n", "import.error.twice": "address,mail\na@example.com,b@example.com\n", "import.error.empty": "address\n",
		"import.error.encoding": "address\n\xff\xfe\xff\n", "import.error.large": strings.Repeat("a", maxPeopleFile+1), "import.error.many": "address\n" + strings.Repeat("a\n", maxPeopleRows+1),
	} {
		if _, problem := readPeople([]byte(raw)); problem.key != want {
			t.Errorf("want %s, got %s", want, problem.key)
		}
	}
	if _, problem := readPeople([]byte("a\x00d\x00d\x00")); problem.key != "import.error.encoding" {
		t.Errorf("UTF-16: %s", problem.key)
	}
	if _, problem := readPeople(nil); problem.key != "import.error.header" {
		t.Errorf("nothing: %s", problem.key)
	}
}

func TestGuardOfTheExportIsTakenOffAgain(t *testing.T) {
	for _, s := range []string{"Ada", "=1+1", "+x", "-x", "@x", "-1.5", "", "'quoted", "''", "= "} {
		if got := unguarded(guarded(s)); got != s {
			t.Errorf("%q becomes %q", s, got)
		}
	}
}

func TestAddressIsOneThatMailCanGoTo(t *testing.T) {
	for address, want := range map[string]bool{
		"ada@example.com": true, "a.b+c@mail.example.com": true, "": false, "ada": false, "ada@": false, "@example.com": false, "Ada <ada@example.com>": false, "ada@example.com, eve@example.com": false,
		"ada@example.com\r\nBcc: eve@example.com": false, "ada @example.com": false, "아다@example.com": false, `"a b"@example.com`: false, strings.Repeat("a", 250) + "@example.com": false,
	} {
		if got := validAddress(address); got != want {
			t.Errorf("%q: %v", address, got)
		}
	}
}

func FuzzReadPeople(f *testing.F) {
	for _, seed := range []string{"address,name,locale,groups\nada@example.com,Ada,en,all-staff; board\n", "주소;이름\na@b;\"x\ny\"\n", "address\tname\n\"\n", "\ufeffmail\r\na@b\r\n", "address\n\xb0\xa1\n", "", "\"", ",,\n,,"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		file, problem := readPeople(raw)
		last := 0
		for _, row := range file.rows {
			if row.line <= last || row.line > bytes.Count(raw, []byte("\n"))+1 {
				t.Errorf("line %d after %d", row.line, last)
			}
			last = row.line
			if row.problem.key == "" && row.address == "" {
				t.Errorf("a row without an address is taken: %+v", row)
			}
			if !utf8.ValidString(row.address + row.name + row.cell) {
				t.Errorf("not UTF-8: %+v", row)
			}
			for _, g := range row.groups {
				if g == "" || g != strings.TrimSpace(g) {
					t.Errorf("group %q", g)
				}
			}
		}
		if problem.key == "" && len(file.rows) == 0 {
			t.Error("a file without rows is taken")
		}
	})
}
