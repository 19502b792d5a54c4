package source

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func FuzzTextsAreWholeInJSON(f *testing.F) {
	f.Add([]byte("a \"b\" \\ \n\x00\x7f 한국어"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := jsonText(nil, text)
		if !utf8.Valid(text) {
			if err == nil {
				t.Errorf("%q was taken", text)
			}
			return
		}
		var back string
		if err := json.Unmarshal(b, &back); err != nil || back != string(text) {
			t.Errorf("%q became %s: %v", text, b, err)
		}
	})
}

func FuzzArraysAreJSONOrRefused(f *testing.F) {
	for _, s := range []string{`{1,NULL,"a\"b"}`, `[0:1]={{1},{2}}`, `{}`, `{,}`, `{"`, `{1}x`, `{1,}`, `{"a""b"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := jsonArray(',', jsonText)(nil, text)
		if err == nil && !json.Valid(b) {
			t.Errorf("%q became %s", text, b)
		}
	})
}

func TestWhatIsNoJSONIsAText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{`{"a": [1]}`: `{"a":[1]}`, "{bad": `"{bad"`, "": `""`} {
		if b, err := jsonJSON([]byte("x"), []byte(text)); err != nil || string(b) != "x"+want {
			t.Errorf("%q became %s, %v", text, b, err)
		}
	}
}
