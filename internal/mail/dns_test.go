package mail

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
)

func TestSPFIsTheOneRecordOfADomainThatBeginsWithItsVersion(t *testing.T) {
	for name, c := range map[string]struct {
		texts    []string
		code     string
		includes bool
	}{
		"none":        {[]string{"google-site-verification=x"}, fault.NotFound, false},
		"no texts":    {nil, fault.NotFound, false},
		"another":     {[]string{"v=spf10 include:amazonses.com"}, fault.NotFound, false},
		"included":    {[]string{"x", "v=spf1 mx include:amazonses.com ~all"}, "", true},
		"upper case":  {[]string{"V=SPF1 +Include:AmazonSES.com -all"}, "", true},
		"redirected":  {[]string{"v=spf1 redirect=amazonses.com"}, "", true},
		"others only": {[]string{"v=spf1 include:notamazonses.com -all"}, "", false},
		"denied":      {[]string{"v=spf1 -include:amazonses.com ~all"}, "", false},
		"two":         {[]string{"v=spf1 include:amazonses.com ~all", "v=spf1 -all"}, fault.Invalid, false},
	} {
		s, err := ParseSPF(c.texts)
		if (err != nil || c.code != "") && !fault.Is(err, c.code) || s.Includes("amazonses.com") != c.includes {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

func TestDMARCIsTheOneRecordWithAPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		texts []string
		code  string
		want  DMARC
	}{
		"none":      {nil, fault.NotFound, DMARC{}},
		"another":   {[]string{"v=spf1 -all"}, fault.NotFound, DMARC{}},
		"reject":    {[]string{"v=DMARC1; p=reject; rua=mailto:dmarc@example.com"}, "", DMARC{"reject", "mailto:dmarc@example.com"}},
		"spaces":    {[]string{"v = DMARC1 ;  P = Quarantine"}, "", DMARC{Policy: "quarantine"}},
		"nothing":   {[]string{"v=DMARC1; p=none"}, "", DMARC{Policy: "none"}},
		"no policy": {[]string{"v=DMARC1; rua=mailto:dmarc@example.com"}, fault.Invalid, DMARC{}},
		"two":       {[]string{"v=DMARC1; p=none", "v=DMARC1; p=reject"}, fault.Invalid, DMARC{}},
	} {
		d, err := ParseDMARC(c.texts)
		if (err != nil || c.code != "") && !fault.Is(err, c.code) || d != c.want {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
}

func TestNamesOfRecords(t *testing.T) {
	if d := cmp.Diff([]string{"_dmarc.mail.example.com", "_dmarc.example.com"}, DMARCNames("mail.example.com")); d != "" {
		t.Error(d)
	}
	if DMARCNames("localhost") != nil {
		t.Error("localhost has a record")
	}
	if got := DKIMName("abc", "example.com"); got != "abc._domainkey.example.com" {
		t.Error(got)
	}
	for name, want := range map[string]bool{
		"abc.dkim.amazonses.com.": true, "ABC.dkim.amazonses.com": true, "abc.dkim.eu-south-1.amazonses.com.": true,
		"xyz.dkim.amazonses.com.": false, "abc.dkim.example.com.": false, "abc._domainkey.example.com.": false, "": false,
	} {
		if DKIMTarget(name, "abc") != want {
			t.Errorf("%q", name)
		}
	}
}
