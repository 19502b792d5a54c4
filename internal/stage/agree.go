package stage

import (
	"context"
	"fmt"
	"strings"
)

// Difference is how two ways to the same data differ, counted by key: Ours and Theirs are rows that only one of them has. Examples
// are the first keys with the rows that each has.
type Difference struct {
	Ours, Theirs int64
	Examples     []string
}

// Compare counts rows by the columns of a key in two sets of files that Run wrote; null is a value like any other.
func Compare(ctx context.Context, ours, theirs, key []string) (Difference, error) {
	db, err := openFiles()
	if err != nil {
		return Difference{}, fmt.Errorf("compare two sources: %w", err)
	}
	defer db.Close()
	fields, texts := make([]string, len(key)), make([]string, len(key))
	for i, k := range key {
		fields[i] = fmt.Sprintf("k%d := CAST(%s AS VARCHAR)", i, name(k))
		texts[i] = fmt.Sprintf("coalesce(k.k%d, 'null')", i)
	}
	counted := func(files []string, side string) string {
		counts := map[string]string{"ours": "count(*) AS ours, 0 AS theirs", "theirs": "0 AS ours, count(*) AS theirs"}[side]
		return fmt.Sprintf("SELECT struct_pack(%s) AS k, %s FROM read_parquet(%s, hive_partitioning = false) GROUP BY k",
			strings.Join(fields, ", "), counts, list(files))
	}
	var d Difference
	var examples any
	err = db.QueryRowContext(ctx, fmt.Sprintf(`SELECT coalesce(sum(greatest(o - t, 0)), 0)::BIGINT, coalesce(sum(greatest(t - o, 0)), 0)::BIGINT,
list(shown || ': ' || o || ' here, ' || t || ' there' ORDER BY shown) FILTER (o <> t)[1:5]
FROM (SELECT concat_ws(', ', %s) AS shown, sum(ours)::BIGINT AS o, sum(theirs)::BIGINT AS t FROM (%s UNION ALL %s) GROUP BY k)`,
		strings.Join(texts, ", "), counted(ours, "ours"), counted(theirs, "theirs"))).
		Scan(&d.Ours, &d.Theirs, &examples)
	if err != nil {
		return Difference{}, fmt.Errorf("compare two sources: %w", err)
	}
	if found, ok := examples.([]any); ok {
		for _, e := range found {
			d.Examples = append(d.Examples, fmt.Sprint(e))
		}
	}
	return d, nil
}
