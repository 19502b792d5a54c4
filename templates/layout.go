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
func (p Page) navigation() []Link {
	list := []Link{{"reports", "/"}, {"runs", "/runs"}, {"data", "/data"}, {"deliveries", "/deliveries"}, {"incidents", "/incidents"}}
	if p.User != nil && p.User.Admin {
		list = append(list, Link{"people", "/people"})
		if p.Outbox {
			list = append(list, Link{"outbox", "/outbox"})
		}
	}
	return list
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
