package report

import (
	"context"
	"slices"
	"strings"

	"daybook/internal/calendar"
	"daybook/internal/project"
)

// Build reads the figures of a report for a day. A section that the rows do not fit (a column is missing, two rows stand for one
// mark) is a fault at its place in the report's file; what the query says is returned wrapped.
func Build(ctx context.Context, r project.Report, day calendar.Day, query Query) (Figures, error) {
	f := Figures{Report: r.Name, Title: r.Title, Day: day}
	read := reader{report: r, query: query}
	for _, s := range r.Sections {
		section, err := read.section(ctx, s, day)
		if err != nil {
			return Figures{}, err
		}
		f.Sections = append(f.Sections, section)
	}
	return f, nil
}

func (r reader) section(ctx context.Context, s project.Section, day calendar.Day) (Section, error) {
	out := Section{
		Name: s.Name, Kind: s.Kind, Title: s.Title, Subtitle: s.Subtitle, Unit: s.Unit, Tab: s.Tab, Group: s.Group,
		Text: s.Text, Headline: s.Headline, Limit: s.Limit,
	}
	if s.Kind == KindText {
		return out, nil
	}
	out.Mart, out.Measure = s.Mart, s.Value
	out.Compare = comparisons(s, day)
	var err error
	switch s.Kind {
	case KindKPI:
		err = r.kpi(ctx, s, day, &out)
	case KindLine, KindArea:
		err = r.lines(ctx, s, day, &out)
	case KindBar, KindPie, KindFunnel:
		err = r.marks(ctx, s, day, &out)
	case KindHeatmap:
		err = r.grid(ctx, s, day, &out)
	case KindTable:
		err = r.table(ctx, s, day, &out)
	default:
		err = r.wrong(s, "write kpi, line, area, bar, pie, heatmap, funnel, table or text", "%q is not a kind of section", s.Kind)
	}
	return out, err
}

// window is the days of the section itself.
func window(s project.Section, day calendar.Day) []calendar.Day {
	return calendar.Range(day.Add(1-max(s.Days, 1)), day)
}

// places finds columns by name; one that the rows lack is a fault. Rows without any column (a query that gave nothing) have none to miss.
func (r reader) places(s project.Section, got rows, names ...string) ([]int, error) {
	at := make([]int, len(names))
	for i, name := range names {
		at[i] = got.column(name)
		if at[i] < 0 && len(got.columns) > 0 {
			return nil, r.wrong(s, "the query has "+strings.Join(got.columns, ", "), "there is no column %q", name)
		}
	}
	return at, nil
}

// written settles how a measure is written: as the section says, and where it does not, by whether its values are whole.
func written(format string, digits int, whole bool) (string, int) {
	switch {
	case format == "" && whole, format == FormatNumber:
		return FormatNumber, 0
	case format == "":
		return FormatDecimal, 2
	}
	return format, digits
}

// whole reports whether no cell of the column has a fraction.
func whole(got rows, at ...int) bool {
	return !slices.ContainsFunc(got.cells, func(row []Cell) bool {
		return slices.ContainsFunc(at, func(i int) bool {
			_, fraction := row[i].Value.(float64)
			return fraction
		})
	})
}

// columnsOf settles how the columns of a table are written. Where none are named, all are shown.
func columnsOf(named []project.SectionColumn, got rows) []Column {
	if len(named) == 0 {
		for _, name := range got.columns {
			named = append(named, project.SectionColumn{Name: name})
		}
	}
	columns := make([]Column, len(named))
	for i, c := range named {
		columns[i] = Column{Name: c.Name, Title: c.Title, Format: FormatText}
		at := got.column(c.Name)
		numeric := at >= 0 && slices.ContainsFunc(got.cells, func(row []Cell) bool { return row[at].float() != nil })
		if c.Format != "" || numeric {
			columns[i].Format, columns[i].Digits = written(c.Format, c.Digits, at < 0 || whole(got, at))
		}
	}
	return columns
}

func (r reader) table(ctx context.Context, s project.Section, day calendar.Day, out *Section) error {
	got, err := r.read(ctx, s, window(s, day))
	if err != nil {
		return err
	}
	out.Table = &Table{Columns: columnsOf(s.Columns, got), Count: len(got.cells)}
	names := make([]string, len(out.Table.Columns))
	for i, c := range out.Table.Columns {
		names[i] = c.Name
	}
	at, err := r.places(s, got, names...)
	if err != nil {
		return err
	}
	for _, row := range got.cells[:min(len(got.cells), rowLimit)] {
		cells := make([]Cell, len(at))
		for i, a := range at {
			cells[i] = row[a]
		}
		out.Table.Rows = append(out.Table.Rows, cells)
	}
	return nil
}

func difference(value, before *float64) *float64 {
	if value == nil || before == nil {
		return nil
	}
	d := significant(*value - *before)
	return &d
}

// ratio is nil where it cannot be said: an absent side, or a part of nothing.
func ratio(part, of *float64) *float64 {
	if part == nil || of == nil || *of == 0 {
		return nil
	}
	q := significant(*part / *of)
	return &q
}
