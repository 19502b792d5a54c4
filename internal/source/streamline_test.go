package source

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func FuzzRecordOfAStreamBecomesOneLineOfJSON(f *testing.F) {
	for _, s := range []string{`{"a": 1.10}`, "{\n}\n", "[1,\n2]", "plain", "\xff", "", "\ufeff{}", "{\"a\":\"\xff\"}", `"x"`, "{}{}", "\x00", "\u2028"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		line := streamLine(data)
		if !json.Valid(line) || !utf8.Valid(line) || bytes.ContainsAny(line, "\n\r") {
			t.Fatalf("%q became %q", data, line)
		}
		if object := json.Valid(data) && utf8.Valid(data) && bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")); object != bytes.HasPrefix(line, []byte("{")) && !bytes.HasPrefix(data, []byte("\ufeff")) {
			t.Fatalf("%q became %q", data, line)
		}
		if line := deletedLine(data); !json.Valid(line) || bytes.ContainsAny(line, "\n\r") {
			t.Fatalf("the deletion of %q became %q", data, line)
		}
	})
}
