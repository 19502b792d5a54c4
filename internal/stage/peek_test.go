package stage

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPeekGivesTheFirstRowsAsText(t *testing.T) {
	file := filepath.Join(t.TempDir(), "it's.parquet")
	body := parquetOf(t, "SELECT 1 AS n, [1, 2] AS list, NULL::VARCHAR AS nothing UNION ALL SELECT 2, [], 'b' ORDER BY n").content
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	columns, rows, err := Peek(context.Background(), file, 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"n", "list", "nothing"}, columns); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][]any{{"1", "[1, 2]", nil}}, rows); diff != "" {
		t.Error(diff)
	}
}
