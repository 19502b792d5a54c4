package still

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// painted rasterizes what stands within an svg element of 20 x 20.
func painted(t *testing.T, inner string) (*image.RGBA, []rune, error) {
	t.Helper()
	r := renderer(t)
	return rasterize([]byte(`<svg width="20" height="20">`+inner+`</svg>`), r.faces)
}

func TestAnythingUnknownIsAnErrorThatNamesIt(t *testing.T) {
	for inner, want := range map[string]string{
		`<image href="a.png"/>`:                                               "<image>",
		`<g><g><foreignObject/></g></g>`:                                      "<foreignObject>",
		`<text>a<tspan>b</tspan></text>`:                                      "<tspan>",
		`<rect width="9" height="9" rx="3"/>`:                                 "round corners",
		`<rect width="9%" height="9"/>`:                                       "width",
		`<path d="M0 0L9 9" fill-rule="evenodd"/>`:                            "fill-rule",
		`<path d="M0 0L9 9" mask="url(#a)"/>`:                                 "mask",
		`<path d="M0 0X9 9"/>`:                                                "'X'",
		`<path d="M0 0L9 9L9 0Z" fill="url(#none)"/>`:                         "gradient",
		`<path d="M0 0L9 9L9 0Z" fill="bisque"/>`:                             "bisque",
		`<path d="M0 0L9 9L9 0Z" clip-path="url(#none)"/>`:                    "clip path",
		`<path d="M0 0L9 9L9 0Z" filter="url(#none)"/>`:                       "filter",
		`<path d="M0 0L9 9" stroke="#000" stroke-linecap="wavy"/>`:            "wavy",
		`<path d="M0 0L9 9" transform="skewX(3)"/>`:                           "skewX",
		`<text dominant-baseline="hanging">a</text>`:                          "hanging",
		`<text style="font-size:2em">a</text>`:                                "font-size",
		`<text text-anchor="left">a</text>`:                                   "left",
		`<path d="M0 0L9 9" stroke="#000" stroke-dasharray="3 -1"/>`:          "below zero",
		`<linearGradient id="e"/><rect width="9" height="9" fill="url(#e)"/>`: "without stops",
		`<g>`: "SVG",
	} {
		if _, _, err := painted(t, inner); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", inner, err, want)
		}
	}
}

func TestShapesCoverTheirPixels(t *testing.T) {
	const red, white = "#ff0000", "#ffffff"
	for name, c := range map[string]struct {
		inner string
		want  map[image.Point]string // device pixels
	}{
		"rect": {`<rect x="5" y="5" width="10" height="10" fill="#f00"/>`,
			map[image.Point]string{{9, 9}: white, {10, 10}: red, {29, 29}: red, {30, 30}: white}},
		"moved and scaled": {`<g transform="translate(5 5) scale(2)"><rect width="5" height="5" fill="#f00"/></g>`,
			map[image.Point]string{{9, 9}: white, {10, 10}: red, {29, 29}: red, {30, 30}: white}},
		"circle": {`<circle cx="10" cy="10" r="8" fill="#f00"/>`,
			map[image.Point]string{{20, 20}: red, {20, 6}: red, {6, 6}: white, {34, 34}: white}},
		"half opaque": {`<g opacity="0.5"><rect width="20" height="20" fill="rgba(255,0,0,1)"/></g>`,
			map[image.Point]string{{20, 20}: "#ff7f7f"}},
		"stroke": {`<path d="M0 10L20 10" stroke="#f00" stroke-width="4" fill="none"/>`,
			map[image.Point]string{{20, 15}: white, {20, 16}: red, {20, 23}: red, {20, 24}: white}},
		"dashes": {`<path d="M0 10L20 10" stroke="#f00" stroke-width="4" stroke-dasharray="5 5" fill="none"/>`,
			map[image.Point]string{{4, 20}: red, {14, 20}: white, {24, 20}: red}},
		"upright clip": {`<clipPath id="c"><path d="M0 0l10 0l0 20l-10 0Z"/></clipPath><g clip-path="url(#c)"><rect width="20" height="20" fill="#f00"/></g>`,
			map[image.Point]string{{19, 20}: red, {20, 20}: white}},
		"round clip": {`<clipPath id="c"><circle cx="10" cy="10" r="10"/></clipPath><g clip-path="url(#c)"><rect width="20" height="20" fill="#f00"/></g>`,
			map[image.Point]string{{20, 20}: red, {1, 1}: white, {38, 38}: white}},
		"gradient": {`<linearGradient id="g" x1="0" y1="0" x2="0" y2="1"><stop offset="0%" stop-color="#f00"/><stop offset="1" stop-color="#fff"/></linearGradient><rect width="20" height="20" fill="url(#g)"/>`,
			map[image.Point]string{{20, 0}: "#ff0202", {3, 20}: "#ff8282", {3, 39}: "#fffcfc"}},
	} {
		t.Run(name, func(t *testing.T) {
			img, _, err := painted(t, c.inner)
			if err != nil {
				t.Fatal(err)
			}
			for at, want := range c.want {
				w, _ := parseColor(want)
				g := img.RGBAAt(at.X, at.Y)
				if max(apart(uint32(w.R), uint32(g.R)), apart(uint32(w.G), uint32(g.G)), apart(uint32(w.B), uint32(g.B))) > 2 {
					t.Errorf("%v is %v, want %s", at, g, want)
				}
			}
		})
	}
}

func TestEveryHangulSyllableHasAPicture(t *testing.T) {
	r := renderer(t)
	for name, f := range map[string]*face{"regular": r.faces.regular, "bold": r.faces.bold} {
		for c := rune(firstSyllable); c <= lastSyllable; c++ {
			if g := f.glyph(c); g.absent || math.Abs(g.advance-f.hangul) > 1e-9 {
				t.Fatalf("%s: %c is absent or of another width: %v, %g", name, c, g.absent, g.advance)
			}
		}
		for _, c := range "0123456789,.%–−…·▲▼ABCxyz()" {
			if f.glyph(c).absent {
				t.Errorf("%s: %c is absent", name, c)
			}
		}
	}
}

func TestWhatNoFontHasIsABoxAndIsReported(t *testing.T) {
	option := []byte(`{"xAxis":{"type":"category","data":["國\u200b","🙂","가 a"],"axisLabel":{"interval":0}},"yAxis":{},"series":[{"type":"bar","data":[1,2,3]}]}`)
	got, err := renderer(t).PNG(t.Context(), option, 300, 200)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]rune{'國', '🙂'}, got.Missing); d != "" {
		t.Error(d)
	}
	img, missing, err := painted(t, `<text x="0" y="16" style="font-size:20px">國</text>`)
	if err != nil || len(missing) != 1 {
		t.Fatal(missing, err)
	}
	if dark := count(img, color.RGBA{0, 0, 0, 255}); dark < 80 {
		t.Errorf("the box has %d dark pixels", dark)
	}
	if c := img.RGBAAt(20, 18); c != (color.RGBA{255, 255, 255, 255}) {
		t.Errorf("the middle of the box is %v", c)
	}
}

func count(img *image.RGBA, c color.RGBA) (n int) {
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			if img.RGBAAt(x, y) == c {
				n++
			}
		}
	}
	return n
}

func TestDecomposedHangulIsDrawnWhole(t *testing.T) {
	draw := func(label string) Picture {
		option := fmt.Sprintf(`{"xAxis":{"type":"category","data":[%q]},"yAxis":{},"series":[{"type":"bar","data":[1]}]}`, label)
		p, err := renderer(t).PNG(t.Context(), []byte(option), 200, 150)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if d := cmp.Diff(draw("한글"), draw("\u1112\u1161\u11ab\u1100\u1173\u11af")); d != "" {
		t.Error("the two spellings differ")
	}
}

func TestTheMeasuredWidthIsThePaintedWidth(t *testing.T) {
	f := renderer(t).faces.regular
	table := f.table()
	for _, r := range "a1,가國\u200b \u00a0🙂ㄱ\u0301" {
		want, there := table.Advances[r]
		switch {
		case there:
		case r >= firstSyllable && r <= lastSyllable:
			want = table.Hangul
		case r >= firstWide:
			want = 1
		default:
			want = table.Missing
		}
		if got := f.glyph(r).advance; math.Abs(got-want) > 1e-9 {
			t.Errorf("%q: measured %g, painted %g", r, want, got)
		}
	}
}

func TestAPictureOfFewColoursKeepsThemAll(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 16, 16))
	for i := range 256 {
		img.SetRGBA(i%16, i/16, color.RGBA{uint8(i), uint8(255 - i), uint8(i * 7), 255})
	}
	body, err := encode(img)
	if err != nil {
		t.Fatal(err)
	}
	got := decoded(t, body)
	if _, ok := got.(*image.Paletted); !ok {
		t.Errorf("it is a %T", got)
	}
	for i := range 256 {
		if r, g, b, _ := got.At(i%16, i/16).RGBA(); r>>8 != uint32(i) || g>>8 != uint32(255-i) || b>>8 != uint32(i*7&255) {
			t.Fatalf("colour %d became %d %d %d", i, r>>8, g>>8, b>>8)
		}
	}
}

func TestAPictureOfManySurfacesKeepsItsColours(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for i := range 64 * 64 {
		x, y := i%64, i/64
		img.SetRGBA(x, y, color.RGBA{uint8(x / 2 * 8), uint8(y / 2 * 8), uint8(x / 2 * y / 2), 255})
	}
	body, err := encode(img)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := png.Decode(bytes.NewReader(body)); err != nil || got.At(13, 57) != color.Color(img.RGBAAt(13, 57)) {
		t.Errorf("it was reduced: %v", err)
	}
}

func TestPathsAreReadAsTheStandardSays(t *testing.T) {
	for d, want := range map[string][]segment{
		"":                  nil,
		"M1 2L3,4":          {moveTo(point{1, 2}), lineTo(point{3, 4})},
		"m1 2 3 4":          {moveTo(point{1, 2}), lineTo(point{4, 6})},
		"M1-2.5.5-1e1L+2-3": {moveTo(point{1, -2.5}), lineTo(point{0.5, -10}), lineTo(point{2, -3})},
		"M1 1h2v3H0V0z":     {moveTo(point{1, 1}), lineTo(point{3, 1}), lineTo(point{3, 4}), lineTo(point{0, 4}), lineTo(point{0, 0}), {kind: closed}},
		"M0 0Q1 1 2 0":      {moveTo(point{}), {kind: quad, at: [3]point{{1, 1}, {2, 0}}}},
		"M0 0C1 1 2 2 3 0":  {moveTo(point{}), {kind: cube, at: [3]point{{1, 1}, {2, 2}, {3, 0}}}},
		"M0 0C1 1 2 2 3 0S5 5 6 6": {moveTo(point{}), {kind: cube, at: [3]point{{1, 1}, {2, 2}, {3, 0}}},
			{kind: cube, at: [3]point{{4, -2}, {5, 5}, {6, 6}}}},
		"M0 0A0 5 0 0 1 9 9": {moveTo(point{}), lineTo(point{9, 9})},
	} {
		got, err := parsePath(d)
		if err != nil {
			t.Errorf("%s: %v", d, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(segment{}, point{})); diff != "" {
			t.Errorf("%s: %s", d, diff)
		}
	}
	for _, d := range []string{"L1 2", "1 2", "M1", "M1 2Z3 4", "M1 2X", "M0 0A1 1 0 2 0 3 3", "M1 2L1e999 0", "M--1 2", "M1 2LNaN 0", "M1-2.5.5L1 2"} {
		if got, err := parsePath(d); err == nil {
			t.Errorf("%s: read as %v", d, got)
		}
	}
}

func TestAnArcEndsWhereItShouldAndStaysOnItsCircle(t *testing.T) {
	got, err := parsePath("M10 0A10 10 0 1 1 0 -10")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 || got[3].at[2] != (point{0, -10}) {
		t.Fatalf("three quarters are %v", got)
	}
	for _, s := range got[1:] {
		if r := math.Hypot(s.at[2].x, s.at[2].y); math.Abs(r-10) > 1e-9 {
			t.Errorf("%v is %g from the middle", s.at[2], r)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, d := range []string{"M1 2L3,4z", "m1-2.5.5h3v-1e2", "M0 0C1 1 2 2 3 0S5 5 6 6Q1 1 2 0", "M10 0A10 10 0 1110-10", "M0 0A1e-9 1e9 45 0 0 1e300 -1e300"} {
		f.Add(d)
	}
	f.Fuzz(func(t *testing.T, d string) {
		segments, err := parsePath(d)
		if err != nil {
			return
		}
		if len(segments) > 0 && segments[0].kind != move {
			t.Errorf("%q begins with %v", d, segments[0])
		}
		if len(d) > 200 {
			return
		}
		c := &canvas{img: image.NewRGBA(image.Rect(0, 0, 20, 20)), byID: map[string]*element{}}
		c.begin()
		e := &element{name: "path", at: map[string]string{"fill": "#123", "stroke": "#456", "stroke-dasharray": "4 2"}}
		if err := c.paint(e, segments, place{m: matrix{a: 2, d: 2}, clip: c.img.Rect, opacity: 1}); err != nil {
			t.Errorf("%q: %v", d, err)
		}
	})
}
