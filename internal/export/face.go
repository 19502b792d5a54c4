package export

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/text/unicode/norm"
)

const family = "report"

// weight is a style of the family, as fpdf spells it.
type weight string

const (
	regular  weight = ""
	semiBold weight = "B"
)

func (w weight) String() string {
	if w == semiBold {
		return "semi-bold"
	}
	return "regular"
}

// face knows which characters a font has and how wide they are.
type face struct {
	font   *sfnt.Font
	buffer sfnt.Buffer
	drawn  map[rune]string // what is drawn for it
	widths map[rune]float64
}

// newFace refuses what fpdf would fail on without saying so.
func newFace(file []byte) (*face, error) {
	if len(file) < 4 || string(file[:4]) != "\x00\x01\x00\x00" && string(file[:4]) != "true" {
		return nil, errors.New("it is not a TrueType file")
	}
	font, err := sfnt.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("read it: %w", err)
	}
	return &face{font: font, drawn: map[rune]string{}, widths: map[rune]float64{}}, nil
}

func (f *face) has(r rune) bool {
	i, err := f.font.GlyphIndex(&f.buffer, r)
	return err == nil && i != 0
}

// draw is what can be drawn of a text: composed, as fonts have syllables rather than their letters, with a box for each character that
// the font lacks and without those that only join others.
func (f *face) draw(s string) string {
	var b strings.Builder
	for _, r := range norm.NFC.String(printable(s)) {
		part, ok := f.drawn[r]
		if !ok {
			part = f.glyph(r)
			f.drawn[r] = part
		}
		b.WriteString(part)
	}
	return b.String()
}

func (f *face) glyph(r rune) string {
	switch {
	case r == '\n':
		return "\n"
	case unicode.IsSpace(r):
		return " "
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r), unicode.Is(unicode.Sk, r) && r > 0xffff:
		return ""
	case r <= 0xffff && f.has(r): // the document's character map ends there
		return string(r)
	case f.has('□'):
		return "□"
	}
	return "?"
}
