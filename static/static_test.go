package static

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"daybook/internal/fault"

	"github.com/google/go-cmp/cmp"
)

// files are the real ones: a fresh clone has none until the npm build has run.
func files(t *testing.T) *Files {
	t.Helper()
	f, err := New()
	if fault.Is(err, fault.Missing) {
		if os.Getenv("DAYBOOK_TEST") == "strict" {
			t.Fatal(err)
		}
		t.Skip("static/dist is not built: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func tree(change map[string]string) fstest.MapFS {
	m := fstest.MapFS{"dist/.gitignore": {Data: []byte("*")}}
	for _, name := range parts {
		m["dist/"+name] = &fstest.MapFile{Data: []byte("body of " + name)}
	}
	for name, body := range change {
		m["dist/"+name] = &fstest.MapFile{Data: []byte(body)}
	}
	return m
}

func TestAMissingBundleSaysHowToBuildIt(t *testing.T) {
	_, err := from(fstest.MapFS{"dist/.gitignore": {Data: []byte("*")}})
	if !fault.Is(err, fault.Missing) || fault.Hint(err) != "run make build" {
		t.Fatalf("got %v with hint %q", err, fault.Hint(err))
	}
}

func TestPathHoldsTheHashOfTheContent(t *testing.T) {
	one, err := from(tree(map[string]string{"app.js": "one"}))
	if err != nil {
		t.Fatal(err)
	}
	two, err := from(tree(map[string]string{"app.js": "two"}))
	if err != nil {
		t.Fatal(err)
	}
	if one.Path("app.js") == two.Path("app.js") {
		t.Error("other bytes have the same path")
	}
	if one.Path("charts.js") != two.Path("charts.js") {
		t.Error("the same bytes have two paths")
	}
	body, kind, ok := one.Open(strings.TrimPrefix(one.Path("app.js"), Prefix))
	if string(body) != "one" || kind != "text/javascript; charset=utf-8" || !ok {
		t.Errorf("got %q, %q, %v", body, kind, ok)
	}
	for _, name := range []string{"app.js", "", "nothing", ".gitignore", "../static.go"} {
		if _, _, ok := one.Open(name); ok {
			t.Errorf("Open(%q) found something", name)
		}
	}
	if got := one.Path("nothing"); got != Prefix+"nothing" {
		t.Errorf("path of nothing: %s", got)
	}
}

func TestTheSheetPointsToHashedNamesAndItsHashFollowsThem(t *testing.T) {
	sheet := `@font-face{src:url(./PretendardVariable.woff2)}`
	one, err := from(tree(map[string]string{"app.css": sheet, "PretendardVariable.woff2": "one"}))
	if err != nil {
		t.Fatal(err)
	}
	two, err := from(tree(map[string]string{"app.css": sheet, "PretendardVariable.woff2": "two"}))
	if err != nil {
		t.Fatal(err)
	}
	font := strings.TrimPrefix(one.Path("PretendardVariable.woff2"), Prefix)
	if !strings.Contains(string(one.Bytes("app.css")), "url(./"+font+")") {
		t.Errorf("the sheet says %s", one.Bytes("app.css"))
	}
	if one.Path("app.css") == two.Path("app.css") {
		t.Error("a new font leaves the sheet's path as it was")
	}
}

func TestTheLightThemeIsTheFirstRoot(t *testing.T) {
	got := lightTokens(`/* :root { --no: 1 } */ @font-face { src: url("a") }
:root { color-scheme: light; --accent: #2156a2; --q0:#f0f3f7 /* heat */; --sans: "Pretendard", sans-serif }
:root[data-theme="dark"] { --accent: #7aaaf0 }`)
	want := map[string]string{"--accent": "#2156a2", "--q0": "#f0f3f7", "--sans": `"Pretendard", sans-serif`}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTheBuiltFilesAreComplete(t *testing.T) {
	f := files(t)
	tokens := f.LightTokens()
	if tokens["--paper"] == "" || tokens["--accent"] == "" || tokens["--c8"] == "" || tokens["--q6"] == "" {
		t.Errorf("colours are missing from %v", tokens)
	}
	sheet := string(f.Bytes("app.css"))
	font := strings.TrimPrefix(f.Path("PretendardVariable.woff2"), Prefix)
	if !strings.Contains(sheet, font) {
		t.Error("the sheet does not load the font by its hashed name")
	}
	if strings.Contains(sheet, "http:") || strings.Contains(sheet, "https:") {
		t.Error("the sheet points out of the host")
	}
	for _, name := range []string{"Apache License", "SIL OPEN FONT LICENSE", "ZRender"} {
		if !bytes.Contains(f.Bytes("licences.txt"), []byte(name)) {
			t.Errorf("licences.txt lacks %q", name)
		}
	}
}

func TestScriptsAreGzippedAndFontsAreNot(t *testing.T) {
	f := files(t)
	packed, ok := f.Gzip(strings.TrimPrefix(f.Path("charts.js"), Prefix))
	if !ok || len(packed) > len(f.Bytes("charts.js"))/2 {
		t.Fatalf("charts.js: %d bytes, %v", len(packed), ok)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(plain, f.Bytes("charts.js")) {
		t.Errorf("unpacked to %d bytes, %v", len(plain), err)
	}
	if _, ok := f.Gzip(strings.TrimPrefix(f.Path("PretendardVariable.woff2"), Prefix)); ok {
		t.Error("the font was gzipped")
	}
}
