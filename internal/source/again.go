package source

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// backoff is how long to wait behind a try, counted from 1: twice as long as behind the one before, and never longer than longest.
func backoff(try int, first, longest time.Duration) time.Duration {
	return min(longest, first<<min(try-1, 10))
}

// retryAfter is how long a server asks to wait by its header of that name, 0 when it does not.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && seconds > 0 {
		return time.Duration(min(seconds, math.MaxInt32)) * time.Second // centuries do not become no time
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), time.Second)
	}
	return 0
}
