package mail_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
	"daybook/internal/mail"
	"daybook/internal/mail/mailtest"
	"daybook/internal/mail/sesdouble"
)

func openSES(t *testing.T, endpoint string) *mail.SES {
	t.Helper()
	s, err := mail.NewSES(t.Context(), mail.SESOptions{
		Region: sesdouble.Region, Endpoint: endpoint, ConfigurationSet: "daybook",
		AccessKey: sesdouble.AccessKey, SecretKey: sesdouble.SecretKey,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSESIsASender(t *testing.T) {
	mailtest.Run(t, func(t *testing.T) mailtest.Place {
		double := mailtest.SES(t)
		return mailtest.Place{Sender: openSES(t, double.URL), Kept: func() [][]byte {
			var kept [][]byte
			for _, s := range double.Sent() {
				kept = append(kept, s.Raw)
			}
			return kept
		}}
	})
}

func TestSESGetsOneRecipientTagsAndConfigurationSet(t *testing.T) {
	double := mailtest.SES(t)
	m := mailtest.Message()
	receipt, err := openSES(t, double.URL).Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := m.MIME()
	want := []sesdouble.Sent{{
		MessageID: receipt.MessageID, From: "reports@example.com", To: []string{"reader@example.org"},
		ConfigurationSet: "daybook", Tags: m.Tags, Raw: raw,
	}}
	if diff := cmp.Diff(want, double.Sent()); diff != "" {
		t.Error(diff)
	}
}

func TestEveryWayInWhichSESFailsHasItsOutcome(t *testing.T) {
	type outcome struct {
		Kind                   mail.Kind
		Retryable, MayHaveLeft bool
	}
	for name, c := range map[string]struct {
		fault sesdouble.Fault
		want  outcome
		kept  int
		hint  bool
		typed any // the SDK's own type, where it has one
	}{
		"throttle":          {fault: sesdouble.Throttle(), want: outcome{mail.Throttled, true, false}, typed: new(*types.TooManyRequestsException)},
		"daily quota":       {fault: sesdouble.DailyQuota(), want: outcome{mail.DailyQuota, false, false}, hint: true, typed: new(*types.TooManyRequestsException)},
		"limit exceeded":    {fault: sesdouble.LimitExceeded(), want: outcome{mail.DailyQuota, false, false}, hint: true, typed: new(*types.LimitExceededException)},
		"rejected":          {fault: sesdouble.MessageRejected(), want: outcome{mail.Rejected, false, false}, typed: new(*types.MessageRejected)},
		"suspended":         {fault: sesdouble.AccountSuspended(), want: outcome{mail.Suspended, false, false}, hint: true, typed: new(*types.AccountSuspendedException)},
		"paused":            {fault: sesdouble.SendingPaused(), want: outcome{mail.Paused, false, false}, hint: true, typed: new(*types.SendingPausedException)},
		"mail from":         {fault: sesdouble.MailFromDomainNotVerified(), want: outcome{mail.Unverified, false, false}, hint: true, typed: new(*types.MailFromDomainNotVerifiedException)},
		"bad request":       {fault: sesdouble.BadRequest(), want: outcome{mail.Invalid, false, false}, typed: new(*types.BadRequestException)},
		"forbidden":         {fault: sesdouble.Forbidden(), want: outcome{mail.Denied, false, false}, hint: true},
		"internal error":    {fault: sesdouble.InternalError(), want: outcome{mail.Unavailable, true, false}},
		"gateway timeout":   {fault: sesdouble.GatewayTimeout(), want: outcome{mail.Unknown, false, true}},
		"reset before":      {fault: sesdouble.ResetBefore(), want: outcome{mail.Unknown, false, true}},
		"stored then reset": {fault: sesdouble.StoredThenReset(), want: outcome{mail.Unknown, false, true}, kept: 1},
		"broken answer":     {fault: sesdouble.BrokenAnswer(), want: outcome{mail.Unknown, false, true}, kept: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_MAX_ATTEMPTS", "5") // must not bring retries back
			double := mailtest.SES(t)
			double.Fail(c.fault)
			_, err := openSES(t, double.URL).Send(t.Context(), mailtest.Message())
			e := mail.Outcome(err)
			if e == nil {
				t.Fatal("the send succeeded")
			}
			if diff := cmp.Diff(c.want, outcome{e.Kind, e.Retryable, e.MayHaveLeft}); diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
			if got := fault.Hint(err) != ""; got != c.hint {
				t.Errorf("has a hint: %v, want %v (%v)", got, c.hint, err)
			}
			if c.typed != nil && !errors.As(err, c.typed) {
				t.Errorf("error %v is not %T", err, c.typed)
			}
			if n := double.Requests(); n != 1 {
				t.Errorf("%d requests, want 1: a send is never repeated by itself", n)
			}
			if n := len(double.Sent()); n != c.kept {
				t.Errorf("SES has %d messages, want %d", n, c.kept)
			}
		})
	}
}

func TestSlowSESLeavesAnUnknownOutcome(t *testing.T) {
	double := mailtest.SES(t)
	double.Fail(sesdouble.Slow())
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // the caller gives up once SES has the message
		defer cancel()
		for len(double.Sent()) == 0 && t.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
	}()
	_, err := openSES(t, double.URL).Send(ctx, mailtest.Message())
	if e := mail.Outcome(err); e == nil || e.Kind != mail.Unknown || e.Retryable || !e.MayHaveLeft {
		t.Errorf("outcome %+v, want unknown that may have left", e)
	}
}

func TestRequestTimeoutIsUnknownToo(t *testing.T) {
	double := mailtest.SES(t)
	double.Fail(sesdouble.Slow())
	s, err := mail.NewSES(t.Context(), mail.SESOptions{
		Region: sesdouble.Region, Endpoint: double.URL, AccessKey: sesdouble.AccessKey, SecretKey: sesdouble.SecretKey, Timeout: 300 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Send(t.Context(), mailtest.Message())
	if e := mail.Outcome(err); e == nil || e.Kind != mail.Unknown || e.Retryable {
		t.Errorf("outcome %+v, want unknown", e)
	}
}

func TestRefusedConnectionMayBeTriedAgain(t *testing.T) {
	double := mailtest.SES(t)
	double.Close()
	_, err := openSES(t, double.URL).Send(t.Context(), mailtest.Message())
	e := mail.Outcome(err)
	if e == nil || e.Kind != mail.Unavailable || !e.Retryable || e.MayHaveLeft {
		t.Errorf("outcome %+v, want unavailable, retryable, not left", e)
	}
	var op *net.OpError
	if !errors.As(err, &op) {
		t.Errorf("error %v hides the network error", err)
	}
}

func TestSandboxTellsTheRecipientFromTheSender(t *testing.T) {
	double := mailtest.SES(t)
	s := openSES(t, double.URL)
	m := mailtest.Message()
	sandbox := func(verified ...string) { double.Change(func(o *sesdouble.Options) { o.Verified = verified }) }

	sandbox(m.From.Address)
	_, err := s.Send(t.Context(), m)
	if e := mail.Outcome(err); e == nil || e.Kind != mail.Sandbox || e.StopsAll() {
		t.Errorf("unverified recipient: %+v", e)
	}
	sandbox(m.To.Address)
	_, err = s.Send(t.Context(), m)
	if e := mail.Outcome(err); e == nil || e.Kind != mail.Unverified || !e.StopsAll() {
		t.Errorf("unverified sender: %+v", e)
	}
	sandbox("example.net")
	_, err = s.Send(t.Context(), m)
	if e := mail.Outcome(err); e == nil || e.Kind != mail.Unverified {
		t.Errorf("both unverified: %+v", e)
	}
	m.To.Address = "ports@example.com" // the end of the sender's
	_, err = s.Send(t.Context(), m)
	if e := mail.Outcome(err); e == nil || e.Kind != mail.Unverified {
		t.Errorf("a recipient like the sender: %+v", e)
	}
	m.To.Address = m.From.Address
	_, err = s.Send(t.Context(), m)
	if e := mail.Outcome(err); e == nil || e.Kind != mail.Unverified {
		t.Errorf("a mail to oneself: %+v", e)
	}
	sandbox(m.From.Address)
	if _, err := s.Send(t.Context(), m); err != nil {
		t.Error(err)
	}
}

func TestUnknownConfigurationSetIsInvalid(t *testing.T) {
	double := mailtest.SES(t)
	double.Change(func(o *sesdouble.Options) { o.Sets = []string{"other"} })
	_, err := openSES(t, double.URL).Send(t.Context(), mailtest.Message())
	if e := mail.Outcome(err); e == nil || e.Kind != mail.Invalid || !strings.Contains(fault.Hint(err), "create it") {
		t.Errorf("outcome %+v", e)
	}
}

func TestSESRefusesWhatItsAPIWouldRefuse(t *testing.T) {
	double := mailtest.SES(t)
	s := openSES(t, double.URL)
	tooBig, badTag := mailtest.Message(), mailtest.Message()
	tooBig.Attachments[0].Bytes = make([]byte, 30_000_000) // 41 MB as base64
	badTag.Tags = map[string]string{"edition": "2026-11-19/1"}
	for name, m := range map[string]mail.Message{"too big": tooBig, "tag with a slash": badTag} {
		_, err := s.Send(t.Context(), m)
		if e := mail.Outcome(err); e == nil || e.Kind != mail.Invalid || fault.Hint(err) == "" {
			t.Errorf("%s: outcome %+v", name, e)
		}
	}
	if double.Requests() != 0 {
		t.Error("the request was made all the same")
	}
}

func TestSESWithoutCredentialsIsDenied(t *testing.T) {
	double := mailtest.SES(t)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	s, err := mail.NewSES(t.Context(), mail.SESOptions{Region: sesdouble.Region, Endpoint: double.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Send(t.Context(), mailtest.Message())
	if e := mail.Outcome(err); e == nil || e.Kind != mail.Denied || e.MayHaveLeft || fault.Hint(err) == "" {
		t.Errorf("outcome %+v", e)
	}
	if double.Requests() != 0 {
		t.Error("a request was made without credentials")
	}
}

func TestHalfOfAKeyPairIsRefused(t *testing.T) {
	if _, err := mail.NewSES(t.Context(), mail.SESOptions{Region: "eu-west-1", AccessKey: "AKIDEXAMPLE"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("error %v", err)
	}
}

func TestErrorOfAnotherTypeCountsAsUnknown(t *testing.T) {
	if e := mail.Outcome(errors.New("surprise")); e.Kind != mail.Unknown || e.Retryable || !e.MayHaveLeft {
		t.Errorf("outcome %+v", e)
	}
	if mail.Outcome(nil) != nil {
		t.Error("success has an outcome")
	}
}
