package source

import (
	"strings"
	"testing"
	"unicode/utf8"

	"daybook/internal/fault"
	"daybook/internal/project"
)

func TestUnknownKindNamesTheKnownOnes(t *testing.T) {
	t.Parallel()
	_, err := New("ftp")
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), `"ftp"`) || !strings.Contains(fault.Hint(err), "files") {
		t.Errorf("error %v", err)
	}
	err = Validate(project.Source{From: "ftp", File: "sources/a.yaml", Line: 2})
	if !fault.Is(err, fault.Invalid) || !strings.HasPrefix(err.Error(), "sources/a.yaml:2: ") {
		t.Errorf("error %v", err)
	}
}

func TestEveryKindCanBeMade(t *testing.T) {
	t.Parallel()
	for _, from := range Kinds() {
		if s, err := New(from); err != nil || s == nil {
			t.Errorf("%s: %v, %v", from, s, err)
		}
	}
}

func TestSettingsOfFilesAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ path, format, holds, want string }{
		{"data/{day}.ndjson", "", "day", ""},
		{"data/{day}.jsonl.zst", "", "day", ""},
		{"data/{day}-{hour}.JSON.GZ", "", "", ""},
		{"data/{yyyy}/{mm}/{dd}/*", "csv", "day", ""},
		{"/data/books.parquet", "", "snapshot", ""},
		{"data/{day}.txt", "csv", "day", ""},
		{"", "", "day", "no path"},
		{"s3://bucket/{day}.csv", "", "day", "s3 address"},
		{"data/{date}.csv", "", "day", "{date} in the path"},
		{"data/{day}[.csv", "", "day", "not a pattern"},
		{"data/books.csv", "", "day", "same for every day"},
		{"data/{yyyy}-{mm}.csv", "", "day", "same for every day"},
		{"data/{day}.csv", "", "snapshot", "snapshot has a day"},
		{"data/{day}", "", "day", "does not tell the format"},
		{"data/{day}.txt.gz", "", "day", "does not tell the format"},
		{"data/{day}.xml.gz", "", "day", ""},
		{"data/{day}.json.gz", "dynamodb", "day", ""},
		{"data/{day}.dynamodb", "", "day", "does not tell the format"},
		{"data/{day}.csv", "yaml", "day", `"yaml" is not a format`},
		{"data/{day}.csv", "jsonl", "day", `"jsonl" is not a format`},
		{"data/{day}.parquet.gz", "", "day", "compressed inside"},
	} {
		err := Validate(project.Source{From: "files", File: "sources/a.yaml", Line: 1, Path: c.path, Format: c.format, Holds: c.holds})
		if c.want == "" {
			if err != nil {
				t.Errorf("path %q: %v", c.path, err)
			}
			continue
		}
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) || fault.Hint(err) == "" || !strings.HasPrefix(err.Error(), "sources/a.yaml:1: ") {
			t.Errorf("path %q, format %q, holds %q: %v, want %q", c.path, c.format, c.holds, err, c.want)
		}
	}
}

func TestFormatAndCompressionComeFromTheEnding(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]string{
		"a.ndjson": {"ndjson", ""}, "a.jsonl.gz": {"ndjson", "gz"}, "a.json.zst": {"json", "zst"}, "a.b.CSV": {"csv", ""}, "a.parquet": {"parquet", ""},
	} {
		f, c, err := format(name, "")
		if err != nil || f != want[0] || c != want[1] {
			t.Errorf("%s: %s, %s, %v", name, f, c, err)
		}
	}
	if f, c, err := format("a.json.gz", "ndjson"); err != nil || f != "ndjson" || c != "gz" {
		t.Errorf("the setting gives way to the ending: %s, %s, %v", f, c, err)
	}
}

func FuzzObjectNamesAreSafeAndDistinct(f *testing.F) {
	f.Add("logs/a.csv", "logs/b/a.csv")
	f.Add("logs/A.csv", "logs/a.csv")
	f.Add("x/a:b", "x/a*b")
	f.Add("../.hidden", "/한국어/"+strings.Repeat("가", 100)+".ndjson.gz")
	f.Add("eu/web/a", "eu_web/a")
	f.Fuzz(func(t *testing.T, a, b string) {
		if a == b || strings.Trim(a, "/") == "" || strings.Trim(b, "/") == "" || strings.HasSuffix(a, "/") || strings.HasSuffix(b, "/") {
			t.Skip()
		}
		names := objectNames([]string{a, b})
		for _, n := range names {
			if n == "" || len(n) > 200 || n[0] == '.' || !utf8.ValidString(n) || strings.ContainsAny(n, "/\\*?[]'\"\x00\n") {
				t.Errorf("%q is no safe name", n)
			}
		}
		if strings.EqualFold(names[0], names[1]) {
			t.Errorf("%q and %q are both called %q", a, b, names[0])
		}
	})
}
