package lake

import (
	"context"
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
