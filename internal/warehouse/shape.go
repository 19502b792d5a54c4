package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"daybook/internal/fault"
)

// replace puts the incoming rows in place of the day's, or of all of them.
func (l loading) replace(ctx context.Context, had, columns []Column) error {
	table := "main." + name(l.Node)
	if l.Full || len(had) == 0 {
		return l.exec(ctx, "CREATE OR REPLACE TABLE "+table+" AS SELECT * FROM "+incoming)
	}
	if !sameShape(had, columns) {
		return l.reshape(ctx, had, columns)
	}
	if _, err := l.conn.ExecContext(ctx, "DELETE FROM "+table+" WHERE day = $day", l.day); err != nil {
		return engineFault(ctx, "load "+l.Node, "", 0, err)
	}
	return l.exec(ctx, "INSERT INTO "+table+" BY NAME SELECT * FROM "+incoming)
}

// sameShape ignores the order of columns: rows go in by name.
func sameShape(a, b []Column) bool {
	if len(a) != len(b) {
		return false
	}
	for _, c := range a {
		if !slices.ContainsFunc(b, func(d Column) bool { return strings.EqualFold(c.Name, d.Name) && c.Type == d.Type }) {
			return false
		}
	}
	return true
}

// reshape makes the table anew with the columns of the SELECT and the rows of its other days, cast where a type changed.
func (l loading) reshape(ctx context.Context, had, columns []Column) error {
	table := "main." + name(l.Node)
	if !slices.ContainsFunc(had, func(c Column) bool { return strings.EqualFold(c.Name, "day") }) {
		// It was loaded whole before, so none of its rows belongs to a day.
		return l.exec(ctx, "CREATE OR REPLACE TABLE "+table+" AS SELECT * FROM "+incoming)
	}
	var kept []string
	for _, c := range columns {
		i := slices.IndexFunc(had, func(h Column) bool { return strings.EqualFold(h.Name, c.Name) })
		switch {
		case i < 0:
		case had[i].Type == c.Type:
			kept = append(kept, name(c.Name))
		default:
			if err := l.castable(ctx, had[i], c); err != nil {
				return err
			}
			kept = append(kept, fmt.Sprintf("CAST(%s AS %s) AS %s", name(c.Name), c.Type, name(c.Name)))
		}
	}
	const others = "_others"
	keep := "CREATE OR REPLACE TEMP TABLE " + others + " AS SELECT " + strings.Join(kept, ", ") + " FROM " + table + " WHERE day IS DISTINCT FROM $day"
	if _, err := l.conn.ExecContext(ctx, keep, l.day); err != nil {
		return engineFault(ctx, "give "+l.Node+" its new columns", "", 0, err)
	}
	return l.exec(ctx, "CREATE OR REPLACE TABLE "+table+" AS SELECT * FROM "+incoming+"; INSERT INTO "+table+" BY NAME SELECT * FROM "+others+"; DROP TABLE "+others)
}

// castable refuses a new type that values of other days do not fit.
func (l loading) castable(ctx context.Context, from, to Column) error {
	query := fmt.Sprintf(`SELECT DISTINCT day::VARCHAR FROM main.%s WHERE day IS DISTINCT FROM $day AND %s IS NOT NULL AND TRY(CAST(%s AS %s)) IS NULL ORDER BY 1 LIMIT 5`,
		name(l.Node), name(from.Name), name(from.Name), to.Type)
	rows, err := l.conn.QueryContext(ctx, query, l.day)
	if err != nil {
		return engineFault(ctx, "give "+l.Node+" its new columns", "", 0, err)
	}
	defer rows.Close()
	var days []string
	for rows.Next() {
		var day string
		if err := rows.Scan(&day); err != nil {
			return fmt.Errorf("give %s its new columns: %w", l.Node, err)
		}
		days = append(days, day)
	}
	if err := rows.Err(); err != nil {
		return engineFault(ctx, "give "+l.Node+" its new columns", "", 0, err)
	}
	if len(days) > 0 {
		return fault.New(fault.Refused, fmt.Sprintf("the column %s of %s becomes %s, which its %s values of %s do not fit", from.Name, l.Node, to.Type, from.Type, strings.Join(days, ", ")),
			"give the new column another name, or make the SQL give "+from.Type)
	}
	return nil
}
