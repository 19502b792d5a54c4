package collect

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"daybook/internal/fault"
)

func TestRecordsKeepTheirBytesAndTakeALineEach(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"a line each", "{\"a\": 1.0}\n{\"b\":\"\\u00e9 x\"}\n", "{\"a\": 1.0}\n{\"b\":\"\\u00e9 x\"}\n"},
		{"without a last end", "{\"a\":1}\n{\"b\":2}", "{\"a\":1}\n{\"b\":2}\n"},
		{"ends of Windows, empty lines and blanks around", "\r\n {\"a\":1} \r\n\r\n\t{\"b\":2}\r\n\n", "{\"a\":1}\n{\"b\":2}\n"},
		{"an array", ` [{"a": 1e2},{"b":"[,]}\"{"} , {"c":[{"d":[1,2]},{}]}] `, "{\"a\": 1e2}\n{\"b\":\"[,]}\\\"{\"}\n{\"c\":[{\"d\":[1,2]},{}]}\n"},
		{"an array on several lines", "[\n  {\"a\":\n    1,\r\n    \"b\": \"x\\n\"},\n  {\"c\":2}\n]\n", "{\"a\":    1,    \"b\": \"x\\n\"}\n{\"c\":2}\n"},
		{"one object on several lines", "{\n  \"a\": 1,\n  \"b\": {}\n}\n", "{  \"a\": 1,  \"b\": {}}\n"},
		{"one object", `{"a":"한국어"}`, "{\"a\":\"한국어\"}\n"},
		{"an empty array", "[ ]\n", ""},
		{"nothing", " \n", ""},
	} {
		got, n, err := Records([]byte(c.body))
		if err != nil || string(got) != c.want || n != strings.Count(c.want, "\n") {
			t.Errorf("%s: %q, %d, %v", c.name, got, n, err)
		}
	}
}

func TestFirstBadRecordIsNamed(t *testing.T) {
	for _, c := range []struct{ body, says string }{
		{"{\"a\":1}\n\n{\"a\":}\n{", "line 3 is not JSON"},
		{"{\"a\":1}\n7\n", "line 2 is JSON but no object"},
		{"null", "line 1 is JSON but no object"},
		{"{\"a\":\"\xff\"}\n", "line 1 is not UTF-8"},
		{"{\"a\":1} {\"b\":2}\n", "line 1 is not JSON"},
		{"hello", "line 1 is not JSON"},
		{"{\n\"a\":1\n", "line 1 is not JSON"},
		{"[{\"a\":1},\n{\"b\"}]", "record 2, which ends on line 2, is not JSON"},
		{"[{\"a\":1},]", "record 2, which ends on line 1, is not JSON"},
		{"[[1]]", "record 1, which ends on line 1, is JSON but no object"},
		{"[{\"a\":1}", "the array of records does not end"},
		{"[{}}", "the array of records does not end"},
		{"[{\"a\":\"\\", "the array of records does not end"},
		{"[{}]{}", "something follows the array"},
		{"[] x", "something follows the array"},
	} {
		got, n, err := Records([]byte(c.body))
		if !fault.Is(err, fault.Invalid) || fault.Hint(err) == "" || !strings.Contains(err.Error(), c.says) || len(got) > 0 || n > 0 {
			t.Errorf("%q: %q, %d, %v", c.body, got, n, err)
		}
	}
}

func FuzzRecordsAreObjectsALineEach(f *testing.F) {
	for _, seed := range []string{"{\"a\":1}\n{}\n", "[{\"a\":[1,\n2]},{}]", "{\n}", "[{\"\\\"\":\"]\"}]", "[]", "\r\n{}", "[{},", "{}\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var list []json.RawMessage
		isArray := json.Unmarshal(body, &list) == nil && bytes.HasPrefix(bytes.TrimSpace(body), []byte("["))
		got, n, err := Records(slices.Clone(body))
		if err != nil {
			return
		}
		if n != bytes.Count(got, []byte{'\n'}) || n > 0 && got[len(got)-1] != '\n' {
			t.Fatalf("%q: %d records in %q", body, n, got)
		}
		if isArray && n != len(list) {
			t.Fatalf("%q: %d records, not %d", body, n, len(list))
		}
		i := 0
		for line := range bytes.Lines(got) {
			if !whole(line[:len(line)-1]) {
				t.Fatalf("%q: line %q is no record", body, line)
			}
			if isArray {
				var want, have bytes.Buffer
				if json.Compact(&want, list[i]) != nil || json.Compact(&have, line) != nil || want.String() != have.String() {
					t.Fatalf("%q: record %d became %q", body, i, line)
				}
			}
			i++
		}
	})
}

func TestTornTailIsCutBehindTheLastWholeRecord(t *testing.T) {
	whole := "{\"a\":1}\n{\"b\":2}\n"
	for name, tail := range map[string]string{"none": "", "half a record": `{"c":`, "a record without its end": `{"c":3}`,
		"a lost page": strings.Repeat("\x00", 4096) + "\n{\"c\":3}\n", "a hole within a record": "{\"c\":\"\x00\x00\"}\n{\"d\":4}\n", "an empty line": "\n{\"c\":3}\n"} {
		file := filepath.Join(t.TempDir(), "000001.open")
		if err := os.WriteFile(file, []byte(whole+tail), 0o600); err != nil {
			t.Fatal(err)
		}
		n, err := cut(file)
		left, readErr := os.ReadFile(file)
		if err != nil || readErr != nil || string(left) != whole || n != int64(len(whole)) {
			t.Errorf("%s: %d, %q, %v, %v", name, n, left, err, readErr)
		}
	}
}
