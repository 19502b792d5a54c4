package still

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/image/math/fixed"
)

// matrix is the affine map of SVG's matrix(a b c d e f).
type matrix struct{ a, b, c, d, e, f float64 }

func identity() matrix { return matrix{a: 1, d: 1} }

// times is the map that does n first.
func (m matrix) times(n matrix) matrix {
	return matrix{
		m.a*n.a + m.c*n.b, m.b*n.a + m.d*n.b,
		m.a*n.c + m.c*n.d, m.b*n.c + m.d*n.d,
		m.a*n.e + m.c*n.f + m.e, m.b*n.e + m.d*n.f + m.f,
	}
}

func (m matrix) apply(p point) point {
	return point{m.a*p.x + m.c*p.y + m.e, m.b*p.x + m.d*p.y + m.f}
}

// fixed is the mapped point in 1/64 of a device pixel. What lies far outside any picture is moved nearer: the fixed numbers
// are 32 bits wide.
func (m matrix) fixed(p point) fixed.Point26_6 {
	const far = 1 << 16
	p = m.apply(p)
	return fixed.Point26_6{
		X: fixed.Int26_6(math.Round(max(-far, min(far, p.x)) * 64)),
		Y: fixed.Int26_6(math.Round(max(-far, min(far, p.y)) * 64)),
	}
}

// factor is how much lengths grow, on average of the two directions.
func (m matrix) factor() float64 { return math.Sqrt(math.Abs(m.a*m.d - m.b*m.c)) }

func (m matrix) inverse() (matrix, bool) {
	det := m.a*m.d - m.b*m.c
	if det == 0 || math.IsNaN(det) || math.IsInf(det, 0) {
		return matrix{}, false
	}
	n := matrix{a: m.d / det, b: -m.b / det, c: -m.c / det, d: m.a / det}
	n.e, n.f = -(n.a*m.e + n.c*m.f), -(n.b*m.e + n.d*m.f)
	return n, true
}

// parseTransform reads a transform attribute.
func parseTransform(s string) (matrix, error) {
	m := identity()
	for strings.TrimSpace(s) != "" {
		name, rest, ok := strings.Cut(s, "(")
		args, rest, ok2 := strings.Cut(rest, ")")
		if !ok || !ok2 {
			return m, fmt.Errorf("transform %q: brackets do not match", s)
		}
		a, err := numbers(args)
		if err != nil {
			return m, err
		}
		next, err := transform(strings.Trim(name, " ,\n\t"), a)
		if err != nil {
			return m, err
		}
		m, s = m.times(next), rest
	}
	return m, nil
}

func transform(name string, a []float64) (matrix, error) {
	switch {
	case name == "matrix" && len(a) == 6:
		return matrix{a[0], a[1], a[2], a[3], a[4], a[5]}, nil
	case name == "translate" && len(a) == 1:
		return matrix{1, 0, 0, 1, a[0], 0}, nil
	case name == "translate" && len(a) == 2:
		return matrix{1, 0, 0, 1, a[0], a[1]}, nil
	case name == "scale" && len(a) == 1:
		return matrix{a[0], 0, 0, a[0], 0, 0}, nil
	case name == "scale" && len(a) == 2:
		return matrix{a[0], 0, 0, a[1], 0, 0}, nil
	case name == "rotate" && (len(a) == 1 || len(a) == 3):
		sin, cos := math.Sincos(a[0] * math.Pi / 180)
		turn := matrix{cos, sin, -sin, cos, 0, 0}
		if len(a) == 1 {
			return turn, nil
		}
		return matrix{1, 0, 0, 1, a[1], a[2]}.times(turn).times(matrix{1, 0, 0, 1, -a[1], -a[2]}), nil
	}
	return matrix{}, fmt.Errorf("transform %s with %d numbers is not known", name, len(a))
}

// numbers reads a list separated by spaces or commas.
func numbers(s string) ([]float64, error) {
	fields := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' })
	out := make([]float64, len(fields))
	for i, f := range fields {
		v, err := strconv.ParseFloat(strings.TrimSuffix(f, "px"), 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%q is not a number", f)
		}
		out[i] = v
	}
	return out, nil
}
