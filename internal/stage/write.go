package stage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// write puts both files in place and proves that every record is accounted for.
func (r *run) write(ctx context.Context) (Result, error) {
	result := Result{Data: r.dataPath(), Rejects: r.rejectsPath(), Records: r.records, NewColumns: slices.Sorted(maps.Keys(r.undeclared))}
	if r.job.Source.NewColumns == "ignore" {
		result.NewColumns = nil
	} else {
		result.Schema = r.shape.schema()
	}
	columns := make([]string, len(r.columns))
	for i, c := range r.columns {
		columns[i] = fmt.Sprintf("v%d AS %s", i, name(c.Name))
	}
	data := fmt.Sprintf("COPY (SELECT %s FROM typed WHERE bad = 0) TO %s (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE %d)", strings.Join(columns, ", "), text(result.Data), r.groupRows())
	reason, column := reasons(r.job.Source, r.columns)
	rejects := fmt.Sprintf(`COPY (SELECT o.name AS object, line, reason, "column",
  CASE WHEN strlen(text) <= 1000 THEN text WHEN strlen(left(text, 333)) <= 1000 THEN left(text, 333) ELSE left(text, 250) END AS text FROM (
SELECT object, line, %s AS reason, %s AS "column", text FROM typed WHERE bad NOT IN (0, %d) UNION ALL SELECT * FROM reject)
JOIN objects o USING (object) ORDER BY object, line, reason, text) TO %s (FORMAT parquet, COMPRESSION zstd)`, reason, column, markRepeat, text(result.Rejects))
	if err := r.exec(ctx, data+"; "+rejects); err != nil {
		return result, err
	}
	if err := r.count(ctx, &result); err != nil {
		return result, err
	}
	return result, r.samples(ctx, &result)
}

// count counts the rows of the files that were written, not those that were meant to be.
func (r *run) count(ctx context.Context, result *Result) error {
	counts := fmt.Sprintf("SELECT (SELECT count(*) FROM read_parquet(%s)), (SELECT count(*) FROM read_parquet(%s)), (SELECT count(*) FROM typed WHERE bad = %d)",
		text(result.Data), text(result.Rejects), markRepeat)
	if err := r.scan(ctx, counts, &result.Staged, &result.Rejected, &result.Deduplicated); err != nil {
		return err
	}
	if sum := result.Staged + result.Rejected + result.Deduplicated; sum != result.Records {
		return fmt.Errorf("stage %s: %d records were read, and %d staged + %d rejected + %d deduplicated are %d",
			r.job.Source.Name, result.Records, result.Staged, result.Rejected, result.Deduplicated, sum)
	}
	if len(r.job.Source.Key) > 0 {
		return nil
	}
	return r.scan(ctx, "SELECT count(*) - count(DISTINCT hash("+r.valueColumns()+")) FROM typed WHERE bad = 0", &result.Repeats)
}

func (r *run) samples(ctx context.Context, result *Result) error {
	rows, err := r.conn.QueryContext(ctx, `SELECT object, line, reason, "column", text FROM read_parquet(`+text(result.Rejects)+") LIMIT 3")
	if err != nil {
		return r.explain(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		var s Reject
		if err := rows.Scan(&s.Object, &s.Line, &s.Reason, &s.Column, &s.Text); err != nil {
			return r.explain(ctx, err)
		}
		result.Samples = append(result.Samples, s)
	}
	if err := rows.Err(); err != nil {
		return r.explain(ctx, err)
	}
	return nil
}
