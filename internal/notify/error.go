package notify

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Error says why a place did not take an alert. It holds no more of the address, which is a secret, than the host.
type Error struct {
	Channel   string        // "Slack" or "webhook"
	Status    int           // of the answer; 0 when there was none
	Retryable bool          // another try can help
	After     time.Duration // how long to wait before it, 0 when the place did not say
	Reason    string        // what went wrong, in one line
	Hint      string        // what a person can do about it, empty when waiting is all
	Err       error         // the cause, when there is one
}

// Error reads "send to Slack: 404 Not Found: no_service; make a new webhook …".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("send to " + e.Channel + ": ")
	if e.Status > 0 {
		b.WriteString(strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))))
		if e.Reason != "" {
			b.WriteString(": ")
		}
	}
	b.WriteString(e.Reason)
	switch {
	case e.After > 0:
		fmt.Fprintf(&b, "; it asks to wait %s", e.After)
	case e.Hint != "":
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Retry reports whether another try can help after err, and how long to wait at least. An error that is no *Error is worth a try.
func Retry(err error) (after time.Duration, ok bool) {
	var e *Error
	if errors.As(err, &e) {
		return e.After, e.Retryable
	}
	return 0, err != nil
}

// worth reports whether a place may take later what it refused with this status.
func worth(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500 && status != http.StatusNotImplemented
}

func hint(status int) string {
	switch {
	case status >= 300 && status < 400:
		return "write the address that it leads to; redirects are not followed"
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound, status == http.StatusGone:
		return "make a new address at the receiver and put it where the old one is kept"
	}
	return ""
}
