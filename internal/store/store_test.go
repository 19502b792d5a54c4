package store_test

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/store"
	"daybook/internal/testenv"

	"github.com/google/go-cmp/cmp"
)

var (
	monday = calendar.MustDay("2026-11-16")
	noon   = time.Date(2026, 11, 17, 12, 0, 0, 123_456_000, time.UTC)
)

// onEachEngine runs a test on new records in SQLite and in PostgreSQL.
func onEachEngine(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "app.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, testenv.Postgres(t)) })
}

// withStore is onEachEngine with the records opened.
func withStore(t *testing.T, test func(t *testing.T, s *store.Store)) {
	onEachEngine(t, func(t *testing.T, dsn string) { test(t, open(t, dsn)) })
}

func open(t *testing.T, dsn string) *store.Store {
	t.Helper()
	s := must(store.Open(t.Context(), dsn))(t)
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b calendar.Day) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func notFound(t *testing.T, err error) {
	t.Helper()
	if !fault.Is(err, fault.NotFound) {
		t.Errorf("error %v, want one of code not_found", err)
	}
}

func TestOpenAgainKeepsTheRecords(t *testing.T) {
	onEachEngine(t, func(t *testing.T, dsn string) {
		first := must(store.Open(t.Context(), dsn))(t)
		check(t, first.SetCursor(t.Context(), "mail", "42"))
		check(t, first.Close())
		same(t, "42", must(open(t, dsn).Cursor(t.Context(), "mail"))(t))
	})
}

func TestSeveralProcessesOpenNewRecordsAtOnce(t *testing.T) {
	dsn := testenv.Postgres(t)
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() {
			s, err := store.Open(context.Background(), dsn)
			if err == nil {
				err = s.Close()
			}
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestRecordsOfANewerProgramAreRefused(t *testing.T) {
	onEachEngine(t, func(t *testing.T, dsn string) {
		s := must(store.Open(t.Context(), dsn))(t)
		check(t, s.PretendVersion(t.Context(), 99999))
		check(t, s.Close())
		again, err := store.Open(t.Context(), dsn)
		if !fault.Is(err, fault.Refused) {
			t.Errorf("error %v, want one of code refused", err)
		}
		if err == nil {
			check(t, again.Close())
		}
	})
}

func TestSQLiteFileIsReadableByItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?#%.db")
	open(t, "sqlite:"+path)
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info := must(os.Stat(name))(t)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", filepath.Base(name), info.Mode().Perm())
		}
	}
}

func TestAddressThatIsNotUnderstoodIsNotRepeated(t *testing.T) {
	for _, dsn := range []string{"mysql://me:sesame@db", "sqlite:", "", "postgres://me:sesame@db:port/x"} {
		_, err := store.Open(t.Context(), dsn)
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: error %v, want one of code invalid", dsn, err)
		}
		if err != nil && strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: the error shows the password: %v", dsn, err)
		}
	}
}

// full fails where a field of v is zero: a round trip proves nothing about a field that was never set.
func full(t *testing.T, v any) {
	t.Helper()
	value := reflect.ValueOf(v)
	for i := range value.NumField() {
		if name := value.Type().Field(i).Name; value.Field(i).IsZero() {
			t.Errorf("%T.%s is not set", v, name)
		}
	}
}
