package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"daybook/internal/fault"
)

const (
	awsPatience = 12               // tries of one call that AWS is too busy for or does not answer
	awsSilence  = time.Minute      // without the head of an answer, a call has failed
	awsLongest  = 30 * time.Second // between two tries, unless AWS asks for more
)

// awsConfig is how the request's source reaches AWS: by its own settings, and where they are silent by the environment, as AWS's
// tools read it. Clients of it make every call once; awsAsk makes it again.
func awsConfig(ctx context.Context, r Request) (aws.Config, error) {
	s := r.Source.AWS
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.ResponseHeaderTimeout = awsSilence })
	load := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		config.WithLogger(logging.Nop{}), // what it warns of comes as an error too
	}
	if s.Region != "" {
		load = append(load, config.WithRegion(s.Region))
	}
	if s.AccessKey != "" {
		access, err := r.Secret(ctx, s.AccessKey)
		if err != nil {
			return aws.Config{}, fmt.Errorf("access key of source %s: %w", r.Source.Name, err)
		}
		secret, err := r.Secret(ctx, s.SecretKey)
		if err != nil {
			return aws.Config{}, fmt.Errorf("secret key of source %s: %w", r.Source.Name, err)
		}
		load = append(load, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(access, secret, "")))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return aws.Config{}, fault.Wrap(fault.Invalid, err, "the AWS configuration cannot be read", "see AWS_REGION, AWS_PROFILE and ~/.aws")
	}
	if s.Endpoint != "" {
		cfg.BaseEndpoint = aws.String(s.Endpoint)
	}
	switch {
	case cfg.Region == "" && s.Endpoint != "":
		cfg.Region = "us-east-1" // doubles sign for some region and ask for none
	case cfg.Region == "":
		return aws.Config{}, place(r.Source, fault.New(fault.Invalid, fmt.Sprintf("source %s names no AWS region", r.Source.Name), "write aws: {region: …}, or set AWS_REGION"))
	}
	return cfg, nil
}

// awsS3 is a client of S3; at an endpoint of one's own, buckets are paths.
func awsS3(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil })
}

// awsAsk makes a call, again after a wait while AWS is too busy or does not answer. Its errors are those of awsFault; doing says what
// the call is for, such as "scan table searches".
func awsAsk(ctx context.Context, r Request, doing string, call func(context.Context) error) error {
	for try := 1; ; try++ {
		err := ctx.Err()
		if err == nil {
			err = call(ctx)
		}
		if err == nil || try == awsPatience || ctx.Err() != nil || !awsBusy(err) && !awsSilent(err) {
			return awsFault(ctx, r, doing, err)
		}
		if err := r.Wait(ctx, awsPause(r, try, err)); err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
	}
}

// awsPause is how long to wait before the next try: as long as AWS says, up to an hour, else twice as long as before.
func awsPause(r Request, try int, err error) time.Duration {
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.Response != nil && response.Response.Response != nil {
		if asked := retryAfter(response.Response.Header, r.Now()); asked > 0 {
			return min(asked, httpPatience)
		}
	}
	return backoff(try, 500*time.Millisecond, awsLongest)
}

// awsCode is the code of an answer that is an error, empty without one.
func awsCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func awsStatus(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.Response != nil && response.Response.Response != nil {
		return response.HTTPStatusCode()
	}
	return 0
}

// awsBusy reports whether AWS asked for fewer calls.
func awsBusy(err error) bool {
	_, throttled := retry.DefaultThrottleErrorCodes[awsCode(err)]
	return throttled || awsStatus(err) == http.StatusTooManyRequests
}

// awsSilent reports whether AWS did not answer, or not to the end, or was ill: the same call may succeed later.
func awsSilent(err error) bool {
	var api smithy.APIError
	if awsStatus(err) >= 500 || errors.As(err, &api) && api.ErrorFault() == smithy.FaultServer {
		return true
	}
	var request *url.Error
	var broken *smithy.DeserializationError
	return awsCode(err) == "" && (awsStatus(err) != 0 || errors.As(err, &request) || errors.As(err, &broken))
}

// awsFault says what a failed call means. What AWS says of a signature may repeat what was signed, so only its code is told.
func awsFault(ctx context.Context, r Request, doing string, err error) error {
	code := awsCode(err)
	told := func() error { return &awsError{awsWords(err), err} }
	of := " for source " + r.Source.Name
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s%s: %w", doing, of, ctx.Err())
	case errors.As(err, new(*fault.Error)):
		return fmt.Errorf("%s%s: %w", doing, of, err)
	case code == "AccessDeniedException" || code == "AccessDenied" || code == "AllAccessDisabled":
		return fault.Wrap(fault.Refused, told(), doing+of, "allow it in the policy of the key or role that the source uses")
	case awsSignature(code):
		return fault.New(fault.Refused, fmt.Sprintf("%s%s: AWS does not accept the credentials (%s)", doing, of, code), "see that access key, secret key, region and the machine's clock are right")
	case code == "" && awsKeyless(err):
		return fault.New(fault.Refused, doing+of+": there are no AWS credentials", "write aws: {access_key: env:NAME, secret_key: env:NAME}, set AWS_PROFILE, or give the machine a role")
	case awsBusy(err):
		return fault.Wrap(fault.Unavailable, told(), fmt.Sprintf("%s%s: AWS was too busy %d times", doing, of, awsPatience), "run the day again later, or ask for less at once")
	case awsSilent(err):
		return fault.Wrap(fault.Unavailable, told(), doing+of, "run the day again when the network and AWS are well")
	}
	return place(r.Source, fault.Wrap(fault.Invalid, told(), doing+of, "correct the names, the region or the settings of the source"))
}

func awsSignature(code string) bool {
	switch code {
	case "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSignatureException",
		"ExpiredToken", "ExpiredTokenException", "InvalidToken", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
		"IncompleteSignature", "IncompleteSignatureException", "AuthorizationHeaderMalformed", "RequestTimeTooSkewed", "RequestExpired", "OptInRequired":
		return true
	}
	return false
}

// awsKeyless is the SDK's failure to sign: nothing was sent. It has no type of its own.
func awsKeyless(err error) bool {
	text := err.Error()
	return awsStatus(err) == 0 && (strings.Contains(text, "get identity") || strings.Contains(text, "failed to refresh cached credentials"))
}

// awsWords is what happened, without the request that the SDK's own words begin with.
func awsWords(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return strings.TrimSuffix(api.ErrorCode()+": "+api.ErrorMessage(), ": ")
	}
	var request *url.Error
	if errors.As(err, &request) {
		return "no answer: " + request.Err.Error()
	}
	var broken *smithy.DeserializationError
	if errors.As(err, &broken) {
		return fmt.Sprintf("the answer cannot be read: %v", broken.Err)
	}
	if status := awsStatus(err); status != 0 {
		return fmt.Sprintf("an answer of status %d without a reason", status)
	}
	var operation *smithy.OperationError
	if errors.As(err, &operation) {
		return operation.Err.Error()
	}
	return err.Error()
}

// awsError is an error of the SDK in words for people.
type awsError struct {
	words string
	err   error
}

func (e *awsError) Error() string { return e.words }

func (e *awsError) Unwrap() error { return e.err }
