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

// Cursors lists the cursors whose names begin with a prefix, by name.
func (s *Store) Cursors(ctx context.Context, prefix string) (map[string]string, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT name, value FROM cursor WHERE substr(name, 1, $1) = $2", len(prefix), prefix)
	if err != nil {
		return nil, fmt.Errorf("list cursors %s: %w", prefix, err)
	}
	defer rows.Close()
	found := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, fmt.Errorf("list cursors %s: %w", prefix, err)
		}
		found[name] = value
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list cursors %s: %w", prefix, err)
	}
	return found, nil
}

// DropCursor forgets a cursor, if it still says value.
func (s *Store) DropCursor(ctx context.Context, name, value string) error {
	if _, err := s.write.ExecContext(ctx, "DELETE FROM cursor WHERE name = $1 AND value = $2", name, value); err != nil {
		return fmt.Errorf("drop cursor %s: %w", name, err)
	}
	return nil
}

// SetCursor records how far something has read.
func (s *Store) SetCursor(ctx context.Context, name, value string) error {
	if _, err := s.write.ExecContext(ctx, upsert("cursor", "name, value", 1), name, value); err != nil {
		return fmt.Errorf("set cursor %s: %w", name, err)
	}
	return nil
}
