package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"daybook/internal/fault"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Peek opens records for reading beside the process that owns them: it creates nothing, changes nothing and leaves the schema as it
// is, so ask Schema before anything else. Records that do not exist are a fault of code not_found; every method that writes fails.
// Only SQLite's own -wal and -shm files may appear beside its file, as for every reader.
func Peek(ctx context.Context, dsn string) (*Store, error) {
	path, isFile := strings.CutPrefix(dsn, "sqlite:")
	var pool *sql.DB
	var err error
	if isFile {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return nil, fault.New(fault.NotFound, "there are no records at "+path, "build a day first: daybook run")
		}
		pool, err = sql.Open("sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro&_busy_timeout=10000&_query_only=true")
	} else {
		var config *pgx.ConnConfig
		if config, err = pgx.ParseConfig(dsn); err == nil {
			config.RuntimeParams["default_transaction_read_only"] = "on"
			pool = stdlib.OpenDB(*config)
		}
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the address of the records is not understood", "write sqlite:PATH or postgres://USER@HOST/DATABASE")
	}
	pool.SetMaxOpenConns(4)
	s := &Store{write: pool, read: pool, changed: newSignal()}
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(fault.Wrap(fault.Unavailable, err, "the records cannot be opened", "see that they can be read, and that the database answers"), s.Close())
	}
	return s, nil
}

// Schema is the version that the records have and the one that this program knows.
func (s *Store) Schema(ctx context.Context) (has, knows int64, err error) {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return 0, 0, fmt.Errorf("read the migrations: %w", err)
	}
	for _, f := range files {
		number, _, _ := strings.Cut(f.Name(), "_")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			knows = max(knows, n)
		}
	}
	if err := s.read.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version").Scan(&has); err != nil {
		return 0, knows, fault.Wrap(fault.Damaged, err, "the records have no version", "see that the address is that of Daybook's own records")
	}
	return has, knows, nil
}

// MessageEvents returns the events of the mail service's message with the id by At, also where no delivery here knows it.
func (s *Store) MessageEvents(ctx context.Context, messageID string) ([]MailEvent, error) {
	events, err := all[MailEvent](ctx, s.read, "SELECT "+mailEventColumns+" FROM mail_event WHERE message_id = $1 ORDER BY at, id", prose(messageID))
	if err != nil {
		return nil, fmt.Errorf("read the events of message %s: %w", messageID, err)
	}
	return events, nil
}
