package mail

import (
	"math"
	"testing"
)

// The ratios are those of the examples in WCAG 2 (https://www.w3.org/WAI/WCAG22/Techniques/general/G18 and G145 give the formula) as
// the W3C's and other public checkers round them: #767676 is the lightest grey on white with 4.5:1, #949494 the lightest with 3:1.
func TestContrastIsThatOfWCAG(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{"#000000", "#ffffff", 21}, {"#ffffff", "#ffffff", 1}, {"#767676", "#ffffff", 4.54}, {"#777777", "#ffffff", 4.48},
		{"#949494", "#ffffff", 3.03}, {"#969696", "#ffffff", 2.96}, {"#ff0000", "#ffffff", 4.00}, {"#0000ff", "#ffffff", 8.59}, {"#00ff00", "#ffffff", 1.37},
	} {
		a, _ := parseColor(c.a)
		b, _ := parseColor(c.b)
		if got := contrast(a, b); math.Abs(got-c.want) > 0.005 || contrast(b, a) != got {
			t.Errorf("%s on %s: %.3f, want %.2f", c.a, c.b, got, c.want)
		}
	}
}

func TestLargeTextNeedsLess(t *testing.T) {
	for _, c := range []struct {
		size float64
		bold bool
		want float64
	}{{16, false, 4.5}, {23.9, false, 4.5}, {24, false, 3}, {18.6, true, 4.5}, {18.66, true, 3}} {
		if got := readable(c.size, c.bold); got != c.want {
			t.Errorf("%g px, bold %v: %g", c.size, c.bold, got)
		}
	}
}

func TestColorsAreReadOrSaidToBeUnknown(t *testing.T) {
	for s, want := range map[string]string{
		"#14191c": "#14191c", "#FFF": "#ffffff", " Rgb(20, 25,28) ": "#14191c", "white": "#ffffff", "black": "#000000",
		"": "", "#12": "", "#12345g": "", "#12345678": "", "rgb(1,2)": "", "rgb(1,2,300)": "", "rgba(1,2,3,.5)": "", "red": "", "rgb(1,2,3": "",
	} {
		got, ok := parseColor(s)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%q: %v %v", s, got, ok)
		}
	}
}

// FuzzLint: whatever the HTML is, judging it ends.
func FuzzLint(f *testing.F) {
	f.Add(`<html lang="ko"><style>@media (x) { a{} } [data-ogsc] .x, .t td { color: #fff !important }</style><p style="color:#fff;background:rgb(1,2,3)">1`)
	f.Add(`<style>@import "x";@x{{}}/*</style><a style="a:b;'c:d;(" href=x><table width=1e9>`)
	f.Fuzz(func(t *testing.T, s string) {
		for _, finding := range Lint(Message{HTML: s, Text: "x"}) {
			if finding.Rule == "" || finding.Detail == "" {
				t.Errorf("%+v", finding)
			}
		}
	})
}
