package mail

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

// Suppressed is an address that SES does not deliver to any more: it takes the mail and reports a bounce.
type Suppressed struct {
	Address string // as SES lists it
	Reason  string // bounce or complaint
	Since   time.Time
}

// Suppressed is the account's whole suppression list. SES has none in the sandbox; the error is a *fault.Error.
func (s *SES) Suppressed(ctx context.Context) ([]Suppressed, error) {
	var list []Suppressed
	pages := sesv2.NewListSuppressedDestinationsPaginator(s.client, &sesv2.ListSuppressedDestinationsInput{PageSize: aws.Int32(1000)},
		func(o *sesv2.ListSuppressedDestinationsPaginatorOptions) { o.StopOnDuplicateToken = true })
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx, patient)
		if err != nil {
			return nil, askFault(err, "the suppression list", "ses:ListSuppressedDestinations")
		}
		for _, d := range page.SuppressedDestinationSummaries {
			list = append(list, Suppressed{
				Address: aws.ToString(d.EmailAddress), Reason: strings.ToLower(string(d.Reason)), Since: aws.ToTime(d.LastUpdateTime),
			})
		}
	}
	return list, nil
}

// Unsuppress takes an address off the suppression list; one that is not on it is no error.
func (s *SES) Unsuppress(ctx context.Context, address string) error {
	_, err := s.client.DeleteSuppressedDestination(ctx, &sesv2.DeleteSuppressedDestinationInput{EmailAddress: aws.String(address)}, patient)
	var missing *types.NotFoundException
	if err == nil || errors.As(err, &missing) {
		return nil
	}
	return askFault(err, "the suppression of "+address+" to end", "ses:DeleteSuppressedDestination")
}

// patient is for questions, which are harmless to ask twice: SES takes only one of most kinds a second.
func patient(o *sesv2.Options) {
	o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts, r.MaxBackoff = 5, 2*time.Second })
}
