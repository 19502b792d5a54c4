package jobs

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/store"
)

func TestADayThatArrivesIsBuiltWithWhatReadsItAndAgainWhenMoreComes(t *testing.T) {
	h := open(t, shop(), func(r *Runner) { r.Project.Sources[0].S3.Settle = 10 * time.Minute })
	day := calendar.MustDay("2026-11-16")
	now := time.Date(2026, 11, 17, 8, 0, 0, 0, time.UTC)
	h.Now = func() time.Time { return now }
	c := &Calendar{Runner: h.Runner, Log: h.Runner.Log}
	settled := func() {
		t.Helper()
		if err := c.arrived(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		c.waiting.Wait()
	}
	if err := h.Arrived(t.Context(), "orders", day); err != nil {
		t.Fatal(err)
	}
	settled()
	if len(h.ledger.days("orders")) > 0 {
		t.Error("a day was built before it settled")
	}
	now = now.Add(10 * time.Minute)
	settled()
	if d := cmp.Diff([]string{"4"}, h.rows("SELECT orders FROM daily WHERE day = DATE '2026-11-16'")); d != "" {
		t.Errorf("built (-want +got):\n%s", d)
	}
	h.write(files{"data/2026-11-16.ndjson": orders("a3", "b3", "c3", "d3", "e3")})
	for range 3 { // three objects, or one that is told of three times
		if err := h.Arrived(t.Context(), "orders", day); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Minute)
	}
	now = now.Add(10 * time.Minute)
	settled()
	if d := cmp.Diff([]string{"5"}, h.rows("SELECT orders FROM daily WHERE day = DATE '2026-11-16'")); d != "" {
		t.Errorf("built again (-want +got):\n%s", d)
	}
	runs, err := h.Store.Runs(t.Context(), store.RunFilter{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		if r.Cause != "arrival" || r.By != "s3:orders" || r.State != store.StateDone {
			t.Errorf("run %d: %s by %s is %s", r.Number, r.Cause, r.By, r.State)
		}
	}
	if len(runs) != 3 { // one, and then a fetch and what reads it
		t.Errorf("%d runs", len(runs))
	}
	if err := h.Arrived(t.Context(), "orders", day.Add(1)); err != nil { // it is not over
		t.Fatal(err)
	}
	now = now.Add(20 * time.Minute)
	settled()
	if again, err := h.Store.Runs(t.Context(), store.RunFilter{Limit: 10}); err != nil || len(again) != len(runs) {
		t.Errorf("a day that still runs was built: %d runs, %v", len(again), err)
	}
}
