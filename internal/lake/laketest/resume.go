package laketest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
	"daybook/internal/lake"
)

func resume(t *testing.T, l lake.Lake, plan string, want ...string) lake.Batch {
	t.Helper()
	b, kept, err := l.Resume(t.Context(), searches(), plan)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range kept {
		got = append(got, k.Name+" "+k.Origin+" "+k.State)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("kept (-want +got):\n%s", d)
	}
	return b
}

func keep(t *testing.T, b lake.Batch, name, state string) {
	t.Helper()
	if _, err := b.Put(t.Context(), lake.Part{Name: name, Origin: "from", State: state}, strings.NewReader(name+" "+state)); err != nil {
		t.Fatal(err)
	}
}

func takenUp(t *testing.T, l lake.Lake) {
	b := resume(t, l, "plan")
	keep(t, b, "1", "after 1")
	keep(t, b, "2", "after 2")
	b.Suspend()
	b.Abort() // does nothing any more
	if _, err := l.Manifest(t.Context(), searches()); !fault.Is(err, fault.NotFound) {
		t.Fatalf("an unfinished batch is visible: %v", err)
	}
	if err := l.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	b = resume(t, l, "plan", "1 from after 1", "2 from after 2") // left as by a crash: neither suspended nor ended
	keep(t, b, "3", "after 3")
	if err := l.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	b = resume(t, l, "plan", "1 from after 1", "2 from after 2", "3 from after 3")
	m, err := b.Commit(t.Context(), meta())
	if err != nil {
		t.Fatal(err)
	}
	holds(t, l, searches(), m)
	for _, name := range []string{"1", "2", "3"} {
		if got := read(t, l, m, name); got != name+" after "+name {
			t.Errorf("object %s holds %q", name, got)
		}
	}
	b = resume(t, l, "plan") // what was committed is not taken up
	b.Abort()
	holds(t, l, searches(), m)
}

func anotherPlan(t *testing.T, l lake.Lake) {
	b := resume(t, l, "plan")
	keep(t, b, "1", "after 1")
	b.Suspend()
	b = resume(t, l, "another")
	keep(t, b, "a", "after a")
	b.Suspend()
	b = resume(t, l, "plan")
	b.Suspend()
	m := commit(t, l, searches(), "a", "whole")
	b = resume(t, l, "plan")
	b.Abort()
	holds(t, l, searches(), m)
}

func nothingSuspended(t *testing.T, l lake.Lake) {
	b := begin(t, l, searches())
	put(t, b, "a", "1")
	b.Suspend()
	if keys, err := l.Keys(t.Context(), lake.Raw, "searches"); err != nil || len(keys) > 0 {
		t.Errorf("a batch of Begin left %v, %v", keys, err)
	}
	resume(t, l, "plan").Abort()
	b = resume(t, l, "plan")
	keep(t, b, "1", "after 1")
	b.Suspend()
	if err := l.Remove(t.Context(), searches()); err != nil {
		t.Fatal(err)
	}
	resume(t, l, "plan").Abort()
}
