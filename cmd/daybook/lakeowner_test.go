package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/testenv"
)

func TestLakeInABucketHasOneProjectAtATime(t *testing.T) {
	at, name := testenv.Bucket(t)
	t.Setenv("LAKE_KEY", at.AccessKey)
	t.Setenv("LAKE_SECRET", at.SecretKey)
	open := func(dir string) (*house, error) {
		p := &program{env: project.Environment, out: io.Discard, err: io.Discard, dir: dir, format: "table"}
		return p.openHouse(t.Context(), "test")
	}
	text := fmt.Sprintf("name: shop\nwarehouse: {memory: 512MB, threads: 1}\nlake:\n  bucket: s3://%s/lake\n  aws: {region: %s, endpoint: %q, access_key: env:LAKE_KEY, secret_key: env:LAKE_SECRET}\n", name, at.Region, at.Endpoint)
	one, two := t.TempDir(), t.TempDir()
	for _, dir := range []string{one, two} {
		writeFiles(t, dir, map[string]string{"daybook.yaml": text, "sources/orders.yaml": "from: files\npath: data/{day}.ndjson\nkey: id\ncolumns:\n  id: text\n", "tables/orders_all.sql": "SELECT id FROM orders\n"})
	}
	first, err := open(one)
	if err != nil {
		t.Fatal(err)
	}
	_, err = open(two)
	if !fault.Is(err, fault.Busy) || !strings.Contains(fmt.Sprint(err), "daybook test on ") || !strings.Contains(fmt.Sprint(err), fmt.Sprintf("(process %d)", os.Getpid())) {
		t.Errorf("the second project: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := open(two)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

func TestACopyOfTheDataIsAnotherHomeOfTheLake(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	first, err := lakeHome("report-1", one)
	again, err2 := lakeHome("report-1", one)
	id, err3 := os.ReadFile(filepath.Join(one, "lake-home"))
	if err := errors.Join(err, err2, err3, os.WriteFile(filepath.Join(two, "lake-home"), id, 0o600)); err != nil {
		t.Fatal(err)
	}
	copied, err := lakeHome("report-1", two)
	moved, err2 := lakeHome("report-2", one)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if first != again || first == copied || first == moved {
		t.Errorf("homes: %q, %q, %q, %q", first, again, copied, moved)
	}
}
