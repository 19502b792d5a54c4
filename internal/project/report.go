package project

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"daybook/internal/calendar"
)

func (l *loader) report(file, name string, text []byte) {
	d := l.document(file, 0)
	defer l.done(d)
	m := d.parse(text)
	if m == nil {
		return
	}
	r := Report{Name: name, File: file, Line: 1, Owner: m.str("owner", ""), Title: m.words("title"), Subject: m.words("subject")}
	if r.Title == nil {
		d.fail(m.node, "the report has no title", "write title:")
	}
	if sub := m.sub("schedule"); sub != nil {
		s := sub.schedule(l.project.Zone)
		sub.finish()
		r.Schedule = &s
	}
	r.Covers = m.one("covers", "yesterday", "yesterday")
	if n := m.value("deadline"); n != nil {
		r.Deadline = m.str("deadline", "")
		if _, _, err := calendar.ParseClock(r.Deadline); err != nil {
			d.failAs(n, err)
		}
	}
	r.IfLate = m.one("if_late", "hold", "hold", "partial", "notice")
	r.IfEmpty = m.one("if_empty", "send", "send", "say", "skip")
	r.To = m.list("to")
	for _, g := range r.To {
		if _, ok := l.project.Groups[g]; !ok && l.settled {
			d.fail(m.value("to"), fmt.Sprintf("there is no group %s", g), "add it to groups: in "+Filename)
		}
	}
	r.Locales = m.list("locales")
	if len(r.Locales) == 0 {
		r.Locales = []string{l.project.Locale}
	}
	for _, locale := range r.Locales {
		if locale != "ko" && locale != "en" {
			d.fail(m.value("locales"), fmt.Sprintf("there is no locale %q", locale), "write ko, en")
		}
	}
	r.Required = m.boolean("required", false)
	r.Attach = m.list("attach")
	for _, a := range r.Attach {
		if !slices.Contains(attachable, a) {
			d.fail(m.value("attach"), fmt.Sprintf("a mail cannot carry %q", a), "write "+strings.Join(attachable, ", "))
		}
	}
	r.Moved = m.share("correction", defaultMoved)
	m.each("sections", func(e *mapping) {
		s := section(e, len(r.Sections)+1)
		if slices.ContainsFunc(r.Sections, func(o Section) bool { return o.Name == s.Name }) {
			d.fail(e.node, fmt.Sprintf("two sections are named %s", s.Name), "give each a name: of its own")
		}
		r.Sections = append(r.Sections, s)
	})
	if len(r.Sections) == 0 {
		d.fail(m.node, "the report has no sections", "write sections: with at least one entry")
	}
	r.Alerts = m.thresholds(r.Sections)
	if r.Deadline == "" && (r.IfLate != "hold") {
		d.fail(m.value("if_late"), "if_late without a deadline", `write deadline: "09:00", or leave if_late out`)
	}
	m.finish()
	l.project.Reports = append(l.project.Reports, r)
}

var attachable = []string{"html", "pdf", "xlsx", "csv"}

// defaultMoved is the share by which a headline must move before a correction is mailed.
const defaultMoved = 0.01

// share reads a part of a whole, "2.5%" or 0.025.
func (m *mapping) share(key string, fallback float64) float64 {
	n := m.value(key)
	if n == nil {
		return fallback
	}
	s, _ := m.doc.scalar(n, key)
	number, percent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v < math.MaxFloat64) {
		m.doc.fail(n, fmt.Sprintf("%s is %q", key, s), "write a share such as 1% or 0.01")
		return fallback
	}
	return v
}

var thresholdShape = regexp.MustCompile(`^\s*([a-z0-9_]+)\s*([<>])\s*(-?[0-9.]+)(%?)\s*$`)

// thresholds reads alert, one bound or several.
func (m *mapping) thresholds(sections []Section) []Threshold {
	var out []Threshold
	for _, s := range m.list("alert") {
		parts := thresholdShape.FindStringSubmatch(s)
		if parts == nil {
			m.doc.fail(m.value("alert"), fmt.Sprintf("%q is not a bound", s), `write "NAME > 0.3" or "NAME < 1000" with the name of a kpi section`)
			continue
		}
		bound, err := strconv.ParseFloat(parts[3], 64)
		if parts[4] != "" {
			bound /= 100
		}
		known := slices.ContainsFunc(sections, func(o Section) bool { return o.Kind == "kpi" && o.Name == parts[1] })
		if err != nil || !known {
			m.doc.fail(m.value("alert"), fmt.Sprintf("there is no kpi section %s", parts[1]), "name a kpi by its name:, or by its value: where it has none")
			continue
		}
		out = append(out, Threshold{KPI: parts[1], Above: parts[2] == ">", Bound: bound})
	}
	return out
}

var sectionKinds = []string{"kpi", "line", "area", "bar", "pie", "heatmap", "funnel", "table", "text"}

// needed lists the keys that a kind of section cannot do without.
var needed = map[string][]string{
	"kpi": {"value"}, "line": {"x"}, "area": {"x"}, "bar": {"label", "value"}, "pie": {"label", "value"},
	"heatmap": {"x", "y", "value"}, "funnel": {"label", "value"}, "table": {"columns"}, "text": {"text"},
}

// section reads the n-th one.
func section(e *mapping, n int) Section {
	s := Section{Kind: e.one("kind", "", sectionKinds...)}
	s.Line, _ = e.doc.place(e.node)
	if s.Kind == "" && e.value("kind") == nil {
		e.doc.fail(e.node, "a section without a kind", "write kind: "+strings.Join(sectionKinds, ", "))
	}
	s.Title, s.Subtitle, s.Unit = e.words("title"), e.words("subtitle"), e.words("unit")
	s.Tab, s.Group, s.Text = e.words("tab"), e.words("group"), e.words("text")
	s.Mart, s.Query = e.str("mart", ""), e.str("query", "")
	s.Days = int(e.integer("days", 1, 1))
	s.Value, s.Values = e.str("value", ""), e.list("values")
	s.Format = e.one("format", "number", "number", "percent", "decimal", "text")
	s.Digits = e.digits(s.Format)
	s.X, s.Y, s.Series, s.Label = e.str("x", ""), e.str("y", ""), e.str("series", ""), e.str("label", "")
	s.Limit = int(e.integer("limit", 10, 1))
	s.Order = e.str("order", "")
	s.Headline = e.boolean("headline", false)
	s.Compare = e.list("compare")
	for _, c := range s.Compare {
		if c != "day" && c != "week" {
			e.doc.fail(e.value("compare"), fmt.Sprintf("compare cannot be %q", c), "write day (the day before) or week (the same weekday last week)")
		}
	}
	s.Columns = sectionColumns(e)
	s.Name = e.str("name", sectionName(s, n))
	e.requireSection(s)
	e.finish()
	return s
}

// digits after the point: what is written, or what suits the format.
func (m *mapping) digits(format string) int {
	n := m.integer("digits", map[string]int64{"percent": 1, "decimal": 2}[format], 0)
	if n > 9 {
		m.doc.fail(m.value("digits"), fmt.Sprintf("digits is %d", n), "write a whole number from 0 to 9")
		return 0
	}
	return int(n)
}

// sectionName is what a section is called when it does not say: its measure for a kpi, its mart and kind, else its kind and place.
// It is part of the figures, so it must not change with a comment above it.
func sectionName(s Section, n int) string {
	switch {
	case s.Kind == "kpi":
		return s.Value
	case s.Mart != "":
		return s.Mart + "_" + s.Kind
	}
	return fmt.Sprintf("%s_%d", s.Kind, n)
}

func (m *mapping) requireSection(s Section) {
	for _, key := range needed[s.Kind] {
		if m.value(key) == nil {
			m.doc.fail(m.node, fmt.Sprintf("a %s section without %s", s.Kind, key), fmt.Sprintf("write %s:", key))
		}
	}
	if (s.Kind == "line" || s.Kind == "area") && s.Value == "" && len(s.Values) == 0 {
		m.doc.fail(m.node, fmt.Sprintf("a %s section without a value", s.Kind), "write value: or values:")
	}
	if s.Kind == "text" {
		return
	}
	if (s.Mart == "") == (s.Query == "") {
		m.doc.fail(m.node, "a section reads either a mart or its own query", "write mart: NAME or query: SELECT …, one of the two")
	}
}

func sectionColumns(m *mapping) []SectionColumn {
	sub := m.sub("columns")
	if sub == nil {
		return nil
	}
	var out []SectionColumn
	for _, k := range sub.keys {
		c := SectionColumn{Name: keyName(k), Format: "text"}
		e := sub.sub(c.Name)
		if e == nil {
			m.doc.fail(k.Key, fmt.Sprintf("column %s says nothing about itself", c.Name), "write {title: …, format: number}")
			continue
		}
		c.Title = e.words("title")
		c.Format = e.one("format", "text", "number", "percent", "decimal", "text")
		c.Digits = e.digits(c.Format)
		e.finish()
		out = append(out, c)
	}
	return out
}
