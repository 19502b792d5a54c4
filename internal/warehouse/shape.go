package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"daybook/internal/fault"
)

// known are the columns that the rows will have, where that can be said before they are computed and there is nothing to do but to put them in
// place; nil otherwise, also for SQL that does not work. dated says that the SELECT itself gives each row what day it needs.
func (l loading) known(ctx context.Context, had []Column) (columns []Column, dated bool) {
	if l.Diff || strings.Contains(strings.ToLower(l.SQL), strings.ToLower(l.Node)) { // it may read the rows that it replaces
		return nil, false
	}
	columns, err := describe(ctx, l.conn, l.SQL, l.day)
	if err != nil {
		return nil, false
	}
	types := map[string]string{}
	for _, c := range columns {
		lower := strings.ToLower(c.Name)
		if _, twice := types[lower]; twice || strings.Contains(c.Type, `"NULL"`) {
			return nil, false // a table gives it another name or type
		}
		types[lower] = c.Type
	}
	day, dated := types["day"]
	switch {
	case l.Full:
		return columns, true
	case !dated:
		columns = append(columns, Column{Name: "day", Type: "DATE"})
	case day != "DATE":
		return nil, false
	}
	if len(had) > 0 && !sameShape(had, columns) {
		return nil, false
	}
	return columns, dated
}

// insert replaces the rows straight by those of the SELECT and says how many came.
func (l loading) insert(ctx context.Context, had, columns []Column, dated bool) (int64, error) {
	table := "main." + name(l.Node)
	var err error
	if l.Full || len(had) == 0 {
		defined := make([]string, len(columns))
		for i, c := range columns {
			defined[i] = name(c.Name) + " " + c.Type
		}
		_, err = l.conn.ExecContext(ctx, "CREATE OR REPLACE TABLE "+table+" ("+strings.Join(defined, ", ")+")")
	} else {
		_, err = l.conn.ExecContext(ctx, "DELETE FROM "+table+" WHERE day = $day", l.day)
	}
	if err != nil {
		return 0, engineFault(ctx, "load "+l.Node, "", 0, err)
	}
	more := ""
	if !dated {
		more = ", DATE " + text(l.Asked.String()) + " AS day"
	}
	prefix := "INSERT INTO " + table + " BY NAME SELECT *" + more + " FROM ("
	result, err := l.conn.ExecContext(ctx, prefix+l.SQL+"\n)", l.day)
	if err != nil {
		return 0, engineFault(ctx, "run the SQL of "+l.Node, l.SQL, len(prefix), err)
	}
	return result.RowsAffected()
}

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
