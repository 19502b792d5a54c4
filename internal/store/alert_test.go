package store_test

import (
	"testing"
	"time"

	"daybook/internal/store"
)

func TestAlertIsDueUntilItIsSentOrGivenUp(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		i := store.Incident{Key: "task/requests", Opened: noon}
		openIncident(t, s, &i)
		list := []store.Alert{
			{Incident: i.ID, Channel: "webhook", Kind: "failed", Body: `{"a":1}`, State: store.AlertWaiting, Error: "no answer", Attempt: 2, Created: noon, Next: noon.Add(time.Minute)},
			{Channel: "slack", Created: noon, Next: noon},
			{Channel: "mail", Created: noon, Next: noon.Add(time.Hour)},
		}
		check(t, s.AddAlerts(t.Context(), list))
		full(t, list[0])
		same(t, store.AlertWaiting, list[1].State)
		same(t, []store.Alert{list[1], list[0]}, must(s.DueAlerts(t.Context(), noon.Add(time.Minute), 5))(t))
		same(t, []store.Alert{list[1]}, must(s.DueAlerts(t.Context(), noon.Add(time.Minute), 1))(t))

		list[0].State, list[0].Error = store.AlertGivenUp, "never answered"
		check(t, s.SaveAlert(t.Context(), list[0]))
		list[1].Attempt, list[1].Next = 1, noon.Add(2*time.Hour)
		check(t, s.SaveAlert(t.Context(), list[1]))
		same(t, []store.Alert{list[2], list[1]}, must(s.DueAlerts(t.Context(), noon.Add(3*time.Hour), 0))(t))
		notFound(t, s.SaveAlert(t.Context(), store.Alert{ID: "nobody"}))
		check(t, s.AddAlerts(t.Context(), nil))
	})
}

func TestAlertsOfAnIncidentAreItsOwnOldestFirst(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		mine, other := store.Incident{Key: "task/requests", Opened: noon}, store.Incident{Key: "task/loans", Opened: noon}
		openIncident(t, s, &mine)
		openIncident(t, s, &other)
		list := []store.Alert{{Incident: mine.ID, Channel: "slack", Created: noon.Add(time.Minute)}, {Incident: mine.ID, Channel: "mail", Created: noon}, {Incident: other.ID, Channel: "slack", Created: noon}, {Channel: "slack", Created: noon}}
		check(t, s.AddAlerts(t.Context(), list))
		same(t, []store.Alert{list[1], list[0]}, must(s.AlertsOf(t.Context(), mine.ID))(t))
		same(t, []store.Alert(nil), must(s.AlertsOf(t.Context(), "nobody"))(t))
	})
}
