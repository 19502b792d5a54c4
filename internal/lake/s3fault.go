package lake

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"daybook/internal/fault"
)

const (
	attempts    = 7 // of one request: with the pauses between them, a minute
	firstPause  = 500 * time.Millisecond
	longerPause = 30 * time.Second // however long S3 says
)

// retry makes a request again where S3 has too much to do, fails, or is not reached.
func (s *S3) retry(ctx context.Context, request func() error) error {
	for i := 0; ; i++ {
		err := request()
		if err == nil || i == attempts-1 || ctx.Err() != nil || !transient(err) {
			return err
		}
		if err := s.waiting(ctx, patience(i, err)); err != nil {
			return err
		}
	}
}

// patience is how long to wait behind a failed request: what S3 says, else twice as long each time.
func patience(i int, err error) time.Duration {
	d := firstPause << i
	var r *awshttp.ResponseError
	if errors.As(err, &r) && r.Response != nil {
		if seconds, parseErr := strconv.Atoi(r.Response.Header.Get("Retry-After")); parseErr == nil && seconds > 0 {
			d = max(d, time.Duration(seconds)*time.Second)
		}
	}
	return min(d, longerPause)
}

// code is S3's word for what is wrong, and the status of its answer; both are empty when there was none.
func code(err error) (string, int) {
	var (
		api smithy.APIError
		r   *awshttp.ResponseError
	)
	word, status := "", 0
	if errors.As(err, &api) {
		word = api.ErrorCode()
	}
	if errors.As(err, &r) {
		status = r.HTTPStatusCode()
	}
	return word, status
}

func transient(err error) bool {
	if errors.Is(err, context.Canceled) || errors.As(err, new(*fault.Error)) || noCredentials(err) {
		return false
	}
	switch word, status := code(err); {
	case slices.Contains([]string{"SlowDown", "RequestTimeout", "InternalError", "ConditionalRequestConflict", "OperationAborted"}, word):
		return true
	case status == http.StatusNotImplemented:
		return false
	case status == 0 || status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		return true
	case status < 300: // the answer began well and was cut off
		return true
	}
	return false
}

// absent reports that there is no such object; a bucket, or a user, that is not there is something else.
func absent(err error) bool {
	word, status := code(err)
	return word == "NoSuchKey" || word == "NotFound" || word == "" && status == http.StatusNotFound
}

// contested reports that a conditional write found another state than it named.
func contested(err error) bool {
	word, status := code(err)
	return err != nil && (status == http.StatusPreconditionFailed || word == "PreconditionFailed")
}

// noCredentials is the SDK's failure to sign: none were found, and nothing was connected. It has no type of its own.
func noCredentials(err error) bool {
	text := err.Error()
	return strings.Contains(text, "get identity") || strings.Contains(text, "failed to refresh cached credentials")
}

// told is an error in S3's words; the SDK's own begin with the request and its empty fields.
type told struct {
	words string
	err   error
}

func (t *told) Error() string { return t.words }
func (t *told) Unwrap() error { return t.err }

// explain says what a person can do about an error of S3. Action is the right that the request needs.
func (s *S3) explain(err error, doing, action string) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(*fault.Error)) {
		return err
	}
	word, status := code(err)
	var (
		api     smithy.APIError
		request *url.Error
	)
	cause := &told{doing + ": " + err.Error(), err}
	if errors.As(err, &api) {
		cause.words = strings.TrimSpace(fmt.Sprintf("%s: %s %s", doing, api.ErrorCode(), api.ErrorMessage()))
	} else if errors.As(err, &request) {
		cause.words = fmt.Sprintf("%s: %v", doing, request.Err)
	}
	wrap := func(code, message, hint string) error { return fault.Wrap(code, cause, message, hint) }
	switch {
	case word == "NoSuchBucket":
		return wrap(fault.NotFound, "there is no bucket "+s.bucket, "create it, or correct lake: {bucket: …} in daybook.yaml")
	case slices.Contains([]string{"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}, word) || status == http.StatusMovedPermanently:
		return wrap(fault.Invalid, "the bucket "+s.bucket+" is in another region", "write its region: lake: {aws: {region: …}}")
	case slices.Contains([]string{"SignatureDoesNotMatch", "InvalidAccessKeyId", "InvalidClientTokenId", "XAdminUserNotFound"}, word): // the last is versitygw's
		return wrap(fault.Refused, "S3 does not accept the lake's credentials", "correct the access key and the secret key that lake: {aws: …} names")
	case word == "ExpiredToken" || word == "ExpiredTokenException" || word == "TokenRefreshRequired":
		return wrap(fault.Refused, "the lake's credentials have expired", "sign in again, or give the machine a role, whose credentials are renewed")
	case word == "RequestTimeTooSkewed":
		return wrap(fault.Refused, "this machine's clock is wrong, so that S3 refuses its requests", "set the clock")
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		return wrap(fault.Refused, "S3 does not allow it", fmt.Sprintf("allow %s on %s* for the lake's credentials", action, s.address()))
	case noCredentials(err):
		return wrap(fault.Refused, "there are no AWS credentials", "set AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role")
	case transient(err):
		return wrap(fault.Unavailable, "the lake's bucket "+s.bucket+" does not answer as it should", "run it again later")
	}
	return fmt.Errorf("in %s: %w", s.address(), cause)
}
