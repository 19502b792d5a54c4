package mail

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// look is how an element's text is shown.
type look struct {
	color, background  rgb
	size               float64 // px
	bold, hidden, held bool    // held: some box around it is at most 600 px wide
	recolored          bool    // by a rule for Outlook's dark mode
}

// weighed is a declaration's value and how strong it is.
type weighed struct {
	value  string
	weight int
	mode   mode
}

// look is the cascade for the properties that matter here.
func (l *linter) look(n *html.Node, outer look, m mode) look {
	k := outer
	won := map[string]weighed{}
	set := func(property, value string, weight int, of mode) {
		if now, there := won[property]; !there || weight >= now.weight {
			won[property] = weighed{value, weight, of}
		}
	}
	apply := func(list []declaration, weight int, of mode) {
		for _, d := range list {
			w := weight
			if d.important {
				w += 1 << 20
			}
			switch d.property {
			case "color", "font-size", "font-weight", "display", "visibility", "max-height", "opacity", "width", "max-width":
				set(d.property, d.value, w, of)
			case "background", "background-color":
				set("background", d.value, w, of)
			}
		}
	}
	if c := attribute(n.Attr, "bgcolor"); c != "" {
		set("background", c, 0, light)
	}
	if w := attribute(n.Attr, "width"); w != "" && n.Data != "img" {
		set("width", w, 0, light)
	}
	for _, r := range l.sheet {
		// Outlook darkens a page of its own accord; what the mail has for the dark elsewhere stands in for the surfaces it makes.
		if r.mode == light || r.mode == m || m == outlook && r.mode == dark {
			if r.matches(n) {
				weight := r.specificity
				if r.mode == outlook {
					weight += 1 << 10
				}
				apply(r.declarations, weight, r.mode)
			}
		}
	}
	if style := attribute(n.Attr, "style"); style != "" {
		apply(l.inline(style), 1<<16, light)
	}
	k.defaults(n, m)
	if w, there := won["font-size"]; there {
		k.resize(w.value, outer.size)
	}
	if k.box(n, won); !k.hidden {
		l.paint(&k, won, outer.color)
	}
	return k
}

// defaults are what elements look like by themselves.
func (k *look) defaults(n *html.Node, m mode) {
	switch n.Data {
	case "a":
		if attribute(n.Attr, "href") != "" && m != outlook {
			k.color = rgb{0, 0, 238}
		}
	case "h1", "h2", "h3", "h4", "h5", "h6":
		k.bold, k.size = true, k.size*[]float64{2, 1.5, 1.17, 1, 0.83, 0.67}[n.Data[1]-'1']
	case "b", "strong", "th":
		k.bold = true
	case "small":
		k.size *= 5.0 / 6
	}
}

// paint sets the colours. Those that cannot be read are findings, since contrast would be judged without them.
func (l *linter) paint(k *look, won map[string]weighed, around rgb) {
	unjudged := func(property, value string) {
		l.find("contrast", "contrast cannot be judged with %s: %s: write opaque colours as #rrggbb", property, value)
	}
	if w, there := won["color"]; there {
		if c, ok := parseColor(w.value); ok {
			k.color, k.recolored = c, w.mode == outlook
		} else if w.value == "inherit" {
			k.color = around
		} else {
			unjudged("color", w.value)
		}
	}
	if w, there := won["background"]; there {
		for word := range strings.FieldsSeq(strings.ReplaceAll(w.value, ", ", ",")) {
			if c, ok := parseColor(word); ok {
				k.background = c
			} else if looksLikeColor(word) {
				unjudged("background", word)
			}
		}
	}
	if w, there := won["opacity"]; there && w.value != "1" {
		unjudged("opacity", w.value)
	}
	if w, there := won["font-weight"]; there {
		n, err := strconv.Atoi(w.value)
		k.bold = w.value == "bold" || w.value == "bolder" || err == nil && n >= 700
	}
}

func (k *look) box(n *html.Node, won map[string]weighed) {
	zero, _ := pixels(won["max-height"].value)
	if won["display"].value == "none" || won["visibility"].value == "hidden" || won["max-height"].value != "" && zero == 0 {
		k.hidden = true
	}
	if n.Data != "table" && n.Data != "div" {
		return
	}
	for _, property := range []string{"width", "max-width"} {
		if px, ok := pixels(won[property].value); ok && px <= maxWidth {
			k.held = true
		}
	}
}

// resize sets the font size; em and % are of the size around the element.
func (k *look) resize(value string, around float64) {
	for _, u := range []struct {
		suffix string
		factor float64
	}{{"px", 1}, {"pt", 4.0 / 3}, {"rem", 16}, {"em", around}, {"%", around / 100}} {
		if digits, ok := strings.CutSuffix(value, u.suffix); ok {
			if n, err := strconv.ParseFloat(digits, 64); err == nil {
				k.size = n * u.factor
			}
			return
		}
	}
}
