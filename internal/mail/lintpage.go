package mail

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// maxWidth is in px: what every reading pane has room for.
const maxWidth = 600

// page judges the tree as it is shown.
func (l *linter) page() {
	root, err := html.Parse(strings.NewReader(l.message.HTML))
	if err != nil {
		l.find("style", "the HTML cannot be read: %v", err)
		return
	}
	s := survey{}
	s.read(l, root)
	switch {
	case s.h1 == 0:
		l.find("heading", "there is no <h1>: readers and screen readers look for what the mail is about")
	case s.h1 > 1:
		l.find("heading", "there are %d <h1>: keep one and make the others <h2>", s.h1)
	}
	canvas := look{background: rgb{255, 255, 255}, size: 16}
	l.show(root, canvas, light)
	night := canvas
	if s.darkens {
		night = look{color: rgb{255, 255, 255}, background: rgb{18, 18, 18}, size: 16}
	}
	modes := map[mode]bool{}
	for _, r := range l.sheet {
		modes[r.mode] = true
	}
	if modes[dark] || s.darkens {
		l.show(root, night, dark)
	}
	if modes[outlook] {
		l.show(root, night, outlook)
	}
	if s.body != nil {
		l.preheader(s.body, s.title)
	}
}

// survey is what one pass over the tree gathers.
type survey struct {
	body    *html.Node
	title   string
	h1      int
	darkens bool // the mail says that it has dark colours, so a program may draw its own canvas dark
}

func (s *survey) read(l *linter, n *html.Node) {
	if n.Type == html.ElementNode {
		switch n.Data {
		case "body":
			s.body = n
		case "title":
			s.title = textOf(n)
		case "h1":
			s.h1++
		case "style":
			l.styles(textOf(n))
		case "table":
			if attribute(n.Attr, "role") != "presentation" && !contains(n, "th") {
				l.find("table", "a table that begins with %q has no <th>: say role=presentation for layout, or name its columns", sample(textOf(n)))
			}
		case "meta":
			if attribute(n.Attr, "name") == "color-scheme" && strings.Contains(attribute(n.Attr, "content"), "dark") {
				s.darkens = true
			}
		}
		if style := attribute(n.Attr, "style"); style != "" {
			l.layout("<"+n.Data+">", l.inline(style))
		}
		if px, err := strconv.ParseFloat(attribute(n.Attr, "width"), 64); err == nil && px > maxWidth {
			l.find("width", "<%s> has the width %g, more than %d px: make it narrower or use per cent", n.Data, px, maxWidth)
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		s.read(l, c)
	}
}

// show follows the colours down to every text.
func (l *linter) show(n *html.Node, outer look, m mode) {
	own := outer
	switch n.Type {
	case html.TextNode:
		l.legible(n.Data, own, m)
		return
	case html.ElementNode:
		if n.Data == "head" || n.Data == "style" || n.Data == "script" || n.Data == "title" {
			return
		}
		own = l.look(n, outer, m)
		if n.Data == "img" {
			l.legible(attribute(n.Attr, "alt"), own, m)
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		l.show(c, own, m)
	}
}

// legible judges one text.
func (l *linter) legible(text string, k look, m mode) {
	if k.hidden || blank(text) {
		return
	}
	if m == light && !k.held {
		l.find("width", "the mail is not held to %d px: put its content into a table with width=\"%d\" and max-width:%dpx", maxWidth, maxWidth, maxWidth)
	}
	if m == outlook && !k.recolored {
		return // Outlook finds a colour by itself
	}
	if got, want := contrast(k.color, k.background), readable(k.size, k.bold); got < want {
		key := "contrast " + m.String() + k.color.String() + k.background.String()
		if !l.said[key] { // one example of each pair of colours
			l.said[key] = true
			l.find("contrast", "the text %q has a contrast of %.2f:1 in %s (%s on %s): choose a colour with %g:1", sample(text), float64(int(got*100))/100, m, k.color, k.background, want)
		}
	}
}

func textOf(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		b.WriteString(textOf(c))
	}
	return b.String()
}

func contains(n *html.Node, element string) bool {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Data == element && c.Type == html.ElementNode || contains(c, element) {
			return true
		}
	}
	return false
}

// sample is the beginning of a text, for a finding.
func sample(s string) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) > 40 {
		r = append(r[:40:40], '…')
	}
	return string(r)
}
