package project

import (
	"fmt"
	"net/url"
	"regexp"
)

// collectKeyRE is what a page may show as a key: it goes into a URL as it is.
var collectKeyRE = regexp.MustCompile(`^[A-Za-z0-9_-]{16,128}$`)

// collectSource reads the settings of from: collect.
func (l *loader) collectSource(m *mapping, s *Source) {
	s.Format = "ndjson"
	if s.Holds == "snapshot" {
		m.doc.fail(m.value("holds"), "what is sent to a source belongs to the day of its arrival", "leave holds out")
	}
	c := &s.Collect
	c.Token = m.secret("token")
	c.Origins = m.origins()
	if m.value("token") == nil && m.value("origins") == nil {
		m.doc.fail(m.node, "nobody may send to the source", "write token: env:NAME for programs, or origins: with a key for pages of each")
	}
	c.Body, c.Memory = m.bytes("body", 1e6), m.bytes("memory", 64e6)
	if c.Body < 1 || c.Memory < 2*c.Body {
		m.doc.fail(m.at("memory"), "memory is less than twice a body", fmt.Sprintf("write memory: %dMB or more", 2*c.Body/1e6+1))
	}
}

// origins reads the pages that may send, with the key that each shows.
func (m *mapping) origins() map[string]string {
	sub := m.sub("origins")
	if sub == nil {
		return nil
	}
	list := map[string]string{}
	for _, k := range sub.keys {
		origin := keyName(k)
		key := sub.str(origin, "")
		if u, err := url.Parse(origin); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Scheme+"://"+u.Host != origin {
			m.doc.fail(k.Key, fmt.Sprintf("%q is no origin of a page", origin), "write https://HOST as the browser says it, with the port if there is one and without a path")
		}
		if !collectKeyRE.MatchString(key) {
			m.doc.fail(k.Key, fmt.Sprintf("the key of %s cannot stand in a URL, or is too short", origin), "write 16 to 128 of a-z, A-Z, 0-9, - and _; everybody who opens the page can read it")
		}
		list[origin] = key
	}
	sub.finish()
	return list
}
