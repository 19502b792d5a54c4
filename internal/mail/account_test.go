package mail_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
	"daybook/internal/mail"
	"daybook/internal/mail/mailtest"
	"daybook/internal/mail/sesdouble"
)

func TestLimitsAreThoseOfTheAccount(t *testing.T) {
	double := mailtest.SES(t)
	s := openSES(t, double.URL)
	limits := func() mail.Limits {
		t.Helper()
		l, err := s.Limits(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if diff := cmp.Diff(mail.Limits{Rate: 0, Left: -1}, limits()); diff != "" {
		t.Error("an account without limits:", diff)
	}
	double.Change(func(o *sesdouble.Options) { o.Rate, o.Quota = 14, 2 })
	if diff := cmp.Diff(mail.Limits{Rate: 14, Left: 2}, limits()); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Send(t.Context(), mailtest.Message()); err != nil {
		t.Fatal(err)
	}
	if l := limits(); l.Left != 1 {
		t.Errorf("after one message %d are left", l.Left)
	}
	double.Change(func(o *sesdouble.Options) { o.Quota = 1 })
	if l := limits(); l.Left != 0 {
		t.Errorf("at the quota %d are left", l.Left)
	}
	if _, err := s.Send(t.Context(), mailtest.Message()); mail.Outcome(err).Kind != mail.DailyQuota {
		t.Errorf("over the quota: %v", err)
	}
	double.Change(func(o *sesdouble.Options) { o.Quota, o.Verified = 200, []string{"example.com"} })
	if l := limits(); l.Left != 199 {
		t.Errorf("the sandbox leaves %d", l.Left)
	}
}

func TestOutboxHasNoLimits(t *testing.T) {
	l, err := mail.Outbox{Dir: t.TempDir()}.Limits(t.Context())
	if err != nil || l.Rate != 0 || l.Left != -1 {
		t.Errorf("limits %+v, %v", l, err)
	}
}

func TestLimitsThatCannotBeToldSayWhy(t *testing.T) {
	type outcome struct {
		Kind                mail.Kind
		Retryable, StopsAll bool
	}
	for name, c := range map[string]struct {
		fault  sesdouble.Fault
		change func(o *sesdouble.Options)
		want   outcome
		hint   string
	}{
		"paused":            {change: func(o *sesdouble.Options) { o.Paused = true }, want: outcome{mail.Paused, false, true}, hint: "resume"},
		"shut down":         {change: func(o *sesdouble.Options) { o.Shutdown = true }, want: outcome{mail.Suspended, false, true}, hint: "reputation"},
		"throttle":          {fault: sesdouble.Throttle(), want: outcome{mail.Throttled, true, false}},
		"forbidden":         {fault: sesdouble.Forbidden(), want: outcome{mail.Denied, false, true}, hint: "ses:GetAccount"},
		"internal error":    {fault: sesdouble.InternalError(), want: outcome{mail.Unavailable, true, false}},
		"gateway timeout":   {fault: sesdouble.GatewayTimeout(), want: outcome{mail.Unavailable, true, false}},
		"reset before":      {fault: sesdouble.ResetBefore(), want: outcome{mail.Unavailable, true, false}},
		"stored then reset": {fault: sesdouble.StoredThenReset(), want: outcome{mail.Unavailable, true, false}},
		"broken answer":     {fault: sesdouble.BrokenAnswer(), want: outcome{mail.Unavailable, true, false}},
		"bad request":       {fault: sesdouble.BadRequest(), want: outcome{mail.Invalid, false, false}},
		"suspended":         {fault: sesdouble.AccountSuspended(), want: outcome{mail.Suspended, false, true}, hint: "reputation"},
	} {
		t.Run(name, func(t *testing.T) {
			double := mailtest.SES(t)
			if c.change != nil {
				double.Change(c.change)
			} else {
				double.FailAsked(c.fault)
			}
			_, err := openSES(t, double.URL).Limits(t.Context())
			var e *mail.SendError
			if !errors.As(err, &e) {
				t.Fatalf("error %v (%T), want a *mail.SendError", err, err)
			}
			if diff := cmp.Diff(c.want, outcome{e.Kind, e.Retryable, e.StopsAll()}); diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
			if e.MayHaveLeft {
				t.Error("a question may have sent a mail")
			}
			if !strings.Contains(fault.Hint(err), c.hint) || (c.hint == "") != (fault.Hint(err) == "") {
				t.Errorf("the hint is %q, want %q in it", fault.Hint(err), c.hint)
			}
		})
	}
}

func TestLimitsOfAServerThatIsAwayAreUnavailable(t *testing.T) {
	double := mailtest.SES(t)
	s := openSES(t, double.URL)
	double.Close()
	if _, err := s.Limits(t.Context()); mail.Outcome(err).Kind != mail.Unavailable || !mail.Outcome(err).Retryable {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Limits(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v hides that the caller went away", err)
	}
}

func TestAccountSaysWhatDoctorNeeds(t *testing.T) {
	double := mailtest.SES(t)
	double.Change(func(o *sesdouble.Options) {
		o.Rate, o.Quota, o.Verified, o.Shutdown = 1, 200, []string{"reports@example.com"}, true
	})
	got, err := openSES(t, double.URL).Account(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(mail.Account{Rate: 1, Quota: 200, Standing: "SHUTDOWN"}, got); diff != "" {
		t.Error(diff)
	}
	double.FailAsked(sesdouble.Forbidden())
	if _, err := openSES(t, double.URL).Account(t.Context()); !fault.Is(err, fault.Refused) || !strings.Contains(fault.Hint(err), "ses:GetAccount") {
		t.Errorf("error %v", err)
	}
}

func TestIdentityIsTheAddressElseItsDomain(t *testing.T) {
	double := mailtest.SES(t)
	s := openSES(t, double.URL)
	address := sesdouble.Identity{Name: "reports@mail.example.com"}
	domain := sesdouble.Identity{Name: "example.com", MailFrom: "bounce.example.com", MailFromStatus: "PENDING", DKIM: "FAILED"}
	tokens := []string{"token1", "token2", "token3"}
	found := mail.Identity{Name: "example.com", Type: "DOMAIN", Verified: true, DKIM: "FAILED", DKIMTokens: tokens, Signing: true, MailFrom: "bounce.example.com", MailFromStatus: "PENDING"}
	pending := func(i sesdouble.Identity) sesdouble.Identity { i.Pending = true; return i }
	for name, c := range map[string]struct {
		known []sesdouble.Identity
		want  mail.Identity
	}{
		"the address":       {[]sesdouble.Identity{domain, address}, mail.Identity{Name: address.Name, Type: "EMAIL_ADDRESS", Verified: true, DKIM: "SUCCESS", Signing: true}},
		"a domain above":    {[]sesdouble.Identity{domain}, found},
		"verified first":    {[]sesdouble.Identity{pending(address), domain}, found},
		"none is verified":  {[]sesdouble.Identity{pending(address)}, mail.Identity{Name: address.Name, Type: "EMAIL_ADDRESS", DKIM: "SUCCESS", Signing: true}},
		"none of them":      {[]sesdouble.Identity{{Name: "example.org"}}, mail.Identity{}},
		"not a like domain": {[]sesdouble.Identity{{Name: "ample.com"}}, mail.Identity{}},
	} {
		t.Run(name, func(t *testing.T) {
			double.Change(func(o *sesdouble.Options) { o.Identities = c.known })
			got, err := s.Identity(t.Context(), "Reports@mail.example.com")
			if c.want.Name == "" {
				if !fault.Is(err, fault.NotFound) || fault.Hint(err) == "" {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestConfigurationSetListsItsDestinations(t *testing.T) {
	double := mailtest.SES(t)
	double.Change(func(o *sesdouble.Options) {
		o.Sets = []string{"daybook"}
		o.Destinations = []sesdouble.Destination{{Name: "topic", Topic: sesdouble.Topic, Events: []string{"BOUNCE"}}, {Name: "bus", Disabled: true}}
	})
	got, err := openSES(t, double.URL).ConfigurationSet(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := mail.ConfigurationSet{Name: "daybook", Sending: true, Destinations: []mail.Destination{
		{Name: "topic", Kind: "sns", Target: sesdouble.Topic, Enabled: true, Events: []string{"BOUNCE"}},
		{Name: "bus", Kind: "eventbridge", Target: "arn:aws:events:ap-northeast-2:123456789012:event-bus/default",
			Events: []string{"SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "DELIVERY_DELAY"}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	double.Change(func(o *sesdouble.Options) { o.Sets = []string{"other"} })
	if _, err := openSES(t, double.URL).ConfigurationSet(t.Context()); !fault.Is(err, fault.NotFound) || fault.Hint(err) == "" {
		t.Errorf("error %v", err)
	}
}

func TestSuppressionListIsReadToItsEnd(t *testing.T) {
	double := mailtest.SES(t)
	s := openSES(t, double.URL)
	since := time.Date(2026, 11, 2, 3, 4, 5, 0, time.UTC)
	for i := range 2345 {
		double.Suppress(fmt.Sprintf("reader%04d@example.org", i), "BOUNCE", since)
	}
	double.Suppress("a+b/c d@example.org", "COMPLAINT", since)
	double.FailAsked(sesdouble.Fault{}, sesdouble.Fault{Status: http.StatusTooManyRequests, Type: "TooManyRequestsException", Message: "Rate exceeded"})
	list, err := s.Suppressed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2346 || double.Stats().Questions != 4 {
		t.Fatalf("%d addresses by %d requests", len(list), double.Stats().Questions)
	}
	if diff := cmp.Diff(mail.Suppressed{Address: "a+b/c d@example.org", Reason: "complaint", Since: since}, list[0]); diff != "" {
		t.Error(diff)
	}
	for range 2 { // the second time it is not there any more
		if err := s.Unsuppress(t.Context(), "a+b/c d@example.org"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(double.Suppressed()); n != 2345 {
		t.Errorf("%d are left", n)
	}
}

func TestSuppressionListThatSESDoesNotGiveIsAFault(t *testing.T) {
	double := mailtest.SES(t)
	s := openSES(t, double.URL)
	double.Change(func(o *sesdouble.Options) { o.Verified = []string{"example.com"} })
	if _, err := s.Suppressed(t.Context()); !fault.Is(err, fault.Invalid) {
		t.Errorf("in the sandbox: %v", err)
	}
	double.FailAsked(sesdouble.Forbidden())
	if err := s.Unsuppress(t.Context(), "ada@example.org"); !fault.Is(err, fault.Refused) || !strings.Contains(fault.Hint(err), "ses:DeleteSuppressedDestination") {
		t.Errorf("without the right: %v", err)
	}
}
