package source_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
	"daybook/internal/testenv"
)

// s3Place is a bucket. What is in trouble goes to it through a proxy that fails: testenv.Chaos alone fails whatever comes next.
type s3Place struct {
	t      *testing.T
	at     testenv.AWS
	bucket string
	client *s3.Client
	url    string // of the way to the bucket
	secret string

	mu       sync.Mutex
	requests []string
	trouble  func(*http.Request) bool
	by       *url.URL
}

func newS3Place(t *testing.T) *s3Place {
	t.Helper()
	at, name := testenv.Bucket(t)
	direct, err := url.Parse(at.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p := &s3Place{t: t, at: at, bucket: name, secret: at.SecretKey, client: s3.New(s3.Options{BaseEndpoint: &at.Endpoint, UsePathStyle: true, Region: at.Region,
		Credentials: credentials.NewStaticCredentialsProvider(at.AccessKey, at.SecretKey, "")})}
	server := httptest.NewServer(&httputil.ReverseProxy{FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0),
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		Rewrite: func(r *httputil.ProxyRequest) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.requests = append(p.requests, r.In.Method+" "+r.In.URL.RequestURI())
			to := direct
			if p.trouble != nil && p.trouble(r.In) {
				to = p.by
			}
			r.SetURL(to)
			r.Out.Host = r.In.Host
		}})
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// fail returns the proxy by which go the requests that want takes, from here on.
func (p *s3Place) fail(want func(*http.Request) bool) *testenv.Proxy {
	chaos := testenv.Chaos(p.t, p.at.Endpoint)
	by, err := url.Parse(chaos.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trouble, p.by = want, by
	return chaos
}

// s3Refusal is what S3 says when it refuses.
func s3Refusal(code string) string {
	return fmt.Sprintf("<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>made by the test</Message></Error>", code)
}

func (p *s3Place) put(key, text string) {
	p.t.Helper()
	if _, err := p.client.PutObject(context.Background(), &s3.PutObjectInput{Bucket: &p.bucket, Key: &key, Body: strings.NewReader(text)}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *s3Place) request(path string, d calendar.Day) source.Request {
	weekdays, err := calendar.ParseWeekdays("sun-fri")
	if err != nil {
		p.t.Fatal(err)
	}
	r := sourcetest.Request(project.Source{Name: "searches", File: "sources/searches.yaml", Line: 1, From: "s3", Path: "s3://" + p.bucket + "/" + path, Format: "ndjson",
		Zone: time.UTC, Days: weekdays, Holds: "day", AWS: project.AWS{Region: p.at.Region, Endpoint: p.url, AccessKey: "env:KEY", SecretKey: "env:SECRET"}}, d)
	r.Secret = func(_ context.Context, ref string) (string, error) {
		return map[string]string{"env:KEY": p.at.AccessKey, "env:SECRET": p.secret}[ref], nil
	}
	return r
}

// asked lists the answers that brought records.
func (p *s3Place) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.requests), func(r string) bool {
		return !strings.HasPrefix(r, "GET ") || strings.Contains(r, "list-type=2") || strings.Contains(r, "/manifests/")
	})
}

// throttle makes the server refuse the next n requests.
func (p *s3Place) throttle(n int) {
	p.fail(func(*http.Request) bool { return true }).Throttle(n, http.StatusServiceUnavailable, s3Refusal("SlowDown"), nil)
}

func s3Lines(b []byte) []string {
	var all []string
	for line := range strings.Lines(string(b)) {
		all = append(all, strings.TrimSuffix(line, "\n"))
	}
	return all
}

func (p *s3Place) world(path string, manifest bool, fill func(d calendar.Day, parts []string)) sourcetest.World {
	return sourcetest.World{
		Source: source.S3{},
		Request: func(d calendar.Day) source.Request {
			r := p.request(path, d)
			r.Source.S3.Manifest = manifest
			return r
		},
		Fill: fill, Records: s3Lines, Secret: p.at.SecretKey, Asked: p.asked, Throttle: p.throttle,
		Deny: func() { p.secret = "wrong-" + p.at.SecretKey },
	}
}
