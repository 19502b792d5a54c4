package jobs

import (
	"strings"
	"testing"

	"daybook/internal/store"
)

func TestTwoRoutesToTheSameDataAgreeByKey(t *testing.T) {
	const contract = "key: id\ncolumns:\n  id: text\n  item: text\n  amount: double\n"
	f := files{
		"daybook.yaml":             "name: shop\nattempts: 1\n",
		"sources/stream.yaml":      "from: files\npath: \"stream/{day}.ndjson\"\nagrees: orders\n" + contract,
		"sources/orders.yaml":      "from: files\npath: \"data/{day}.ndjson\"\n" + contract,
		"tables/sales.sql":         "SELECT id, item, amount FROM stream\n",
		"data/2026-11-16.ndjson":   orders("a1", "b1", "c1"),
		"stream/2026-11-16.ndjson": orders("c1", "a1", "b1"),
	}
	h := open(t, f)
	h.run(store.StateDone, Request{Nodes: []string{"sales"}})
	h.wants(Request{Nodes: []string{"sales"}})
	h.write(files{"data/2026-11-16.ndjson": orders("a1", "b1", "d1", "e1")})
	run := h.run(store.StateFailed, Request{Nodes: []string{"orders"}, Downstream: true, Force: ForceFetch})
	for _, want := range []string{"stream does not agree with orders on 2026-11-16: 1 rows are only here, 2 only there", "c1: 1 here, 0 there", "d1: 0 here, 1 there"} {
		if !strings.Contains(run.Error, want) {
			t.Errorf("the run says %q, not %q", run.Error, want)
		}
	}
	if got := h.rows("SELECT count(*) FROM sales"); got[0] != "3" {
		t.Errorf("readers have %s rows", got)
	}
}
