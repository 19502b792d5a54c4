package project

import (
	"fmt"
	"net/url"
	"regexp"

	"github.com/goccy/go-yaml/ast"
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
	if c.Limit = m.bytes("limit", 1e9); c.Limit < c.Body {
		m.doc.fail(m.at("limit"), "limit is less than a body", fmt.Sprintf("write limit: %dMB or more", c.Body/1e6+1))
	}
	if m.value("origins") != nil {
		m.strangers()
	}
}

// strangers wants a word on bad and repeated records where everybody can send some: by the defaults one of them would fail the day.
func (m *mapping) strangers() {
	if m.written("max_rejects") == nil {
		m.doc.fail(m.at("origins"), "every visitor of a page can send records that do not fit, and max_rejects is not said", "write max_rejects: with how many of a day are put aside before the day fails")
	}
	if m.written("key") == nil {
		return
	}
	const hint = "write duplicates: reject, or latest(COLUMN)"
	switch n := m.written("duplicates").(type) {
	case nil:
		m.doc.fail(m.written("key"), "every visitor of a page can send a key again with another row, and duplicates is not said", hint)
	case *ast.StringNode:
		if n.Value == "fail" {
			m.doc.fail(n, "every visitor of a page can fail the day with one key that is sent twice", hint)
		}
	}
}

// written is the value of a key that is not the kind's own: looking at it makes it no part of what the source asks for.
func (m *mapping) written(key string) ast.Node {
	before := m.used[key]
	defer func() { m.used[key] = before }()
	return m.value(key)
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
