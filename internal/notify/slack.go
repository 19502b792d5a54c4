package notify

import (
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// Slack's limits, in characters of what is sent, escapes included.
const (
	slackHeader = 150
	slackText   = 3000
	slackField  = 2000
	slackFields = 10 // of a section
	slackBlocks = 3  // sections of fields: more are no alert
)

// Slack posts alerts to an incoming webhook as blocks: a header, the text, the fields, and a line with project, node, day, instant and
// link. Nothing in an alert's texts calls people (@channel), becomes a link or ends a block.
type Slack struct {
	post post
}

// NewSlack returns a channel to an incoming webhook. A bad address is a fault that does not repeat it.
func NewSlack(address string) (*Slack, error) {
	p, err := newPost("Slack", address)
	if err != nil {
		return nil, err
	}
	return &Slack{post: p}, nil
}

// String tells the host only.
func (s *Slack) String() string { return "Slack at " + s.post.address.Host }

type slackMessage struct {
	Text        string  `json:"text"` // what notifications show
	Blocks      []block `json:"blocks"`
	UnfurlLinks bool    `json:"unfurl_links"`
	UnfurlMedia bool    `json:"unfurl_media"`
}

type block struct {
	Type     string  `json:"type"`
	Text     *words  `json:"text,omitempty"`
	Fields   []words `json:"fields,omitempty"`
	Elements []words `json:"elements,omitempty"`
}

type words struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim,omitempty"` // mrkdwn: names and addresses in it are left as they are
	Emoji    *bool  `json:"emoji,omitempty"`    // plain_text: whether :smile: becomes a picture
}

// Send implements Channel.
func (s *Slack) Send(ctx context.Context, a Alert) error {
	body, err := json.Marshal(slackBody(a))
	if err != nil {
		return &Error{Channel: s.post.channel, Reason: "write the alert as JSON: " + err.Error(), Err: err}
	}
	return s.post.send(ctx, body, nil)
}

func slackBody(a Alert) slackMessage {
	title := firstOf(oneLine(a.Title), oneLine(a.Kind), oneLine(a.Project), "Daybook")
	emoji := false
	m := slackMessage{Text: escaped(title, slackText)}
	m.Blocks = append(m.Blocks, block{Type: "header", Text: &words{Type: "plain_text", Text: escaped(title, slackHeader), Emoji: &emoji}})
	if text := strings.TrimSpace(escaped(a.Text, slackText)); text != "" {
		m.Blocks = append(m.Blocks, block{Type: "section", Text: &words{Type: "mrkdwn", Text: text, Verbatim: true}})
	}
	m.Blocks = append(m.Blocks, fieldBlocks(a.Fields)...)
	if line := contextLine(a); line != "" {
		m.Blocks = append(m.Blocks, block{Type: "context", Elements: []words{{Type: "mrkdwn", Text: line, Verbatim: true}}})
	}
	return m
}

// firstOf is the first text of which something is left to show.
func firstOf(texts ...string) string {
	for _, s := range texts {
		if escaped(s, slackHeader) != "" {
			return s
		}
	}
	return ""
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func fieldBlocks(fields []Field) []block {
	var list []block
	for len(fields) > 0 && len(list) < slackBlocks {
		n := min(len(fields), slackFields)
		section := block{Type: "section"}
		for _, f := range fields[:n] {
			name := escaped(oneLine(f.Name), slackHeader)
			value := escaped(f.Value, slackField-slackHeader-8)
			section.Fields = append(section.Fields, words{Type: "mrkdwn", Text: "*" + name + "*\n" + value, Verbatim: true})
		}
		list, fields = append(list, section), fields[n:]
	}
	return list
}

// contextLine is the small line at the end. The instant is written in the zone that it comes in.
func contextLine(a Alert) string {
	var parts []string
	for _, s := range []string{a.Project, a.Node, a.Day} {
		if s != "" {
			parts = append(parts, escaped(s, slackHeader))
		}
	}
	if !a.At.IsZero() {
		parts = append(parts, escaped(a.At.Format("2006-01-02 15:04 MST"), slackHeader))
	}
	if link := address(a.Link); link != "" {
		parts = append(parts, "<"+link+">")
	}
	return strings.Join(parts, " · ")
}

// address is a link as it may stand between < and >; empty for what is no address of a page.
func address(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	s := strings.NewReplacer("|", "%7C", "<", "%3C", ">", "%3E", "&", "&amp;").Replace(u.String())
	if units(s) > slackField-slackHeader*4 {
		return ""
	}
	return s
}

// calls are the words that call everybody where they follow an @.
var calls = regexp.MustCompile(`(?i)@(channel|here|everyone|group)`)

// escaped is a text for a text object: the three characters by which Slack knows links and commands are spelled out, and what would
// call people is taken apart by an invisible word joiner.
func escaped(s string, limit int) string {
	return cut(calls.ReplaceAllString(s, "@\u2060$1"), limit, spelled)
}

func spelled(r rune) string {
	switch r {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	case '\n', '\t':
		return string(r)
	}
	if unicode.IsControl(r) || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' { // direction marks turn a line around
		return ""
	}
	return string(r)
}
