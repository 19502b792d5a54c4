package store_test

import (
	"slices"
	"testing"
	"time"

	"daybook/internal/store"
)

func addRun(t *testing.T, s *store.Store, state string) store.Run {
	t.Helper()
	r := store.Run{Cause: "cli", By: "ada@example.com", Day: monday, State: state, Asked: noon}
	check(t, s.CreateRun(t.Context(), &r))
	return r
}

func TestRunComesBackAsItWasSaved(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		r := store.Run{Cause: "backfill", By: "ada@example.com", Reason: "새 열", Day: monday, Through: monday.Add(6), Nodes: []string{"searches", "daily"},
			Force: "stage", State: store.StateRunning, Epoch: 3, Asked: noon, Started: noon.Add(time.Second), Ended: noon.Add(time.Minute),
			Tasks: 9, Done: 8, Failed: 1, Error: "one failed"}
		check(t, s.CreateRun(t.Context(), &r))
		full(t, r)
		same(t, r, must(s.Run(t.Context(), r.ID))(t))
		same(t, r, must(s.RunByNumber(t.Context(), 1))(t))

		// Every field but the two that name it.
		changed := store.Run{ID: r.ID, Number: r.Number, Day: monday.Add(1), Through: monday.Add(1), State: store.StateFailed}
		check(t, s.UpdateRun(t.Context(), changed))
		same(t, changed, must(s.Run(t.Context(), r.ID))(t))
	})
}

func TestRunThatDoesNotExistIsNotFound(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		_, err := s.Run(t.Context(), "nobody")
		notFound(t, err)
		_, err = s.RunByNumber(t.Context(), 7)
		notFound(t, err)
		notFound(t, s.UpdateRun(t.Context(), store.Run{ID: "nobody"}))
		if last := must(s.LastEvent(t.Context()))(t); last != 0 {
			t.Errorf("an update that met nothing left event %d", last)
		}
	})
}

func TestRunsAreListedNewestFirstAndFiltered(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		for _, r := range []store.Run{
			{Day: monday, State: store.StateDone},
			{Day: monday, Through: monday.Add(3), State: store.StateFailed},
			{Day: monday.Add(2), State: store.StateRunning},
			{Day: monday.Add(3), State: store.StateQueued},
		} {
			check(t, s.CreateRun(t.Context(), &r))
		}
		for name, c := range map[string]struct {
			filter store.RunFilter
			want   []int64
		}{
			"all":        {store.RunFilter{}, []int64{4, 3, 2, 1}},
			"limit":      {store.RunFilter{Limit: 2}, []int64{4, 3}},
			"next page":  {store.RunFilter{Limit: 2, BeforeNumber: 3}, []int64{2, 1}},
			"state":      {store.RunFilter{State: store.StateFailed}, []int64{2}},
			"day":        {store.RunFilter{Day: monday.Add(2)}, []int64{3, 2}},
			"everything": {store.RunFilter{Limit: 5, BeforeNumber: 4, State: store.StateRunning, Day: monday.Add(2)}, []int64{3}},
		} {
			if got := numbers(must(s.Runs(t.Context(), c.filter))(t)); !slices.Equal(got, c.want) {
				t.Errorf("%s: runs %v, want %v", name, got, c.want)
			}
		}
		same(t, []int64{3, 4}, numbers(must(s.RunningRuns(t.Context()))(t)))
	})
}

func numbers(runs []store.Run) []int64 {
	var n []int64
	for _, r := range runs {
		n = append(n, r.Number)
	}
	return n
}
