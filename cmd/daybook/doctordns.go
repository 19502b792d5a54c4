package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"daybook/internal/fault"
	"daybook/internal/mail"
)

// resolver asks the DNS; *net.Resolver is one.
type resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupCNAME(ctx context.Context, host string) (string, error)
}

// domainRecords looks at what the DNS says of the From domain, where the sender's own identity says nothing.
func (d *doctor) domainRecords(ctx context.Context) []finding {
	_, domain := d.from()
	if !strings.Contains(domain, ".") {
		return []finding{bad("from", d.project.Mail.From+" is nobody's address on the internet", "write from: with an address of your domain, below mail:")}
	}
	texts, err := d.dns.LookupTXT(ctx, domain)
	line := good("spf", domain+" names who may send for it")
	if failed := unanswered(err); failed != nil {
		line = warn("spf", oneLine(failed), "see that this machine can ask the DNS")
	} else if _, err := mail.ParseSPF(texts); err != nil {
		line = warn("spf", domain+": "+withoutHint(err), cmp.Or(fault.Hint(err), "publish a TXT record v=spf1 that names your mail server"))
	}
	return []finding{line, d.dmarc(ctx, domain)}
}

// unanswered is the failure of the DNS itself; that a name has no record is none.
func unanswered(err error) error {
	var e *net.DNSError
	if err == nil || errors.As(err, &e) && e.IsNotFound {
		return nil
	}
	return err
}

// dkimRecords looks at the three keys of the identity as a receiver would.
func (d *doctor) dkimRecords(ctx context.Context, i mail.Identity, domain string) []finding {
	const check = "dkim records"
	if len(i.DKIMTokens) == 0 {
		return nil
	}
	if strings.Contains(i.Name, "@") {
		i.Name = domain
	}
	var wrong []string
	for _, token := range i.DKIMTokens {
		name := mail.DKIMName(token, i.Name)
		target, err := d.dns.LookupCNAME(ctx, name)
		if failed := unanswered(err); failed != nil {
			return []finding{warn(check, oneLine(failed), "see that this machine can ask the DNS")}
		}
		if err != nil || !mail.DKIMTarget(target, token) {
			wrong = append(wrong, name)
		}
	}
	if len(wrong) > 0 {
		return []finding{bad(check, strings.Join(wrong, ", ")+" does not lead to SES", "publish each as CNAME to TOKEN.dkim.amazonses.com, with TOKEN as in its name")}
	}
	return []finding{good(check, fmt.Sprintf("%d keys of %s lead to SES", len(i.DKIMTokens), i.Name))}
}

// spf looks at who may send for the MAIL FROM domain, which is the one that SPF is about.
func (d *doctor) spf(ctx context.Context, domain string) finding {
	const check, fix = "spf", "publish the TXT record v=spf1 include:amazonses.com ~all"
	if domain == "" {
		return good(check, "that of SES's own MAIL FROM domain; DMARC rests on DKIM alone")
	}
	texts, err := d.dns.LookupTXT(ctx, domain)
	if failed := unanswered(err); failed != nil {
		return warn(check, oneLine(failed), "see that this machine can ask the DNS")
	}
	s, err := mail.ParseSPF(texts)
	switch {
	case err != nil:
		return warn(check, domain+": "+withoutHint(err), cmp.Or(fault.Hint(err), fix))
	case !s.Includes("amazonses.com"):
		return warn(check, "the SPF record of "+domain+" does not let SES send", fix)
	}
	return good(check, domain+" lets SES send")
}

// dmarc looks for the policy of the From domain, or of one above it.
func (d *doctor) dmarc(ctx context.Context, domain string) finding {
	const check = "dmarc"
	for _, name := range mail.DMARCNames(domain) {
		texts, err := d.dns.LookupTXT(ctx, name)
		if failed := unanswered(err); failed != nil {
			return warn(check, oneLine(failed), "see that this machine can ask the DNS")
		}
		policy, err := mail.ParseDMARC(texts)
		switch {
		case fault.Is(err, fault.NotFound):
			continue
		case err != nil:
			return warn(check, name+": "+withoutHint(err), fault.Hint(err))
		case policy.Policy == "none":
			return good(check, name+": p=none, which only watches; quarantine or reject keeps forgers out")
		}
		return good(check, name+": p="+policy.Policy)
	}
	return warn(check, domain+" has no DMARC record; large mailbox providers want one", "publish the TXT record v=DMARC1; p=none at _dmarc."+domain)
}
