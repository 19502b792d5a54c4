package source_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/source"
)

func TestWhatIsWrongIsSaidWithoutThePassword(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(b *base, dsn string) string
		set    project.Database
		code   string
	}{
		{"wrong password", func(b *base, dsn string) string { return strings.Replace(dsn, b.password, "wrong-"+b.password, 1) }, project.Database{}, fault.Refused},
		{"unknown host", func(b *base, dsn string) string { return strings.Replace(dsn, b.wire.address, "nowhere.invalid:1", 1) }, project.Database{}, fault.Unavailable},
		{"nobody listens", func(b *base, dsn string) string { return strings.Replace(dsn, b.wire.address, "127.0.0.1:1", 1) }, project.Database{}, fault.Unavailable},
		{"unknown database", func(_ *base, dsn string) string {
			return regexp.MustCompile(`/t[a-z0-9]+\?`).ReplaceAllString(dsn, "/nothing?")
		}, project.Database{}, ""},
		{"no address", func(b *base, dsn string) string { return "postgres://u:" + b.password + "@[/%zz?" }, project.Database{}, fault.Invalid},
		{"no such table", nil, project.Database{Table: "nothing"}, fault.Invalid},
		{"no such schema", nil, project.Database{Table: "nothing.events"}, fault.Invalid},
		{"a name that is SQL", nil, project.Database{Table: "events; DROP TABLE events"}, fault.Invalid},
		{"no such column", nil, project.Database{Created: "at"}, fault.Invalid},
		{"not a time", nil, project.Database{Created: "id"}, fault.Invalid},
		{"not granted", nil, project.Database{Table: "hidden"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			bases(t, func(t *testing.T, b *base) {
				do(t, b.db, "CREATE TABLE events (id INT PRIMARY KEY)", "CREATE TABLE hidden (id INT PRIMARY KEY)")
				if b.kind == "postgres" {
					user := strings.Split(strings.SplitN(b.dsn(later), "//", 2)[1], ":")[0]
					do(t, b.db, "REVOKE ALL ON hidden FROM "+user)
				} else if c.name == "not granted" {
					t.Skip("a table that is not granted is not seen: no such table")
				}
				r := b.request("2026-11-19", c.set)
				if c.set.Created == "" {
					r.Source.Holds = "snapshot"
				}
				dsn := b.dsn(later)
				if c.change != nil {
					dsn = c.change(b, dsn)
				}
				r.Secret = func(context.Context, string) (string, error) { return dsn, nil }
				_, err := b.fetch(t, r)
				codes := []string{c.code}
				if c.code == "" {
					codes = []string{fault.Refused, fault.Invalid}
				}
				if !slices.ContainsFunc(codes, func(code string) bool { return fault.Is(err, code) }) {
					t.Errorf("%v, want a fault of code %q", err, codes)
				}
				if err == nil || strings.Contains(err.Error(), b.password) || strings.Contains(err.Error(), ":"+b.password[:2]) {
					t.Errorf("the error says the address: %v", err)
				}
				if fault.Hint(err) == "" {
					t.Errorf("no hint: %v", err)
				}
			})
		})
	}
}

func TestFewerConnectionsThanWantedAreEnough(t *testing.T) {
	t.Parallel()
	b := postgresBase(t)
	want := thousands(t, b, 1000)
	do(t, b.db, fmt.Sprintf(b.limit, 2))
	parts, err := b.fetch(t, b.request("2026-11-19", project.Database{Created: "created", Chunk: 100, Parallel: 8}))
	if err != nil || !slices.Equal(sortedIDs(t, parts), want) {
		t.Errorf("%d objects, %v", len(parts), err)
	}
}

func TestSettingsOfDatabasesAreChecked(t *testing.T) {
	t.Parallel()
	good := project.Database{URL: "env:DB", Table: "shop.events", Created: "at", Chunk: 1, Parallel: 1}
	for want, change := range map[string]func(s *project.Source){
		"":                       func(*project.Source) {},
		"no url":                 func(s *project.Source) { s.Database.URL = "" },
		"no table":               func(s *project.Source) { s.Database.Table = "" },
		"not a table's name":     func(s *project.Source) { s.Database.Table = "a.b.c" },
		"neither key nor order":  func(s *project.Source) { s.Key = nil },
		"at least 1":             func(s *project.Source) { s.Database.Chunk = 0 },
		"a snapshot is read":     func(s *project.Source) { s.Holds = "snapshot" },
		"nothing tells the rows": func(s *project.Source) { s.Database.Created = "" },
	} {
		for _, from := range []string{"postgres", "mysql"} {
			s := project.Source{From: from, File: "sources/events.yaml", Line: 1, Holds: "day", Key: []string{"id"}, Database: good}
			change(&s)
			err := source.Validate(s)
			if want == "" && err != nil || want != "" && (!fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "sources/events.yaml:1: ")) {
				t.Errorf("%v, want %q", err, want)
			}
		}
	}
}
