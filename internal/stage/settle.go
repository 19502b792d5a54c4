package stage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// settle applies the source's key to the records that fit. Where different records of one key fail the build, the text names some of them.
func (r *run) settle(ctx context.Context) (unlike string, err error) {
	s := r.job.Source
	if len(s.Key) == 0 {
		return "", nil
	}
	key := r.keyColumns()
	var repeated int64
	if err := r.scan(ctx, fmt.Sprintf("SELECT count(*) - count(DISTINCT %s) FROM typed WHERE bad = 0", r.keyValue()), &repeated); err != nil || repeated == 0 {
		return "", err
	}
	among := fmt.Sprintf("bad = 0 AND %[1]s IN (SELECT %[1]s FROM typed WHERE bad = 0 GROUP BY ALL HAVING count(*) > 1)", r.keyValue())
	if err := r.dropAllButFirst(ctx, among, r.valueColumns(), "object, line"); err != nil {
		return "", err
	}
	switch s.Duplicates {
	case "latest":
		// Among equals by the names of objects, not by their order, which is other when they were fetched side by side.
		return "", r.dropAllButFirst(ctx, among, key, r.valueOf(s.LatestBy)+" DESC NULLS LAST, name DESC, line DESC")
	case "reject":
		return "", r.exec(ctx, fmt.Sprintf("UPDATE typed SET bad = %d, text = %s WHERE %s", markUnlike, r.shown(), among))
	}
	return r.unlike(ctx, key, among)
}

// dropAllButFirst marks the records that follow another one of the same values.
func (r *run) dropAllButFirst(ctx context.Context, among, values, order string) error {
	return r.exec(ctx, fmt.Sprintf(`UPDATE typed SET bad = %d WHERE rowid IN (SELECT id FROM (
SELECT typed.rowid AS id, row_number() OVER (PARTITION BY %s ORDER BY %s) AS n FROM typed JOIN objects USING (object) WHERE %s) WHERE n > 1)`, markRepeat, values, order, among))
}

// unlike names the first keys that have different records.
func (r *run) unlike(ctx context.Context, key, among string) (string, error) {
	rows, err := r.conn.QueryContext(ctx, fmt.Sprintf(`SELECT concat_ws(', ', %s), string_agg(o.name || ' line ' || line, ', ' ORDER BY object, line)[1:300]
FROM (SELECT * FROM typed WHERE %s) JOIN objects o USING (object) GROUP BY ALL ORDER BY min(object), min(line) LIMIT 3`, key, among))
	if err != nil {
		return "", r.explain(ctx, err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var key, places string
		if err := rows.Scan(&key, &places); err != nil {
			return "", r.explain(ctx, err)
		}
		found = append(found, key+" ("+places+")")
	}
	if err := rows.Err(); err != nil {
		return "", r.explain(ctx, err)
	}
	return strings.Join(found, "; "), nil
}

func (r *run) scan(ctx context.Context, query string, into ...any) error {
	if err := r.conn.QueryRowContext(ctx, query).Scan(into...); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return r.explain(ctx, err)
	}
	return nil
}

// shown is the text of a record that fits, made of its values.
func (r *run) shown() string {
	parts := make([]string, len(r.columns))
	for i, c := range r.columns {
		parts[i] = fmt.Sprintf("%s, CAST(v%d AS VARCHAR)", text(c.Name), i)
	}
	return "left(CAST(json_object(" + strings.Join(parts, ", ") + ") AS VARCHAR), 1000)"
}

// valueOf is the column of typed that holds a declared column's values.
func (r *run) valueOf(declared string) string {
	for i, c := range r.columns {
		if c.Name == declared {
			return fmt.Sprintf("v%d", i)
		}
	}
	return "NULL"
}

func (r *run) keyColumns() string {
	out := make([]string, len(r.job.Source.Key))
	for i, k := range r.job.Source.Key {
		out[i] = r.valueOf(k)
	}
	return strings.Join(out, ", ")
}

// keyValue is the whole key as one value.
func (r *run) keyValue() string {
	if len(r.job.Source.Key) == 1 {
		return r.keyColumns()
	}
	parts := make([]string, len(r.job.Source.Key))
	for i, k := range r.job.Source.Key {
		parts[i] = fmt.Sprintf("k%d := %s", i, r.valueOf(k))
	}
	return "struct_pack(" + strings.Join(parts, ", ") + ")"
}

func (r *run) valueColumns() string {
	out := make([]string, len(r.columns))
	for i := range r.columns {
		out[i] = fmt.Sprintf("v%d", i)
	}
	return strings.Join(out, ", ")
}
