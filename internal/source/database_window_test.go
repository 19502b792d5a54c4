package source_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
	"daybook/internal/project"
)

func TestADayIsTheRowsOfItsWindow(t *testing.T) {
	t.Parallel()
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	seoul, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	// Times without a zone are the source's clock; instants are compared as such.
	for _, c := range []struct {
		name, kind, day string
		zone            *time.Location
		times           []string // of rows 1, 2, …
		want            []string
	}{
		{"dates", "DATE", "2026-11-19", seoul, []string{"2026-11-18", "2026-11-19", "2026-11-20"}, []string{"2"}},
		{"times without a zone", "WALL", "2026-11-19", seoul, []string{"2026-11-18 23:59:59.999999", "2026-11-19 00:00:00", "2026-11-19 23:59:59.999999", "2026-11-20 00:00:00"}, []string{"2", "3"}},
		{"instants", "INSTANT", "2026-11-19", seoul, []string{"2026-11-18 14:59:59.999999", "2026-11-18 15:00:00", "2026-11-19 14:59:59.999999", "2026-11-19 15:00:00"}, []string{"2", "3"}},
		{"a day of 23 hours", "INSTANT", "2026-03-08", newYork, []string{"2026-03-08 04:59:59", "2026-03-08 05:00:00", "2026-03-09 03:59:59", "2026-03-09 04:00:00"}, []string{"2", "3"}},
		{"a day of 25 hours", "INSTANT", "2026-11-01", newYork, []string{"2026-11-01 03:59:59", "2026-11-01 04:00:00", "2026-11-02 04:59:59", "2026-11-02 05:00:00"}, []string{"2", "3"}},
		{"25 hours without a zone", "WALL", "2026-11-01", newYork, []string{"2026-10-31 23:59:59", "2026-11-01 00:00:00", "2026-11-01 23:59:59", "2026-11-02 00:00:00"}, []string{"2", "3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bases(t, func(t *testing.T, b *base) {
				kind := map[string]string{"WALLpostgres": "timestamp", "WALLmysql": "datetime(6)", "INSTANTpostgres": "timestamptz", "INSTANTmysql": "timestamp(6) NULL"}[c.kind+b.kind]
				if kind == "" {
					kind = c.kind
				}
				do(t, b.db, "CREATE TABLE events (id INT PRIMARY KEY, at "+kind+")")
				for i, at := range c.times {
					if kind == "timestamptz" {
						at += "+00"
					}
					do(t, b.db, fmt.Sprintf("INSERT INTO events VALUES (%d, '%s')", i+1, at))
				}
				r := b.request(c.day, project.Database{Created: "at", Chunk: 10})
				r.Source.Zone, r.Source.Days = c.zone, 0
				parts, err := b.fetch(t, r)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(c.want, ids(t, parts)); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
			})
		})
	}
}

func TestAModifiedDayHasWhatChangedOrWasDeletedInIt(t *testing.T) {
	t.Parallel()
	bases(t, func(t *testing.T, b *base) {
		do(t, b.db, "CREATE TABLE events (id INT PRIMARY KEY, created TIMESTAMP NULL, modified TIMESTAMP NULL, deleted TIMESTAMP NULL)")
		day := map[int]string{0: "NULL", 18: "'2026-11-18 12:00:00'", 19: "'2026-11-19 12:00:00'", 20: "'2026-11-20 12:00:00'"}
		for i, row := range [][3]int{{19, 0, 0}, {18, 19, 0}, {19, 20, 0}, {18, 18, 19}, {18, 0, 0}, {18, 18, 18}, {19, 20, 20}, {18, 0, 19}} {
			do(t, b.db, fmt.Sprintf("INSERT INTO events VALUES (%d, %s, %s, %s)", i+1, day[row[0]], day[row[1]], day[row[2]]))
		}
		for _, c := range []struct {
			set  project.Database
			want []string
		}{
			{project.Database{Created: "created"}, []string{"1", "3", "7"}},
			{project.Database{Modified: "modified"}, []string{"2"}},
			{project.Database{Created: "created", Modified: "modified"}, []string{"1", "2"}},
			{project.Database{Created: "created", Modified: "modified", Deleted: "deleted"}, []string{"1", "2", "4", "8"}},
		} {
			parts, err := b.fetch(t, b.request("2026-11-19", c.set))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, ids(t, parts)); d != "" {
				t.Errorf("%+v (-want +got):\n%s", c.set, d)
			}
			if strings.Contains(parts[0].lines[0], "deleted") == false {
				t.Errorf("%s has no deleted", parts[0].lines[0])
			}
		}
	})
}

func TestADayIsAskedForWhenItIsOverOnTheDatabasesClock(t *testing.T) {
	t.Parallel()
	bases(t, func(t *testing.T, b *base) {
		do(t, b.db, "CREATE TABLE events (id INT PRIMARY KEY, at TIMESTAMP NULL)", "INSERT INTO events VALUES (1, '2026-11-19 12:00:00')")
		seoul, err := time.LoadLocation("Asia/Seoul")
		if err != nil {
			t.Fatal(err)
		}
		r := b.request("2026-11-19", project.Database{Created: "at", Lag: 10 * time.Minute})
		r.Source.Zone = seoul
		end := time.Date(2026, 11, 19, 15, 10, 0, 0, time.UTC)
		r.Secret = func(context.Context, string) (string, error) { return b.dsn(end.Add(-time.Second)), nil }
		if _, err := b.fetch(t, r); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "2026-11-20T00:10:00+09:00") {
			t.Errorf("a second too early: %v", err)
		}
		r.Secret = func(context.Context, string) (string, error) { return b.dsn(end), nil }
		if _, err := b.fetch(t, r); err != nil {
			t.Errorf("in time: %v", err)
		}
	})
}

func TestAnOpenTransactionOfTheDayIsWaitedFor(t *testing.T) {
	t.Parallel()
	b := postgresBase(t)
	do(t, b.db, "CREATE TABLE events (id INT PRIMARY KEY, at TIMESTAMP)", "INSERT INTO events VALUES (1, '2026-11-19 12:00:00')")
	role := strings.Split(strings.SplitN(b.dsn(later), "//", 2)[1], ":")[0]
	do(t, b.db, "GRANT pg_read_all_stats TO "+role)
	// The transaction began now, so the day has to end after now.
	day := time.Now().UTC().AddDate(0, 0, 3).Format("2006-01-02")
	clock := time.Now().UTC().AddDate(0, 0, 10)
	tx, err := b.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("SELECT now()"); err != nil { // its time, which it may still write
		t.Fatal(err)
	}
	r := b.request(day, project.Database{Created: "at"})
	r.Source.Days = 0
	r.Secret = func(context.Context, string) (string, error) { return b.dsn(clock), nil }
	if _, err := b.fetch(t, r); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "pid") {
		t.Errorf("with an open transaction that has only read: %v", err)
	}
	if _, err := tx.Exec("INSERT INTO events VALUES (2, '" + day + " 12:00:00')"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.fetch(t, r); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "pid") {
		t.Errorf("with an open transaction: %v", err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	parts, err := b.fetch(t, r)
	if err != nil || !slices.Equal(ids(t, parts), []string{"2"}) {
		t.Errorf("%v, %v", parts, err)
	}
}

func TestADayWithoutRowsIsEmptyWhenLaterOnesAreThere(t *testing.T) {
	t.Parallel()
	bases(t, func(t *testing.T, b *base) {
		do(t, b.db, "CREATE TABLE events (id INT PRIMARY KEY, at TIMESTAMP NULL)")
		r := b.request("2026-11-19", project.Database{Created: "at"})
		if _, err := b.fetch(t, r); !fault.Is(err, fault.Missing) {
			t.Errorf("before any row: %v", err)
		}
		do(t, b.db, "INSERT INTO events VALUES (1, '2026-11-20 12:00:00')")
		if parts, err := b.fetch(t, r); err != nil || len(parts) > 0 {
			t.Errorf("with a later row: %v, %v", parts, err)
		}
	})
}
