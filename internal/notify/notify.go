// Package notify carries alerts to the people who look after a project: to a Slack channel, or to any address that takes JSON.
package notify

import (
	"context"
	"time"
)

// Alert is what a channel carries. Every text may come from data: channels treat it as hostile and cut it to what they can carry.
type Alert struct {
	ID      string // the same for every try, so that a receiver can tell a repeat
	Kind    string // failed, recovered, late, figure, delivered, …
	Title   string // one line
	Text    string
	Link    string // an http or https address, or empty
	Project string
	Node    string // empty where the alert is about no single node
	Day     string // 2026-11-19, or empty
	Fields  []Field
	At      time.Time // when it happened
}

// Field is a fact of an alert.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Channel carries alerts to one place. Send returns nil once the place has taken the alert, and an *Error otherwise, which says whether
// and when another try can help; the place may then have it all the same, as answers get lost.
type Channel interface {
	Send(ctx context.Context, a Alert) error
}
