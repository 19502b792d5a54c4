package still

import (
	"fmt"
	"math"
	"strconv"
)

type kind byte

const (
	move kind = iota
	line
	quad
	cube
	closed
)

type point struct{ x, y float64 }

// segment is one step of a path; at holds as many points as its kind has, the end point last.
type segment struct {
	kind kind
	at   [3]point
}

func moveTo(p point) segment { return segment{kind: move, at: [3]point{p}} }
func lineTo(p point) segment { return segment{kind: line, at: [3]point{p}} }

func polygon(points []point, close bool) []segment {
	out := make([]segment, 0, len(points)+1)
	for i, p := range points {
		if i == 0 {
			out = append(out, moveTo(p))
			continue
		}
		out = append(out, lineTo(p))
	}
	if close {
		out = append(out, segment{kind: closed})
	}
	return out
}

func rectangle(x, y, w, h float64) []segment {
	return polygon([]point{{x, y}, {x + w, y}, {x + w, y + h}, {x, y + h}}, true)
}

// pathReader follows the path language of SVG. After Z the current point is the start of the contour.
type pathReader struct {
	text               string
	pos                int
	out                []segment
	now, start, handle point // handle is the last control point of a cube, for S
}

// parsePath reads the d of a path. Numbers that are not finite are an error, as is everything that is not understood.
func parsePath(d string) ([]segment, error) {
	r := &pathReader{text: d}
	var command byte
	for {
		r.skip()
		if r.pos == len(d) {
			return r.out, nil
		}
		switch c := d[r.pos]; {
		case c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z':
			command = c
			r.pos++
		case command == 'M':
			command = 'L'
		case command == 'm':
			command = 'l'
		case command == 0 || command|0x20 == 'z':
			return nil, fmt.Errorf("path: a command is missing at %d", r.pos)
		}
		if len(r.out) == 0 && command|0x20 != 'm' {
			return nil, fmt.Errorf("path: it begins with %q, not with M", command)
		}
		if err := r.step(command); err != nil {
			return nil, err
		}
	}
}

func (r *pathReader) step(command byte) error {
	upper := command &^ 0x20
	counts := map[byte]int{'M': 2, 'L': 2, 'H': 1, 'V': 1, 'C': 6, 'S': 4, 'Q': 4, 'A': 7, 'Z': 0}
	count, known := counts[upper]
	if !known {
		return fmt.Errorf("path: command %q is not known", command)
	}
	var n [7]float64
	for i := range count {
		var err error
		if upper == 'A' && (i == 3 || i == 4) {
			n[i], err = r.flag()
		} else {
			n[i], err = r.number()
		}
		if err != nil {
			return err
		}
	}
	var from point
	if command != upper {
		from = r.now
	}
	r.draw(upper, n, from)
	if math.IsInf(r.now.x, 0) || math.IsInf(r.now.y, 0) {
		return fmt.Errorf("path: a number is too large")
	}
	return nil
}

func (r *pathReader) draw(upper byte, n [7]float64, from point) {
	at := func(i int) point { return point{from.x + n[i], from.y + n[i+1]} }
	mirrored := point{2*r.now.x - r.handle.x, 2*r.now.y - r.handle.y}
	switch upper {
	case 'M':
		r.now, r.start = at(0), at(0)
		r.out = append(r.out, moveTo(r.now))
	case 'L':
		r.line(at(0))
	case 'H':
		r.line(point{from.x + n[0], r.now.y})
	case 'V':
		r.line(point{r.now.x, from.y + n[0]})
	case 'C':
		r.cube(at(0), at(2), at(4))
		return
	case 'S':
		r.cube(mirrored, at(0), at(2))
		return
	case 'Q':
		r.out = append(r.out, segment{kind: quad, at: [3]point{at(0), at(2)}})
		r.now = at(2)
	case 'A':
		end := at(5)
		r.out = append(r.out, arc(r.now, point{n[0], n[1]}, n[2], n[3] != 0, n[4] != 0, end)...)
		r.now = end
	case 'Z':
		r.out = append(r.out, segment{kind: closed})
		r.now = r.start
	}
	r.handle = r.now
}

func (r *pathReader) line(p point) {
	r.out = append(r.out, lineTo(p))
	r.now = p
}

func (r *pathReader) cube(a, b, c point) {
	r.out = append(r.out, segment{kind: cube, at: [3]point{a, b, c}})
	r.handle, r.now = b, c
}

func (r *pathReader) skip() {
	for r.pos < len(r.text) {
		switch r.text[r.pos] {
		case ' ', ',', '\n', '\t', '\r':
			r.pos++
		default:
			return
		}
	}
}

// flag is a single digit, which the next number may follow without a space.
func (r *pathReader) flag() (float64, error) {
	r.skip()
	if r.pos < len(r.text) && (r.text[r.pos] == '0' || r.text[r.pos] == '1') {
		r.pos++
		return float64(r.text[r.pos-1] - '0'), nil
	}
	return 0, fmt.Errorf("path: a flag is missing at %d", r.pos)
}

func (r *pathReader) number() (float64, error) {
	r.skip()
	begin, dot, exponent := r.pos, false, false
scan:
	for ; r.pos < len(r.text); r.pos++ {
		switch c := r.text[r.pos]; {
		case c >= '0' && c <= '9':
		case c == '.' && !dot && !exponent:
			dot = true
		case (c == 'e' || c == 'E') && !exponent && r.pos > begin:
			exponent = true
		case (c == '-' || c == '+') && (r.pos == begin || r.text[r.pos-1]|0x20 == 'e'):
		default:
			break scan
		}
	}
	v, err := strconv.ParseFloat(r.text[begin:r.pos], 64)
	if err != nil {
		return 0, fmt.Errorf("path: no number at %d", begin)
	}
	return v, nil
}
