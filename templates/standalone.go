package templates

import (
	"regexp"
	"strings"
)

// face is a font that a sheet declares.
var face = regexp.MustCompile(`@font-face\s*\{[^}]*\}`)

// sheet is the style sheet, unable to end its element; fonts that are not inside it are left out, as nothing may be fetched.
func (s StandaloneView) sheet() string {
	css := face.ReplaceAllStringFunc(s.CSS, func(rule string) string {
		if strings.Contains(rule, "data:") {
			return rule
		}
		return ""
	})
	return strings.ReplaceAll(css, "</", `<\/`)
}

// script is the scripts, unable to end their element.
func (s StandaloneView) script() string {
	return strings.NewReplacer("</script", `<\/script`, "</SCRIPT", `<\/SCRIPT`, "<!--", `<\!--`).Replace(s.JS)
}

// alone is the report without what leads to a server.
func (r ReportView) alone() ReportView {
	r.Days, r.Reports, r.Month, r.Editions, r.Actions, r.Downloads = DayLinks{}, nil, nil, nil, nil, nil
	r.Fresh.Facts, r.Foot.Facts = unlinked(r.Fresh.Facts), unlinked(r.Foot.Facts)
	if r.Banner != nil {
		banner := *r.Banner
		banner.Link = nil
		r.Banner = &banner
	}
	r.KPIs = append([]KPIView(nil), r.KPIs...)
	r.Gate, r.Changes = nil, nil
	for i := range r.KPIs {
		r.KPIs[i].Href = ""
	}
	r.Sections = append([]Section(nil), r.Sections...)
	for i := range r.Sections {
		r.Sections[i] = r.Sections[i].alone()
	}
	return r
}

func (s Section) alone() Section {
	s.Downloads, s.Why = nil, ""
	if s.Table != nil {
		t := s.Table.alone()
		s.Table = &t
	}
	if s.Chart != nil && s.Chart.Table != nil {
		chart, t := *s.Chart, s.Chart.Table.alone()
		chart.Table = &t
		s.Chart = &chart
	}
	s.Ranks = append([]RankView(nil), s.Ranks...)
	for i := range s.Ranks {
		s.Ranks[i].Table, s.Ranks[i].Why = s.Ranks[i].Table.alone(), ""
	}
	return s
}

func (t Table) alone() Table {
	t.Downloads, t.More = nil, nil
	t.Rows = append([]Row(nil), t.Rows...)
	for i, r := range t.Rows {
		t.Rows[i].Cells = append([]TableCell(nil), r.Cells...)
		for j := range t.Rows[i].Cells {
			t.Rows[i].Cells[j].Href, t.Rows[i].Cells[j].Action = "", nil
		}
	}
	return t
}

// unlinked keeps the facts that say something by themselves.
func unlinked(list []Fact) []Fact {
	var out []Fact
	for _, f := range list {
		if f.Href == "" {
			out = append(out, f)
		}
	}
	return out
}
