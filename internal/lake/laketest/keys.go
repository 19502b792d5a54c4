package laketest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"daybook/internal/fault"
	"daybook/internal/lake"
)

func badNames(t *testing.T, l lake.Lake) {
	for _, name := range []string{"", ".", "..", "../a", "a/b", `a\b`, "/a", ".hidden", "a\x00b", "a\nb", "a*", "a[1]", "a'b", "a\xff", strings.Repeat("a", 201)} {
		b := begin(t, l, searches())
		_, err := b.Put(t.Context(), lake.Part{Name: name}, strings.NewReader("x"))
		wantCode(t, fmt.Sprintf("object %q", name), err, fault.Invalid)
		b.Abort()
		_, err = l.Begin(t.Context(), lake.Key{Layer: lake.Raw, Node: name})
		wantCode(t, fmt.Sprintf("node %q", name), err, fault.Invalid)
	}
	b := begin(t, l, searches())
	defer b.Abort()
	put(t, b, "a", "1")
	_, err := b.Put(t.Context(), lake.Part{Name: "a"}, strings.NewReader("2"))
	wantCode(t, "a name that comes twice", err, fault.Invalid)
	for _, k := range []lake.Key{{Layer: "cellar", Node: "a"}, {Layer: lake.Raw, Node: "a", Number: 1}, {Layer: lake.Editions, Node: "a"}, {Layer: lake.Prints, Node: "a"}} {
		_, err := l.Manifest(t.Context(), k)
		wantCode(t, fmt.Sprintf("key %+v", k), err, fault.Invalid)
	}
}

func keys(t *testing.T, l lake.Lake) {
	day := searches().Day
	current := lake.Key{Layer: lake.Raw, Node: "books"}
	want := map[lake.Layer][]lake.Key{
		lake.Raw: {current, {Layer: lake.Raw, Node: "books", Day: day.Add(-1)}, {Layer: lake.Raw, Node: "books", Day: day}},
		lake.Editions: {{Layer: lake.Editions, Node: "books", Day: day, Number: 1}, {Layer: lake.Editions, Node: "books", Day: day, Number: 2},
			{Layer: lake.Editions, Node: "books", Day: day, Number: 10}, {Layer: lake.Editions, Node: "books", Day: day.Add(1), Number: 1}},
	}
	for _, ks := range want {
		for i := range ks {
			k := ks[len(ks)-1-i]
			holds(t, l, k, commit(t, l, k, "a", k.String()))
		}
	}
	commit(t, l, searches(), "a", "of another node")
	begin(t, l, lake.Key{Layer: lake.Stage, Node: "books", Day: day})
	for _, layer := range []lake.Layer{lake.Raw, lake.Stage, lake.Editions} {
		got, err := l.Keys(t.Context(), layer, "books")
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want[layer], got, days(), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("keys of %s (-want +got):\n%s", layer, d)
		}
	}
}

func remove(t *testing.T, l lake.Lake) {
	first := commit(t, l, searches(), "a", "1")
	second := commit(t, l, searches(), "a", "2")
	next := searches()
	next.Day = next.Day.Add(1)
	kept := commit(t, l, next, "a", "3")
	for range 2 { // removing what is not there is no error
		if err := l.Remove(t.Context(), searches()); err != nil {
			t.Fatal(err)
		}
	}
	_, err := l.Manifest(t.Context(), searches())
	wantCode(t, "removed day", err, fault.NotFound)
	for _, m := range []lake.Manifest{first, second} {
		_, err := l.Open(t.Context(), m, "a")
		wantCode(t, "object of a removed day", err, fault.Damaged)
	}
	holds(t, l, next, kept)
	holds(t, l, searches(), commit(t, l, searches(), "a", "new"))
}
