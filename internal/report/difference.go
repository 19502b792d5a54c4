package report

import (
	"math"
	"slices"
	"strconv"

	"daybook/internal/project"
	"daybook/internal/text"
)

// Difference is one figure that two editions of a day show differently. Before or After is nil where an edition does not have it.
type Difference struct {
	Section, Kind string
	Title         project.Words
	Label         string // the mark, cell or series that changed, empty for a kpi
	Before, After *float64
	Format        string
	Digits        int
	Unit          project.Words
	Headline      bool
}

// Relative is the change as a share of the size of what was there before; infinite where that was nothing.
func (d Difference) Relative() float64 {
	switch {
	case d.Before == nil || d.After == nil:
		return math.Inf(1)
	case *d.Before == 0 && *d.After != 0:
		return math.Inf(1)
	case *d.Before == 0:
		return 0
	}
	return math.Abs((*d.After - *d.Before) / *d.Before)
}

// Name is the figure in words.
func (d Difference) Name(l text.Locale) string {
	title := d.Title.In(string(l))
	if title == "" {
		title = d.Section
	}
	return joinDot(title, d.Label)
}

// Number writes one of the two values.
func (d Difference) Number(v *float64, l text.Locale) string {
	return Number(v, d.Format, d.Digits, d.Unit.In(string(l)), l)
}

// Diff compares two editions of one report's day figure by figure: headlines first, then kpis, then everything else in the
// order of the page. Words and layout do not count.
func Diff(before, after Figures) []Difference {
	was := map[string]Section{}
	for _, s := range before.Sections {
		was[s.Name] = s
	}
	heads := headlines(after)
	var list []Difference
	for _, s := range after.Sections {
		list = append(list, differences(s, distinct(figures(was[s.Name])), distinct(figures(s)), heads[s.Name])...)
		delete(was, s.Name)
	}
	for _, s := range before.Sections {
		if _, gone := was[s.Name]; gone {
			list = append(list, differences(s, distinct(figures(s)), nil, false)...)
		}
	}
	rank := func(d Difference) int {
		switch {
		case d.Headline:
			return 0
		case d.Kind == KindKPI:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(list, func(a, b Difference) int { return rank(a) - rank(b) })
	return list
}

// differences pairs the figures of a section by label: those of now in their order, then those that are gone.
func differences(s Section, before, after []figure, headline bool) []Difference {
	was, still := map[string]*float64{}, map[string]bool{}
	for _, f := range before {
		was[f.label] = f.value
	}
	var list []Difference
	add := func(f figure, before, after *float64) {
		if !same(before, after) {
			list = append(list, Difference{Section: s.Name, Kind: s.Kind, Title: s.Title, Label: f.label, Before: before, After: after,
				Format: s.Format, Digits: s.Digits, Unit: s.Unit, Headline: headline})
			if f.column != nil {
				d := &list[len(list)-1]
				d.Format, d.Digits, d.Unit = f.column.Format, f.column.Digits, nil
			}
		}
	}
	for _, f := range after {
		still[f.label] = true
		add(f, was[f.label], f.value)
	}
	for _, f := range before {
		if !still[f.label] {
			add(f, f.value, nil)
		}
	}
	return list
}

// distinct numbers the labels that a section has twice, so that each figure is compared with its like.
func distinct(list []figure) []figure {
	seen := map[string]int{}
	for i, f := range list {
		if seen[f.label]++; seen[f.label] > 1 {
			list[i].label += " (" + strconv.Itoa(seen[f.label]) + ")"
		}
	}
	return list
}

// headlines names the kpis that the mail leads with: those marked, else the first.
func headlines(f Figures) map[string]bool {
	marked, first := map[string]bool{}, ""
	for _, s := range f.Sections {
		switch {
		case s.KPI == nil:
		case s.Headline:
			marked[s.Name] = true
		case first == "":
			first = s.Name
		}
	}
	if len(marked) == 0 && first != "" {
		marked[first] = true
	}
	return marked
}

func same(a, b *float64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// figure is one number of a section under a label that no other of the section has.
type figure struct {
	label  string
	value  *float64
	column *Column // of a table: how it is written; nil as the section says
}

// figures lists the numbers of a section that belong to the day itself: histories and compared days are other editions' business.
func figures(s Section) []figure {
	switch {
	case s.KPI != nil:
		return []figure{{value: s.KPI.Value}}
	case s.Lines != nil:
		return lineFigures(*s.Lines)
	case s.Marks != nil:
		var out []figure
		for _, m := range s.Marks.Rows {
			out = append(out, figure{label: m.Label.String(), value: m.Value})
		}
		return out
	case s.Grid != nil:
		var out []figure
		for y, line := range s.Grid.Values {
			for x, v := range line {
				out = append(out, figure{label: s.Grid.Y.Cells[y].String() + " · " + s.Grid.X.Cells[x].String(), value: v})
			}
		}
		return out
	case s.Table != nil:
		return tableFigures(*s.Table)
	}
	return nil
}

func lineFigures(l Lines) []figure {
	var out []figure
	for _, series := range l.Series {
		if !series.Before.IsZero() {
			continue
		}
		for i, v := range series.Values {
			label := l.X.Cells[i].String()
			if len(l.Series) > 1 && series.Name != "" {
				label = series.Name + " · " + label
			}
			out = append(out, figure{label: label, value: v})
		}
	}
	return out
}

// tableFigures names a number by the text cells of its row and its column; rows without text go by their place.
func tableFigures(t Table) []figure {
	var out []figure
	for i, row := range t.Rows {
		name := ""
		for j, c := range row {
			if !t.Columns[j].Measured() {
				name = joinDot(name, c.String())
			}
		}
		if name == "" && len(t.Rows) > 1 {
			name = Cell{Value: int64(i + 1)}.String()
		}
		for j, c := range row {
			if t.Columns[j].Measured() {
				out = append(out, figure{label: joinDot(name, t.Columns[j].Name), value: c.float(), column: &t.Columns[j]})
			}
		}
	}
	return out
}

func joinDot(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " · " + b
}
