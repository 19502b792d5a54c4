package store_test

import (
	"context"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/store"
)

func addEdition(t *testing.T, s *store.Store, report string, day calendar.Day, hash string) store.Edition {
	t.Helper()
	e := store.Edition{Report: report, Day: day, Hash: hash, State: "held", Created: noon, Run: "r1"}
	if !must(s.AddEdition(t.Context(), &e))(t) {
		t.Errorf("edition %s of %s was not added", hash, day)
	}
	return e
}

func TestEditionComesBackAsItWasSaved(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		e := store.Edition{Report: "daily", Day: monday, Kind: store.EditionPartial, Corrects: 3, Hash: "h1", State: "partial", Reason: "visits are late", Path: "editions/daily/1",
			Locales: []string{"ko", "en"}, Created: noon, Released: noon.Add(time.Hour), Run: "r1"}
		must(s.AddEdition(t.Context(), &e))(t)
		full(t, e)
		same(t, e, must(s.Edition(t.Context(), "daily", monday, 1))(t))

		e.State, e.Reason, e.Released, e.Kind, e.Corrects = "released", "", noon.Add(2*time.Hour), store.EditionFull, 0
		check(t, s.UpdateEdition(t.Context(), e))
		same(t, e, must(s.LatestEdition(t.Context(), "daily"))(t))
	})
}

func TestEditionIsAddedOnlyWhenItsHashChanges(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		first := addEdition(t, s, "daily", monday, "h1")
		again := store.Edition{Report: "daily", Day: monday, Hash: "h1"}
		if must(s.AddEdition(t.Context(), &again))(t) {
			t.Error("the same figures made a second edition")
		}
		same(t, first, again)
		second := addEdition(t, s, "daily", monday, "h2")
		third := addEdition(t, s, "daily", monday, "h1") // the numbers went back: readers saw h2 in between
		same(t, []int{1, 2, 3}, []int{first.Number, second.Number, third.Number})
		same(t, []store.Edition{third, second, first}, must(s.Editions(t.Context(), "daily", monday))(t))
		same(t, third, must(s.Edition(t.Context(), "daily", monday, 0))(t))
		same(t, second, must(s.Edition(t.Context(), "daily", monday, 2))(t))
	})
}

func TestEditionsOfADayAreNumberedWithoutGapsByManyWriters(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		errs := make(chan error, 8)
		for i := range cap(errs) {
			go func() {
				e := store.Edition{Report: "daily", Day: monday, Hash: string(rune('a' + i))}
				_, err := s.AddEdition(context.Background(), &e)
				errs <- err
			}()
		}
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		for i, e := range must(s.Editions(t.Context(), "daily", monday))(t) {
			if want := cap(errs) - i; e.Number != want {
				t.Errorf("edition %d, want %d", e.Number, want)
			}
		}
	})
}

func TestEditionDaysNameTheNewestEdition(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		addEdition(t, s, "daily", monday.Add(2), "h1")
		addEdition(t, s, "daily", monday, "h1")
		e := addEdition(t, s, "daily", monday, "h2")
		addEdition(t, s, "weekly", monday.Add(3), "h1")
		e.State, e.Released = "released", noon
		check(t, s.UpdateEdition(t.Context(), e))
		same(t, []store.EditionDay{{Day: monday, Number: 2, State: "released", Kind: store.EditionFull}, {Day: monday.Add(2), Number: 1, State: "held", Kind: store.EditionFull}},
			must(s.EditionDays(t.Context(), "daily", monday, monday.Add(7)))(t))
		same(t, monday.Add(2), must(s.LatestEdition(t.Context(), "daily"))(t).Day)
	})
}

func TestEditionThatDoesNotExistIsNotFound(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		_, err := s.Edition(t.Context(), "daily", monday, 0)
		notFound(t, err)
		_, err = s.Edition(t.Context(), "daily", monday, 3)
		notFound(t, err)
		_, err = s.LatestEdition(t.Context(), "daily")
		notFound(t, err)
		notFound(t, s.UpdateEdition(t.Context(), store.Edition{ID: "nobody"}))
		_, err = s.EditionByID(t.Context(), "nobody")
		notFound(t, err)
	})
}

func TestEditionsInAStateAreListedByReportAndDay(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		weekly := addEdition(t, s, "weekly", monday, "h1")
		second := addEdition(t, s, "daily", monday.Add(1), "h1")
		first := addEdition(t, s, "daily", monday, "h1")
		addEdition(t, s, "daily", monday.Add(-1), "h1")
		released := addEdition(t, s, "daily", monday.Add(2), "h1")
		released.State = "released"
		check(t, s.UpdateEdition(t.Context(), released))
		same(t, []store.Edition{first, second, weekly}, must(s.EditionsInState(t.Context(), "held", monday))(t))
		same(t, released, must(s.EditionByID(t.Context(), released.ID))(t))
		same(t, store.EditionFull, first.Kind)
	})
}
