package sesdouble

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Topic is the SNS topic that the double publishes to.
const Topic = "arn:aws:sns:" + Region + ":" + account + ":daybook-events"

const simulator = "simulator.amazonses.com"

// Fate is what becomes of a mail that was taken over.
type Fate string

// The fates. A bounce and a complaint put the address on the suppression list.
const (
	Delivered  Fate = "delivered"
	Bounced    Fate = "bounced"    // for good
	SoftBounce Fate = "softbounce" // SES gave up after hours
	Complained Fate = "complained" // delivered first
	Delayed    Fate = "delayed"    // delivered later
	Rejected   Fate = "rejected"   // a virus
	Silence    Fate = "silence"    // taken over, and no event ever comes
)

// Envelopes that an event comes in.
const (
	EnvelopeSNS         = "" // as a queue that is subscribed to a topic gets it
	EnvelopeEventBridge = "eventbridge"
	EnvelopeNone        = "none" // raw message delivery
)

// EventOptions say how events travel.
type EventOptions struct {
	Envelope   string
	Lag        time.Duration // after which they can be received; 0: they are there when the send is answered
	Duplicates float64       // share of events that are published twice
	Disorder   float64       // share of messages whose events come last first
	Early      float64       // share of messages whose events are there well before the send is answered
	Lead       time.Duration // by which they are; 0 means 50 ms
	// Publish gets the events instead of the queue, one call after the other.
	Publish func(body []byte)
}

// fulfil decides what becomes of the message and publishes its events: early ones before the answer, which has to
// wait for the lead.
func (s *Server) fulfil(m Sent) (early bool, lead time.Duration) {
	if m.ConfigurationSet == "" {
		return false, 0
	}
	s.mu.Lock()
	o := s.options.Events
	if o.Lead == 0 {
		o.Lead = 50 * time.Millisecond
	}
	var bodies [][]byte
	for _, address := range m.To {
		bodies = append(bodies, s.story(m, address)...)
	}
	if s.chance.Float64() < o.Disorder {
		slices.Reverse(bodies)
	}
	for i := len(bodies) - 1; i >= 0; i-- {
		if s.chance.Float64() < o.Duplicates {
			bodies = slices.Insert(bodies, i, bodies[i])
			s.stats.Duplicates++
		}
	}
	s.stats.Published += len(bodies)
	early = s.chance.Float64() < o.Early
	s.mu.Unlock()

	if early || o.Lag == 0 {
		s.publish(o, bodies)
	} else {
		time.AfterFunc(o.Lag, func() { s.publish(o, bodies) })
	}
	return early, o.Lead
}

func (s *Server) publish(o EventOptions, bodies [][]byte) {
	for _, body := range bodies {
		if o.Publish != nil {
			s.queue.calls.Lock()
			o.Publish(body)
			s.queue.calls.Unlock()
			continue
		}
		s.queue.push(string(body))
	}
}

// story is what the world tells of one recipient, and what SES learns from it.
func (s *Server) story(m Sent, address string) [][]byte {
	now := time.Now().UTC()
	tell := func(kind string, after time.Duration, name string, object map[string]any) []byte {
		object["timestamp"] = stamp(now.Add(after))
		return s.event(m, kind, now, name, object)
	}
	who := func(more ...string) []map[string]string {
		r := map[string]string{"emailAddress": address}
		for i := 0; i+1 < len(more); i += 2 {
			r[more[i]] = more[i+1]
		}
		return []map[string]string{r}
	}
	bounce := func(kind, sub, status, diagnostic string) []byte {
		return tell("Bounce", time.Second, "bounce", map[string]any{
			"bounceType": kind, "bounceSubType": sub, "feedbackId": m.MessageID + "-f", "reportingMTA": "dsn; mx.example.com",
			"bouncedRecipients": who("action", "failed", "status", status, "diagnosticCode", diagnostic),
		})
	}
	delivery := func(after time.Duration) []byte {
		return tell("Delivery", after, "delivery", map[string]any{
			"processingTimeMillis": after.Milliseconds(), "recipients": []string{address}, "smtpResponse": "250 2.0.0 OK: queued", "reportingMTA": "a8-50.smtp-out.amazonses.com",
		})
	}
	send := s.event(m, "Send", now, "send", map[string]any{})
	if _, ok := s.suppressed[address]; ok {
		return [][]byte{send, bounce("Permanent", "OnAccountSuppressionList", "5.1.1", "Amazon SES did not send the message to this address because it is on the suppression list for your account.")}
	}
	switch fate := s.fate(address); fate {
	case Silence:
		return nil
	case Bounced:
		s.suppress(address, "BOUNCE", now)
		return [][]byte{send, bounce("Permanent", "General", "5.1.1", "smtp; 550 5.1.1 user unknown")}
	case SoftBounce:
		return [][]byte{send, bounce("Transient", "MailboxFull", "4.2.2", "smtp; 452 4.2.2 mailbox full")}
	case suppressedFate:
		return [][]byte{send, bounce("Permanent", "Suppressed", "5.1.1", "Amazon SES has suppressed sending to this address because it has a recent history of bouncing.")}
	case Complained:
		s.suppress(address, "COMPLAINT", now)
		return [][]byte{send, delivery(time.Second), tell("Complaint", time.Minute, "complaint", map[string]any{
			"complainedRecipients": who(), "feedbackId": m.MessageID + "-c", "complaintFeedbackType": "abuse", "userAgent": "example"})}
	case Delayed:
		return [][]byte{send, tell("DeliveryDelay", time.Minute, "deliveryDelay", map[string]any{
			"delayType": "MailboxFull", "expirationTime": stamp(now.Add(14 * time.Hour)), "delayedRecipients": who("status", "4.2.2", "diagnosticCode", "smtp; 452 4.2.2 try later")}),
			delivery(time.Hour)}
	case Rejected:
		return [][]byte{send, s.event(m, "Reject", now, "reject", map[string]any{"reason": "Bad content"})}
	}
	return [][]byte{send, delivery(time.Second)}
}

const suppressedFate Fate = "suppressed"

func (s *Server) fate(address string) Fate {
	if local, domain, _ := strings.Cut(address, "@"); domain == simulator {
		local, _, _ = strings.Cut(local, "+") // labels are allowed
		switch local {
		case "bounce":
			return Bounced
		case "complaint":
			return Complained
		case "suppressionlist":
			return suppressedFate
		}
		return Delivered
	}
	if s.options.Fate != nil {
		return s.options.Fate(address)
	}
	return Delivered
}

// suppress leaves the simulator's addresses alone, as SES does.
func (s *Server) suppress(address, reason string, at time.Time) {
	if !strings.HasSuffix(address, "@"+simulator) {
		s.suppressed[address] = suppressed{reason, at}
	}
}

func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05.000Z") }

// event is the JSON that SES publishes, in the envelope it comes in.
func (s *Server) event(m Sent, kind string, at time.Time, name string, object map[string]any) []byte {
	tags := map[string][]string{"ses:configuration-set": {m.ConfigurationSet}, "ses:from-domain": {m.From[strings.LastIndexByte(m.From, '@')+1:]}}
	for k, v := range m.Tags {
		tags[k] = []string{v}
	}
	body := encode(map[string]any{
		"eventType": kind, name: object,
		"mail": map[string]any{
			"timestamp": stamp(at), "source": m.From, "sendingAccountId": account, "messageId": m.MessageID, "destination": m.To,
			"headersTruncated": false, "tags": tags,
		},
	})
	switch s.options.Events.Envelope {
	case EnvelopeNone:
		return body
	case EnvelopeEventBridge:
		return encode(map[string]any{
			"version": "0", "id": m.MessageID, "detail-type": "Email " + kind, "source": "aws.ses", "account": account, "time": stamp(at),
			"region": Region, "resources": []string{}, "detail": json.RawMessage(body),
		})
	}
	return encode(map[string]string{
		"Type": "Notification", "MessageId": fmt.Sprintf("%s-%s", m.MessageID, name), "TopicArn": Topic, "Subject": "Amazon SES Email Event Notification",
		"Message": string(body), "Timestamp": stamp(at), "SignatureVersion": "1", "Signature": "RVhBTVBMRQ==",
		"SigningCertURL": "https://sns." + Region + ".amazonaws.com/SimpleNotificationService-00.pem",
	})
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings and numbers always encode
	}
	return b
}
