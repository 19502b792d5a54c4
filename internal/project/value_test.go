package project

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
)

func TestWordsAreOfTheLanguageOrOfAll(t *testing.T) {
	for _, c := range []struct {
		words  Words
		ko, en string
	}{
		{Words{"": "x"}, "x", "x"}, {Words{"ko": "가", "en": "a"}, "가", "a"}, {Words{"ko": "가"}, "가", "가"}, {Words{"en": "a"}, "a", "a"}, {nil, "", ""},
	} {
		if ko, en := c.words.In("ko"), c.words.In("en"); ko != c.ko || en != c.en {
			t.Errorf("%v: %q, %q", c.words, ko, en)
		}
	}
}

func TestTypesHaveOneSpellingAndOneInDuckDB(t *testing.T) {
	for _, c := range []struct {
		text   string
		want   Type
		sql    string
		scalar bool
	}{
		{"text", "text", "VARCHAR", true}, {" BIGINT ", "bigint", "BIGINT", true}, {"timestamptz", "timestamptz", "TIMESTAMPTZ", true},
		{"json", "json", "JSON", false}, {"decimal(18, 2)", "decimal(18,2)", "DECIMAL(18,2)", true}, {"decimal(38,38)", "decimal(38,38)", "DECIMAL(38,38)", true},
		{"text[]", "text[]", "VARCHAR[]", false}, {"integer[][]", "integer[][]", "INTEGER[][]", false}, {"decimal(4,1)[]", "decimal(4,1)[]", "DECIMAL(4,1)[]", false},
		{"struct(a text,b struct(c date, d text[]))", "struct(a text, b struct(c date, d text[]))", `STRUCT("a" VARCHAR, "b" STRUCT("c" DATE, "d" VARCHAR[]))`, false},
		{"struct(a decimal(4,1))[]", "struct(a decimal(4,1))[]", `STRUCT("a" DECIMAL(4,1))[]`, false},
	} {
		got, err := ParseType(c.text)
		if err != nil || got != c.want {
			t.Errorf("%q: %q, %v", c.text, got, err)
			continue
		}
		if got.SQL() != c.sql || got.Scalar() != c.scalar {
			t.Errorf("%q: %s, scalar %v", c.text, got.SQL(), got.Scalar())
		}
		if again, err := ParseType(string(got)); err != nil || again != got {
			t.Errorf("%q reads again as %q, %v", got, again, err)
		}
	}
	for _, bad := range []string{"", "string", "varchar", "[]", "text[", "decimal", "decimal(39,2)", "decimal(0,0)", "decimal(4,5)", "decimal(4)", "struct()",
		"struct(a)", "struct(a text", "struct(A-b text)", "struct(a text) , struct(b text)", "struct(a text, )", "struct(a text))", "text; DROP"} {
		if got, err := ParseType(bad); !fault.Is(err, fault.Invalid) || fault.Hint(err) == "" || got != "" {
			t.Errorf("%q: %q, %v", bad, got, err)
		}
	}
}

func TestOnlyNamedVariablesAreReplaced(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "$day": "$day", "$": "$", "${": "${", "${A": "${A", "${A}": "<A>", "x${A}y${B}z": "x<A>y<B>z", "$${A}": "$<A>", "{A}": "{A}", "${A}}": "<A>}",
	} {
		if got := expand(text, func(name string) string { return "<" + name + ">" }); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := expand("${A}", func(string) string { return "${A}" }); got != "${A}" {
		t.Errorf("a value that looks like a variable is replaced again: %q", got)
	}
}

func TestNearestKnownKeyIsSuggested(t *testing.T) {
	for name, want := range map[string]string{
		"colunms": "did you mean columns? known here: columns, key, owner", "ky": "did you mean key? known here: columns, key, owner",
		"path": "known here: columns, key, owner",
	} {
		if got := suggest(name, []string{"columns", "key", "owner"}); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	got := map[string]int{}
	for _, p := range [][2]string{{"", ""}, {"", "abc"}, {"abc", ""}, {"kitten", "sitting"}, {"key", "key"}} {
		got[p[0]+"-"+p[1]] = distance(p[0], p[1])
	}
	if diff := cmp.Diff(map[string]int{"-": 0, "-abc": 3, "abc-": 3, "kitten-sitting": 3, "key-key": 0}, got); diff != "" {
		t.Error(diff)
	}
}
