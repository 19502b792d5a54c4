package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"daybook/internal/fault"
)

// awsConfig is how the publication reaches AWS. The SDK does not try again by itself: again does, and waits as the request says.
func awsConfig(ctx context.Context, r Request) (aws.Config, error) {
	at := r.Publication.AWS
	options := []func(*config.LoadOptions) error{config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }), config.WithLogger(logging.Nop{})}
	if at.Region != "" {
		options = append(options, config.WithRegion(at.Region))
	}
	if at.AccessKey != "" {
		id, err := r.Secret(ctx, at.AccessKey)
		if err != nil {
			return aws.Config{}, fmt.Errorf("look up aws.access_key: %w", err)
		}
		key, err := r.Secret(ctx, at.SecretKey)
		if err != nil {
			return aws.Config{}, fmt.Errorf("look up aws.secret_key: %w", err)
		}
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(id, key, "")))
	}
	c, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fault.Wrap(fault.Invalid, err, "read the settings of AWS", "write aws: {region: …}, or mend the environment's")
	}
	if c.Region == "" {
		return aws.Config{}, invalid(r, "no region of AWS is named", "write aws: {region: …}, or set AWS_REGION")
	}
	if at.Endpoint != "" {
		c.BaseEndpoint = aws.String(at.Endpoint)
	}
	return c, nil
}

const tries = 6

// backoff is how long to wait before try n, from 1.
func backoff(n int) time.Duration { return min(100*time.Millisecond<<n, 20*time.Second) }

// again calls f until it works, with waits between, as long as its errors may pass by themselves.
func again(ctx context.Context, r Request, doing string, f func() error) error {
	for n := 1; ; n++ {
		err := f()
		if err == nil {
			return nil
		}
		err = awsFault(err, doing)
		if n == tries || !fault.Is(err, fault.Unavailable) || ctx.Err() != nil {
			return err
		}
		if err := r.Wait(ctx, backoff(n)); err != nil {
			return err
		}
	}
}

// awsFault says what an error of the SDK means to a person; errors of this room pass.
func awsFault(err error, doing string) error {
	if fault.Code(err) != "" || errors.Is(err, context.Canceled) {
		return err
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		if status(err) == http.StatusForbidden {
			return fault.Wrap(fault.Refused, err, doing, awsRefused)
		}
		return fault.Wrap(fault.Unavailable, err, doing, "see that AWS, or aws.endpoint, can be reached from here, and that there are credentials")
	}
	code := api.ErrorCode()
	said := doing + ": " + code + ": " + cut(api.ErrorMessage(), 300)
	switch {
	case throttled(code) || status(err) >= 500 || code == "InternalServerError" || code == "RequestTimeout":
		return fault.New(fault.Unavailable, said, "it is tried again; a lower units: asks for less at once")
	case status(err) == http.StatusForbidden || status(err) == http.StatusUnauthorized || strings.Contains(code, "AccessDenied") ||
		strings.Contains(code, "UnrecognizedClient") || strings.Contains(code, "InvalidSignature") || strings.Contains(code, "MissingAuthentication"):
		return fault.New(fault.Refused, said, awsRefused)
	}
	return fault.New(fault.Invalid, said, "see that the name, the region and the settings of the publication are right")
}

const awsRefused = "see that the keys of aws:, or of the environment, are right and may do this"

func throttled(code string) bool {
	return strings.Contains(code, "Throttl") || strings.Contains(code, "ProvisionedThroughputExceeded") || strings.Contains(code, "RequestLimitExceeded") || code == "SlowDown"
}

func status(err error) int {
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}
