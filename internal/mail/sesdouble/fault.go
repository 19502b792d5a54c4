package sesdouble

import "net/http"

// Fault is one way in which a request ends badly. The zero value is success.
type Fault struct {
	Status  int    // with Type and Message: an error answer
	Type    string // X-Amzn-ErrorType
	Message string

	Reset   When // cut the connection
	Silent  bool // keep the message, then say nothing until the client gives up
	Garbled bool // keep the message, answer 200 with a broken body
}

// When a connection is cut.
type When int

// BeforeReading keeps nothing; AfterStoring keeps the message and loses the answer. A client cannot tell them apart.
const (
	BeforeReading When = iota + 1
	AfterStoring
)

// Throttle is over the account's messages per second.
func Throttle() Fault {
	return Fault{Status: http.StatusTooManyRequests, Type: "TooManyRequestsException", Message: "Maximum sending rate exceeded."}
}

// DailyQuota is over the account's messages per 24 hours.
func DailyQuota() Fault {
	return Fault{Status: http.StatusTooManyRequests, Type: "TooManyRequestsException", Message: "Daily message quota exceeded."}
}

// LimitExceeded is the same by another name.
func LimitExceeded() Fault {
	return Fault{Status: http.StatusBadRequest, Type: "LimitExceededException", Message: "Sending quota exceeded."}
}

// MessageRejected refuses the content.
func MessageRejected() Fault {
	return Fault{Status: http.StatusBadRequest, Type: "MessageRejected", Message: "The message contains invalid content."}
}

// AccountSuspended refuses everything from now on.
func AccountSuspended() Fault {
	return Fault{Status: http.StatusBadRequest, Type: "AccountSuspendedException", Message: "The account's ability to send email has been permanently restricted."}
}

// SendingPaused refuses until somebody resumes sending.
func SendingPaused() Fault {
	return Fault{Status: http.StatusBadRequest, Type: "SendingPausedException", Message: "Email sending is disabled for this account."}
}

// MailFromDomainNotVerified misses the DNS records of the MAIL FROM domain.
func MailFromDomainNotVerified() Fault {
	return Fault{Status: http.StatusBadRequest, Type: "MailFromDomainNotVerifiedException", Message: "The MAIL FROM domain is not verified."}
}

// BadRequest refuses the request's form.
func BadRequest() Fault {
	return Fault{Status: http.StatusBadRequest, Type: "BadRequestException", Message: "Domain contains illegal character"}
}

// Forbidden refuses the credentials.
func Forbidden() Fault {
	return Fault{Status: http.StatusForbidden, Type: "AccessDeniedException", Message: "User is not authorized to perform: ses:SendRawEmail"}
}

// InternalError is SES's own failure.
func InternalError() Fault {
	return Fault{Status: http.StatusInternalServerError, Type: "InternalServiceErrorException", Message: "Internal failure"}
}

// GatewayTimeout is a proxy that waited for SES in vain.
func GatewayTimeout() Fault {
	return Fault{Status: http.StatusGatewayTimeout, Type: "UnknownError", Message: "Endpoint request timed out"}
}

// ResetBefore cuts the connection before the request is read.
func ResetBefore() Fault { return Fault{Reset: BeforeReading} }

// StoredThenReset takes the message and cuts the connection before it answers.
func StoredThenReset() Fault { return Fault{Reset: AfterStoring} }

// Slow takes the message and does not answer until the client gives up.
func Slow() Fault { return Fault{Silent: true} }

// BrokenAnswer takes the message and answers with JSON that ends early.
func BrokenAnswer() Fault { return Fault{Garbled: true} }
