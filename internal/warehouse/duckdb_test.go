package warehouse_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"daybook/internal/warehouse"
	"daybook/internal/warehouse/warehousetest"
)

func open(t *testing.T, path string) *warehouse.DuckDB {
	t.Helper()
	seoul, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	w, err := warehouse.Duck(context.Background(), warehouse.Options{Path: path, Memory: "512MB", Threads: 2, Zone: seoul, Temp: filepath.Join(filepath.Dir(path), "temp")})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestDuckDB(t *testing.T) {
	warehousetest.Run(t, func(t *testing.T) warehouse.Warehouse { return open(t, filepath.Join(t.TempDir(), "w.duckdb")) })
}
