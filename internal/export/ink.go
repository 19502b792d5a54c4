package export

import "strings"

// ink is how a text is written.
type ink struct {
	weight weight
	size   float64 // points
	gray   int     // 0 black … 255 white
	red    bool    // for what is wrong
}

// The inks of a page.
func inkTitle() ink         { return ink{semiBold, 20, 26, false} }
func inkHeading() ink       { return ink{semiBold, 13, 26, false} }
func inkBody() ink          { return ink{regular, 9.5, 51, false} }
func inkSoft() ink          { return ink{regular, 8.5, 102, false} }
func inkValue() ink         { return ink{semiBold, 17, 26, false} }
func inkBanner() ink        { return ink{regular, 9.5, 0, true} }
func inkFooter() ink        { return ink{regular, 7, 102, false} }
func (i ink) line() float64 { return i.size * pointSize * 1.4 } // millimetres from line to line

// dip takes the ink up.
func (p *printer) dip(i ink) {
	p.pdf.SetFont(family, string(i.weight), i.size)
	if i.red {
		p.pdf.SetTextColor(153, 27, 27)
		return
	}
	p.pdf.SetTextColor(i.gray, i.gray, i.gray)
}

// width of a text that draw gave, in millimetres.
func (p *printer) width(i ink, s string) float64 {
	f := p.faces[i.weight]
	sum := 0.0
	for _, r := range s {
		w, ok := f.widths[r]
		if !ok {
			p.pdf.SetFont(family, string(i.weight), i.size)
			w = float64(p.pdf.GetStringSymbolWidth(string(r))) / 1000
			f.widths[r] = w
		}
		sum += w
	}
	return sum * i.size * pointSize
}

// fold breaks a text into lines of a width: between words, and within a word that is wider than a line. Lines after the last allowed
// (0: none) are dropped and the last one ends in "…".
func (p *printer) fold(i ink, s string, width float64, most int) []string {
	const perLine = 400 // characters: more do not fit on a page's width
	if most > 0 {
		s = capped(s, most*perLine)
	}
	var lines []string
	for paragraph := range strings.SplitSeq(p.faces[i.weight].draw(s), "\n") {
		lines = append(lines, p.foldLine(i, paragraph, width)...)
		if most > 0 && len(lines) > most {
			lines = lines[:most]
			lines[most-1] = p.shorten(i, lines[most-1]+" …", width)
			return lines
		}
	}
	return lines
}

func (p *printer) foldLine(i ink, s string, width float64) []string {
	var lines []string
	line, used := "", 0.0
	gap := p.width(i, " ")
	for _, word := range strings.Fields(s) {
		size := p.width(i, word)
		if line != "" && used+gap+size <= width {
			line, used = line+" "+word, used+gap+size
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for size > width && word != "" {
			head, rest := p.split(i, word, width)
			lines = append(lines, head)
			word, size = rest, p.width(i, rest)
		}
		line, used = word, size
	}
	return append(lines, line)
}

// split cuts a word where the width ends; at least one character goes to the head.
func (p *printer) split(i ink, word string, width float64) (head, rest string) {
	used := 0.0
	for at, r := range word {
		used += p.width(i, string(r))
		if used > width && at > 0 {
			return word[:at], word[at:]
		}
	}
	return word, ""
}

// shorten makes a line fit: what is cut off is told by "…" at its end.
func (p *printer) shorten(i ink, s string, width float64) string {
	if p.width(i, s) <= width {
		return s
	}
	room := width - p.width(i, "…")
	used := 0.0
	for at, r := range s {
		used += p.width(i, string(r))
		if used > room {
			return strings.TrimRight(s[:at], " …") + "…"
		}
	}
	return s
}

// put writes a line in a box whose upper left corner is x, y.
func (p *printer) put(i ink, s string, x, y, width float64, align, link string) {
	p.dip(i)
	p.pdf.SetXY(x, y)
	p.pdf.CellFormat(width, i.line(), s, "", 0, align, false, 0, link)
}

// write puts lines below each other from p.y on, over as many pages as it takes.
func (p *printer) write(i ink, lines []string) {
	for _, line := range lines {
		p.need(i.line())
		p.put(i, line, margin, p.y, content, "L", "")
		p.y += i.line()
	}
}
