package mail

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"daybook/internal/fault"
)

// The types of message that SNS posts.
const (
	snsNotify      = "Notification"
	snsSubscribe   = "SubscriptionConfirmation"
	snsUnsubscribe = "UnsubscribeConfirmation"
)

const (
	snsAge   = time.Hour // after which SNS itself gives up delivering
	snsAhead = 10 * time.Minute
)

// SNS opens what is posted to a webhook. Anybody can post there: only what SNS signed for Topic, lately, is believed.
type SNS struct {
	Topic  string           // ARN
	Client *http.Client     // for certificates and confirmations; nil: the default one. Its redirects are refused
	Now    func() time.Time // nil: time.Now

	mu       sync.Mutex
	keys     map[string]*x509.Certificate
	fetching sync.Mutex
}

// snsMessage is the envelope, with all that is signed.
type snsMessage struct {
	Type, MessageID, TopicArn, Message, Timestamp, Token string
	Subject                                              *string
	SubscribeURL, SigningCertURL                         string
	SignatureVersion, Signature                          string
}

// Open verifies the envelope and gives the message in it. A subscription of the topic is confirmed and gives nil, and so does the
// end of one. What is not from the topic is a *fault.Error of code refused; one of code unavailable is worth another try.
func (s *SNS) Open(ctx context.Context, body []byte) ([]byte, error) {
	var m snsMessage
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, fault.Wrap(fault.Refused, err, "the request is no message of SNS", "")
	}
	if s.Topic == "" || m.TopicArn != s.Topic {
		return nil, s.refuse("it is from another topic", "set the topic's ARN in the project, or unsubscribe this address from the other one")
	}
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	at, err := time.Parse(time.RFC3339Nano, m.Timestamp)
	if err != nil || now().Sub(at) > snsAge || at.Sub(now()) > snsAhead {
		return nil, s.refuse("its time is "+line(m.Timestamp, 40), "see that the machine's clock is right")
	}
	signed, err := m.canonical()
	if err != nil {
		return nil, s.refuse(err.Error(), "")
	}
	certificate, err := s.certificate(ctx, m.SigningCertURL, now())
	if err != nil {
		return nil, err
	}
	if err := m.verify(certificate, signed); err != nil {
		return nil, s.refuse(err.Error(), "")
	}
	switch m.Type {
	case snsSubscribe:
		return nil, s.confirm(ctx, m.SubscribeURL)
	case snsUnsubscribe:
		return nil, nil
	}
	return []byte(m.Message), nil
}

func (s *SNS) refuse(why, hint string) error {
	return fault.New(fault.Refused, "the message is not taken from SNS: "+why, hint)
}

// canonical is the text that SNS signs: its fields by name, each name and value on a line of its own.
func (m *snsMessage) canonical() ([]byte, error) {
	var b strings.Builder
	field := func(name, value string) { b.WriteString(name + "\n" + value + "\n") }
	field("Message", m.Message)
	field("MessageId", m.MessageID)
	switch m.Type {
	case snsNotify:
		if m.Subject != nil {
			field("Subject", *m.Subject)
		}
	case snsSubscribe, snsUnsubscribe:
		field("SubscribeURL", m.SubscribeURL)
	default:
		return nil, fmt.Errorf("its type is %q", line(m.Type, 40))
	}
	field("Timestamp", m.Timestamp)
	if m.Type != snsNotify {
		field("Token", m.Token)
	}
	field("TopicArn", m.TopicArn)
	field("Type", m.Type)
	return []byte(b.String()), nil
}

func (m *snsMessage) verify(certificate *x509.Certificate, signed []byte) error {
	signature, err := base64.StdEncoding.DecodeString(m.Signature)
	if err != nil {
		return fmt.Errorf("its signature is not base64")
	}
	var hash crypto.Hash
	var sum []byte
	switch m.SignatureVersion {
	case "1": // what a topic uses unless it was told otherwise
		h := sha1.Sum(signed)
		hash, sum = crypto.SHA1, h[:]
	case "2":
		h := sha256.Sum256(signed)
		hash, sum = crypto.SHA256, h[:]
	default:
		return fmt.Errorf("its signature's version is %q", line(m.SignatureVersion, 10))
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok || key.Size() < 256 {
		return fmt.Errorf("the certificate has no RSA key of 2048 bits")
	}
	if err := rsa.VerifyPKCS1v15(key, hash, sum, signature); err != nil {
		return fmt.Errorf("its signature is wrong")
	}
	return nil
}
