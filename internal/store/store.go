// Package store keeps the app's records - runs, builds, editions, deliveries, people - in SQLite or PostgreSQL.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"daybook/internal/fault"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/mattn/go-sqlite3" // also the database/sql driver "sqlite3"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is one project's records. Its methods are safe for concurrent use; a row that does not exist is a fault of
// code not_found, and every other error says what was being done.
type Store struct {
	// Now stamps events and finished occurrences; Open sets it to time.Now.
	Now func() time.Time

	write, read *sql.DB // the same pool on PostgreSQL
	changed     *signal

	turn    chan struct{} // holds one while somebody writes to SQLite
	waiting parts
}

// Open opens the records at dsn, "sqlite:PATH" or "postgres://…", and brings their schema up to date. A SQLite file is
// created, readable by its owner only, in a directory that exists.
func Open(ctx context.Context, dsn string) (*Store, error) {
	s := &Store{Now: time.Now, changed: newSignal(), turn: make(chan struct{}, 1)}
	var err error
	dialect := goose.DialectPostgres
	path, isFile := strings.CutPrefix(dsn, "sqlite:")
	switch {
	case isFile && path != "":
		dialect = goose.DialectSQLite3
		err = s.openSQLite(path)
	case strings.HasPrefix(dsn, "postgres://"), strings.HasPrefix(dsn, "postgresql://"):
		err = s.openPostgres(dsn)
	default:
		// The address may hold a password, so it is not repeated.
		return nil, fault.New(fault.Invalid, "the address of the records is not understood", "write sqlite:PATH or postgres://USER@HOST/DATABASE")
	}
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx, dialect); err != nil {
		return nil, errors.Join(full(err), s.Close())
	}
	return s, nil
}

func (s *Store) openSQLite(path string) error {
	// Created here for its mode: SQLite gives the same one to the -wal and -shm files.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "the records cannot be opened", "check the directory of "+path+" and its permissions")
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	// synchronous FULL: the intent of a send must survive a power cut, NORMAL could lose the last commits.
	file := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_journal_mode=WAL&_busy_timeout=10000&_foreign_keys=on&_synchronous=FULL&_stmt_cache_size=64"
	if s.write, err = sql.Open("sqlite3", file+"&_txlock=immediate"); err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	// SQLite has one writer at a time; queueing here in order beats retrying on "database is locked".
	s.write.SetMaxOpenConns(1)
	if s.read, err = sql.Open("sqlite3", file+"&_query_only=true"); err != nil {
		return errors.Join(fmt.Errorf("open %s: %w", path, err), s.write.Close())
	}
	s.read.SetMaxOpenConns(8)
	s.read.SetMaxIdleConns(8)
	return nil
}

func (s *Store) openPostgres(dsn string) error {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		// pgx masks the password in this error.
		return fault.Wrap(fault.Invalid, err, "the address of the records is not understood", "write postgres://USER@HOST/DATABASE")
	}
	s.write = stdlib.OpenDB(*config)
	s.write.SetMaxOpenConns(16)
	s.write.SetMaxIdleConns(8)
	s.read = s.write
	return nil
}

// Close ends every connection. The store is of no use afterwards.
func (s *Store) Close() error {
	err := s.write.Close()
	if s.read != s.write {
		err = errors.Join(err, s.read.Close())
	}
	if err != nil {
		return fmt.Errorf("close the records: %w", err)
	}
	return nil
}

func (s *Store) migrate(ctx context.Context, dialect goose.Dialect) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger())}
	if dialect == goose.DialectPostgres {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60), lock.WithUnlockTimeout(1, 10))
		if err != nil {
			return fmt.Errorf("prepare the migration lock: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, s.write, files, options...)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the records up to date: %w", err)
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the records: %w", err)
	}
	if current > target {
		return fault.New(fault.Refused, fmt.Sprintf("the records have version %d, this program knows %d", current, target),
			"start the newer program that wrote them, or restore a backup")
	}
	return nil
}

// full turns SQLite's words for a disk without room into a fault that says so; other errors pass.
func full(err error) error {
	var e sqlite3.Error
	if errors.As(err, &e) && (e.Code == sqlite3.ErrFull || e.SystemErrno == syscall.ENOSPC) {
		return fault.Wrap(fault.NoSpace, err, "no space is left for the records", "free some space and run it again; what was recorded before is unchanged")
	}
	return err
}
