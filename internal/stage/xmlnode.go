package stage

import (
	"bytes"
	"encoding/xml"
	"strings"

	"daybook/internal/project"
)

// xmlNode is an element with what is in it.
type xmlNode struct {
	name     string
	attrs    []xml.Attr
	text     []byte
	children []*xmlNode
}

func newXMLNode(t xml.StartElement) *xmlNode {
	n := &xmlNode{name: t.Name.Local}
	for _, a := range t.Attr {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			n.attrs = append(n.attrs, a)
		}
	}
	return n
}

// xmlObject appends a record as a JSON object: each declared column by its whole path, then, under their own names, what is not declared.
func (r *run) xmlObject(out []byte, n *xmlNode) []byte {
	out = append(out, '{')
	known := map[string]bool{}
	for _, c := range r.columns {
		steps := strings.Split(c.from(), ".")
		known[steps[0]] = true
		found := n.find(steps)
		if len(found) == 0 {
			continue
		}
		out = append(appendText(member(out), c.from()), ':')
		many := len(found) > 1 || strings.HasSuffix(string(c.Type), "[]")
		whole := !project.Type(strings.TrimSuffix(string(c.Type), "[]")).Scalar()
		out = joined(out, found, many, whole)
	}
	return append(n.rest(out, known), '}')
}

// element remembers the elements and attributes of a record.
func (s *shape) element(n *xmlNode) {
	for _, a := range n.attrs {
		s.add("@"+a.Name.Local, "attribute")
	}
	for _, c := range n.children {
		s.add(c.name, "element")
	}
}

// rest appends the members of an element's object that are not known.
func (n *xmlNode) rest(out []byte, known map[string]bool) []byte {
	for _, a := range n.attrs {
		if key := "@" + a.Name.Local; !known[key] {
			out = appendText(append(appendText(member(out), key), ':'), a.Value)
		}
	}
	names, groups := n.groups()
	for _, name := range names {
		if !known[name] {
			out = joined(append(appendText(member(out), name), ':'), groups[name], len(groups[name]) > 1, true)
		}
	}
	return out
}

// groups are an element's elements by name, in the order of the first of each.
func (n *xmlNode) groups() (names []string, groups map[string][]*xmlNode) {
	groups = map[string][]*xmlNode{}
	for _, c := range n.children {
		if groups[c.name] == nil {
			names = append(names, c.name)
		}
		groups[c.name] = append(groups[c.name], c)
	}
	return names, groups
}

// member appends what stands before a member.
func member(out []byte) []byte {
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	return out
}

// find gives the elements at a path, and for @name an attribute as such an element.
func (n *xmlNode) find(steps []string) []*xmlNode {
	at := []*xmlNode{n}
	for _, step := range steps {
		var next []*xmlNode
		for _, node := range at {
			attribute, ok := strings.CutPrefix(step, "@")
			if !ok {
				for _, c := range node.children {
					if c.name == step {
						next = append(next, c)
					}
				}
				continue
			}
			for _, a := range node.attrs {
				if a.Name.Local == attribute {
					next = append(next, &xmlNode{name: step, text: []byte(a.Value)})
				}
			}
		}
		at = next
	}
	return at
}

// joined appends elements as an array, or the only one as it is.
func joined(out []byte, nodes []*xmlNode, many, whole bool) []byte {
	if !many {
		return nodes[0].value(out, whole)
	}
	out = append(out, '[')
	for i, n := range nodes {
		if i > 0 {
			out = append(out, ',')
		}
		out = n.value(out, whole)
	}
	return append(out, ']')
}

// value appends an element's text, or null for an empty one, or an object where it has elements or, as a whole, attributes.
func (n *xmlNode) value(out []byte, whole bool) []byte {
	switch {
	case len(n.children) > 0, whole && len(n.attrs) > 0:
		out = n.rest(append(out, '{'), nil)
		if text := bytes.TrimSpace(n.text); len(text) > 0 {
			out = appendText(append(member(out), `"#text":`...), string(text))
		}
		return append(out, '}')
	case len(bytes.TrimSpace(n.text)) == 0:
		return append(out, "null"...)
	}
	return appendText(out, string(n.text))
}

// appendText appends a JSON string of text in UTF-8.
func appendText(out []byte, s string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c < ' ':
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}
