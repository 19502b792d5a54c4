package mail_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"daybook/internal/fault"
	"daybook/internal/mail"
	"daybook/internal/mail/mailtest"
)

func TestSMTPIsASender(t *testing.T) {
	for _, protection := range []string{mail.StartTLS, mail.TLS, mail.NoTLS} {
		t.Run(protection, func(t *testing.T) {
			mailtest.Run(t, func(t *testing.T) mailtest.Place {
				s := serveSMTP(t, protection, nil)
				return mailtest.Place{Sender: s.sender(t, nil), Kept: s.kept}
			})
		})
	}
}

func TestTheSMTPEnvelopeHasTheTwoAddresses(t *testing.T) {
	s := serveSMTP(t, mail.StartTLS, nil)
	m := mailtest.Message()
	receipt, err := s.sender(t, nil).Send(t.Context(), m)
	if err != nil || receipt.MessageID != m.MessageID {
		t.Fatalf("%+v, %v", receipt, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from != m.From.Address || s.to != m.To.Address {
		t.Errorf("from %q to %q", s.from, s.to)
	}
}

func TestSMTPSignsInAsTheServerOffers(t *testing.T) {
	for _, way := range []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", "CRAM-MD5"} {
		for _, protection := range []string{mail.StartTLS, mail.NoTLS} {
			t.Run(way+" "+protection, func(t *testing.T) {
				s := serveSMTP(t, protection, func(s *smtpServer) { s.ways = []string{"XOAUTH2", way} })
				for password, want := range map[string]mail.Kind{"correct, =horse": "", "wrong": mail.Denied} {
					_, err := s.sender(t, func(o *mail.SMTPOptions) { o.User, o.Password = "ada", password }).Send(t.Context(), mailtest.Message())
					if want == "" && err != nil {
						t.Errorf("right password: %v", err)
					}
					if out := mail.Outcome(err); want != "" && (out == nil || out.Kind != want || out.Retryable || out.MayHaveLeft || !out.StopsAll() || fault.Hint(err) == "") {
						t.Errorf("wrong password: %+v", out)
					}
				}
				if len(s.kept()) != 1 {
					t.Errorf("%d messages", len(s.kept()))
				}
			})
		}
	}
}

func TestWithoutAWayToSignInNothingIsSent(t *testing.T) {
	s := serveSMTP(t, mail.StartTLS, func(s *smtpServer) { s.ways = []string{"XOAUTH2"} })
	_, err := s.sender(t, func(o *mail.SMTPOptions) { o.User, o.Password = "ada", "x" }).Send(t.Context(), mailtest.Message())
	if out := mail.Outcome(err); out == nil || out.Kind != mail.Denied || fault.Hint(err) == "" || len(s.kept()) != 0 {
		t.Errorf("%v", err)
	}
}

func TestNothingIsSentUnprotected(t *testing.T) {
	for name, c := range map[string]struct {
		server string
		change func(*mail.SMTPOptions)
	}{
		"no STARTTLS offered":          {mail.NoTLS, func(o *mail.SMTPOptions) { o.TLS = mail.StartTLS }},
		"a certificate of a stranger":  {mail.StartTLS, func(o *mail.SMTPOptions) { o.Roots = nil }},
		"a stranger's, TLS from first": {mail.TLS, func(o *mail.SMTPOptions) { o.Roots = nil }},
		"a certificate of another":     {mail.StartTLS, func(o *mail.SMTPOptions) { o.Host = "localhost" }},
		"no TLS where it is expected":  {mail.StartTLS, func(o *mail.SMTPOptions) { o.TLS = mail.TLS }},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveSMTP(t, c.server, func(s *smtpServer) { s.ways = []string{"PLAIN"} })
			_, err := s.sender(t, func(o *mail.SMTPOptions) {
				o.User, o.Password = "ada", "correct, =horse"
				c.change(o)
			}).Send(t.Context(), mailtest.Message())
			if out := mail.Outcome(err); out == nil || out.Kind != mail.Denied || !out.StopsAll() || fault.Hint(err) == "" {
				t.Errorf("%v", err)
			}
			if len(s.kept()) != 0 || s.signedIn() != 0 {
				t.Error("something was said")
			}
		})
	}
}

func TestARefusedStepSaysWhatItMeans(t *testing.T) {
	for _, c := range []struct {
		step  string
		code  int
		text  string
		kind  mail.Kind
		again bool
	}{
		{"hello", 421, "busy", mail.Unavailable, true},
		{"hello", 554, "no service for you", mail.Denied, false},
		{"mail", 421, "too many connections", mail.Throttled, true},
		{"mail", 451, "local error", mail.Unavailable, true},
		{"mail", 454, "Throttling failure: Maximum sending rate exceeded.", mail.Throttled, true},
		{"mail", 454, "Throttling failure: Daily message quota exceeded.", mail.DailyQuota, false},
		{"mail", 530, "sign in first", mail.Denied, false},
		{"mail", 501, "bad parameter", mail.Invalid, false},
		{"mail", 550, "not your address", mail.Unverified, false},
		{"mail", 553, "not your address", mail.Unverified, false},
		{"mail", 552, "too large", mail.Rejected, false},
		{"rcpt", 450, "greylisted", mail.Unavailable, true},
		{"rcpt", 452, "too many recipients", mail.Throttled, true},
		{"rcpt", 535, "sign in first", mail.Denied, false},
		{"rcpt", 550, "no such user", mail.Rejected, false},
		{"rcpt", 554, "relay access denied", mail.Rejected, false},
		{"data", 452, "no space", mail.Unavailable, true},
		{"data", 552, "too large", mail.Rejected, false},
		{"data", 554, "looks like spam", mail.Rejected, false},
		{"data", 554, "Message rejected: Email address is not verified. The following identities failed the check in region X: reader@example.org", mail.Sandbox, false},
		{"data", 554, "Message rejected: Email address is not verified. The following identities failed the check in region X: reports@example.com", mail.Unverified, false},
	} {
		s := serveSMTP(t, mail.StartTLS, nil)
		s.fail(c.step, func(*gosmtp.Conn, io.Reader) error {
			return &gosmtp.SMTPError{Code: c.code, EnhancedCode: gosmtp.NoEnhancedCode, Message: c.text}
		})
		sender := s.sender(t, nil)
		_, err := sender.Send(t.Context(), mailtest.Message())
		if out := mail.Outcome(err); out == nil || out.Kind != c.kind || out.Retryable != c.again || out.MayHaveLeft {
			t.Errorf("%s %d %s: %+v", c.step, c.code, c.text, out)
		}
		s.fail("", nil)
		if _, err := sender.Send(t.Context(), mailtest.Message()); err != nil || len(s.kept()) != 1 {
			t.Errorf("%s %d: the next message: %v, %d kept", c.step, c.code, err, len(s.kept()))
		}
	}
}

func TestAMailThatTheServerCallsTooLargeIsNotSent(t *testing.T) {
	s := serveSMTP(t, mail.StartTLS, func(s *smtpServer) { s.most = 1000 })
	_, err := s.sender(t, nil).Send(t.Context(), mailtest.Message())
	if out := mail.Outcome(err); out == nil || out.Kind != mail.Invalid || out.MayHaveLeft || fault.Hint(err) == "" || s.to != "" {
		t.Errorf("%v", err)
	}
}

func TestARefusedPersonCostsNoConnection(t *testing.T) {
	s := serveSMTP(t, mail.StartTLS, nil)
	s.fail("rcpt", func(*gosmtp.Conn, io.Reader) error { return &gosmtp.SMTPError{Code: 550, Message: "no such user"} })
	sender := s.sender(t, nil)
	for range 3 {
		if _, err := sender.Send(t.Context(), mailtest.Message()); mail.Outcome(err) == nil || mail.Outcome(err).Kind != mail.Rejected {
			t.Errorf("%v", err)
		}
	}
	if s.connected() != 1 {
		t.Errorf("%d connections", s.connected())
	}
}

// TestACutConnectionIsUnknownOnlyAfterTheDot cuts the line at every step.
func TestACutConnectionIsUnknownOnlyAfterTheDot(t *testing.T) {
	cut := func(c *gosmtp.Conn, _ io.Reader) error { return c.Conn().Close() }
	for _, c := range []struct {
		name, step string
		cut        func(*gosmtp.Conn, io.Reader) error
		left       bool
	}{
		{"hello", "hello", cut, false},
		{"mail", "mail", cut, false},
		{"rcpt", "rcpt", cut, false},
		{"in the body", "data", func(c *gosmtp.Conn, r io.Reader) error {
			io.CopyN(io.Discard, r, 1000)
			return c.Conn().Close()
		}, false},
		{"after the dot", "data", func(c *gosmtp.Conn, r io.Reader) error {
			io.Copy(io.Discard, r)
			return c.Conn().Close()
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serveSMTP(t, mail.StartTLS, nil)
			s.fail(c.step, c.cut)
			m := mailtest.Message()
			if c.name == "in the body" {
				m.Attachments[0].Bytes = bytes.Repeat([]byte("가나다\r\n"), 1<<20) // more than the buffers on the way hold
			}
			sender := s.sender(t, nil)
			_, err := sender.Send(t.Context(), m)
			out := mail.Outcome(err)
			if out == nil || out.MayHaveLeft != c.left || out.Retryable == c.left || (out.Kind == mail.Unknown) != c.left {
				t.Errorf("%+v", out)
			}
			s.fail("", nil)
			if _, err := sender.Send(t.Context(), mailtest.Message()); err != nil {
				t.Errorf("the next message: %v", err)
			}
		})
	}
}

func TestAServerThatIsNotThereIsAskedAgainLater(t *testing.T) {
	s := serveSMTP(t, mail.StartTLS, nil)
	s.listener.Close()
	_, err := s.sender(t, nil).Send(t.Context(), mailtest.Message())
	if out := mail.Outcome(err); out == nil || out.Kind != mail.Unavailable || !out.Retryable || out.MayHaveLeft {
		t.Errorf("%v", err)
	}
}

// hang does not answer until the test is over or the line is cut.
func hang(ctx context.Context, reached chan<- struct{}) func(*gosmtp.Conn, io.Reader) error {
	return func(_ *gosmtp.Conn, r io.Reader) error {
		if r != nil {
			io.Copy(io.Discard, r)
		}
		select {
		case reached <- struct{}{}:
		default:
		}
		<-ctx.Done()
		return errors.New("over")
	}
}

func TestASilentServerIsGivenUp(t *testing.T) {
	for _, step := range []string{"hello", "mail", "rcpt", "data"} {
		s := serveSMTP(t, mail.StartTLS, nil)
		s.fail(step, hang(t.Context(), make(chan struct{}, 1)))
		_, err := s.sender(t, func(o *mail.SMTPOptions) { o.Timeout = 50 * time.Millisecond }).Send(t.Context(), mailtest.Message())
		if out := mail.Outcome(err); out == nil || out.MayHaveLeft != (step == "data") || out.Retryable == (step == "data") {
			t.Errorf("%s: %+v", step, out)
		}
	}
}

func TestACallerThatGoesAwayEndsTheDialogue(t *testing.T) {
	for _, step := range []string{"hello", "mail", "rcpt"} {
		s := serveSMTP(t, mail.StartTLS, nil)
		reached := make(chan struct{}, 1)
		s.fail(step, hang(t.Context(), reached))
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-reached
			cancel()
		}()
		_, err := s.sender(t, nil).Send(ctx, mailtest.Message())
		if out := mail.Outcome(err); out == nil || out.MayHaveLeft || !out.Retryable || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %+v", step, out)
		}
	}
}

func TestACallerThatGoesAwayAfterTheDotStillLearnsTheAnswer(t *testing.T) {
	s := serveSMTP(t, mail.StartTLS, nil)
	ctx, cancel := context.WithCancel(t.Context())
	s.fail("data", func(_ *gosmtp.Conn, r io.Reader) error {
		io.Copy(io.Discard, r)
		cancel()
		return nil
	})
	if _, err := s.sender(t, nil).Send(ctx, mailtest.Message()); err != nil {
		t.Error(err)
	}
}

func TestOneConnectionServesManyMessages(t *testing.T) {
	s := serveSMTP(t, mail.TLS, nil)
	sender := s.sender(t, nil)
	for range 5 {
		if _, err := sender.Send(t.Context(), mailtest.Message()); err != nil {
			t.Fatal(err)
		}
	}
	if s.connected() != 1 {
		t.Errorf("%d connections", s.connected())
	}
}

func TestAKeptConnectionThatDiedIsOpenedAgain(t *testing.T) {
	for name, end := range map[string]func(*smtpServer){
		"cut": func(s *smtpServer) { s.cutAll() },
		"421": func(s *smtpServer) {
			s.failOnce("mail", func(*gosmtp.Conn, io.Reader) error {
				return &gosmtp.SMTPError{Code: 421, Message: "idle for too long"}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveSMTP(t, mail.StartTLS, nil)
			sender := s.sender(t, nil)
			for range 3 {
				if _, err := sender.Send(t.Context(), mailtest.Message()); err != nil {
					t.Fatal(err)
				}
				end(s)
			}
			if s.connected() != 3 || len(s.kept()) != 3 {
				t.Errorf("%d connections, %d messages", s.connected(), len(s.kept()))
			}
		})
	}
}

func TestAnIdleConnectionIsClosed(t *testing.T) {
	s := serveSMTP(t, mail.StartTLS, nil)
	if _, err := s.sender(t, func(o *mail.SMTPOptions) { o.Idle = time.Millisecond }).Send(t.Context(), mailtest.Message()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); s.open() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the connection is still open")
		}
	}
}

func TestSMTPLimitsAreTheConfiguredOnes(t *testing.T) {
	s, err := mail.NewSMTP(mail.SMTPOptions{Host: "smtp.example.com", Rate: 2.5})
	if err != nil {
		t.Fatal(err)
	}
	if limits, err := s.Limits(t.Context()); err != nil || limits != (mail.Limits{Rate: 2.5, Left: -1}) {
		t.Errorf("%+v, %v", limits, err)
	}
}

func TestWrongSMTPOptionsAreRefused(t *testing.T) {
	for name, o := range map[string]mail.SMTPOptions{
		"no host":            {},
		"a URL":              {Host: "smtp://example.com"},
		"unknown protection": {Host: "smtp.example.com", TLS: "ssl"},
		"no such port":       {Host: "smtp.example.com", Port: 70000},
		"no password":        {Host: "smtp.example.com", User: "ada"},
		"no user":            {Host: "smtp.example.com", Password: "x"},
		"unprotected":        {Host: "smtp.example.com", TLS: mail.NoTLS},
		"negative rate":      {Host: "smtp.example.com", Rate: -1},
	} {
		if _, err := mail.NewSMTP(o); !fault.Is(err, fault.Invalid) || fault.Hint(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, o := range []mail.SMTPOptions{
		{Host: "localhost", TLS: mail.NoTLS}, {Host: "127.0.0.2", TLS: mail.NoTLS}, {Host: "::1", TLS: mail.NoTLS},
		{Host: "relay.example.com", TLS: mail.NoTLS, Unprotected: true},
	} {
		if _, err := mail.NewSMTP(o); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
