package testenv

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"
)

// Proxy stands in front of an HTTP server and misbehaves when it is told to.
type Proxy struct {
	URL string // http://127.0.0.1:port

	mu       sync.Mutex
	requests []string
	refusals []refusal
	cuts     []int64
}

type refusal struct {
	status int
	body   string
	header http.Header
}

// Chaos puts a proxy in front of the server at backend (http://host:port). The Host that a client names is passed on, so a signature
// made for the proxy's address holds behind it.
func Chaos(t testing.TB, backend string) *Proxy {
	t.Helper()
	target, err := url.Parse(backend)
	if err != nil {
		t.Fatalf("the address of the server: %v", err)
	}
	p := new(Proxy)
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	behind := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		Transport:      transport,
		FlushInterval:  -1, // what comes before a cut has to arrive
		ModifyResponse: p.cut,
		ErrorLog:       log.New(io.Discard, "", 0),
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if no, ok := p.note(r); ok {
			no.answer(w)
			return
		}
		behind.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// Throttle answers the next n requests by itself; they do not reach the server. Refusals asked for before come first.
func (p *Proxy) Throttle(n, status int, body string, header http.Header) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusals = append(p.refusals, slices.Repeat([]refusal{{status, body, header.Clone()}}, n)...)
}

// Cut drops the connection of the next n requests that reach the server, after that many bytes of the answer's body; 0 drops it before
// the answer begins. A shorter answer passes whole.
func (p *Proxy) Cut(n int, after int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cuts = append(p.cuts, slices.Repeat([]int64{after}, n)...)
}

// Requests lists what was asked so far, in order and with what was refused: "GET /path?query", and behind it the X-Amz-Target where
// there is one.
func (p *Proxy) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

func (p *Proxy) note(r *http.Request) (refusal, bool) {
	line := r.Method + " " + r.URL.RequestURI()
	if action := r.Header.Get("X-Amz-Target"); action != "" {
		line += " " + action
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, line)
	if len(p.refusals) == 0 {
		return refusal{}, false
	}
	no := p.refusals[0]
	p.refusals = p.refusals[1:]
	return no, true
}

func (r refusal) answer(w http.ResponseWriter) {
	for name, values := range r.header {
		w.Header()[name] = values
	}
	w.WriteHeader(r.status)
	_, _ = io.WriteString(w, r.body) // a client that went away is its own loss
}

func (p *Proxy) cut(answer *http.Response) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.cuts) == 0 {
		return nil
	}
	after := p.cuts[0]
	p.cuts = p.cuts[1:]
	if after == 0 {
		_ = answer.Body.Close() // nobody is going to read it
		panic(http.ErrAbortHandler)
	}
	answer.Body = &severed{ReadCloser: answer.Body, left: after}
	return nil
}

// severed ends in an error, which makes the proxy abort the connection.
type severed struct {
	io.ReadCloser
	left int64
}

var errCut = errors.New("cut as asked for")

func (s *severed) Read(b []byte) (int, error) {
	if s.left == 0 {
		return 0, errCut
	}
	n, err := s.ReadCloser.Read(b[:min(int64(len(b)), s.left)])
	s.left -= int64(n)
	return n, err
}
