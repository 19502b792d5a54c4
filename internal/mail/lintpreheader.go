package mail

import (
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/text/width"
)

const (
	minPreheader = 40  // columns: a shorter one is filled up by inboxes with whatever comes next
	maxPreheader = 200 // characters: no inbox shows more
)

// preheader judges what an inbox shows beside the subject: the first text of the mail.
func (l *linter) preheader(body *html.Node, title string) {
	first := firstText(body)
	if first == nil {
		l.find("preheader", "the mail shows no text")
		return
	}
	var box *html.Node // the outermost hidden element around it
	for n := first.Parent; n != nil && n != body; n = n.Parent {
		if hides(l.inline(attribute(n.Attr, "style"))) {
			box = n
		}
	}
	if box == nil {
		l.find("preheader", "the mail begins with %q: put a hidden line with the headline and the state of the data before it, inboxes show it beside the subject", sample(first.Data))
		return
	}
	whole := textOf(box)
	text := strings.Join(strings.FieldsFunc(whole, filler), " ")
	switch {
	case columns(text)+strings.Count(whole, "\u00a0") < minPreheader:
		l.find("preheader", "the preheader %q is short: inboxes fill it up with what comes next, say more or end it with &zwnj;&nbsp; many times", text)
	case len([]rune(text)) > maxPreheader:
		l.find("preheader", "the preheader has %d characters: no inbox shows more than %d", len([]rune(text)), maxPreheader)
	case !strings.ContainsAny(text, "0123456789"):
		l.find("preheader", "the preheader %q has no number: say the headline", text)
	case text == strings.TrimSpace(title) || text == l.message.Subject:
		l.find("preheader", "the preheader repeats the title: inboxes show both")
	}
}

// hides reports whether a style attribute takes an element out of sight in every program.
func hides(list []declaration) bool {
	for _, d := range list {
		if d.property == "display" && d.value == "none" {
			return true
		}
	}
	return false
}

func firstText(n *html.Node) *html.Node {
	if n.Type == html.TextNode && !blank(n.Data) {
		return n
	}
	if n.Type == html.ElementNode && (n.Data == "style" || n.Data == "script") {
		return nil
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if found := firstText(c); found != nil {
			return found
		}
	}
	return nil
}

// filler are spaces and the invisible characters that push other text out of an inbox's line.
func filler(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || r == '\u034f'
}

func blank(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return !filler(r) }) < 0 }

// columns are half the width of a Korean letter: inboxes cut by width.
func columns(s string) (n int) {
	for _, r := range s {
		n++
		if kind := width.LookupRune(r).Kind(); kind == width.EastAsianWide || kind == width.EastAsianFullwidth {
			n++
		}
	}
	return n
}
