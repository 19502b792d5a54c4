package warehouse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// checksum reads back the rows that are now in place.
func (l loading) checksum(ctx context.Context, columns []Column) (rows int64, output string, err error) {
	where := ""
	var args []any
	if !l.Full {
		where, args = " WHERE day = $day", []any{l.day}
	}
	var sum, xor string
	query := fmt.Sprintf("SELECT count(*), coalesce(sum(h), 0)::VARCHAR, coalesce(bit_xor(h), 0)::VARCHAR FROM (SELECT %s AS h FROM main.%s%s)", rowHash(columns), name(l.Node), where)
	if err := l.conn.QueryRowContext(ctx, query, args...).Scan(&rows, &sum, &xor); err != nil {
		return 0, "", engineFault(ctx, "sum up "+l.Node, "", 0, err)
	}
	digest := sha256.New()
	for _, c := range byName(columns) {
		fmt.Fprintf(digest, "%s %s\n", strings.ToLower(c.Name), c.Type)
	}
	fmt.Fprintf(digest, "%d %s %s", rows, sum, xor)
	return rows, hex.EncodeToString(digest.Sum(nil)), nil
}

// rowHash is an expression for a 64-bit hash of one row.
func rowHash(columns []Column) string {
	if len(columns) == 0 {
		return "hash(0)"
	}
	parts := make([]string, len(columns))
	for i, c := range byName(columns) {
		parts[i] = steady(c)
	}
	return "hash(" + strings.Join(parts, ", ") + ")"
}

// steady rounds what parallel sums make differ in the last digits, and lets -0 be 0.
func steady(c Column) string {
	switch c.Type {
	case "DOUBLE", "FLOAT":
		return "format('{:.11e}', " + name(c.Name) + " + 0.0)"
	case "DOUBLE[]", "FLOAT[]":
		return "list_transform(" + name(c.Name) + ", lambda x: format('{:.11e}', x + 0.0))"
	}
	return name(c.Name)
}

func byName(columns []Column) []Column {
	sorted := slices.Clone(columns)
	slices.SortFunc(sorted, func(a, b Column) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return sorted
}

// compare counts what the incoming rows change; columns that are not in both are left out.
func (l loading) compare(ctx context.Context, had, columns []Column) (Diff, error) {
	var d Diff
	old, shared := l.oldRows(had), both(had, columns)
	if old == "" {
		err := l.conn.QueryRowContext(ctx, "SELECT count(*) FROM "+incoming).Scan(&d.After)
		if err != nil {
			return d, engineFault(ctx, "compare "+l.Node, "", 0, err)
		}
		d.Added = d.After
		return d, nil
	}
	key := rowHash(shared)
	if len(l.Key) > 0 && keyed(l.Key, shared) {
		quoted := make([]string, len(l.Key))
		for i, k := range l.Key {
			quoted[i] = name(k)
		}
		key = "row(" + strings.Join(quoted, ", ") + ")"
	}
	query := fmt.Sprintf(`WITH o AS (SELECT %[1]s AS k, count(*) AS n, sum(%[2]s::HUGEINT) AS h FROM %[3]s GROUP BY ALL),
n AS (SELECT %[1]s AS k, count(*) AS n, sum(%[2]s::HUGEINT) AS h FROM %[4]s GROUP BY ALL)
SELECT coalesce(sum(o.n), 0)::BIGINT, coalesce(sum(n.n), 0)::BIGINT,
  coalesce(sum(greatest(coalesce(n.n, 0) - coalesce(o.n, 0), 0)), 0)::BIGINT, coalesce(sum(greatest(coalesce(o.n, 0) - coalesce(n.n, 0), 0)), 0)::BIGINT,
  count(*) FILTER (WHERE o.n = n.n AND o.h <> n.h)
FROM o FULL JOIN n ON o.k = n.k`, key, rowHash(shared), old, incoming)
	var args []any
	if !l.Full {
		args = append(args, l.day)
	}
	if err := l.conn.QueryRowContext(ctx, query, args...).Scan(&d.Before, &d.After, &d.Added, &d.Removed, &d.Changed); err != nil {
		return d, engineFault(ctx, "compare "+l.Node, "", 0, err)
	}
	return d, nil
}

// oldRows is the relation that the load replaces; empty when there is none.
func (l loading) oldRows(had []Column) string {
	switch {
	case len(had) == 0:
		return ""
	case l.Full:
		return "main." + name(l.Node)
	case !slices.ContainsFunc(had, func(c Column) bool { return strings.EqualFold(c.Name, "day") }):
		return ""
	}
	return "(SELECT * FROM main." + name(l.Node) + " WHERE day = $day)"
}

func both(a, b []Column) []Column {
	var shared []Column
	for _, c := range a {
		if slices.ContainsFunc(b, func(d Column) bool { return strings.EqualFold(c.Name, d.Name) && c.Type == d.Type }) {
			shared = append(shared, c)
		}
	}
	return shared
}

func keyed(key []string, columns []Column) bool {
	for _, k := range key {
		if !slices.ContainsFunc(columns, func(c Column) bool { return strings.EqualFold(c.Name, k) }) {
			return false
		}
	}
	return true
}
