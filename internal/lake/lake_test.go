package lake_test

import (
	"path/filepath"
	"testing"

	"daybook/internal/lake"
	"daybook/internal/lake/laketest"
)

func TestDirectoryIsALake(t *testing.T) {
	t.Parallel()
	laketest.Run(t, func(t *testing.T) lake.Lake {
		d, err := lake.OpenDir(filepath.Join(t.TempDir(), "lake"))
		if err != nil {
			t.Fatal(err)
		}
		return d
	})
}
