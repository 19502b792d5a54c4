package jobs

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/project"
	"daybook/internal/store"
)

func TestASourcesOwnColumnDayIsNotTheLakesPath(t *testing.T) {
	f := files{
		"daybook.yaml":           "name: shop\nattempts: 1\n",
		"sources/orders.yaml":    "from: files\npath: \"data/{day}.ndjson\"\ncolumns:\n  id: text\n  day: text\n",
		"tables/sales.sql":       "SELECT id, day AS said FROM orders\n",
		"tables/whole.sql":       "/*\nrefresh: full\n*/\nSELECT * FROM orders\n",
		"data/2026-11-16.ndjson": `{"id":"a","day":"2026-11-01"}` + "\n",
	}
	h := open(t, f)
	h.run(store.StateDone, Request{})
	if d := cmp.Diff([]string{"2026-11-01"}, h.rows("SELECT said FROM sales")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"day,id"}, h.rows("SELECT string_agg(column_name, ',' ORDER BY column_name) FROM information_schema.columns WHERE table_name = 'whole'")); d != "" {
		t.Errorf("columns of SELECT * (-want +got):\n%s", d)
	}
}

func TestRowsThatDoNotAgreeReachNobody(t *testing.T) {
	const contract = "key: id\ncolumns:\n  id: text\n  item: text\n  amount: double\n"
	h := open(t, files{
		"daybook.yaml":             "name: shop\nattempts: 1\n",
		"sources/stream.yaml":      "from: files\npath: \"stream/{day}.ndjson\"\nagrees: orders\n" + contract,
		"sources/orders.yaml":      "from: files\npath: \"data/{day}.ndjson\"\n" + contract,
		"tables/sales.sql":         "/*\nrefresh: latest\nkey: id\nversion: amount\n*/\nSELECT id, item, amount FROM stream\n",
		"data/2026-11-16.ndjson":   orders("a1", "b1"),
		"stream/2026-11-16.ndjson": orders("a1", "b1"),
		"data/2026-11-17.ndjson":   orders("a2"),
		"stream/2026-11-17.ndjson": orders("a2"),
	})
	h.run(store.StateDone, Request{Nodes: []string{"sales"}})
	h.write(files{"stream/2026-11-16.ndjson": orders("a1", "wrong")})
	h.run(store.StateFailed, Request{Nodes: []string{"stream"}, Force: ForceFetch})
	h.run(store.StateDone, Request{Nodes: []string{"sales"}, Day: monday.Add(1)})
	if d := cmp.Diff([]string{"a1", "a2", "b1"}, h.rows("SELECT id FROM sales ORDER BY id")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestAStagedDayThatIsGoneIsNotLeftOutOfACurrentState(t *testing.T) {
	h := open(t, shop().with(files{"tables/now.sql": "/*\nrefresh: latest\nkey: id\nversion: amount\n*/\nSELECT id, item, amount FROM orders\n"}))
	h.run(store.StateDone, Request{Nodes: []string{"now"}, Day: monday.Add(-1)})
	h.run(store.StateDone, Request{Nodes: []string{"now"}, Day: monday})
	if err := h.Lake.Remove(t.Context(), lake.Key{Layer: lake.Stage, Node: "orders", Day: monday.Add(-1)}); err != nil {
		t.Fatal(err)
	}
	run := h.run(store.StateFailed, Request{Nodes: []string{"now"}, Day: monday.Add(1)})
	if !strings.Contains(run.Error, "the staged records of orders of 2026-11-15 are gone") {
		t.Errorf("the run says %q", run.Error)
	}
	h.run(store.StateDone, Request{Nodes: []string{"orders"}, Day: monday.Add(-1), Force: ForceRebuild})
	h.run(store.StateDone, Request{Nodes: []string{"now"}, Day: monday.Add(1)})
	if got := h.rows("SELECT count(*) FROM now"); got[0] != "8" {
		t.Errorf("%s rows", got)
	}
}

func TestAListWithoutDaysMakesNoDetailsOfPastDaysStale(t *testing.T) {
	var mu sync.Mutex
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		fmt.Fprintf(w, "{\"id\":%q}\n", r.URL.Path)
	}))
	t.Cleanup(server.Close)
	h := open(t, files{
		"daybook.yaml":        "name: shop\nattempts: 1\n",
		"sources/list.yaml":   "from: files\npath: list.ndjson\nholds: snapshot\nkey: id\ncolumns:\n  id: text\n",
		"sources/detail.yaml": "from: http\nurl: \"" + server.URL + "/{each}?day={day}\"\nallow: [127.0.0.1/32]\nfor_each: {source: list, column: id}\nformat: ndjson\ncolumns:\n  id: text\n",
		"tables/d.sql":        "SELECT id FROM detail\n",
		"list.ndjson":         "{\"id\":\"x\"}\n",
	})
	h.run(store.StateDone, Request{Nodes: []string{"d"}})
	h.write(files{"list.ndjson": "{\"id\":\"x\"}\n{\"id\":\"y\"}\n"})
	h.run(store.StateDone, Request{Nodes: []string{"d"}, Day: monday.Add(1)})
	if asked != 3 {
		t.Errorf("%d calls for two days", asked)
	}
	h.wants(Request{Nodes: []string{"d"}})
}

func TestACheckpointIsOfWhatWasAskedFor(t *testing.T) {
	h := open(t, shop())
	n, err := h.Graph.Node("orders")
	if err != nil {
		t.Fatal(err)
	}
	w := &work{Runner: h.Runner, node: n, day: monday, cell: n.Key(monday)}
	if err := w.keepCheckpoint(t.Context(), map[string]string{"0": "17"}); err != nil {
		t.Fatal(err)
	}
	if got, err := w.checkpoint(t.Context(), monday); err != nil || got["0"] != "17" {
		t.Errorf("%v, %v", got, err)
	}
	other := *n.Source
	other.Asks = "another topic"
	w.node = &Node{Name: n.Name, Kind: project.KindSource, Source: &other}
	if got, err := w.checkpoint(t.Context(), monday); err != nil || got != nil {
		t.Errorf("another topic begins at %v, %v", got, err)
	}
}

func TestReadingAheadEndsWithItsPanicAndItsTime(t *testing.T) {
	h := open(t, shop())
	n, err := h.Graph.Node("orders")
	if err != nil {
		t.Fatal(err)
	}
	broken := *n
	broken.Source = nil
	if err := h.readAhead(context.Background(), &broken, monday); fault.Code(err) != "panic" {
		t.Errorf("a panic became %v", err)
	}
	if err := h.readAhead(context.Background(), n, monday); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
