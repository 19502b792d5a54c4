package jobs

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
	"daybook/internal/store"
)

// branches is a project with two branches that share nothing.
func branches() files {
	return shop().with(files{
		"sources/visits.yaml":        "from: files\npath: \"data/visits-{day}.csv\"\ncolumns:\n  page: text\n",
		"tables/seen.sql":            "SELECT page FROM visits\n",
		"marts/pages.sql":            "SELECT day, count(*) AS pages FROM seen WHERE day = $day GROUP BY day\n",
		"data/visits-2026-11-16.csv": "page\n/a\n/b\n",
	})
}

// gate is a failpoint at which the first task that comes by waits until it is let through.
type gate struct {
	name    string
	reached chan struct{}
	through chan struct{}
	once    sync.Once
}

func gateAt(name string) *gate {
	return &gate{name: name, reached: make(chan struct{}), through: make(chan struct{})}
}

func (g *gate) stop(name string) {
	if name == g.name {
		g.once.Do(func() { close(g.reached); <-g.through })
	}
}

func (g *gate) set(r *Runner) { r.Failpoint = g.stop }

func (h *house) begin(req Request) *Running {
	h.t.Helper()
	if req.Day.IsZero() {
		req.Day = monday
	}
	running, err := h.Start(context.Background(), req)
	if err != nil {
		h.t.Fatal(err)
	}
	return running
}

func (h *house) end(running *Running) store.Run {
	h.t.Helper()
	run, err := running.Wait(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return run
}

func TestADayIsBuiltEndToEnd(t *testing.T) {
	h := open(t, shop())
	run := h.run(store.StateDone, Request{Cause: "cli", By: "cli:ada", Reason: "first"})
	if run.Done != 6 || run.Failed != 0 || run.Tasks != 6 || run.Ended.IsZero() {
		t.Errorf("run %+v", run)
	}
	kept, err := h.Store.Run(t.Context(), run.ID)
	if err != nil || kept.Cause != "cli" || kept.By != "cli:ada" || kept.Reason != "first" || kept.State != store.StateDone || kept.Through != monday {
		t.Errorf("kept %+v, %v", kept, err)
	}
	if got := h.rows("SELECT orders, total FROM daily WHERE day = $day"); !slices.Equal(got, []string{"4 12"}) {
		t.Errorf("daily is %v", got)
	}
	task := h.task("sales", monday)
	if task.Rows != 4 || task.RowsIn != 4 || task.Fingerprint == "" || task.Output == "" || task.Progress != 1 || task.Attempt != 1 {
		t.Errorf("task %+v", task)
	}
	figures, edition, err := h.Figures(t.Context(), "usage", monday, 0)
	if err != nil || edition.Number != 1 || *figures.Sections[0].KPI.Value != 4 {
		t.Errorf("edition %+v, %v", edition, err)
	}
}

func TestAPoolBoundsWhatRunsAtOnce(t *testing.T) {
	h := open(t, shop().with(files{
		"daybook.yaml":        "name: shop\npools: {default: 8, narrow: 1}\nwarehouse: {memory: 256MB, threads: 1}\n",
		"sources/orders.yaml": shop()["sources/orders.yaml"] + "pool: narrow\n",
	}))
	now, most := map[string]bool{}, 0
	h.run(store.StateDone, Request{Day: monday, Through: monday.Add(2), Nodes: []string{"orders"}, Observe: func(task store.Task) {
		now[task.ID] = task.State == store.StateRunning
		running := 0
		for _, is := range now {
			if is {
				running++
			}
		}
		most = max(most, running)
	}})
	if most != 1 {
		t.Errorf("%d ran at once", most)
	}
}

func TestAFileThatIsBeingWrittenIsTriedAgain(t *testing.T) {
	f := shop().with(files{"daybook.yaml": "name: shop\nattempts: 3\n", "data/2026-11-16.ndjson": ""})
	var h *house
	var waits []int
	h = open(t, f, func(r *Runner) {
		r.Backoff = func(attempt int) time.Duration {
			if waits = append(waits, attempt); attempt == 2 {
				h.remove("data/2026-11-16.ndjson")
				h.write(files{"data/2026-11-16.ndjson": orders("a3")})
			}
			return time.Millisecond
		}
	})
	// A file of the process table has other bytes than its size says, as one that grows while it is read.
	if err := os.Symlink("/proc/self/status", filepath.Join(h.dir, "data/2026-11-16.ndjson")); err != nil {
		t.Fatal(err)
	}
	var states []string
	h.run(store.StateDone, Request{Nodes: []string{"orders"}, Observe: func(task store.Task) { states = append(states, task.State) }})
	if !slices.Equal(waits, []int{1, 2}) {
		t.Errorf("waited after %v", waits)
	}
	want := []string{store.StateRunning, store.StateRetrying, store.StateRunning, store.StateRetrying, store.StateRunning, store.StateDone}
	if d := cmp.Diff(want, states); d != "" {
		t.Error(d)
	}
	task := h.task("orders", monday)
	attempts, err := h.Store.Attempts(t.Context(), task.ID)
	if err != nil || len(attempts) != 3 || attempts[0].State != store.StateFailed || !strings.Contains(attempts[1].Error, "changed while it was read") || attempts[2].State != store.StateDone {
		t.Errorf("attempts %+v, %v", attempts, err)
	}
	if task.Error != "" || task.Attempt != 3 {
		t.Errorf("task %+v", task)
	}
}

func TestBackoffDoublesToAMinute(t *testing.T) {
	for attempt, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 7: time.Minute, 60: time.Minute} {
		if got := backoff(attempt); got != want {
			t.Errorf("after attempt %d it waits %s, want %s", attempt, got, want)
		}
	}
}

func TestAFailedCheckIsNotTriedAgain(t *testing.T) {
	h := open(t, shop().with(files{"daybook.yaml": "name: shop\nattempts: 3\n",
		"marts/daily.sql": "/*\nchecks:\n  - rows: {min: 2}\n*/\n" + shop()["marts/daily.sql"]}))
	run := h.run(store.StateFailed, Request{})
	if task := h.task("daily", monday); task.Attempt != 1 || !strings.Contains(task.Error, "rows is 1, not at least 2") {
		t.Errorf("task %+v", task)
	}
	if !strings.HasPrefix(run.Error, "daily of 2026-11-16: ") {
		t.Errorf("the run says %q", run.Error)
	}
}

func TestATaskThatTakesTooLongFailsAndSaysSo(t *testing.T) {
	h := open(t, shop().with(files{"daybook.yaml": "name: shop\nattempts: 1\ntimeout: 1ms\n"}))
	h.run(store.StateFailed, Request{Nodes: []string{"orders"}})
	task := h.task("orders", monday)
	if !strings.Contains(task.Error, "it took longer than 1ms") || !strings.Contains(task.Hint, "timeout:") {
		t.Errorf("task %+v", task)
	}
}

func TestACanceledRunKeepsWhatItHasBuilt(t *testing.T) {
	g := gateAt("loaded")
	h := open(t, shop(), g.set)
	running := h.begin(Request{Nodes: []string{"daily"}})
	<-g.reached // sales is in the warehouse, and not in the records
	if err := h.Cancel(running.Run.ID); err != nil {
		t.Fatal(err)
	}
	close(g.through)
	run := h.end(running)
	want := []string{"daily of 2026-11-16: canceled (never_built)", "orders of 2026-11-16: up to date (never_built)", "sales of 2026-11-16: up to date (never_built)"}
	if d := cmp.Diff(want, h.tasks(run)); d != "" {
		t.Error(d)
	}
	if run.State != store.StateCanceled {
		t.Errorf("the run is %s", run.State)
	}
	h.wants(Request{Nodes: []string{"daily"}}, "daily of 2026-11-16: never_built")
	if err := h.Cancel(running.Run.ID); !fault.Is(err, fault.Refused) {
		t.Errorf("a run that has ended is canceled with %v", err)
	}
}

func TestTheCallerWhoGoesAwayCancelsTheRun(t *testing.T) {
	g := gateAt("raw committed")
	h := open(t, shop(), g.set)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-g.reached; cancel(); close(g.through) }()
	run, err := h.Run(ctx, Request{Day: monday})
	if err != nil || run.State != store.StateCanceled {
		t.Errorf("run %+v, %v", run, err)
	}
}

func TestAPanicFailsItsTaskOnly(t *testing.T) {
	var fell atomic.Bool
	h := open(t, branches(), func(r *Runner) {
		r.Failpoint = func(name string) {
			if name == "raw committed" && !fell.Swap(true) {
				panic("off the cliff")
			}
		}
	})
	run := h.run(store.StateFailed, Request{})
	if !strings.Contains(run.Error, "off the cliff") || run.Failed != 1 {
		t.Errorf("run %+v", run)
	}
	counts := map[string]int{}
	tasks, err := h.Store.Tasks(t.Context(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		counts[task.State]++
		if task.State == store.StateFailed {
			lines, err := h.Store.Logs(t.Context(), task.ID, 0, 0)
			if err != nil || !slices.ContainsFunc(lines, func(l store.Line) bool { return strings.Contains(l.Text, "goroutine") }) {
				t.Errorf("the log of the task has no stack: %v, %v", lines, err)
			}
		}
	}
	if counts[store.StateDone] == 0 || counts[store.StateSkipped] == 0 {
		t.Errorf("states %v", counts)
	}
	h.run(store.StateDone, Request{})
}

func TestASecondRunJoinsTheFirstAndTakesItsResult(t *testing.T) {
	g := gateAt("raw committed")
	h := open(t, shop(), g.set)
	first := h.begin(Request{})
	<-g.reached
	second := h.begin(Request{})
	close(g.through)
	if run := h.end(first); run.State != store.StateDone {
		t.Fatalf("the first is %s: %s", run.State, run.Error)
	}
	run := h.end(second)
	if run.State != store.StateDone {
		t.Fatalf("the second is %s: %s", run.State, run.Error)
	}
	builds := 0
	for _, n := range h.Graph.Order {
		tasks, err := h.Store.NodeTasks(t.Context(), n.Name, monday, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			if ParseWhy(task.Why).Code != "unchanged" {
				builds++
			}
		}
	}
	if builds != len(h.Graph.Order) {
		t.Errorf("%d builds of %d nodes", builds, len(h.Graph.Order))
	}
}

func TestRerunOfARunningBuildIsRefused(t *testing.T) {
	g := gateAt("raw committed")
	h := open(t, shop(), g.set)
	running := h.begin(Request{})
	<-g.reached
	_, err := h.Start(t.Context(), Request{Day: monday, Nodes: []string{"orders"}, Force: ForceRebuild})
	if !fault.Is(err, fault.Busy) || err.Error() != "orders of 2026-11-16 is being built by run 1; wait for it, or open /runs/1" {
		t.Errorf("got %v", err)
	}
	close(g.through)
	h.end(running)
	h.run(store.StateDone, Request{Nodes: []string{"orders"}, Force: ForceRebuild})
}

func TestAFailureSkipsWhatReadsItAndNothingElse(t *testing.T) {
	h := open(t, branches().with(files{"data/2026-11-16.ndjson": "not json\n"}))
	run := h.run(store.StateFailed, Request{})
	want := []string{"daily of 2026-11-16: skipped (skipped:sales)", "items of 2026-11-16: skipped (skipped:sales)", "orders of 2026-11-16: failed (never_built)",
		"pages of 2026-11-16: up to date (never_built)", "rolling of 2026-11-16: skipped (skipped:sales)", "sales of 2026-11-16: skipped (skipped:orders)",
		"seen of 2026-11-16: up to date (never_built)", "usage of 2026-11-16: skipped (skipped:daily)", "visits of 2026-11-16: up to date (never_built)"}
	if d := cmp.Diff(want, h.tasks(run)); d != "" {
		t.Error(d)
	}
}

func TestMissingAtSourceIsAStateThatEndsWhenTheFileComes(t *testing.T) {
	f := shop()
	file := f["data/2026-11-16.ndjson"]
	h := open(t, f.with(files{"data/2026-11-16.ndjson": "", "daybook.yaml": "name: shop\nattempts: 3\n"}))
	run := h.run(store.StateMissing, Request{Nodes: []string{"sales"}})
	want := []string{"orders of 2026-11-16: missing at source (never_built)", "sales of 2026-11-16: skipped (skipped:orders)"}
	if d := cmp.Diff(want, h.tasks(run)); d != "" {
		t.Error(d)
	}
	if task := h.task("orders", monday); task.Attempt != 1 || !strings.Contains(task.Error, "no file data/2026-11-16.ndjson") {
		t.Errorf("task %+v", task)
	}
	h.write(files{"data/2026-11-16.ndjson": file})
	h.run(store.StateDone, Request{})
}

func TestAnEmptyDayIsMissingUnlessTheContractAllowsIt(t *testing.T) {
	h := open(t, shop().with(files{"data/2026-11-16.ndjson": "\n"}))
	h.run(store.StateMissing, Request{Nodes: []string{"sales"}})
	h.write(files{"sources/orders.yaml": shop()["sources/orders.yaml"] + "empty: ok\n"})
	h.reopen()
	h.run(store.StateDone, Request{})
	if got := h.rows("SELECT count(*) FROM sales"); !slices.Equal(got, []string{"0"}) {
		t.Errorf("sales has %v rows", got)
	}
}

func TestMissingHoursAreLoadedAroundAndNamed(t *testing.T) {
	f := shop().with(files{"sources/orders.yaml": "from: files\npath: \"data/{day}-{hour}.ndjson\"\ncolumns:\n  id: text\n  item: text\n  amount: double\n"})
	for _, hour := range []string{"0", "1", "3"} {
		f["data/2026-11-16-"+hour+".ndjson"] = orders("a" + hour)
	}
	h := open(t, f)
	h.run(store.StateDone, Request{Nodes: []string{"sales"}})
	if got := h.rows("SELECT count(*) FROM sales"); !slices.Equal(got, []string{"3"}) {
		t.Errorf("sales has %v rows", got)
	}
	task, b := h.task("orders", monday), h.build("orders", monday)
	if !strings.HasPrefix(task.Hint, "not at the source: hour 2, hour 4, ") || !strings.HasPrefix(b.Note, "hour 2: data/2026-11-16-2.ndjson\n") {
		t.Errorf("hint %q, note %q", task.Hint, b.Note)
	}
	f = files{}
	for hour := range 24 {
		f["data/2026-11-16-"+strconv.Itoa(hour)+".ndjson"] = orders("b" + strconv.Itoa(hour))
	}
	h.write(f)
	h.run(store.StateDone, Request{Nodes: []string{"orders"}, Force: ForceFetch})
	h.wants(Request{Nodes: []string{"sales"}}, "sales of 2026-11-16: input_changed:orders")
	if task := h.task("orders", monday); task.Hint != "" {
		t.Errorf("hint %q", task.Hint)
	}
}

func TestWhatRunsAtCloseIsInterruptedAndMadeAgain(t *testing.T) {
	g := gateAt("raw committed")
	h := open(t, shop(), g.set)
	running := h.begin(Request{})
	<-g.reached
	go func() {
		<-h.life.Done()
		close(g.through)
	}()
	h.Runner.Close()
	run := h.end(running)
	if run.State != store.StateInterrupted {
		t.Errorf("the run is %s", run.State)
	}
	h.reopen()
	h.run(store.StateDone, Request{})
}

func TestWhatAnEarlierProcessLeftOpenWasInterrupted(t *testing.T) {
	h := open(t, shop())
	run := store.Run{Day: monday, State: store.StateRunning, Epoch: h.epoch, Asked: h.Now()}
	if err := h.Store.CreateRun(t.Context(), &run); err != nil {
		t.Fatal(err)
	}
	tasks := []store.Task{{Run: run.ID, Node: "orders", Day: monday, State: store.StateRunning, Epoch: h.epoch}}
	if err := h.Store.AddTasks(t.Context(), tasks); err != nil {
		t.Fatal(err)
	}
	h.reopen()
	if task := h.task("orders", monday); task.State != store.StateInterrupted {
		t.Errorf("the task is %s", task.State)
	}
	if !strings.Contains(h.log.String(), "interrupted") {
		t.Errorf("the log says %s", h.log)
	}
}
