package templates

import "daybook/internal/text"

type locale = text.Locale

func (p Page) documentTitle() string {
	title := p.Title
	for _, part := range []string{p.Project, "Daybook"} {
		switch {
		case part == "":
		case title == "":
			title = part
		default:
			return title + " · " + part
		}
	}
	return title
}

// navigation is the main parts, by the name that Page.Section uses.
func navigation() []Link {
	return []Link{{"reports", "/"}, {"runs", "/runs"}, {"data", "/data"}, {"outbox", "/outbox"}}
}

// locales are the languages under their own names.
func locales() []Link {
	return []Link{{"한국어", string(text.Korean)}, {"English", string(text.English)}}
}

func (n Notice) glyph() string {
	switch {
	case n.Kind != NoState:
		return n.Kind.class()
	case n.Bad:
		return Failed.class()
	}
	return Partial.class()
}
