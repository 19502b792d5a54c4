package stage

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// shared is a file of the real data that lies beside the repository, and is never part of it.
func shared(t *testing.T, path string) Object {
	t.Helper()
	full := filepath.Join("..", "..", "..", "shared", "data", path)
	if _, err := os.Stat(full); err != nil {
		t.Skip("needs ../shared/data/" + path)
	}
	return Object{Name: filepath.Base(path), Path: full}
}

func TestRealDataIsStagedWhole(t *testing.T) {
	retail := contract("csv", "invoice<InvoiceNo text!", "code<StockCode text", "quantity<Quantity bigint", "at<InvoiceDate timestamp", "price<UnitPrice decimal(10,2)", "customer<CustomerID integer")
	events := contract("ndjson", "id text!", "type text", "actor<actor.login text", "repo<repo.name text", "payload json", "public boolean", "created_at timestamptz")
	events.Key = []string{"id"}
	for name, c := range map[string]struct {
		job  Job
		path string
	}{
		"retail": {jobFor(t, retail), "retail/2011-11-23.csv"},
		"events": {jobFor(t, events), "gharchive/2015-01-01-1.json.gz"},
	} {
		t.Run(name, func(t *testing.T) {
			c.job.Objects = []Object{shared(t, c.path)}
			begin := time.Now()
			result := mustRun(t, c.job)
			t.Logf("%d records in %v, %d repeated, not declared: %v", result.Records, time.Since(begin).Round(time.Millisecond), result.Deduplicated+result.Repeats, result.NewColumns)
			if result.Staged == 0 {
				t.Error("nothing is staged")
			}
		})
	}
}
