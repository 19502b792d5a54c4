package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"daybook/internal/mail"
	"daybook/internal/notify"
	"daybook/internal/project"
	"daybook/internal/secret"
	"daybook/jobs"
)

// outboxDir is where mails are kept that are not sent.
const outboxDir = "outbox"

// post is how a project's mails leave and how it hears of them.
type post struct {
	sender mail.Sender
	ses    *mail.SES   // nil with another sender
	queue  *mail.Queue // nil without events by SQS
	hook   *mail.SNS   // nil without events by SNS
}

// outbox is the directory of mails that are not sent.
func (h *house) outbox() mail.Outbox { return mail.Outbox{Dir: filepath.Join(h.data, outboxDir)} }

// openPost gives the press its sender, and alerts their channels. Only what mails needs it, with the secrets it takes; nothing is
// asked of a provider yet.
func (h *house) openPost(ctx context.Context) (post, error) {
	p, err := h.newPost(ctx)
	if err != nil {
		return p, err
	}
	m := h.press.mailer
	m.Sender, m.Webhook = p.sender, p.hook
	if p.ses != nil {
		m.List = p.ses
	}
	h.alerter.Letter = m.Letter
	for _, c := range h.project.Alerts {
		channel, err := h.channel(ctx, c)
		if err != nil {
			return p, fmt.Errorf("alert %s: %w", c.Name, err)
		}
		if channel != nil {
			h.alerter.Channels[c.Name] = channel
		}
	}
	return p, nil
}

func (h *house) newPost(ctx context.Context) (post, error) {
	m := h.project.Mail
	p := post{sender: h.outbox()}
	var err error
	switch m.Sender {
	case "ses":
		if p.ses, err = mail.NewSES(ctx, mail.SESOptions{Region: m.Region, Endpoint: m.Endpoint, ConfigurationSet: m.ConfigurationSet}); err != nil {
			return p, err
		}
		p.sender = p.ses
	case "smtp":
		password, err := h.secret(ctx, m.SMTP.Password)
		if err != nil {
			return p, err
		}
		p.sender, err = mail.NewSMTP(mail.SMTPOptions{Host: m.SMTP.Host, Port: m.SMTP.Port, TLS: m.SMTP.TLS, User: m.SMTP.User, Password: password, Rate: m.SMTP.Rate})
		if err != nil {
			return p, err
		}
	}
	if m.Events.Queue != "" {
		p.queue, err = mail.NewQueue(ctx, mail.QueueOptions{URL: m.Events.Queue, Region: m.Region, Endpoint: m.Events.Endpoint, Strange: h.strange})
		if err != nil {
			return p, err
		}
	}
	if m.Events.Topic != "" {
		p.hook = &mail.SNS{Topic: m.Events.Topic}
	}
	return p, nil
}

// events is the queue to listen to, nil for none.
func (p post) events() jobs.EventQueue {
	if p.queue == nil {
		return nil
	}
	return p.queue
}

// strange tells of a message in the queue of events that nobody can read; it is then taken out.
func (h *house) strange(_ context.Context, s mail.Stray) error {
	h.log.Warn("a message in the queue of mail events is none, and was taken out", "id", s.ID, "err", s.Err)
	return nil
}

func (h *house) secret(ctx context.Context, ref string) (string, error) {
	return resolve(ctx, ref, h.env, h.project.Dir)
}

// resolve gives what a reference stands for; an empty one is an empty secret.
func resolve(ctx context.Context, ref string, env func(string) (string, bool), dir string) (string, error) {
	if ref == "" {
		return "", nil
	}
	return secret.Resolve(ctx, ref, env, dir)
}

// channel is nil for an alert by mail.
func (h *house) channel(ctx context.Context, c project.Channel) (notify.Channel, error) {
	switch {
	case c.Slack != "":
		address, err := h.secret(ctx, c.Slack)
		if err != nil {
			return nil, err
		}
		return notify.NewSlack(address)
	case c.Webhook != "":
		address, err := c.Webhook, error(nil)
		if !strings.Contains(address, "://") {
			address, err = h.secret(ctx, address)
		}
		if err != nil {
			return nil, err
		}
		key, err := h.secret(ctx, c.Secret)
		if err != nil {
			return nil, err
		}
		return notify.NewWebhook(address, key)
	}
	return nil, nil
}
