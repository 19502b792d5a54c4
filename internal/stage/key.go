package stage

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// keyColumns bounds the columns of which pairs are tried.
const keyColumns = 12

// Unique finds, in a file that Run wrote, the first of the columns that no two rows have alike, or else the first such pair; null is alike too.
// It is nil where there is none, and in a file of fewer than two rows.
func Unique(ctx context.Context, file string, columns []string) ([]string, error) {
	var sets [][]string
	for _, c := range columns {
		sets = append(sets, []string{c})
	}
	few := columns[:min(len(columns), keyColumns)]
	for i, a := range few {
		for _, b := range few[i+1:] {
			sets = append(sets, []string{a, b})
		}
	}
	if len(sets) == 0 {
		return nil, nil
	}
	db, err := sql.Open("duckdb", "?autoinstall_known_extensions=false&autoload_known_extensions=false&threads=1&memory_limit=512MB")
	if err != nil {
		return nil, fmt.Errorf("look for a key in %s: %w", file, err)
	}
	defer db.Close()
	for _, set := range sets {
		names := make([]string, len(set))
		for i, c := range set {
			names[i] = name(c)
		}
		var unique bool
		query := fmt.Sprintf("SELECT count(*) > 1 AND count(*) = count(DISTINCT hash(%s)) FROM read_parquet(%s, hive_partitioning = false)", strings.Join(names, ", "), text(file))
		if err := db.QueryRowContext(ctx, query).Scan(&unique); err != nil {
			return nil, fmt.Errorf("look for a key in %s: %w", file, err)
		}
		if unique {
			return set, nil
		}
	}
	return nil, nil
}
