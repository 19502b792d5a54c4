package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/collect"
	"daybook/internal/project"
)

const (
	shop      = "https://shop.example.com"
	shopKey   = "Zk3v_9aQpL-2xY7b"
	sendToken = "t0ken-of-programs"
)

// gate is a server with one source to send to.
type gate struct {
	t      *testing.T
	log    *collect.Log
	errors *buffer
	url    string
	clock  *clock
	grace  time.Duration

	free    atomic.Int64      // bytes of the disk, of a thousand million
	origins map[string]string // that may send, with their keys; add to it before the first request
	begun   atomic.Int64      // requests that have come
	taken   atomic.Int64      // requests that were answered with 202
}

func openGate(t *testing.T, body, memory int64) *gate { return openGateAfter(t, body, memory, 0) }

// openGateAfter is a gate with a grace for slow bodies.
func openGateAfter(t *testing.T, body, memory int64, grace time.Duration) *gate {
	t.Helper()
	g := &gate{t: t, grace: grace, errors: &buffer{}, clock: &clock{now: time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC)}, origins: map[string]string{shop: shopKey}}
	g.free.Store(1e9)
	p := &project.Project{Sources: []project.Source{{Name: "loans", From: "files"},
		{Name: "clicks", From: "collect", Zone: time.UTC, Collect: project.Collect{Token: "env:T", Origins: g.origins, Body: body, Memory: memory, Limit: 1e6}}}}
	g.log = must(collect.Open(t.TempDir(), collect.Options{Sources: p.Sources, Now: g.clock.time, Space: func(string) (int64, int64, error) { return g.free.Load(), 1e9, nil }}))(t)
	h := &Handlers{Project: p, Now: g.clock.time, Log: slog.New(slog.NewTextHandler(g.errors, nil)), Collect: Collecting{Log: g.log, Tokens: map[string]string{"clicks": sendToken}, Grace: g.grace}}
	routes := h.Routes()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.begun.Add(1)
		seen := &statusWriter{ResponseWriter: w}
		routes.ServeHTTP(seen, r)
		if seen.status == http.StatusAccepted {
			g.taken.Add(1)
		}
	}))
	g.url = server.URL
	t.Cleanup(func() {
		server.Close()
		if err := g.log.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// send posts a body with headers, "Name: value" each.
func (g *gate) send(path, body string, headers ...string) answer {
	g.t.Helper()
	return g.do(http.MethodPost, path, strings.NewReader(body), headers...)
}

func (g *gate) do(method, path string, body io.Reader, headers ...string) answer {
	g.t.Helper()
	r := must(http.NewRequest(method, g.url+path, body))(g.t)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp := must(http.DefaultClient.Do(r))(g.t)
	defer resp.Body.Close()
	return answer{resp.StatusCode, resp.Header, string(must(io.ReadAll(resp.Body))(g.t))}
}

// kept is every line that the log has of the day.
func (g *gate) kept() string {
	g.t.Helper()
	g.clock.move(24 * time.Hour)
	var all strings.Builder
	for _, s := range must(g.log.Segments(context.Background(), "clicks", calendar.MustDay("2026-11-19")))(g.t) {
		all.Write(must(os.ReadFile(s.Path))(g.t))
	}
	return all.String()
}

const bearer = "Authorization: Bearer " + sendToken

func TestRecordsOfProgramsAndPagesAreKeptWhenTheyAreAccepted(t *testing.T) {
	g := openGate(t, 1e6, 10e6)
	for i, a := range []answer{
		g.send("/collect/clicks", "{\"n\":1}\n{\"n\":2}\n", bearer, "Content-Type: application/x-ndjson"),
		g.send("/collect/clicks", `[{"n":3}, {"n":4}]`, bearer, "Content-Type: application/json"),
		g.send("/collect/clicks?key="+shopKey, `{"n":5}`, "Origin: "+shop, "Content-Type: text/plain;charset=UTF-8", "Sec-Fetch-Site: cross-site"),
		g.send("/collect/clicks?key="+shopKey, "{\"n\":6}\n{\"n\":7}", "Origin: "+shop, "Content-Type: application/json", "Cookie: daybook_session=x"),
		g.do(http.MethodPost, "/collect/clicks", io.MultiReader(strings.NewReader(`{"n":8}`)), bearer), // of unknown length
	} {
		if want := fmt.Sprintf("{\"accepted\":%d}\n", []int{2, 2, 1, 2, 1}[i]); a.code != http.StatusAccepted || a.body != want {
			t.Errorf("%d: %d %s", i, a.code, a.body)
		}
		if len(a.head.Values("Set-Cookie")) > 0 {
			t.Errorf("%d: a program or a page of another site is given %q", i, a.head.Values("Set-Cookie"))
		}
		if origin := a.head.Get("Access-Control-Allow-Origin"); (origin == shop) != (i == 2 || i == 3) {
			t.Errorf("%d: allowed for %q", i, origin)
		}
	}
	if a := g.send("/collect/clicks", "\n", bearer); a.code != http.StatusAccepted || a.body != "{\"accepted\":0}\n" {
		t.Errorf("nothing: %d %s", a.code, a.body)
	}
	want := ""
	for i := range 8 {
		want += fmt.Sprintf("{\"n\":%d}\n", i+1)
	}
	if d := cmp.Diff(want, g.kept()); d != "" {
		t.Error(d)
	}
}

func TestSenderThatMayNotSendIsRefusedAndNothingIsKept(t *testing.T) {
	g := openGate(t, 1000, 1e6)
	const body = `{"n":1}`
	for _, c := range []struct {
		name    string
		path    string
		body    string
		headers []string
		code    int
		says    string
	}{
		{"nobody", "/collect/clicks", body, nil, 401, "neither token nor key"},
		{"a wrong token", "/collect/clicks", body, []string{"Authorization: Bearer hunter2"}, 401, "not that of clicks"},
		{"an empty token", "/collect/clicks", body, []string{"Authorization: Bearer "}, 401, "neither token nor key"},
		{"a token as a key", "/collect/clicks?key=" + sendToken, body, []string{"Origin: " + shop}, 403, "does not hold for this origin"},
		{"a key as a token", "/collect/clicks", body, []string{"Authorization: Bearer " + shopKey}, 401, "not that of clicks"},
		{"a page of another origin", "/collect/clicks?key=" + shopKey, body, []string{"Origin: https://evil.example.com"}, 403, "does not hold for this origin"},
		{"a key without an origin", "/collect/clicks?key=" + shopKey, body, nil, 403, "does not hold for this origin"},
		{"an unknown source", "/collect/visits", body, []string{bearer}, 404, "no such source"},
		{"a source of another kind", "/collect/loans", body, []string{bearer}, 404, "no such source"},
		{"a bad line", "/collect/clicks", "{\"n\":1}\n{\"n\":}\n", []string{bearer}, 400, "line 2 is not JSON"},
		{"too much", "/collect/clicks", `{"n":"` + strings.Repeat("x", 1000) + `"}`, []string{bearer}, 413, "send fewer records at once"},
		{"a packed body", "/collect/clicks", body, []string{bearer, "Content-Encoding: gzip"}, 415, ""},
	} {
		a := g.send(c.path, c.body, c.headers...)
		var said struct{ Error apiError }
		if err := json.Unmarshal([]byte(a.body), &said); err != nil || a.code != c.code || !strings.Contains(a.body, c.says) || said.Error.Message == "" {
			t.Errorf("%s: %d %s, %v", c.name, a.code, a.body, err)
		}
		if strings.Contains(a.body, sendToken) || strings.Contains(a.body, "hunter2") {
			t.Errorf("%s: the answer repeats a token: %s", c.name, a.body)
		}
		if (a.head.Get("WWW-Authenticate") != "") != (c.code == 401) {
			t.Errorf("%s: %v", c.name, a.head)
		}
	}
	if a := g.do(http.MethodPost, "/collect/clicks", io.MultiReader(strings.NewReader(strings.Repeat(body+"\n", 200))), bearer); a.code != 413 {
		t.Errorf("too much of unknown length: %d %s", a.code, a.body)
	}
	if a := g.send("/collect/clicks", body, bearer); a.code != 202 {
		t.Errorf("after all of them: %d %s", a.code, a.body)
	}
	if got := g.kept(); got != body+"\n" {
		t.Errorf("%q is kept", got)
	}
	if strings.Contains(g.errors.String(), sendToken) {
		t.Error("the log has the token")
	}
}

func TestPreflightAllowsThePagesThatTheSourceNames(t *testing.T) {
	g := openGate(t, 1000, 1e6)
	for origin, allowed := range map[string]bool{shop: true, "https://evil.example.com": false, "null": false} {
		a := g.do(http.MethodOptions, "/collect/clicks?key="+shopKey, nil, "Origin: "+origin, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type")
		got := []string{a.head.Get("Access-Control-Allow-Origin"), a.head.Get("Access-Control-Allow-Methods"), a.head.Get("Access-Control-Allow-Headers"), a.head.Get("Access-Control-Allow-Credentials")}
		want := []string{"", "", "", ""}
		if allowed {
			want = []string{shop, "POST", "Content-Type", "true"}
		}
		if a.code != http.StatusNoContent || !cmp.Equal(got, want) || a.head.Get("Vary") != "Origin" || len(a.head.Values("Set-Cookie")) > 0 {
			t.Errorf("%s: %d %v", origin, a.code, a.head)
		}
	}
}

func TestLoadIsShedBeforeMemoryGrows(t *testing.T) {
	const memory = 4 << 20
	g := openGate(t, 1<<20, memory)
	// Senders who have sent most of a body and then take their time hold the memory that was lent to them.
	long := `{"slow":"` + strings.Repeat("y", 1000<<10)
	var slow sync.WaitGroup
	var finish []func()
	for range 3 {
		r, w := io.Pipe()
		finish = append(finish, func() { io.WriteString(w, `"}`); w.Close() })
		slow.Go(func() {
			if a := g.do(http.MethodPost, "/collect/clicks", r, bearer); a.code != http.StatusAccepted {
				t.Errorf("a slow sender: %d %s", a.code, a.body)
			}
		})
		slow.Go(func() { io.WriteString(w, long) })
	}
	within(t, func() bool { // until all three are there
		room, err := g.log.Admit("clicks", false, 970<<10)
		if err == nil {
			room.Release()
		}
		return err != nil
	})
	// 64 MB are offered at once; what is not lent is not read.
	body := `{"x":"` + strings.Repeat("y", 1000<<10) + `"}`
	before, peak, over := heap(), int64(0), make(chan struct{})
	var shed atomic.Int64
	var many, watch sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
				peak = max(peak, heap())
			}
		}
	})
	for range 64 {
		many.Go(func() {
			for range 5 {
				a := g.send("/collect/clicks", body, bearer)
				if a.code != http.StatusTooManyRequests || a.head.Get("Retry-After") != "1" {
					t.Errorf("%d %s", a.code, a.body)
					continue
				}
				shed.Add(1)
			}
		})
	}
	many.Wait()
	close(over)
	watch.Wait()
	if grown := peak - before; grown > 16<<20 || shed.Load() != 320 {
		t.Errorf("%d of 320 requests were shed, the heap grew by %d bytes", shed.Load(), grown)
	}
	for _, f := range finish {
		f()
	}
	slow.Wait()
	if a := g.send("/collect/clicks", `{"n":1}`, bearer); a.code != http.StatusAccepted {
		t.Errorf("afterwards: %d %s", a.code, a.body)
	}
}

// idle opens connections that show the page's key, announce a body and send the beginning of it, and waits until the server has seen them.
func (g *gate) idle(n, announced int, sent string) {
	g.t.Helper()
	for range n {
		c := must(net.Dial("tcp", strings.TrimPrefix(g.url, "http://")))(g.t)
		g.t.Cleanup(func() { c.Close() })
		must(fmt.Fprintf(c, "POST /collect/clicks?key=%s HTTP/1.1\r\nHost: daybook\r\nOrigin: %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", shopKey, shop, announced, sent))(g.t)
	}
	within(g.t, func() bool { return g.begun.Load() >= int64(n) })
}

func TestConnectionsThatAnnounceMuchAndSendNothingHoldNothing(t *testing.T) {
	g := openGate(t, 1e6, 4e6)
	g.idle(100, 1e6, "")
	room := must(g.log.Admit("clicks", false, 39e5))(t) // all but the toll
	room.Release()
	if a := g.send("/collect/clicks?key="+shopKey, `{"n":1}`, "Origin: "+shop); a.code != http.StatusAccepted {
		t.Errorf("a page: %d %s", a.code, a.body)
	}
}

func TestPagesThatFillTheirMemoryKeepNoProgramOut(t *testing.T) {
	g := openGate(t, 1e6, 2e6)
	g.idle(100, 1e5, "{")
	within(t, func() bool {
		room, err := g.log.Admit("clicks", true, 9e5)
		if err == nil {
			room.Release()
		}
		return err != nil
	})
	if a := g.send("/collect/clicks", `{"x":"`+strings.Repeat("y", 9e5)+`"}`, bearer); a.code != http.StatusAccepted {
		t.Errorf("%d %s", a.code, a.body)
	}
}

func TestBodyThatStaysAwayIsGivenUpAndWhatItHeldIsFree(t *testing.T) {
	g := openGateAfter(t, 1e6, 2e6, 50*time.Millisecond)
	r, w := io.Pipe()
	defer w.Close()
	go io.WriteString(w, `{"n":`)
	if a := g.do(http.MethodPost, "/collect/clicks?key="+shopKey, r, "Origin: "+shop); a.code != http.StatusRequestTimeout {
		t.Errorf("%d %s", a.code, a.body)
	}
	within(t, func() bool {
		room, err := g.log.Admit("clicks", false, 2e6-17<<10)
		if err != nil {
			return false
		}
		defer room.Release()
		other, err := g.log.Admit("clicks", false, 1900e3)
		if err == nil {
			other.Release()
		}
		return err == nil
	})
}

func TestSlowBodyMayTakeAsLongAsItsBytesEarn(t *testing.T) {
	for read, want := range map[int64]time.Duration{0: 10 * time.Second, 8 << 10: 11 * time.Second, 80 << 10: 20 * time.Second, 1 << 30: slowBody} {
		if got := patience(slowGrace, read); got != want {
			t.Errorf("after %d bytes %s", read, got)
		}
	}
}

func TestPagesAreTurnedAwayForTheDayWhenTheyHaveSentTheirLimit(t *testing.T) {
	g := openGate(t, 1e6, 10e6)
	body := `{"x":"` + strings.Repeat("y", 6e5) + `"}`
	page := func() answer { return g.send("/collect/clicks?key="+shopKey, body, "Origin: "+shop) }
	if a := page(); a.code != http.StatusAccepted {
		t.Fatalf("%d %s", a.code, a.body)
	}
	if a := page(); a.code != http.StatusTooManyRequests || a.head.Get("Retry-After") != "43200" {
		t.Errorf("%d %s %v", a.code, a.body, a.head)
	}
	if a := g.send("/collect/clicks", body, bearer); a.code != http.StatusAccepted {
		t.Errorf("a program: %d %s", a.code, a.body)
	}
	g.clock.move(12 * time.Hour)
	if a := page(); a.code != http.StatusAccepted {
		t.Errorf("the next day: %d %s", a.code, a.body)
	}
}

func TestNothingIsTakenWhileTheDiskHasLittleLeftAndTheLogStaysShort(t *testing.T) {
	g := openGate(t, 1e6, 10e6)
	g.free.Store(49e6)
	for range 10 {
		if a := g.send("/collect/clicks", `{"n":1}`, bearer); a.code != http.StatusInsufficientStorage {
			t.Errorf("%d %s", a.code, a.body)
		}
	}
	if said := g.errors.String(); strings.Contains(said, "could not be collected") {
		t.Error(said)
	}
	g.free.Store(51e6)
	if a := g.send("/collect/clicks", `{"n":1}`, bearer); a.code != http.StatusAccepted {
		t.Errorf("%d %s", a.code, a.body)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func within(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within 20 s")
		}
	}
}
