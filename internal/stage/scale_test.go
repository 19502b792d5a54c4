package stage

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWideRecordsAreTypedInLessMemoryThanTheyTake(t *testing.T) {
	var b strings.Builder
	wide := strings.Repeat("가나다라", 2000)
	const rows, repeats = 3400, 10
	for i := range rows {
		fmt.Fprintf(&b, `{"id":%d,"text":"%s %d"}`+"\n", i%(rows-repeats), wide, i%(rows-repeats))
	}
	s := contract("ndjson", "id bigint", "text text")
	s.Key = []string{"id"}
	job := jobFor(t, s, object{"a.ndjson", b.String()})
	job.Memory = "256MB"
	r := mustRun(t, job)
	if r.Records != rows || r.Staged != rows-repeats || r.Deduplicated != repeats {
		t.Errorf("%d records = %d staged + %d deduplicated", r.Records, r.Staged, r.Deduplicated)
	}
	same(t, query(t, "SELECT sum(id), sum(length(text)) > 0, min(id), max(id) FROM read_parquet('"+r.Data+"')"), []string{fmt.Sprintf("%d|true|0|%d", (rows-repeats)*(rows-repeats-1)/2, rows-repeats-1)})
	left, err := filepath.Glob(filepath.Join(job.Dir, "stage.*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := os.Stat(r.Rejects); err != nil {
		t.Error(err)
	}
}
