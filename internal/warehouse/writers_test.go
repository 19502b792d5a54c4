package warehouse

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"daybook/internal/calendar"
	"daybook/internal/project"
)

func TestLoadsOfManyDaysAtOnceAllArrive(t *testing.T) {
	w, err := Duck(t.Context(), Options{Path: filepath.Join(t.TempDir(), "w.duckdb"), Memory: "512MB", Threads: 2, Temp: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	first := calendar.MustDay("2026-11-01")
	const days, nodes = 12, 4
	var wg sync.WaitGroup
	for d := range days {
		for n := range nodes {
			wg.Go(func() {
				// Every third day brings a column more, so that shapes change while others load.
				sql := fmt.Sprintf("SELECT %d AS n, %d AS d", n, d)
				if d%3 == 0 {
					sql += fmt.Sprintf(", 'x' AS more_%d", d)
				}
				load := Load{Kind: project.KindMart, Node: fmt.Sprintf("node_%d", n), Day: first.Add(d), Asked: first.Add(d), SQL: sql, Key: []string{"day"}, Diff: d%2 == 0}
				if _, err := w.Load(t.Context(), load); err != nil {
					t.Errorf("node %d day %d: %v", n, d, err)
				}
			})
		}
	}
	wg.Wait()
	for n := range nodes {
		rows, err := w.Query(t.Context(), fmt.Sprintf("SELECT count(*), count(DISTINCT day), sum(d) FROM node_%d", n), first)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := fmt.Sprint(rows.Values[0]), fmt.Sprint([]any{days, days, days * (days - 1) / 2}); got != want {
			t.Errorf("node %d holds %s, want %s", n, got, want)
		}
	}
	records, err := w.Records(t.Context())
	if err != nil || len(records) != days*nodes {
		t.Errorf("%d records, %v", len(records), err)
	}
}
