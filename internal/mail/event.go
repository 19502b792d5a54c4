package mail

import (
	"encoding/json"
	"fmt"
	netmail "net/mail"
	"slices"
	"strings"
	"time"
	"unicode"

	"daybook/internal/fault"
)

// What SES says became of a mail.
const (
	EventSend      = "send"      // SES has taken it and will try to deliver it
	EventDelivery  = "delivery"  // the recipient's mail server has taken it
	EventDelay     = "delay"     // the server does not take it yet; SES goes on trying
	EventBounce    = "bounce"    // the server refused it, or SES gave up
	EventComplaint = "complaint" // the recipient called it spam
	EventReject    = "reject"    // SES found a virus and did not try
)

// Event is one thing that became of one mail for one recipient. It may come twice, early, late and out of order.
type Event struct {
	Kind      string // one of the constants
	MessageID string // as in the receipt
	Delivery  string // value of the message's tag "delivery", empty without one
	Address   string
	Detail    string // what the other server said: one line of at most 500 characters, empty when it said nothing
	Permanent bool   // of a bounce: no mail will ever reach the address
	At        time.Time
}

const (
	maxDetail  = 500
	maxAddress = 320
	maxWraps   = 4 // an SNS envelope around an EventBridge envelope is the deepest that there is
)

// ParseEvents reads an event as SES publishes it, bare, as Message of an SNS envelope, or as detail of an EventBridge event. Kinds
// that say nothing about delivery (open, click, subscription) and the greeting that SES sends to a new topic give none. What is no
// event at all is a *fault.Error of code invalid.
func ParseEvents(body []byte) ([]Event, error) { return parseEvents(body, maxWraps) }

// wrapped is an envelope of SNS or EventBridge, or the event itself.
type wrapped struct {
	Type       string          `json:"Type"`
	Message    *string         `json:"Message"`
	DetailType string          `json:"detail-type"`
	Detail     json.RawMessage `json:"detail"`
	sesEvent
}

func parseEvents(body []byte, wraps int) ([]Event, error) {
	var w wrapped
	if greeting(string(body)) {
		return nil, nil
	}
	if err := json.Unmarshal(body, &w); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the message is no event of SES", "")
	}
	kind := w.EventType
	if kind == "" {
		kind = w.NotificationType
	}
	switch {
	case kind != "":
		return w.sesEvent.events(kind)
	case wraps == 0:
		return nil, fault.New(fault.Invalid, "the message is wrapped too often", "")
	case w.Type == "Notification" && w.Message != nil:
		return parseEvents([]byte(*w.Message), wraps-1)
	case w.Type == snsSubscribe:
		return nil, fault.New(fault.Invalid, "the queue's subscription to its topic is not confirmed", "subscribe the queue from the account that owns it, or open the message's SubscribeURL")
	case w.DetailType != "" && len(w.Detail) > 0:
		return parseEvents(w.Detail, wraps-1)
	}
	return nil, fault.New(fault.Invalid, "the message is no event of SES", "let only the configuration set's events go there")
}

func greeting(s string) bool {
	return strings.HasPrefix(s, "Successfully validated SNS topic for Amazon SES")
}

// sesEvent is as the SES developer guide has it: "Contents of event data that Amazon SES publishes to Amazon SNS".
type sesEvent struct {
	EventType        string `json:"eventType"`
	NotificationType string `json:"notificationType"` // in feedback notifications, which are older and carry no tags
	Mail             struct {
		Timestamp   string              `json:"timestamp"`
		MessageID   string              `json:"messageId"`
		Destination []string            `json:"destination"`
		Tags        map[string][]string `json:"tags"`
	} `json:"mail"`
	Bounce struct {
		Type       string         `json:"bounceType"`
		SubType    string         `json:"bounceSubType"`
		Recipients []sesRecipient `json:"bouncedRecipients"`
		Timestamp  string         `json:"timestamp"`
	} `json:"bounce"`
	Complaint struct {
		Recipients []sesRecipient `json:"complainedRecipients"`
		SubType    string         `json:"complaintSubType"`
		Feedback   string         `json:"complaintFeedbackType"`
		Timestamp  string         `json:"timestamp"`
	} `json:"complaint"`
	Delivery struct {
		Recipients []string `json:"recipients"`
		Response   string   `json:"smtpResponse"`
		Timestamp  string   `json:"timestamp"`
	} `json:"delivery"`
	Delay struct {
		Recipients []sesRecipient `json:"delayedRecipients"`
		Type       string         `json:"delayType"`
		Timestamp  string         `json:"timestamp"`
	} `json:"deliveryDelay"`
	Reject struct {
		Reason string `json:"reason"`
	} `json:"reject"`
}

type sesRecipient struct {
	Address    string `json:"emailAddress"`
	Status     string `json:"status"`
	Diagnostic string `json:"diagnosticCode"`
}

func (e *sesEvent) events(kind string) ([]Event, error) {
	base := Event{MessageID: line(e.Mail.MessageID, maxDetail)}
	if tag := e.Mail.Tags["delivery"]; len(tag) > 0 {
		base.Delivery = line(tag[0], 256)
	}
	var to []sesRecipient
	stamp, said := e.Mail.Timestamp, ""
	switch kind {
	case "Send":
		base.Kind = EventSend
	case "Reject":
		base.Kind, said = EventReject, e.Reject.Reason
	case "Bounce":
		base.Kind, to, stamp, said = EventBounce, e.Bounce.Recipients, e.Bounce.Timestamp, join(e.Bounce.Type, e.Bounce.SubType)
		base.Permanent = e.Bounce.Type == "Permanent"
	case "Complaint":
		base.Kind, to, stamp, said = EventComplaint, e.Complaint.Recipients, e.Complaint.Timestamp, join(e.Complaint.Feedback, e.Complaint.SubType)
	case "Delivery":
		base.Kind, stamp, said = EventDelivery, e.Delivery.Timestamp, e.Delivery.Response
		for _, address := range e.Delivery.Recipients {
			to = append(to, sesRecipient{Address: address})
		}
	case "DeliveryDelay":
		base.Kind, to, stamp, said = EventDelay, e.Delay.Recipients, e.Delay.Timestamp, e.Delay.Type
	default:
		return nil, nil
	}
	if base.MessageID == "" {
		return nil, fault.New(fault.Invalid, "the event of SES has no message id", "")
	}
	var err error
	if base.At, err = instant(stamp, e.Mail.Timestamp); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the event of SES has no time", "")
	}
	return e.spread(base, to, said), nil
}

// spread gives every recipient an event of its own. Where the mail went to one address, that is the one meant: another one in the
// report is where its server forwarded the mail to.
func (e *sesEvent) spread(base Event, to []sesRecipient, said string) []Event {
	if len(to) == 0 {
		for _, address := range e.Mail.Destination {
			to = append(to, sesRecipient{Address: address})
		}
	}
	if len(to) == 0 {
		to = []sesRecipient{{}}
	}
	var list []Event
	for _, r := range to {
		event := base
		event.Address = bare(r.Address)
		forwarded := ""
		if len(e.Mail.Destination) == 1 {
			if meant := bare(e.Mail.Destination[0]); !strings.EqualFold(meant, event.Address) {
				event.Address, forwarded = meant, event.Address
			}
		}
		event.Detail = line(join(said, forwarded, r.Status, r.Diagnostic), maxDetail)
		list = append(list, event)
	}
	return list
}

// bare is the address without a name around it.
func bare(s string) string {
	if a, err := netmail.ParseAddress(s); err == nil {
		s = a.Address
	}
	return line(s, maxAddress)
}

func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// line is foreign text as one line of at most limit characters, without characters that steer a terminal or turn text around.
func line(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case r == unicode.ReplacementChar || !unicode.IsGraphic(r):
			return -1
		}
		return r
	}, s)
	runes := []rune(strings.Join(strings.Fields(s), " "))
	if len(runes) <= limit {
		return string(runes)
	}
	return strings.TrimRight(string(runes[:limit-1]), " ") + "…"
}

// instant is the first of the stamps that is a time, in UTC.
func instant(stamps ...string) (time.Time, error) {
	var first error
	for _, s := range stamps {
		t, err := time.Parse(time.RFC3339Nano, s)
		if err == nil {
			return t.UTC(), nil
		}
		if first == nil {
			first = fmt.Errorf("read the time of the event: %w", err)
		}
	}
	return time.Time{}, first
}
