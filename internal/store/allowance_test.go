package store_test

import (
	"testing"

	"daybook/internal/store"
)

func TestAnAllowanceIsSpentOnceAndBeginsAnewWithItsWindow(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		for i, want := range []bool{true, true, true, false, false} {
			if got, err := s.Spend(t.Context(), "kopis", "2026-11-19", 3); err != nil || got != want {
				t.Errorf("call %d: %v, %v", i+1, got, err)
			}
		}
		if used, err := s.Spent(t.Context(), "kopis", "2026-11-19"); err != nil || used != 3 {
			t.Errorf("spent %d, %v", used, err)
		}
		if ok, err := s.Spend(t.Context(), "kopis", "2026-11-20", 3); err != nil || !ok {
			t.Errorf("the next window: %v, %v", ok, err)
		}
		if ok, err := s.Spend(t.Context(), "kopis", "2026-11-19", 3); err != nil || ok {
			t.Errorf("the window before has calls again: %v, %v", ok, err)
		}
		if ok, err := s.Spend(t.Context(), "other", "2026-11-19", 0); err != nil || ok {
			t.Errorf("an allowance of nothing: %v, %v", ok, err)
		}
	})
}
