package mail_test

import (
	"testing"

	"daybook/internal/mail"
)

func TestASMTPCheckSignsInAndSendsNothing(t *testing.T) {
	for _, protection := range []string{mail.StartTLS, mail.TLS, mail.NoTLS} {
		s := serveSMTP(t, protection, func(s *smtpServer) { s.ways = []string{"PLAIN"} })
		for password, want := range map[string]mail.Kind{"correct, =horse": "", "wrong": mail.Denied} {
			err := s.sender(t, func(o *mail.SMTPOptions) { o.User, o.Password = "ada", password }).Check(t.Context())
			if out := mail.Outcome(err); want == "" && err != nil || want != "" && (out == nil || out.Kind != want) {
				t.Errorf("%s with password %q: %v", protection, password, err)
			}
		}
		if len(s.kept()) != 0 {
			t.Errorf("%s: %d messages were sent", protection, len(s.kept()))
		}
		s.listener.Close()
		if out := mail.Outcome(s.sender(t, nil).Check(t.Context())); out == nil || out.Kind != mail.Unavailable || out.MayHaveLeft {
			t.Errorf("%s without a server: %+v", protection, out)
		}
	}
}
