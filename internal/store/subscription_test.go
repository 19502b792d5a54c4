package store_test

import (
	"context"
	"encoding/base64"
	"testing"
	"time"

	"daybook/internal/store"
)

func TestSubscriptionIsWhatThePersonChoseLast(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		ada, bob := addPerson(t, s, "ada@example.com").ID, addPerson(t, s, "bob@example.com").ID
		weekly := store.Subscription{Person: ada, Report: "daily", Cadence: store.CadenceWeekly, At: noon}
		full(t, weekly)
		off := store.Subscription{Person: ada, Report: "books", Cadence: store.CadenceOff, At: noon}
		for _, b := range []store.Subscription{{Person: ada, Report: "daily", Cadence: store.CadenceOff, At: noon}, weekly, off,
			{Person: bob, Report: "daily", Cadence: store.CadenceOff, At: noon}} {
			check(t, s.SetSubscription(t.Context(), b))
		}
		same(t, map[string]string{ada: store.CadenceWeekly, bob: store.CadenceOff}, must(s.Subscriptions(t.Context(), "daily"))(t))
		same(t, []store.Subscription{off, weekly}, must(s.SubscriptionsOf(t.Context(), ada))(t))

		check(t, s.SetSubscription(t.Context(), store.Subscription{Person: ada, Report: "daily", At: noon}))
		same(t, []store.Subscription{off}, must(s.SubscriptionsOf(t.Context(), ada))(t))
		same(t, map[string]string{}, must(s.Subscriptions(t.Context(), "weekly"))(t))
	})
}

func TestUnsubscribeTokenIsMadeOnceAndLeadsBack(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		ada, bob := addPerson(t, s, "ada@example.com").ID, addPerson(t, s, "bob@example.com").ID
		first := must(s.UnsubscribeTokens(t.Context(), "daily", []string{ada}, noon))(t)
		both := must(s.UnsubscribeTokens(t.Context(), "daily", []string{bob, ada, bob}, noon.Add(time.Hour)))(t)
		other := must(s.UnsubscribeTokens(t.Context(), "books", []string{ada}, noon))(t)
		same(t, first[ada], both[ada])
		same(t, 2, len(both))
		if both[ada] == both[bob] || both[ada] == other[ada] {
			t.Error("two tokens are the same")
		}
		if secret := must(base64.RawURLEncoding.DecodeString(first[ada]))(t); len(secret) != 32 {
			t.Errorf("a token of %d bytes, want 32", len(secret))
		}
		person, report, err := s.UnsubscribeToken(t.Context(), other[ada])
		check(t, err)
		same(t, []string{ada, "books"}, []string{person, report})
		_, _, err = s.UnsubscribeToken(t.Context(), "guess")
		notFound(t, err)
	})
}

func TestTokensThatAreMadeAtOnceAreTheSame(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		var ids []string
		for _, p := range crowd(t, s, 250) {
			ids = append(ids, p.ID)
		}
		results := make(chan map[string]string, 4)
		for range cap(results) {
			go func() {
				tokens, err := s.UnsubscribeTokens(context.Background(), "daily", ids, noon)
				if err != nil {
					t.Error(err)
				}
				results <- tokens
			}()
		}
		want := <-results
		same(t, len(ids), len(want))
		for range cap(results) - 1 {
			same(t, want, <-results)
		}
	})
}
