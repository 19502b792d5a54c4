package stage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkRun stages 200,000 records of 18 keys, some 380 bytes each, of which the contract declares eight.
func BenchmarkRun(b *testing.B) {
	const records = 200_000
	path := filepath.Join(b.TempDir(), "a.ndjson")
	var text strings.Builder
	for i := range records {
		fmt.Fprintf(&text, `{"id":%d,"query":"검색어 %d","at":"2026-11-19T10:%02d:00Z","user":{"id":%d,"age":31,"city":"Seoul"},"price":%d.25,"ok":true,"tags":["a","b","c"],"page":"/books/%d","agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","ref":null,"n1":1,"n2":2,"n3":3,"t1":"one","t2":"two","t3":"three","l":[{"a":1},{"a":2}],"end":"x"}`+"\n",
			i, i%977, i%60, i%5000, i%99, i)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	job := Job{Source: contract("ndjson", "id bigint!", "query text", "at timestamptz", "user_id<user.id bigint", "price double", "ok boolean", "tags text[]", "page text"),
		Objects: []Object{{Name: "a.ndjson", Path: path}}, Dir: b.TempDir(), Memory: "512MB", Threads: 2}
	job.Source.Key = []string{"id"}
	for _, columns := range []string{"keep", "ignore"} {
		job.Source.NewColumns = columns
		b.Run("new_columns="+columns, func(b *testing.B) {
			before := cpu(b)
			for b.Loop() {
				if r, err := Run(context.Background(), job); err != nil || r.Staged != records {
					b.Fatal(r, err)
				}
			}
			b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric((cpu(b)-before).Seconds()/float64(b.N), "cpu-s/op")
		})
	}
}

// cpu is the processor time of this process, which other processes do not prolong.
func cpu(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
