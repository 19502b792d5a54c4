package handlers

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/templates"
)

// importShown is how many lines a preview shows.
const importShown = 1000

// What becomes of a line of a file of people.
const (
	lineNew     = "new"
	lineChanged = "changed"
	lineSame    = "same"
	lineRefused = "refused"
	lineRemoved = "removed" // no line: somebody whom the file does not name leaves its groups
)

// importLine is what a line would do to a person.
type importLine struct {
	line    int
	what    string // a line constant
	address string
	person  store.Person // as it would be
	details []words
}

// planImport says what a file would do to the people there are; absent takes those whom it does not name out of the groups that it
// names. It writes nothing.
func planImport(pr *project.Project, people []store.Person, f peopleFile, absent bool, now time.Time) []importLine {
	byAddress := map[string]store.Person{}
	for _, p := range people {
		byAddress[p.Address] = p
	}
	var out []importLine
	named, present := map[string]bool{}, map[string]bool{}
	for _, row := range f.rows {
		old, ok := byAddress[row.address]
		line := planRow(pr, f, row, old, ok)
		if line.what == lineNew {
			line.person.Created = now
		}
		present[row.address] = true
		if line.what != lineRefused {
			for _, g := range inProject(pr, row.groups) {
				named[g] = true
			}
		}
		out = append(out, line)
	}
	if !absent {
		return out
	}
	for _, p := range people {
		left := slices.DeleteFunc(slices.Clone(p.Groups), func(g string) bool { return named[g] && keptHere(pr, g) })
		if present[p.Address] || len(left) == len(p.Groups) {
			continue
		}
		line := importLine{what: lineRemoved, address: p.Address, person: p, details: []words{was("people.groups", strings.Join(p.Groups, groupSeparator), strings.Join(left, groupSeparator))}}
		line.person.Groups = left
		out = append(out, line)
	}
	return out
}

// inProject takes names as the project has them: a cell may separate groups by spaces where no group has any.
func inProject(pr *project.Project, groups []string) []string {
	var out []string
	for _, g := range groups {
		fields := strings.Fields(g)
		_, whole := pr.Groups[g]
		if !whole && !slices.ContainsFunc(fields, func(f string) bool { _, ok := pr.Groups[f]; return !ok }) {
			out = append(out, fields...)
			continue
		}
		out = append(out, g)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func was(key, before, after string) words {
	return say("import.was", label(key), orDash(before), orDash(after))
}

func orDash(s string) string {
	if s == "" {
		return text.Dash
	}
	return s
}

func planRow(pr *project.Project, f peopleFile, row listed, old store.Person, exists bool) importLine {
	line := importLine{line: row.line, what: lineRefused, address: row.address}
	groups := inProject(pr, row.groups)
	// What is written as the export writes it is the same, whatever its first character or the separators in it.
	if row.name == asExported(old.Name) {
		f.hasName = false
	}
	if exists && row.cell == asExported(strings.Join(old.Groups, groupSeparator)) {
		f.hasGroups, groups = false, nil
	}
	switch problem := rowProblem(pr, row, groups, old, exists); {
	case row.problem.key != "":
		line.details = []words{row.problem}
		return line
	case problem.key != "":
		line.details = []words{problem}
		return line
	}
	p := old
	if !exists {
		p = store.Person{Address: row.address, Locale: pr.Locale}
	}
	if f.hasName && row.name != "" {
		p.Name = unguarded(row.name)
	}
	if f.hasLocale && row.locale != "" {
		p.Locale = row.locale
	}
	if f.hasGroups {
		p.Groups = slices.DeleteFunc(slices.Clone(old.Groups), func(g string) bool { return keptHere(pr, g) })
		for _, g := range groups {
			if !slices.Contains(p.Groups, g) {
				p.Groups = append(p.Groups, g)
			}
		}
		slices.Sort(p.Groups)
	}
	line.person = p
	for _, field := range [][3]string{{"people.name", old.Name, p.Name}, {"people.locale", old.Locale, p.Locale}, {"people.groups", strings.Join(old.Groups, groupSeparator), strings.Join(p.Groups, groupSeparator)}} {
		switch {
		case !exists && field[2] != "":
			line.details = append(line.details, say("import.is", label(field[0]), field[2]))
		case field[1] != field[2]:
			line.details = append(line.details, was(field[0], field[1], field[2]))
		}
	}
	switch {
	case !exists:
		line.what = lineNew
	case len(line.details) > 0:
		line.what = lineChanged
	default:
		line.what = lineSame
	}
	return line
}

// rowProblem is why a row that reads well is refused all the same.
func rowProblem(pr *project.Project, row listed, groups []string, old store.Person, exists bool) words {
	switch {
	case !exists && !validAddress(row.address):
		return say("import.error.address", shortened(row.address))
	case row.name != asExported(old.Name) && !validName(unguarded(row.name)):
		return say("people.error.name", maxName)
	case !exists && !pr.Mail.Allows(row.address):
		return say("import.error.domain", strings.Join(pr.Mail.Domains, ", "))
	}
	for _, g := range groups {
		if slices.Contains(old.Groups, g) || keptHere(pr, g) {
			continue
		}
		if keptByFile(pr, g) {
			return say("import.error.kept", g)
		}
		return say("import.error.group", shortened(g))
	}
	return words{}
}

// signature changes with whatever a plan would write, and over what.
func signature(plan []importLine) string {
	sum := sha256.New()
	for _, l := range plan {
		p := l.person
		fmt.Fprintf(sum, "%s %d %q %q %q %q %q\n", l.what, l.line, l.address, p.Name, p.Locale, p.Groups, l.details)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// groupSeparator is what the export puts between the groups of a cell.
const groupSeparator = "; "

func asExported(s string) string { return strings.TrimSpace(guarded(s)) }

func (h *Handlers) exportPeople(c echo.Context) error {
	people, err := h.Store.People(c.Request().Context())
	if err != nil {
		return err
	}
	rows := make([][]string, len(people))
	for i, p := range people {
		rows[i] = []string{p.Address, p.Name, p.Locale, strings.Join(p.Groups, groupSeparator)}
	}
	return answerCSV(c, "people.csv", []string{"address", "name", "locale", "groups"}, rows)
}

func (h *Handlers) importPage(c echo.Context) error {
	return h.showImport(c, http.StatusOK, words{}, nil, false)
}

func (h *Handlers) showImport(c echo.Context, code int, problem words, preview *templates.ImportPreview, absent bool) error {
	p := h.page(c, "", "people")
	p.Title, p.Path = p.T("import.title"), "/people/import"
	return h.show(c, code, templates.ImportPage(templates.ImportView{Page: p, Crumbs: []templates.Link{{Label: p.T("people.title"), Href: "/people"}, {Label: p.T("import.title")}},
		Error: problem.in(p.Locale), Preview: preview, Form: []templates.Input{
			{Name: "file", Label: p.T("import.file"), Kind: "file", Required: true, Hint: p.T("import.file.hint")},
			{Name: "absent", Label: p.T("import.absent"), Kind: "checkbox", Value: "1", Checked: absent, Hint: p.T("import.absent.hint")},
		}}))
}

// importPeople shows what an uploaded file would change. The form of that page carries the file, and only it makes the changes, if
// they are still the ones that were shown.
func (h *Handlers) importPeople(c echo.Context) error {
	ctx := c.Request().Context()
	absent, confirmed := c.FormValue("absent") != "", c.FormValue("plan")
	raw, problem, err := uploaded(c)
	if err != nil {
		return err
	}
	var f peopleFile
	if problem.key == "" {
		f, problem = readPeople(raw)
	}
	if problem.key != "" {
		return h.showImport(c, http.StatusBadRequest, problem, nil, absent)
	}
	h.saving.Lock()
	defer h.saving.Unlock()
	people, err := h.Store.People(ctx)
	if err != nil {
		return err
	}
	plan := planImport(h.Project, people, f, absent, h.Now())
	mark := signature(plan)
	if confirmed != mark {
		preview := importPreview(plan, raw, absent, h.page(c, "", "people"))
		if confirmed != "" {
			preview.Warnings = append(preview.Warnings, templates.Notice{Title: who(c).locale.T("import.moved")})
		}
		return h.showImport(c, http.StatusOK, words{}, &preview, absent)
	}
	var list []*store.Person
	count := map[string]int{}
	for i, l := range plan {
		count[l.what]++
		if l.what == lineNew || l.what == lineChanged || l.what == lineRemoved {
			list = append(list, &plan[i].person)
		}
	}
	if len(list) > 0 {
		if err := h.Store.SavePeople(ctx, list); err != nil {
			return err
		}
		detail := fmt.Sprintf("%d new, %d changed, %d left groups, %d refused; plan %s", count[lineNew], count[lineChanged], count[lineRemoved], count[lineRefused], mark[:12])
		if err := h.audit(c, "people imported", "people", detail); err != nil {
			return err
		}
	}
	return see(c, fmt.Sprintf("/people?new=%d&changed=%d", count[lineNew], count[lineChanged]+count[lineRemoved]))
}

// uploaded is the file of a form: chosen there, or carried by a preview.
func uploaded(c echo.Context) ([]byte, words, error) {
	if carried := c.FormValue("carried"); carried != "" {
		raw, err := base64.RawURLEncoding.DecodeString(carried)
		if err != nil {
			return nil, words{}, fault.New(fault.Invalid, "the file that the form carries cannot be read", "choose the file again")
		}
		return raw, words{}, nil
	}
	head, err := c.FormFile("file")
	switch {
	case errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) || err == nil && head.Size == 0:
		return nil, say("import.error.none"), nil
	case err != nil:
		return nil, words{}, fault.Wrap(fault.Invalid, err, "the file cannot be read", "choose it again")
	case head.Size > maxPeopleFile:
		return nil, say("import.error.large"), nil
	}
	file, err := head.Open()
	if err != nil {
		return nil, words{}, fmt.Errorf("open the uploaded file: %w", err)
	}
	defer file.Close()
	raw, err := io.ReadAll(file)
	if err != nil {
		return nil, words{}, fmt.Errorf("read the uploaded file: %w", err)
	}
	return raw, words{}, nil
}

// importPreview shows a plan: what would change first, then what is refused, then what stays.
func importPreview(plan []importLine, raw []byte, absent bool, p templates.Page) templates.ImportPreview {
	l := p.Locale
	count := map[string]int64{}
	for _, line := range plan {
		count[line.what]++
	}
	v := templates.ImportPreview{Lines: templates.Table{ID: "lines", Caption: p.T("import.lines"), Columns: []templates.Column{
		{Label: p.T("import.line")}, {Label: p.T("people.address")}, {Label: p.T("import.what")}, {Label: p.T("import.detail")}}}}
	shown := slices.Clone(plan)
	order := []string{lineRefused, lineRemoved, lineChanged, lineNew, lineSame}
	slices.SortStableFunc(shown, func(a, b importLine) int { return slices.Index(order, a.what) - slices.Index(order, b.what) })
	if len(shown) > importShown {
		shown = shown[:importShown]
		v.Lines.Foot = p.T("import.more", l.Count(importShown))
	}
	for _, line := range shown {
		var details []string
		for _, d := range line.details {
			details = append(details, d.in(l))
		}
		s := lineStatus(line.what, l)
		number := templates.TableCell{Text: strconv.Itoa(line.line), Sort: strconv.Itoa(line.line), Quiet: true}
		if line.line == 0 {
			number.Text = text.Dash
		}
		v.Lines.Rows = append(v.Lines.Rows, templates.Row{Cells: []templates.TableCell{number, {Head: true, Text: line.address}, {Status: &s}, {Text: strings.Join(details, " · ")}}})
	}
	for _, what := range order {
		if count[what] > 0 {
			v.Facts.Facts = append(v.Facts.Facts, templates.Fact{Before: lineStatus(what, l).Word, Strong: l.Count(count[what])})
		}
	}
	changes := count[lineNew] + count[lineChanged] + count[lineRemoved]
	if changes == 0 {
		v.Note = p.T("import.nothing")
		return v
	}
	fields := []templates.Field{{Name: "carried", Value: base64.RawURLEncoding.EncodeToString(raw)}, {Name: "plan", Value: signature(plan)}}
	if absent {
		fields = append(fields, templates.Field{Name: "absent", Value: "1"})
	}
	v.Write = &templates.Action{Label: p.T("import.confirm"), Tone: "primary", URL: "/people/import", Fields: fields,
		Ask: &templates.Question{Title: p.T("import.confirm.title", l.Count(changes)), Text: p.T("import.confirm.text"), Confirm: p.T("import.confirm.submit")}}
	return v
}

func lineStatus(what string, l text.Locale) templates.Status {
	kind := map[string]templates.StateKind{lineNew: templates.UpToDate, lineChanged: templates.Partial, lineSame: templates.Skipped, lineRefused: templates.Failed, lineRemoved: templates.Canceled}[what]
	return templates.Status{Kind: kind, Word: l.T("import." + what)}
}
