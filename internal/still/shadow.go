package still

import (
	"errors"
	"image"
	"image/draw"
	"math"
	"strings"
)

// shadow paints a feDropShadow of the collected edges: their mask, blurred by three boxes, which is near to a Gaussian.
func (c *canvas) shadow(e *element, at place) error {
	if e == nil || len(e.children) != 1 || e.children[0].name != "feDropShadow" {
		return errors.New("a filter other than one drop shadow is not known")
	}
	drop := e.children[0]
	col, err := parseColor(drop.at["flood-color"])
	if err != nil {
		return err
	}
	opacity, err := drop.number("flood-opacity", 1)
	if err != nil {
		return err
	}
	offset, err := drop.values("dx", "dy")
	if err != nil {
		return err
	}
	deviation, err := numbers(drop.at["stdDeviation"])
	if err != nil || len(deviation) == 0 {
		return errors.New("a shadow without a deviation is not possible: " + strings.TrimSpace(drop.at["stdDeviation"]))
	}
	factor := at.m.factor()
	wide := max(0, min(100, deviation[0]*factor))
	reach := int(math.Ceil(wide * 3))
	box := c.edges.bounds().Inset(-reach).Intersect(c.img.Rect.Inset(-2 * reach))
	if box.Empty() {
		return nil
	}
	mask := image.NewAlpha(box)
	covered := c.load(box)
	c.fill.Draw(mask, covered, image.Opaque, image.Point{})
	size := int(math.Floor(wide*3*math.Sqrt(2*math.Pi)/4 + 0.5))
	for range 3 {
		blur(mask, size)
	}
	by := image.Pt(int(math.Round(offset[0]*factor)), int(math.Round(offset[1]*factor)))
	target := box.Add(by).Intersect(at.clip)
	if at.mask != nil {
		return errors.New("a shadow within a clip path that is not an upright rectangle is not known")
	}
	ink := image.NewUniform(faded(col, opacity*at.opacity))
	draw.DrawMask(c.img, target, ink, image.Point{}, mask, target.Min.Sub(by), draw.Over)
	return nil
}

// blur averages size pixels along both axes.
func blur(mask *image.Alpha, size int) {
	if size < 2 {
		return
	}
	w, h := mask.Rect.Dx(), mask.Rect.Dy()
	line := make([]uint8, max(w, h))
	for y := range h {
		average(mask.Pix[y*mask.Stride:], 1, w, size, line)
	}
	for x := range w {
		average(mask.Pix[x:], mask.Stride, h, size, line)
	}
}

// average runs a window of size pixels over count pixels that stand stride bytes apart.
func average(pix []uint8, stride, count, size int, line []uint8) {
	sum, half := 0, size/2
	for i := -half; i < count; i++ {
		if j := i + half; j < count {
			sum += int(pix[j*stride])
		}
		if j := i + half - size; j >= 0 && j < count {
			sum -= int(pix[j*stride])
		}
		if i >= 0 {
			line[i] = uint8(sum / size)
		}
	}
	for i := range count {
		pix[i*stride] = line[i]
	}
}
