package jobs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"daybook/internal/lake"
	"daybook/internal/store"
)

func TestAStreamIsReadAheadWhileItsDayRunsAndTheRunGoesOnBehindThat(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "clicks"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic("clicks"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	day := monday
	morning := day.Start(time.UTC)
	send := func(from, to int, at time.Time) {
		t.Helper()
		for i := from; i < to; i++ {
			r := &kgo.Record{Value: fmt.Appendf(nil, `{"id":"c%d"}`, i), Timestamp: at.Add(time.Duration(i) * time.Second)}
			if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	h := open(t, files{
		"daybook.yaml":        "name: site\nattempts: 1\n",
		"sources/clicks.yaml": "from: kafka\ntopic: clicks\nbrokers: [\"" + strings.Join(cluster.ListenAddrs(), `", "`) + "\"]\nfollow: 10m\nlateness: 1m\nkey: id\ncolumns:\n  id: {type: text, required: true}\n",
		"tables/clicked.sql":  "SELECT id FROM clicks\n",
	})
	now := morning.Add(6 * time.Hour)
	h.Now = func() time.Time { return now }
	c := &Calendar{Runner: h.Runner, Log: h.Runner.Log}
	ahead := func() int {
		t.Helper()
		c.readAhead(t.Context(), now)
		c.waiting.Wait()
		b, kept, err := h.Lake.Resume(t.Context(), lake.Key{Layer: lake.Raw, Node: "clicks", Day: day}, digest(fetchDefinition(h.Graph.nodes["clicks"].Source), day.String()))
		if err != nil {
			t.Fatal(err)
		}
		b.Suspend()
		return len(kept)
	}
	send(0, 5, morning.Add(time.Hour))
	first := ahead()
	if first == 0 {
		t.Fatalf("nothing was read ahead: %s", h.log)
	}
	send(5, 8, morning.Add(7*time.Hour))
	if again := ahead(); again != first {
		t.Errorf("read again after no time: %d parts, then %d", first, again)
	}
	now = now.Add(4 * time.Hour)
	if again := ahead(); again <= first {
		t.Errorf("%d parts after four hours, %d before", again, first)
	}
	now = day.Add(1).Start(time.UTC).Add(3 * time.Hour)
	h.run(store.StateDone, Request{Day: day})
	m, err := h.Lake.Manifest(t.Context(), lake.Key{Layer: lake.Raw, Node: "clicks", Day: day})
	if err != nil || len(m.Objects) < 2 {
		t.Errorf("%d objects, %v", len(m.Objects), err)
	}
	want := []string{"c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"}
	if d := cmp.Diff(want, h.rows("SELECT id FROM clicked ORDER BY id")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
