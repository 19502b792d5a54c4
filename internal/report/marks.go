package report

import (
	"context"
	"slices"
	"strings"

	"daybook/internal/calendar"
	"daybook/internal/project"
)

func (r reader) marks(ctx context.Context, s project.Section, day calendar.Day, out *Section) error {
	got, err := r.read(ctx, s, window(s, day))
	if err != nil {
		return err
	}
	marks := &Marks{Label: s.Label, Count: len(got.cells)}
	if s.Kind == KindBar {
		marks.Columns = extra(s, got)
	}
	names := []string{s.Label, s.Value}
	for _, c := range marks.Columns {
		names = append(names, c.Name)
	}
	at, err := r.places(s, got, names...)
	if err != nil {
		return err
	}
	out.Format, out.Digits = written(s.Format, s.Digits, len(got.cells) == 0 || whole(got, at[1]))
	if out.Format != FormatPercent { // rates do not add up
		marks.Total = total(got, at[1])
	}
	for _, row := range got.cells[:min(len(got.cells), rowLimit)] {
		m := Mark{Label: row[at[0]], Value: row[at[1]].float()}
		for _, a := range at[2:] {
			m.More = append(m.More, row[a])
		}
		m.Share = ratio(m.Value, marks.Total)
		marks.Rows = append(marks.Rows, m)
	}
	if s.Kind == KindFunnel {
		for i := range marks.Rows {
			marks.Rows[i].Share = ratio(marks.Rows[i].Value, marks.Rows[0].Value)
		}
	}
	out.Marks = marks
	return r.before(ctx, s, day, out)
}

// extra are the table's columns that the chart does not have itself.
func extra(s project.Section, got rows) []Column {
	named := slices.DeleteFunc(slices.Clone(s.Columns), func(c project.SectionColumn) bool { return c.Name == s.Label || c.Name == s.Value })
	if len(named) == 0 {
		return nil
	}
	return columnsOf(named, got)
}

// total is nil where shares of it would say nothing: no rows, or values below zero among them.
func total(got rows, at int) *float64 {
	var sum float64
	for _, row := range got.cells {
		if v := row[at].float(); v != nil {
			if *v < 0 {
				return nil
			}
			sum += *v
		}
	}
	if len(got.cells) == 0 {
		return nil
	}
	sum = significant(sum)
	return &sum
}

// before finds each mark's value on the first compared day. Marks are the same when their label and the texts beside it are.
func (r reader) before(ctx context.Context, s project.Section, day calendar.Day, out *Section) error {
	for i, c := range out.Compare {
		then, err := r.read(ctx, s, shifted(s, day, c))
		if err != nil {
			return err
		}
		out.Compare[i].Absent = len(then.cells) == 0
		if i > 0 || len(then.cells) == 0 {
			continue
		}
		names := []string{s.Label, s.Value}
		for _, column := range out.Marks.Columns {
			names = append(names, column.Name)
		}
		at, err := r.places(s, then, names...)
		if err != nil {
			return err
		}
		values := map[string]*float64{}
		for _, row := range then.cells {
			more := make([]Cell, 0, len(at))
			for _, a := range at[2:] {
				more = append(more, row[a])
			}
			values[identity(row[at[0]], more)] = row[at[1]].float()
		}
		for j, m := range out.Marks.Rows {
			out.Marks.Rows[j].Before = values[identity(m.Label, m.More)]
		}
	}
	return nil
}

func identity(label Cell, more []Cell) string {
	parts := []string{label.String()}
	for _, c := range more {
		if s, ok := c.Value.(string); ok {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "\x00")
}
