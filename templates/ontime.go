package templates

const (
	stripWide   = 1328.0
	stripNarrow = 358.0
	stripLeft   = 46.0
	stripTop    = 22.0
	stripBottom = 78.5 // of the deadline
)

// stripDay is one day of OnTime in coordinates.
type stripDay struct {
	OnTimeDay
	X, Y, GlyphX, GlyphY, HaloX, HaloY string
	TickX, TickClass                   string
}

func stripY(at float64) float64 { return stripTop + at*(stripBottom-stripTop) }

// right is where the lines end; the wide drawing names the deadline after it.
func (o OnTime) right(width float64) float64 {
	if width > stripNarrow {
		return width - 62
	}
	return width
}

// draw lays the days out over the width; ticks that would run into each other are left out, the last one stays.
func (o OnTime) draw(width float64) []stripDay {
	left, right := stripLeft+10, o.right(width)-8
	step := (right - left) / float64(max(len(o.Days)-1, 1))
	out := make([]stripDay, len(o.Days))
	for i, d := range o.Days {
		x, y := left+float64(i)*step, stripY(d.At)
		if d.Mark == MarkNone {
			y = stripY(0)
		}
		room := (float64(len(o.Days)-1-i))*step > 64 || d.Last
		if width <= stripNarrow && i > 0 && !d.Last && i%2 == 1 || !room {
			d.Tick = ""
		}
		out[i] = stripDay{OnTimeDay: d, X: num(x), Y: num(y), GlyphX: num(x - 6.5), GlyphY: num(y - 6.5), HaloX: num(x - 8), HaloY: num(y - 8), TickX: num(x), TickClass: "mid"}
		if d.Last {
			out[i].TickClass = "mid t-ink t-b"
			if width <= stripNarrow {
				out[i].TickX, out[i].TickClass = num(width), "end t-ink t-b"
			}
		}
	}
	return out
}

// ledgerPart is one state of the bar, out of 1328.
type ledgerPart struct{ Class, X, Width string }

// draw gives every state that has deliveries at least a visible part.
func (l Ledger) draw() []ledgerPart {
	const width, gap, least = 1328.0, 3.0, 9.0
	total, parts := 0, 0
	for _, c := range l.Counts {
		if c.Kind != NoState && c.Count > 0 {
			total, parts = total+c.Count, parts+1
		}
	}
	room := width - gap*float64(max(parts-1, 0)) - least*float64(parts)
	var out []ledgerPart
	x := 0.0
	for _, c := range l.Counts {
		if c.Kind == NoState || c.Count == 0 {
			continue
		}
		w := least + room*float64(c.Count)/float64(total)
		out = append(out, ledgerPart{Class: "p-" + c.Kind.class(), X: num(x), Width: num(w)})
		x += w + gap
	}
	return out
}
