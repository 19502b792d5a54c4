package jobs

import (
	"context"
	"time"

	"daybook/internal/mail"
)

// EventQueue gives what a sender says became of messages, one wait at a time.
type EventQueue interface {
	Receive(ctx context.Context, handle func(context.Context, []mail.Event) error) error
}

const (
	listenPause = 15 * time.Second // after a queue could not be read
	mirrorEvery = time.Hour        // how often the provider's suppression list is copied
)

// Listen records events from a queue, which may be nil, and copies the provider's suppression list, until ctx or the runner ends.
func (m *Mailer) Listen(ctx context.Context, queue EventQueue) {
	mirrored, broken := time.Time{}, false
	for ctx.Err() == nil && m.Runner.life.Err() == nil {
		if now := m.Runner.Now(); now.Sub(mirrored) >= mirrorEvery {
			mirrored = now
			if err := m.Mirror(ctx); err != nil && ctx.Err() == nil {
				m.Runner.Log.Warn("the suppression list could not be copied; it is tried again in an hour", "err", err)
			}
		}
		if queue == nil {
			_ = m.pause(ctx, mirrorEvery) // the loop sees why it ended
			continue
		}
		err := queue.Receive(ctx, m.Events)
		if err != nil && ctx.Err() == nil {
			if !broken { // once, not at every try
				m.Runner.Log.Error("mail events cannot be read; it is tried again", "err", err)
			}
			_ = m.pause(ctx, listenPause)
		}
		broken = err != nil
	}
}
