package store_test

import (
	"testing"

	"daybook/internal/store"
)

func TestLogIsReadOnFromASeq(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		line := store.Line{Task: "t1", Run: "r1", Level: "info", Text: "읽는 중", At: noon}
		other := line
		other.Task = "t2"
		check(t, s.AppendLog(t.Context(), line, other))
		check(t, s.AppendLog(t.Context(), line))
		check(t, s.AppendLog(t.Context()))
		got := must(s.Logs(t.Context(), "t1", 0, 10))(t)
		if len(got) != 2 {
			t.Fatalf("%d lines, want 2", len(got))
		}
		full(t, got[0])
		line.Seq = got[0].Seq
		same(t, line, got[0])
		same(t, got[1:], must(s.Logs(t.Context(), "t1", got[0].Seq, 10))(t))
		same(t, got[:1], must(s.Logs(t.Context(), "t1", 0, 1))(t))
	})
}
