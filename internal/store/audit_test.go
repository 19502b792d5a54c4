package store_test

import (
	"testing"
	"time"

	"daybook/internal/store"
)

func TestAuditLogIsReadNewestFirst(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		first := store.Entry{By: "ada@example.com", Action: "rerun", Subject: "requests 2026-11-16", Detail: "forced", At: noon}
		second := first
		second.At = noon.Add(time.Second)
		check(t, s.Audit(t.Context(), second))
		check(t, s.Audit(t.Context(), first))
		got := must(s.AuditLog(t.Context(), 5))(t)
		if len(got) != 2 {
			t.Fatalf("%d entries, want 2", len(got))
		}
		full(t, got[0])
		second.ID, first.ID = got[0].ID, got[1].ID
		same(t, []store.Entry{second, first}, got)
		same(t, got[:1], must(s.AuditLog(t.Context(), 1))(t))
	})
}
