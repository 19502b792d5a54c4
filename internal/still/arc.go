package still

import "math"

// arc is an elliptical arc of SVG as cubes, each a quarter turn at most; rotation is in degrees. Radii that are too small for
// the way grow until they reach, as the standard says.
func arc(from, radii point, rotation float64, large, sweep bool, to point) []segment {
	rx, ry := math.Abs(radii.x), math.Abs(radii.y)
	if rx == 0 || ry == 0 || from == to {
		return []segment{lineTo(to)}
	}
	sin, cos := math.Sincos(rotation * math.Pi / 180)
	dx, dy := (from.x-to.x)/2, (from.y-to.y)/2
	x, y := cos*dx+sin*dy, cos*dy-sin*dx
	if reach := x*x/(rx*rx) + y*y/(ry*ry); reach > 1 {
		rx *= math.Sqrt(reach)
		ry *= math.Sqrt(reach)
	}
	d := rx*rx*y*y + ry*ry*x*x
	k := math.Sqrt(max(0, (rx*rx*ry*ry-d)/d))
	if large == sweep {
		k = -k
	}
	cx, cy := k*rx*y/ry, -k*ry*x/rx
	begin := math.Atan2((y-cy)/ry, (x-cx)/rx)
	turn := math.Atan2((-y-cy)/ry, (-x-cx)/rx) - begin
	if sweep && turn < 0 {
		turn += 2 * math.Pi
	} else if !sweep && turn > 0 {
		turn -= 2 * math.Pi
	}
	circle := matrix{
		cos * rx, sin * rx, -sin * ry, cos * ry,
		cos*cx - sin*cy + (from.x+to.x)/2, sin*cx + cos*cy + (from.y+to.y)/2,
	}
	return turned(circle, begin, turn, to)
}

// turned is the unit circle from the angle begin on, seen through m.
func turned(m matrix, begin, turn float64, to point) []segment {
	if math.IsNaN(turn) {
		return []segment{lineTo(to)}
	}
	count := max(1, int(math.Ceil(math.Abs(turn)/(math.Pi/2))))
	step := turn / float64(count)
	h := 4.0 / 3 * math.Tan(step/4)
	out := make([]segment, count)
	for i := range out {
		sa, ca := math.Sincos(begin + float64(i)*step)
		sb, cb := math.Sincos(begin + float64(i+1)*step)
		out[i] = segment{kind: cube, at: [3]point{
			m.apply(point{ca - h*sa, sa + h*ca}),
			m.apply(point{cb + h*sb, sb - h*cb}),
			m.apply(point{cb, sb}),
		}}
	}
	out[count-1].at[2] = to
	return out
}
