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
	var columns, texts []string
	for _, k := range key {
		columns = append(columns, name(k))
		texts = append(texts, "coalesce(CAST("+name(k)+" AS VARCHAR), 'null')")
	}
	counted := func(files []string, side string) string {
		if len(files) == 0 {
			return fmt.Sprintf("SELECT NULL AS k, 0 AS ours, 0 AS theirs WHERE false /* %s */", side)
		}
		counts := map[string]string{"ours": "count(*) AS ours, 0 AS theirs", "theirs": "0 AS ours, count(*) AS theirs"}[side]
		return fmt.Sprintf("SELECT concat_ws(', ', %s) AS k, %s FROM read_parquet(%s, hive_partitioning = false) GROUP BY %s",
			strings.Join(texts, ", "), counts, list(files), strings.Join(columns, ", "))
	}
	var d Difference
	var examples any
	err = db.QueryRowContext(ctx, fmt.Sprintf(`SELECT coalesce(sum(greatest(o - t, 0)), 0)::BIGINT, coalesce(sum(greatest(t - o, 0)), 0)::BIGINT,
list(k || ': ' || o || ' here, ' || t || ' there' ORDER BY k) FILTER (o <> t)[1:5]
FROM (SELECT k, sum(ours)::BIGINT AS o, sum(theirs)::BIGINT AS t FROM (%s UNION ALL %s) GROUP BY k)`, counted(ours, "ours"), counted(theirs, "theirs"))).
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
