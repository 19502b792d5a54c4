package source_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"daybook/internal/source"
)

// dynamoProxy notes the pages that a DynamoDB gave.
type dynamoProxy struct {
	url  string
	keep bool // the bodies too

	mu      sync.Mutex
	idle    *sync.Cond
	pages   []dynamoAsked
	running int
	most    int // pages that were asked for at once
	spoiled int // answers yet to be spoilt
}

type dynamoAsked struct {
	segment int
	start   string // the key that the page begins behind, as JSON; empty for the first
	items   int
	body    []byte
}

func (p dynamoAsked) String() string {
	return "segment " + strconv.Itoa(p.segment) + " behind " + p.start
}

type dynamoQuestion struct{}

func newDynamoProxy(t *testing.T, backend string) *dynamoProxy {
	target, err := url.Parse(backend)
	if err != nil {
		t.Fatal(err)
	}
	p := &dynamoProxy{}
	p.idle = sync.NewCond(&p.mu)
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}
	t.Cleanup(transport.CloseIdleConnections)
	behind := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport, ModifyResponse: p.note, ErrorLog: log.New(io.Discard, "", 0)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client went away
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context())) // dynalite ends with a call that is broken off
		defer cancel()
		if action := r.Header.Get("X-Amz-Target"); strings.HasSuffix(action, ".Scan") || strings.HasSuffix(action, ".Query") {
			p.enter(1)
			defer p.enter(-1)
			ctx = context.WithValue(ctx, dynamoQuestion{}, body)
		}
		behind.ServeHTTP(w, r.WithContext(ctx))
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *dynamoProxy) enter(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running += n
	p.most = max(p.most, p.running)
	p.idle.Broadcast()
}

func (p *dynamoProxy) note(answer *http.Response) error {
	request, ok := answer.Request.Context().Value(dynamoQuestion{}).([]byte)
	if !ok || answer.StatusCode != http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	var question struct {
		Segment           int
		ExclusiveStartKey json.RawMessage
	}
	var counts struct{ Count int }
	if err := json.Unmarshal(request, &question); err != nil {
		return err
	}
	if err := json.Unmarshal(body, &counts); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spoiled > 0 {
		p.spoiled--
		body = bytes.Replace(body, []byte("whole"), []byte("whale"), 1)
	} else {
		p.pages = append(p.pages, dynamoAsked{question.Segment, dynamoJSON(question.ExclusiveStartKey), counts.Count, nil})
		if p.keep {
			p.pages[len(p.pages)-1].body = body
		}
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// dynamoJSON writes JSON in one way.
func dynamoJSON(raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return err.Error()
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// brought lists the pages that brought items.
func (p *dynamoProxy) brought() []string {
	var list []string
	for _, page := range p.asked() {
		if page.items > 0 {
			list = append(list, page.String())
		}
	}
	return list
}

// asked lists the pages when every call is over: who cancels one is told before the server is.
func (p *dynamoProxy) asked() []dynamoAsked {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.running > 0 {
		p.idle.Wait()
	}
	return slices.Clone(p.pages)
}

func (p *dynamoProxy) bodies() (all [][]byte) {
	for _, page := range p.asked() {
		if page.items > 0 {
			all = append(all, page.body)
		}
	}
	return all
}

// spoil changes a letter in the next n answers, but not their checksums.
func (p *dynamoProxy) spoil(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spoiled = n
}

// dynamoSink keeps objects and their parts in the order in which they were complete. It may break: before, and after, an object is kept.
type dynamoSink struct {
	before, after func(kept int) error

	mu      sync.Mutex
	parts   []source.Part
	objects [][]byte
}

func (s *dynamoSink) Put(ctx context.Context, p source.Part, r io.Reader) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before != nil {
		if err := s.before(len(s.parts)); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.parts, s.objects = append(s.parts, p), append(s.objects, b)
	if s.after != nil {
		return s.after(len(s.parts))
	}
	return nil
}

// lines is the attribute line of every item, in order.
func (s *dynamoSink) lines(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, o := range s.objects {
		all = append(all, dynamoLines(t, o)...)
	}
	slices.Sort(all)
	return all
}
