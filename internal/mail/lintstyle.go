package mail

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// mode is a way in which a mail is shown.
type mode int

const (
	light   mode = iota
	dark         // @media (prefers-color-scheme: dark)
	outlook      // Outlook's own dark mode, which marks what it recoloured with data-ogsc and data-ogsb
)

func (m mode) String() string { return [...]string{"light", "the dark", "Outlook's dark"}[m] }

// declaration is "property: value" in lower case.
type declaration struct {
	property, value string
	important       bool
}

// rule is one selector of a style block with its declarations.
type rule struct {
	chain        []compound // descendants, the element itself last
	specificity  int
	mode         mode // light: always
	declarations []declaration
}

// compound is what one element must be.
type compound struct {
	element, id string
	classes     []string
}

// styles reads a style block. What it cannot judge is a finding: a gate must not overlook what it cannot read.
func (l *linter) styles(css string) {
	css = uncommented(css)
	for css = strings.TrimSpace(css); css != ""; css = strings.TrimSpace(css) {
		head, rest, ok := strings.Cut(css, "{")
		head = strings.ToLower(strings.TrimSpace(head))
		if at, after, found := strings.Cut(css, ";"); found && strings.HasPrefix(css, "@") && (!ok || len(at) < len(head)) {
			l.find("active", "the style block has %q: nothing is fetched for a mail", strings.TrimSpace(at))
			css = after
			continue
		}
		if !ok {
			l.find("style", "the style block ends with %q: close it", strings.TrimSpace(css))
			return
		}
		var body string
		body, css = block(rest)
		switch {
		case strings.HasPrefix(head, "@font-face"):
			l.find("active", "the style block has @font-face: nothing is fetched for a mail, name fonts that machines have")
		case strings.HasPrefix(head, "@media"):
			l.media(head, body)
		case strings.HasPrefix(head, "@"):
			l.find("style", "the style block has %s: mail programs know @media only", head)
		default:
			l.rules(head, body, light, true)
		}
	}
}

func (l *linter) media(head, body string) {
	m, counts := light, false
	switch condition := strings.TrimSpace(strings.TrimPrefix(head, "@media")); {
	case strings.Contains(condition, "prefers-color-scheme") && strings.Contains(condition, "dark"):
		m, counts = dark, true
	case !strings.Contains(condition, "width"):
		l.find("style", "the style block has %s: use max-width or prefers-color-scheme: dark", head)
	}
	for body = strings.TrimSpace(body); body != ""; body = strings.TrimSpace(body) {
		selectors, rest, ok := strings.Cut(body, "{")
		if !ok {
			l.find("style", "%s ends with %q: close it", head, body)
			return
		}
		var inner string
		inner, body = block(rest)
		l.rules(strings.ToLower(strings.TrimSpace(selectors)), inner, m, counts)
	}
}

// rules adds one rule for each selector; those of a narrow screen count for layout only.
func (l *linter) rules(selectors, body string, m mode, counts bool) {
	list := declarations(body)
	l.layout("the style of "+selectors, list)
	for selector := range strings.SplitSeq(selectors, ",") {
		r := rule{mode: m, declarations: list}
		readable := true
		for _, word := range strings.Fields(selector) {
			if word == "[data-ogsc]" || word == "[data-ogsb]" {
				r.mode, r.specificity = outlook, r.specificity+10
				continue
			}
			c, specificity, ok := parseCompound(word)
			r.chain, r.specificity, readable = append(r.chain, c), r.specificity+specificity, readable && ok
		}
		if !readable || len(r.chain) == 0 {
			l.find("style", "the selector %q cannot be judged: use elements, classes and descendants", strings.TrimSpace(selector))
			continue
		}
		if counts {
			l.sheet = append(l.sheet, r)
		}
	}
}

// parseCompound reads element.class#id; :root is the html element.
func parseCompound(word string) (c compound, specificity int, ok bool) {
	if word == ":root" {
		return compound{element: "html"}, 10, true
	}
	if strings.ContainsAny(word, "[]>+~:()") {
		return c, 0, false
	}
	at := strings.IndexAny(word, ".#")
	if at < 0 {
		at = len(word)
	}
	c.element = strings.TrimPrefix(word[:at], "*")
	if c.element != "" {
		specificity++
	}
	for word = word[at:]; word != ""; {
		end := strings.IndexAny(word[1:], ".#") + 1
		if end == 0 {
			end = len(word)
		}
		if word[0] == '#' {
			c.id, specificity = word[1:end], specificity+100
		} else {
			c.classes, specificity = append(c.classes, word[1:end]), specificity+10
		}
		word = word[end:]
	}
	return c, specificity, true
}

// block is what stands before the brace that closes, and the rest.
func block(s string) (body, rest string) {
	depth := 1
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return s[:i], s[i+1:]
			}
		}
	}
	return s, ""
}

func uncommented(css string) string {
	for {
		before, rest, found := strings.Cut(css, "/*")
		if !found {
			return css
		}
		_, after, _ := strings.Cut(rest, "*/")
		css = before + " " + after
	}
}

// declarations reads "a: b; c: d !important"; semicolons in quotes and brackets are part of a value.
func declarations(s string) []declaration {
	var list []declaration
	var quote byte
	depth, start := 0, 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) {
			switch c := s[i]; {
			case quote != 0:
				if c == quote {
					quote = 0
				}
				continue
			case c == '"' || c == '\'':
				quote = c
				continue
			case c == '(':
				depth++
			case c == ')':
				depth--
			}
			if s[i] != ';' || depth > 0 {
				continue
			}
		}
		property, value, ok := strings.Cut(s[start:i], ":")
		start = i + 1
		if !ok {
			continue
		}
		d := declaration{property: strings.ToLower(strings.TrimSpace(property)), value: strings.ToLower(strings.TrimSpace(value))}
		if v, found := strings.CutSuffix(d.value, "!important"); found {
			d.value, d.important = strings.TrimSpace(v), true
		}
		list = append(list, d)
	}
	return list
}

// layout finds what mail programs, above all Outlook and Gmail, do not draw.
func (l *linter) layout(where string, list []declaration) {
	for _, d := range list {
		switch {
		case d.property == "position" && d.value != "static",
			d.property == "display" && (strings.Contains(d.value, "flex") || strings.Contains(d.value, "grid")),
			strings.HasPrefix(d.property, "grid"), strings.HasPrefix(d.property, "flex"):
			l.find("layout", "%s has %s: %s, which mail programs do not draw: use tables", where, d.property, d.value)
		case strings.HasPrefix(d.property, "background-image") && d.value != "none",
			strings.HasPrefix(d.property, "background") && (strings.Contains(d.value, "url(") || strings.Contains(d.value, "gradient(")):
			l.find("layout", "%s has %s: %s, which Outlook does not draw: use a plain colour", where, d.property, d.value)
		case d.property == "width" || d.property == "min-width":
			if px, ok := pixels(d.value); ok && px > maxWidth {
				l.find("width", "%s has %s: %s, wider than %d px: make it narrower or use per cent", where, d.property, d.value, maxWidth)
			}
		}
	}
}

// inline are the declarations of a style attribute.
func (l *linter) inline(style string) []declaration {
	list, known := l.parsed[style]
	if !known {
		list = declarations(style)
		l.parsed[style] = list
	}
	return list
}

func (c compound) matches(n *html.Node) bool {
	if c.element != "" && c.element != n.Data || c.id != "" && !strings.EqualFold(attribute(n.Attr, "id"), c.id) {
		return false
	}
	if len(c.classes) == 0 {
		return true
	}
	has := strings.Fields(strings.ToLower(attribute(n.Attr, "class")))
	for _, class := range c.classes {
		if !slices.Contains(has, class) {
			return false
		}
	}
	return true
}

func (r rule) matches(n *html.Node) bool {
	last := len(r.chain) - 1
	if !r.chain[last].matches(n) {
		return false
	}
	for n = n.Parent; last > 0; n = n.Parent {
		if n == nil || n.Type != html.ElementNode {
			return false
		}
		if r.chain[last-1].matches(n) {
			last--
		}
	}
	return true
}

// pixels reads a length in px, or a number alone as in attributes.
func pixels(s string) (float64, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(s, "px")), 64)
	return n, err == nil
}
