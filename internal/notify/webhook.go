package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Limits of a webhook's texts, in UTF-16 units; a longer one ends in "…".
const (
	maxTitle  = 500
	maxText   = 20_000
	maxValue  = 2_000
	maxFields = 100
)

// Webhook posts alerts as JSON to an address:
//
//	{
//	  "version": 1,
//	  "id": "…",                         the same for every try; also in the header Idempotency-Key
//	  "kind": "failed",                  failed, recovered, late, figure, delivered, …
//	  "title": "…", "text": "…",         plain text
//	  "link": "https://…",               may be empty, as project, node and day may
//	  "project": "library", "node": "daily_usage", "day": "2026-11-19",
//	  "fields": [{"name": "…", "value": "…"}],
//	  "at": "2026-11-20T06:12:00Z"       when it happened, UTC
//	}
//
// Fields may be added within a version. With a secret, the header Daybook-Signature is "t=UNIX,v1=HEX", where HEX is the HMAC-SHA256
// of UNIX, a dot and the body; a receiver compares it in constant time and refuses an old UNIX. Any 2xx answer means taken.
type Webhook struct {
	Now    func() time.Time // the clock of the signature
	post   post
	secret string
}

// NewWebhook returns a channel to the address, signed when there is a secret. A bad address is a fault that does not repeat it.
func NewWebhook(address, secret string) (*Webhook, error) {
	p, err := newPost("webhook", address)
	if err != nil {
		return nil, err
	}
	if secret != "" {
		p.secrets = append(p.secrets, secret)
	}
	return &Webhook{Now: time.Now, post: p, secret: secret}, nil
}

// String tells the host only.
func (w *Webhook) String() string { return "webhook at " + w.post.address.Host }

type message struct {
	Version int       `json:"version"`
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	Title   string    `json:"title"`
	Text    string    `json:"text"`
	Link    string    `json:"link"`
	Project string    `json:"project"`
	Node    string    `json:"node"`
	Day     string    `json:"day"`
	Fields  []Field   `json:"fields"`
	At      time.Time `json:"at"`
}

// Send implements Channel.
func (w *Webhook) Send(ctx context.Context, a Alert) error {
	m := message{
		Version: 1, ID: a.ID, Kind: a.Kind, Title: cut(a.Title, maxTitle, plain), Text: cut(a.Text, maxText, plain), Link: a.Link,
		Project: a.Project, Node: a.Node, Day: a.Day, Fields: []Field{}, At: a.At.UTC(),
	}
	for _, f := range a.Fields[:min(len(a.Fields), maxFields)] {
		m.Fields = append(m.Fields, Field{cut(f.Name, maxTitle, plain), cut(f.Value, maxValue, plain)})
	}
	body, err := json.Marshal(m)
	if err != nil {
		return &Error{Channel: w.post.channel, Reason: "write the alert as JSON: " + err.Error(), Err: err}
	}
	header := map[string]string{}
	if a.ID != "" {
		header["Idempotency-Key"] = visible(a.ID)
	}
	if w.secret != "" {
		header["Daybook-Signature"] = sign(w.secret, w.Now(), body)
	}
	return w.post.send(ctx, body, header)
}

func sign(secret string, now time.Time, body []byte) string {
	t := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// visible keeps what may stand in a header.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
}
