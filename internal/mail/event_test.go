package mail_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
	"daybook/internal/mail"
)

// mailPart is what every event of SES carries, as its developer guide shows it.
const mailPart = `"mail":{"timestamp":"2026-11-20T07:00:01.012Z","source":"Reports <reports@example.com>","sourceArn":"arn:aws:ses:eu-west-1:123456789012:identity/example.com",
"sendingAccountId":"123456789012","messageId":"EXAMPLE7c191be45-e9aedb9a-000000","destination":["ada@example.org"],"headersTruncated":false,
"headers":[{"name":"From","value":"Reports <reports@example.com>"}],"commonHeaders":{"from":["Reports <reports@example.com>"],"messageId":"0198c0de@example.com"},
"tags":{"ses:configuration-set":["daybook"],"delivery":["0198c0de-7a11"],"report":["daily"]}}`

func eventAt(kind, detail string, at string, permanent bool) mail.Event {
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		panic(err)
	}
	return mail.Event{Kind: kind, MessageID: "EXAMPLE7c191be45-e9aedb9a-000000", Delivery: "0198c0de-7a11", Address: "ada@example.org", Detail: detail, Permanent: permanent, At: t}
}

var published = map[string]struct {
	body string
	want []mail.Event
}{
	"send": {`{"eventType":"Send",` + mailPart + `,"send":{}}`,
		[]mail.Event{eventAt("send", "", "2026-11-20T07:00:01.012Z", false)}},
	"reject": {`{"eventType":"Reject",` + mailPart + `,"reject":{"reason":"Bad content"}}`,
		[]mail.Event{eventAt("reject", "Bad content", "2026-11-20T07:00:01.012Z", false)}},
	"hard bounce": {`{"eventType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"General","bouncedRecipients":[{"emailAddress":"ada@example.org",
		"action":"failed","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1\r\n user unknown"}],"timestamp":"2026-11-20T07:00:02.669Z","feedbackId":"01","reportingMTA":"dsn; mta.example.com"},` + mailPart + `}`,
		[]mail.Event{eventAt("bounce", "Permanent General 5.1.1 smtp; 550 5.1.1 user unknown", "2026-11-20T07:00:02.669Z", true)}},
	"soft bounce": {`{"eventType":"Bounce","bounce":{"bounceType":"Transient","bounceSubType":"MailboxFull","bouncedRecipients":[{"emailAddress":"ada@example.org"}],"timestamp":"2026-11-20T09:00:00.5+02:00"},` + mailPart + `}`,
		[]mail.Event{eventAt("bounce", "Transient MailboxFull", "2026-11-20T07:00:00.5Z", false)}},
	"undetermined bounce": {`{"eventType":"Bounce","bounce":{"bounceType":"Undetermined","bounceSubType":"Undetermined","bouncedRecipients":[],"timestamp":"2026-11-20T07:00:02Z"},` + mailPart + `}`,
		[]mail.Event{eventAt("bounce", "Undetermined Undetermined", "2026-11-20T07:00:02Z", false)}},
	"suppressed": {`{"eventType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"OnAccountSuppressionList","bouncedRecipients":[{"emailAddress":"ada@example.org"}],"timestamp":"2026-11-20T07:00:02Z"},` + mailPart + `}`,
		[]mail.Event{eventAt("bounce", "Permanent OnAccountSuppressionList", "2026-11-20T07:00:02Z", true)}},
	"forwarded": {`{"eventType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"NoEmail","bouncedRecipients":[{"emailAddress":"<ada.old@example.net>","status":"5.2.1"}],"timestamp":"2026-11-20T07:00:02Z"},` + mailPart + `}`,
		[]mail.Event{eventAt("bounce", "Permanent NoEmail ada.old@example.net 5.2.1", "2026-11-20T07:00:02Z", true)}},
	"complaint": {`{"eventType":"Complaint","complaint":{"complainedRecipients":[{"emailAddress":"Ada <ada@example.org>"}],"timestamp":"2026-11-20T08:00:00.000Z","feedbackId":"02","userAgent":"example","complaintFeedbackType":"abuse","arrivalDate":"2026-11-20T08:00:00.000Z"},` + mailPart + `}`,
		[]mail.Event{eventAt("complaint", "abuse", "2026-11-20T08:00:00Z", false)}},
	"delivery": {`{"eventType":"Delivery",` + mailPart + `,"delivery":{"timestamp":"2026-11-20T07:00:03.202Z","processingTimeMillis":2190,"recipients":["ada@example.org"],"smtpResponse":"250 2.6.0 Message received","reportingMTA":"mta.example.com"}}`,
		[]mail.Event{eventAt("delivery", "250 2.6.0 Message received", "2026-11-20T07:00:03.202Z", false)}},
	"delay": {`{"eventType":"DeliveryDelay",` + mailPart + `,"deliveryDelay":{"timestamp":"2026-11-20T07:10:00.095Z","delayType":"TransientCommunicationFailure","expirationTime":"2026-11-20T21:00:00.914Z","delayedRecipients":[{"emailAddress":"ada@example.org","status":"4.4.1","diagnosticCode":"smtp; 421 4.4.1 Unable to connect to remote host"}]}}`,
		[]mail.Event{eventAt("delay", "TransientCommunicationFailure 4.4.1 smtp; 421 4.4.1 Unable to connect to remote host", "2026-11-20T07:10:00.095Z", false)}},
	"an older delivery": {`{"notificationType":"Delivery","mail":{"timestamp":"2026-11-20T07:00:01Z","messageId":"EXAMPLE7c191be45-e9aedb9a-000000","destination":["ada@example.org"]},"delivery":{"timestamp":"2026-11-20T07:00:03Z","recipients":["ada@example.org"],"smtpResponse":"250 ok"}}`,
		[]mail.Event{func() mail.Event {
			e := eventAt("delivery", "250 ok", "2026-11-20T07:00:03Z", false)
			e.Delivery = ""
			return e
		}()}},
	"two recipients": {`{"eventType":"Delivery","mail":{"timestamp":"2026-11-20T07:00:01Z","messageId":"m","destination":["ada@example.org","ben@example.org"]},"delivery":{"timestamp":"2026-11-20T07:00:03Z","recipients":["ben@example.org","ada@example.org"]}}`,
		[]mail.Event{
			{Kind: "delivery", MessageID: "m", Address: "ben@example.org", At: time.Date(2026, 11, 20, 7, 0, 3, 0, time.UTC)},
			{Kind: "delivery", MessageID: "m", Address: "ada@example.org", At: time.Date(2026, 11, 20, 7, 0, 3, 0, time.UTC)},
		}},
	"no time of its own": {`{"eventType":"Delivery","mail":{"timestamp":"2026-11-20T07:00:01Z","messageId":"m"},"delivery":{}}`,
		[]mail.Event{{Kind: "delivery", MessageID: "m", At: time.Date(2026, 11, 20, 7, 0, 1, 0, time.UTC)}}},
	"open":              {`{"eventType":"Open",` + mailPart + `,"open":{"ipAddress":"192.0.2.1","userAgent":"example"}}`, nil},
	"click":             {`{"eventType":"Click",` + mailPart + `,"click":{}}`, nil},
	"rendering failure": {`{"eventType":"Rendering Failure",` + mailPart + `,"failure":{}}`, nil},
	"subscription":      {`{"eventType":"Subscription",` + mailPart + `,"subscription":{}}`, nil},
	"one of the future": {`{"eventType":"Teleport",` + mailPart + `}`, nil},
}

func inSNS(body string) string {
	message, _ := json.Marshal(body)
	return `{"Type":"Notification","MessageId":"5e8a6fa5","TopicArn":"arn:aws:sns:eu-west-1:123456789012:daybook","Subject":"Amazon SES Email Event Notification","Message":` +
		string(message) + `,"Timestamp":"2026-11-20T07:00:04.126Z","SignatureVersion":"1","Signature":"EXAMPLE"}`
}

func inEventBridge(body string) string {
	return `{"version":"0","id":"12345678-1234-1234-1234-123456789012","detail-type":"Email Event","source":"aws.ses","account":"123456789012","time":"2026-11-20T07:00:04Z","region":"eu-west-1","resources":[],"detail":` + body + `}`
}

func TestEventsAreReadInEveryEnvelope(t *testing.T) {
	for name, c := range published {
		for envelope, wrap := range map[string]func(string) string{
			"bare":                  func(s string) string { return s },
			"by SNS":                inSNS,
			"by EventBridge":        inEventBridge,
			"by EventBridge to SNS": func(s string) string { return inSNS(inEventBridge(s)) },
		} {
			got, err := mail.ParseEvents([]byte(wrap(c.body)))
			if err != nil {
				t.Errorf("%s %s: %v", name, envelope, err)
				continue
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s %s:\n%s", name, envelope, diff)
			}
		}
	}
}

func TestGreetingOfANewTopicIsNoEvent(t *testing.T) {
	const greeting = "Successfully validated SNS topic for Amazon SES event publishing."
	for _, body := range []string{greeting, inSNS(greeting)} {
		if events, err := mail.ParseEvents([]byte(body)); err != nil || events != nil {
			t.Errorf("%v, %v", events, err)
		}
	}
}

func TestWhatIsNoEventIsInvalid(t *testing.T) {
	deep := `{"eventType":"Open"}`
	for range 6 {
		deep = inEventBridge(deep)
	}
	for name, body := range map[string]string{
		"nothing":                      "",
		"no JSON":                      "hello",
		"a list":                       "[]",
		"an object":                    "{}",
		"a notice of another service":  `{"Type":"Notification","Message":"{\"AlarmName\":\"disk\"}"}`,
		"an alarm in SNS":              inSNS("ALARM"),
		"another event of EventBridge": inEventBridge(`{"state":"running"}`),
		"no message id":                `{"eventType":"Send","mail":{"timestamp":"2026-11-20T07:00:01Z"}}`,
		"no time":                      `{"eventType":"Send","mail":{"messageId":"m"}}`,
		"a time that is none":          `{"eventType":"Send","mail":{"messageId":"m","timestamp":"soon"}}`,
		"an unconfirmed subscription":  `{"Type":"SubscriptionConfirmation","Message":"You have chosen","SubscribeURL":"https://example.com"}`,
		"too deep":                     deep,
	} {
		if events, err := mail.ParseEvents([]byte(body)); !fault.Is(err, fault.Invalid) || events != nil {
			t.Errorf("%s: %v, %v", name, events, err)
		}
	}
}

func TestForeignTextBecomesOneHarmlessLine(t *testing.T) {
	for said, want := range map[string]string{
		"550 no\r\nsuch\tuser\n":            "550 no such user",
		"550 \x1b[31mred\x07":               "550 [31mred",
		"550 \u202euser\u200b\u2066x\ufeff": "550 userx",
		"550 \u2028a\u2029b\u0085c":         "550 a b c",
		"550 \xff\xfebad":                   "550 bad",
		"550 사용자 없음 🚫":                      "550 사용자 없음 🚫",
		"   ":                               "",
		strings.Repeat("가", 600):            strings.Repeat("가", 499) + "…",
		strings.Repeat("a", 500):            strings.Repeat("a", 500),
		strings.Repeat("a ", 400):           strings.Repeat("a ", 249) + "a…",
	} {
		body, err := json.Marshal(map[string]any{
			"eventType": "Reject", "reject": map[string]string{"reason": said}, "mail": map[string]string{"messageId": "m", "timestamp": "2026-11-20T07:00:01Z"},
		})
		if err != nil {
			t.Fatal(err)
		}
		events, err := mail.ParseEvents(body)
		if err != nil || len(events) != 1 {
			t.Fatal(events, err)
		}
		if diff := cmp.Diff(want, events[0].Detail); diff != "" {
			t.Errorf("%q:\n%s", said, diff)
		}
	}
}

func FuzzParseEvents(f *testing.F) {
	for _, c := range published {
		f.Add([]byte(c.body))
		f.Add([]byte(inSNS(c.body)))
		f.Add([]byte(inEventBridge(c.body)))
	}
	f.Add([]byte(inSNS("Successfully validated SNS topic for Amazon SES event publishing.")))
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := mail.ParseEvents(body)
		if err != nil {
			if events != nil || !fault.Is(err, fault.Invalid) {
				t.Errorf("%v, %v", events, err)
			}
			return
		}
		for _, e := range events {
			switch e.Kind {
			case mail.EventSend, mail.EventDelivery, mail.EventDelay, mail.EventBounce, mail.EventComplaint, mail.EventReject:
			default:
				t.Errorf("kind %q", e.Kind)
			}
			if e.MessageID == "" || e.At.IsZero() && !strings.Contains(string(body), "0001-01-01") || e.At.Location() != time.UTC {
				t.Errorf("%+v", e)
			}
			if e.Permanent && e.Kind != mail.EventBounce {
				t.Errorf("a permanent %s", e.Kind)
			}
			for _, s := range []string{e.MessageID, e.Delivery, e.Address, e.Detail} {
				if !utf8.ValidString(s) || utf8.RuneCountInString(s) > 500 || strings.ContainsFunc(s, func(r rune) bool {
					return !unicode.IsGraphic(r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
				}) {
					t.Errorf("%q", s)
				}
			}
		}
	})
}
