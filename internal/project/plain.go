package project

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// secretName is the name of what is secret as a rule, by its last word: API_KEY, serviceKey, apikey, access-token, password. Not monkey.
var secretName = regexp.MustCompile(`(?i:(?:^|[^a-z]|api|auth|access|service|secret|client|consumer|private|bearer)(?:key|token|secret|password|passwd|pwd))$|[a-z0-9](?:Key|Token|Secret|Password)$`)

// signingHeader is a header whose value is a secret whatever else is in it.
var signingHeader = regexp.MustCompile(`(?i)^(?:authorization|proxy-authorization|cookie)$`)

var putIn = regexp.MustCompile(`\{[a-z]+(?::[A-Za-z0-9_]+)?\}`)

// plain reads the names whose values, against what their names say, are no secrets; each is one of those that there are.
func (m *mapping) plain(there ...map[string]string) map[string]bool {
	out := map[string]bool{}
	for _, name := range m.list("plain") {
		if !slices.ContainsFunc(there, func(t map[string]string) bool { _, ok := t[name]; return ok }) {
			m.doc.fail(m.value("plain"), "plain names "+name+", which is not there", "write names as they are where their values are")
		}
		out[name] = true
	}
	return out
}

// httpPlain fails secrets of an API that are written as they are, or sent so that anybody on the way can read them.
func (m *mapping) httpPlain(h HTTP) {
	place, query, _ := strings.Cut(h.URL, "?")
	inURL := map[string]string{}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		inURL[name] = value
	}
	plain := m.plain(h.Headers, h.Query, inURL)
	check := func(key string, texts map[string]string, at func(name string) ast.Node) {
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			value := texts[name]
			signs := key == "headers" && signingHeader.MatchString(name) && !strings.Contains(value, "{secret:")
			named := secretName.MatchString(name) && !putIn.MatchString(value)
			if value != "" && !plain[name] && (signs || named) {
				m.doc.fail(at(name), fmt.Sprintf("%s in %s looks like a secret and is written as it is", name, key),
					fmt.Sprintf("write %q in its place and secrets: {NAME: env:…}; if it is no secret, write plain: [%s]", "{secret:NAME}", name))
			}
		}
	}
	check("headers", h.Headers, func(name string) ast.Node { return m.within("headers", name) })
	check("query", h.Query, func(name string) ast.Node { return m.within("query", name) })
	check("url", inURL, func(string) ast.Node { return m.at("url") })

	if u, err := url.Parse(place); err == nil && u.Scheme == "http" && len(h.Secrets) > 0 && !sheltered(u.Hostname(), h.Allow) {
		m.doc.fail(m.at("url"), "secrets go to "+u.Host+" without TLS", "write https://; if the network on the way is trusted, write allow: with the network of the server")
	}
}

// within is the value of a name in the mapping at a key.
func (m *mapping) within(key, name string) ast.Node {
	switch n := m.value(key).(type) {
	case *ast.MappingValueNode:
		return n.Value
	case *ast.MappingNode:
		for _, k := range n.Values {
			if keyName(k) == name {
				return k.Value
			}
		}
	}
	return m.at(key)
}

// sheltered reports whether what is said to a host stays on this machine or, as far as that can be known before it is looked up, in
// the networks that are allowed.
func sheltered(host string, allow []string) bool {
	if loopback(host) {
		return true
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return len(allow) > 0 // the fetch sees where it leads
	}
	return slices.ContainsFunc(allow, func(network string) bool {
		p, err := netip.ParsePrefix(network)
		return err == nil && p.Contains(a.Unmap()) || network == host
	})
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// execPlain fails secrets of a program that are written as they are.
func (m *mapping) execPlain(env map[string]string) {
	plain := m.plain(env)
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if v := env[name]; v != "" && !secretRE.MatchString(v) && secretName.MatchString(name) && !plain[name] {
			m.doc.fail(m.within("env", name), name+" looks like a secret and is written as it is",
				fmt.Sprintf("write env:%s, file:PATH, aws-secretsmanager:NAME or aws-ssm:NAME; if it is no secret, write plain: [%s]", name, name))
		}
	}
}
