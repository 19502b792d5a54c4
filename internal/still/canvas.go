package still

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"

	"github.com/srwiley/rasterx"
	"golang.org/x/image/vector"
)

// canvas paints the part of SVG that the script writes. What it does not know is an error, so that a new kind of chart fails
// in a test and not in somebody's mail. Known limits: a group's opacity is each shape's; a stroke under an uneven scale has one
// width; text has no kerning.
type canvas struct {
	img     *image.RGBA
	faces   faces
	byID    map[string]*element
	missing map[rune]bool

	edges   edges
	filler  *rasterx.Filler
	stroker *rasterx.Dasher
	fill    vector.Rasterizer
}

// place is what an element gets from those around it.
type place struct {
	m       matrix
	clip    image.Rectangle
	mask    *image.Alpha // what is left by clips that are not upright rectangles; nil when there was none
	opacity float64
}

// rasterize paints an SVG on white and tells which characters no font has, in order.
func rasterize(svg []byte, faces faces) (*image.RGBA, []rune, error) {
	root, err := parseSVG(svg)
	if err != nil {
		return nil, nil, err
	}
	size, err := root.values("width", "height")
	if err != nil {
		return nil, nil, err
	}
	if size[0] < 1 || size[1] < 1 || size[0] > largest || size[1] > largest {
		return nil, nil, fmt.Errorf("a size of %g x %g is not possible", size[0], size[1])
	}
	c := &canvas{
		img:     image.NewRGBA(image.Rect(0, 0, int(math.Ceil(size[0]*scale)), int(math.Ceil(size[1]*scale)))),
		faces:   faces,
		byID:    map[string]*element{},
		missing: map[rune]bool{},
	}
	draw.Draw(c.img, c.img.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
	c.begin()
	root.index(c.byID)
	at := place{m: matrix{a: scale, d: scale}, clip: c.img.Rect, opacity: 1}
	if err := c.all(root.children, at); err != nil {
		return nil, nil, err
	}
	var missing []rune
	for r := range c.missing {
		missing = append(missing, r)
	}
	slices.Sort(missing)
	return c.img, missing, nil
}

func (c *canvas) begin() {
	c.filler = rasterx.NewFiller(1, 1, &c.edges)
	c.stroker = rasterx.NewDasher(1, 1, &c.edges)
}

func (c *canvas) all(elements []*element, at place) error {
	for _, e := range elements {
		if err := c.element(e, at); err != nil {
			return err
		}
	}
	return nil
}

func (c *canvas) element(e *element, at place) error {
	switch e.name {
	case "defs", "style", "clipPath", "linearGradient", "radialGradient", "filter", "title", "desc":
		return nil // they are found by their ids; a style holds only what happens under a pointer
	}
	for _, name := range []string{"mask", "fill-rule", "marker-start", "marker-end"} {
		if e.at[name] != "" {
			return fmt.Errorf("<%s %s> is not known", e.name, name)
		}
	}
	at, err := c.inside(e, at)
	if err != nil {
		return err
	}
	switch e.name {
	case "g":
		return c.all(e.children, at)
	case "text":
		return c.text(e, at)
	}
	outline, err := e.shape()
	if err != nil {
		return err
	}
	return c.paint(e, outline, at)
}

// inside is the place within an element: its transform, clip and opacity added to those around it.
func (c *canvas) inside(e *element, at place) (place, error) {
	m, err := parseTransform(e.at["transform"])
	if err != nil {
		return at, err
	}
	at.m = at.m.times(m)
	own, err := e.number("opacity", 1)
	if err != nil {
		return at, err
	}
	at.opacity *= own
	if id := reference(e.at["clip-path"]); id != "" {
		return c.clipped(c.byID[id], at)
	}
	return at, nil
}

// clipped is the place within a clipPath.
func (c *canvas) clipped(e *element, at place) (place, error) {
	if e == nil || len(e.children) != 1 {
		return at, errors.New("a clip path without exactly one shape is not known")
	}
	own, err := parseTransform(e.children[0].at["transform"])
	if err != nil {
		return at, err
	}
	outline, err := e.children[0].shape()
	if err != nil {
		return at, err
	}
	m := at.m.times(own)
	if low, high, ok := upright(outline, m); ok {
		const slack = 0.01 // what a rounded coordinate may be off
		at.clip = at.clip.Intersect(image.Rect(
			int(math.Floor(low.x+slack)), int(math.Floor(low.y+slack)),
			int(math.Ceil(high.x-slack)), int(math.Ceil(high.y-slack)),
		))
		return at, nil
	}
	c.edges.Clear()
	follow(c.filler, outline, m)
	at.clip = c.load(at.clip)
	mask := image.NewAlpha(at.clip)
	c.fill.Draw(mask, at.clip, image.Opaque, image.Point{})
	if at.mask != nil {
		multiply(mask, at.mask)
	}
	at.mask = mask
	return at, nil
}

// multiply leaves in a what is in both.
func multiply(a, b *image.Alpha) {
	for y := a.Rect.Min.Y; y < a.Rect.Max.Y; y++ {
		for x := a.Rect.Min.X; x < a.Rect.Max.X; x++ {
			i := a.PixOffset(x, y)
			a.Pix[i] = uint8((int(a.Pix[i])*int(b.AlphaAt(x, y).A) + 127) / 255)
		}
	}
}

// upright gives the corners of an outline that is a rectangle along the axes of the device.
func upright(outline []segment, m matrix) (low, high point, ok bool) {
	var corners []point
	for _, s := range outline {
		switch s.kind {
		case move, line:
			corners = append(corners, m.apply(s.at[0]))
		case quad, cube:
			return low, high, false
		}
	}
	if len(corners) == 0 {
		return low, high, false
	}
	low, high = corners[0], corners[0]
	for _, p := range corners {
		low = point{min(low.x, p.x), min(low.y, p.y)}
		high = point{max(high.x, p.x), max(high.y, p.y)}
	}
	const near = 1e-3
	for _, p := range corners {
		onX := p.x-low.x < near || high.x-p.x < near
		onY := p.y-low.y < near || high.y-p.y < near
		if !onX || !onY {
			return low, high, false
		}
	}
	far := point{float64(largest * scale), float64(largest * scale)}
	low = point{max(-far.x, low.x), max(-far.y, low.y)}
	high = point{min(far.x, high.x), min(far.y, high.y)}
	return low, high, true
}
