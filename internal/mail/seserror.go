package mail

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/smithy-go"

	"daybook/internal/fault"
)

// classifySES says what a failed SendEmail to a recipient means; to is empty where sender and recipient are one. Source of the error names: the SES v2 API reference, SendEmail, Errors.
func classifySES(err error, to string, connected bool) *SendError {
	var api smithy.APIError
	status := 0
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.Response != nil && response.Response.Response != nil {
		status = response.HTTPStatusCode()
	}
	if !errors.As(err, &api) || status < 400 {
		return unanswered(plainly(err), status, connected)
	}
	err = &told{api.ErrorCode() + ": " + api.ErrorMessage(), err}
	if e := typed(err, api, to); e != nil {
		return e
	}
	switch {
	case status == http.StatusBadGateway || status == http.StatusGatewayTimeout:
		// A proxy's answer: what SES itself did behind it is not known.
		return &SendError{Kind: Unknown, MayHaveLeft: true, Err: err}
	case status >= 500:
		return &SendError{Kind: Unavailable, Retryable: true, Err: err}
	case status == http.StatusUnauthorized || status == http.StatusForbidden || credentialsCode(api.ErrorCode()):
		return hinted(Denied, err, "SES does not accept the credentials", "allow ses:SendRawEmail and ses:SendEmail for this identity, and see that key, region and clock are right")
	case status == http.StatusTooManyRequests:
		return throttled(err, api)
	}
	return &SendError{Kind: Invalid, Err: err}
}

// told is an error in the words that people read; the SDK's own begin with the request and its empty fields.
type told struct {
	words string
	err   error
}

func (t *told) Error() string { return t.words }

func (t *told) Unwrap() error { return t.err }

// plainly says what happened on the network.
func plainly(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		return &told{"SES gave no answer: " + request.Err.Error(), err}
	}
	return err
}

// unanswered is a request without a proper answer: not connected, cut off, timed out, or a success that cannot be read.
func unanswered(err error, status int, connected bool) *SendError {
	if connected || status != 0 {
		return &SendError{Kind: Unknown, MayHaveLeft: true, Err: err}
	}
	if noCredentials(err) {
		return hinted(Denied, err, "there are no AWS credentials", credentialsHint)
	}
	return &SendError{Kind: Unavailable, Retryable: true, Err: err}
}

const credentialsHint = "set AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role"

// noCredentials is the SDK's failure to sign: none were found, and nothing was connected. It has no type of its own.
func noCredentials(err error) bool {
	text := err.Error()
	return strings.Contains(text, "get identity") || strings.Contains(text, "failed to refresh cached credentials")
}

func typed(err error, api smithy.APIError, to string) *SendError {
	var (
		tooMany    *types.TooManyRequestsException
		limit      *types.LimitExceededException
		rejected   *types.MessageRejected
		shut       *types.AccountSuspendedException
		pause      *types.SendingPausedException
		unverified *types.MailFromDomainNotVerifiedException
		notFound   *types.NotFoundException
	)
	switch {
	case errors.As(err, &tooMany), strings.HasPrefix(api.ErrorCode(), "Throttling"):
		return throttled(err, api)
	case errors.As(err, &limit):
		return dailyQuota(err)
	case errors.As(err, &rejected) && strings.Contains(rejected.ErrorMessage(), "not verified"):
		if onlyRecipient(rejected.ErrorMessage(), to) {
			return hinted(Sandbox, err, "SES is in the sandbox and this recipient is not verified", "verify the address, or ask AWS for production access")
		}
		return hinted(Unverified, err, "the sender's address is not verified in SES", "verify the domain or address in this region")
	case errors.As(err, &rejected):
		return &SendError{Kind: Rejected, Err: err}
	case errors.As(err, &shut):
		return suspended(err)
	case errors.As(err, &pause):
		return paused(err)
	case errors.As(err, &unverified):
		return hinted(Unverified, err, "the MAIL FROM domain is not verified in SES", "publish its MX and SPF records, then wait until SES has seen them")
	case errors.As(err, &notFound):
		return hinted(Invalid, err, "SES does not know the configuration set", "create it in this region, or correct its name")
	}
	return nil
}

// onlyRecipient reports that the recipient, and nobody else, failed the check. SES tells by text alone: "Email address is not
// verified. The following identities failed the check in region EU-WEST-1: ada@example.com, Reports <reports@example.com>".
func onlyRecipient(message, to string) bool {
	_, list, found := strings.Cut(message, "failed the check in region ")
	_, list, colon := strings.Cut(list, ": ")
	if !found || !colon {
		return to != "" && strings.Contains(strings.ToLower(message), strings.ToLower(to))
	}
	for _, name := range strings.Split(list, ", ") {
		if !strings.EqualFold(bare(name), to) {
			return false
		}
	}
	return true
}

func throttled(err error, api smithy.APIError) *SendError {
	// One error type, two meanings, told apart by its text alone: "Maximum sending rate exceeded." and "Daily message quota exceeded."
	if strings.Contains(strings.ToLower(api.ErrorMessage()), "quota") {
		return dailyQuota(err)
	}
	return &SendError{Kind: Throttled, Retryable: true, Err: err}
}

func dailyQuota(err error) *SendError {
	return hinted(DailyQuota, err, "the SES quota of 24 hours is used up", "wait until it frees up, or ask AWS for a higher quota")
}

func suspended(err error) *SendError {
	return hinted(Suspended, err, "SES has suspended the account", "see the account's reputation dashboard and the case AWS opened")
}

func paused(err error) *SendError {
	return hinted(Paused, err, "sending is paused in SES", "resume it for the account or the configuration set")
}

func credentialsCode(code string) bool {
	switch code {
	case "AccessDeniedException", "AccessDenied", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch",
		"InvalidSignatureException", "ExpiredToken", "ExpiredTokenException", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
		"IncompleteSignature", "OptInRequired":
		return true
	}
	return false
}

func hinted(kind Kind, err error, message, hint string) *SendError {
	return &SendError{Kind: kind, Err: fault.Wrap(fault.Refused, err, message, hint)}
}
