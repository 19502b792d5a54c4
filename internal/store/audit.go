package store

import (
	"context"
	"fmt"
	"time"
)

// Entry says who did what to what.
type Entry struct {
	ID                          string // filled by Audit
	By, Action, Subject, Detail string
	At                          time.Time
}

const entryColumns = "id, done_by, action, subject, detail, at"

func (e *Entry) fields() []any {
	return []any{&e.ID, (*prose)(&e.By), &e.Action, (*prose)(&e.Subject), (*prose)(&e.Detail), (*instant)(&e.At)}
}

// Audit records an entry, which nothing changes afterwards.
func (s *Store) Audit(ctx context.Context, e Entry) error {
	var err error
	if e.ID, err = newID(); err != nil {
		return err
	}
	if _, err := s.write.ExecContext(ctx, insert("audit", entryColumns), e.fields()...); err != nil {
		return fmt.Errorf("record %s of %s: %w", e.Action, e.Subject, err)
	}
	return nil
}

// AuditLog returns up to limit entries, newest first.
func (s *Store) AuditLog(ctx context.Context, limit int) ([]Entry, error) {
	entries, err := all[Entry](ctx, s.read, "SELECT "+entryColumns+" FROM audit ORDER BY at DESC, id DESC"+limited(limit))
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	return entries, nil
}
