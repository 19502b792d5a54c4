package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
)

const (
	arrivalsPoll = 20 * time.Second // the longest that SQS waits
	arrivalsMost = 10               // messages that SQS gives at once
)

// Arrivals is a queue of SQS that tells of new objects, from S3 itself, through SNS or through EventBridge. Several sources may share it.
type Arrivals struct {
	URL     string
	Sources []string // names, in the project's order

	sources []project.Source
	client  *sqs.Client
	request Request // for the pace of calls
	wait    time.Duration
}

// NewArrivals gives a queue for each URL that the events: of the sources name, without asking AWS anything; sources without events are
// left out. Of the request, only what the house does for a source is used: Secret and Wait.
func NewArrivals(ctx context.Context, sources []project.Source, house Request) ([]*Arrivals, error) {
	byURL := map[string]*Arrivals{}
	var all []*Arrivals
	for _, s := range sources {
		if s.S3.Events == "" {
			continue
		}
		a := byURL[s.S3.Events]
		if a == nil {
			a = &Arrivals{URL: s.S3.Events, wait: arrivalsPoll, request: house}
			a.request.Source = s
			if err := a.connect(ctx); err != nil {
				return nil, fmt.Errorf("events of source %s: %w", s.Name, err)
			}
			byURL[a.URL], all = a, append(all, a)
		}
		a.sources, a.Sources = append(a.sources, s), append(a.Sources, s.Name)
	}
	return all, nil
}

func (a *Arrivals) connect(ctx context.Context) error {
	r := a.request
	r.Source.AWS.Endpoint = r.Source.S3.Queue // that of S3 is not one of SQS
	if u, err := url.Parse(a.URL); err != nil || u.Host == "" {
		return place(r.Source, fault.New(fault.Invalid, fmt.Sprintf("%q is not the URL of a queue", a.URL), "write events: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME"))
	} else if parts := strings.Split(u.Hostname(), "."); len(parts) > 3 && parts[0] == "sqs" && parts[2] == "amazonaws" {
		r.Source.AWS.Region = parts[1]
	}
	cfg, err := awsConfig(ctx, r)
	if err != nil {
		return err
	}
	a.client = sqs.NewFromConfig(cfg)
	return nil
}

// Receive waits once for messages, twenty seconds at most, and calls notify for every source and day whose objects they tell of, once
// for all of them. A message is deleted after notify returned nil for all of its days, and comes again otherwise; objects that no
// source has by its path are no business of anybody here, and their messages are deleted. A message that cannot be read stays for the
// queue's dead-letter policy. One that fails stops no other. No messages, and the end of ctx, are no error.
func (a *Arrivals) Receive(ctx context.Context, notify func(ctx context.Context, source string, day calendar.Day) error) error {
	var out *sqs.ReceiveMessageOutput
	err := awsAsk(ctx, a.request, "receive from "+a.URL, func(ctx context.Context) (err error) {
		out, err = a.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &a.URL, MaxNumberOfMessages: arrivalsMost, WaitTimeSeconds: int32(a.wait / time.Second)})
		return err
	})
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	told := map[arrival]error{}
	var problems []error
	var done []types.DeleteMessageBatchRequestEntry
	for i, m := range out.Messages {
		if ctx.Err() != nil {
			break // the rest comes again
		}
		if err := a.take(ctx, []byte(aws.ToString(m.Body)), told, notify); err != nil {
			problems = append(problems, fmt.Errorf("take message %s from %s: %w", aws.ToString(m.MessageId), a.URL, err))
			continue
		}
		done = append(done, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
	}
	return errors.Join(append(problems, a.remove(ctx, done))...)
}

// arrival is a day that has something new.
type arrival struct {
	source string
	day    calendar.Day
}

func (a *Arrivals) take(ctx context.Context, body []byte, told map[arrival]error, notify func(context.Context, string, calendar.Day) error) error {
	objects, err := parseS3Event(body)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "it does not tell of objects", "send S3's notifications of new objects to the queue and nothing else, and give it a dead-letter queue")
	}
	var errs []error
	for _, o := range objects {
		for _, s := range a.sources {
			bucket, pattern := s3Address(s.Path)
			if bucket != o.bucket {
				continue
			}
			for _, d := range keyDays(pattern, o.key, s.Zone) {
				one := arrival{s.Name, d}
				err, known := told[one]
				if !known {
					err = notify(ctx, s.Name, d)
					told[one] = err
				}
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// remove deletes what was handled, even where the program is about to end: it would only come again.
func (a *Arrivals) remove(ctx context.Context, done []types.DeleteMessageBatchRequestEntry) error {
	if len(done) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	var out *sqs.DeleteMessageBatchOutput
	err := awsAsk(ctx, a.request, "delete handled messages from "+a.URL, func(ctx context.Context) (err error) {
		out, err = a.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &a.URL, Entries: done})
		return err
	})
	if err == nil && len(out.Failed) > 0 {
		f := out.Failed[0]
		err = fault.New(fault.Unavailable, fmt.Sprintf("%d handled messages are still in %s: %s %s", len(out.Failed), a.URL, aws.ToString(f.Code), aws.ToString(f.Message)), "they come again, and do no harm")
	}
	return err
}

// s3Event is a message: a notification of S3 (or its test), an event of EventBridge, or SNS's envelope around one of them.
type s3Event struct {
	Records *[]struct {
		EventName string `json:"eventName"`
		S3        s3EventObject
	}
	Event   string // s3:TestEvent
	Type    string // SNS: Notification
	Message string // SNS

	Source     string         `json:"source"` // EventBridge: aws.s3
	DetailType string         `json:"detail-type"`
	Detail     *s3EventObject `json:"detail"`
}

type s3EventObject struct {
	Bucket struct{ Name string } `json:"bucket"`
	Object struct{ Key string }  `json:"object"`
}

// parseS3Event gives the objects that a message says were made; one of something else that S3 tells is none.
func parseS3Event(body []byte) ([]s3Object, error) {
	var e s3Event
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, err
	}
	switch {
	case e.Type == "Notification" && e.Message != "":
		return parseS3Event([]byte(e.Message))
	case e.Event == "s3:TestEvent":
		return nil, nil
	case e.Records != nil:
		var made []s3Object
		for _, r := range *e.Records {
			if !strings.HasPrefix(r.EventName, "ObjectCreated:") && r.EventName != "ObjectRestore:Completed" {
				continue
			}
			key, err := url.QueryUnescape(r.S3.Object.Key)
			if err != nil {
				return nil, err
			}
			made = append(made, s3Object{bucket: r.S3.Bucket.Name, key: key})
		}
		return made, nil
	case e.Source == "aws.s3" && e.Detail != nil:
		if e.DetailType != "Object Created" && e.DetailType != "Object Restore Completed" {
			return nil, nil
		}
		return []s3Object{{bucket: e.Detail.Bucket.Name, key: e.Detail.Object.Key}}, nil // EventBridge leaves the key as it is
	}
	return nil, errors.New("it is neither a notification of S3 nor an event of EventBridge")
}
