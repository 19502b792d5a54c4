package main

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// A day of GitHub's events as GH Archive keeps it: a compressed file per hour, each event with a payload that nobody asked for.
var eventsProject = map[string]string{
	"daybook.yaml": "name: events\nwarehouse: {memory: 384MB, threads: 2}\n",
	"sources/events.yaml": `from: files
path: "events/{day}-{hour}.json.gz"
format: ndjson
new_columns: ignore
key: [id]
columns:
  id: {type: bigint, required: true}
  type: {type: text, required: true}
  actor: {type: text, from: actor.login}
  repo: {type: text, from: repo.name}
  created_at: {type: timestamptz, required: true}
`,
	"tables/happenings.sql": "SELECT id, type, actor, repo, created_at FROM events\n",
	"marts/by_type.sql":     "/*\nkey: [day, type]\nchecks:\n  - total: {measure: sum(events), of: happenings}\n*/\nSELECT day, type, count(*) AS events, count(DISTINCT repo) AS repos FROM happenings WHERE day = $day GROUP BY day, type\n",
}

// writeEvents writes the hours of 2026-11-19 and returns the bytes of JSON in them.
func writeEvents(t *testing.T, dir string, events int) int64 {
	t.Helper()
	kinds := []string{"PushEvent", "PullRequestEvent", "WatchEvent", "IssuesEvent", "CreateEvent"}
	rng := rand.New(rand.NewPCG(4, 24))
	noise := make([]byte, 1<<16)
	for i := range noise {
		noise[i] = "abcdefghijklmnopqrstuvwxyz0123456789 ,.-"[rng.IntN(40)]
	}
	var total int64
	if err := os.MkdirAll(filepath.Join(dir, "events"), 0o755); err != nil {
		t.Fatal(err)
	}
	for hour := range 24 {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("events/2026-11-19-%d.json.gz", hour)))
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		w := bufio.NewWriterSize(z, 1<<20)
		var line bytes.Buffer
		for i := range events / 24 {
			line.Reset()
			from := rng.IntN(len(noise) - 2200)
			fmt.Fprintf(&line, `{"id":"%d","type":%q,"actor":{"id":%d,"login":"user-%d","url":"https://api.example.com/users/%d"},"repo":{"id":%d,"name":"org-%d/repo-%d"},"payload":{"push_id":%d,"size":1,"commits":[{"sha":"%032x","message":%q}]},"public":true,"created_at":"2026-11-19T%02d:%02d:%02dZ"}`+"\n",
				40_000_000_000+hour*1_000_000+i, kinds[rng.IntN(len(kinds))], i, rng.IntN(200_000), i, i, rng.IntN(9_000), rng.IntN(50), i, rng.Uint64(), noise[from:from+2150], hour, i/60%60, i%60)
			total += int64(line.Len())
			if _, err := w.Write(line.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
		for _, close := range []func() error{w.Flush, z.Close, f.Close} {
			if err := close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return total
}

func TestADayOfTwoMillionEventsIsBuiltWithinAGigabyte(t *testing.T) {
	events := 24_000
	if os.Getenv("DAYBOOK_PROVE") != "" {
		events = 2_000_016 // whole hours
	}
	dir := t.TempDir()
	writeFiles(t, dir, eventsProject)
	bytes := writeEvents(t, dir, events)
	c := command(dir, "run", "--day", "2026-11-19")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	usage := c.ProcessState.SysUsage().(*syscall.Rusage)
	t.Logf("%d events, %.2f GB of JSON: %s of processor time, %d MB at most", events, float64(bytes)/1e9, c.ProcessState.UserTime()+c.ProcessState.SystemTime(), usage.Maxrss>>10)
	if usage.Maxrss > 1<<20 {
		t.Errorf("the process took %d MB", usage.Maxrss>>10)
	}
	answer, err := command(dir, "query", "--format", "csv", "SELECT sum(events) AS events FROM by_type").CombinedOutput()
	if err != nil || !strings.Contains(string(answer), fmt.Sprint(events)) {
		t.Errorf("the mart has %s, %v", answer, err)
	}
}
