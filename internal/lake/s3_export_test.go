package lake

import (
	"context"
	"errors"
	"os"
	"time"
)

// Tune makes a lake's parts small, its remains stale at once, and its waits short; waited is told of each.
func (s *S3) Tune(part int64, stale time.Duration, waited func(time.Duration)) {
	s.part, s.stale = part, stale
	s.waiting = func(ctx context.Context, d time.Duration) error {
		if waited != nil {
			waited(d)
		}
		return ctx.Err()
	}
}

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
