package store_test

import (
	"testing"

	"daybook/internal/store"
)

func TestACursorIsDroppedOnlyWithWhatItSays(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		for name, value := range map[string]string{"arrival a 2026-11-19": "1", "arrival b 2026-11-19": "2", "calendar:x": "3"} {
			check(t, s.SetCursor(t.Context(), name, value))
		}
		check(t, s.DropCursor(t.Context(), "arrival a 2026-11-19", "another"))
		check(t, s.DropCursor(t.Context(), "arrival b 2026-11-19", "2"))
		same(t, map[string]string{"arrival a 2026-11-19": "1"}, must(s.Cursors(t.Context(), "arrival "))(t))
		same(t, map[string]string{}, must(s.Cursors(t.Context(), "%"))(t))
	})
}
