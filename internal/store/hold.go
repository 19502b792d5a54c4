package store

import (
	"context"
	"fmt"
	"time"

	"daybook/internal/calendar"
)

// Hold keeps a report's day from going out until somebody drops it.
type Hold struct {
	Report     string
	Day        calendar.Day
	Reason, By string
	At         time.Time
}

const holdColumns = "report, day, reason, held_by, at"

func (h *Hold) fields() []any {
	return []any{&h.Report, (*date)(&h.Day), (*prose)(&h.Reason), (*prose)(&h.By), (*instant)(&h.At)}
}

// SetHold records a hold, or overwrites the one of the same report and day.
func (s *Store) SetHold(ctx context.Context, h Hold) error {
	if _, err := s.write.ExecContext(ctx, upsert("hold", holdColumns, 2), h.fields()...); err != nil {
		return fmt.Errorf("hold %s for %s: %w", h.Report, h.Day, err)
	}
	return nil
}

// DropHold ends a hold; one that does not exist is no error.
func (s *Store) DropHold(ctx context.Context, report string, day calendar.Day) error {
	if _, err := s.write.ExecContext(ctx, "DELETE FROM hold WHERE report = $1 AND day = $2", report, dayText(day)); err != nil {
		return fmt.Errorf("drop the hold of %s for %s: %w", report, day, err)
	}
	return nil
}

// Hold returns the hold of a report's day, and whether there is one.
func (s *Store) Hold(ctx context.Context, report string, day calendar.Day) (Hold, bool, error) {
	list, err := all[Hold](ctx, s.read, "SELECT "+holdColumns+" FROM hold WHERE report = $1 AND day = $2", report, dayText(day))
	if err != nil {
		return Hold{}, false, fmt.Errorf("read the hold of %s for %s: %w", report, day, err)
	}
	if len(list) == 0 {
		return Hold{}, false, nil
	}
	return list[0], true, nil
}

// Holds returns every hold, newest day first, then by report.
func (s *Store) Holds(ctx context.Context) ([]Hold, error) {
	list, err := all[Hold](ctx, s.read, "SELECT "+holdColumns+" FROM hold ORDER BY day DESC, report")
	if err != nil {
		return nil, fmt.Errorf("read the holds: %w", err)
	}
	return list, nil
}
