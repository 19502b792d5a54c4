package still

import (
	"fmt"
	"image"
	"image/draw"
	"math"

	"github.com/srwiley/rasterx"
	"golang.org/x/image/math/fixed"
)

// edges collects the flat lines that rasterx makes of curves and strokes; it stands where rasterx wants a scanner.
type edges struct {
	points    []fixed.Point26_6
	begins    []bool
	low, high fixed.Point26_6
}

func (e *edges) Start(p fixed.Point26_6) { e.add(p, true) }
func (e *edges) Line(p fixed.Point26_6)  { e.add(p, false) }
func (e *edges) Clear()                  { e.points, e.begins = e.points[:0], e.begins[:0] }
func (e *edges) Draw()                   {}
func (e *edges) SetBounds(_, _ int)      {}
func (e *edges) SetColor(any)            {}
func (e *edges) SetWinding(bool)         {}
func (e *edges) SetClip(image.Rectangle) {}
func (e *edges) GetPathExtent() fixed.Rectangle26_6 {
	return fixed.Rectangle26_6{Min: e.low, Max: e.high}
}

func (e *edges) add(p fixed.Point26_6, begins bool) {
	if len(e.points) == 0 {
		e.low, e.high = p, p
	}
	e.low.X, e.low.Y = min(e.low.X, p.X), min(e.low.Y, p.Y)
	e.high.X, e.high.Y = max(e.high.X, p.X), max(e.high.Y, p.Y)
	e.points, e.begins = append(e.points, p), append(e.begins, begins)
}

// bounds are the pixels that the edges touch.
func (e *edges) bounds() image.Rectangle {
	if len(e.points) == 0 {
		return image.Rectangle{}
	}
	return image.Rect(int(e.low.X>>6), int(e.low.Y>>6), int(e.high.X>>6)+1, int(e.high.Y>>6)+1)
}

// follow hands an outline to a filler or a stroker.
func follow(a rasterx.Adder, outline []segment, m matrix) {
	open := false
	for _, s := range outline {
		switch s.kind {
		case move:
			if open {
				a.Stop(false)
			}
			a.Start(m.fixed(s.at[0]))
			open = true
		case line:
			a.Line(m.fixed(s.at[0]))
		case quad:
			a.QuadBezier(m.fixed(s.at[0]), m.fixed(s.at[1]))
		case cube:
			a.CubeBezier(m.fixed(s.at[0]), m.fixed(s.at[1]), m.fixed(s.at[2]))
		case closed:
			if open {
				a.Stop(true)
			}
			open = false
		}
	}
	if open {
		a.Stop(false)
	}
}

// paint fills and strokes an outline as the element's attributes say.
func (c *canvas) paint(e *element, outline []segment, at place) error {
	steps := []func(*element, []segment, place) error{c.paintFill, c.paintStroke}
	if e.at["paint-order"] == "stroke" {
		steps[0], steps[1] = steps[1], steps[0]
	}
	for _, step := range steps {
		if err := step(e, outline, at); err != nil {
			return err
		}
	}
	return nil
}

func (c *canvas) paintFill(e *element, outline []segment, at place) error {
	paint := e.at["fill"]
	switch paint {
	case "none", "transparent":
		return nil
	case "":
		paint = "#000"
	}
	opacity, err := e.number("fill-opacity", 1)
	if err != nil {
		return err
	}
	c.edges.Clear()
	follow(c.filler, outline, at.m)
	if id := reference(e.at["filter"]); id != "" {
		if err := c.shadow(c.byID[id], at); err != nil {
			return err
		}
	}
	at.opacity *= opacity
	return c.flush(paint, at)
}

func (c *canvas) paintStroke(e *element, outline []segment, at place) error {
	paint := e.at["stroke"]
	if paint == "" || paint == "none" || paint == "transparent" {
		return nil
	}
	width, err := e.number("stroke-width", 1)
	if err != nil {
		return err
	}
	if width *= at.m.factor(); width <= 0 {
		return nil
	}
	if err := c.setStroke(e, width, at.m.factor()); err != nil {
		return err
	}
	opacity, err := e.number("stroke-opacity", 1)
	if err != nil {
		return err
	}
	c.edges.Clear()
	follow(c.stroker, outline, at.m)
	at.opacity *= opacity
	return c.flush(paint, at)
}

func (c *canvas) setStroke(e *element, width, factor float64) error {
	caps := map[string]rasterx.CapFunc{
		"": rasterx.ButtCap, "butt": rasterx.ButtCap, "round": rasterx.RoundCap, "square": rasterx.SquareCap,
	}
	end, known := caps[e.at["stroke-linecap"]]
	if !known {
		return fmt.Errorf("stroke-linecap %q is not known", e.at["stroke-linecap"])
	}
	joins := map[string]rasterx.JoinMode{
		"": rasterx.Miter, "miter": rasterx.Miter, "round": rasterx.Round, "bevel": rasterx.Bevel,
	}
	join, known := joins[e.at["stroke-linejoin"]]
	if !known {
		return fmt.Errorf("stroke-linejoin %q is not known", e.at["stroke-linejoin"])
	}
	gap := rasterx.FlatGap
	if join == rasterx.Round {
		gap = rasterx.RoundGap
	}
	miter, err := e.number("stroke-miterlimit", 4)
	if err != nil {
		return err
	}
	dashes, err := e.dashes(factor)
	if err != nil {
		return err
	}
	offset, err := e.number("stroke-dashoffset", 0)
	if err != nil {
		return err
	}
	c.stroker.SetStroke(fixed.Int26_6(width*64), fixed.Int26_6(miter*64), end, end, gap, join, dashes, offset*factor)
	return nil
}

// dashes are in device pixels. A pattern too fine to be seen is a solid line: it would take for ever to draw.
func (e *element) dashes(factor float64) ([]float64, error) {
	s := e.at["stroke-dasharray"]
	if s == "" || s == "none" {
		return nil, nil
	}
	pattern, err := numbers(s)
	if err != nil {
		return nil, err
	}
	sum := 0.0
	for i := range pattern {
		pattern[i] *= factor
		sum += pattern[i]
		if pattern[i] < 0 {
			return nil, fmt.Errorf("stroke-dasharray %q has a length below zero", s)
		}
	}
	if sum < 0.5 {
		return nil, nil
	}
	if len(pattern)%2 == 1 {
		pattern = append(pattern, pattern...)
	}
	return pattern, nil
}

// load puts the collected edges into the filling rasterizer and returns the pixels they cover within a rectangle.
func (c *canvas) load(within image.Rectangle) image.Rectangle {
	box := c.edges.bounds().Intersect(within)
	if box.Empty() {
		return box
	}
	c.fill.Reset(box.Dx(), box.Dy())
	ox, oy := float32(box.Min.X), float32(box.Min.Y)
	for i, p := range c.edges.points {
		x, y := float32(p.X)/64-ox, float32(p.Y)/64-oy
		if c.edges.begins[i] {
			c.fill.MoveTo(x, y) // not closed: the stroker gives open edges that make closed outlines together
		} else {
			c.fill.LineTo(x, y)
		}
	}
	return box
}

// flush colours the collected edges.
func (c *canvas) flush(paint string, at place) error {
	box := c.load(at.clip)
	if box.Empty() {
		return nil
	}
	if id := reference(paint); id != "" {
		g, err := c.gradient(c.byID[id], at)
		if err != nil {
			return err
		}
		c.draw(box, g.over(box), at.mask)
		return nil
	}
	col, err := parseColor(paint)
	if err != nil {
		return err
	}
	c.draw(box, image.NewUniform(faded(col, at.opacity)), at.mask)
	return nil
}

// draw puts ink where the loaded edges and the mask, if there is one, leave it through.
func (c *canvas) draw(box image.Rectangle, ink image.Image, mask *image.Alpha) {
	if mask == nil {
		c.fill.Draw(c.img, box, ink, box.Min)
		return
	}
	cover := image.NewAlpha(box)
	c.fill.Draw(cover, box, image.Opaque, image.Point{})
	multiply(cover, mask)
	draw.DrawMask(c.img, box, ink, box.Min, cover, box.Min, draw.Over)
}

// extent is the box of the collected edges in the coordinates of the element, which m maps to the device.
func (c *canvas) extent(inverse matrix) (low, high point) {
	low, high = point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	for _, p := range c.edges.points {
		q := inverse.apply(point{float64(p.X) / 64, float64(p.Y) / 64})
		low = point{min(low.x, q.x), min(low.y, q.y)}
		high = point{max(high.x, q.x), max(high.y, q.y)}
	}
	return low, high
}
