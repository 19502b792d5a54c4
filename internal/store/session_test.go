package store_test

import (
	"context"
	"testing"
	"time"

	"daybook/internal/fault"
	"daybook/internal/store"
)

func TestSessionEndsWhenItExpiresOrIsDeleted(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		ada := addPerson(t, s, "ada@example.com")
		n := store.Session{Hash: "h1", Person: ada.ID, CSRF: "c1", Created: noon, Expires: noon.Add(time.Hour)}
		full(t, n)
		check(t, s.CreateSession(t.Context(), n))
		same(t, n, must(s.Session(t.Context(), "h1", noon.Add(59*time.Minute)))(t))
		_, err := s.Session(t.Context(), "h1", noon.Add(time.Hour))
		notFound(t, err)

		n.Expires = noon.Add(2 * time.Hour)
		check(t, s.ExtendSession(t.Context(), "h1", n.Expires))
		same(t, n, must(s.Session(t.Context(), "h1", noon.Add(time.Hour)))(t))
		notFound(t, s.ExtendSession(t.Context(), "h2", n.Expires))

		check(t, s.DeleteSession(t.Context(), "h1"))
		_, err = s.Session(t.Context(), "h1", noon)
		notFound(t, err)
	})
}

func TestSessionsOfOnePersonEndTogether(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		ada, bob := addPerson(t, s, "ada@example.com"), addPerson(t, s, "bob@example.com")
		for hash, p := range map[string]store.Person{"a1": ada, "a2": ada, "b1": bob} {
			check(t, s.CreateSession(t.Context(), store.Session{Hash: hash, Person: p.ID, Created: noon, Expires: noon.Add(time.Hour)}))
		}
		check(t, s.DeleteSessions(t.Context(), ada.ID))
		for _, hash := range []string{"a1", "a2"} {
			_, err := s.Session(t.Context(), hash, noon)
			notFound(t, err)
		}
		must(s.Session(t.Context(), "b1", noon))(t)
	})
}

func TestTokenIsUsedOnce(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		ada := addPerson(t, s, "ada@example.com")
		k := store.Token{Purpose: "invite", Hash: "h1", Person: ada.ID, Created: noon, Expires: noon.Add(time.Hour)}
		check(t, s.CreateToken(t.Context(), k))
		_, err := s.UseToken(t.Context(), "reset", "h1", noon)
		notFound(t, err)
		_, err = s.UseToken(t.Context(), "invite", "h1", noon.Add(time.Hour))
		notFound(t, err)

		used := make(chan error, 8)
		for range cap(used) {
			go func() {
				got, err := s.UseToken(context.Background(), "invite", "h1", noon.Add(time.Minute))
				if err == nil {
					full(t, got)
					k.Used = noon.Add(time.Minute)
					same(t, k, got)
				}
				used <- err
			}()
		}
		winners := 0
		for range cap(used) {
			err := <-used
			if err == nil {
				winners++
			} else if !fault.Is(err, fault.NotFound) {
				t.Error(err)
			}
		}
		if winners != 1 {
			t.Errorf("used %d times, want 1", winners)
		}
	})
}

func TestFailedSignInsAreCountedByKeyAndTime(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		for _, try := range []struct {
			key   string
			ok    bool
			after time.Duration
		}{
			{"ada", false, 0}, {"ada", false, time.Minute}, {"ada", true, 2 * time.Minute}, {"bob", false, 2 * time.Minute}, {"ada", false, 3 * time.Minute},
		} {
			check(t, s.RecordSignIn(t.Context(), try.key, try.ok, noon.Add(try.after)))
		}
		same(t, 2, must(s.FailedSignIns(t.Context(), "ada", noon.Add(time.Minute)))(t))
		same(t, 1, must(s.FailedSignIns(t.Context(), "bob", noon))(t))

		check(t, s.RecordSignIn(t.Context(), "cyd", false, noon.Add(24*time.Hour+time.Second)))
		same(t, 2, must(s.FailedSignIns(t.Context(), "ada", noon.Add(-time.Hour)))(t)) // the first is forgotten
	})
}

func TestATokenMayBelongToNobodyYet(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
		check(t, s.CreateToken(t.Context(), store.Token{Purpose: "setup", Hash: "h", Created: now, Expires: now.Add(time.Hour)}))
		k, err := s.UseToken(t.Context(), "setup", "h", now)
		check(t, err)
		if k.Person != "" {
			t.Errorf("it belongs to %q", k.Person)
		}
	})
}
