package mail

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"daybook/internal/fault"
)

const (
	longPoll = 20 * time.Second // the longest that SQS waits
	perPoll  = 10               // the most that SQS gives at once
)

// QueueOptions say where SES's events wait.
type QueueOptions struct {
	URL          string // https://sqs.REGION.amazonaws.com/ACCOUNT/NAME
	Region       string // empty: the one in the URL, else the default chain's
	Endpoint     string // empty: the region's
	AccessKey    string // with SecretKey; both empty: the default credentials chain
	SecretKey    string
	SessionToken string
	Wait         time.Duration // for messages to come, in whole seconds; 0 means 20 s, which is the most

	// Strange is told of a message that is no event of SES. Once it returned nil the message is deleted, for it would come back for
	// ever. Without it such a message stays for the queue's dead-letter policy, and Receive fails.
	Strange func(ctx context.Context, s Stray) error
}

// Stray is a message that nobody here can read.
type Stray struct {
	ID   string // of SQS
	Body []byte
	Err  error // what is wrong with it
}

// Queue is an SQS queue that SES's events arrive in, by way of SNS or EventBridge. It gives a message at least once.
type Queue struct {
	client  *sqs.Client
	url     string
	wait    time.Duration
	strange func(context.Context, Stray) error
}

// NewQueue prepares a queue without asking AWS anything.
func NewQueue(ctx context.Context, o QueueOptions) (*Queue, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("%q is no URL of an SQS queue", o.URL), "write it as https://sqs.REGION.amazonaws.com/ACCOUNT/NAME")
	}
	if o.Region == "" {
		if parts := strings.Split(u.Hostname(), "."); len(parts) > 3 && parts[0] == "sqs" && parts[2] == "amazonaws" {
			o.Region = parts[1]
		}
	}
	if o.Wait == 0 {
		o.Wait = longPoll
	}
	cfg, err := awsConfig(ctx, "SQS", o.Region, o.Wait+20*time.Second, o.AccessKey, o.SecretKey, o.SessionToken)
	if err != nil {
		return nil, err
	}
	client := sqs.NewFromConfig(cfg, func(so *sqs.Options) {
		so.Retryer = retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts, r.MaxBackoff = 3, time.Second })
		if o.Endpoint != "" {
			so.BaseEndpoint = aws.String(o.Endpoint)
		}
	})
	return &Queue{client: client, url: o.URL, wait: min(o.Wait, longPoll), strange: o.Strange}, nil
}

// Receive waits once for messages and gives the events of each to handle; a message is deleted after handle returned nil, and comes
// back later otherwise. One that fails stops no other. No messages, and the end of ctx while waiting for them, are no error.
func (q *Queue) Receive(ctx context.Context, handle func(context.Context, []Event) error) error {
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(q.url), MaxNumberOfMessages: perPoll, WaitTimeSeconds: int32(q.wait / time.Second),
	})
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return q.fault(err, "sqs:ReceiveMessage")
	}
	var problems []error
	var done []types.DeleteMessageBatchRequestEntry
	for i, m := range out.Messages {
		if ctx.Err() != nil {
			break // the rest comes back
		}
		if err := q.take(ctx, m, handle); err != nil {
			problems = append(problems, fmt.Errorf("take message %s from the queue: %w", aws.ToString(m.MessageId), err))
			continue
		}
		done = append(done, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
	}
	return errors.Join(append(problems, q.remove(ctx, done))...)
}

func (q *Queue) take(ctx context.Context, m types.Message, handle func(context.Context, []Event) error) error {
	body := []byte(aws.ToString(m.Body))
	events, err := ParseEvents(body)
	switch {
	case err != nil && q.strange == nil:
		return err
	case err != nil:
		return q.strange(ctx, Stray{ID: aws.ToString(m.MessageId), Body: body, Err: err})
	case len(events) == 0:
		return nil
	}
	return handle(ctx, events)
}

// remove deletes what was handled, even where the program is about to end: it would only come again.
func (q *Queue) remove(ctx context.Context, done []types.DeleteMessageBatchRequestEntry) error {
	if len(done) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	out, err := q.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(q.url), Entries: done})
	if err != nil {
		return q.fault(err, "sqs:DeleteMessage")
	}
	if len(out.Failed) > 0 {
		f := out.Failed[0]
		return fault.New(fault.Unavailable, fmt.Sprintf("%d handled messages are still in the queue: %s %s", len(out.Failed), aws.ToString(f.Code), aws.ToString(f.Message)), "")
	}
	return nil
}

// QueueState is what a queue says of itself; the numbers are SQS's estimates.
type QueueState struct {
	Waiting     int           // to be received
	InFlight    int           // received, not yet deleted
	Visibility  time.Duration // after which a message that was not deleted comes again
	Retention   time.Duration // after which a message is lost
	DeadLetters bool          // messages that come too often are put aside
}

// Check asks whether the queue is there; the error is a *fault.Error.
func (q *Queue) Check(ctx context.Context) (QueueState, error) {
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(q.url), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		return QueueState{}, q.fault(err, "sqs:GetQueueAttributes")
	}
	number := func(name types.QueueAttributeName) int {
		n, _ := strconv.Atoi(out.Attributes[string(name)]) // one that is not there is 0
		return n
	}
	return QueueState{
		Waiting:     number(types.QueueAttributeNameApproximateNumberOfMessages),
		InFlight:    number(types.QueueAttributeNameApproximateNumberOfMessagesNotVisible),
		Visibility:  time.Duration(number(types.QueueAttributeNameVisibilityTimeout)) * time.Second,
		Retention:   time.Duration(number(types.QueueAttributeNameMessageRetentionPeriod)) * time.Second,
		DeadLetters: out.Attributes[string(types.QueueAttributeNameRedrivePolicy)] != "",
	}, nil
}

func (q *Queue) fault(err error, action string) error {
	var (
		missing  *types.QueueDoesNotExist
		api      smithy.APIError
		response *awshttp.ResponseError
	)
	switch {
	case errors.As(err, &missing):
		return fault.Wrap(fault.NotFound, err, "there is no queue "+q.url, "correct the URL, or create the queue in its region")
	case errors.As(err, &api) && (credentialsCode(api.ErrorCode()) || errors.As(err, &response) && response.HTTPStatusCode() == 403):
		return fault.Wrap(fault.Refused, err, "the queue does not accept the credentials", "allow "+action+" on it, and see that key, region and clock are right")
	case noCredentials(err):
		return fault.Wrap(fault.Refused, err, "there are no AWS credentials", credentialsHint)
	}
	return fault.Wrap(fault.Unavailable, err, "the queue does not answer", "")
}
