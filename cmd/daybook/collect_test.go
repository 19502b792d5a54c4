package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/collect"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
)

// The kind collect over the log that the server writes.
func TestCollectOverItsLogIsASource(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.World {
		weekdays, err := calendar.ParseWeekdays("mon-fri")
		if err != nil {
			t.Fatal(err)
		}
		var now atomic.Pointer[time.Time]
		at := func(d calendar.Day) { n := d.Start(time.UTC).Add(time.Hour); now.Store(&n) }
		at(calendar.MustDay("2026-11-19"))
		s := project.Source{Name: "clicks", From: "collect", Format: "ndjson", Days: weekdays, Zone: time.UTC, Collect: project.Collect{Memory: 1 << 20}}
		l, err := collect.Open(t.TempDir(), collect.Options{Sources: []project.Source{s}, Now: func() time.Time { return *now.Load() }, Size: 1}) // a segment for each append
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
		h := &house{collected: l}
		return sourcetest.World{
			Source: source.Collect{},
			Request: func(d calendar.Day) source.Request {
				at(calendar.MustDay("2026-12-01"))
				r := sourcetest.Request(s, d)
				r.Collected = func(ctx context.Context, d calendar.Day) ([]source.Segment, error) {
					return h.segments(ctx, "clicks", d)
				}
				return r
			},
			Fill: func(d calendar.Day, parts []string) {
				at(d)
				ended, end := context.WithCancel(t.Context())
				end()
				l.Attend(ended, func(err error) { t.Error(err) })
				for _, p := range parts {
					if err := l.Append(t.Context(), "clicks", []byte(p)); err != nil {
						t.Fatal(err)
					}
				}
			},
			Records: func(object []byte) []string { return strings.Split(strings.TrimSuffix(string(object), "\n"), "\n") },
		}
	})
}

// counter is a project that takes clicks.
func counter(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"daybook.yaml":        "name: counter\nwarehouse: {memory: 512MB, threads: 2}\n",
		"sources/clicks.yaml": "from: collect\ntoken: env:CLICKS_TOKEN\norigins:\n  https://shop.example.com: " + clicksKey + "\nmemory: 32MB\nkey: [batch, n]\nduplicates: reject\nmax_rejects: 0\ncolumns:\n  batch: bigint\n  n: bigint\n  page: text\n  at: timestamptz\n",
		"tables/clicked.sql":  "SELECT batch, n, page FROM clicks\n",
	})
	return dir
}

// opened is the project in this process, at a given distance from the clock.
func opened(t *testing.T, dir string, ahead time.Duration) *house {
	t.Helper()
	p := &program{env: project.Environment, out: io.Discard, err: io.Discard, dir: dir, format: "table"}
	h, err := p.openHouse(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	h.runner.Now = func() time.Time { return time.Now().Add(ahead) }
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func TestCollectedDayIsBuiltAfterItsEndAndThenOnlyTheLakeHasIt(t *testing.T) {
	dir := counter(t)
	h := opened(t, dir, 0)
	if err := h.collected.Append(t.Context(), "clicks", []byte(`{"batch":1,"n":1,"page":"a"}`+"\n"+`{"batch":1,"n":2,"page":"b"}`+"\n")); err != nil {
		t.Fatal(err)
	}
	days, err := h.collected.Days("clicks")
	if err != nil || len(days) != 1 {
		t.Fatal(days, err)
	}
	today := days[0]
	files := func() []string {
		list, err := filepath.Glob(filepath.Join(dir, dataDir, "collect", "clicks", "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	h.tidyCollected(t.Context())
	if list := files(); len(list) != 1 || !strings.HasSuffix(list[0], ".open") {
		t.Fatalf("%q", list)
	}
	h.runner.Now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	if err := buildDay(t, h, today); err != nil {
		t.Fatal(err)
	}
	_, rows, err := h.runner.Query(t.Context(), "SELECT count(*) AS n, min(page) AS first FROM clicked", today)
	if err != nil || fmt.Sprint(rows) != "[[2 a]]" {
		t.Errorf("%v, %v", rows, err)
	}
	if list := files(); len(list) != 0 {
		t.Errorf("the lake has the day, and so has the log: %q", list)
	}
	if err := buildDay(t, h, today); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestSegmentThatTheLakeDoesNotHaveIsKept(t *testing.T) {
	dir := counter(t)
	h := opened(t, dir, 0)
	if err := h.collected.Append(t.Context(), "clicks", []byte(`{"batch":1,"n":1}`+"\n")); err != nil {
		t.Fatal(err)
	}
	days, err := h.collected.Days("clicks")
	if err != nil || len(days) != 1 {
		t.Fatal(days, err)
	}
	h.runner.Now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	strange := filepath.Join(dir, dataDir, "collect", "clicks", days[0].String(), "000009.ndjson")
	h.runner.Failpoint = func(name string) { // while the day is on its way to the lake
		if name == "raw committed" {
			if err := os.WriteFile(strange, []byte(`{"batch":9,"n":9}`+"\n"), 0o600); err != nil {
				t.Error(err)
			}
		}
	}
	if err := buildDay(t, h, days[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(strange); err != nil {
		t.Error(err)
	}
}

// A segment of the name and size that the lake has may still hold other records.
func TestSegmentWithOtherBytesThanTheLakesIsKept(t *testing.T) {
	dir := counter(t)
	h := opened(t, dir, 0)
	if err := h.collected.Append(t.Context(), "clicks", []byte(`{"batch":1,"n":1}`+"\n")); err != nil {
		t.Fatal(err)
	}
	days, err := h.collected.Days("clicks")
	if err != nil || len(days) != 1 {
		t.Fatal(days, err)
	}
	h.runner.Now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	segment, other := filepath.Join(dir, dataDir, "collect", "clicks", days[0].String(), "000001.ndjson"), `{"batch":9,"n":9}`+"\n"
	h.runner.Failpoint = func(name string) {
		if name == "raw committed" {
			if err := os.WriteFile(segment, []byte(other), 0o600); err != nil {
				t.Error(err)
			}
		}
	}
	if err := buildDay(t, h, days[0]); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(segment); err != nil || string(text) != other {
		t.Errorf("%q, %v", text, err)
	}
}
