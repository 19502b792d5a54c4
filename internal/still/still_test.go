package still

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// charts are the options in testdata and the sizes they are drawn at.
var charts = []struct {
	name          string
	width, height int
}{
	{"line", 550, 280}, {"bar", 550, 360}, {"area", 550, 300}, {"heatmap", 550, 300}, {"pie", 550, 300}, {"funnel", 550, 280},
}

var tokens = map[string]string{
	"--paper": "#ffffff", "--line-2": "#c3c9cd", "--ink": "#14191c", "--ink-2": "#434d53", "--ink-3": "#616c73",
	"--accent": "#2156a2", "--ghost": "#8a949a", "--grid": "#e2e5e7", "--axis": "#616c73",
	"--c1": "#2156a2", "--c2": "#c39a2b", "--c3": "#2dc28c", "--c4": "#ce4e54", "--c5": "#a4b0be", "--c6": "#86115e", "--c7": "#5e5611", "--c8": "#70757a",
	"--q0": "#f0f3f7", "--q1": "#dbe5f2", "--q2": "#bcd0ea", "--q3": "#8fb0dc", "--q4": "#5b87c4", "--q5": "#2f63ad", "--q6": "#163f7c",
}

// built reads a file of the npm build; without one there is nothing to test.
func built(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "..", "static", "dist", name))
	if err != nil {
		if os.Getenv("DAYBOOK_TEST") == "strict" {
			t.Fatal(err)
		}
		t.Skip("static/dist is not built: ", err)
	}
	return body
}

func fonts(t testing.TB) Fonts {
	t.Helper()
	return Fonts{Regular: built(t, "Pretendard-Regular.otf"), Bold: built(t, "Pretendard-SemiBold.otf")}
}

// shared is one renderer for all tests: it says that it never changes.
var shared struct {
	sync.Once
	r   *Renderer
	err error
}

func renderer(t testing.TB) *Renderer {
	t.Helper()
	bundle, faces := built(t, "still.js"), fonts(t)
	shared.Do(func() { shared.r, shared.err = New(bundle, faces, tokens) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.r
}

// scripted is a renderer whose script is the given one.
func scripted(t *testing.T, script string) *Renderer {
	t.Helper()
	r, err := New([]byte(script), fonts(t), tokens)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func option(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func decoded(t *testing.T, body []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestChartsLookLikeTheirGoldenPictures(t *testing.T) {
	r := renderer(t)
	for _, c := range charts {
		t.Run(c.name, func(t *testing.T) {
			got, err := r.PNG(t.Context(), option(t, c.name), c.width, c.height)
			if err != nil {
				t.Fatal(err)
			}
			if got.Width != 2*c.width || got.Height != 2*c.height || len(got.Missing) > 0 {
				t.Errorf("got %d x %d, missing %q", got.Width, got.Height, got.Missing)
			}
			golden := filepath.Join("testdata", c.name+".png")
			if *update {
				if err := os.WriteFile(golden, got.PNG, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			sameColors(t, decoded(t, want), decoded(t, got.PNG))
		})
	}
}

// sameColors allows for one step in a channel: processors round differently.
func sameColors(t *testing.T, want, got image.Image) {
	t.Helper()
	if want.Bounds() != got.Bounds() {
		t.Fatalf("got %v, want %v", got.Bounds(), want.Bounds())
	}
	off := 0
	for y := range want.Bounds().Dy() {
		for x := range want.Bounds().Dx() {
			r, g, b, a := want.At(x, y).RGBA()
			r2, g2, b2, a2 := got.At(x, y).RGBA()
			if max(apart(r, r2), apart(g, g2), apart(b, b2), apart(a, a2)) > 0x101 {
				off++
			}
		}
	}
	if off > 0 {
		t.Errorf("%d pixels differ; look at the picture, then -update", off)
	}
}

func apart(a, b uint32) uint32 { return max(a, b) - min(a, b) }

func TestTheSameOptionGivesTheSameBytesWhateverWasDrawnBefore(t *testing.T) {
	r := renderer(t)
	first := map[string]Picture{}
	for _, c := range charts {
		p, err := r.PNG(t.Context(), option(t, c.name), c.width, c.height)
		if err != nil {
			t.Fatal(err)
		}
		first[c.name] = p
	}
	var group sync.WaitGroup
	for i := len(charts) - 1; i >= 0; i-- {
		group.Go(func() {
			c := charts[i]
			p, err := r.PNG(t.Context(), option(t, c.name), c.width, c.height)
			if err != nil || !bytes.Equal(p.PNG, first[c.name].PNG) {
				t.Errorf("%s: drawn again, beside others: %v, %d and %d bytes", c.name, err, len(first[c.name].PNG), len(p.PNG))
			}
		})
	}
	group.Wait()
}

func TestNamedFormattersAndTokensAreInTheSVG(t *testing.T) {
	axis := func(formatter, values string) string {
		return `{"xAxis":{"type":"category","data":` + values + `,"axisLabel":{"interval":0,"formatter":"fmt:` + formatter + `"}},
			"yAxis":{"show":false},"series":[{"type":"bar","color":"--accent","data":[1,2,3]}]}`
	}
	label := func(formatter, values string) string {
		return `{"xAxis":{"type":"category","show":false},"yAxis":{"show":false},
			"series":[{"type":"bar","color":"--accent","label":{"show":true,"formatter":"fmt:` + formatter + `"},"data":` + values + `}]}`
	}
	for name, c := range map[string]struct {
		option string
		want   []string
	}{
		"number":     {label("number", "[1234,1234567.5,-0.256]"), []string{"1,234", "1,234,567.5", "−0.26"}},
		"absent":     {axis("number", `["-","","x"]`), []string{"–"}},
		"percent1":   {label("percent1", "[0.25,0.0625,1]"), []string{"25.0%", "6.3%", "100.0%"}},
		"percent2":   {label("percent2", "[0.25,0.0625,-0.1]"), []string{"25.00%", "6.25%", "−10.00%"}},
		"decimal1":   {label("decimal1", "[6.46,1234,0]"), []string{"6.5", "1,234.0", "0.0"}},
		"decimal2":   {label("decimal2", "[6.46,1234,-0.001]"), []string{"6.46", "1,234.00", "0.00"}},
		"hour_ko":    {axis("hour_ko", `[0,"09","x"]`), []string{"0시", "9시", "x"}},
		"hour_en":    {axis("hour_en", `[0,13,23]`), []string{"00:00", "13:00", "23:00"}},
		"date_ko":    {axis("date_ko", `["2023-05-22","2023-12-01","x"]`), []string{"5월 22일", "12월 1일", "x"}},
		"date_en":    {axis("date_en", `["2023-05-22","2023-12-01","2023-99-01"]`), []string{"22 May", "1 Dec", "2023-99-01"}},
		"cut20":      {axis("cut20", `["가나다라마바사아자차카타파하가나다라마바사","가나다라마바사아자차카타파하가나다라마바",""]`), []string{">가나다라마바사아자차카타파하가나다라마바…<", ">가나다라마바사아자차카타파하가나다라마바<"}},
		"name_cut20": {label("name_cut20", `[{"name":"가나다라마바사아자차카타파하가나다라마바사","value":1},{"name":"둘","value":2},{"name":"<셋>","value":3}]`), []string{"가나다라마바사아자차카타파하가나다라마바…", ">둘<", "&lt;셋&gt;"}},
	} {
		t.Run(name, func(t *testing.T) {
			svg, err := renderer(t).SVG(t.Context(), []byte(c.option), 900, 200)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range append(c.want, `fill="#2156a2"`) {
				if !strings.Contains(string(svg), want) {
					t.Errorf("%q is not in %s", want, svg)
				}
			}
		})
	}
}

func TestWordsOfTheDataAreNotTakenForTokensOrFormatters(t *testing.T) {
	svg, err := renderer(t).SVG(t.Context(), []byte(`{"xAxis":{"type":"category","data":["--accent","fmt:number","{b}"]},"yAxis":{},
		"series":[{"type":"bar","data":[1,2,3]}]}`), 600, 200)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{">--accent<", ">fmt:number<", ">{b}<"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("%q is not in %s", want, svg)
		}
	}
}

func TestHostileWordsAreDrawnAndBreakNothing(t *testing.T) {
	words := `["a\u0001b\u0000","\ud800 half","</text><script>","]]>","&amp;","\ufffe","{a|b}","\u202e x","👨\u200d👩"]`
	option := `{"xAxis":{"type":"category","data":` + words + `,"axisLabel":{"interval":0}},"yAxis":{},"series":[{"type":"bar","name":"</svg>\u0002","data":[1,2,3,4,5,6,7,8,9]}],"legend":{}}`
	if _, err := renderer(t).PNG(t.Context(), []byte(option), 900, 200); err != nil {
		t.Error(err)
	}
}

func TestAWrongOptionIsAnErrorThatNamesIt(t *testing.T) {
	r := renderer(t)
	for option, want := range map[string]string{
		`{"series":[{"type":"bar","label":{"formatter":"fmt:nothing"},"data":[1]}]}`: "fmt:nothing",
		`{"series":[{"type":"bar","color":"--nothing","data":[1]}]}`:                 "--nothing",
		`{"series":`: "JSON",
		`[`:          "JSON",
	} {
		if _, err := r.SVG(t.Context(), []byte(option), 300, 200); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", option, err, want)
		}
	}
	for _, size := range [][2]int{{0, 10}, {10, 0}, {-1, 10}, {largest + 1, 10}} {
		if _, err := r.SVG(t.Context(), []byte(`{}`), size[0], size[1]); err == nil {
			t.Errorf("%v is a size", size)
		}
	}
}

func TestATooltipDoesNotChangeAStill(t *testing.T) {
	r := renderer(t)
	draw := func(more string) string {
		svg, err := r.SVG(t.Context(), []byte(`{`+more+`"xAxis":{"type":"category"},"yAxis":{},"series":[{"type":"bar","data":[1]}]}`), 300, 200)
		if err != nil {
			t.Fatal(err)
		}
		return string(svg)
	}
	if d := cmp.Diff(draw(``), draw(`"tooltip":{"trigger":"axis","valueFormatter":"fmt:number"},"animation":true,`)); d != "" {
		t.Error(d)
	}
}

func TestAScriptWithoutAnEndIsStopped(t *testing.T) {
	r := scripted(t, `globalThis.still = () => { for (;;); }`)
	r.timeout = 50 * time.Millisecond
	if _, err := r.SVG(t.Context(), []byte(`{}`), 100, 100); err == nil || !strings.Contains(err.Error(), "longer than 50ms") {
		t.Errorf("got %v", err)
	}
}

func TestADrawingEndsWithItsContext(t *testing.T) {
	r := scripted(t, `globalThis.still = () => { for (;;); }`)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := r.SVG(ctx, []byte(`{}`), 100, 100); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if _, err := r.SVG(ctx, []byte(`{}`), 100, 100); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("begun after its end: got %v", err)
	}
}

func TestAScriptThatTakesAllMemoryIsStopped(t *testing.T) {
	r := scripted(t, `globalThis.still = () => { const all = []; for (;;) all.push(new Array(100000).fill(1)); }`)
	r.memory = 16 << 20
	if _, err := r.SVG(t.Context(), []byte(`{}`), 100, 100); err == nil || !strings.Contains(err.Error(), "memory") {
		t.Errorf("got %v", err)
	}
}

func TestANewRendererNeedsScriptAndFonts(t *testing.T) {
	faces := fonts(t)
	for name, try := range map[string]func() (*Renderer, error){
		"no script": func() (*Renderer, error) { return New(nil, faces, tokens) },
		"no font":   func() (*Renderer, error) { return New([]byte("1"), Fonts{}, tokens) },
		"wrong font": func() (*Renderer, error) {
			return New([]byte("1"), Fonts{Regular: []byte("x"), Bold: faces.Bold}, tokens)
		},
		"wrong script": func() (*Renderer, error) { return New([]byte("function ("), faces, tokens) },
	} {
		if _, err := try(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
