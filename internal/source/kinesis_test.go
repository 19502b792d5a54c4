package source_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
)

func TestKinesisIsASource(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, func(t *testing.T) sourcetest.World {
		k, clock := openKinesis(t, 3), &streamClock{}
		return sourcetest.World{
			Source: source.Kinesis{},
			Request: func(d calendar.Day) source.Request {
				r := sourcetest.Request(k.source, d)
				r.Now = func() time.Time { return clock.at(k.source, d) }
				k.at(r.Now())
				return r
			},
			Fill: func(d calendar.Day, parts []string) {
				clock.fill(d)
				for i, p := range parts {
					k.put(t, i%3, d.Start(k.source.Zone).Add(time.Duration(i)*time.Hour), strings.Split(strings.TrimSuffix(p, "\n"), "\n")...)
				}
			},
			Records: func(b []byte) []string { return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") },
			Secret:  sourcetest.Secret,
			Deny: func() {
				k.mu.Lock()
				defer k.mu.Unlock()
				k.denied = true
			},
			Asked: func() []string {
				k.mu.Lock()
				defer k.mu.Unlock()
				return slices.Clone(k.asked)
			},
			Throttle: func(n int) { k.refuses(n, "ProvisionedThroughputExceededException") },
		}
	})
}

// at sets the stream's clock.
func (k *kinesisStream) at(now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now = now
}

func (k *kinesisStream) refuses(n int, code string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refuse = append(k.refuse, slices.Repeat([]string{code}, n)...)
}

func (k *kinesisStream) fetch(t *testing.T, d calendar.Day, now time.Time, checkpoint map[string]string, into *kept) (source.Result, error) {
	t.Helper()
	k.at(now)
	return fetchDay(t, source.Kinesis{}, k.source, d, now, checkpoint, into)
}
