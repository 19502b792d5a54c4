package mail

import (
	"strings"

	"daybook/internal/fault"
)

// SPF is what a domain's DNS says about who may send in its name (RFC 7208).
type SPF struct {
	Terms []string // after v=spf1, in lower case
}

// ParseSPF reads the TXT records of a domain. No SPF record is a fault of code not_found; two are one of code invalid, because
// receivers then take none of them.
func ParseSPF(texts []string) (SPF, error) {
	var found []SPF
	for _, t := range texts {
		if terms := strings.Fields(strings.ToLower(t)); len(terms) > 0 && terms[0] == "v=spf1" {
			found = append(found, SPF{terms[1:]})
		}
	}
	switch len(found) {
	case 0:
		return SPF{}, fault.New(fault.NotFound, "there is no SPF record", "")
	case 1:
		return found[0], nil
	}
	return SPF{}, fault.New(fault.Invalid, "there are several SPF records, so none of them counts", "join them into one")
}

// Includes reports whether the record lets those send whom another domain's record names.
func (s SPF) Includes(domain string) bool {
	for _, t := range s.Terms {
		t = strings.TrimPrefix(t, "+")
		if t == "include:"+domain || t == "redirect="+domain {
			return true
		}
	}
	return false
}

// DMARC is what a domain asks receivers to do with mail that fails SPF and DKIM (RFC 7489).
type DMARC struct {
	Policy  string // none, quarantine or reject
	Reports string // where receivers tell of it; may be empty
}

// ParseDMARC reads the TXT records of _dmarc.DOMAIN. No DMARC record is a fault of code not_found; several, and one without a policy,
// are of code invalid.
func ParseDMARC(texts []string) (DMARC, error) {
	var found []DMARC
	for _, t := range texts {
		tags := strings.Split(t, ";")
		if name, value, _ := strings.Cut(tags[0], "="); strings.TrimSpace(name) != "v" || strings.TrimSpace(value) != "DMARC1" {
			continue
		}
		var d DMARC
		for _, tag := range tags[1:] {
			name, value, _ := strings.Cut(tag, "=")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "p":
				d.Policy = strings.ToLower(strings.TrimSpace(value))
			case "rua":
				d.Reports = strings.TrimSpace(value)
			}
		}
		found = append(found, d)
	}
	switch {
	case len(found) == 0:
		return DMARC{}, fault.New(fault.NotFound, "there is no DMARC record", "")
	case len(found) > 1:
		return DMARC{}, fault.New(fault.Invalid, "there are several DMARC records, so none of them counts", "keep one")
	}
	switch found[0].Policy {
	case "none", "quarantine", "reject":
		return found[0], nil
	}
	return DMARC{}, fault.New(fault.Invalid, "the DMARC record has no policy", "write p=none, p=quarantine or p=reject")
}

// DMARCNames are where the record of a mail from a domain may lie: the domain's own first, then that of each domain above it, down to
// two labels. Receivers look at the first and at the organization's alone.
func DMARCNames(domain string) []string {
	var names []string
	for strings.Contains(domain, ".") {
		names = append(names, "_dmarc."+domain)
		_, domain, _ = strings.Cut(domain, ".")
	}
	return names
}

// DKIMName is where the key of a token of SES lies in a domain's DNS.
func DKIMName(token, domain string) string { return token + "._domainkey." + domain }

// DKIMTarget reports whether a name is where SES keeps the key of a token: TOKEN.dkim.amazonses.com, in some regions
// TOKEN.dkim.REGION.amazonses.com.
func DKIMTarget(name, token string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return strings.HasPrefix(name, strings.ToLower(token)+".dkim.") && strings.HasSuffix(name, ".amazonses.com")
}
