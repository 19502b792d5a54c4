package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"

	"daybook/internal/fault"
)

// classifySMTP says what a failed step means for the message. Source of the codes: RFC 5321, section 4.2.3, and RFC 4954, section 6.
func classifySMTP(ctx context.Context, err error, to string) *SendError {
	var failed *smtpError
	switch {
	case fault.Is(err, fault.Invalid):
		return &SendError{Kind: Invalid, Err: err}
	case !errors.As(err, &failed):
		return gone(ctx) // only a caller that has gone ends between two steps
	}
	var answer *textproto.Error
	answered := errors.As(failed.Err, &answer)
	switch {
	case answered && answer.Code >= 400 && answer.Code < 500:
		return deferred(failed, answer)
	case answered && answer.Code >= 500 && answer.Code < 600:
		return refused(failed, answer, to)
	case failed.Step == stepEnd:
		return &SendError{Kind: Unknown, MayHaveLeft: true, Err: failed}
	case ctx.Err() != nil:
		return &SendError{Kind: Unavailable, Retryable: true, Err: fmt.Errorf("%w: %w", ctx.Err(), failed)}
	case failed.Step == stepTLS:
		return unprotected(failed)
	case failed.Step == stepAuth && !cut(failed.Err):
		return smtpHinted(Denied, failed, "the SMTP server cannot be signed in to", "see which ways it offers (PLAIN, LOGIN, CRAM-MD5 and SCRAM are known here), and that user and password are right")
	}
	return &SendError{Kind: Unavailable, Retryable: true, Err: failed}
}

// deferred is a 4yz answer: not taken now, worth another try.
func deferred(failed *smtpError, answer *textproto.Error) *SendError {
	text := strings.ToLower(answer.Msg)
	// SES answers 454 to two things: "Throttling failure: Daily message quota exceeded" and "… Maximum sending rate exceeded".
	if strings.Contains(text, "daily") && strings.Contains(text, "quota") {
		return smtpHinted(DailyQuota, failed, "the mail server's quota of a day is used up", "wait until it frees up, or ask for a higher one")
	}
	for _, word := range []string{"throttl", "rate limit", "sending rate", "too many", "too fast", "too quickly", "slow down", "4.7.28"} {
		if strings.Contains(text, word) {
			return &SendError{Kind: Throttled, Retryable: true, Err: failed}
		}
	}
	return &SendError{Kind: Unavailable, Retryable: true, Err: failed}
}

// refused is a 5yz answer: for good, about the account, the sender, this person or this mail, depending on the step.
func refused(failed *smtpError, answer *textproto.Error, to string) *SendError {
	text := strings.ToLower(answer.Msg)
	switch code := answer.Code; {
	case failed.Step == stepAuth, code == 530, code == 534, code == 535, code == 538:
		return smtpHinted(Denied, failed, "the SMTP server does not accept user and password", "see that both are right and that the account may send from outside")
	case failed.Step == stepGreeting:
		return smtpHinted(Denied, failed, "the SMTP server does not talk to this machine", "see that its address may send there")
	case failed.Step == stepTLS:
		return unprotected(failed)
	case strings.Contains(text, "not verified") && strings.Contains(text, strings.ToLower(to)):
		return smtpHinted(Sandbox, failed, "the mail service is in its sandbox and this recipient is not verified", "verify the address, or ask for production access")
	case strings.Contains(text, "not verified"):
		return smtpHinted(Unverified, failed, "the sender's address is not verified at the mail service", "verify the domain or address there")
	case code == 501 || code == 503 || code == 555:
		return &SendError{Kind: Invalid, Err: failed}
	case failed.Step == stepMail && code != 552:
		return smtpHinted(Unverified, failed, "the SMTP server does not take mail from the sender's address", "send from an address that the account owns")
	}
	return &SendError{Kind: Rejected, Err: failed}
}

// unprotected is a connection that could not be made safe. A line cut meanwhile is worth another try, a wrong certificate is not.
func unprotected(failed *smtpError) *SendError {
	var certificate *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	switch {
	case errors.Is(failed.Err, errNoStartTLS):
		return smtpHinted(Denied, failed, "the SMTP server does not offer STARTTLS, and nothing is sent unprotected", "use tls with its port for that (465), or another server")
	case errors.As(failed.Err, &certificate):
		return smtpHinted(Denied, failed, "the SMTP server's certificate is not good for this host", "use the host name that is in the certificate, signed by somebody whom this machine trusts")
	case errors.As(failed.Err, &plain):
		return smtpHinted(Denied, failed, "the SMTP server does not begin with TLS", "use starttls with its port for that (587)")
	case errors.As(failed.Err, new(*textproto.Error)):
		return smtpHinted(Denied, failed, "the SMTP server refuses STARTTLS", "use tls with its port for that (465), or another server")
	}
	return &SendError{Kind: Unavailable, Retryable: true, Err: failed}
}

// cut tells a connection that was lost from what our side of an authentication found wrong.
func cut(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

func smtpHinted(kind Kind, err error, message, hint string) *SendError {
	return &SendError{Kind: kind, Err: fault.Wrap(fault.Refused, err, message, hint)}
}
