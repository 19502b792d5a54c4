package export

import "fmt"

const (
	cellGap   = 2.0 // millimetres between columns, less where there are many
	cellLines = 3   // of a cell at most
	largest   = 8.5 // points
	smallest  = 5
	slimmest  = 10.0 // millimetres that folded text needs
)

// grid is a table as it is laid out.
type grid struct {
	heads  []Head
	widths []float64
	gap    float64
	head   ink
	body   ink
}

// table prints the first rows and says how many there are more.
func (p *printer) table(t Table) error {
	if len(t.Heads) == 0 {
		return nil
	}
	shown := t.Rows[:min(len(t.Rows), p.doc.MaxRows)]
	for i, row := range shown {
		if len(row) != len(t.Heads) {
			return fmt.Errorf("row %d has %d cells for %d columns", i+1, len(row), len(t.Heads))
		}
	}
	g := p.measure(t.Heads, shown)
	heads := make([]string, len(t.Heads))
	for i, h := range t.Heads {
		heads[i] = h.Text
	}
	p.row(g, g.head, heads, true)
	for _, cells := range shown {
		if p.y+p.height(g, g.body, cells) > bottom {
			p.newPage()
			p.row(g, g.head, heads, true)
		}
		p.row(g, g.body, cells, false)
	}
	if rest := max(t.Count, len(t.Rows)) - len(shown); rest > 0 && p.doc.More != nil {
		p.y++
		p.write(inkSoft(), p.fold(inkSoft(), oneLine(p.doc.More(rest)), content, 2))
	}
	p.y += 2
	return nil
}

// measure finds the largest type in which the columns fit, and where none does shares the width out.
func (p *printer) measure(heads []Head, rows [][]string) grid {
	g := grid{heads: heads, gap: min(cellGap, content/8/float64(len(heads)))}
	room := content - g.gap*float64(len(heads)-1)
	for size := largest; ; size-- {
		size = max(size, smallest)
		g.head, g.body = ink{semiBold, size, 26, false}, ink{regular, size, 51, false}
		g.widths = make([]float64, len(heads))
		sum := 0.0
		for i, h := range heads {
			w := p.width(g.head, p.faces[semiBold].draw(oneLine(capped(h.Text, 200))))
			for _, row := range rows {
				w = max(w, p.width(g.body, p.faces[regular].draw(oneLine(capped(row[i], 200)))))
			}
			if !h.Right {
				w = min(w, content/3) // longer text is folded
			}
			g.widths[i] = w
			sum += w
		}
		switch {
		case sum <= room:
			g.widen(room - sum)
			return g
		case size == smallest:
			g.squeeze(room)
			return g
		}
	}
}

// widen gives what is left to the text columns, or to all where there are none.
func (g *grid) widen(left float64) {
	words := 0
	for _, h := range g.heads {
		if !h.Right {
			words++
		}
	}
	for i, h := range g.heads {
		switch {
		case words == 0:
			g.widths[i] += left / float64(len(g.heads))
		case !h.Right:
			g.widths[i] += left / float64(words)
		}
	}
}

// squeeze takes from the widest columns until all fit: from text, which is folded, and only where that cannot be from numbers.
func (g *grid) squeeze(room float64) {
	numbers, words := 0.0, 0
	for i, h := range g.heads {
		if h.Right {
			numbers += g.widths[i]
		} else {
			words++
		}
	}
	folded := words > 0 && room-numbers >= slimmest*float64(words)
	if folded {
		room -= numbers
	}
	squeezed := func(i int) bool { return !folded || !g.heads[i].Right }
	low, high := 0.0, room
	for range 40 {
		limit, sum := (low+high)/2, 0.0
		for i, w := range g.widths {
			if squeezed(i) {
				sum += min(w, limit)
			}
		}
		if sum > room {
			high = limit
		} else {
			low = limit
		}
	}
	for i, w := range g.widths {
		if squeezed(i) {
			g.widths[i] = min(w, low)
		}
	}
}

// cell is the lines of a cell: numbers stay on one.
func (p *printer) cell(g grid, i ink, column int, s string) []string {
	if g.heads[column].Right && i == g.body {
		return []string{p.shorten(i, p.faces[i.weight].draw(oneLine(capped(s, 200))), g.widths[column])}
	}
	return p.fold(i, oneLine(s), g.widths[column], cellLines)
}

func (p *printer) height(g grid, i ink, cells []string) float64 {
	most := 1
	for c, s := range cells {
		most = max(most, len(p.cell(g, i, c, s)))
	}
	return float64(most)*i.line() + 1.2
}

// row prints cells and a rule below them.
func (p *printer) row(g grid, i ink, cells []string, head bool) {
	height := p.height(g, i, cells)
	p.need(height)
	x := margin
	for c, s := range cells {
		align := "L"
		if g.heads[c].Right {
			align = "R"
		}
		for n, line := range p.cell(g, i, c, s) {
			p.put(i, line, x, p.y+0.6+float64(n)*i.line(), g.widths[c], align, "")
		}
		x += g.widths[c] + g.gap
	}
	p.y += height
	p.pdf.SetDrawColor(229, 229, 229)
	if head {
		p.pdf.SetDrawColor(140, 140, 140)
	}
	p.pdf.SetLineWidth(0.15)
	p.pdf.Line(margin, p.y, pageWidth-margin, p.y)
}
