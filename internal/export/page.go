package export

import (
	"fmt"
	"strings"
)

// opening writes title, subtitle and banner.
func (p *printer) opening() {
	if p.doc.Title != "" {
		p.write(inkTitle(), p.fold(inkTitle(), oneLine(p.doc.Title), content, 3))
	}
	if p.doc.Subtitle != "" {
		p.write(inkSoft(), p.fold(inkSoft(), oneLine(p.doc.Subtitle), content, 2))
	}
	p.y += 3
	if strings.TrimSpace(p.doc.Banner) == "" {
		return
	}
	const pad = 3.0
	lines := p.fold(inkBanner(), p.doc.Banner, content-2*pad-1, 12)
	height := float64(len(lines))*inkBanner().line() + 2*pad
	p.pdf.SetFillColor(254, 242, 242)
	p.pdf.Rect(margin, p.y, content, height, "F")
	p.pdf.SetFillColor(185, 28, 28)
	p.pdf.Rect(margin, p.y, 1, height, "F")
	for n, line := range lines {
		p.put(inkBanner(), line, margin+pad+1, p.y+pad+float64(n)*inkBanner().line(), content-2*pad-1, "L", "")
	}
	p.y += height + 4
}

// kpis puts the figures into cards, at most four beside each other.
func (p *printer) kpis(list []KPI) {
	const gap, pad = 3.0, 3.0
	for len(list) > 0 {
		row := list[:min(len(list), beside(len(list)))]
		width := (content - gap*float64(len(row)-1)) / float64(len(row))
		height := 0.0
		for _, k := range row {
			height = max(height, p.card(k, 0, 0, width, pad, false))
		}
		p.need(height)
		for i, k := range row {
			x := margin + float64(i)*(width+gap)
			p.pdf.SetDrawColor(217, 217, 217)
			p.pdf.SetLineWidth(0.2)
			p.pdf.Rect(x, p.y, width, height, "D")
			p.card(k, x, p.y, width, pad, true)
		}
		p.y += height + gap
		list = list[len(row):]
	}
}

// beside spreads n cards over rows of two to four without a lone one at the end, where that can be.
func beside(n int) int {
	switch {
	case n%4 == 0 || n > 6:
		return 4
	case n == 5 || n == 6 || n == 3:
		return 3
	}
	return min(n, 4)
}

// card draws, or only measures, a figure and returns its height.
func (p *printer) card(k KPI, x, y, width, pad float64, drawn bool) float64 {
	top, inner := y, width-2*pad
	y += pad
	lines := func(i ink, list []string) {
		for _, line := range list {
			if drawn {
				p.put(i, line, x+pad, y, inner, "L", "")
			}
			y += i.line()
		}
	}
	lines(inkSoft(), p.fold(inkSoft(), oneLine(k.Label), inner, 2))
	big := inkValue()
	value := p.faces[big.weight].draw(oneLine(k.Value))
	for big.size > 6 && p.width(big, value) > inner {
		big.size--
	}
	lines(big, []string{p.shorten(big, value, inner)})
	for _, change := range k.Changes[:min(len(k.Changes), 4)] {
		lines(inkSoft(), p.fold(inkSoft(), oneLine(change), inner, 2))
	}
	return y + pad - top
}

func (p *printer) section(s Section) error {
	p.y += 4
	drawing, err := p.drawing(s.Chart)
	if err != nil {
		return err
	}
	first := 3 * inkBody().line()
	if s.Text == "" && drawing != nil {
		first = drawing.height
	}
	title, subtitle := oneLine(s.Title), oneLine(s.Subtitle)
	p.need(min(first, bottom-edge-20) + inkHeading().line()*2)
	if title != "" {
		lines := p.fold(inkHeading(), title, content, 3)
		p.pdf.SetFont(family, string(regular), inkBody().size) // an outline entry is spelled by the font in use
		p.pdf.Bookmark(capped(p.faces[regular].draw(title), 120), 0, p.y)
		p.write(inkHeading(), lines)
	}
	if subtitle != "" {
		p.write(inkSoft(), p.fold(inkSoft(), subtitle, content, 3))
	}
	p.y++
	if strings.TrimSpace(s.Text) != "" {
		p.write(inkBody(), p.fold(inkBody(), strings.TrimSpace(s.Text), content, 0))
		p.y++
	}
	if drawing != nil {
		p.place(*drawing, *s.Chart)
	}
	if s.Table != nil {
		return p.table(*s.Table)
	}
	return nil
}

// footers are written last, when the number of pages is known.
func (p *printer) footers() {
	pages := p.pdf.PageCount()
	i := inkFooter()
	for n := 1; n <= pages; n++ {
		p.pdf.SetPage(n)
		y := pageHeight - edge - 2*i.line()
		p.pdf.SetDrawColor(217, 217, 217)
		p.pdf.SetLineWidth(0.2)
		p.pdf.Line(margin, y-2, pageWidth-margin, y-2)
		link := p.faces[i.weight].draw(oneLine(p.doc.Link))
		p.put(i, p.shorten(i, link, content-20), margin, y, content-20, "L", p.link)
		p.put(i, fmt.Sprintf("%d/%d", n, pages), pageWidth-margin-20, y, 20, "R", "")
		var parts []string
		for _, s := range []string{p.doc.Edition, p.doc.Hash} {
			if s = oneLine(s); s != "" {
				parts = append(parts, s)
			}
		}
		about := p.faces[i.weight].draw(strings.Join(parts, " · "))
		p.put(i, p.shorten(i, about, content), margin, y+i.line(), content, "L", "")
	}
}
