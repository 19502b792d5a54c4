package report

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
)

// dayColumn is the column that every table and mart has.
const dayColumn = "day"

// Use is what a section reads of a mart.
type Use struct {
	Section string
	Line    int // of the section in the report's file
	Mart    string
	Columns []string
}

// Columns lists what the sections of a report read of marts, in their order; sections with their own query are not in it.
func Columns(r project.Report) []Use {
	var uses []Use
	for _, s := range r.Sections {
		if s.Mart != "" && s.Kind != KindText {
			columns := sectionColumns(s)
			if !slices.Contains(columns, dayColumn) {
				columns = append([]string{dayColumn}, columns...)
			}
			uses = append(uses, Use{Section: s.Name, Line: s.Line, Mart: s.Mart, Columns: columns})
		}
	}
	return uses
}

// Days lists the days whose rows a section reads for a day, in order: those of its history, of its comparisons, and of what
// is usual for the weekday.
func Days(s project.Section, day calendar.Day) []calendar.Day {
	if s.Kind == KindText {
		return nil
	}
	days := calendar.Range(day.Add(1-max(s.Days, 1)), day)
	for _, c := range comparisons(s, day) {
		days = append(days, shifted(s, day, c)...)
	}
	if s.Kind == KindKPI {
		for week := 1; week <= usualDays; week++ {
			days = append(days, day.Add(-7*week))
		}
	}
	slices.SortFunc(days, calendar.Day.Compare)
	return slices.Compact(days)
}

// shifted is the window of the section as it was at the compared day; a kpi compares single days.
func shifted(s project.Section, day calendar.Day, c Comparison) []calendar.Day {
	if s.Kind == KindKPI {
		return []calendar.Day{c.Day}
	}
	return calendar.Range(c.Day.Add(1-max(s.Days, 1)), c.Day)
}

// comparisons are the earlier days that the section compares with. Bars always have last week's; other kinds than kpi, line,
// area and bar have none, and lines only where there is one of them.
func comparisons(s project.Section, day calendar.Day) []Comparison {
	with := s.Compare
	switch {
	case s.Kind == KindBar && len(with) == 0:
		with = []string{WithWeek}
	case s.Kind == KindLine || s.Kind == KindArea:
		if s.Series != "" || len(s.Values) > 1 {
			return nil
		}
	case s.Kind != KindKPI && s.Kind != KindBar:
		return nil
	}
	var list []Comparison
	for _, w := range with {
		back := 1
		if w == WithWeek {
			back = 7
		}
		list = append(list, Comparison{With: w, Day: day.Add(-back)})
	}
	return list
}

// measures are the value columns of a section.
func measures(s project.Section) []string {
	if len(s.Values) > 0 && (s.Kind == KindLine || s.Kind == KindArea) {
		return s.Values
	}
	return []string{s.Value}
}

// sectionColumns lists the columns that the section needs, each once, the most significant for its order first.
func sectionColumns(s project.Section) []string {
	var names []string
	switch s.Kind {
	case KindLine, KindArea:
		names = append([]string{s.X, s.Series}, measures(s)...)
	case KindHeatmap:
		names = []string{s.Y, s.X, s.Value}
	case KindBar, KindPie, KindFunnel:
		names = []string{s.Label, s.Value}
	case KindKPI:
		names = []string{dayColumn, s.Value}
	}
	if s.Kind == KindTable || s.Kind == KindBar {
		for _, c := range s.Columns {
			names = append(names, c.Name)
		}
	}
	names = append(names, strings.TrimPrefix(s.Order, "-"))
	if s.Days > 1 {
		names = append(names, dayColumn)
	}
	var out []string
	for _, n := range names {
		if n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// key is one column of an order.
type key struct {
	column     string
	descending bool
}

// order is the section's total order as far as columns are named: order: first, then value and name. What is left of ties is
// settled by all other columns.
func order(s project.Section) []key {
	var keys []key
	if s.Order != "" {
		name, descending := strings.CutPrefix(s.Order, "-")
		keys = append(keys, key{name, descending})
	} else if s.Kind == KindBar || s.Kind == KindPie || s.Kind == KindFunnel {
		keys = append(keys, key{s.Value, true})
	}
	for _, c := range sectionColumns(s) {
		if !slices.ContainsFunc(keys, func(k key) bool { return k.column == c }) {
			keys = append(keys, key{c, false})
		}
	}
	return keys
}

// quote makes a name safe to stand in SQL, reserved words too.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// statement is the SELECT for the days from..to of a mart; only $day, which is to, is left open in it.
func statement(s project.Section, from, to calendar.Day) string {
	var columns, keys []string
	for _, c := range sectionColumns(s) {
		columns = append(columns, quote(c))
	}
	if s.Kind == KindTable && len(s.Columns) == 0 {
		columns = []string{"*"}
	}
	by := order(s)
	if len(by) == 0 {
		by = []key{{column: dayColumn}}
	}
	for _, k := range by {
		if k.descending {
			keys = append(keys, quote(k.column)+" DESC")
		} else {
			keys = append(keys, quote(k.column))
		}
	}
	where := quote(dayColumn) + " = $day"
	if from != to {
		where = fmt.Sprintf("%s >= DATE '%s' AND %s <= $day", quote(dayColumn), from, quote(dayColumn))
	}
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s", strings.Join(columns, ", "), quote(s.Mart), where, strings.Join(keys, ", "))
}

// rows are normalised query results.
type rows struct {
	columns []string
	cells   [][]Cell
}

func (r rows) column(name string) int { return slices.Index(r.columns, name) }

// reader reads sections of one report.
type reader struct {
	report project.Report
	query  Query
}

// wrong is a fault of the report's file at the section.
func (r reader) wrong(s project.Section, hint, format string, args ...any) error {
	return fault.At(r.report.File, s.Line, 0, fmt.Sprintf("section %s: ", s.Name)+fmt.Sprintf(format, args...), hint)
}

// read gives the rows of the days (in order, without duplicates), sorted by the section's order. A section's own query is asked
// once for each day; where there are several, its rows are given a day column when it has none.
func (r reader) read(ctx context.Context, s project.Section, days []calendar.Day) (rows, error) {
	var all rows
	first, last := days[0], days[len(days)-1]
	if s.Query == "" {
		if err := r.add(ctx, &all, s, statement(s, first, last), last, false); err != nil {
			return rows{}, err
		}
	} else {
		for _, day := range days {
			if err := r.add(ctx, &all, s, s.Query, day, first != last); err != nil {
				return rows{}, err
			}
		}
	}
	if at := all.column(dayColumn); at >= 0 && first != last {
		all.cells = slices.DeleteFunc(all.cells, func(row []Cell) bool {
			d, ok := row[at].Value.(calendar.Day)
			return ok && !slices.Contains(days, d)
		})
	}
	sortRows(all, order(s))
	return all, nil
}

func (r reader) add(ctx context.Context, all *rows, s project.Section, sql string, day calendar.Day, stamp bool) error {
	columns, values, err := r.query(ctx, sql, day)
	if err != nil {
		return fmt.Errorf("read %s of report %s for %s: %w", s.Name, r.report.Name, day, err)
	}
	stamped := stamp && !slices.Contains(columns, dayColumn)
	if stamped {
		columns = append(slices.Clone(columns), dayColumn)
	}
	if len(all.cells) == 0 {
		all.columns = columns
	}
	for _, v := range values {
		row := make([]Cell, 0, len(columns))
		for _, value := range v {
			c, err := cellOf(value)
			if err != nil {
				return fmt.Errorf("read %s of report %s for %s: %w", s.Name, r.report.Name, day, err)
			}
			row = append(row, c)
		}
		if stamped {
			row = append(row, Cell{day})
		}
		all.cells = append(all.cells, row)
	}
	return nil
}

// sortRows orders by the keys, and then by all columns from left to right, so that no order is left to chance.
func sortRows(r rows, keys []key) {
	type at struct {
		index      int
		descending bool
	}
	var places []at
	for _, k := range keys {
		if i := r.column(k.column); i >= 0 {
			places = append(places, at{i, k.descending})
		}
	}
	for i := range r.columns {
		places = append(places, at{i, false})
	}
	slices.SortStableFunc(r.cells, func(a, b []Cell) int {
		for _, p := range places {
			c := a[p.index].compare(b[p.index])
			// An absent value stays at the end whichever way the column is ordered.
			if p.descending && a[p.index].Value != nil && b[p.index].Value != nil {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
}
