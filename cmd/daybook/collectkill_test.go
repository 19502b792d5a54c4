package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
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
	cmd     *exec.Cmd
	address string
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
		if _, address, ok := strings.Cut(lines.Text(), " at http://"); ok && strings.HasPrefix(lines.Text(), "serving ") {
			c.address = address
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

// memory is a line of the child's status, in bytes: VmRSS: for what is resident, VmHWM: for the most that was.
func (c *child) memory(t *testing.T, line string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(l, line); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("no " + line)
	return 0
}

// senders send batches of records, each with a number of its own, and remember what became of them.
type senders struct {
	next atomic.Int64

	mu       sync.Mutex
	accepted map[int64]int           // batch → records of the 202
	answers  map[int]int             // by status; 0 is no answer
	latency  map[int][]time.Duration // by status, from the first byte sent to the answer
	late     []time.Duration         // how long after its time a request was sent, for want of a free connection or processor
}

func newSenders(next int64) *senders {
	s := &senders{accepted: map[int64]int{}, answers: map[int]int{}, latency: map[int][]time.Duration{}}
	s.next.Store(next)
	return s
}

// firstBatch has as many digits as all after it, so that a number can be written over another.
const firstBatch = 1_000_000_000

// parcel is a request as it goes over the wire, with the places where the batch's number stands.
type parcel struct {
	request []byte
	places  []int
	records int
}

// programParcel is what a program sends: a line for each record.
func programParcel(size int) parcel {
	return wrap(size, "{%s}\n", "", "", "POST /collect/clicks HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+clicksToken+"\r\nContent-Type: application/x-ndjson\r\n")
}

// pageParcel is what a page's sendBeacon sends: an array, as text.
func pageParcel(size int) parcel {
	return wrap(size, "{%s},", "[", "]", "POST /collect/clicks?key="+clicksKey+" HTTP/1.1\r\nHost: localhost\r\nOrigin: https://shop.example.com\r\nCookie: other=1\r\n"+
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br\r\nSec-Fetch-Site: cross-site\r\nContent-Type: text/plain;charset=UTF-8\r\n")
}

// wrap makes records of about 110 bytes.
func wrap(size int, form, open, end, head string) parcel {
	var b strings.Builder
	b.WriteString(open)
	for i := range size {
		fmt.Fprintf(&b, form, fmt.Sprintf(`"batch":%d,"n":%d,"page":"/library/books/%d","at":"2026-11-19T03:04:05.678Z","agent":"a browser"`, firstBatch, i, i%997))
	}
	body := strings.TrimSuffix(b.String(), ",") + end
	p := parcel{request: fmt.Appendf(nil, "%sContent-Length: %d\r\n\r\n%s", head, len(body), body), records: size}
	number := strconv.Itoa(firstBatch)
	for at := 0; ; {
		i := bytes.Index(p.request[at:], []byte(number))
		if i < 0 {
			return p
		}
		p.places = append(p.places, at+i)
		at += i + len(number)
	}
}

// offer sends events at a rate for a while: half of them in parcels of programs and half in parcels of pages, over that many connections,
// whatever the answers. What finds no free connection in time goes late, or not at all after the end.
func (s *senders) offer(ctx context.Context, address string, eventsPerSecond int, d time.Duration, connections int) {
	kinds := []parcel{programParcel(programBatch), pageParcel(pageBatch)}
	due := make(chan shipment)
	var all sync.WaitGroup
	for range connections {
		all.Go(func() { s.carry(address, kinds, due) })
	}
	began := time.Now()
	var owed [2]float64
	for n := 0; ctx.Err() == nil; n++ {
		at := began.Add(time.Duration(n) * time.Millisecond)
		if at.Sub(began) >= d || time.Since(began) >= d+time.Second {
			break
		}
		time.Sleep(time.Until(at))
		for k, kind := range kinds {
			for owed[k] += float64(eventsPerSecond) / 2000 / float64(kind.records); owed[k] >= 1; owed[k]-- {
				select {
				case due <- shipment{k, at}:
				case <-ctx.Done():
				}
			}
		}
	}
	close(due)
	all.Wait()
}

// shipment is a parcel of a kind and when it is due.
type shipment struct {
	kind int
	at   time.Time
}

// carry sends what is due over one connection, and over the next one when that broke.
func (s *senders) carry(address string, kinds []parcel, due <-chan shipment) {
	var conn net.Conn
	var answers *bufio.Reader
	buffers := [][]byte{bytes.Clone(kinds[0].request), bytes.Clone(kinds[1].request)}
	for d := range due {
		batch, kind := s.next.Add(1), kinds[d.kind]
		number := strconv.Itoa(int(batch))
		for _, at := range kind.places {
			copy(buffers[d.kind][at:], number)
		}
		sent := time.Now()
		status := 0
		if conn == nil {
			if c, err := net.Dial("tcp", address); err == nil {
				conn, answers = c, bufio.NewReader(c)
			}
		}
		if conn != nil {
			if status = exchange(conn, answers, buffers[d.kind]); status == 0 {
				_ = conn.Close() // it is broken
				conn = nil
			}
		}
		s.note(batch, kind.records, status, time.Since(sent), sent.Sub(d.at))
	}
	if conn != nil {
		_ = conn.Close()
	}
}

// exchange sends a request and returns the status of its answer, 0 for none.
func exchange(conn net.Conn, answers *bufio.Reader, request []byte) int {
	if conn.SetDeadline(time.Now().Add(30*time.Second)) != nil {
		return 0
	}
	if _, err := conn.Write(request); err != nil {
		return 0
	}
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		return 0
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil && resp.StatusCode != http.StatusAccepted {
		return 0
	}
	return resp.StatusCode
}

func (s *senders) note(batch int64, records, status int, took, late time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[status]++
	s.latency[status] = append(s.latency[status], took)
	s.late = append(s.late, late)
	if status == http.StatusAccepted {
		s.accepted[batch] = records
	}
}

// quantile of durations.
func quantile(list []time.Duration, q float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(list))[int(q*float64(len(list)-1))].Round(100 * time.Microsecond)
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
	for from := int64(firstBatch); from <= s.next.Load(); from += 5000 {
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
	s := newSenders(firstBatch)
	for round := range 3 {
		c := startChild(t, dir)
		ctx, end := context.WithCancel(t.Context())
		var offering sync.WaitGroup
		offering.Go(func() { s.offer(ctx, c.address, 4000, time.Minute, 64) })
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
	all := newSenders(firstBatch)
	c := startChild(t, dir)
	t.Logf("%d processors; the server has %d MB before the first request", runtime.NumCPU(), c.memory(t, "VmRSS:")>>20)
	phase := func(name string, rate int, d time.Duration, connections int) *senders {
		s := newSenders(all.next.Load())
		cpu, began := c.cpu(t), time.Now()
		s.offer(t.Context(), c.address, rate, d, connections)
		took := time.Since(began)
		events := 0
		for _, n := range s.accepted {
			events += n
		}
		maps.Copy(all.accepted, s.accepted)
		all.next.Store(s.next.Load())
		t.Logf("%s: %d events/s for %s wanted, %s taken over %d connections; requests by answer %v; %d events/s accepted", name, rate, d, took.Round(time.Second/10), connections, s.answers, int(float64(events)/took.Seconds()))
		t.Logf("%s: 202 after p50 %s p99 %s max %s; 429 after p50 %s p99 %s; sent late by p50 %s p99 %s", name, quantile(s.latency[202], .5), quantile(s.latency[202], .99), quantile(s.latency[202], 1),
			quantile(s.latency[429], .5), quantile(s.latency[429], .99), quantile(s.late, .5), quantile(s.late, .99))
		t.Logf("%s: the server used %.0f%% of a processor and has had %d MB at most", name, 100*(c.cpu(t)-cpu).Seconds()/took.Seconds(), c.memory(t, "VmHWM:")>>20)
		return s
	}
	if s := phase("a minute", 20_000, time.Minute, 256); s.answers[http.StatusAccepted] != len(s.late) {
		t.Errorf("not every request was accepted: %v", s.answers)
	}
	burst := phase("ten times as much", 200_000, 10*time.Second, 4000)
	for status := range burst.answers {
		if status != http.StatusAccepted && status != http.StatusTooManyRequests {
			t.Errorf("in the burst %d requests were answered with %d", burst.answers[status], status)
		}
	}
	phase("after it", 20_000, 5*time.Second, 256)
	ctx, end := context.WithCancel(t.Context())
	var offering sync.WaitGroup
	offering.Go(func() { all.offer(ctx, c.address, 20_000, time.Minute, 256) })
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
