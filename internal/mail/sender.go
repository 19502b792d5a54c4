package mail

import (
	"context"
	"errors"
)

// Sender hands one message over. Every error it returns is a *SendError, which says whether the message may have left.
// A sender never tries a second time by itself.
type Sender interface {
	Send(ctx context.Context, m Message) (Receipt, error)
	// Limits are what may be sent now. Where nothing may be sent at all, the error says why.
	Limits(ctx context.Context) (Limits, error)
}

// Limits are a sender's pace and what is left of its day.
type Limits struct {
	Rate   float64 // messages a second; 0 is no limit
	Left   int     // messages in this 24 hours; -1 is no limit
	AtOnce int     // messages that may be on their way; 0 leaves it to the rate
}

// Receipt says that the message was taken over for delivery, not that it arrived.
type Receipt struct {
	MessageID string // the name under which the sender reports events; SES gives its own
}

// Kind is why a message was not accepted.
type Kind string

// The kinds of failed sends. Whether trying again can help is in SendError.Retryable.
const (
	Throttled   Kind = "throttled"   // too many messages a second; wait a little
	DailyQuota  Kind = "daily_quota" // the account's messages of 24 hours are used up
	Rejected    Kind = "rejected"    // the content was refused
	Suspended   Kind = "suspended"   // the account may not send any more
	Paused      Kind = "paused"      // sending is paused for the account or configuration set
	Unverified  Kind = "unverified"  // the sender's address or MAIL FROM domain is not verified
	Sandbox     Kind = "sandbox"     // the account is in the sandbox and this recipient is not verified
	Denied      Kind = "denied"      // credentials are missing or do not allow sending
	Invalid     Kind = "invalid"     // the message or the request is malformed; it will never be accepted
	Unavailable Kind = "unavailable" // no connection, or the service said that it failed
	Unknown     Kind = "unknown"     // no answer after the request was written: it may have been accepted
)

// SendError is the outcome of a send that was not accepted, or of which nobody knows.
type SendError struct {
	Kind        Kind
	Retryable   bool // the same message may be sent again after a pause; never true when it may have left
	MayHaveLeft bool // only events or a person can tell whether it was sent
	Err         error
}

func (e *SendError) Error() string { return "send the mail: " + string(e.Kind) + ": " + e.Err.Error() }

func (e *SendError) Unwrap() error { return e.Err }

// StopsAll reports that every other message would fail in the same way, so a loop over people should end until somebody acted.
func (e *SendError) StopsAll() bool {
	switch e.Kind {
	case DailyQuota, Suspended, Paused, Unverified, Denied:
		return true
	}
	return false
}

// Outcome is the *SendError in err's chain. A nil error gives nil; an error of another type, which no Sender returns, counts as
// Unknown: what cannot be classified must not be sent twice.
func Outcome(err error) *SendError {
	if err == nil {
		return nil
	}
	var e *SendError
	if errors.As(err, &e) {
		return e
	}
	return &SendError{Kind: Unknown, MayHaveLeft: true, Err: err}
}
