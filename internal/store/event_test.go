package store_test

import (
	"context"
	"testing"
	"time"

	"daybook/internal/store"
)

func TestEveryChangeThatPagesFollowIsAnEvent(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		s.Now = func() time.Time { return noon }
		task := addTask(t, s, "requests", monday, store.StateRunning)
		check(t, s.UpdateTask(t.Context(), task))
		check(t, s.AppendLog(t.Context(), store.Line{Task: task.ID, Run: task.Run}))
		check(t, s.SaveDone(t.Context(), store.Done{Task: task}))
		run := must(s.Run(t.Context(), task.Run))(t)
		check(t, s.UpdateRun(t.Context(), run))
		d := planOne(t, s)
		must(s.SetDelivery(t.Context(), d, store.DeliveryPlanned))(t)
		check(t, s.UpdateEdition(t.Context(), must(s.EditionByID(t.Context(), d.Edition))(t)))

		got := must(s.EventsAfter(t.Context(), 0, 100))(t)
		aboutRun := store.Event{Kind: store.EventRun, Run: run.ID, Day: monday}
		aboutTask := store.Event{Kind: store.EventTask, Run: run.ID, Task: task.ID, Node: "requests", Day: monday}
		aboutEdition := store.Event{Kind: store.EventEdition, Run: "r1", Node: "daily", Day: monday}
		aboutDelivery := store.Event{Kind: store.EventDelivery, Run: "r1", Node: "daily", Day: monday}
		want := []store.Event{aboutRun, aboutTask, aboutTask, {Kind: store.EventLog, Run: run.ID, Task: task.ID}, aboutTask, aboutRun,
			aboutEdition, aboutDelivery, aboutDelivery, aboutEdition}
		for i := range want {
			want[i].Seq, want[i].At = int64(i+1), noon
		}
		same(t, want, got)
		same(t, want[4:6], must(s.EventsAfter(t.Context(), 4, 2))(t))
		same(t, int64(len(want)), must(s.LastEvent(t.Context()))(t))
	})
}

// A page that has seen event n never misses one below n: numbers and commits have one order.
func TestReaderOfEventsMissesNoneOfManyWriters(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		const writers, each = 4, 10
		errs := make(chan error, writers)
		for range writers {
			go func() {
				for range each {
					if err := s.AppendLog(context.Background(), store.Line{Task: "t"}, store.Line{Task: "t"}); err != nil {
						errs <- err
						return
					}
				}
				errs <- nil
			}()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		seen := int64(0)
		for seen < writers*each*2 {
			changed := s.Changed()
			events := must(s.EventsAfter(ctx, seen, 7))(t)
			for _, e := range events {
				if e.Seq != seen+1 {
					t.Fatalf("event %d after %d", e.Seq, seen)
				}
				seen = e.Seq
			}
			if len(events) == 0 {
				select {
				case <-changed:
				case <-ctx.Done():
					t.Fatalf("only %d events came", seen)
				}
			}
		}
		for range writers {
			check(t, <-errs)
		}
	})
}

func TestPrunedEventsGiveTheirNumbersToNobody(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		now := noon
		s.Now = func() time.Time { return now }
		addRun(t, s, store.StateQueued)
		now = noon.Add(time.Hour)
		check(t, s.PruneEvents(t.Context(), now))
		same(t, int64(1), must(s.LastEvent(t.Context()))(t))
		addRun(t, s, store.StateQueued)
		got := must(s.EventsAfter(t.Context(), 0, 10))(t)
		if len(got) != 1 || got[0].Seq != 2 {
			t.Errorf("events %v, want number 2 alone", got)
		}
	})
}
