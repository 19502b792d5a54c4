package project

import (
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"daybook/internal/calendar"
)

// httpSource reads the settings of from: http.
func (l *loader) httpSource(m *mapping, s *Source) {
	h := HTTP{URL: m.str("url", ""), Query: m.texts("query"), Headers: m.texts("headers"), Secrets: m.secrets("secrets"), Rate: m.rate("rate"),
		Allow: m.list("allow"), Hosts: m.list("hosts"), Timeout: m.duration("timeout", 5*time.Minute), Body: m.bytes("body", 1e9), Unpacked: m.bytes("unpacked", 0)}
	if h.URL == "" {
		m.doc.fail(m.at("url"), "a source from http has no url", `write url: "https://api.example.com/events?date={day}"`)
	}
	s.Format = l.httpFormat(m, h.URL)
	h.Pages, h.Quota, h.ForEach, h.OK = m.pages(), l.quota(m, h.URL), m.forEach(), m.ok()
	for _, code := range m.list("missing") {
		n, err := strconv.Atoi(code)
		if err != nil || n < 400 || n > 599 {
			m.doc.fail(m.value("missing"), "missing names "+code+", which is no status of an error", "write statuses such as 404 and 410")
		}
		h.Missing = append(h.Missing, n)
	}
	m.httpPlain(h)
	s.HTTP = h
}

// httpFormat is what is written, what the URL's ending says, or json.
func (l *loader) httpFormat(m *mapping, address string) string {
	place, _, _ := strings.Cut(address, "?")
	ext := path.Ext(strings.TrimSuffix(strings.TrimSuffix(place, ".gz"), ".zst"))
	if m.value("format") == nil && !slices.Contains([]string{".ndjson", ".jsonl", ".json", ".csv", ".xml", ".parquet"}, ext) {
		return "json"
	}
	return l.format(m, place)
}

// texts reads a mapping of names to single values.
func (m *mapping) texts(key string) map[string]string {
	sub := m.sub(key)
	if sub == nil {
		return nil
	}
	out := map[string]string{}
	for _, k := range sub.keys {
		out[keyName(k)] = sub.str(keyName(k), "")
	}
	return out
}

// secrets reads a mapping of names to references.
func (m *mapping) secrets(key string) map[string]string {
	sub := m.sub(key)
	if sub == nil {
		return nil
	}
	out := map[string]string{}
	for _, k := range sub.keys {
		if !envName.MatchString(keyName(k)) {
			m.doc.fail(k.Key, keyName(k)+" cannot be the name of a secret", "use letters, digits and _")
		}
		out[keyName(k)] = sub.secret(keyName(k))
	}
	return out
}

func (m *mapping) pages() Pages {
	p := Pages{By: "none", First: 1}
	sub := m.sub("pages")
	if sub == nil {
		return p
	}
	p.By = sub.one("by", "none", "none", "page", "offset", "cursor", "link")
	p.Parameter, p.SizeParameter = sub.str("parameter", ""), sub.str("size_parameter", "")
	p.Size = int(sub.integer("size", 0, 1))
	first := int64(1)
	if p.By == "offset" {
		first = 0
	}
	p.First = int(sub.integer("first", first, 0))
	p.Total, p.Next = sub.str("total", ""), sub.str("next", "")
	switch {
	case p.By != "none" && p.By != "link" && p.Parameter == "":
		m.doc.fail(sub.node, "pages by "+p.By+" name no parameter", "write parameter: with the name of the query's parameter that asks for a page")
	case p.By == "cursor" && p.Next == "":
		m.doc.fail(sub.node, "pages by cursor do not say where the next cursor is", "write next: with the dotted path to it in an answer")
	case (p.SizeParameter == "") != (p.Size == 0):
		m.doc.fail(sub.node, "one of size and size_parameter is missing", "write both, or neither")
	}
	sub.finish()
	return p
}

// quota reads how many calls there are a day; the days are those of the project's zone unless the quota has its own.
func (l *loader) quota(m *mapping, address string) Quota {
	q := Quota{Resets: "00:00", Zone: l.project.Zone}
	if u, err := url.Parse(address); err == nil {
		q.Name = u.Host
	}
	sub := m.sub("quota")
	if sub == nil {
		return q
	}
	q.Calls = sub.integer("calls", 0, 1)
	if sub.value("calls") == nil {
		m.doc.fail(sub.node, "the quota does not say how many calls", "write calls: 1000")
	}
	q.Name, q.Resets, q.Zone = sub.str("name", q.Name), sub.str("resets", q.Resets), sub.zone("timezone", q.Zone)
	if _, _, err := calendar.ParseClock(q.Resets); err != nil {
		m.doc.failAs(sub.at("resets"), err)
	}
	sub.finish()
	return q
}

func (m *mapping) forEach() ForEach {
	sub := m.sub("for_each")
	if sub == nil {
		return ForEach{}
	}
	f := ForEach{Source: sub.str("source", ""), Column: sub.str("column", "")}
	if f.Source == "" || f.Column == "" {
		m.doc.fail(sub.node, "for_each is not whole", "write for_each: {source: NAME, column: COLUMN}")
	}
	sub.finish()
	return f
}

func (m *mapping) ok() OK {
	sub := m.sub("ok")
	if sub == nil {
		return OK{}
	}
	o := OK{Path: sub.str("path", ""), Equals: sub.list("equals"), Message: sub.str("message", ""), Quota: sub.list("quota_codes")}
	if o.Path == "" || len(o.Equals) == 0 {
		m.doc.fail(sub.node, "ok is not whole", `write ok: {path: response.header.resultCode, equals: "0000"}`)
	}
	sub.finish()
	return o
}
