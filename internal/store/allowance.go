package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Spend counts one call against an allowance of limit within a window, such as a day's name, and reports whether it is allowed. A
// call beyond the limit is not counted. Every window has a count of its own: sources that share an allowance may differ in when it begins.
func (s *Store) Spend(ctx context.Context, allowance, window string, limit int64) (allowed bool, err error) {
	if limit < 1 {
		return false, nil
	}
	err = s.inTx(ctx, func(t *tx) error {
		result, err := t.ExecContext(ctx, `INSERT INTO allowance (name, span, used) VALUES ($1, $2, 1)
ON CONFLICT (name, span) DO UPDATE SET used = allowance.used + 1 WHERE allowance.used < $3`, allowance, window, limit)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		allowed = n == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("count a call against %s: %w", allowance, err)
	}
	return allowed, nil
}

// Spent is how many calls of an allowance's window were counted.
func (s *Store) Spent(ctx context.Context, allowance, window string) (int64, error) {
	var used int64
	err := s.read.QueryRowContext(ctx, "SELECT used FROM allowance WHERE name = $1 AND span = $2", allowance, window).Scan(&used)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read what was counted against %s: %w", allowance, err)
	}
	return used, nil
}
