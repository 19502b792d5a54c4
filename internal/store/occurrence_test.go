package store_test

import (
	"context"
	"testing"
	"time"

	"daybook/internal/store"
)

func TestOccurrenceIsClaimedByExactlyOne(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		type answer struct {
			claimed bool
			err     error
		}
		answers := make(chan answer, 8)
		for range cap(answers) {
			go func() {
				claimed, err := s.ClaimOccurrence(context.Background(), "refresh", monday, noon, noon)
				answers <- answer{claimed, err}
			}()
		}
		winners := 0
		for range cap(answers) {
			a := <-answers
			if a.err != nil {
				t.Error(a.err)
			}
			if a.claimed {
				winners++
			}
		}
		if winners != 1 {
			t.Errorf("%d of %d claimed it, want 1", winners, cap(answers))
		}
	})
}

func TestOccurrencesAreKeptByDay(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		s.Now = func() time.Time { return noon.Add(time.Hour) }
		_, found, err := s.LastOccurrence(t.Context(), "refresh")
		check(t, err)
		if found {
			t.Error("an occurrence before the first")
		}
		for _, n := range []int{1, 0} {
			if !must(s.ClaimOccurrence(t.Context(), "refresh", monday.Add(n), noon, noon.Add(time.Second)))(t) {
				t.Error("a free day was not claimed")
			}
		}
		if !must(s.ClaimOccurrence(t.Context(), "daily", monday.Add(1), noon, noon))(t) {
			t.Error("a schedule took another's day")
		}
		check(t, s.FinishOccurrence(t.Context(), "refresh", monday.Add(1), "done", "r1", "late"))
		last, found, err := s.LastOccurrence(t.Context(), "refresh")
		check(t, err)
		if !found {
			t.Error("no last occurrence")
		}
		full(t, last)
		same(t, store.Occurrence{Schedule: "refresh", Day: monday.Add(1), Due: noon, Claimed: noon.Add(time.Second), Finished: noon.Add(time.Hour),
			State: "done", Run: "r1", Note: "late"}, last)
		open := store.Occurrence{Schedule: "refresh", Day: monday, Due: noon, Claimed: noon.Add(time.Second), State: "claimed"}
		same(t, []store.Occurrence{last, open}, must(s.Occurrences(t.Context(), "refresh", 5))(t))
		notFound(t, s.FinishOccurrence(t.Context(), "refresh", monday.Add(9), "done", "", ""))
	})
}

func TestCursorIsEmptyUntilItIsSet(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		same(t, "", must(s.Cursor(t.Context(), "mail"))(t))
		check(t, s.SetCursor(t.Context(), "mail", "1"))
		check(t, s.SetCursor(t.Context(), "mail", "2"))
		same(t, "2", must(s.Cursor(t.Context(), "mail"))(t))
	})
}
