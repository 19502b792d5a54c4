package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"daybook/internal/fault"
	"daybook/internal/project"
)

// These are said by several kinds in the same words.

func orphans(ref project.Reference, count int64, found []string) error {
	return fault.New(fault.CheckFailed, fmt.Sprintf("%d rows have a %s that is not in %s.%s: %s", count, ref.Column, ref.Publication, ref.Of, strings.Join(found, "; ")),
		"mend the mart, or write orphans: hold to leave such rows out and have them counted")
}

func (s *Result) hold(r Request, ref project.Reference, count int64, found []string) {
	s.Held += count
	s.example(found)
	r.Log("warn", "%d rows held back, their %s is not in %s.%s: %s", count, ref.Column, ref.Publication, ref.Of, strings.Join(found, "; "))
}

func (s *Result) keep(r Request, count int64, found []string) {
	s.Kept = count
	s.example(found)
	r.Log("warn", "%d rows are not in %s any more and stay, as rows of other tables refer to them; the next publish after those are gone removes them: %s",
		count, r.Publication.Mart, strings.Join(found, "; "))
}

func (s *Result) example(found []string) {
	s.Examples = append(s.Examples, found...)
	s.Examples = s.Examples[:min(5, len(s.Examples))]
}

func otherDay(r Request, found []string) error {
	return fault.New(fault.CheckFailed, fmt.Sprintf("keys of %s are in the target as rows of another day: %s", r.Day, strings.Join(found, "; ")),
		"add day to key:, or write mode: upsert to let the newest day have them")
}

func counted(r Request, got, want int64) error {
	return fault.New(fault.CheckFailed, fmt.Sprintf("the target would hold %d rows of %s and not %d; nothing was changed", got, r.Publication.Mart, want),
		"look for triggers, rules or unique columns of the target that drop or join rows")
}

// unconfirmed is a commit of which nobody knows whether it was made; one that the database refused was not.
func unconfirmed(err error) error {
	if !fault.Is(err, fault.Unavailable) {
		return err
	}
	return fault.Wrap(fault.Unavailable, err, "the commit was not confirmed", "publish again, which does no harm if it was made")
}

// gone reports whether a connection broke.
func gone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNREFUSED)
}

// broken reports whether an error comes from the network and not from the rows.
func broken(err error) bool {
	var network net.Error
	return gone(err) || errors.As(err, &network) || errors.Is(err, net.ErrClosed) || errors.Is(err, context.DeadlineExceeded)
}
