package report

import (
	"context"

	"daybook/internal/calendar"
	"daybook/internal/project"
)

func (r reader) grid(ctx context.Context, s project.Section, day calendar.Day, out *Section) error {
	days := window(s, day)
	got, err := r.read(ctx, s, days)
	if err != nil {
		return err
	}
	at, err := r.places(s, got, s.X, s.Y, s.Value)
	if err != nil {
		return err
	}
	out.Format, out.Digits = written(s.Format, s.Digits, len(got.cells) == 0 || whole(got, at[2]))
	grid := &Grid{Count: len(got.cells)}
	got.cells = got.cells[:min(len(got.cells), pointLimit)]
	grid.X, grid.Y = axisOf(s, s.X, days, got), axisOf(s, s.Y, days, got)
	x, y := map[string]int{}, map[string]int{}
	for i, c := range grid.X.Cells {
		x[c.String()] = i
	}
	for i, c := range grid.Y.Cells {
		y[c.String()] = i
		grid.Values = append(grid.Values, make([]*float64, len(grid.X.Cells)))
	}
	taken := map[[2]int]bool{}
	for _, row := range got.cells {
		spot := [2]int{y[row[at[1]].String()], x[row[at[0]].String()]}
		if taken[spot] {
			return r.wrong(s, "a cell takes one row; group by "+s.X+" and "+s.Y, "there are several rows for %s %s, %s %s", s.X, row[at[0]], s.Y, row[at[1]])
		}
		taken[spot] = true
		grid.Values[spot[0]][spot[1]] = row[at[2]].float()
	}
	out.Grid = grid
	return nil
}
