package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"daybook/internal/calendar"
)

// The kinds of editions.
const (
	EditionFull    = "full"
	EditionPartial = "partial" // something that it shows was missing
	EditionNotice  = "notice"  // "no report, because …"
)

// Edition is one immutable rendering of a report for a day; only what UpdateEdition names changes.
type Edition struct {
	ID, Report        string
	Day               calendar.Day
	Number            int    // 1, then 2 when the numbers changed
	Kind              string // an Edition constant
	Corrects          int    // number of the mailed edition that it corrects or completes, 0 for none
	Hash              string // of its figures
	State, Reason     string // built, released or unsent, and why
	Path              string // of its figures in the lake
	Locales           []string
	Created, Released time.Time
	Run               string
}

const editionColumns = "id, report, day, number, kind, corrects, hash, state, reason, path, locales, created, released, run"

func (e *Edition) fields() []any {
	return []any{&e.ID, &e.Report, (*date)(&e.Day), &e.Number, &e.Kind, &e.Corrects, &e.Hash, &e.State, (*prose)(&e.Reason),
		&e.Path, (*list[string])(&e.Locales), (*instant)(&e.Created), (*instant)(&e.Released), &e.Run}
}

func (e *Edition) event() Event {
	return Event{Kind: EventEdition, Run: e.Run, Node: e.Report, Day: e.Day}
}

// AddEdition records e as the next edition of its report and day and fills ID, Number and an empty Kind (full). Where the
// newest one has the same Hash nothing is added, and e becomes that one.
func (s *Store) AddEdition(ctx context.Context, e *Edition) (added bool, err error) {
	edition := *e
	err = s.inTx(ctx, func(t *tx) error {
		// One at a time, or two callers would take the same number on PostgreSQL.
		if _, err := t.count(ctx, "edition", 1); err != nil {
			return err
		}
		newest, err := newestEdition(ctx, t, e.Report, e.Day)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err == nil && newest.Hash == e.Hash {
			edition = newest
			return nil
		}
		if edition.ID, err = newID(); err != nil {
			return err
		}
		edition.Number, edition.Kind, added = newest.Number+1, cmp.Or(e.Kind, EditionFull), true
		t.tell(edition.event())
		_, err = t.ExecContext(ctx, insert("edition", editionColumns), edition.fields()...)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("add an edition of %s for %s: %w", e.Report, e.Day, err)
	}
	*e = edition
	return added, nil
}

func newestEdition(ctx context.Context, q querier, report string, day calendar.Day) (Edition, error) {
	return one[Edition](ctx, q, "SELECT "+editionColumns+" FROM edition WHERE report = $1 AND day = $2 ORDER BY number DESC LIMIT 1", report, dayText(day))
}

// UpdateEdition overwrites State, Reason, Released (zero where it was not), Kind and Corrects of the edition with e's ID.
func (s *Store) UpdateEdition(ctx context.Context, e Edition) error {
	err := s.inTx(ctx, func(t *tx) error {
		stored, err := one[Edition](ctx, t, `UPDATE edition SET state = $1, reason = $2, released = $3, kind = $4, corrects = $5
			WHERE id = $6 RETURNING `+editionColumns, e.State, prose(e.Reason), instant(e.Released), e.Kind, e.Corrects, e.ID)
		t.tell(stored.event())
		return err
	})
	if err != nil {
		return asFault(err, "update", "edition "+e.ID)
	}
	return nil
}

// EditionByID returns the edition with the id.
func (s *Store) EditionByID(ctx context.Context, id string) (Edition, error) {
	e, err := one[Edition](ctx, s.read, "SELECT "+editionColumns+" FROM edition WHERE id = $1", id)
	if err != nil {
		return Edition{}, asFault(err, "read", "edition "+id)
	}
	return e, nil
}

// EditionsInState returns the editions in a state for the days from that one on, by report, day and number.
func (s *Store) EditionsInState(ctx context.Context, state string, from calendar.Day) ([]Edition, error) {
	editions, err := all[Edition](ctx, s.read, "SELECT "+editionColumns+" FROM edition WHERE state = $1 AND day >= $2 ORDER BY report, day, number",
		state, dayText(from))
	if err != nil {
		return nil, fmt.Errorf("read the %s editions from %s on: %w", state, from, err)
	}
	return editions, nil
}

// Editions returns the editions of a report for a day, newest first.
func (s *Store) Editions(ctx context.Context, report string, day calendar.Day) ([]Edition, error) {
	editions, err := all[Edition](ctx, s.read, "SELECT "+editionColumns+" FROM edition WHERE report = $1 AND day = $2 ORDER BY number DESC", report, dayText(day))
	if err != nil {
		return nil, fmt.Errorf("read the editions of %s for %s: %w", report, day, err)
	}
	return editions, nil
}

// Edition returns an edition by its number, and the newest one for 0.
func (s *Store) Edition(ctx context.Context, report string, day calendar.Day, number int) (Edition, error) {
	var e Edition
	var err error
	what := fmt.Sprintf("edition of %s for %s", report, day)
	if number == 0 {
		e, err = newestEdition(ctx, s.read, report, day)
	} else {
		what = fmt.Sprintf("edition %d of %s for %s", number, report, day)
		e, err = one[Edition](ctx, s.read, "SELECT "+editionColumns+" FROM edition WHERE report = $1 AND day = $2 AND number = $3", report, dayText(day), number)
	}
	if err != nil {
		return Edition{}, asFault(err, "read", what)
	}
	return e, nil
}

// LatestEdition returns the newest edition of a report's newest day, whatever its state.
func (s *Store) LatestEdition(ctx context.Context, report string) (Edition, error) {
	e, err := one[Edition](ctx, s.read, "SELECT "+editionColumns+" FROM edition WHERE report = $1 ORDER BY day DESC, number DESC LIMIT 1", report)
	if err != nil {
		return Edition{}, asFault(err, "read", "edition of "+report)
	}
	return e, nil
}

// EditionDay is the newest edition of a day.
type EditionDay struct {
	Day    calendar.Day
	Number int
	State  string
	Kind   string
}

func (d *EditionDay) fields() []any { return []any{(*date)(&d.Day), &d.Number, &d.State, &d.Kind} }

// EditionDays returns those of the days from..to that a report has an edition for, in order.
func (s *Store) EditionDays(ctx context.Context, report string, from, to calendar.Day) ([]EditionDay, error) {
	days, err := all[EditionDay](ctx, s.read, `SELECT day, number, state, kind FROM edition AS e
		WHERE report = $1 AND day BETWEEN $2 AND $3
		  AND number = (SELECT max(number) FROM edition WHERE report = e.report AND day = e.day)
		ORDER BY day`, report, dayText(from), dayText(to))
	if err != nil {
		return nil, fmt.Errorf("read the edition days of %s: %w", report, err)
	}
	return days, nil
}
