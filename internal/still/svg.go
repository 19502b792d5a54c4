package still

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// element is one element of the SVG that the script writes.
type element struct {
	name     string
	at       map[string]string
	children []*element
	text     string
}

func parseSVG(body []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	root := &element{}
	open := []*element{root}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read SVG: %w", err)
		}
		top := open[len(open)-1]
		switch t := token.(type) {
		case xml.StartElement:
			e := &element{name: t.Name.Local, at: make(map[string]string, len(t.Attr))}
			for _, a := range t.Attr {
				e.at[a.Name.Local] = a.Value
			}
			top.children = append(top.children, e)
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			top.text += string(t)
		}
	}
	if len(root.children) != 1 || root.children[0].name != "svg" {
		return nil, errors.New("read SVG: there is no svg element")
	}
	return root.children[0], nil
}

// index finds elements by id.
func (e *element) index(byID map[string]*element) {
	if id := e.at["id"]; id != "" {
		byID[id] = e
	}
	for _, c := range e.children {
		c.index(byID)
	}
}

// number is an attribute's value, or def when the attribute is absent.
func (e *element) number(name string, def float64) (float64, error) {
	s, there := e.at[name]
	if !there || s == "" {
		return def, nil
	}
	v, err := strconv.ParseFloat(strings.TrimSuffix(s, "px"), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("<%s %s=%q> is not a number", e.name, name, s)
	}
	return v, nil
}

// values are several attributes at once, each 0 when absent.
func (e *element) values(names ...string) ([]float64, error) {
	out := make([]float64, len(names))
	for i, name := range names {
		var err error
		if out[i], err = e.number(name, 0); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// reference is the id in url(#id), empty for anything else.
func reference(s string) string {
	inner, ok := strings.CutPrefix(s, "url(")
	if !ok {
		return ""
	}
	return strings.Trim(strings.TrimSuffix(inner, ")"), `#"' `)
}

// shape is the outline of a drawing element in its own coordinates.
func (e *element) shape() ([]segment, error) {
	switch e.name {
	case "path":
		return parsePath(e.at["d"])
	case "rect":
		v, err := e.values("x", "y", "width", "height", "rx", "ry")
		if err != nil {
			return nil, err
		}
		if v[4] != 0 || v[5] != 0 {
			return nil, errors.New("a rect with round corners is not known")
		}
		return rectangle(v[0], v[1], v[2], v[3]), nil
	case "line":
		v, err := e.values("x1", "y1", "x2", "y2")
		if err != nil {
			return nil, err
		}
		return polygon([]point{{v[0], v[1]}, {v[2], v[3]}}, false), nil
	case "polygon", "polyline":
		v, err := numbers(e.at["points"])
		if err != nil {
			return nil, err
		}
		points := make([]point, len(v)/2)
		for i := range points {
			points[i] = point{v[2*i], v[2*i+1]}
		}
		return polygon(points, e.name == "polygon" && len(points) > 0), nil
	case "circle":
		v, err := e.values("cx", "cy", "r", "r")
		return ellipse(v, err)
	case "ellipse":
		v, err := e.values("cx", "cy", "rx", "ry")
		return ellipse(v, err)
	}
	return nil, fmt.Errorf("element <%s> is not known", e.name)
}

func ellipse(v []float64, err error) ([]segment, error) {
	if err != nil {
		return nil, err
	}
	left, right := point{v[0] - v[2], v[1]}, point{v[0] + v[2], v[1]}
	out := []segment{moveTo(right)}
	out = append(out, arc(right, point{v[2], v[3]}, 0, false, true, left)...)
	out = append(out, arc(left, point{v[2], v[3]}, 0, false, true, right)...)
	return append(out, segment{kind: closed}), nil
}
