package report

import (
	"context"
	"slices"
	"strings"

	"daybook/internal/calendar"
	"daybook/internal/project"
)

func (r reader) lines(ctx context.Context, s project.Section, day calendar.Day, out *Section) error {
	got, err := r.read(ctx, s, window(s, day))
	if err != nil {
		return err
	}
	names := measures(s)
	at, err := r.places(s, got, append([]string{s.X}, names...)...)
	if err != nil {
		return err
	}
	out.Format, out.Digits = written(s.Format, s.Digits, len(got.cells) == 0 || whole(got, at[1:]...))
	lines := &Lines{Count: len(got.cells)}
	got.cells = got.cells[:min(len(got.cells), pointLimit)]
	earlier := make([]rows, len(out.Compare))
	across := []rows{got}
	for i, c := range out.Compare {
		then, err := r.read(ctx, s, shifted(s, day, c))
		if err != nil {
			return err
		}
		if _, err := r.places(s, then, append([]string{s.X}, names...)...); err != nil {
			return err
		}
		out.Compare[i].Absent = len(then.cells) == 0
		then.cells = then.cells[:min(len(then.cells), pointLimit)]
		moved(then, s.X, day.Sub(c.Day))
		earlier[i] = then
		across = append(across, then)
	}
	lines.X = axisOf(s, s.X, window(s, day), across...)
	if lines.Series, err = r.split(s, got, lines.X); err != nil {
		return err
	}
	for i, then := range earlier {
		if out.Compare[i].Absent {
			continue
		}
		series, err := r.split(s, then, lines.X)
		if err != nil {
			return err
		}
		for _, line := range series {
			line.Before = out.Compare[i].Day
			lines.Series = append(lines.Series, line)
		}
	}
	out.Lines = lines
	return nil
}

// moved puts the days of compared rows where the section's own days are, so that they share an axis.
func moved(got rows, x string, days int) {
	at := got.column(x)
	for _, row := range got.cells {
		if d, ok := row[at].Value.(calendar.Day); ok {
			row[at] = Cell{d.Add(days)}
		}
	}
}

// axisOf lists the positions along a column: every hour and every day of the window whether or not it has rows, all whole
// numbers between the least and the greatest, and otherwise the values in the order of the rows.
func axisOf(s project.Section, column string, days []calendar.Day, across ...rows) Axis {
	axis := Axis{Column: column, Kind: axisText}
	var cells []Cell
	seen := map[string]bool{}
	for _, got := range across {
		at := got.column(column)
		for _, row := range got.cells {
			if c := row[at]; !seen[c.String()] {
				seen[c.String()] = true
				cells = append(cells, c)
			}
		}
	}
	if len(cells) == 0 {
		return axis
	}
	all := func(is func(Cell) bool) bool { return !slices.ContainsFunc(cells, func(c Cell) bool { return !is(c) }) }
	switch {
	case all(func(c Cell) bool { return c.rank() == 1 }):
		axis.Kind = axisDay
		for _, d := range days {
			if column == dayColumn && !seen[d.String()] {
				cells = append(cells, Cell{d})
			}
		}
	case isHour(column) && all(func(c Cell) bool { n, ok := c.Value.(int64); return ok && n >= 0 && n < 24 }):
		axis.Kind, cells = axisHour, span(0, 23)
	case all(func(c Cell) bool { _, ok := c.Value.(int64); return ok }):
		axis.Kind = axisNumber
		low, high := slices.MinFunc(cells, Cell.compare).Value.(int64), slices.MaxFunc(cells, Cell.compare).Value.(int64)
		if high-low < rowLimit && high-low >= 0 {
			cells = span(low, high)
		}
	case all(func(c Cell) bool { return c.rank() == 2 }):
		axis.Kind = axisTime
	}
	if axis.Kind == axisDay || axis.Kind != axisText && s.Order == "" {
		slices.SortFunc(cells, Cell.compare)
	}
	axis.Cells = cells
	return axis
}

func isHour(column string) bool { return column == "hour" || strings.HasSuffix(column, "_hour") }

func span(low, high int64) []Cell {
	cells := make([]Cell, 0, high-low+1)
	for n := low; n <= high; n++ {
		cells = append(cells, Cell{n})
	}
	return cells
}

// split lays rows out along the axis, one line for each value of the series column or for each measure.
func (r reader) split(s project.Section, got rows, axis Axis) ([]Line, error) {
	place := make(map[string]int, len(axis.Cells))
	for i, c := range axis.Cells {
		place[c.String()] = i
	}
	x, by := got.column(s.X), got.column(s.Series)
	if s.Series != "" && by < 0 && len(got.columns) > 0 {
		return nil, r.wrong(s, "the query has "+strings.Join(got.columns, ", "), "there is no column %q", s.Series)
	}
	var lines []Line
	index := map[string]int{}
	taken := map[[2]int]bool{}
	for _, measure := range measures(s) {
		at := got.column(measure)
		for _, row := range got.cells {
			name := measure
			if s.Series != "" {
				name = row[by].String()
			}
			i, ok := index[name]
			if !ok {
				i = len(lines)
				index[name] = i
				lines = append(lines, Line{Name: name, Title: titleOf(s, name), Values: make([]*float64, len(axis.Cells))})
			}
			spot := [2]int{i, place[row[x].String()]}
			if taken[spot] {
				return nil, r.wrong(s, "name the column that tells them apart as series", "there are several rows for %s %s", s.X, row[x])
			}
			taken[spot] = true
			lines[i].Values[spot[1]] = row[at].float()
		}
	}
	return lines, nil
}

func titleOf(s project.Section, column string) project.Words {
	for _, c := range s.Columns {
		if c.Name == column && s.Series == "" {
			return c.Title
		}
	}
	return nil
}
