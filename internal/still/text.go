package still

import (
	"fmt"
	"strconv"
	"strings"
)

// text paints one line: a colour, a size and a weight, which is all that the script writes into an element.
func (c *canvas) text(e *element, at place) error {
	if len(e.children) > 0 {
		return fmt.Errorf("element <%s> within <text> is not known", e.children[0].name)
	}
	size, heavy, err := e.letters()
	if err != nil {
		return err
	}
	font := c.faces.regular
	if heavy {
		font = c.faces.bold
	}
	v, err := e.values("x", "y")
	if err != nil {
		return err
	}
	x, y := v[0], v[1]
	switch e.at["text-anchor"] {
	case "", "start":
	case "middle":
		x -= font.width(e.text) * size / 2
	case "end":
		x -= font.width(e.text) * size
	default:
		return fmt.Errorf("text-anchor %q is not known", e.at["text-anchor"])
	}
	switch e.at["dominant-baseline"] {
	case "", "alphabetic":
	case "central":
		y += (font.ascent - font.descent) / 2 * size
	default:
		return fmt.Errorf("dominant-baseline %q is not known", e.at["dominant-baseline"])
	}
	return c.paint(e, c.written(font, e.text, point{x, y}, size), at)
}

// letters are the size and the weight of a text, given as attributes or in its style.
func (e *element) letters() (size float64, heavy bool, err error) {
	declared := map[string]string{"font-size": e.at["font-size"], "font-weight": e.at["font-weight"]}
	for _, d := range strings.Split(e.at["style"], ";") {
		name, value, _ := strings.Cut(d, ":")
		declared[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	size = 12
	if s := strings.TrimSuffix(declared["font-size"], "px"); s != "" {
		if size, err = strconv.ParseFloat(s, 64); err != nil {
			return 0, false, fmt.Errorf("font-size %q is not known", s)
		}
	}
	switch w := declared["font-weight"]; w {
	case "", "normal", "lighter":
	case "bold", "bolder":
		heavy = true
	default:
		n, err := strconv.Atoi(w)
		if err != nil {
			return 0, false, fmt.Errorf("font-weight %q is not known", w)
		}
		heavy = n >= 600
	}
	return size, heavy, nil
}

func (f *face) width(s string) (em float64) {
	for _, r := range s {
		em += f.glyph(r).advance
	}
	return em
}

// written is the outline of a text from a point on its base line, and remembers what no font has.
func (c *canvas) written(font *face, s string, at point, size float64) []segment {
	var out []segment
	for _, r := range s {
		g := font.glyph(r)
		if g.absent {
			c.missing[r] = true
		}
		m := matrix{size, 0, 0, size, at.x, at.y}
		for _, step := range g.outline {
			for i := range step.at {
				step.at[i] = m.apply(step.at[i])
			}
			out = append(out, step)
		}
		at.x += g.advance * size
	}
	return out
}
