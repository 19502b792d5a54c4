package project

import (
	"fmt"
	netmail "net/mail"
	"regexp"
	"slices"
	"strings"

	"daybook/internal/fault"
)

// Mail says who sends and how.
type Mail struct {
	Sender           string // outbox, ses or smtp
	From             string // "Name <address>"
	ReplyTo          string
	Region           string
	Endpoint         string // for SES doubles and private endpoints
	ConfigurationSet string
	BaseURL          string // how readers reach the server, for the links of mails
	SMTP             SMTP
	Events           Events
	Domains          []string // lower case; recipients must be there, and people there may sign in by a mailed link; none for no limit
}

// SMTP is a mail server that takes messages.
type SMTP struct {
	Host     string
	Port     int
	TLS      string // starttls, tls or none
	User     string
	Password string  // a reference to a secret
	Rate     float64 // messages a second, 0 for no limit
}

// Events is where SES tells what became of messages.
type Events struct {
	Queue    string // URL of an SQS queue
	Endpoint string // of SQS, for doubles and private endpoints
	Topic    string // ARN of the SNS topic that may call /hooks/ses
}

// Channel carries alerts to people or programs; one of Slack, Webhook and Mail is set.
type Channel struct {
	Name    string
	Slack   string // a reference to the secret URL of an incoming webhook
	Webhook string // a URL, or a reference to a secret one
	Secret  string // a reference to the key that signs what the webhook gets, may be empty
	Mail    string // "owner" for the owner of the node, or a group's name, or an address
	On      []string
}

// What a channel can carry.
const (
	OnFailed    = "failed"    // a task failed for good, and when it is well again
	OnLate      = "late"      // a refresh or report was not there by its deadline, and when it is
	OnFigure    = "figure"    // a figure went beyond its bound, and when it is back
	OnDelivered = "delivered" // a report went out
	OnDone      = "done"      // a scheduled run ended well
)

// DefaultBaseURL is where a server is reached that says nothing else.
const DefaultBaseURL = "http://localhost:8080"

func (l *loader) mail(m *mapping) {
	mm := Mail{Sender: "outbox", From: "Daybook <daybook@localhost>", BaseURL: DefaultBaseURL}
	if sub := m.sub("mail"); sub != nil {
		mm.Sender = sub.one("sender", "outbox", "outbox", "ses", "smtp")
		mm.From = sub.str("from", mm.From)
		if _, err := netmail.ParseAddress(mm.From); err != nil {
			m.doc.fail(sub.at("from"), fmt.Sprintf("%q is not an address", mm.From), `write "Name <address@domain>"`)
		}
		mm.ReplyTo = sub.str("reply_to", "")
		mm.Region = sub.str("region", "")
		mm.Endpoint = sub.str("endpoint", "")
		mm.ConfigurationSet = sub.str("configuration_set", "")
		mm.BaseURL = strings.TrimRight(sub.str("base_url", mm.BaseURL), "/")
		if mm.Sender == "ses" && mm.Region == "" {
			m.doc.fail(sub.node, "sender ses has no region", "write region: such as ap-northeast-2")
		}
		mm.SMTP = smtp(sub)
		if mm.Sender == "smtp" && mm.SMTP.Host == "" {
			m.doc.fail(sub.node, "sender smtp has no server", "write smtp: {host: mail.example.com}")
		}
		if e := sub.sub("events"); e != nil {
			mm.Events = Events{Queue: e.str("queue", ""), Endpoint: e.str("endpoint", ""), Topic: e.str("topic", "")}
			e.finish()
		}
		for _, d := range sub.list("domains") {
			d = strings.ToLower(d)
			if !domainShape.MatchString(d) {
				m.doc.fail(sub.at("domains"), fmt.Sprintf("%q is not a domain", d), "write domains such as example.com, without @")
			}
			mm.Domains = append(mm.Domains, d)
		}
		sub.finish()
	}
	l.project.Mail = mm
}

var domainShape = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+$`)

func smtp(m *mapping) SMTP {
	s := SMTP{Port: 587, TLS: "starttls"}
	sub := m.sub("smtp")
	if sub == nil {
		return s
	}
	s.Host = sub.str("host", "")
	s.TLS = sub.one("tls", s.TLS, "starttls", "tls", "none")
	fallback := int64(s.Port)
	if s.TLS == "tls" {
		fallback = 465
	}
	s.Port = int(sub.integer("port", fallback, 1))
	s.User, s.Password = sub.str("user", ""), sub.str("password", "")
	s.Rate = float64(sub.integer("rate", 0, 0))
	sub.finish()
	return s
}

// Allows reports whether an address may get mail: it is in one of the domains, or there is no limit.
func (m Mail) Allows(address string) bool {
	_, domain, _ := strings.Cut(address, "@")
	return len(m.Domains) == 0 || slices.Contains(m.Domains, strings.ToLower(domain))
}

// allowed holds the members of groups to the mail's domains.
func (l *loader) allowed() {
	for group, members := range l.project.Groups {
		for _, p := range members {
			if !l.project.Mail.Allows(p.Address) {
				l.errs = append(l.errs, fault.At(Filename, 0, 0, fmt.Sprintf("%s of group %s is outside the mail's domains", p.Address, group), "add its domain to mail: domains:, or take the member out"))
			}
		}
	}
}

func (l *loader) alerts(m *mapping) {
	kinds := []string{OnFailed, OnLate, OnFigure, OnDelivered, OnDone}
	m.each("alerts", func(e *mapping) {
		c := Channel{Slack: e.str("slack", ""), Webhook: e.str("webhook", ""), Secret: e.str("secret", ""), Mail: e.str("mail", ""), On: e.list("on")}
		ways := 0
		for i, way := range []string{c.Slack, c.Webhook, c.Mail} {
			if way != "" {
				ways++
				c.Name = []string{"slack", "webhook", "mail"}[i]
			}
		}
		if ways != 1 {
			e.doc.fail(e.node, "an alert goes one way", "write one of slack:, webhook: and mail: in each entry")
		}
		if _, group := l.project.Groups[c.Mail]; c.Mail != "" && c.Mail != "owner" && !group {
			if _, err := netmail.ParseAddress(c.Mail); err != nil {
				e.doc.fail(e.at("mail"), fmt.Sprintf("alerts cannot be mailed to %q", c.Mail), "write owner, the name of a group, or an address")
			}
		}
		if c.On == nil {
			c.On = []string{OnFailed, OnLate, OnFigure}
		}
		for _, on := range c.On {
			if !slices.Contains(kinds, on) {
				e.doc.fail(e.at("on"), fmt.Sprintf("there is no alert %q", on), "write "+strings.Join(kinds, ", "))
			}
		}
		c.Name = e.str("name", fmt.Sprintf("%s-%d", c.Name, len(l.project.Alerts)+1))
		if slices.ContainsFunc(l.project.Alerts, func(o Channel) bool { return o.Name == c.Name }) {
			e.doc.fail(e.node, fmt.Sprintf("two alerts are named %s", c.Name), "give each a name:")
		}
		e.finish()
		l.project.Alerts = append(l.project.Alerts, c)
	})
}
