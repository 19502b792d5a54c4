package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"daybook/internal/mail"
	"daybook/internal/text"
)

func (d *doctor) ses(ctx context.Context) (*mail.SES, error) {
	m := d.project.Mail
	return mail.NewSES(ctx, mail.SESOptions{Region: m.Region, Endpoint: m.Endpoint, ConfigurationSet: m.ConfigurationSet, Timeout: patience})
}

// account asks whether SES would take a day's mails.
func (d *doctor) account(ctx context.Context) []finding {
	s, err := d.ses(ctx)
	if err != nil {
		return []finding{because(failing, "account", err)}
	}
	a, err := s.Account(ctx)
	if err != nil {
		return []finding{because(failing, "account", err)}
	}
	return []finding{standing(a), quota(a, d.mailsADay(ctx))}
}

func standing(a mail.Account) finding {
	const check = "account"
	switch {
	case a.Standing == "SHUTDOWN":
		return bad(check, "AWS has shut the account's sending down", "see the account's reputation dashboard and the case AWS opened")
	case !a.Sending:
		return bad(check, "sending is paused for the account", "resume it: aws sesv2 put-account-sending-attributes --sending-enabled")
	case !a.Production:
		return warn(check, "the account is in the sandbox: only verified addresses get mail", "ask for production access on the account dashboard of SES")
	case a.Standing == "PROBATION":
		return warn(check, "AWS has put the account under review", "see its bounce and complaint rates on the reputation dashboard, and answer the case")
	}
	return good(check, "may send, standing "+strings.ToLower(cmp.Or(a.Standing, "not told")))
}

func quota(a mail.Account, needed int) finding {
	const check = "quota"
	if a.Quota < 0 {
		return good(check, "no limit")
	}
	left := max(a.Quota-a.Sent, 0)
	found := fmt.Sprintf("%s of %s messages of 24 hours left, %s needed a day", text.English.Count(int64(left)), text.English.Count(int64(a.Quota)), text.English.Count(int64(needed)))
	if a.Rate > 0 {
		found += fmt.Sprintf(", in %s at %g a second", text.English.Took(time.Duration(float64(needed)/a.Rate*float64(time.Second))), a.Rate)
	}
	switch {
	case left == 0:
		return bad(check, found, "wait until it frees up, or ask AWS for a higher quota")
	case a.Quota < needed:
		return bad(check, found, "ask AWS for a higher quota, or fewer people would get their report")
	case left < needed:
		return warn(check, found, "those who find no room today are sent to when it frees up; ask AWS for a higher quota")
	}
	return good(check, found)
}

// identity asks whether SES may send from the address, then whether the DNS proves it to receivers.
func (d *doctor) identity(ctx context.Context) []finding {
	s, err := d.ses(ctx)
	if err != nil {
		return nil // the account's look says why
	}
	address, domain := d.from()
	i, err := s.Identity(ctx, address)
	if err != nil {
		return append([]finding{because(failing, "identity", err)}, d.domainRecords(ctx)...)
	}
	list := identityLines(i, address)
	list = append(list, d.dkimRecords(ctx, i, domain)...)
	list = append(list, d.spf(ctx, i.MailFrom))
	return append(list, d.dmarc(ctx, domain))
}

func identityLines(i mail.Identity, address string) []finding {
	var list []finding
	if i.Verified {
		list = append(list, good("identity", fmt.Sprintf("%s may be sent from, as %s is verified", address, i.Name)))
	} else {
		list = append(list, bad("identity", i.Name+" is not verified", "publish the DKIM records that SES shows for it, then wait until SES has seen them"))
	}
	switch {
	case i.DKIM == "SUCCESS" && i.Signing:
		list = append(list, good("dkim", "mails are signed"))
	case i.DKIM == "SUCCESS":
		list = append(list, bad("dkim", "the keys are there, and mails are not signed with them", "turn DKIM signing on for "+i.Name))
	case i.DKIM == "NOT_STARTED":
		list = append(list, bad("dkim", "is not set up, so receivers may take the mails for forged", "set Easy DKIM up for the domain, and publish its records"))
	default:
		list = append(list, bad("dkim", "SES says "+i.DKIM, "publish the three CNAME records that SES shows, then wait until SES has seen them"))
	}
	switch {
	case i.MailFrom == "":
		list = append(list, good("mail from", "SES's own; receivers see the domain in the DKIM signature alone"))
	case i.MailFromStatus == "SUCCESS":
		list = append(list, good("mail from", i.MailFrom))
	default:
		list = append(list, warn("mail from", fmt.Sprintf("%s: SES says %s", i.MailFrom, i.MailFromStatus), "publish its MX and SPF records, then wait until SES has seen them"))
	}
	return list
}

// configurationSet asks whether SES tells anybody what becomes of mails.
func (d *doctor) configurationSet(ctx context.Context) []finding {
	s, err := d.ses(ctx)
	if err != nil {
		return nil
	}
	c, err := s.ConfigurationSet(ctx)
	if err != nil {
		return []finding{because(failing, "events", err)}
	}
	return []finding{publishedLine(c)}
}

// heard are the kinds of events that the ledger knows, as SES calls them.
var heard = []string{"SEND", "DELIVERY", "DELIVERY_DELAY", "BOUNCE", "COMPLAINT", "REJECT"}

func publishedLine(c mail.ConfigurationSet) finding {
	const check = "events"
	missing := slices.Clone(heard)
	for _, to := range c.Destinations {
		if to.Enabled && (to.Kind == "sns" || to.Kind == "eventbridge") {
			missing = slices.DeleteFunc(missing, func(kind string) bool { return slices.Contains(to.Events, kind) })
		}
	}
	switch {
	case c.Name == "":
		return warn(check, "there is no configuration set: nobody hears of bounces and complaints", "make one with an event destination, and write configuration_set: below mail:")
	case !c.Sending:
		return bad(check, "sending is paused for the configuration set "+c.Name, "resume it in SES")
	case len(missing) == len(heard):
		return warn(check, c.Name+" has no event destination that Daybook can hear", "add one to SNS or EventBridge with "+strings.Join(heard, ", "))
	case len(missing) > 0:
		return warn(check, c.Name+" does not publish "+strings.Join(missing, ", "), "add these kinds to its event destination")
	}
	return good(check, c.Name+" publishes every kind that the ledger knows")
}

// manyEvents is how many wait where nobody takes them out.
const manyEvents = 1000

// queue asks whether events can be heard.
func (d *doctor) queue(ctx context.Context) []finding {
	const check = "queue"
	m := d.project.Mail
	switch {
	case m.Events.Queue == "" && m.Events.Topic == "":
		return []finding{warn(check, "events are not listened to: accepted is the last that the ledger knows of a mail", "write events: {queue: URL} below mail:, or events: {topic: ARN}")}
	case m.Events.Queue == "":
		return nil
	}
	q, err := mail.NewQueue(ctx, mail.QueueOptions{URL: m.Events.Queue, Region: m.Region, Endpoint: m.Events.Endpoint})
	if err != nil {
		return []finding{because(failing, check, err)}
	}
	state, err := q.Check(ctx)
	if err != nil {
		return []finding{because(failing, check, err)}
	}
	found := fmt.Sprintf("%s events wait, %s are being read", text.English.Count(int64(state.Waiting)), text.English.Count(int64(state.InFlight)))
	if state.Waiting > manyEvents {
		return []finding{warn(check, found, "see that daybook serve runs: it takes them out")}
	}
	return []finding{good(check, found)}
}

// hook looks at the way by which SNS calls.
func (d *doctor) hook(context.Context) []finding {
	const check = "hook"
	m := d.project.Mail
	if m.Events.Topic == "" {
		return nil
	}
	u, err := url.Parse(m.BaseURL)
	if err != nil || u.Scheme != "https" || local(u.Hostname()) {
		return []finding{warn(check, "SNS calls "+m.BaseURL+"/hooks/ses, which it reaches by public https alone", "write an https address in base_url:, or let the events come by a queue")}
	}
	return []finding{good(check, m.BaseURL+"/hooks/ses for "+m.Events.Topic)}
}
