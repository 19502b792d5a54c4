package store_test

import (
	"testing"
	"time"

	"daybook/internal/store"
)

func TestHoldLastsUntilItIsDropped(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		h := store.Hold{Report: "daily", Day: monday, Reason: "the numbers look odd", By: "ada@example.com", At: noon}
		full(t, h)
		check(t, s.SetHold(t.Context(), store.Hold{Report: "daily", Day: monday, Reason: "first", By: "bob@example.com", At: noon.Add(-time.Hour)}))
		check(t, s.SetHold(t.Context(), h))
		newer := store.Hold{Report: "daily", Day: monday.Add(1), At: noon}
		check(t, s.SetHold(t.Context(), newer))
		same(t, []store.Hold{newer, h}, must(s.Holds(t.Context()))(t))
		got, ok, err := s.Hold(t.Context(), "daily", monday)
		check(t, err)
		same(t, true, ok)
		same(t, h, got)

		check(t, s.DropHold(t.Context(), "daily", monday))
		check(t, s.DropHold(t.Context(), "daily", monday))
		_, ok, err = s.Hold(t.Context(), "daily", monday)
		check(t, err)
		same(t, false, ok)
	})
}
