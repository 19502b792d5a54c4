package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/internal/fault"
)

// together lets callers write who all wait for the same turn, and returns their errors.
func together(t *testing.T, s *Store, callers []func() error) []error {
	t.Helper()
	s.turn <- struct{}{}
	errs := make([]error, len(callers))
	var wg sync.WaitGroup
	for i, call := range callers {
		wg.Go(func() { errs[i] = call() })
	}
	deadline := time.Now().Add(30 * time.Second)
	for waiting := 0; waiting < len(callers); {
		if time.Now().After(deadline) {
			t.Fatal("the callers do not wait")
		}
		s.waiting.mu.Lock()
		waiting = len(s.waiting.list)
		s.waiting.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	<-s.turn
	wg.Wait()
	return errs
}

func openTx(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// cursors reads what put wrote.
func cursors(t *testing.T, s *Store) map[string]string {
	t.Helper()
	rows, err := s.read.QueryContext(t.Context(), "SELECT name, value FROM cursor")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	got := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			t.Fatal(err)
		}
		got[name] = value
	}
	return got
}

func put(ctx context.Context, t *tx, name, value string) error {
	_, err := t.ExecContext(ctx, upsert("cursor", "name, value", 1), name, value)
	return err
}

func TestAFailureAmongThoseWhoShareACommitIsItsCallersAlone(t *testing.T) {
	s := openTx(t)
	before, err := s.LastEvent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	seen := map[any]bool{}
	var callers []func() error
	for i := range 9 {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		callers = append(callers, func() error {
			return s.inTx(ctx, func(tx *tx) error {
				seen[tx.querier] = true
				tx.tell(Event{Kind: EventRun})
				if err := put(ctx, tx, fmt.Sprint(i), "first"); err != nil {
					return err
				}
				switch i % 3 {
				case 1:
					return refused
				case 2: // who has gone when the statement runs
					cancel()
				}
				return put(ctx, tx, fmt.Sprint(i), "second")
			})
		})
	}
	errs := together(t, s, callers)
	got := cursors(t, s)
	for i, err := range errs {
		want, value := error(nil), "second"
		if i%3 == 1 {
			want, value = refused, ""
		}
		if !errors.Is(err, want) || got[fmt.Sprint(i)] != value {
			t.Errorf("caller %d: %v, wrote %q, want %v and %q", i, err, got[fmt.Sprint(i)], want, value)
		}
	}
	if len(seen) != 1 {
		t.Errorf("%d transactions, want 1", len(seen))
	}
	if events, err := s.EventsAfter(t.Context(), before, 0); err != nil || len(events) != 6 {
		t.Errorf("%d events, %v, want those of the 6 who were not refused", len(events), err)
	}
}

func TestACallerWhoWentBeforeItsTurnWritesNothing(t *testing.T) {
	s := openTx(t)
	gone, cancel := context.WithCancel(t.Context())
	write := func(ctx context.Context, name string) func() error {
		return func() error { return s.inTx(ctx, func(tx *tx) error { return put(ctx, tx, name, "x") }) }
	}
	cancel()
	errs := together(t, s, []func() error{write(gone, "a"), write(t.Context(), "b"), write(gone, "c")})
	if got := cursors(t, s); len(got) != 1 || got["b"] != "x" || errs[1] != nil || !errors.Is(errs[0], context.Canceled) || !errors.Is(errs[2], context.Canceled) {
		t.Errorf("wrote %v, errors %v", got, errs)
	}
}

func TestWhoSharesACommitIsToldTheTruthWhenTheDiskIsFull(t *testing.T) {
	s := openTx(t)
	if _, err := s.write.ExecContext(t.Context(), "PRAGMA max_page_count = 1"); err != nil { // becomes what there is already
		t.Fatal(err)
	}
	var callers []func() error
	for i := range 6 {
		callers = append(callers, func() error {
			value := strings.Repeat("x", 1+i%3*50_000)
			return s.inTx(t.Context(), func(tx *tx) error { return put(t.Context(), tx, fmt.Sprint(i), value) })
		})
	}
	errs := together(t, s, callers)
	got, full := cursors(t, s), 0
	for i, err := range errs {
		if _, written := got[fmt.Sprint(i)]; written != (err == nil) {
			t.Errorf("caller %d: written %t, error %v", i, written, err)
		}
		if err != nil {
			full++
			if !fault.Is(err, fault.NoSpace) {
				t.Errorf("caller %d: %v", i, err)
			}
		}
	}
	if full < 4 {
		t.Errorf("%d were told of the full disk, want at least those 4 who need more of it", full)
	}
}

func TestAPanicOfOneCallerLeavesNobodyWaiting(t *testing.T) {
	s := openTx(t)
	callers := make([]func() error, 3)
	for i := range callers {
		callers[i] = func() (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = errors.New("it ends here")
				}
			}()
			return s.inTx(t.Context(), func(tx *tx) error {
				if err := put(t.Context(), tx, fmt.Sprint(i), "x"); err != nil {
					return err
				}
				panic("it ends here")
			})
		}
	}
	for i, err := range together(t, s, callers) {
		if err == nil {
			t.Errorf("caller %d was told that it wrote", i)
		}
	}
	if err := s.inTx(t.Context(), func(tx *tx) error { return put(t.Context(), tx, "after", "x") }); err != nil {
		t.Error(err)
	}
	if got := cursors(t, s); len(got) != 1 || got["after"] != "x" {
		t.Errorf("wrote %v", got)
	}
}
