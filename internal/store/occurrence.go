package store

import (
	"context"
	"fmt"
	"time"

	"daybook/internal/calendar"
)

// Occurrence is one day of a schedule. There is at most one for a (schedule, day), so moving the hour runs nothing twice.
type Occurrence struct {
	Schedule               string
	Day                    calendar.Day
	Due, Claimed, Finished time.Time
	State                  string // "claimed" until FinishOccurrence says otherwise
	Run, Note              string
}

const occurrenceColumns = "schedule, day, due, claimed, finished, state, run, note"

func (o *Occurrence) fields() []any {
	return []any{&o.Schedule, (*date)(&o.Day), (*instant)(&o.Due), (*instant)(&o.Claimed), (*instant)(&o.Finished), &o.State, &o.Run, (*prose)(&o.Note)}
}

// ClaimOccurrence takes a day of a schedule; claimed is false where it was taken before, by anyone.
func (s *Store) ClaimOccurrence(ctx context.Context, schedule string, day calendar.Day, due, now time.Time) (claimed bool, err error) {
	o := Occurrence{Schedule: schedule, Day: day, Due: due, Claimed: now, State: "claimed"}
	n, err := affected(s.write.ExecContext(ctx, insert("occurrence", occurrenceColumns)+" ON CONFLICT DO NOTHING", o.fields()...))
	if err != nil {
		return false, fmt.Errorf("claim %s of %s: %w", schedule, day, err)
	}
	return n == 1, nil
}

// FinishOccurrence says how a claimed occurrence ended.
func (s *Store) FinishOccurrence(ctx context.Context, schedule string, day calendar.Day, state, run, note string) error {
	err := found(s.write.ExecContext(ctx, "UPDATE occurrence SET state = $1, run = $2, note = $3, finished = $4 WHERE schedule = $5 AND day = $6",
		state, run, prose(note), micros(s.Now()), schedule, dayText(day)))
	if err != nil {
		return asFault(err, "finish", fmt.Sprintf("occurrence %s of %s", schedule, day))
	}
	return nil
}

// Occurrences returns up to limit occurrences of a schedule, newest day first.
func (s *Store) Occurrences(ctx context.Context, schedule string, limit int) ([]Occurrence, error) {
	list, err := all[Occurrence](ctx, s.read, "SELECT "+occurrenceColumns+" FROM occurrence WHERE schedule = $1 ORDER BY day DESC"+limited(limit), schedule)
	if err != nil {
		return nil, fmt.Errorf("read the occurrences of %s: %w", schedule, err)
	}
	return list, nil
}

// LastOccurrence returns the occurrence of the newest day of a schedule, and whether there is one.
func (s *Store) LastOccurrence(ctx context.Context, schedule string) (Occurrence, bool, error) {
	list, err := s.Occurrences(ctx, schedule, 1)
	if err != nil || len(list) == 0 {
		return Occurrence{}, false, err
	}
	return list[0], true, nil
}
