package templates

// barDrawing is one day of Bars in coordinates.
type barDrawing struct {
	Bar
	X, Width, Y, Height string
	GlyphX, TickX       string
	TickEnd             bool
}

const (
	barsWidth  = 1048.0
	barsNarrow = 358.0
	barsTop    = 16.5
	barsBase   = 76.0
)

// draw lays the days out over the given width; the tallest touches the upper line when Max is not set.
func (b Bars) draw(width float64) []barDrawing {
	most := b.Max
	for _, d := range b.Days {
		if b.Max == 0 {
			most = max(most, d.Value)
		}
	}
	step := width / float64(max(len(b.Days), 1))
	out := make([]barDrawing, 0, len(b.Days))
	for i, d := range b.Days {
		x, high := float64(i)*step, 0.0
		if most > 0 {
			high = min(d.Value/most, 1) * (barsBase - barsTop)
		}
		if d.Value > 0 {
			high = max(high, 1)
		}
		bar := barDrawing{Bar: d, X: num(x), Width: num(max(step-3, 1)), Y: num(barsBase - high), Height: num(high), GlyphX: num(x + (step-3)/2 - 6), TickX: num(x)}
		if x > width*0.85 {
			bar.TickX, bar.TickEnd = num(x+step-3), true
		}
		out = append(out, bar)
	}
	return out
}

// segment is one task of a progress bar, out of 1000.
type segment struct{ Class, X, Width string }

func segments(tasks []StateKind) []segment {
	step := 1000 / float64(max(len(tasks), 1))
	gap := min(3, step/3)
	out := make([]segment, len(tasks))
	for i, k := range tasks {
		out[i] = segment{Class: "p-" + k.class(), X: num(float64(i) * step), Width: num(step - gap)}
	}
	return out
}
