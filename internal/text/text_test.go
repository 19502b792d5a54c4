package text

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryStringIsThereInBothLanguages(t *testing.T) {
	for i, pair := range tables() {
		en, ko := slices.Sorted(maps.Keys(pair.en)), slices.Sorted(maps.Keys(pair.ko))
		if diff := cmp.Diff(en, ko); diff != "" {
			t.Errorf("table %d, English against Korean:\n%s", i, diff)
		}
		for _, l := range Locales() {
			for key, s := range pair.in(l) {
				if strings.TrimSpace(s) != s || s == "" {
					t.Errorf("%s %s is %q", l, key, s)
				}
			}
		}
	}
}

func TestKeyIsInOneTableOnly(t *testing.T) {
	home := map[string]int{}
	for i, pair := range tables() {
		for key := range pair.en {
			if first, ok := home[key]; ok {
				t.Errorf("%s is in tables %d and %d", key, first, i)
			}
			home[key] = i
		}
	}
}

var verb = regexp.MustCompile(`%(?:\[(\d+)\])?[-+# 0]*\d*(?:\.\d+)?([a-zA-Z%])`)

// verbs maps the number of each argument to the verb that prints it, whatever the order in the sentence.
func verbs(s string) map[int]string {
	out := map[int]string{}
	next := 1
	for _, m := range verb.FindAllStringSubmatch(s, -1) {
		if m[2] == "%" {
			continue
		}
		if m[1] != "" {
			next, _ = strconv.Atoi(m[1])
		}
		out[next] = m[2]
		next++
	}
	return out
}

var blank = regexp.MustCompile(`\{[a-z]+\}`)

func TestBothLanguagesTakeTheSameArguments(t *testing.T) {
	for _, pair := range tables() {
		for key, en := range pair.en {
			ko := pair.ko[key]
			all := verbs(en)
			maps.Copy(all, verbs(ko))
			for _, s := range []string{en, ko} {
				for n, v := range all {
					// A sentence may leave an argument out (a Korean particle, in English) when it numbers the others.
					if has, ok := verbs(s)[n]; ok && has != v || !ok && !strings.Contains(s, "%[") {
						t.Errorf("%s: %q and %q do not agree on argument %d", key, en, ko, n)
					}
				}
			}
			if diff := cmp.Diff(blank.FindAllString(en, -1), blank.FindAllString(ko, -1)); diff != "" {
				t.Errorf("%s: %q and %q: %s", key, en, ko, diff)
			}
			args := make([]any, 0, 5)
			for i := range len(all) {
				if all[i+1] == "d" {
					args = append(args, i)
				} else {
					args = append(args, "x")
				}
			}
			for _, l := range Locales() {
				if got := l.T(key, args...); strings.Contains(got, "%!") {
					t.Errorf("%s %s: %s", l, key, got)
				}
			}
		}
	}
}

func TestUnknownKeyShowsItself(t *testing.T) {
	for _, l := range Locales() {
		if got := l.T("no.such.key"); got != "no.such.key" {
			t.Errorf("%s", got)
		}
		if got := l.T("no.such.key", 1); got != "no.such.key" {
			t.Errorf("%s", got)
		}
	}
}

func TestStringIsFormattedOnlyWithArguments(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{English.T("mail.edition", 2), "edition 2"}, {Korean.T("mail.edition", 2), "2판"}, {Korean.T("mail.edition"), "%d판"},
		{English.T("report.up", "on the day before", "2.1%p"), "up 2.1%p on the day before"}, {Korean.T("report.up", "전날보다", "2.1%p"), "전날보다 2.1%p 늘었습니다"},
		{Locale("xx").T("state.failed"), "failed"},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}

// rooms are the folders that show strings to people.
func rooms() []string {
	return []string{"../../templates", "../../handlers", "../../jobs", "../../cmd", "../report"}
}

// files calls f with every file of the rooms that ends in one of the extensions; tests are left out.
func files(t *testing.T, f func(path, text string), ext ...string) {
	t.Helper()
	for _, room := range rooms() {
		if _, err := os.Stat(room); err != nil {
			continue
		}
		err := filepath.WalkDir(room, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || strings.HasSuffix(path, "_test.go") || !slices.Contains(ext, filepath.Ext(path)) {
				return err
			}
			b, err := os.ReadFile(path)
			if err == nil {
				f(path, string(b))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func known(key string) bool {
	return slices.ContainsFunc(tables(), func(p table) bool { _, ok := p.en[key]; return ok })
}

func anyWith(prefix string) bool {
	return slices.ContainsFunc(tables(), func(p table) bool {
		for key := range p.en {
			if strings.HasPrefix(key, prefix) {
				return true
			}
		}
		return false
	})
}

var used = regexp.MustCompile(`\bT\(\s*"([^"]*)"\s*([+,)])`)

func TestEveryStringThatIsAskedForIsThere(t *testing.T) {
	n := 0
	files(t, func(path, text string) {
		for _, m := range used.FindAllStringSubmatch(text, -1) {
			n++
			if m[2] == "+" && !anyWith(m[1]) {
				t.Errorf("%s: no key begins with %q", path, m[1])
			}
			if m[2] != "+" && !known(m[1]) {
				t.Errorf("%s: there is no key %q", path, m[1])
			}
		}
	}, ".go", ".templ")
	if n < 50 {
		t.Errorf("%d uses found: the search no longer sees how strings are asked for", n)
	}
}

func TestEveryStringIsAskedForWithItsArguments(t *testing.T) {
	fset := token.NewFileSet()
	files(t, func(path, text string) {
		file, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
		if err != nil {
			t.Logf("%s is not read: %v", path, err) // the compiler says it better
			return
		}
		ast.Inspect(file, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 || call.Ellipsis.IsValid() {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			lit, isLit := call.Args[0].(*ast.BasicLit)
			if !ok || !isLit || sel.Sel.Name != "T" {
				return true
			}
			key, err := strconv.Unquote(lit.Value)
			if err != nil || !known(key) {
				return true
			}
			if want, got := max(len(verbs(English.T(key))), len(verbs(Korean.T(key)))), len(call.Args)-1; got != want {
				t.Errorf("%s: %s takes %d arguments, is given %d", fset.Position(call.Pos()), key, want, got)
			}
			return true
		})
	}, ".go")
}

var (
	stateWord = regexp.MustCompile(`StateKind\s*=\s*"([^"]+)"`)
	whyCode   = regexp.MustCompile(`\bWhy\{(?:Code:\s*)?"([a-z_]+)"(,)?`)
)

func TestEveryStateHasAWord(t *testing.T) {
	found := map[string]bool{}
	files(t, func(_, text string) {
		for _, m := range stateWord.FindAllStringSubmatch(text, -1) {
			found["state."+m[1]] = true
		}
	}, ".go")
	var words []string
	for key := range wordsEn {
		if strings.HasPrefix(key, "state.") {
			words = append(words, key)
		}
	}
	slices.Sort(words)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(found)), words); diff != "" {
		t.Errorf("states against words:\n%s", diff)
	}
}

func TestEveryReasonForABuildHasASentence(t *testing.T) {
	n := 0
	files(t, func(path, text string) {
		for _, m := range whyCode.FindAllStringSubmatch(text, -1) {
			n++
			key := "why." + m[1]
			if !known(key) {
				t.Errorf("%s: there is no key %q", path, key)
				continue
			}
			if want, subject := len(verbs(English.T(key))) == 1, m[2] == ","; want != subject {
				t.Errorf("%s: %s is given a subject: %v, takes one: %v", path, key, subject, want)
			}
		}
	}, ".go")
	if n < 5 {
		t.Errorf("%d reasons found: the search no longer sees them", n)
	}
}

func ExampleLocale_T() {
	fmt.Println(English.T("why.input_changed", "requests"))
	fmt.Println(Korean.T("state.up to date"))
	// Output:
	// requests changed
	// 최신
}
