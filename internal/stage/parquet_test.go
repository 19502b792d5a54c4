package stage

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"daybook/internal/fault"
)

// parquetOf writes the rows of a SELECT.
func parquetOf(t *testing.T, statement string) object {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	path := filepath.Join(t.TempDir(), "x.parquet")
	if _, err := db.Exec("SET TimeZone = 'UTC'; COPY (" + statement + ") TO '" + path + "' (FORMAT parquet)"); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return object{"x.parquet", string(content)}
}

func TestParquetRowsAreCastToTheDeclaredTypes(t *testing.T) {
	s := contract("parquet", "id integer!", "at timestamptz", "name<who.name text", "n integer", "price decimal(10,2)", "tags text[]", "raw text", "j json")
	s.MaxRejects = 5
	file := parquetOf(t, `SELECT * FROM (VALUES
(1::BIGINT, TIMESTAMP '2026-11-19 10:00:00', {'name': 'x'}, '5', 1.5::DOUBLE, ['a'], encode('가'), {'a': 1}, 0),
(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0),
(3, NULL, {'name': NULL}, 'five', NULL, NULL, NULL, NULL, 0),
(5000000000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0)) AS t(id, "at", who, n, price, tags, raw, j, more)`)
	for _, o := range []object{file, {"x.parquet.gz", zip(t, file.content)}} {
		result := mustRun(t, jobFor(t, s, o))
		same(t, read(t, result.Data), []string{`1|2026-11-19 10:00:00+00|x|5|1.50|[a]|가|{"a":1}`})
		same(t, query(t, "SELECT line, reason FROM read_parquet('"+result.Rejects+"')"), []string{
			"2|id is required and missing", `3|n is declared integer and came as text "five"`, `4|id is declared integer and came as bigint 5000000000`})
		same(t, result.NewColumns, []string{"more"})
		same(t, result.Records, int64(4))
	}
}

func TestAParquetFileWithoutADeclaredColumnIsRefused(t *testing.T) {
	mustFail(t, jobFor(t, contract("parquet", "id integer", "x<y text"), parquetOf(t, "SELECT 1 AS id")), fault.Invalid, "has no column y", "it has id")
}

// The lake keeps objects in directories such as day=2026-11-16, which the engine would take for a column.
func TestAParquetFileSaysItsOwnDay(t *testing.T) {
	for _, c := range []struct {
		statement string
		columns   []string
		rows      []string
	}{
		{"SELECT 1 AS id, DATE '2026-11-01' AS day", []string{"id integer", "day date"}, []string{"1|2026-11-01"}},
		{"SELECT 1 AS id", []string{"id integer"}, []string{"1"}},
	} {
		s := contract("parquet", c.columns...)
		s.NewColumns = "fail"
		job := jobFor(t, s, parquetOf(t, c.statement))
		dir := filepath.Join(t.TempDir(), "day=2026-11-16")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "x.parquet")
		if err := os.Rename(job.Objects[0].Path, path); err != nil {
			t.Fatal(err)
		}
		job.Objects[0].Path = path
		same(t, read(t, mustRun(t, job).Data), c.rows)
		found, err := Infer(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		same(t, len(found.Columns), len(c.columns))
	}
}
