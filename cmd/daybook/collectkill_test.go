package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/jobs"
)

const (
	clicksKey   = "Zk3v_9aQpL-2xY7b"
	clicksToken = "t0ken-of-programs"
)

// What senders put into one request: programs gather, pages send what a visitor did on one of them.
const (
	programBatch = 100
	pageBatch    = 10
)

// buildDay brings the table of clicks up to date for a day.
func buildDay(t *testing.T, h *house, d calendar.Day) error {
	t.Helper()
	run, err := h.runner.Run(t.Context(), jobs.Request{Nodes: []string{"clicked"}, Day: d, Cause: "test", By: "test"})
	if err != nil {
		return err
	}
	if run.Done != run.Tasks {
		tasks, err := h.runner.Store.Tasks(t.Context(), run.ID)
		return fmt.Errorf("%d of %d tasks are done: %+v, %v", run.Done, run.Tasks, tasks, err)
	}
	return nil
}

// child is the server as another process.
type child struct {
	cmd  *exec.Cmd
	base string
}

func startChild(t *testing.T, dir string) *child {
	t.Helper()
	c := &child{cmd: command(dir, "serve", "--addr", "127.0.0.1:0")}
	c.cmd.Env = append(c.cmd.Env, "CLICKS_TOKEN="+clicksToken)
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, base, ok := strings.Cut(lines.Text(), " at http://"); ok && strings.HasPrefix(lines.Text(), "serving ") {
			c.base = "http://" + base
			go func() { _, _ = io.Copy(io.Discard, out) }() // its end ends this
			return c
		}
	}
	t.Fatalf("the server did not start: %v", c.cmd.Wait())
	return nil
}

// kill is kill -9.
func (c *child) kill(t *testing.T) {
	t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.cmd.Wait() // it was killed
}

// peakMemory is the most that the child had resident, in bytes.
func (c *child) peakMemory(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

// senders send batches of records with numbers of their own and remember what became of each.
type senders struct {
	client *http.Client
	next   atomic.Int64

	mu       sync.Mutex
	accepted map[int64]int           // batch → records of the 202
	answers  map[int]int             // by status; 0 is no answer
	latency  map[int][]time.Duration // by status, from the moment when it was due
}

func newSenders() *senders {
	transport := &http.Transport{MaxIdleConnsPerHost: 4096, MaxConnsPerHost: 4096, DisableCompression: true}
	return &senders{client: &http.Client{Transport: transport, Timeout: 20 * time.Second}, accepted: map[int64]int{}, answers: map[int]int{}, latency: map[int][]time.Duration{}}
}

// send sends a program's or a page's batch that was due at a moment.
func (s *senders) send(ctx context.Context, base string, program bool, due time.Time) {
	batch, size := s.next.Add(1), pageBatch
	if program {
		size = programBatch
	}
	body := records(batch, size, program)
	target := base + "/collect/clicks"
	if !program {
		target += "?key=" + clicksKey
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		panic(err) // the address is ours
	}
	if program {
		r.Header.Set("Authorization", "Bearer "+clicksToken)
		r.Header.Set("Content-Type", "application/x-ndjson")
	} else {
		r.Header.Set("Origin", "https://shop.example.com")
		r.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	status := 0
	if resp, err := s.client.Do(r); err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if status = resp.StatusCode; err != nil && status != http.StatusAccepted {
			status = 0
		}
	}
	took := time.Since(due)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[status]++
	s.latency[status] = append(s.latency[status], took)
	if status == http.StatusAccepted {
		s.accepted[batch] = size
	}
}

// records is a body of about 110 bytes a record: a line each from a program, an array from a page.
func records(batch int64, size int, program bool) []byte {
	var b bytes.Buffer
	for i := range size {
		switch {
		case program && i > 0:
			b.WriteByte('\n')
		case !program && i == 0:
			b.WriteByte('[')
		case !program:
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"batch":%d,"n":%d,"page":"/library/books/%d","at":"2026-11-19T03:04:05.678Z","agent":"a browser"}`, batch, i, batch%997)
	}
	if !program {
		b.WriteByte(']')
	}
	return b.Bytes()
}

// offer sends events at a rate, half of them from programs and half from pages, whatever the answers: a slow server gets no slower
// senders.
func (s *senders) offer(ctx context.Context, base string, eventsPerSecond int, d time.Duration) {
	const tick = 10 * time.Millisecond
	var all sync.WaitGroup
	var owedPrograms, owedPages float64
	began := time.Now()
	for n := 0; ; n++ {
		due := began.Add(time.Duration(n) * tick)
		if due.Sub(began) >= d || ctx.Err() != nil {
			break
		}
		time.Sleep(time.Until(due))
		owedPrograms += float64(eventsPerSecond) / 2 * tick.Seconds() / programBatch
		owedPages += float64(eventsPerSecond) / 2 * tick.Seconds() / pageBatch
		for ; owedPrograms >= 1; owedPrograms-- {
			all.Go(func() { s.send(ctx, base, true, due) })
		}
		for ; owedPages >= 1; owedPages-- {
			all.Go(func() { s.send(ctx, base, false, due) })
		}
	}
	all.Wait()
}

// quantile of the latencies of a status.
func (s *senders) quantile(status int, q float64) time.Duration {
	list := slices.Sorted(slices.Values(s.latency[status]))
	if len(list) == 0 {
		return 0
	}
	return list[int(q*float64(len(list)-1))]
}

// confirmed fails unless every accepted record is in the lake's table once. It tells how many others are there: requests that were
// under way when the server was killed.
func (s *senders) confirmed(t *testing.T, dir string) (accepted, others int) {
	t.Helper()
	h := opened(t, dir, 25*time.Hour)
	days, err := h.collected.Days("clicks")
	if err != nil || len(days) == 0 {
		t.Fatal(days, err)
	}
	found := map[int64]int{}
	for _, d := range days { // two when midnight passed
		if err := buildDay(t, h, d); err != nil {
			t.Fatal(err)
		}
		builds, err := h.runner.Store.NodeBuilds(t.Context(), "clicks", 0)
		if err != nil || builds[0].Deduplicated+builds[0].Rejected != 0 {
			t.Errorf("%+v, %v", builds, err)
		}
	}
	for from := int64(0); from <= s.next.Load(); from += 5000 {
		sql := fmt.Sprintf("SELECT batch, count(*) AS records, count(DISTINCT n) AS different FROM clicked WHERE batch >= %d AND batch < %d GROUP BY batch", from, from+5000)
		_, rows, err := h.runner.Query(t.Context(), sql, days[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			batch, count, different := r[0].(int64), r[1].(int64), r[2].(int64)
			if count != different {
				t.Errorf("batch %d has %d records, %d of them different", batch, count, different)
			}
			found[batch] = int(count)
		}
	}
	lost := 0
	for batch, n := range s.accepted {
		accepted += n
		if found[batch] != n {
			lost++
		}
	}
	for batch, n := range found {
		if s.accepted[batch] == 0 {
			others += n
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d accepted batches are not whole in the lake", lost, len(s.accepted))
	}
	return accepted, others
}

func TestEveryAcceptedEventIsInTheLakeAfterKill9(t *testing.T) {
	needBundle(t)
	dir := counter(t)
	t.Setenv("CLICKS_TOKEN", clicksToken)
	s := newSenders()
	for round := range 3 {
		c := startChild(t, dir)
		ctx, end := context.WithCancel(t.Context())
		var offering sync.WaitGroup
		offering.Go(func() { s.offer(ctx, c.base, 4000, time.Minute) })
		before := s.taken()
		within(t, func() bool { return s.taken()-before >= 100+50*round })
		c.kill(t)
		end()
		offering.Wait()
	}
	accepted, others := s.confirmed(t, dir)
	if accepted < 1000 {
		t.Errorf("only %d events were accepted", accepted)
	}
	t.Logf("%d events accepted and found; %d others were under way when the server was killed", accepted, others)
}

// The load that the house promises to bear, and ten times as much. What it prints are the figures of the machine that it runs on, senders
// included: they take their share of the same cores.
func TestTwentyThousandEventsASecondAreTakenAndTheExcessOfABurstIsShed(t *testing.T) {
	if os.Getenv("DAYBOOK_PROVE") == "" {
		t.Skip("takes two minutes: make prove-collect")
	}
	needBundle(t)
	dir := counter(t)
	t.Setenv("CLICKS_TOKEN", clicksToken)
	all := newSenders()
	c := startChild(t, dir)
	phase := func(name string, rate int, d time.Duration) *senders {
		s := newSenders()
		s.next.Store(all.next.Load())
		cpu := c.cpu(t)
		began := time.Now()
		s.offer(t.Context(), c.base, rate, d)
		took := time.Since(began)
		events := 0
		for _, n := range s.accepted {
			events += n
		}
		maps.Copy(all.accepted, s.accepted)
		all.next.Store(s.next.Load())
		t.Logf("%-22s %7d events/s offered for %s, %7d/s accepted; requests by answer %v; 202 after p50 %s, p99 %s, max %s; 429 after p99 %s; server %.0f%% of a core, %d MB at most so far",
			name, rate, took.Round(time.Second/10), int(float64(events)/took.Seconds()), s.answers, s.quantile(202, .5), s.quantile(202, .99), s.quantile(202, 1), s.quantile(429, .99),
			100*(c.cpu(t)-cpu).Seconds()/took.Seconds(), c.peakMemory(t)>>20)
		return s
	}
	if s := phase("a minute", 20_000, time.Minute); s.answers[http.StatusAccepted] != int(s.next.Load()) {
		t.Errorf("not every request was accepted: %v", s.answers)
	}
	burst := phase("ten times as much", 200_000, 10*time.Second)
	for status := range burst.answers {
		if status != http.StatusAccepted && status != http.StatusTooManyRequests {
			t.Errorf("in the burst %d requests were answered with %d", burst.answers[status], status)
		}
	}
	phase("after it", 20_000, 5*time.Second)
	ctx, end := context.WithCancel(t.Context())
	var offering sync.WaitGroup
	offering.Go(func() { all.offer(ctx, c.base, 20_000, time.Minute) })
	time.Sleep(2 * time.Second) // in full flow
	c.kill(t)
	end()
	offering.Wait()
	began := time.Now()
	accepted, others := all.confirmed(t, dir)
	t.Logf("%d events accepted before kill -9 and found in the lake once, in %s; %d others were under way", accepted, time.Since(began).Round(time.Second/10), others)
}

// cpu is the processor time that the child has used.
func (c *child) cpu(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	var ticks int64 // of a hundredth of a second, in user and kernel mode
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// taken is how many batches were accepted so far.
func (s *senders) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.accepted)
}

func within(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within a minute")
		}
	}
}
