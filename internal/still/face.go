package still

import (
	"fmt"
	"sync"
	"unicode"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

const (
	firstSyllable, lastSyllable = 0xac00, 0xd7a3
	firstWide                   = 0x2e80 // from here on a character that no font has is one em wide
	lastCharacter               = 0x1ffff
)

type faces struct{ regular, bold *face }

// face is one font: outlines and advances in em, y down.
type face struct {
	ascent, descent float64
	hangul          float64 // advance of every syllable
	missing         float64 // advance of a narrow character that the font lacks

	font   *sfnt.Font
	ppem   fixed.Int26_6
	mu     sync.Mutex // guards buffer and glyphs
	buffer sfnt.Buffer
	glyphs map[rune]glyph
}

type glyph struct {
	outline []segment
	advance float64
	absent  bool // the font has no picture of it; outline is a box
}

// advances is what the script measures text with.
type advances struct {
	Hangul   float64          `json:"hangul"`
	Missing  float64          `json:"missing"`
	Advances map[rune]float64 `json:"advances"`
}

func parseFace(body []byte) (*face, error) {
	font, err := sfnt.Parse(body)
	if err != nil {
		return nil, err
	}
	f := &face{font: font, ppem: fixed.Int26_6(font.UnitsPerEm()) << 6, glyphs: map[rune]glyph{}}
	m, err := font.Metrics(&f.buffer, f.ppem, 0)
	if err != nil {
		return nil, err
	}
	f.ascent, f.descent = f.em(m.Ascent), f.em(m.Descent)
	var there bool
	if f.hangul, there = f.own('한'); !there {
		return nil, fmt.Errorf("it has no hangul")
	}
	if f.missing, there = f.own('?'); !there {
		return nil, fmt.Errorf("it has no question mark")
	}
	return f, nil
}

func (f *face) em(v fixed.Int26_6) float64 { return float64(v) / float64(f.ppem) }

// own is the advance that the font itself gives, false when it has no such character.
func (f *face) own(r rune) (float64, bool) {
	index, err := f.font.GlyphIndex(&f.buffer, r)
	if err != nil || index == 0 {
		return 0, false
	}
	a, err := f.font.GlyphAdvance(&f.buffer, index, f.ppem, 0)
	return f.em(a), err == nil
}

// advance must agree with advanceOf in still.js, or text lands beside the place that was measured for it.
func (f *face) advance(r rune) float64 {
	if r >= firstSyllable && r <= lastSyllable {
		return f.hangul
	}
	if a, there := f.own(r); there {
		return a
	}
	switch {
	case invisible(r):
		return 0
	case r >= firstWide:
		return 1
	}
	return f.missing
}

func (f *face) table() advances {
	t := advances{Hangul: f.hangul, Missing: f.missing, Advances: map[rune]float64{}}
	for r := rune(0); r <= lastCharacter; r++ {
		if r >= firstSyllable && r <= lastSyllable {
			continue
		}
		if a, there := f.own(r); there {
			t.Advances[r] = a
		} else if invisible(r) {
			t.Advances[r] = 0
		}
	}
	return t
}

// invisible tells characters that have no picture by their nature: joiners, marks, controls, fillers.
func invisible(r rune) bool {
	switch r {
	case 0x115f, 0x1160, 0x3164, 0xffa0:
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Mn, unicode.Me)
}

func (f *face) glyph(r rune) glyph {
	f.mu.Lock()
	defer f.mu.Unlock()
	if g, there := f.glyphs[r]; there {
		return g
	}
	g := glyph{outline: f.outline(r), advance: f.advance(r)}
	if len(g.outline) == 0 && !invisible(r) && !unicode.IsSpace(r) {
		g.outline, g.absent = box(g.advance), true
	}
	f.glyphs[r] = g
	return g
}

// outline is empty when the font lacks the character; some fonts list characters whose picture is empty.
func (f *face) outline(r rune) []segment {
	index, err := f.font.GlyphIndex(&f.buffer, r)
	if err != nil || index == 0 {
		return nil
	}
	parts, err := f.font.LoadGlyph(&f.buffer, index, f.ppem, nil)
	if err != nil {
		return nil
	}
	kinds := map[sfnt.SegmentOp]kind{
		sfnt.SegmentOpMoveTo: move, sfnt.SegmentOpLineTo: line, sfnt.SegmentOpQuadTo: quad, sfnt.SegmentOpCubeTo: cube,
	}
	var out []segment
	for i, p := range parts {
		s := segment{kind: kinds[p.Op]}
		if s.kind == move && i > 0 {
			out = append(out, segment{kind: closed})
		}
		for j, a := range p.Args {
			s.at[j] = point{f.em(a.X), f.em(a.Y)}
		}
		out = append(out, s)
	}
	if len(out) > 0 {
		out = append(out, segment{kind: closed})
	}
	return out
}

// box is a frame: the inner rectangle turns the other way, which leaves it open.
func box(advance float64) []segment {
	const edge, top, thick = 0.08, 0.72, 0.06
	left, right := edge, max(advance-edge, edge+3*thick)
	outer := rectangle(left, -top, right-left, top)
	inner := []point{
		{left + thick, -thick}, {right - thick, -thick}, {right - thick, thick - top}, {left + thick, thick - top},
	}
	return append(outer, polygon(inner, true)...)
}
