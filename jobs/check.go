package jobs

import (
	"cmp"
	"fmt"
	"strings"

	"daybook/internal/project"
	"daybook/internal/warehouse"
)

// examples is how many offending values a check names.
const examples = 5

// checks turns a node's rules into the SQL that its load runs before it commits. Each gives ok, value, want and examples.
func (g *Graph) checks(n *Node) []warehouse.Check {
	var out []warehouse.Check
	for _, c := range n.Query.Checks {
		out = append(out, warehouse.Check{Name: checkName(c), Warning: c.Warning, SQL: g.checkSQL(n, c)})
	}
	return out
}

func checkName(c project.Check) string {
	if c.Name != "" {
		return c.Name
	}
	switch c.Kind {
	case "unique", "not_null":
		return c.Kind + "(" + strings.Join(c.Columns, ", ") + ")"
	case "accepted", "range", "matches", "length":
		return c.Kind + "(" + c.Column + ")"
	case "relationship":
		return fmt.Sprintf("%s in %s", strings.Join(c.Columns, ", "), c.In)
	case "rule":
		return c.Rule
	case "total":
		return fmt.Sprintf("%s = %s of %s", c.Measure, c.Equals, c.Of)
	}
	return c.Kind
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// of is the node's rows that a build replaced.
func of(n *Node) string {
	if n.Current || n.Kind == project.KindSource { // a source's name stands for its staged records of the day
		return quote(n.Name)
	}
	return "(SELECT * FROM " + quote(n.Name) + " WHERE day = $day)"
}

// whole is the rows of an input that a build read: a current state reads every day of it.
func whole(n, input *Node) string {
	if n.Current {
		return quote(input.Name)
	}
	return of(input)
}

func (g *Graph) checkSQL(n *Node, c project.Check) string {
	switch c.Kind {
	case "unique":
		return uniqueSQL(n, c.Columns)
	case "not_null":
		return notNullSQL(n, c.Columns)
	case "rows":
		return rowsSQL(n, c)
	case "accepted":
		return acceptedSQL(n, c)
	case "range":
		wrong := beyond(quote(c.Column), c)
		if t := n.columnType(c.Column); t == "DOUBLE" || t == "FLOAT" {
			wrong += " OR isnan(" + quote(c.Column) + ")"
		}
		return wrongSQL(n, wrong, bounds(c), quote(c.Column))
	case "length":
		return wrongSQL(n, beyond("length(CAST("+quote(c.Column)+" AS VARCHAR))", c), bounds(c), quote(c.Column))
	case "matches":
		return wrongSQL(n, fmt.Sprintf("NOT regexp_full_match(CAST(%s AS VARCHAR), %s)", quote(c.Column), literal(c.Pattern)), c.Pattern, quote(c.Column))
	case "rule":
		return wrongSQL(n, "NOT ("+c.Rule+"\n)", c.Rule, "")
	case "relationship":
		return g.relationshipSQL(n, c)
	case "sql":
		return fmt.Sprintf(`SELECT count(*) = 0, CAST(count(*) AS VARCHAR) || ' wrong', 'none', list(example ORDER BY example)[1:%d]
FROM (SELECT CAST(to_json(t) AS VARCHAR) AS example FROM (%s
) AS t) AS wrong`, examples, c.SQL)
	}
	other := g.nodes[c.Of]
	return fmt.Sprintf(`SELECT coalesce(a.v, 0) = coalesce(b.v, 0), CAST(coalesce(a.v, 0) AS VARCHAR), CAST(coalesce(b.v, 0) AS VARCHAR), CAST([] AS VARCHAR[])
FROM (SELECT %s AS v FROM %s AS t) AS a, (SELECT %s AS v FROM %s AS t) AS b`, c.Measure, of(n), c.Equals, whole(n, other))
}

func uniqueSQL(n *Node, columns []string) string {
	quoted, texts := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = quote(c)
		texts[i] = "coalesce(CAST(" + quote(c) + " AS VARCHAR), 'null')"
	}
	by := strings.Join(quoted, ", ")
	return fmt.Sprintf(`SELECT count(*) = 0, CAST(count(*) AS VARCHAR) || ' repeated', 'each once', list(example ORDER BY example)[1:%d]
FROM (SELECT concat_ws(', ', %s) AS example FROM %s AS t GROUP BY %s HAVING count(*) > 1) AS repeated`, examples, strings.Join(texts, ", "), of(n), by)
}

func notNullSQL(n *Node, columns []string) string {
	counts, sum := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		sum[i] = fmt.Sprintf("count(*) - count(%s)", quote(c))
		counts[i] = fmt.Sprintf("CASE WHEN count(%s) < count(*) THEN %s || ': ' || CAST(count(*) - count(%s) AS VARCHAR) END", quote(c), literal(c), quote(c))
	}
	total := strings.Join(sum, " + ")
	return fmt.Sprintf(`SELECT %s = 0, CAST(%s AS VARCHAR) || ' null', 'none', list_filter([%s], lambda x: x IS NOT NULL) FROM %s AS t`,
		total, total, strings.Join(counts, ", "), of(n))
}

func rowsSQL(n *Node, c project.Check) string {
	var ok, want []string
	if c.Min != nil {
		ok, want = append(ok, fmt.Sprintf("a.v >= %d", *c.Min)), append(want, fmt.Sprintf("at least %d", *c.Min))
	}
	if c.Max != nil {
		ok, want = append(ok, fmt.Sprintf("a.v <= %d", *c.Max)), append(want, fmt.Sprintf("at most %d", *c.Max))
	}
	if len(ok) == 0 {
		ok = append(ok, "true") // within alone says nothing of a current state
	}
	before, wanted := "(SELECT 0 AS v) AS b", literal(strings.Join(want, ", "))
	if c.Within > 0 && !n.Current {
		// No rows a week ago is no yardstick.
		before = fmt.Sprintf("(SELECT count(*) AS v FROM %s WHERE day = CAST($day AS DATE) - 7) AS b", quote(n.Name))
		ok = append(ok, fmt.Sprintf("(b.v = 0 OR abs(a.v - b.v) <= %g * b.v)", c.Within))
		want = append(want, fmt.Sprintf("within %.4g%% of a week before: ", c.Within*100))
		wanted = literal(strings.Join(want, ", ")) + " || CAST(b.v AS VARCHAR)"
	}
	return fmt.Sprintf(`SELECT %s, CAST(a.v AS VARCHAR), %s, CAST([] AS VARCHAR[]) FROM (SELECT count(*) AS v FROM %s AS t) AS a, %s`,
		strings.Join(ok, " AND "), wanted, of(n), before)
}

func acceptedSQL(n *Node, c project.Check) string {
	values := make([]string, len(c.Values))
	for i, v := range c.Values {
		values[i] = literal(v)
	}
	column := "CAST(" + quote(c.Column) + " AS VARCHAR)"
	return fmt.Sprintf(`SELECT count(*) = 0, CAST(coalesce(sum(n), 0) AS VARCHAR) || ' others', %s, list(example ORDER BY example)[1:%d]
FROM (SELECT %s AS example, count(*) AS n FROM %s AS t WHERE %s NOT IN (%s) GROUP BY ALL) AS others`,
		literal(strings.Join(c.Values, ", ")), examples, column, of(n), column, strings.Join(values, ", "))
}

// beyond is true for a value beyond the check's bounds, and null for null, which is right.
func beyond(value string, c project.Check) string {
	var parts []string
	if c.Low != nil {
		parts = append(parts, fmt.Sprintf("%s < %v", value, *c.Low))
	}
	if c.High != nil {
		parts = append(parts, fmt.Sprintf("%s > %v", value, *c.High))
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

func bounds(c project.Check) string {
	switch {
	case c.Low == nil:
		return fmt.Sprintf("at most %v", *c.High)
	case c.High == nil:
		return fmt.Sprintf("at least %v", *c.Low)
	case *c.Low == *c.High:
		return fmt.Sprint(*c.Low)
	}
	return fmt.Sprintf("%v to %v", *c.Low, *c.High)
}

// wrongSQL counts the rows of which a condition is true. Its examples are the value in question with the row's key, or the row.
func wrongSQL(n *Node, wrong, want, value string) string {
	example := "CAST(to_json(t) AS VARCHAR)"
	if texts := keyTexts(n); value != "" {
		example = fmt.Sprintf("concat_ws(': ', %s, CAST(%s AS VARCHAR))", cmp.Or(texts, "NULL"), value)
	} else if texts != "" {
		example = texts
	}
	return fmt.Sprintf(`SELECT count(*) = 0, CAST(count(*) AS VARCHAR) || ' wrong', %s, list(example ORDER BY example)[1:%d]
FROM (SELECT %s AS example FROM %s AS t WHERE %s) AS wrong`, literal(want), examples, example, of(n), wrong)
}

// keyTexts is the key of a row as one text, empty when it has none.
func keyTexts(n *Node) string {
	texts := make([]string, len(n.Query.Key))
	for i, c := range n.Query.Key {
		texts[i] = "coalesce(CAST(" + quote(c) + " AS VARCHAR), 'null')"
	}
	if len(texts) == 0 {
		return ""
	}
	return "concat_ws(', ', " + strings.Join(texts, ", ") + ")"
}

// relationshipSQL finds values that refer to nothing; a row in which one of them is null refers to nothing on purpose.
func (g *Graph) relationshipSQL(n *Node, c project.Check) string {
	var there, same, text []string
	for i, column := range c.Columns {
		there = append(there, "t."+quote(column)+" IS NOT NULL")
		same = append(same, "o."+quote(c.Keys[i])+" = t."+quote(column))
		text = append(text, "CAST(t."+quote(column)+" AS VARCHAR)")
	}
	return fmt.Sprintf(`SELECT count(*) = 0, CAST(coalesce(sum(n), 0) AS VARCHAR) || ' without one', 'each in %s', list(example ORDER BY example)[1:%d]
FROM (SELECT concat_ws(', ', %s) AS example, count(*) AS n FROM %s AS t WHERE %s
AND NOT EXISTS (SELECT 1 FROM %s AS o WHERE %s) GROUP BY ALL) AS orphans`,
		c.In, examples, strings.Join(text, ", "), of(n), strings.Join(there, " AND "), whole(n, g.nodes[c.In]), strings.Join(same, " AND "))
}
