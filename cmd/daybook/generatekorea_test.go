package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// printed is what a running command has printed so far.
type printed struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

func TestGenerateKoreaWritesItsFilesAndServesUntilItIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	dir := t.TempDir()
	var out printed
	ended := make(chan error, 1)
	go func() {
		none := func(string) (string, bool) { return "", false }
		ended <- run(ctx, []string{"generate", "korea", "--days", "2", "--end", "2026-11-19", "--per-day", "20", "-o", filepath.Join(dir, "data"), "--serve", "127.0.0.1:0"},
			none, strings.NewReader(""), &out, io.Discard)
	}()
	within(t, func() bool { return strings.Contains(out.String(), "KOREA_API=") })
	for _, name := range []string{"sessions/2026-11-18.ndjson.gz", "purchases/2026-11-19.ndjson.gz", "users.ndjson", "libraries.csv"} {
		if _, err := os.Stat(filepath.Join(dir, "data", name)); err != nil {
			t.Error(err)
		}
	}
	_, address, _ := strings.Cut(out.String(), "KOREA_API=")
	res, err := http.Get(strings.TrimSpace(address) + "/kopis/pblprfr?service=k&stdate=20261119&eddate=20261119&rows=1000")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if res.Body.Close(); err != nil || !strings.Contains(string(body), "<mt20id>PF") {
		t.Errorf("the API answers %s (%v)", body, err)
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it does not stop")
	}
}
