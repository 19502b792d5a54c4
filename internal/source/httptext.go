package source

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"daybook/internal/fault"
)

// httpTarget is what a call asks for: where, and how people may read it.
type httpTarget struct {
	url     *url.URL
	shown   string // secrets as {secret:NAME}
	headers http.Header
	secret  []string // the headers that carry secrets
	tells   bool     // it may tell a secret, in a header or in the address
}

// target makes the call of a page: at is a number, a cursor, or the whole address of a linked page.
func (h *httpFetch) target(s httpStrand, at string) (httpTarget, error) {
	address := func(show bool) string {
		if h.s.Pages.By == "link" && at != "" {
			if show {
				return h.shownAddress(at)
			}
			return h.reveal(at)
		}
		return h.address(s, at, show)
	}
	u, err := url.Parse(address(false))
	if err != nil { // which would repeat the address
		return httpTarget{}, fault.New(fault.Invalid, "the url of the source is none", "correct url: and query:")
	}
	t := httpTarget{url: u, shown: address(true), headers: http.Header{}}
	for name, value := range h.s.Headers {
		t.headers.Set(name, h.fill(value, s, asIs, asIs, false))
		if strings.Contains(value, "{secret:") {
			t.secret = append(t.secret, http.CanonicalHeaderKey(name))
		}
	}
	return t, h.keepSecrets(&t)
}

// keepSecrets sees to it that another host than the source's own gets no secret, whether a redirect or a link leads there: no header
// that has one or signs in, and no address with one.
func (h *httpFetch) keepSecrets(t *httpTarget) error {
	home, err := url.Parse(h.homeAddress())
	if err == nil && sameHost(home, t.url) {
		t.tells = len(h.secrets) > 0
		return nil
	}
	t.headers = t.headers.Clone()
	for _, name := range append([]string{"Authorization", "Cookie", "Proxy-Authorization"}, t.secret...) {
		t.headers.Del(name)
	}
	t.secret = nil
	if address := t.url.String(); h.mask(address) != address {
		return fault.New(fault.Refused, fmt.Sprintf("the API leads to another host, %s, with a secret in the address", oneLine(h.mask(t.url.Host))), "tell the owner of the API")
	}
	return nil
}

// shown is a strand's address for people.
func (h *httpFetch) shown(s httpStrand, at string) string {
	if h.s.Pages.By == "link" && at != "" {
		return h.shownAddress(at)
	}
	return h.address(s, at, true)
}

// homeAddress is the source's url up to its path, in which nothing is put in.
func (h *httpFetch) homeAddress() string {
	scheme, rest, _ := strings.Cut(h.s.URL, "://")
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return scheme + "://" + rest
}

// address is the url with its query, with the secrets put in or named.
func (h *httpFetch) address(s httpStrand, at string, show bool) string {
	place, query, _ := strings.Cut(h.s.URL, "?")
	out := h.fill(place, s, asIs, escapePath, show)
	var pairs []string
	if query != "" {
		pairs = append(pairs, h.fill(query, s, asIs, url.QueryEscape, show))
	}
	own := maps.Clone(h.s.Query)
	if own == nil {
		own = map[string]string{}
	}
	if h.s.Pages.SizeParameter != "" {
		own[h.s.Pages.SizeParameter] = fmt.Sprint(h.s.Pages.Size)
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		pairs = append(pairs, url.QueryEscape(name)+"="+h.fill(own[name], s, url.QueryEscape, url.QueryEscape, show))
	}
	if at != "" {
		cursor := h.reveal(at)
		if show {
			cursor = h.shownAddress(at)
		}
		pairs = append(pairs, url.QueryEscape(h.s.Pages.Parameter)+"="+url.QueryEscape(cursor))
	}
	if len(pairs) > 0 {
		out += "?" + strings.Join(pairs, "&")
	}
	return out
}

func asIs(s string) string { return s }

// escapePath escapes a value within a path: it stays one element, and none that means another directory.
func escapePath(s string) string {
	if s == "." || s == ".." {
		return strings.ReplaceAll(s, ".", "%2E")
	}
	return url.PathEscape(s)
}

// fill puts day, hour, value and secrets into a text; text itself and what is put in are escaped each in its way.
func (h *httpFetch) fill(text string, s httpStrand, escapeText, escapeValue func(string) string, show bool) string {
	var b strings.Builder
	for {
		at := placeholder.FindStringIndex(text)
		if at == nil {
			b.WriteString(escapeText(text))
			return b.String()
		}
		b.WriteString(escapeText(text[:at[0]]))
		b.WriteString(h.value(text[at[0]:at[1]], s, escapeText, escapeValue, show))
		text = text[at[1]:]
	}
}

func (h *httpFetch) value(p string, s httpStrand, escapeText, escapeValue func(string) string, show bool) string {
	switch p {
	case "{day}", "{yyyy}", "{mm}", "{dd}":
		return escapeValue(replace(p, h.r.Day))
	case "{hour}":
		return escapeValue(s.hour)
	case "{each}":
		return escapeValue(s.each)
	}
	name, ok := strings.CutPrefix(p, "{secret:")
	switch {
	case !ok:
		return escapeText(p)
	case show:
		return p
	}
	return escapeValue(h.secrets[strings.TrimSuffix(name, "}")])
}

// secretMark stands for a secret in what is stored: no address and no cursor has such a character.
func secretMark(name string) string { return "\x00" + name + "\x00" }

// hide replaces every secret in a cursor or, however it is escaped, in an address by its mark.
func (h *httpFetch) hide(text string) string {
	return h.without(text, secretMark, h.s.Pages.By == "link")
}

// reveal is the inverse of hide; in an address, which has no such thing by itself, the secret comes escaped.
func (h *httpFetch) reveal(text string) string {
	for name, value := range h.secrets {
		if h.s.Pages.By == "link" {
			value = url.QueryEscape(value)
		}
		text = strings.ReplaceAll(text, secretMark(name), value)
	}
	return text
}

// shownAddress is what hide gave, for people.
func (h *httpFetch) shownAddress(text string) string {
	for name := range h.secrets {
		text = strings.ReplaceAll(text, secretMark(name), "{secret:"+name+"}")
	}
	return h.mask(text)
}

// mask names the secrets in a text for people instead of telling them.
func (h *httpFetch) mask(text string) string {
	return h.without(text, func(name string) string { return "{secret:" + name + "}" }, true)
}

func (h *httpFetch) without(text string, instead func(name string) string, escaped bool) string {
	var secrets []hidden
	for _, name := range slices.Sorted(maps.Keys(h.secrets)) {
		secrets = append(secrets, hidden{h.secrets[name], instead(name)})
	}
	return hideSecrets(text, secrets, escaped)
}

var relNextRE = regexp.MustCompile(`<([^<>]*)>((?:\s*;\s*[a-zA-Z*]+\s*=\s*(?:"[^"]*"|[^\s",;]+))*)`)
var relRE = regexp.MustCompile(`(?i);\s*rel\s*=\s*(?:"([^"]*)"|([^\s",;]+))`)

// relNext is the address that a Link header gives for the next page, empty without.
func relNext(header http.Header) string {
	for _, line := range header.Values("Link") {
		for _, link := range relNextRE.FindAllStringSubmatch(line, -1) {
			rel := relRE.FindStringSubmatch(link[2])
			if rel != nil && slices.Contains(strings.Fields(strings.ToLower(rel[1]+rel[2])), "next") {
				return link[1]
			}
		}
	}
	return ""
}

// oneLine makes a line of at most 300 bytes of what somebody else has written.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))), " ")
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	return text
}
