package handlers

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"daybook/internal/project"
	"daybook/internal/store"
	"daybook/templates"
)

// groupNames are the groups of the project, in order.
func groupNames(p *project.Project) []string { return slices.Sorted(maps.Keys(p.Groups)) }

// keptByFile reports whether daybook.yaml says who is in a group.
func keptByFile(p *project.Project, group string) bool { return len(p.Groups[group]) > 0 }

// keptHere reports whether the pages say who is in a group.
func keptHere(p *project.Project, group string) bool {
	_, ok := p.Groups[group]
	return ok && !keptByFile(p, group)
}

// listedInFile reports whether daybook.yaml names a person.
func listedInFile(p *project.Project, address string) bool {
	for _, members := range p.Groups {
		if slices.ContainsFunc(members, func(m project.Member) bool { return strings.EqualFold(m.Address, address) }) {
			return true
		}
	}
	return false
}

func groupPath(group string) string { return "/people?" + url.Values{"group": {group}}.Encode() }

func groupFilter(p templates.Page, pr *project.Project, chosen string) []templates.Option {
	out := []templates.Option{{Label: p.T("people.anygroup")}}
	for _, g := range groupNames(pr) {
		out = append(out, templates.Option{Label: g, Value: g, Selected: g == chosen})
	}
	return out
}

// rollCSV is a table beside the one of people, as a file.
func rollCSV(table string) []templates.Download {
	return []templates.Download{{Label: "CSV", Href: "/people?format=csv&table=" + table}}
}

// groupTable is every group: how many are in it, who says so, and which reports it gets.
func (r roll) groupTable(p templates.Page) templates.Table {
	t := templates.Table{ID: "groups", Caption: p.T("people.groups.title"), Empty: p.T("people.groups.none"), Still: true, Downloads: rollCSV("groups"), Columns: []templates.Column{
		{Label: p.T("people.group")}, {Label: p.T("people.members"), Number: true}, {Label: p.T("people.keeper")}, {Label: p.T("people.reports")}}}
	for _, g := range groupNames(r.project) {
		var titles []string
		for _, report := range reportsTo(r.project, []string{g}) {
			titles = append(titles, reportTitle(report, p.Locale))
		}
		keeper := p.T("people.kept.pages")
		if keptByFile(r.project, g) {
			keeper = p.T("people.kept.file")
		}
		t.Rows = append(t.Rows, templates.Row{Cells: []templates.TableCell{{Head: true, Text: g, Href: groupPath(g)}, {Text: p.Locale.Count(r.members(g))}, {Text: keeper, Quiet: true}, {Text: strings.Join(titles, ", ")}}})
	}
	return t
}

func (r roll) members(groups ...string) int64 {
	var n int64
	for _, p := range r.people {
		if len(shared(p.Groups, groups)) > 0 {
			n++
		}
	}
	return n
}

// reportTable is every report with the groups that get it.
func (r roll) reportTable(p templates.Page) templates.Table {
	t := templates.Table{ID: "reports", Caption: p.T("people.reports.title"), Still: true, Downloads: rollCSV("reports"), Columns: []templates.Column{
		{Label: p.T("person.report")}, {Label: p.T("people.reports.to")}, {Label: p.T("people.reports.people"), Number: true}}}
	for _, report := range r.project.Reports {
		name := templates.TableCell{Head: true, Text: reportTitle(report, p.Locale), Href: "/reports/" + url.PathEscape(report.Name)}
		if report.Required {
			name.Label = &templates.Label{Text: p.T("people.reports.required")}
		}
		var mailed int64
		for _, person := range r.people {
			if len(shared(report.To, person.Groups)) > 0 && r.gets(report, person) {
				mailed++
			}
		}
		t.Rows = append(t.Rows, templates.Row{Cells: []templates.TableCell{name, {Text: strings.Join(report.To, ", ")}, {Text: p.Locale.Count(mailed)}}})
	}
	return t
}

// gets reports whether a person of a report's groups is mailed anything of it.
func (r roll) gets(report project.Report, p store.Person) bool {
	_, suppressed := r.suppressed[p.Address]
	return !p.Disabled && !suppressed && r.project.Mail.Allows(p.Address) && r.cadence[report.Name][p.ID] != store.CadenceOff
}
