package sqlparse

import (
	"context"
	"strings"
	"testing"
)

func TestNormalizeIgnoresCommentsAndSpaceOnly(t *testing.T) {
	p := parser(t)
	normal := func(text string) string {
		got, err := p.Normalize(context.Background(), text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return got
	}
	for _, same := range [][]string{
		{"SELECT a,b FROM t WHERE a>=1", "-- head\n SELECT a , b\r\n\tFROM t /* x /* nested */ y */ WHERE a >= 1 ;\n-- tail", "SELECT a,b FROM t WHERE a>=1;;"},
		{"SELECT x::INT, l[1:2], a->>'b'", "SELECT x :: INT, l [ 1 : 2 ], a ->> 'b'"},
		{"SELECT 'a'\n'b'", "SELECT 'a' -- x\n   'b'"},
		{"SELECT $day-1", "SELECT $day - 1"},
	} {
		for _, text := range same[1:] {
			if normal(text) != normal(same[0]) {
				t.Errorf("%q is %q, %q is %q", same[0], normal(same[0]), text, normal(text))
			}
		}
	}
	for _, pair := range [][2]string{
		{"SELECT 'a b'", "SELECT 'a  b'"}, {"SELECT 'a--b'", "SELECT 'a'"}, {`SELECT "a b"`, `SELECT "a  b"`}, {"SELECT 1", "SELECT 2"}, {"SELECT 1.5", "SELECT 1 .5"},
		{"SELECT $$a b$$", "SELECT $$a  b$$"}, {"SELECT $t$a$$b$t$", "SELECT $t$ab$t$"}, {`SELECT E'a\'--b'`, `SELECT E'a\''`}, {"SELECT a b", "SELECT ab"}, {"SELECT 'a/*b*/'", "SELECT 'a'"},
		{"SELECT a - -1", "SELECT a --1"}, {"SELECT 1e+5", "SELECT 1e + 5"}, {"SELECT a < b", "SELECT a <= b"}, {"select 1", "SELECT 1"},
	} {
		if normal(pair[0]) == normal(pair[1]) {
			t.Errorf("%q and %q are both %q", pair[0], pair[1], normal(pair[0]))
		}
	}
}

func FuzzNormalize(f *testing.F) {
	for _, seed := range []string{"SELECT 'a''b' -- x\n, $day /* y */ FROM \"t\"\"u\" ;", "$$ a $$ $x$ $$ $x$ E'\\'' 1.5e+3 ->> <=> ?", "a/**/b", "'a'\n'b'", "--", "/*/**/*/", "e'\\", "$1$"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once, err := normalize(text)
		if err != nil {
			return
		}
		twice, err := normalize(once)
		if err != nil || twice != once {
			t.Errorf("%q becomes %q, and that %q (%v)", text, once, twice, err)
		}
		if kept(t, text) != kept(t, once) {
			t.Errorf("%q becomes %q: strings or names changed", text, once)
		}
	})
}

// kept is what a normal form must not touch.
func kept(t *testing.T, text string) string {
	t.Helper()
	tokens, err := scan(text)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, token := range tokens {
		if token.kind != space && token.text != ";" {
			out = append(out, token.text)
		}
	}
	return strings.Join(out, "\x00")
}

func FuzzScan(f *testing.F) {
	f.Add("SELECT 'a' /* b */ -- c")
	f.Fuzz(func(t *testing.T, text string) {
		tokens, err := scan(text)
		if err != nil {
			return
		}
		var joined strings.Builder
		for _, token := range tokens {
			if token.at != joined.Len() || token.text == "" {
				t.Fatalf("%q: token %+v at %d", text, token, joined.Len())
			}
			joined.WriteString(token.text)
		}
		if joined.String() != text {
			t.Errorf("%q comes back as %q", text, joined.String())
		}
	})
}
