package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestGenerateWritesTheOpenDaysOfTheShop(t *testing.T) {
	dir := t.TempDir()
	out := mustCall(t, "generate", "shop", "--days", "3", "--end", "2026-11-16", "--per-day", "200", "-o", dir)
	if !strings.HasPrefix(out, "2 days and 1 closed, ") {
		t.Errorf("it says %s", out)
	}
	orders, err := filepath.Glob(filepath.Join(dir, "orders", "*.csv"))
	if err != nil || len(orders) != 2 {
		t.Errorf("a Saturday, a Sunday and a Monday give %v: %v", orders, err)
	}
}
