package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// page is what a server printed, written and read by different goroutines.
type page struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

// server is daybook serve in this process.
type server struct {
	base, setup string
	stop        func() error
}

var served = regexp.MustCompile(`serving .* at (http://\S+)\nmake the admin, once, at http://\S+(/setup/\S+)\n`)

func serveProject(t *testing.T, dir string) server {
	t.Helper()
	needBundle(t)
	ctx, cancel := context.WithCancel(t.Context())
	var out page
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "-C", dir, "--addr", "127.0.0.1:0"}, os.LookupEnv, strings.NewReader(""), &out, &out)
	}()
	stop := sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { stop() })
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if m := served.FindStringSubmatch(out.String()); m != nil {
			return server{base: m[1], setup: m[2], stop: stop}
		}
		select {
		case err := <-ended:
			ended <- err // for stop
			t.Fatalf("serve ended: %v\n%s", err, out.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatalf("serve did not start:\n%s", out.String())
	return server{}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestCommandsWorkBesideAServerAndASecondServerNamesTheFirst(t *testing.T) {
	dir := starterProject(t)
	s := serveProject(t, dir)
	if code, _ := get(t, s.base+"/readyz"); code != http.StatusOK {
		t.Errorf("/readyz answers %d", code)
	}
	if code, body := get(t, s.base+"/"); code != http.StatusOK || !strings.Contains(body, "password") {
		t.Errorf("a stranger gets %d, not the sign-in page", code)
	}
	if out := mustCall(t, "run", "-C", dir, "--day", starterDay); !strings.Contains(out, "up to date: 4 builds made") || !strings.Contains(out, "mart   pages of 2026-01-01: 3 rows") {
		t.Error(out)
	}
	if out := mustCall(t, "query", "-C", dir, "--format", "json", "SELECT sum(views) AS views FROM pages"); !strings.Contains(out, `{"views": 4}`) {
		t.Error(out)
	}
	if out := mustCall(t, "plan", "-C", dir, "--day", starterDay); !strings.Contains(out, "up to date") {
		t.Error(out)
	}
	if _, err := call(t, "query", "-C", dir, "SELECT nothing FROM pages"); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("a wrong query through the server: %v", err)
	}
	if out := mustCall(t, "health", "--addr", strings.TrimPrefix(s.base, "http://")); out != "ready\n" {
		t.Error(out)
	}
	_, err := call(t, "serve", "-C", dir, "--addr", "127.0.0.1:0")
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("owned by daybook serve (process %d)", os.Getpid())) {
		t.Errorf("a second server: %v", err)
	}
	if err := s.stop(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if out := mustCall(t, "run", "-C", dir, "--day", starterDay); out != "up to date\n" {
		t.Errorf("after the server: %s", out)
	}
}

func TestTheFirstStartPrintsALinkThatMakesTheAdminAndLaterOnesDoNot(t *testing.T) {
	dir := starterProject(t)
	s := serveProject(t, dir)
	if code, body := get(t, s.base+s.setup); code != http.StatusOK || !strings.Contains(body, `name="password"`) {
		t.Errorf("the link answers %d", code)
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"user", "admin@example.com", "--role", "admin", "-C", dir}, os.LookupEnv, strings.NewReader("correct horse battery\n"), &out, &out); err != nil {
		t.Fatal(err)
	}
	if code, _ := get(t, s.base+s.setup); code != http.StatusNotFound {
		t.Errorf("with an admin the link answers %d", code)
	}
}

func TestATakenAddressIsNamedWithWhatToDo(t *testing.T) {
	s := serveProject(t, starterProject(t))
	addr := strings.TrimPrefix(s.base, "http://localhost")
	_, err := call(t, "serve", "-C", starterProject(t), "--addr", "127.0.0.1"+addr)
	if err == nil || !strings.Contains(err.Error(), "cannot listen on 127.0.0.1"+addr) || !strings.Contains(err.Error(), "choose another address with --addr") {
		t.Error(err)
	}
}
