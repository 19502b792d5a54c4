package jobs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/store"
)

// These make the test binary a process that backfills a shop and ends itself at a failpoint.
const (
	crashDir   = "DAYBOOK_TEST_CRASH_DIR"
	crashPoint = "DAYBOOK_TEST_CRASH_POINT"
	crashCount = "DAYBOOK_TEST_CRASH_COUNT" // the nth task that comes by
)

func TestMain(m *testing.M) {
	if os.Getenv(crashDir) != "" {
		os.Exit(crash())
	}
	os.Exit(m.Run())
}

// again asks the shop's source for two days once more and brings all that reads it up to date.
var again = Request{Day: first, Through: first.Add(1), Nodes: []string{"orders"}, Force: ForceFetch, Downstream: true}

func crash() int {
	count, err := strconv.Atoi(os.Getenv(crashCount))
	if err != nil {
		return 2
	}
	var passed atomic.Int64
	h := &house{dir: os.Getenv(crashDir)}
	err = h.start(func(r *Runner) {
		r.Failpoint = func(name string) {
			if name == os.Getenv(crashPoint) && passed.Add(1) == int64(count) {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
	})
	if err == nil {
		_, err = h.Run(context.Background(), again)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// newer are other records for them.
func newer() files {
	return files{"data/2026-11-14.ndjson": orders("a1", "b1", "x1"), "data/2026-11-15.ndjson": orders("a2")}
}

// Wherever a process ends between its commits to lake, warehouse and records, the next run takes up what it had begun without
// asking the sources, and what it calls up to date is what building everything again from the lake gives.
func TestAProcessThatEndsBetweenTwoCommitsLeavesNothingWrong(t *testing.T) {
	for point, counts := range map[string][]int{"raw committed": {1}, "stage committed": {2}, "loaded": {1, 7}, "edition committed": {1}, "task done": {8}} {
		for _, count := range counts {
			t.Run(fmt.Sprintf("%s %d", point, count), func(t *testing.T) {
				h := open(t, shop())
				h.run(store.StateDone, Request{Day: first, Through: first.Add(1)})
				h.write(newer())
				h.close()
				c := exec.Command(os.Args[0])
				c.Env = append(os.Environ(), crashDir+"="+h.dir, crashPoint+"="+point, crashCount+"="+strconv.Itoa(count))
				if out, err := c.CombinedOutput(); err == nil || len(out) > 0 {
					t.Fatalf("the process ended with %v: %s", err, out)
				}
				h.remove("data")
				h.reopen()
				h.run(store.StateDone, Request{Day: first, Through: first.Add(1)})
				h.wants(Request{Day: first, Through: first.Add(1)})
				outputs, contents := h.outputs(), h.contents()
				h.run(store.StateDone, Request{Day: first, Through: first.Add(1), Force: ForceRebuild})
				if d := cmp.Diff(outputs, h.outputs()); d != "" {
					t.Error(d)
				}
				if d := cmp.Diff(contents, h.contents()); d != "" {
					t.Error(d)
				}
			})
		}
	}
}
