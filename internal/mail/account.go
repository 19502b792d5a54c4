package mail

import (
	"context"
	"fmt"
	"math"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"

	"daybook/internal/fault"
)

// Account is what SES says of the account in its region.
type Account struct {
	Rate       float64 // messages a second; 0 is no limit
	Quota      int     // messages in 24 hours; -1 is no limit
	Sent       int     // messages in the last 24 hours
	Production bool    // false: the sandbox, which writes to verified addresses only
	Sending    bool    // false: paused
	Standing   string  // HEALTHY, PROBATION or SHUTDOWN
}

const shutdown = "SHUTDOWN"

// Account asks SES for the account; the error is a *fault.Error.
func (s *SES) Account(ctx context.Context) (Account, error) {
	a, err := s.account(ctx)
	if err != nil {
		return Account{}, askFault(err, "the account", "ses:GetAccount")
	}
	return a, nil
}

func (s *SES) account(ctx context.Context) (Account, error) {
	out, err := s.client.GetAccount(ctx, &sesv2.GetAccountInput{})
	if err != nil {
		return Account{}, err
	}
	a := Account{Quota: -1, Production: out.ProductionAccessEnabled, Sending: out.SendingEnabled, Standing: aws.ToString(out.EnforcementStatus)}
	if q := out.SendQuota; q != nil {
		a.Rate = max(q.MaxSendRate, 0)
		a.Sent = whole(q.SentLast24Hours)
		if q.Max24HourSend >= 0 {
			a.Quota = whole(q.Max24HourSend)
		}
	}
	return a, nil
}

func whole(f float64) int { return int(min(max(f, 0), math.MaxInt32)) }

// Limits asks SES what the account may send now. A suspended or paused account is a *SendError, as every other failure is;
// nothing has left, whatever it says.
func (s *SES) Limits(ctx context.Context) (Limits, error) {
	a, err := s.account(ctx)
	switch {
	case err != nil:
		return Limits{}, askOutcome(err)
	case a.Standing == shutdown:
		return Limits{}, suspended(fmt.Errorf("the account's standing is %s", a.Standing))
	case !a.Sending:
		return Limits{}, paused(fmt.Errorf("sending is not enabled for the account"))
	}
	l := Limits{Rate: a.Rate, Left: -1}
	if a.Quota >= 0 {
		l.Left = max(a.Quota-a.Sent, 0)
	}
	return l, nil
}

// askOutcome is a question that failed: unlike a send it can always be asked again, and has sent nothing.
func askOutcome(err error) *SendError {
	e := classifySES(err, "", false)
	switch {
	case e.Kind == Denied && fault.Code(e.Err) != "":
		return hinted(Denied, err, "SES does not tell these credentials its limits", "allow ses:GetAccount for this identity, and see that key, region and clock are right")
	case e.MayHaveLeft:
		return &SendError{Kind: Unavailable, Retryable: true, Err: err}
	}
	return e
}

// askFault is a question about what that failed, as a fault with what to do about it.
func askFault(err error, what, action string) error {
	e := askOutcome(err)
	message := "SES cannot tell " + what
	if noCredentials(err) {
		return fault.Wrap(fault.Refused, err, "there are no AWS credentials", credentialsHint)
	}
	switch e.Kind {
	case Denied:
		return fault.Wrap(fault.Refused, err, message, "allow "+action+" for this identity, and see that key, region and clock are right")
	case Unavailable, Throttled:
		return fault.Wrap(fault.Unavailable, err, message, "try again in a minute")
	}
	return fault.Wrap(fault.Invalid, err, message, "")
}
