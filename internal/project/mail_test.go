package project

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// posted is the small project with more settings and more of its report.
func posted(t *testing.T, settingsMore, reportMore string) (*Project, error) {
	t.Helper()
	files := small()
	files[settings] += settingsMore
	files[report] = strings.Replace(files[report], "deadline: 09:00\n", "deadline: 09:00\n"+reportMore, 1)
	return Load(write(t, files), env)
}

func TestHowMailLeavesAndWhoHearsOfTroubleIsReadAsItIsWritten(t *testing.T) {
	_, err := posted(t, `mail:
  sender: smtp
  from: Daybook <daybook@example.com>
  domains: [Example.com]
  smtp: {host: mail.example.com, tls: tls, user: daybook, password: env:SMTP_PASSWORD, rate: 14}
  events: {queue: "https://sqs.ap-northeast-2.amazonaws.com/1/mail", topic: "arn:aws:sns:ap-northeast-2:1:mail"}
alerts:
  - {slack: env:SLACK, on: [failed, delivered]}
  - {webhook: "https://example.com/hook", secret: file:key, name: hook}
  - {mail: owner}
`, "if_late: partial\nrequired: true\nattach: [pdf, xlsx]\ncorrection: 2.5%\nalert: [requests < 10, requests > 1e6]\n")
	if err == nil || !strings.Contains(err.Error(), `"requests > 1e6" is not a bound`) {
		t.Fatalf("a bound that cannot be read: %v", err)
	}
	p, err := posted(t, `mail:
  sender: smtp
  from: Daybook <daybook@example.com>
  domains: [Example.com]
  smtp: {host: mail.example.com, tls: tls, user: daybook, password: env:SMTP_PASSWORD, rate: 14}
  events: {queue: "https://sqs.ap-northeast-2.amazonaws.com/1/mail", topic: "arn:aws:sns:ap-northeast-2:1:mail"}
alerts:
  - {slack: env:SLACK, on: [failed, delivered]}
  - {webhook: "https://example.com/hook", secret: file:key, name: hook}
  - {mail: owner}
`, "if_late: partial\nrequired: true\nattach: [pdf, xlsx]\ncorrection: 2.5%\nalert: [requests < 10, requests > 30%]\n")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Mail{Sender: "smtp", From: "Daybook <daybook@example.com>", BaseURL: DefaultBaseURL, Domains: []string{"example.com"},
		SMTP:   SMTP{Host: "mail.example.com", Port: 465, TLS: "tls", User: "daybook", Password: "env:SMTP_PASSWORD", Rate: 14},
		Events: Events{Queue: "https://sqs.ap-northeast-2.amazonaws.com/1/mail", Topic: "arn:aws:sns:ap-northeast-2:1:mail"}}, p.Mail); diff != "" {
		t.Error(diff)
	}
	usual := []string{OnFailed, OnLate, OnFigure}
	if diff := cmp.Diff([]Channel{{Name: "slack-1", Slack: "env:SLACK", On: []string{OnFailed, OnDelivered}},
		{Name: "hook", Webhook: "https://example.com/hook", Secret: "file:key", On: usual}, {Name: "mail-3", Mail: "owner", On: usual}}, p.Alerts); diff != "" {
		t.Error(diff)
	}
	r := p.Reports[0]
	if !r.Required || r.Moved != 0.025 || r.IfLate != "partial" || !cmp.Equal(r.Attach, []string{"pdf", "xlsx"}) {
		t.Errorf("report %+v", r)
	}
	if diff := cmp.Diff([]Threshold{{KPI: "requests", Bound: 10}, {KPI: "requests", Above: true, Bound: 0.3}}, r.Alerts); diff != "" {
		t.Error(diff)
	}
}

func TestMistakesAboutMailSayWhatToWrite(t *testing.T) {
	for name, c := range map[string]struct{ settings, report, want string }{
		"smtp without a server":  {"mail: {sender: smtp}\n", "", "sender smtp has no server; write smtp: {host: mail.example.com}"},
		"member outside":         {"mail: {domains: [example.org]}\n", "", "reader@example.com of group staff is outside the mail's domains"},
		"no domain":              {"mail: {domains: [\"@example.com\"]}\n", "", `"@example.com" is not a domain`},
		"alert nowhere":          {"alerts:\n  - {on: failed}\n", "", "an alert goes one way"},
		"alert two ways":         {"alerts:\n  - {slack: env:A, mail: owner}\n", "", "an alert goes one way"},
		"alert to nobody":        {"alerts:\n  - {mail: somebody}\n", "", `alerts cannot be mailed to "somebody"; write owner, the name of a group, or an address`},
		"alert of nothing":       {"alerts:\n  - {mail: owner, on: thunder}\n", "", `there is no alert "thunder"`},
		"alerts of one name":     {"alerts:\n  - {mail: owner, name: a}\n  - {mail: staff, name: a}\n", "", "two alerts are named a"},
		"attachment of no kind":  {"", "attach: docx\n", `a mail cannot carry "docx"; write html, pdf, xlsx, csv`},
		"threshold of no number": {"", "correction: a lot\n", `correction is "a lot"; write a share such as 1% or 0.01`},
		"negative threshold":     {"", "correction: -1%\n", `correction is "-1%"`},
		"bound of no kpi":        {"", "alert: nothing > 1\n", "there is no kpi section nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := posted(t, c.settings, c.report)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestAnAddressIsTheSameInWhateverCaseItIsWritten(t *testing.T) {
	files := small()
	files[settings] = strings.Replace(files[settings], "reader@example.com", "Reader@Example.com", 1)
	p, err := Load(write(t, files), env)
	if err != nil || p.Groups["staff"][0].Address != "reader@example.com" {
		t.Errorf("groups %v, %v", p.Groups, err)
	}
}
