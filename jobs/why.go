package jobs

import (
	"strings"

	"daybook/internal/text"
)

// Why is the reason that a build was planned: a code that text knows as "why.CODE", and what it is about.
type Why struct {
	Code    string
	Subject string
}

// IsZero reports whether there is no reason.
func (w Why) IsZero() bool { return w.Code == "" }

// String is how the store keeps it: CODE or CODE:SUBJECT.
func (w Why) String() string {
	if w.Subject == "" {
		return w.Code
	}
	return w.Code + ":" + w.Subject
}

// In says the reason in a language.
func (w Why) In(l text.Locale) string {
	if w.Subject == "" {
		return l.T("why." + w.Code)
	}
	return l.T("why."+w.Code, w.Subject)
}

// ParseWhy is the inverse of String.
func ParseWhy(s string) Why {
	code, subject, _ := strings.Cut(s, ":")
	return Why{code, subject}
}
