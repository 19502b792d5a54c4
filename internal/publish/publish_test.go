package publish_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/publish"
)

// tablePublication is of the suite's mart into a table that is made.
func tablePublication(to, mode string) project.Publication {
	table := map[string]string{"postgres": "shop.items", "mysql": "items", "dynamodb": "items"}[to]
	return project.Publication{Name: "items", File: "publish/items.yaml", Line: 1, Mart: "items", To: to, Mode: mode, URL: "env:TARGET", Table: table, Create: true,
		Lock: 5 * time.Second, Timeout: time.Minute, Orphans: "fail"}
}

func TestKindsAreListedInOrderAndNoOtherIsTaken(t *testing.T) {
	if got := publish.Kinds(); !slices.Equal(got, []string{"dynamodb", "mysql", "postgres", "redis", "s3"}) {
		t.Errorf("%q", got)
	}
	if _, err := publish.New("ftp"); !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Hint(err), "dynamodb or mysql") {
		t.Error(err)
	}
}

func TestSettingsAreCheckedWithoutAMart(t *testing.T) {
	for _, c := range []struct {
		p    project.Publication
		want string
	}{
		{project.Publication{To: "ftp"}, `publish/x.yaml:1: "ftp" is not a kind of target`},
		{project.Publication{To: "mysql", Mode: "swap"}, "publish/x.yaml:1: the publication does not say where to; write table:"},
		{project.Publication{To: "s3", Mode: "upsert", Path: "s3://bucket/x"}, `publish/x.yaml:1: to: s3 has no mode "upsert"; write mode: swap or day`},
		{project.Publication{To: "redis", Mode: "upsert", Redis: project.Redis{Name: "x"}}, ""},
	} {
		c.p.File, c.p.Line = "publish/x.yaml", 1
		err := publish.Validate(c.p)
		if c.want == "" && err != nil || c.want != "" && (!fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v", c.p, err)
		}
	}
}

func TestAddressThatCannotBeReadIsNotRepeated(t *testing.T) {
	for _, to := range []string{"postgres", "mysql", "redis"} {
		for _, address := range []string{"postgres://user:p4ssw0rd@[broken/db", "user:p4ssw0rd@tcp(127.0.0.1:1", "redis://:p4ssw0rd@host:port:port/x", "p4ssw0rd", ""} {
			p := tablePublication(to, "swap")
			p.Table, p.Redis = "x", project.Redis{Name: "x", Structure: "hash"}
			r := publish.Request{Publication: p, Columns: []publish.Column{{Name: "id", Type: "BIGINT"}}, Keys: []string{"id"},
				Secret: func(context.Context, string) (string, error) { return address, nil }, Log: func(string, string, ...any) {}}
			_, err := send(t, r)
			if err == nil || strings.Contains(err.Error(), "p4ssw0rd") {
				t.Errorf("%s at %q: %v", to, address, err)
			}
		}
	}
}
