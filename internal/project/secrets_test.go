package project

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryReferenceToASecretIsListedOnce(t *testing.T) {
	p := Project{
		Lake:   Lake{AWS: AWS{AccessKey: "env:LAKE_KEY", SecretKey: "env:LAKE_SECRET"}},
		Mail:   Mail{SMTP: SMTP{Password: "file:smtp"}},
		Alerts: []Channel{{Slack: "env:SLACK"}, {Webhook: "https://example.com/hook", Secret: "env:SIGN"}, {Webhook: "env:HOOK"}},
		Sources: []Source{
			{Database: Database{URL: "env:DB"}}, {Database: Database{URL: "env:DB"}}, {AWS: AWS{AccessKey: "env:LAKE_KEY", SecretKey: "aws-ssm:x"}},
			{HTTP: HTTP{Secrets: map[string]string{"KEY": "env:API"}}}, {Stream: Stream{Password: "env:KAFKA"}}, {Collect: Collect{Token: "env:TOKEN"}},
			{BigQuery: BigQuery{Credentials: "file:key.json"}}, {Exec: Exec{Env: map[string]string{"A": "plain", "B": "env:EXEC"}}},
		},
		Publications: []Publication{{URL: "aws-secretsmanager:prod"}},
	}
	want := []string{"aws-secretsmanager:prod", "aws-ssm:x", "env:API", "env:DB", "env:EXEC", "env:HOOK", "env:KAFKA", "env:LAKE_KEY", "env:LAKE_SECRET", "env:SIGN", "env:SLACK", "env:TOKEN", "file:key.json", "file:smtp"}
	if d := cmp.Diff(want, p.Secrets()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
