package mail_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/internal/fault"
	"daybook/internal/mail"
)

const (
	topic     = "arn:aws:sns:eu-west-1:123456789012:daybook"
	pemURL    = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1f.pem"
	subscribe = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + topic + "&Token=2336412f37"
)

var snsNow = time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC)

// amazon is the part of the world that the webhook fetches from.
type amazon struct {
	key   *rsa.PrivateKey
	mu    sync.Mutex
	pages map[string]func() *http.Response
	asked []string
}

func (a *amazon) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.Method+" "+r.URL.String())
	if _, ok := r.Context().Deadline(); !ok {
		return nil, errors.New("no deadline")
	}
	page := a.pages[r.URL.String()]
	if page == nil {
		return nil, errors.New("no such host")
	}
	return page(), nil
}

func page(status int, body string) func() *http.Response {
	return func() *http.Response {
		return &http.Response{StatusCode: status, Header: http.Header{"Location": {subscribe}}, Body: io.NopCloser(strings.NewReader(body))}
	}
}

var snsKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func certificate(t *testing.T, change func(c *x509.Certificate), public crypto.PublicKey, private crypto.Signer) string {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, DNSNames: []string{"sns.amazonaws.com"},
		NotBefore: snsNow.AddDate(0, -1, 0), NotAfter: snsNow.AddDate(0, 6, 0),
	}
	if change != nil {
		change(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func openSNS(t *testing.T) (*mail.SNS, *amazon) {
	t.Helper()
	a := &amazon{key: snsKey()}
	a.pages = map[string]func() *http.Response{
		pemURL:    page(200, certificate(t, nil, &a.key.PublicKey, a.key)),
		subscribe: page(200, "<ConfirmSubscriptionResponse/>"),
	}
	return &mail.SNS{Topic: topic, Client: &http.Client{Transport: a}, Now: func() time.Time { return snsNow }}, a
}

type post map[string]string

func notification() post {
	return post{
		"Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": topic, "Subject": "Amazon SES Email Event Notification",
		"Message": "{\"eventType\":\n\"Send\"}", "Timestamp": "2026-11-20T06:59:58.655Z", "SignatureVersion": "2", "SigningCertURL": pemURL,
		"UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
	}
}

func subscription() post {
	return post{
		"Type": "SubscriptionConfirmation", "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b", "TopicArn": topic, "Token": "2336412f37",
		"Message": "You have chosen to subscribe.", "SubscribeURL": subscribe, "Timestamp": "2026-11-20T06:59:58.655Z", "SignatureVersion": "1", "SigningCertURL": pemURL,
	}
}

func (p post) with(more ...string) post {
	for i := 0; i < len(more); i += 2 {
		p[more[i]] = more[i+1]
	}
	return p
}

// sign is written from the SNS developer guide: the names in byte order, Subject only where there is one.
func (p post) sign(t *testing.T, key *rsa.PrivateKey) []byte {
	t.Helper()
	names := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	if p["Type"] != "Notification" {
		names = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	}
	var b bytes.Buffer
	for _, name := range names {
		if value, ok := p[name]; ok {
			b.WriteString(name + "\n" + value + "\n")
		}
	}
	hash, sum := crypto.SHA256, sha256.Sum256(b.Bytes())
	digest := sum[:]
	if p["SignatureVersion"] == "1" {
		old := sha1.Sum(b.Bytes())
		hash, digest = crypto.SHA1, old[:]
	}
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, hash, digest)
	if err != nil {
		t.Fatal(err)
	}
	return p.with("Signature", base64.StdEncoding.EncodeToString(signature)).json(t)
}

func (p post) json(t *testing.T) []byte {
	t.Helper()
	body, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestSignedNotificationIsOpened(t *testing.T) {
	for name, p := range map[string]post{
		"SHA256": notification(), "SHA1": notification().with("SignatureVersion", "1"), "empty subject": notification().with("Subject", ""),
	} {
		s, a := openSNS(t)
		for range 3 {
			message, err := s.Open(t.Context(), p.sign(t, a.key))
			if err != nil || string(message) != p["Message"] {
				t.Errorf("%s: %q, %v", name, message, err)
			}
		}
		if len(a.asked) != 1 {
			t.Errorf("%s: fetched %v, want the certificate once", name, a.asked)
		}
	}
	s, a := openSNS(t)
	p := notification()
	delete(p, "Subject")
	if message, err := s.Open(t.Context(), p.sign(t, a.key)); err != nil || string(message) != p["Message"] {
		t.Errorf("no subject: %q, %v", message, err)
	}
}

func TestSubscriptionOfTheTopicIsConfirmed(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		s, a := openSNS(t)
		message, err := s.Open(t.Context(), subscription().with("SignatureVersion", version).sign(t, a.key))
		if err != nil || message != nil {
			t.Errorf("%q, %v", message, err)
		}
		if len(a.asked) != 2 || a.asked[1] != "GET "+subscribe {
			t.Errorf("asked %v", a.asked)
		}
	}
}

func TestEndOfASubscriptionChangesNothing(t *testing.T) {
	s, a := openSNS(t)
	message, err := s.Open(t.Context(), subscription().with("Type", "UnsubscribeConfirmation").sign(t, a.key))
	if err != nil || message != nil || len(a.asked) != 1 {
		t.Errorf("%q, %v, asked %v", message, err, a.asked)
	}
}

func TestChinaHasItsOwnHost(t *testing.T) {
	s, a := openSNS(t)
	s.Topic = "arn:aws-cn:sns:cn-north-1:123456789012:daybook"
	at := "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-1f.pem"
	a.pages[at] = page(200, certificate(t, func(c *x509.Certificate) { c.DNSNames, c.Subject.CommonName = nil, "sns-cn-north-1.amazonaws.com.cn" }, &a.key.PublicKey, a.key))
	if _, err := s.Open(t.Context(), notification().with("TopicArn", s.Topic, "SigningCertURL", at).sign(t, a.key)); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNotFromTheTopicIsRefused(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key := snsKey()
	signed := func(p post) []byte { return p.sign(t, key) }
	altered := func(p post, more ...string) []byte { p.sign(t, key); return p.with(more...).json(t) }
	for name, body := range map[string][]byte{
		"no JSON":                   []byte("POST me"),
		"nothing":                   nil,
		"an empty object":           []byte("{}"),
		"a list":                    []byte("[]"),
		"another topic":             signed(notification().with("TopicArn", topic+"2")),
		"no topic":                  signed(notification().with("TopicArn", "")),
		"another key":               notification().sign(t, other),
		"a changed message":         altered(notification(), "Message", `{"eventType":"Bounce"}`),
		"a changed subject":         altered(notification(), "Subject", "hello"),
		"a changed type":            altered(subscription(), "Type", "UnsubscribeConfirmation"),
		"a changed subscribe URL":   altered(subscription(), "SubscribeURL", subscribe+"&x=1"),
		"no signature":              altered(notification(), "Signature", ""),
		"a signature of noise":      altered(notification(), "Signature", "!"),
		"version 3":                 altered(notification(), "SignatureVersion", "3"),
		"no version":                altered(notification(), "SignatureVersion", ""),
		"SHA256 as SHA1":            altered(notification(), "SignatureVersion", "1"),
		"an unknown type":           signed(notification().with("Type", "Greeting")),
		"an old one":                signed(notification().with("Timestamp", "2026-11-20T05:59:59.000Z")),
		"one of the future":         signed(notification().with("Timestamp", "2026-11-20T07:11:00.000Z")),
		"no time":                   signed(notification().with("Timestamp", "today")),
		"a certificate over http":   signed(notification().with("SigningCertURL", strings.Replace(pemURL, "https", "http", 1))),
		"another host":              signed(notification().with("SigningCertURL", "https://sns.eu-west-1.example.com/a.pem")),
		"a host that goes on":       signed(notification().with("SigningCertURL", "https://sns.eu-west-1.amazonaws.com.example.com/a.pem")),
		"another region":            signed(notification().with("SigningCertURL", "https://sns.us-east-1.amazonaws.com/a.pem")),
		"China's host elsewhere":    signed(notification().with("SigningCertURL", "https://sns.eu-west-1.amazonaws.com.cn/a.pem")),
		"another service":           signed(notification().with("SigningCertURL", "https://s3.eu-west-1.amazonaws.com/a.pem")),
		"a port":                    signed(notification().with("SigningCertURL", "https://sns.eu-west-1.amazonaws.com:8443/a.pem")),
		"a password":                signed(notification().with("SigningCertURL", "https://a:b@sns.eu-west-1.amazonaws.com/a.pem")),
		"a host in the password":    signed(notification().with("SigningCertURL", "https://sns.eu-west-1.amazonaws.com@example.com/a.pem")),
		"no pem":                    signed(notification().with("SigningCertURL", "https://sns.eu-west-1.amazonaws.com/a.txt")),
		"pem in the query":          signed(notification().with("SigningCertURL", "https://sns.eu-west-1.amazonaws.com/?a.pem")),
		"no URL":                    signed(notification().with("SigningCertURL", "://")),
		"a subscription elsewhere":  signed(subscription().with("SubscribeURL", "https://example.com/?Action=ConfirmSubscription&TopicArn="+topic)),
		"a subscription over http":  signed(subscription().with("SubscribeURL", strings.Replace(subscribe, "https", "http", 1))),
		"a subscription to another": signed(subscription().with("SubscribeURL", strings.Replace(subscribe, "daybook", "other", 1))),
		"another action":            signed(subscription().with("SubscribeURL", strings.Replace(subscribe, "ConfirmSubscription", "Unsubscribe", 1))),
	} {
		t.Run(name, func(t *testing.T) {
			s, a := openSNS(t)
			message, err := s.Open(t.Context(), body)
			if !fault.Is(err, fault.Refused) || message != nil {
				t.Errorf("%q, %v", message, err)
			}
			for _, asked := range a.asked {
				if asked != "GET "+pemURL {
					t.Errorf("asked %s", asked)
				}
			}
		})
	}
}

func TestCertificateThatIsNotSNSsIsRefused(t *testing.T) {
	key := snsKey()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"none":    "<html>",
		"a key":   "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"noise":   "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"expired": certificate(t, func(c *x509.Certificate) { c.NotAfter = snsNow.Add(-time.Second) }, &key.PublicKey, key),
		"not yet": certificate(t, func(c *x509.Certificate) { c.NotBefore = snsNow.Add(time.Second) }, &key.PublicKey, key),
		"of another": certificate(t, func(c *x509.Certificate) {
			c.DNSNames, c.Subject.CommonName = []string{"s3.amazonaws.com"}, "sns.example.com"
		}, &key.PublicKey, key),
		"an issuer's": certificate(t, func(c *x509.Certificate) {
			c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
		}, &key.PublicKey, key),
		"a short key": certificate(t, nil, &small.PublicKey, key),
		"no RSA":      certificate(t, nil, &curve.PublicKey, key),
		"too long":    strings.Repeat(" ", 70_000) + certificate(t, nil, &key.PublicKey, key),
	} {
		t.Run(name, func(t *testing.T) {
			s, a := openSNS(t)
			good := a.pages[pemURL]
			a.pages[pemURL] = page(200, text)
			if message, err := s.Open(t.Context(), notification().sign(t, key)); !fault.Is(err, fault.Refused) || message != nil {
				t.Errorf("%q, %v", message, err)
			}
			a.pages[pemURL] = good
			if name == "a short key" || name == "no RSA" {
				return // a certificate, and kept as one
			}
			if _, err := s.Open(t.Context(), notification().sign(t, key)); err != nil {
				t.Errorf("the refused certificate was kept: %v", err)
			}
		})
	}
}

func TestSNSThatDoesNotAnswerIsWorthAnotherTry(t *testing.T) {
	for name, answer := range map[string]func() *http.Response{
		"away": nil, "a redirect": page(302, ""), "an error": page(500, ""), "not there": page(404, ""),
	} {
		t.Run(name, func(t *testing.T) {
			for _, at := range []string{pemURL, subscribe} {
				s, a := openSNS(t)
				a.pages[at] = answer
				_, err := s.Open(t.Context(), subscription().sign(t, a.key))
				if !fault.Is(err, fault.Unavailable) {
					t.Errorf("%s: %v", at, err)
				}
				if n := len(a.asked); (at == pemURL && n != 1) || (at == subscribe && n != 2) {
					t.Errorf("asked %v: a redirect was followed", a.asked)
				}
			}
		})
	}
	s, a := openSNS(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.Client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) { return nil, r.Context().Err() })
	if _, err := s.Open(ctx, notification().sign(t, a.key)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

type roundTrip func(r *http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestCertificateIsFetchedAgainWhenItsTimeIsOver(t *testing.T) {
	s, a := openSNS(t)
	a.pages[pemURL] = page(200, certificate(t, func(c *x509.Certificate) { c.NotAfter = snsNow.Add(time.Minute) }, &a.key.PublicKey, a.key))
	now := snsNow
	s.Now = func() time.Time { return now }
	body := notification().sign(t, a.key)
	if _, err := s.Open(t.Context(), body); err != nil {
		t.Fatal(err)
	}
	now = snsNow.Add(2 * time.Minute)
	a.pages[pemURL] = page(200, certificate(t, nil, &a.key.PublicKey, a.key))
	if _, err := s.Open(t.Context(), body); err != nil || len(a.asked) != 2 {
		t.Errorf("%v, asked %v", err, a.asked)
	}
}

func TestTopicThatIsNoneIsInvalid(t *testing.T) {
	for _, name := range []string{"daybook", "arn:aws:sqs:eu-west-1:123456789012:daybook", "arn:aws:sns:example.com/:123456789012:daybook"} {
		s, a := openSNS(t)
		s.Topic = name
		if _, err := s.Open(t.Context(), notification().with("TopicArn", name).sign(t, a.key)); !fault.Is(err, fault.Invalid) || len(a.asked) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (&mail.SNS{}).Open(t.Context(), []byte(`{"Type":"Notification"}`)); !fault.Is(err, fault.Refused) {
		t.Errorf("without a topic everything is taken: %v", err)
	}
}
