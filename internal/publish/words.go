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

// mark is how a target that can keep it knows what this publication put there.
func (r Request) mark() string {
	return strings.TrimPrefix(r.Project+"/"+r.Publication.Name, "/")
}

// guarded reports whether what is there from before must not be replaced.
func (r Request) guarded() bool {
	return r.First && !r.Publication.TakesOver && r.Publication.Mode != "upsert"
}

const takeOver = "give a place of its own, or, if what is there may be replaced, write takes_over: true"

// foreign is a place that holds what no publish on record put there.
func foreign(r Request, place string, rows int64) error {
	return invalid(r, fmt.Sprintf("%s has %d rows already, and no publish on record put them there; nothing was changed", place, rows), takeOver)
}

// shrunk holds that a publish does not take away more of the target's rows than the publication allows. What the rows are called is
// for kinds that count something else.
func shrunk(r Request, before, after int64, rows string) error {
	allowed := r.Publication.Shrink
	if allowed <= 0 || allowed >= 1 || float64(after) >= float64(before)*(1-allowed) {
		return nil
	}
	return fault.New(fault.CheckFailed, fmt.Sprintf("the target has %d %s and would have %d, and %g%% of them may go at once; none was removed", before, rows, after, allowed*100),
		fmt.Sprintf("see that %s is complete; if so many should go, write shrink: 100%% for this publish", r.Publication.Mart))
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
