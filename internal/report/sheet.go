package report

import (
	"strings"

	"daybook/internal/text"
)

// Head is the head of a column.
type Head struct {
	Text   string
	Number bool // its cells stand to the right
}

// Sheet is a section as a table of words, at most a thousand rows; Count is how many there are in all.
type Sheet struct {
	Columns []Head
	Rows    [][]string
	Count   int
}

// TableView is the section's data as readers see it: a ranking with shares and changes for marks, one row for each place on the
// axis for lines and heatmaps, the comparisons for a kpi. Text sections have no columns.
func TableView(s Section, l text.Locale) Sheet {
	var v Sheet
	switch {
	case s.KPI != nil:
		v = kpiSheet(s, l)
	case s.Lines != nil:
		v = linesSheet(s, l)
	case s.Marks != nil:
		v = marksSheet(s, l)
	case s.Grid != nil:
		v = gridSheet(s, l)
	case s.Table != nil:
		v = tableSheet(s, l)
	}
	v.Count = max(v.Count, len(v.Rows))
	v.Rows = v.Rows[:min(len(v.Rows), rowLimit)]
	return v
}

func kpiSheet(s Section, l text.Locale) Sheet {
	v := Sheet{Columns: []Head{{Text: l.T("report.column.figure")}, {Text: l.T("report.column.value"), Number: true}}}
	v.Rows = append(v.Rows, []string{s.Heading(l), s.Number(s.KPI.Value, l)})
	for _, c := range Changes(s, l) {
		v.Rows = append(v.Rows, []string{c.Against, strings.TrimSpace(c.Arrow + " " + c.Text)})
	}
	return v
}

func linesSheet(s Section, l text.Locale) Sheet {
	v := Sheet{Columns: []Head{{Text: axisTitle(s.Lines.X, l)}}}
	for _, line := range s.Lines.Series {
		v.Columns = append(v.Columns, Head{Text: s.seriesName(line, l), Number: true})
	}
	for i, c := range s.Lines.X.Cells {
		row := []string{c.place(s.Lines.X, l)}
		for _, line := range s.Lines.Series {
			row = append(row, s.cell(line.Values[i], l))
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

func marksSheet(s Section, l text.Locale) Sheet {
	v := Sheet{Count: s.Marks.Count, Columns: []Head{{Text: l.T("report.column.rank"), Number: true}, {Text: words(s.Tab, s.Heading(l), l)}}}
	for _, c := range s.Marks.Columns {
		v.Columns = append(v.Columns, Head{Text: words(c.Title, c.Name, l), Number: c.Measured()})
	}
	v.Columns = append(v.Columns, Head{Text: words(s.Unit, l.T("report.column.value"), l), Number: true})
	shares := s.Marks.Total != nil || s.Kind == KindFunnel
	if shares {
		v.Columns = append(v.Columns, Head{Text: l.T("report.column.share"), Number: true})
	}
	compared := len(s.Compare) > 0
	if compared {
		v.Columns = append(v.Columns, Head{Text: changeHead(s.Compare[0], l), Number: true})
	}
	for i, m := range s.Marks.Rows {
		row := []string{l.Count(int64(i + 1)), m.Label.text(l)}
		for j, c := range m.More {
			row = append(row, c.written(s.Marks.Columns[j], l))
		}
		row = append(row, s.cell(m.Value, l))
		if shares {
			row = append(row, percentCell(m.Share, l))
		}
		if compared {
			row = append(row, s.moved(m, l))
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

func changeHead(c Comparison, l text.Locale) string {
	if c.With == WithWeek {
		return l.T("report.column.week.change")
	}
	return l.T("report.column.day.change")
}

// moved is a mark's change against the compared day; a dash when that day has no such mark or no data.
func (s Section) moved(m Mark, l text.Locale) string {
	d := difference(m.Value, m.Before)
	if d == nil {
		return text.Dash
	}
	c := Comparison{Change: d, Relative: ratio(d, m.Before)}
	moved := change(s, c, l)
	return moved.Arrow + " " + moved.Text
}

func gridSheet(s Section, l text.Locale) Sheet {
	v := Sheet{Columns: []Head{{Text: axisTitle(s.Grid.Y, l)}}}
	for _, c := range s.Grid.X.Cells {
		v.Columns = append(v.Columns, Head{Text: c.place(s.Grid.X, l), Number: true})
	}
	for y, line := range s.Grid.Values {
		row := []string{s.Grid.Y.Cells[y].place(s.Grid.Y, l)}
		for _, value := range line {
			row = append(row, s.cell(value, l))
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

func tableSheet(s Section, l text.Locale) Sheet {
	v := Sheet{Count: s.Table.Count}
	for _, c := range s.Table.Columns {
		v.Columns = append(v.Columns, Head{Text: words(c.Title, c.Name, l), Number: c.Measured()})
	}
	for _, cells := range s.Table.Rows {
		row := make([]string, len(cells))
		for i, c := range cells {
			row[i] = c.written(s.Table.Columns[i], l)
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

func axisTitle(a Axis, l text.Locale) string {
	switch {
	case a.Kind == axisHour:
		return l.T("report.column.hour")
	case a.Kind == axisDay && a.Column == dayColumn:
		return l.T("report.column.day")
	}
	return a.Column
}

// place is the cell at the side of a table: in full, and days with their year.
func (c Cell) place(a Axis, l text.Locale) string {
	if a.Kind == axisHour {
		return c.along(a, l)
	}
	if _, ok := c.Value.(int64); ok {
		return c.String()
	}
	return c.text(l)
}

// written is the cell in its column's format.
func (c Cell) written(column Column, l text.Locale) string {
	v := c.float()
	switch {
	case v == nil:
		return c.text(l)
	case !column.Measured():
		return c.String() // a year or a number of a thing is not a count
	}
	return Number(v, column.Format, column.Digits, "", l)
}

// cell is a measure in a table: without unit, which stands in the head, and a dash when absent.
func (s Section) cell(v *float64, l text.Locale) string {
	if v == nil {
		return text.Dash
	}
	return Number(v, s.Format, s.Digits, "", l)
}

func percentCell(v *float64, l text.Locale) string {
	if v == nil {
		return text.Dash
	}
	return l.Percent(*v, 1) + "%"
}
