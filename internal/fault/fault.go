// Package fault holds the error that a person can act on: a code for programs, a message and a hint for people, and the place in a file.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Codes that callers branch on; any other short snake_case word may be used for errors that only people read.
const (
	NotFound    = "not_found"    // the thing asked for does not exist
	Invalid     = "invalid"      // what the user wrote or sent is wrong
	Missing     = "missing"      // the source has no data for the day (a state, not a breakage)
	Busy        = "busy"         // somebody else holds it: a lock, a running build
	CheckFailed = "check_failed" // a blocking check said no
	Refused     = "refused"      // not allowed for this person or in this state
	Damaged     = "damaged"      // a stored file is not what was written
	NoSpace     = "no_space"     // the disk is full
	Unavailable = "unavailable"  // a part outside did not answer; worth another try
	Quota       = "quota"        // an allowance is used up until Error.Until
)

// Error says what is wrong, where, and what to do about it.
type Error struct {
	Code    string
	Message string    // what is wrong, in one sentence without a final period
	Hint    string    // what to write or do instead
	File    string    // path as the user knows it, relative to the project
	Line    int       // 1-based; 0 when unknown
	Column  int       // 1-based, in characters; 0 when unknown
	Err     error     // the cause, when there is one
	Until   time.Time // of code quota: when it is worth another try
}

// New returns an error of the given code whose hint may be empty.
func New(code, message, hint string) *Error {
	return &Error{Code: code, Message: message, Hint: hint}
}

// At returns an Invalid error for a place in a file.
func At(file string, line, column int, message, hint string) *Error {
	return &Error{Code: Invalid, Message: message, Hint: hint, File: file, Line: line, Column: column}
}

// Wrap returns an error of the given code that keeps its cause.
func Wrap(code string, err error, message, hint string) *Error {
	return &Error{Code: code, Message: message, Hint: hint, Err: err}
}

// Error reads "file:line:column: what is wrong: cause; what to write instead".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Place())
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Hint != "" {
		b.WriteString("; ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// Place is "file:line:column" as far as it is known, empty when there is no file.
func (e *Error) Place() string {
	switch {
	case e.File == "":
		return ""
	case e.Line == 0:
		return e.File
	case e.Column == 0:
		return fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	return fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column)
}

func (e *Error) Unwrap() error { return e.Err }

// Code is the code of the first *Error in err's chain, empty when there is none.
func Code(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Hint is the hint of the first *Error in err's chain that has one.
func Hint(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}

// Is reports whether err's first *Error has the code.
func Is(err error, code string) bool { return err != nil && Code(err) == code }
