package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"daybook/internal/fault"
)

const (
	kafkaPatience = 8 // tries of one request
	kafkaLongest  = 30 * time.Second
)

// kafkaClient is a client that makes every request once; ask makes it again.
func kafkaClient(ctx context.Context, r Request) (*kgo.Client, error) {
	s := r.Source.Stream
	options := []kgo.Opt{
		kgo.SeedBrokers(s.Brokers...), kgo.ClientID("daybook"), kgo.RequestRetries(0), kgo.RetryBackoffFn(func(int) time.Duration { return 0 }),
		kgo.DialTimeout(10 * time.Second), kgo.DisableClientMetrics(),
	}
	if s.TLS {
		options = append(options, kgo.DialTLS())
	}
	if s.SASL != "" {
		password, err := r.Secret(ctx, s.Password)
		if err != nil {
			return nil, fmt.Errorf("password of source %s: %w", r.Source.Name, err)
		}
		mechanisms := map[string]sasl.Mechanism{
			"plain":         plain.Auth{User: s.User, Pass: password}.AsMechanism(),
			"scram-sha-256": scram.Auth{User: s.User, Pass: password}.AsSha256Mechanism(),
			"scram-sha-512": scram.Auth{User: s.User, Pass: password}.AsSha512Mechanism(),
		}
		options = append(options, kgo.SASL(mechanisms[s.SASL]))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, place(r.Source, fault.Wrap(fault.Invalid, err, "source "+r.Source.Name+" cannot reach Kafka", "write brokers: [host:9092]"))
	}
	return client, nil
}

// ask makes a request, again after a wait while the brokers do not answer or are not ready to.
func (k *kafkaFetch) ask(ctx context.Context, doing string, call func(context.Context) error) error {
	for try := 1; ; try++ {
		err := k.going(ctx)
		if err == nil {
			err = call(ctx)
		}
		if err == nil || ctx.Err() != nil || try == kafkaPatience || !kafkaPasses(err) {
			return k.fault(ctx, doing, err)
		}
		if err := k.Wait(ctx, backoff(try, 500*time.Millisecond, kafkaLongest)); err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
	}
}

// kafkaPasses reports whether the same request may succeed later.
func kafkaPasses(err error) bool {
	if kafkaRefuses(err) || errors.As(err, new(*tls.CertificateVerificationError)) || errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.OffsetOutOfRange) {
		return false
	}
	var network net.Error
	return kerr.IsRetriable(err) || kgo.IsRetryableBrokerErr(err) || errors.As(err, &network) || errors.Is(err, kgo.ErrClientClosed) ||
		!errors.As(err, new(*kerr.Error)) && !errors.As(err, new(*fault.Error))
}

func kafkaRefuses(err error) bool {
	for _, e := range []error{kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState, kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// fault says what a failed request means. A broker's own words about who asked are left out: they may repeat what it was sent.
func (k *kafkaFetch) fault(ctx context.Context, doing string, err error) error {
	doing = fmt.Sprintf("fetch %s: %s", k.Source.Name, doing)
	var broker *kerr.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	case errors.As(err, new(*fault.Error)):
		return err
	case kafkaRefuses(err):
		errors.As(err, &broker)
		return fault.New(fault.Refused, fmt.Sprintf("%s: Kafka refuses it (%s)", doing, broker.Message), "see that sasl, user and password are right and that the user may read and describe the topic")
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return fault.Wrap(fault.Refused, err, doing+": the broker's certificate is not trusted", "add its authority to those of the machine, or name the brokers as the certificate does")
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return place(k.Source, fault.New(fault.Invalid, doing+": there is no such topic", "correct topic: or brokers:"))
	case errors.As(err, &broker) && !kafkaPasses(err):
		return fault.New(fault.Unavailable, fmt.Sprintf("%s: %s: %s", doing, broker.Message, broker.Description), "see the brokers' logs, then run the day again")
	}
	return fault.Wrap(fault.Unavailable, err, doing, "see that brokers, tls and sasl are right, and run the day again when the brokers answer")
}
