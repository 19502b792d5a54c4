package stage

import (
	"path/filepath"
	"testing"
)

func TestRoutesAreComparedByTheKeysValuesNotByTheirText(t *testing.T) {
	dir := t.TempDir()
	ours, theirs := filepath.Join(dir, "ours.parquet"), filepath.Join(dir, "theirs.parquet")
	put := func(file, rows string) {
		t.Helper()
		db, err := openFiles()
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec("COPY (" + rows + ") TO " + text(file) + " (FORMAT parquet)"); err != nil {
			t.Fatal(err)
		}
	}
	put(ours, "SELECT '1, 2' AS a, '3' AS b UNION ALL SELECT 'null', 'x' UNION ALL SELECT NULL, 'y'")
	put(theirs, "SELECT '1' AS a, '2, 3' AS b UNION ALL SELECT NULL, 'x' UNION ALL SELECT NULL, 'y'")
	d, err := Compare(t.Context(), []string{ours}, []string{theirs}, []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	if d.Ours != 2 || d.Theirs != 2 || len(d.Examples) != 4 {
		t.Errorf("%+v", d)
	}
	if d, err := Compare(t.Context(), []string{ours}, []string{ours}, []string{"a", "b"}); err != nil || d.Ours+d.Theirs > 0 {
		t.Errorf("with itself: %+v, %v", d, err)
	}
}
