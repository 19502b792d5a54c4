package stage

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2" // the driver
)

// Peek reads the first rows of a file that Run wrote, every value as its text and null as nil.
func Peek(ctx context.Context, file string, limit int) (columns []string, rows [][]any, err error) {
	db, err := sql.Open("duckdb", "?autoinstall_known_extensions=false&autoload_known_extensions=false&threads=1&memory_limit=256MB")
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", file, err)
	}
	defer db.Close()
	found, err := db.QueryContext(ctx, fmt.Sprintf("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM read_parquet('%s', hive_partitioning = false) LIMIT %d", strings.ReplaceAll(file, "'", "''"), limit))
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", file, err)
	}
	defer found.Close()
	if columns, err = found.Columns(); err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", file, err)
	}
	for found.Next() {
		texts, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range texts {
			into[i] = &texts[i]
		}
		if err := found.Scan(into...); err != nil {
			return nil, nil, fmt.Errorf("read %s: %w", file, err)
		}
		row := make([]any, len(columns))
		for i, t := range texts {
			if t.Valid {
				row[i] = t.String
			}
		}
		rows = append(rows, row)
	}
	if err := found.Err(); err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", file, err)
	}
	return columns, rows, nil
}
