package lake

import (
	"context"
	"errors"
	"os"
	"time"
)

// Tune makes a lake's parts small, its remains stale at once, and its waits short; waited is told of each. Until Own nothing is asked of an
// owner.
func (s *S3) Tune(part int64, stale time.Duration, waited func(time.Duration)) {
	s.part, s.stale, s.free = part, stale, s.held == nil
	s.waiting = func(ctx context.Context, d time.Duration) error {
		if waited != nil {
			waited(d)
		}
		return ctx.Err()
	}
}

// Patience sets how long an owner must be silent.
func (s *S3) Patience(d time.Duration) { s.takeOver, s.free = d, false }

// Proof makes a lake prove that it owns, as it does before each write that is older than age.
func (s *S3) Proof(ctx context.Context, age time.Duration) error { return s.prove(ctx, age) }

// CacheClock sets the cache's clock.
func (s *S3) CacheClock(now func() time.Time) { s.cache.now = now }

// CacheBytes is what the cache counts.
func (s *S3) CacheBytes() int64 { return s.cache.bytes }

// CacheDir is where the cache is.
func (s *S3) CacheDir() string { return s.cache.dir }

// CacheForget empties the cache.
func (s *S3) CacheForget() error {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	s.cache.copies, s.cache.bytes = map[string]*copied{}, 0
	return errors.Join(os.RemoveAll(s.cache.dir), os.MkdirAll(s.cache.dir, 0o700))
}
