package store

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// The states of alerts.
const (
	AlertWaiting = "waiting"
	AlertSent    = "sent"
	AlertGivenUp = "given_up"
)

// Alert is a message to one channel, kept until it is sent or given up.
type Alert struct {
	ID            string
	Incident      string // empty where it tells of none
	Channel, Kind string
	Body          string // JSON
	State, Error  string // State is an Alert constant
	Attempt       int
	Created, Next time.Time // Next is when to try
}

const alertColumns = "id, incident, channel, kind, body, state, error, attempt, created, next"

func (a *Alert) fields() []any {
	return []any{&a.ID, (*reference)(&a.Incident), &a.Channel, &a.Kind, (*prose)(&a.Body), &a.State, (*prose)(&a.Error), &a.Attempt,
		(*instant)(&a.Created), (*instant)(&a.Next)}
}

// AddAlerts records alerts and fills their IDs and, where it is empty, their State (waiting).
func (s *Store) AddAlerts(ctx context.Context, alerts []Alert) error {
	err := s.inTx(ctx, func(t *tx) error { return t.addAlerts(ctx, alerts, "") })
	if err != nil {
		return fmt.Errorf("add %d alerts: %w", len(alerts), err)
	}
	return nil
}

func (t *tx) addAlerts(ctx context.Context, alerts []Alert, incident string) (err error) {
	rows := make([][]any, len(alerts))
	for i := range alerts {
		a := &alerts[i]
		if a.ID, err = newID(); err != nil {
			return err
		}
		a.Incident, a.State = cmp.Or(a.Incident, incident), cmp.Or(a.State, AlertWaiting)
		rows[i] = a.fields()
	}
	return insertAll(ctx, t, "alert", alertColumns, rows)
}

// DueAlerts returns up to limit waiting alerts whose Next has come, the longest due first.
func (s *Store) DueAlerts(ctx context.Context, now time.Time, limit int) ([]Alert, error) {
	list, err := all[Alert](ctx, s.read, "SELECT "+alertColumns+" FROM alert WHERE state = $1 AND next <= $2 ORDER BY next, id"+limited(limit), AlertWaiting, micros(now))
	if err != nil {
		return nil, fmt.Errorf("read the due alerts: %w", err)
	}
	return list, nil
}

// SaveAlert overwrites the alert with a's ID.
func (s *Store) SaveAlert(ctx context.Context, a Alert) error {
	if err := rewrite(ctx, s.write, "alert", alertColumns, 1, a.fields()); err != nil {
		return asFault(err, "save", "alert "+a.ID)
	}
	return nil
}

// AlertsOf returns the alerts of an incident, oldest first.
func (s *Store) AlertsOf(ctx context.Context, incident string) ([]Alert, error) {
	list, err := all[Alert](ctx, s.read, "SELECT "+alertColumns+" FROM alert WHERE incident = $1 ORDER BY created, id", incident)
	if err != nil {
		return nil, fmt.Errorf("read the alerts of incident %s: %w", incident, err)
	}
	return list, nil
}
