package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Cursor returns how far something has read, as SetCursor left it; empty when it never did.
func (s *Store) Cursor(ctx context.Context, name string) (string, error) {
	var value string
	err := s.read.QueryRowContext(ctx, "SELECT value FROM cursor WHERE name = $1", name).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read cursor %s: %w", name, err)
	}
	return value, nil
}

// SetCursor records how far something has read.
func (s *Store) SetCursor(ctx context.Context, name, value string) error {
	if _, err := s.write.ExecContext(ctx, upsert("cursor", "name, value", 1), name, value); err != nil {
		return fmt.Errorf("set cursor %s: %w", name, err)
	}
	return nil
}
