package still

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"
	"strconv"
	"strings"
)

// gradient gives the colour of a device pixel.
type gradient struct {
	radial   bool
	toUnit   matrix // device → the gradient's own coordinates
	from, to point  // of a linear one; from is the middle of a radial one
	radius   float64
	ramp     [257]color.RGBA
}

type stop struct {
	offset     float64
	r, g, b, a float64 // 0…255, a 0…1
}

// gradient reads a linearGradient or radialGradient for the edges that are being painted.
func (c *canvas) gradient(e *element, at place) (*gradient, error) {
	if e == nil || e.name != "linearGradient" && e.name != "radialGradient" {
		return nil, errors.New("a paint that is neither a colour nor a gradient is not known")
	}
	if e.at["gradientTransform"] != "" {
		return nil, errors.New("gradientTransform is not known")
	}
	stops, err := e.stops(at.opacity)
	if err != nil {
		return nil, err
	}
	back, ok := at.m.inverse()
	if !ok {
		return nil, errors.New("a gradient on a flat shape is not possible")
	}
	g := &gradient{radial: e.name == "radialGradient", toUnit: back, ramp: ramp(stops)}
	if e.at["gradientUnits"] != "userSpaceOnUse" {
		low, high := c.extent(back)
		w, h := max(high.x-low.x, 1e-9), max(high.y-low.y, 1e-9)
		g.toUnit = matrix{1 / w, 0, 0, 1 / h, -low.x / w, -low.y / h}.times(back)
	}
	if g.radial {
		g.from.x, g.from.y, g.radius, err = e.circle()
		return g, err
	}
	v, err := e.values("x1", "y1", "x2", "y2")
	if err != nil {
		return nil, err
	}
	g.from, g.to = point{v[0], v[1]}, point{v[2], v[3]}
	return g, nil
}

func (e *element) circle() (x, y, r float64, err error) {
	v := [3]float64{}
	for i, name := range []string{"cx", "cy", "r"} {
		if v[i], err = e.number(name, 0.5); err != nil {
			return 0, 0, 0, err
		}
	}
	return v[0], v[1], max(v[2], 1e-9), nil
}

func (e *element) stops(opacity float64) ([]stop, error) {
	var out []stop
	for _, c := range e.children {
		if c.name != "stop" {
			continue
		}
		col, err := parseColor(c.at["stop-color"])
		if err != nil {
			return nil, err
		}
		own, err := c.number("stop-opacity", 1)
		if err != nil {
			return nil, err
		}
		digits, percent := strings.CutSuffix(c.at["offset"], "%")
		offset, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			return nil, fmt.Errorf("<stop offset=%q> is not a number", c.at["offset"])
		}
		if percent {
			offset /= 100
		}
		alpha := float64(col.A) / 255 * own * opacity
		out = append(out, stop{offset, float64(col.R), float64(col.G), float64(col.B), alpha})
	}
	if len(out) == 0 {
		return nil, errors.New("a gradient without stops is not possible")
	}
	return out, nil
}

// ramp is the gradient's colours at 257 places from 0 to 1.
func ramp(stops []stop) (out [257]color.RGBA) {
	for i := range out {
		s := between(stops, float64(i)/256)
		out[i] = color.RGBA{octet(s.r * s.a), octet(s.g * s.a), octet(s.b * s.a), octet(255 * s.a)}
	}
	return out
}

func between(stops []stop, t float64) stop {
	if t <= stops[0].offset {
		return stops[0]
	}
	for i := 1; i < len(stops); i++ {
		a, b := stops[i-1], stops[i]
		if t > b.offset {
			continue
		}
		k := (t - a.offset) / max(1e-9, b.offset-a.offset)
		return stop{t, a.r + (b.r-a.r)*k, a.g + (b.g-a.g)*k, a.b + (b.b-a.b)*k, a.a + (b.a-a.a)*k}
	}
	return stops[len(stops)-1]
}

// over is the gradient as a picture of the given pixels.
func (g *gradient) over(box image.Rectangle) *image.RGBA {
	img := image.NewRGBA(box)
	way := point{g.to.x - g.from.x, g.to.y - g.from.y}
	length := max(way.x*way.x+way.y*way.y, 1e-12)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			p := g.toUnit.apply(point{float64(x) + 0.5, float64(y) + 0.5})
			t := ((p.x-g.from.x)*way.x + (p.y-g.from.y)*way.y) / length
			if g.radial {
				t = math.Hypot(p.x-g.from.x, p.y-g.from.y) / g.radius
			}
			img.SetRGBA(x, y, g.ramp[int(256*max(0, min(1, t)))])
		}
	}
	return img
}
