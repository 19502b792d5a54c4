package lake_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"daybook/internal/testenv"
)

func client(at testenv.AWS) *s3.Client {
	return s3.New(s3.Options{BaseEndpoint: &at.Endpoint, UsePathStyle: true, Region: at.Region, Credentials: credentials.NewStaticCredentialsProvider(at.AccessKey, at.SecretKey, "")})
}

// road leads to an S3 server. What is in trouble goes through a proxy that fails; testenv.Chaos alone fails whatever comes next, and
// cannot break off a request.
type road struct {
	at     testenv.AWS // the server, by this road
	server string      // its own address

	mu       sync.Mutex
	trouble  func(*http.Request) bool
	by       *testenv.Proxy
	broken   int // requests in trouble that are yet to be broken off
	requests []string
}

func newRoad(t *testing.T, at testenv.AWS) *road {
	t.Helper()
	r := &road{at: at, server: at.Endpoint}
	direct := way(t, at.Endpoint)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch by, broken := r.take(q); {
		case broken:
			_, _ = io.CopyN(io.Discard, q.Body, 1000)
			panic(http.ErrAbortHandler)
		case by != nil:
			way(t, by.URL).ServeHTTP(w, q)
		default:
			direct.ServeHTTP(w, q)
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	r.at.Endpoint = server.URL
	return r
}

// way passes everything on, and a broken connection as one.
func way(t *testing.T, address string) *httputil.ReverseProxy {
	to, err := url.Parse(address)
	if err != nil {
		t.Error(err)
	}
	return &httputil.ReverseProxy{FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0),
		Rewrite:      func(p *httputil.ProxyRequest) { p.SetURL(to); p.Out.Host = p.In.Host },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }}
}

func (r *road) take(q *http.Request) (by *testenv.Proxy, broken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, q.Method+" "+q.URL.RequestURI())
	if r.trouble == nil || !r.trouble(q) {
		return nil, false
	}
	if r.broken > 0 {
		r.broken--
		return nil, true
	}
	return r.by, false
}

// fail returns the proxy by which go the requests that want takes, from here on.
func (r *road) fail(t *testing.T, want func(*http.Request) bool) *testenv.Proxy {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trouble, r.broken, r.by = want, 0, testenv.Chaos(t, r.server)
	return r.by
}

// breakOff ends the connection of the next n requests that want takes while they are sent.
func (r *road) breakOff(t *testing.T, n int, want func(*http.Request) bool) {
	r.fail(t, want)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = n
}

// calm ends all trouble.
func (r *road) calm() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trouble = nil
}

// s3Error is what S3 says when it refuses.
func s3Error(code string) string {
	return fmt.Sprintf("<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>made by the test</Message></Error>", code)
}

func anything(*http.Request) bool { return true }

// count is how many requests have begun with a method and contain a text in their address.
func (r *road) count(method, text string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, q := range r.requests {
		if strings.HasPrefix(q, method+" ") && strings.Contains(q, text) {
			n++
		}
	}
	return n
}

// store puts an object into a bucket behind the lake's back.
func store(t *testing.T, c *s3.Client, bucket, key string, b []byte) {
	t.Helper()
	if _, err := c.PutObject(context.Background(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(b), ContentLength: aws.Int64(int64(len(b)))}); err != nil {
		t.Fatal(err)
	}
}

// tree lists the keys of a bucket in order.
func tree(t *testing.T, c *s3.Client, bucket string) []string {
	t.Helper()
	var keys []string
	pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
	}
	return keys
}

func fetch(t *testing.T, c *s3.Client, bucket, key string) []byte {
	t.Helper()
	out, err := c.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func erase(t *testing.T, c *s3.Client, bucket, key string) {
	t.Helper()
	if _, err := c.DeleteObject(context.Background(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}); err != nil {
		t.Fatal(err)
	}
}
