package stage

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2" // the driver
)

// openFiles is an engine that reads files that Run wrote, and little else.
func openFiles() (*sql.DB, error) {
	return sql.Open("duckdb", "?autoinstall_known_extensions=false&autoload_known_extensions=false&threads=1&memory_limit=256MB")
}

// list is files as an argument of read_parquet.
func list(files []string) string {
	texts := make([]string, len(files))
	for i, f := range files {
		texts[i] = text(f)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// Peek reads the first rows of a file that Run wrote, every value as its text and null as nil.
func Peek(ctx context.Context, file string, limit int) (columns []string, rows [][]any, err error) {
	db, err := openFiles()
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", file, err)
	}
	defer db.Close()
	found, err := db.QueryContext(ctx, fmt.Sprintf("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM read_parquet(%s, hive_partitioning = false) LIMIT %d", text(file), limit))
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

// Distinct lists the distinct values of a column in files that Run wrote, each as its text and in that order; null is none.
func Distinct(ctx context.Context, files []string, column string) ([]string, error) {
	if len(files) == 0 {
		return nil, nil
	}
	db, err := openFiles()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", column, err)
	}
	defer db.Close()
	found, err := db.QueryContext(ctx, fmt.Sprintf("SELECT DISTINCT CAST(%s AS VARCHAR) AS v FROM read_parquet(%s, hive_partitioning = false) WHERE v IS NOT NULL ORDER BY v",
		name(column), list(files)))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", column, err)
	}
	defer found.Close()
	var values []string
	for found.Next() {
		var v string
		if err := found.Scan(&v); err != nil {
			return nil, fmt.Errorf("read %s: %w", column, err)
		}
		values = append(values, v)
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", column, err)
	}
	return values, nil
}
