package source_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	s3AccessKey = "AKIDEXAMPLE"
	s3SecretKey = "wJalrXUtnFEMI-bPxRfiCYEXAMPLEKEY"
	s3Region    = "us-east-1"
)

var s3Gateway = sync.OnceValues(startS3Gateway)

// s3Bucket makes an empty bucket on a real S3 server, and returns the server's address and the bucket's name.
func s3Bucket(t *testing.T) (endpoint, name string) {
	t.Helper()
	endpoint, err := s3Gateway()
	if errors.Is(err, exec.ErrNotFound) {
		if os.Getenv("DAYBOOK_TEST") == "strict" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	name = fmt.Sprintf("source%d", time.Now().UnixNano())
	if _, err := s3Client(endpoint).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	return endpoint, name
}

func s3Client(endpoint string) *s3.Client {
	return s3.New(s3.Options{BaseEndpoint: &endpoint, UsePathStyle: true, Region: s3Region, Credentials: credentials.NewStaticCredentialsProvider(s3AccessKey, s3SecretKey, "")})
}

// startS3Gateway runs versitygw until the test process ends.
func startS3Gateway() (string, error) {
	program, err := filepath.Abs("../../.tools/versitygw")
	if _, statErr := os.Stat(program); err != nil || statErr != nil {
		if program, err = exec.LookPath("versitygw"); err != nil {
			return "", fmt.Errorf("no S3 server: .ci/setup installs versitygw: %w", exec.ErrNotFound)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	port := l.Addr().(*net.TCPAddr).Port
	dir, err := os.MkdirTemp("", "daybook-s3-")
	if err = errors.Join(err, l.Close()); err != nil {
		return "", err
	}
	// The shell outlives the test process by what it takes to end the server: its standard input closes then.
	const guard = `exec 3<&0; "$@" </dev/null 3<&- & s=$!; (cat <&3 >/dev/null; kill -TERM $s) & exec 3<&-; wait $s; rm -rf "$DIR"`
	cmd := exec.Command("/bin/sh", "-c", guard, "guard", program, "--quiet", "--health", "/_health", "--port", "127.0.0.1:"+strconv.Itoa(port), "--region", s3Region, "posix", dir)
	cmd.Env = append(os.Environ(), "DIR="+dir, "ROOT_ACCESS_KEY="+s3AccessKey, "ROOT_SECRET_KEY="+s3SecretKey)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if _, err := cmd.StdinPipe(); err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	go func() { _ = cmd.Wait() }() // holds the pipe that holds the server
	endpoint := "http://127.0.0.1:" + strconv.Itoa(port)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if resp, err := http.Get(endpoint + "/_health"); err == nil {
			if resp.Body.Close(); resp.StatusCode == http.StatusOK {
				return endpoint, nil
			}
		}
	}
	return "", errors.New("versitygw did not answer in time")
}

// s3Chaos is a proxy before an S3 server that makes it fail.
type s3Chaos struct {
	url string

	mu       sync.Mutex
	fail     func(r *http.Request) *s3Answer // asked for every request; nil lets it pass
	requests []string
}

// s3Answer is what goes wrong: a status instead of the server's answer; or the server's answer cut off behind some bytes, of which
// -1 is none at all.
type s3Answer struct {
	status int
	code   string
	header http.Header
	cut    int
	early  bool // the connection ends while the request is sent
}

func newS3Chaos(t *testing.T, endpoint string) *s3Chaos {
	t.Helper()
	backend, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	c := &s3Chaos{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(backend); r.Out.Host = r.In.Host }, ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
		w.WriteHeader(http.StatusBadGateway)
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.requests = append(c.requests, r.Method+" "+r.URL.RequestURI())
		fail := c.fail
		c.mu.Unlock()
		var a *s3Answer
		if fail != nil {
			a = fail(r)
		}
		switch {
		case a == nil:
			proxy.ServeHTTP(w, r)
		case a.early:
			_, _ = io.CopyN(io.Discard, r.Body, 1000)
			panic(http.ErrAbortHandler)
		case a.status > 0:
			_, _ = io.Copy(io.Discard, r.Body)
			for k, v := range a.header {
				w.Header()[k] = v
			}
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(a.status)
			fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>made by the test</Message></Error>", a.code)
		default:
			rec := httptest.NewRecorder()
			proxy.ServeHTTP(rec, r)
			if a.cut >= 0 {
				for k, v := range rec.Header() {
					w.Header()[k] = v
				}
				w.Header().Set("Content-Length", strconv.Itoa(rec.Body.Len()))
				w.WriteHeader(rec.Code)
				_, _ = w.Write(rec.Body.Bytes()[:min(a.cut, rec.Body.Len())])
				_ = http.NewResponseController(w).Flush()
			}
			panic(http.ErrAbortHandler)
		}
	}))
	server.Config.ErrorLog = nil
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// set says what goes wrong from here on, n times, for requests that want takes.
func (c *s3Chaos) set(n int, a s3Answer, want func(r *http.Request) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var mu sync.Mutex
	c.fail = func(r *http.Request) *s3Answer {
		mu.Lock()
		defer mu.Unlock()
		if n == 0 || !want(r) {
			return nil
		}
		n--
		return &a
	}
}

// s3Store puts an object into a bucket.
func s3Store(t *testing.T, c *s3.Client, bucket, key string, b []byte) {
	t.Helper()
	if _, err := c.PutObject(context.Background(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(b), ContentLength: aws.Int64(int64(len(b)))}); err != nil {
		t.Fatal(err)
	}
}
