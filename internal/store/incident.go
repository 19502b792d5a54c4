package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"daybook/internal/calendar"
)

// Incident is a failure that people look into.
type Incident struct {
	ID             string
	Key            string // what it is about; unique among the open ones
	Kind, Subject  string
	Day            calendar.Day
	Reason, Run    string
	Opened, Closed time.Time // Closed is zero while it is open
}

const incidentColumns = "id, topic, kind, subject, day, reason, run, opened, closed"

func (i *Incident) fields() []any {
	return []any{&i.ID, (*prose)(&i.Key), &i.Kind, (*prose)(&i.Subject), (*date)(&i.Day), (*prose)(&i.Reason), &i.Run,
		(*instant)(&i.Opened), (*instant)(&i.Closed)}
}

// OpenIncident records an incident and the alerts that tell of it, and reports that it did. Where one with the same Key is
// open already, its Reason and Run are brought up to date and nobody is told again. Either way i becomes what is stored.
func (s *Store) OpenIncident(ctx context.Context, i *Incident, alerts []Alert) (opened bool, err error) {
	incident := *i
	if incident.ID, err = newID(); err != nil {
		return false, err
	}
	incident.Closed = time.Time{}
	err = s.inTx(ctx, func(t *tx) error {
		stored, err := one[Incident](ctx, t, insert("incident", incidentColumns)+` ON CONFLICT (topic) WHERE closed = 0
			DO UPDATE SET reason = excluded.reason, run = excluded.run RETURNING `+incidentColumns, incident.fields()...)
		if err != nil {
			return err
		}
		opened = stored.ID == incident.ID
		incident = stored
		if !opened {
			return nil
		}
		return t.addAlerts(ctx, alerts, incident.ID)
	})
	if err != nil {
		return false, fmt.Errorf("open incident %s: %w", i.Key, err)
	}
	*i = incident
	return opened, nil
}

// CloseIncident ends the open incident with the key, records the alerts that tell of it, and reports whether there was one.
// alerts may be nil.
func (s *Store) CloseIncident(ctx context.Context, key string, now time.Time, alerts func(Incident) []Alert) (closed bool, err error) {
	err = s.inTx(ctx, func(t *tx) error {
		i, err := one[Incident](ctx, t, "UPDATE incident SET closed = $1 WHERE topic = $2 AND closed = 0 RETURNING "+incidentColumns, micros(now), prose(key))
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		closed = true
		if alerts == nil {
			return nil
		}
		return t.addAlerts(ctx, alerts(i), i.ID)
	})
	if err != nil {
		return false, fmt.Errorf("close incident %s: %w", key, err)
	}
	return closed, nil
}

// Incidents returns up to limit incidents, the open ones first, each newest first.
func (s *Store) Incidents(ctx context.Context, limit int) ([]Incident, error) {
	list, err := all[Incident](ctx, s.read, "SELECT "+incidentColumns+" FROM incident ORDER BY CASE WHEN closed = 0 THEN 0 ELSE 1 END, opened DESC, id DESC"+limited(limit))
	if err != nil {
		return nil, fmt.Errorf("read incidents: %w", err)
	}
	return list, nil
}
