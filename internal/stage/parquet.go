package stage

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"daybook/internal/fault"
)

// parquet types the rows of one Parquet file; a reject's line is its row.
func (r *run) parquet(ctx context.Context, object int, o Object) error {
	path, size, err := r.plain(o)
	if err != nil {
		return err
	}
	file := "read_parquet(" + text(path) + ", file_row_number = true, hive_partitioning = false)"
	has, err := r.describe(ctx, o, file)
	if err != nil {
		return err
	}
	kinds := make([]string, len(r.columns))
	var values strings.Builder
	for i, c := range r.columns {
		expression := place(c, has)
		if kinds[i], err = r.kind(ctx, expression, file); err != nil {
			return fault.New(fault.Invalid, fmt.Sprintf("%s has no column %s", o.Name, c.from()), "it has "+strings.Join(has, ", ")+"; say from: for the name at the source")
		}
		fmt.Fprintf(&values, ", %s AS r%d", expression, i)
	}
	for _, n := range has {
		r.note(n)
	}
	relation := fmt.Sprintf("SELECT %d AS object, file_row_number + 1 AS line, true AS ok%s FROM %s", object, values.String(), file)
	insert := typing(r.columns, relation, r.rowText(), forms{
		fits: func(c column, i int, raw string) string { return c.fitsValue(raw, kinds[i]) },
		came: func(_ column, i int, _ string) string { return text(parquetKind(kinds[i])) },
	})
	if err := r.conn.QueryRowContext(ctx, "SELECT count(*) + $records FROM "+file, r.records).Scan(&r.records); err != nil {
		return r.unreadable(ctx, o, err)
	}
	if _, err := r.conn.ExecContext(ctx, insert); err != nil {
		return r.unreadable(ctx, o, err)
	}
	r.read(size)
	return nil
}

// plain is the path of the uncompressed file, and how many raw bytes nobody was told of yet.
func (r *run) plain(o Object) (path string, unread int64, err error) {
	if !strings.HasSuffix(o.Name, ".gz") && !strings.HasSuffix(o.Name, ".zst") {
		info, err := os.Stat(o.Path)
		if err != nil {
			return "", 0, fmt.Errorf("stage %s: %w", o.Name, err)
		}
		return o.Path, info.Size(), nil
	}
	in, err := r.open(o)
	if err != nil {
		return "", 0, err
	}
	defer in.close()
	path = filepath.Join(r.temp, "plain.parquet")
	if err := os.MkdirAll(r.temp, 0o700); err != nil {
		return "", 0, fmt.Errorf("stage %s: %w", o.Name, err)
	}
	out, err := os.Create(path)
	if err != nil {
		return "", 0, fmt.Errorf("stage %s: %w", o.Name, err)
	}
	_, err = io.Copy(out, in)
	if end := out.Close(); err == nil && end != nil {
		return "", 0, fmt.Errorf("stage %s: %w", o.Name, end)
	}
	return path, 0, in.explain(err)
}

// unreadable tells a damaged file from trouble of the engine.
func (r *run) unreadable(ctx context.Context, o Object, err error) error {
	if explained := r.explain(ctx, err); ctx.Err() != nil || fault.Code(explained) != "" {
		return explained
	}
	return damaged(o, err)
}

func (r *run) describe(ctx context.Context, o Object, file string) ([]string, error) {
	rows, err := r.conn.QueryContext(ctx, "SELECT column_name, column_type FROM (DESCRIBE SELECT * EXCLUDE (file_row_number) FROM "+file+")")
	if err != nil {
		return nil, r.unreadable(ctx, o, err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var n, kind string
		if err := rows.Scan(&n, &kind); err != nil {
			return nil, r.unreadable(ctx, o, err)
		}
		r.shape.add(n, parquetKind(kind))
		names = append(names, n)
	}
	if err := rows.Err(); err != nil {
		return nil, r.unreadable(ctx, o, err)
	}
	return names, nil
}

// place is the expression of the column: one of that name, or a field within a struct.
func place(c column, has []string) string {
	if slices.Contains(has, c.from()) {
		return name(c.from())
	}
	expression := name(c.path[0])
	for _, step := range c.path[1:] {
		expression = "struct_extract(" + expression + ", " + text(step) + ")"
	}
	return expression
}

func (r *run) kind(ctx context.Context, expression, file string) (string, error) {
	var kind string
	err := r.conn.QueryRowContext(ctx, "SELECT column_type FROM (DESCRIBE SELECT "+expression+" FROM "+file+")").Scan(&kind)
	return strings.ReplaceAll(kind, "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"), err
}

// rowText shows a row as JSON.
func (r *run) rowText() string {
	parts := make([]string, len(r.columns))
	for i, c := range r.columns {
		parts[i] = text(c.Name) + fmt.Sprintf(", CAST(r%d AS VARCHAR)", i)
	}
	return "CAST(json_object(" + strings.Join(parts, ", ") + ") AS VARCHAR)"
}

// fitsValue is an expression for the declared type's value of raw, which has the engine type kind; null when it does not fit.
func (c column) fitsValue(raw, kind string) string {
	whole := c.Type == "integer" || c.Type == "bigint"
	switch {
	case kind == c.sql:
		return raw
	case kind == "VARCHAR" || kind == "JSON" && !c.Type.Scalar():
		return c.fits(raw)
	case dated(c.Type) && !c.Type.Scalar() && strings.Contains(kind, "VARCHAR"):
		return c.fitsWithin(fmt.Sprintf("TRY(CAST(%s AS %s))", raw, asTexts(c.Type)))
	case kind == "BLOB" && c.Type == "text":
		return "TRY(decode(" + raw + "))"
	case whole && (kind == "DOUBLE" || kind == "FLOAT" || strings.HasPrefix(kind, "DECIMAL")):
		return fmt.Sprintf("CASE WHEN %s %% 1 = 0 THEN TRY_CAST(%s AS %s) END", raw, raw, c.sql)
	case c.Type == "json":
		return "to_json(" + raw + ")"
	}
	return fmt.Sprintf("TRY(CAST(%s AS %s))", raw, c.sql)
}

// parquetKind is our name of an engine type, as far as there is one.
func parquetKind(kind string) string {
	switch kind {
	case "VARCHAR":
		return "text"
	case "TINYINT", "SMALLINT", "UTINYINT", "USMALLINT":
		return "integer"
	}
	return strings.ReplaceAll(strings.ToLower(kind), "varchar", "text")
}
