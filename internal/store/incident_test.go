package store_test

import (
	"context"
	"testing"
	"time"

	"daybook/internal/store"
)

func openIncident(t *testing.T, s *store.Store, i *store.Incident, alerts ...store.Alert) bool {
	t.Helper()
	return must(s.OpenIncident(t.Context(), i, alerts))(t)
}

func TestIncidentIsToldOfOnceWhileItIsOpen(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		i := store.Incident{Key: "task/requests", Kind: "task", Subject: "requests", Day: monday, Reason: "no disk", Run: "r1", Opened: noon}
		alert := store.Alert{Channel: "slack", Kind: "failed", Body: "{}", Created: noon, Next: noon}
		same(t, true, openIncident(t, s, &i, alert))
		again := store.Incident{Key: i.Key, Kind: "task", Subject: "requests", Day: monday.Add(1), Reason: "still no disk", Run: "r2", Opened: noon.Add(time.Hour)}
		same(t, false, openIncident(t, s, &again, alert))
		i.Reason, i.Run = "still no disk", "r2"
		same(t, i, again)
		due := must(s.DueAlerts(t.Context(), noon, 0))(t)
		if len(due) != 1 || due[0].Incident != i.ID {
			t.Fatalf("alerts %+v, want one of incident %s", due, i.ID)
		}

		recovered := func(closed store.Incident) []store.Alert {
			return []store.Alert{{Channel: "slack", Kind: "recovered", Body: closed.Reason, Created: noon, Next: noon.Add(time.Hour)}}
		}
		later := noon.Add(2 * time.Hour)
		same(t, true, must(s.CloseIncident(t.Context(), i.Key, later, recovered))(t))
		same(t, false, must(s.CloseIncident(t.Context(), i.Key, later, recovered))(t))
		due = must(s.DueAlerts(t.Context(), later, 0))(t)
		same(t, []string{"failed", "recovered", "still no disk"}, []string{due[0].Kind, due[1].Kind, due[1].Body})
		i.Closed = later
		full(t, i)

		next := store.Incident{Key: i.Key, Opened: noon.Add(-time.Hour)}
		same(t, true, openIncident(t, s, &next))
		other := store.Incident{Key: "report/daily", Opened: noon}
		same(t, true, openIncident(t, s, &other))
		same(t, true, must(s.CloseIncident(t.Context(), other.Key, later, nil))(t))
		other.Closed = later
		same(t, []store.Incident{next, other, i}, must(s.Incidents(t.Context(), 0))(t))
		same(t, []store.Incident{next}, must(s.Incidents(t.Context(), 1))(t))
	})
}

func TestIncidentIsOpenedByExactlyOne(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		opened := make(chan bool, 8)
		for range cap(opened) {
			go func() {
				ok, err := s.OpenIncident(context.Background(), &store.Incident{Key: "task/requests", Opened: noon}, []store.Alert{{Next: noon}})
				if err != nil {
					t.Error(err)
				}
				opened <- ok
			}()
		}
		winners := 0
		for range cap(opened) {
			if <-opened {
				winners++
			}
		}
		same(t, 1, winners)
		same(t, 1, len(must(s.DueAlerts(t.Context(), noon, 0))(t)))
	})
}
