package jobs

import (
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
	switch c.Kind {
	case "unique", "not_null":
		return c.Kind + "(" + strings.Join(c.Columns, ", ") + ")"
	case "accepted":
		return "accepted(" + c.Column + ")"
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
