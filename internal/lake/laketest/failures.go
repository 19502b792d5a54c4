package laketest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"daybook/internal/fault"
	"daybook/internal/lake"
)

func crash(t *testing.T, l lake.Lake) {
	first := commit(t, l, searches(), "a.ndjson", "a\n")
	second := commit(t, l, searches(), "a.ndjson", "a2\n")
	put(t, begin(t, l, searches()), "a.ndjson", "never committed\n")
	fresh := searches()
	fresh.Day = fresh.Day.Add(1)
	put(t, begin(t, l, fresh), "a.ndjson", "never committed\n")
	holds(t, l, searches(), second)
	if err := l.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	holds(t, l, searches(), second)
	if got := read(t, l, first, "a.ndjson"); got != "a\n" {
		t.Errorf("earlier generation after the sweep: %q", got)
	}
	_, err := l.Manifest(t.Context(), fresh)
	wantCode(t, "day of which only a crashed batch was", err, fault.NotFound)
}

func fullDisk(t *testing.T, l lake.Lake) {
	before := commit(t, l, searches(), "a.ndjson", "a\n")
	b := begin(t, l, searches())
	full := io.MultiReader(strings.NewReader("half of it"), iotest.ErrReader(&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}))
	_, err := b.Put(t.Context(), lake.Part{Name: "a.ndjson"}, full)
	wantCode(t, "full disk", err, fault.NoSpace)
	if fault.Hint(err) == "" {
		t.Error("a full disk comes without a hint")
	}
	if _, err := b.Commit(t.Context(), meta()); err == nil {
		t.Error("the batch was committed")
	}
	b.Abort()
	holds(t, l, searches(), before)
}

func failedPart(t *testing.T, l lake.Lake) {
	broken := errors.New("connection reset")
	b := begin(t, l, searches())
	defer b.Abort()
	put(t, b, "1.ndjson", "whole\n")
	if _, err := b.Put(t.Context(), lake.Part{Name: "2.ndjson"}, io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("put: %v", err)
	}
	put(t, b, "3.ndjson", "whole\n")
	if _, err := b.Commit(t.Context(), meta()); !errors.Is(err, broken) {
		t.Errorf("commit of a batch with a failed part: %v", err)
	}
	_, err := l.Manifest(t.Context(), searches())
	wantCode(t, "after the failed part", err, fault.NotFound)
}

func cancelledPut(t *testing.T, l lake.Lake) {
	b := begin(t, l, searches())
	defer b.Abort()
	ctx, cancel := context.WithCancel(t.Context())
	endless := readerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })
	if _, err := b.Put(ctx, lake.Part{Name: "a.ndjson"}, endless); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	if _, err := b.Commit(t.Context(), meta()); !errors.Is(err, context.Canceled) {
		t.Errorf("commit: %v", err)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Damager is what a lake brings for its test whose Local is not the stored object itself: it changes, or with nil removes, that.
type Damager interface {
	Damage(t *testing.T, m lake.Manifest, name string, b []byte)
}

func damagedObject(t *testing.T, l lake.Lake) {
	m := commit(t, l, searches(), "a.ndjson", "aaa\n", "b.ndjson", "bbb\n", "c.ndjson", "ccc\n", "whole.ndjson", "d\n")
	change := func(name string, b []byte) {
		if d, ok := l.(Damager); ok {
			d.Damage(t, m, name, b)
			return
		}
		file, err := l.Local(t.Context(), m, name)
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			err = os.Remove(file)
		} else {
			err = os.WriteFile(file, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	change("a.ndjson", []byte("aXa\n"))
	change("b.ndjson", []byte("bbb\nmore\n"))
	change("c.ndjson", nil)
	for _, name := range []string{"b.ndjson", "c.ndjson"} {
		_, err := l.Open(t.Context(), m, name)
		wantCode(t, "open "+name, err, fault.Damaged)
		_, err = l.Local(t.Context(), m, name)
		wantCode(t, "local "+name, err, fault.Damaged)
	}
	err := l.Verify(t.Context(), m)
	wantCode(t, "verify", err, fault.Damaged)
	for _, name := range []string{"a.ndjson", "b.ndjson", "c.ndjson"} {
		if !strings.Contains(fmt.Sprint(err), name) {
			t.Errorf("verify does not name %s: %v", name, err)
		}
	}
	if strings.Contains(fmt.Sprint(err), "whole.ndjson") {
		t.Errorf("verify names a whole object: %v", err)
	}
}
