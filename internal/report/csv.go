package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Raw is the section's data for programs: column names of the mart, values unformatted (nil, int64, float64, string, bool,
// calendar.Day, time.Time).
func Raw(s Section) (columns []string, rows [][]any) {
	switch {
	case s.KPI != nil:
		return rawKPI(s)
	case s.Lines != nil:
		return rawLines(s)
	case s.Marks != nil:
		return rawMarks(s)
	case s.Grid != nil:
		columns = []string{s.Grid.Y.Column, s.Grid.X.Column, s.Measure}
		for y, line := range s.Grid.Values {
			for x, v := range line {
				if v != nil {
					rows = append(rows, []any{s.Grid.Y.Cells[y].Value, s.Grid.X.Cells[x].Value, plain(v)})
				}
			}
		}
	case s.Table != nil:
		for _, c := range s.Table.Columns {
			columns = append(columns, c.Name)
		}
		for _, cells := range s.Table.Rows {
			row := make([]any, len(cells))
			for i, c := range cells {
				row[i] = c.Value
			}
			rows = append(rows, row)
		}
	}
	return columns, rows
}

func rawKPI(s Section) (columns []string, rows [][]any) {
	if len(s.KPI.History) == 0 {
		return []string{s.Measure}, [][]any{{plain(s.KPI.Value)}}
	}
	for _, p := range s.KPI.History {
		rows = append(rows, []any{p.Day, plain(p.Value)})
	}
	return []string{dayColumn, s.Measure}, rows
}

func rawLines(s Section) (columns []string, rows [][]any) {
	columns = []string{s.Lines.X.Column}
	for _, line := range s.Lines.Series {
		name := line.Name
		if !line.Before.IsZero() {
			name += " " + line.Before.String()
		}
		columns = append(columns, name)
	}
	for i, c := range s.Lines.X.Cells {
		row := []any{c.Value}
		for _, line := range s.Lines.Series {
			row = append(row, plain(line.Values[i]))
		}
		rows = append(rows, row)
	}
	return columns, rows
}

func rawMarks(s Section) (columns []string, rows [][]any) {
	columns = []string{s.Marks.Label}
	for _, c := range s.Marks.Columns {
		columns = append(columns, c.Name)
	}
	columns = append(columns, s.Measure, "share")
	for _, c := range s.Compare[:min(len(s.Compare), 1)] {
		columns = append(columns, s.Measure+" "+c.Day.String())
	}
	for _, m := range s.Marks.Rows {
		row := []any{m.Label.Value}
		for _, c := range m.More {
			row = append(row, c.Value)
		}
		row = append(row, plain(m.Value), plain(m.Share))
		if len(s.Compare) > 0 {
			row = append(row, plain(m.Before))
		}
		rows = append(rows, row)
	}
	return columns, rows
}

func plain(v *float64) any {
	if v == nil {
		return nil
	}
	return number(*v).Value
}

// CSV writes Raw as comma-separated UTF-8 with a byte order mark, without which spreadsheets garble Korean. Text that a
// spreadsheet would run as a formula is led by an apostrophe.
func CSV(w io.Writer, s Section) error {
	columns, rows := Raw(s)
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return fmt.Errorf("write CSV of %s: %w", s.Name, err)
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	line := make([]string, len(columns))
	for i, c := range columns {
		line[i] = guarded(c)
	}
	err := out.Write(line)
	for _, row := range rows {
		for i, v := range row {
			line[i] = Cell{v}.String()
			if text, ok := v.(string); ok {
				line[i] = guarded(text)
			}
		}
		if err == nil {
			err = out.Write(line)
		}
	}
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	if err != nil {
		return fmt.Errorf("write CSV of %s: %w", s.Name, err)
	}
	return nil
}

func guarded(s string) string {
	if _, err := strconv.ParseFloat(s, 64); err == nil || s == "" || !strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return s
	}
	return "'" + s
}
