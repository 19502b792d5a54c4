package handlers

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"daybook/internal/mail"
	"daybook/internal/store"
)

const topic = "arn:aws:sns:us-east-1:123456789012:daybook"

// sns is Amazon's side: it signs, and its certificate is at its address.
type sns struct {
	key  *rsa.PrivateKey
	cert []byte
	down bool
}

func newSNS(t *testing.T, now time.Time) *sns {
	t.Helper()
	key := must(rsa.GenerateKey(rand.Reader, 2048))(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der := must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))(t)
	return &sns{key: key, cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func (s *sns) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.down {
		return nil, errors.New("no route to host")
	}
	if r.URL.Host != "sns.us-east-1.amazonaws.com" {
		return nil, fmt.Errorf("asked %s", r.URL)
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(s.cert)), Request: r}, nil
}

// notification is a signed message.
func (s *sns) notification(t *testing.T, message string, at time.Time) []byte {
	t.Helper()
	m := map[string]string{"Type": "Notification", "MessageId": "1", "TopicArn": topic, "Message": message, "Timestamp": at.UTC().Format("2006-01-02T15:04:05.000Z"), "SignatureVersion": "2",
		"SigningCertURL": "https://sns.us-east-1.amazonaws.com/cert.pem"}
	sum := sha256.Sum256([]byte("Message\n" + message + "\nMessageId\n1\nTimestamp\n" + m["Timestamp"] + "\nTopicArn\n" + topic + "\nType\nNotification\n"))
	m["Signature"] = base64.StdEncoding.EncodeToString(must(rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:]))(t))
	return must(json.Marshal(m))(t)
}

// hook posts to the webhook as SNS does: from elsewhere, without cookies.
func (s *site) hook(body []byte) answer {
	s.t.Helper()
	resp := must(http.Post(s.url+"/hooks/ses", "text/plain; charset=UTF-8", bytes.NewReader(body)))(s.t)
	defer resp.Body.Close()
	return answer{resp.StatusCode, resp.Header, string(must(io.ReadAll(resp.Body))(s.t))}
}

func TestSignedEventsAreRecordedAndOthersAreRefused(t *testing.T) {
	s := peopleSite(t)
	amazon := newSNS(t, s.Now())
	s.Mailer.Webhook = &mail.SNS{Topic: topic, Client: &http.Client{Transport: amazon}, Now: s.clock.time}
	p := s.person("ada@example.com", "Ada", "all-staff")
	edition := s.mailed(p, store.DeliveryAccepted)
	d := must(s.Store.Deliveries(context.Background(), edition.ID))(t)[0]
	event := fmt.Sprintf(`{"eventType":"Delivery","mail":{"messageId":%q,"timestamp":"2026-11-17T00:30:00.000Z","destination":["ada@example.com"],"tags":{"delivery":[%q]}},"delivery":{"timestamp":"2026-11-17T00:30:05.000Z","recipients":["ada@example.com"],"smtpResponse":"250 ok"}}`, d.MessageID, d.ID)
	signed := amazon.notification(t, event, s.Now())
	for range 2 { // SNS delivers at least once
		a := s.hook(signed)
		if a.code != http.StatusOK || a.body != "" || len(a.head.Values("Set-Cookie")) > 0 {
			t.Fatalf("%d %q %v\n%s", a.code, a.body, a.head, s.log)
		}
	}
	if d = must(s.Store.Delivery(context.Background(), d.ID))(t); d.State != store.DeliveryDelivered {
		t.Errorf("the delivery is %s", d.State)
	}
	forged := bytes.Replace(signed, []byte("Delivery"), []byte("Bounce"), 1)
	for name, body := range map[string][]byte{"forged": forged, "no JSON": []byte("hello"), "other topic": bytes.ReplaceAll(signed, []byte("daybook"), []byte("another")), "old": amazon.notification(t, event, s.Now().Add(-2*time.Hour))} {
		before := strings.Count(s.log.String(), "refused")
		if a := s.hook(body); a.code != http.StatusForbidden || a.body != "" {
			t.Errorf("%s: %d %q", name, a.code, a.body)
		}
		if n := strings.Count(s.log.String(), "a message to the webhook was refused") - before; n > 1 || !strings.Contains(s.log.String(), "was refused") {
			t.Errorf("%s: logged %d times", name, n)
		}
	}
	if a := s.hook(bytes.Repeat([]byte("a"), maxHook+1)); a.code != http.StatusRequestEntityTooLarge {
		t.Errorf("too much: %d", a.code)
	}
	if a := s.hook(amazon.notification(t, "no event", s.Now())); a.code != http.StatusBadRequest {
		t.Errorf("signed and no event: %d", a.code)
	}
}

func TestHookThatCannotVerifyIsAskedAgain(t *testing.T) {
	s := peopleSite(t)
	amazon := newSNS(t, s.Now())
	amazon.down = true
	s.Mailer.Webhook = &mail.SNS{Topic: topic, Client: &http.Client{Transport: amazon}, Now: s.clock.time}
	if a := s.hook(amazon.notification(t, "{}", s.Now())); a.code != http.StatusServiceUnavailable || a.body != "" {
		t.Errorf("%d %q", a.code, a.body)
	}
}

func TestHookThatNobodySetUpIsNotThere(t *testing.T) {
	s := peopleSite(t)
	if a := s.hook([]byte("{}")); a.code != http.StatusNotFound {
		t.Errorf("without a topic: %d", a.code)
	}
	s.Mailer = nil
	if a := s.hook([]byte("{}")); a.code != http.StatusNotFound {
		t.Errorf("without mail: %d", a.code)
	}
}
