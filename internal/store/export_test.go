package store

import "context"

// PretendVersion writes down a migration as if a newer program had run it.
func (s *Store) PretendVersion(ctx context.Context, version int64) error {
	_, err := s.write.ExecContext(ctx, "INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, $2)", version, true)
	return err
}
