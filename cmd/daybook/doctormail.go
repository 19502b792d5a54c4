package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	netmail "net/mail"
	"path/filepath"
	"strings"
	"time"

	"daybook/internal/fault"
	"daybook/internal/mail"
	"daybook/internal/text"
)

// Differences of clocks: SES and SQS refuse what is signed more than five minutes away from theirs.
const (
	someSkew = time.Minute
	tooMuch  = 5 * time.Minute
)

// clock compares this machine's with the one of the service that judges signatures.
func (d *doctor) clock(ctx context.Context) []finding {
	const check = "time"
	m := d.project.Mail
	if m.Sender != "ses" && m.Events.Queue == "" {
		return []finding{good(check, d.now().In(d.project.Zone).Format("2006-01-02 15:04:05 MST")+"; nothing here is signed, so it was not compared")}
	}
	endpoint := cmp.Or(m.Endpoint, "https://email."+cmp.Or(m.Region, "us-east-1")+".amazonaws.com")
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, endpoint, nil)
	if err != nil {
		return []finding{warn(check, oneLine(err), "correct the mail's endpoint")}
	}
	before := d.now()
	resp, err := d.web.Do(req)
	if err != nil {
		return []finding{warn(check, "not compared: "+oneLine(err), "let this machine reach "+endpoint)}
	}
	resp.Body.Close()
	after := d.now()
	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return []finding{warn(check, "not compared: "+endpoint+" says no time", "")}
	}
	return []finding{skew(before.Add(after.Sub(before) / 2).Sub(theirs))}
}

func skew(by time.Duration) finding {
	by = by.Abs().Round(time.Second)
	found := fmt.Sprintf("%s off the clock of AWS", text.English.Took(by))
	switch {
	case by > tooMuch:
		return bad("time", found, "let the machine follow a time server, such as by systemd-timesyncd or chrony: AWS refuses what is signed so far off")
	case by > someSkew:
		return warn("time", found, "let the machine follow a time server, such as by systemd-timesyncd or chrony")
	}
	return good("time", found)
}

// mailLooks are those that the sender has.
func (d *doctor) mailLooks() []look {
	switch d.project.Mail.Sender {
	case "ses":
		return []look{d.account, d.identity, d.configurationSet, d.queue, d.hook}
	case "smtp":
		return []look{d.smtp, d.domainRecords}
	}
	return []look{func(context.Context) []finding {
		return []finding{good("sender", "outbox: nothing leaves this machine, mails are kept in "+filepath.Join(d.data, outboxDir))}
	}}
}

// from is the address that mails come from, and its domain.
func (d *doctor) from() (address, domain string) {
	a, err := netmail.ParseAddress(d.project.Mail.From)
	if err != nil {
		return d.project.Mail.From, ""
	}
	_, domain, _ = strings.Cut(a.Address, "@")
	return a.Address, strings.ToLower(domain)
}

// smtp signs in to the server and sends nothing.
func (d *doctor) smtp(ctx context.Context) []finding {
	const check = "server"
	h := &house{project: d.project, env: d.program.env, data: d.data}
	post, err := h.newPost(ctx)
	if err != nil {
		return []finding{because(failing, check, err)}
	}
	s, ok := post.sender.(*mail.SMTP)
	if !ok {
		return nil
	}
	if err := s.Check(ctx); err != nil {
		err = mail.Outcome(err).Err // nothing was sent that could have failed
		return []finding{bad(check, withoutHint(err), cmp.Or(fault.Hint(err), "see that host and port below smtp: are right, and that this machine may reach them"))}
	}
	m := d.project.Mail.SMTP
	as := "without signing in"
	if m.User != "" {
		as = "signed in as " + m.User
	}
	return []finding{good(check, fmt.Sprintf("%s:%d, %s, %s", m.Host, m.Port, map[string]string{"starttls": "STARTTLS", "tls": "TLS", "none": "no TLS"}[m.TLS], as))}
}
