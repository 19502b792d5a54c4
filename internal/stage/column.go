package stage

import (
	"fmt"
	"slices"
	"strings"

	"daybook/internal/project"
)

// column is a declared column and how its text becomes a value.
type column struct {
	project.Column
	sql  string   // engine type
	path []string // in a JSON or Parquet record
	must bool     // null rejects the row
}

func columnsOf(s project.Source) []column {
	columns := make([]column, len(s.Columns))
	for i, c := range s.Columns {
		from := c.From
		if from == "" {
			from = c.Name
		}
		path := strings.Split(from, ".")
		if s.Format == "xml" { // its records have each declared column under its whole path
			path = []string{from}
		}
		columns[i] = column{Column: c, sql: c.Type.SQL(), path: path, must: c.Required || slices.Contains(s.Key, c.Name)}
	}
	return columns
}

func (c column) from() string { return strings.Join(c.path, ".") }

// fits is an expression for the value of the text raw, null when the text does not fit the type.
func (c column) fits(raw string) string {
	switch {
	case c.Type == "text":
		return raw
	case !c.Type.Scalar() && dated(c.Type):
		// From JSON the engine reads instants without an offset as UTC, from text in the session's zone.
		return c.fitsWithin(fmt.Sprintf("TRY(CAST(CAST(%s AS JSON) AS %s))", raw, asTexts(c.Type)))
	case !c.Type.Scalar():
		return fmt.Sprintf("TRY(CAST(CAST(%s AS JSON) AS %s))", raw, c.sql)
	case c.Type == "integer" || c.Type == "bigint":
		// The engine casts 3.7 to 4; a number with a fraction does not fit an integer, and a double does not see that of a long one.
		return fmt.Sprintf("CASE WHEN TRY_CAST(%[1]s AS DOUBLE) %% 1 = 0 AND (strlen(%[1]s) < 16 OR regexp_full_match(%[1]s, '\\s*[-+]?[0-9]+([.]0*)?\\s*')) THEN TRY_CAST(%[1]s AS %[2]s) END", raw, c.sql)
	case form(c.Type) != "":
		return fmt.Sprintf("CASE WHEN %s THEN TRY_CAST(%s AS %s) END", written(c.Type, raw), raw, c.sql)
	}
	return fmt.Sprintf("TRY_CAST(%s AS %s)", raw, c.sql)
}

// Marks in typed.bad: 0 fits, n the n-th column's value does not fit, -n it is missing; the rest are about the whole record.
const (
	markBroken = 100_000 + iota
	markRepeat // an identical or older record of the same key: counted as deduplicated
	markUnlike // one of several different records of one key
)

// forms are how a relation's texts (or values) become values: fits gives the value of the i-th column from raw, and came the type, by our names, of
// one that does not fit.
type forms struct {
	fits func(c column, i int, raw string) string
	came func(c column, i int, raw string) string
}

// typing is a statement that fills typed from a relation with object, line, ok and the texts (or values) r0, r1, … of the columns. record is an
// expression for the text of a record, evaluated for those that do not fit.
func typing(columns []column, relation, record string, f forms) string {
	var casts, bad, found, values strings.Builder
	for i, c := range columns {
		raw := fmt.Sprintf("r%d", i)
		fmt.Fprintf(&casts, ", %s AS v%d", f.fits(c, i, raw), i)
		fmt.Fprintf(&bad, " WHEN %s IS NOT NULL AND v%d IS NULL THEN %d", raw, i, i+1)
		if c.must {
			fmt.Fprintf(&bad, " WHEN v%d IS NULL THEN %d", i, -(i + 1))
		}
		fmt.Fprintf(&found, " WHEN %d THEN %s", i+1, shownAs(f.came(c, i, raw), raw))
		fmt.Fprintf(&values, ", v%d", i)
	}
	return fmt.Sprintf(`INSERT INTO typed SELECT object, line, bad, CASE WHEN bad <> 0 THEN left(%s, 1000) END, CASE bad%s END%s FROM (
SELECT *, CASE WHEN NOT ok THEN %d%s ELSE 0 END AS bad FROM (SELECT *%s FROM (%s)))`, record, found.String(), values.String(), markBroken, bad.String(), casts.String(), relation)
}

// shownAs is an expression for a type and a value of it.
func shownAs(kind, raw string) string {
	return fmt.Sprintf(`CASE WHEN %[1]s = 'text' AND left(CAST(%[2]s AS VARCHAR), 1) <> '"' THEN 'text "' || left(CAST(%[2]s AS VARCHAR), 60) || '"' ELSE %[1]s || ' ' || left(CAST(%[2]s AS VARCHAR), 60) END`, kind, raw)
}

// wholeKind is an expression for the type of the whole number that a text is.
func wholeKind(raw string) string {
	return fmt.Sprintf("CASE WHEN TRY_CAST(%[1]s AS INTEGER) IS NOT NULL THEN 'integer' WHEN TRY_CAST(%[1]s AS BIGINT) IS NOT NULL THEN 'bigint' ELSE 'number' END", raw)
}

// textKind is an expression for the type that a text looks like.
func textKind(raw string) string {
	return fmt.Sprintf(`CASE WHEN regexp_full_match(%[1]s, '[-+]?[0-9]+') THEN %[2]s WHEN TRY_CAST(%[1]s AS DOUBLE) IS NOT NULL THEN 'double'
 WHEN lower(%[1]s) IN ('true', 'false') THEN 'boolean' WHEN regexp_full_match(%[1]s, '[0-9]{4}-[0-9]{2}-[0-9]{2}') THEN 'date'
 WHEN regexp_full_match(%[1]s, '[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.]+') THEN 'timestamp' ELSE 'text' END`, raw, wholeKind(raw))
}

// reasons are expressions over typed for the reason and the column of a reject.
func reasons(s project.Source, columns []column) (reason, column string) {
	var why, which strings.Builder
	for i, c := range columns {
		fmt.Fprintf(&why, " WHEN %d THEN %s || coalesce(found, 'nothing')", i+1, text(fmt.Sprintf("%s is declared %s and came as ", c.Name, c.Type)))
		fmt.Fprintf(&why, " WHEN %d THEN %s", -(i + 1), text(c.Name+" is required and missing"))
		fmt.Fprintf(&which, " WHEN %d THEN %s", i+1, text(c.Name))
	}
	unlike := "other records have the same " + strings.Join(s.Key, ", ") + " and different values"
	fmt.Fprintf(&why, " WHEN %d THEN 'the record is not valid JSON' WHEN %d THEN %s", markBroken, markUnlike, text(unlike))
	return "CASE bad" + why.String() + " END", "CASE abs(bad)" + which.String() + " ELSE '' END"
}
