package mail

import (
	"context"
	"fmt"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"daybook/internal/fault"
)

// maxSESMessage is the largest message that the SES v2 API takes, after base64 of its parts.
const maxSESMessage = 40_000_000

// SESOptions say which account sends.
type SESOptions struct {
	Region           string        // empty: the default chain's
	Endpoint         string        // empty: the region's
	ConfigurationSet string        // whose events tell what became of a mail; may be empty
	AccessKey        string        // with SecretKey; both empty: the default credentials chain
	SecretKey        string        //
	SessionToken     string        // for temporary credentials
	Timeout          time.Duration // for one request; 0 means 30 s
}

// SES sends through the Amazon SES v2 API, one recipient per message. SES has no idempotency token, so the SDK's own retries are
// off: a request that may have arrived is never made twice. SES writes its own Message-ID and Date into the mail; what ties its
// events to a delivery are the receipt's id and the message's Tags.
type SES struct {
	client           *sesv2.Client
	configurationSet string
}

// NewSES prepares a sender without asking AWS anything; wrong credentials show at the first Send.
func NewSES(ctx context.Context, o SESOptions) (*SES, error) {
	timeout := o.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	cfg, err := awsConfig(ctx, "SES", o.Region, timeout, o.AccessKey, o.SecretKey, o.SessionToken)
	if err != nil {
		return nil, err
	}
	client := sesv2.NewFromConfig(cfg, func(so *sesv2.Options) {
		so.Retryer = aws.NopRetryer{}
		if o.Endpoint != "" {
			so.BaseEndpoint = aws.String(o.Endpoint)
		}
	})
	return &SES{client: client, configurationSet: o.ConfigurationSet}, nil
}

// awsConfig is for a client of service that makes every request once; empty keys mean the default credentials chain.
func awsConfig(ctx context.Context, service, region string, timeout time.Duration, access, secret, session string) (aws.Config, error) {
	if (access == "") != (secret == "") {
		return aws.Config{}, fault.New(fault.Invalid, service+" has only one of access key and secret key", "set both, or neither to use the default credentials chain")
	}
	load := []func(*config.LoadOptions) error{
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(timeout)),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
	}
	if region != "" {
		load = append(load, config.WithRegion(region))
	}
	if access != "" {
		load = append(load, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(access, secret, session)))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return aws.Config{}, fault.Wrap(fault.Invalid, err, "the AWS configuration cannot be read", "see AWS_REGION, AWS_PROFILE and ~/.aws")
	}
	if cfg.Region == "" {
		return aws.Config{}, fault.New(fault.Invalid, service+" has no region", "set the mail's region, such as ap-northeast-2, or AWS_REGION")
	}
	return cfg, nil
}

// Send hands m to SES. Tags become EmailTags: names and values of at most 256 ASCII letters, digits, - and _.
func (s *SES) Send(ctx context.Context, m Message) (Receipt, error) {
	raw, err := m.MIME()
	if err == nil {
		err = checkSES(m, raw)
	}
	if err != nil {
		return Receipt{}, &SendError{Kind: Invalid, Err: err}
	}
	in := &sesv2.SendEmailInput{
		Content:          &types.EmailContent{Raw: &types.RawMessage{Data: raw}},
		Destination:      &types.Destination{ToAddresses: []string{m.To.Address}},
		FromEmailAddress: aws.String(m.From.Address),
	}
	if s.configurationSet != "" {
		in.ConfigurationSetName = aws.String(s.configurationSet)
	}
	for _, name := range sortedKeys(m.Tags) {
		in.EmailTags = append(in.EmailTags, types.MessageTag{Name: aws.String(name), Value: aws.String(m.Tags[name])})
	}

	// From the moment there is a connection the request may reach SES, whatever error comes after it.
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	out, err := s.client.SendEmail(ctx, in)
	if err != nil {
		to := m.To.Address
		if strings.EqualFold(to, m.From.Address) {
			to = ""
		}
		return Receipt{}, classifySES(err, to, connected.Load())
	}
	if aws.ToString(out.MessageId) == "" {
		return Receipt{}, &SendError{Kind: Unknown, MayHaveLeft: true, Err: fmt.Errorf("SES answered without a message id")}
	}
	return Receipt{MessageID: *out.MessageId}, nil
}

func checkSES(m Message, raw []byte) error {
	if len(raw) > maxSESMessage {
		return fault.New(fault.Invalid, fmt.Sprintf("the mail has %d bytes, SES takes %d", len(raw), maxSESMessage), "link the attachments instead of attaching them")
	}
	for name, value := range m.Tags {
		if !tagPart(name) || !tagPart(value) {
			return refuse("tag", name+"="+value, "use ASCII letters, digits, - and _, at most 256 of them")
		}
	}
	return nil
}

func tagPart(s string) bool {
	if s == "" || len(s) > 256 {
		return false
	}
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_') {
			return false
		}
	}
	return true
}
