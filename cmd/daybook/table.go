package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/text/width"

	"daybook/internal/calendar"
)

// table writes rows as the --format flag says.
func (p *program) table(columns []string, rows [][]string) error {
	switch p.format {
	case "json":
		objects := make([]map[string]string, len(rows))
		for i, r := range rows {
			objects[i] = map[string]string{}
			for j, c := range columns {
				objects[i][c] = r[j]
			}
		}
		return json.NewEncoder(p.out).Encode(objects)
	case "csv":
		w := csv.NewWriter(p.out)
		if err := w.Write(columns); err != nil {
			return err
		}
		return w.WriteAll(rows)
	}
	widths := make([]int, len(columns))
	for _, r := range append([][]string{columns}, rows...) {
		for i, cell := range r {
			widths[i] = max(widths[i], cells(cell))
		}
	}
	for _, r := range append([][]string{columns}, rows...) {
		var b strings.Builder
		for i, cell := range r {
			b.WriteString(cell)
			if i < len(r)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-cells(cell)+2))
			}
		}
		p.printf("%s\n", strings.TrimRight(b.String(), " "))
	}
	return nil
}

// cells is how wide a terminal draws s: Hangul and hanja take two cells.
func cells(s string) int {
	n := 0
	for _, r := range s {
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

func (p *program) queryCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "query SELECT",
		Short:   "Read the warehouse with one SELECT",
		Example: "  daybook query -C library 'SELECT * FROM daily_usage ORDER BY day'\n  daybook query -C library --day 2026-11-19 --format json 'SELECT * FROM keyword_ranking WHERE day = $day ORDER BY rank'",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var day calendar.Day
			if p.day != "" {
				var err error
				if day, err = calendar.ParseDay(p.day); err != nil {
					return usage(err, c)
				}
			}
			d, err := p.openDoor(c.Context(), "query")
			if err != nil {
				return err
			}
			defer d.Close()
			columns, rows, err := d.Query(c.Context(), args[0], day)
			if err != nil {
				return err
			}
			return p.answer(columns, rows)
		},
	}
	c.Flags().StringVar(&p.day, "day", "", "the value of $day")
	return c
}

// answer writes a query's rows. JSON keeps numbers as numbers.
func (p *program) answer(columns []string, rows [][]any) error {
	if p.format == "json" {
		return p.objects(columns, rows)
	}
	out := make([][]string, len(rows))
	for i, r := range rows {
		out[i] = make([]string, len(r))
		for j, v := range r {
			if v != nil {
				out[i][j] = fmt.Sprint(v)
			}
		}
	}
	return p.table(columns, out)
}

// objects writes an array of objects whose keys keep the columns' order.
func (p *program) objects(columns []string, rows [][]any) error {
	var b strings.Builder
	b.WriteString("[")
	for i, r := range rows {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n  {")
		for j, v := range r {
			key, err := json.Marshal(columns[j])
			if err != nil {
				return err
			}
			value, err := json.Marshal(v)
			if err != nil {
				return fmt.Errorf("column %s: %w", columns[j], err)
			}
			if j > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%s: %s", key, value)
		}
		b.WriteString("}")
	}
	if len(rows) > 0 {
		b.WriteString("\n")
	}
	b.WriteString("]\n")
	p.printf("%s", b.String())
	return nil
}
