package laketest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
	"daybook/internal/lake"
)

func readBack(t *testing.T, l lake.Lake) {
	m := commit(t, l, searches(), "2.ndjson", "two\n", "10.한국어.ndjson.gz", "\x1f\x8b\x00")
	want := lake.Manifest{Format: 1, Layer: lake.Raw, Node: "searches", Day: searches().Day, Generation: m.Generation,
		Objects: []lake.Object{
			{Name: "2.ndjson", Bytes: 4, SHA256: hashOf("two\n"), Origin: "logs/2.ndjson"},
			{Name: "10.한국어.ndjson.gz", Bytes: 3, SHA256: hashOf("\x1f\x8b\x00"), Origin: "logs/10.한국어.ndjson.gz"},
		}, Missing: meta().Missing, Run: meta().Run, Created: meta().Created, Facts: meta().Facts}
	if d := cmp.Diff(want, m, days()); d != "" {
		t.Errorf("committed manifest (-want +got):\n%s", d)
	}
	holds(t, l, searches(), want)
	if got := read(t, l, m, "10.한국어.ndjson.gz"); got != "\x1f\x8b\x00" {
		t.Errorf("object: %q", got)
	}
	file, err := l.Local(t.Context(), m, "2.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "two\n" {
		t.Errorf("local file: %q, %v", b, err)
	}
	_, err = l.Open(t.Context(), m, "3.ndjson")
	wantCode(t, "an object that the manifest does not have", err, fault.NotFound)
}

func nothingBeforeCommit(t *testing.T, l lake.Lake) {
	b := begin(t, l, searches())
	put(t, b, "a.ndjson", "a\n")
	for _, what := range []string{"open batch", "aborted batch"} {
		_, err := l.Manifest(t.Context(), searches())
		wantCode(t, what, err, fault.NotFound)
		if got, err := l.Keys(t.Context(), lake.Raw, "searches"); err != nil || len(got) > 0 {
			t.Errorf("%s: keys %v, %v", what, got, err)
		}
		b.Abort()
	}
}

func twoGenerations(t *testing.T, l lake.Lake) {
	first := commit(t, l, searches(), "a.ndjson", "a\n", "b.ndjson", "b\n")
	same := commit(t, l, searches(), "b.ndjson", "b\n", "a.ndjson", "a\n")
	other := commit(t, l, searches(), "a.ndjson", "changed\n")
	holds(t, l, searches(), other)
	if first.Generation == same.Generation || first.Hash() != same.Hash() || first.Hash() == other.Hash() {
		t.Errorf("hashes %s, %s, %s: the same objects have one hash, others another", first.Hash(), same.Hash(), other.Hash())
	}
	for _, m := range []lake.Manifest{first, same} {
		if err := l.Verify(t.Context(), m); err != nil {
			t.Errorf("earlier generation: %v", err)
		}
	}
}

func adopt(t *testing.T, l lake.Lake) {
	k := lake.Key{Layer: lake.Stage, Node: "searches", Day: searches().Day}
	file := filepath.Join(t.TempDir(), "made.parquet")
	if err := os.WriteFile(file, []byte("PAR1"), 0o644); err != nil {
		t.Fatal(err)
	}
	b := begin(t, l, k)
	defer b.Abort()
	o, err := b.Adopt(t.Context(), "part-0.parquet", "raw", file, 7)
	if err != nil {
		t.Fatal(err)
	}
	want := lake.Object{Name: "part-0.parquet", Bytes: 4, SHA256: hashOf("PAR1"), Rows: 7, Origin: "raw"}
	if o != want {
		t.Errorf("adopted %+v, want %+v", o, want)
	}
	m, err := b.Commit(t.Context(), meta())
	if err != nil {
		t.Fatal(err)
	}
	holds(t, l, k, m)
	if d := cmp.Diff([]lake.Object{want}, m.Objects); d != "" {
		t.Error(d)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the adopted file is still where it was: %v", err)
	}
	again := begin(t, l, k)
	defer again.Abort()
	if _, err := again.Adopt(t.Context(), "part-0.parquet", "", t.TempDir(), 0); err == nil {
		t.Error("a directory was adopted")
	}
}

func emptyBatch(t *testing.T, l lake.Lake) {
	m := commit(t, l, searches())
	holds(t, l, searches(), m)
	if m.Hash() != hashOf("") {
		t.Errorf("hash of no objects: %s", m.Hash())
	}
}

func parallel(t *testing.T, l lake.Lake) {
	b := begin(t, l, searches())
	defer b.Abort()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, err := b.Put(t.Context(), lake.Part{Name: fmt.Sprintf("%d.ndjson", i)}, bytes.NewReader(bytes.Repeat([]byte{byte(i)}, 1000))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	m, err := b.Commit(t.Context(), meta())
	if err != nil || len(m.Objects) != 8 {
		t.Fatalf("%d objects, %v", len(m.Objects), err)
	}
	holds(t, l, searches(), m)
}

func ended(t *testing.T, l lake.Lake) {
	committed, aborted := begin(t, l, searches()), begin(t, l, searches())
	put(t, committed, "a", "1")
	m, err := committed.Commit(t.Context(), meta())
	if err != nil {
		t.Fatal(err)
	}
	committed.Abort()
	aborted.Abort()
	for _, b := range []lake.Batch{committed, aborted} {
		if _, err := b.Put(t.Context(), lake.Part{Name: "b"}, strings.NewReader("2")); err == nil {
			t.Error("a batch that is over took an object")
		}
		if _, err := b.Commit(t.Context(), meta()); err == nil {
			t.Error("a batch that is over was committed")
		}
	}
	holds(t, l, searches(), m)
}
