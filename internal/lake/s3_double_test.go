package lake_test

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
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	accessKey = "AKIDEXAMPLE"
	secretKey = "sEcReT-7f3a9c"
	region    = "us-east-1"
)

var gateway = sync.OnceValues(startGateway)

// bucket makes an empty bucket on a real S3 server, and returns the server's address and the bucket's name.
func bucket(t *testing.T) (endpoint, name string) {
	t.Helper()
	endpoint, err := gateway()
	if errors.Is(err, exec.ErrNotFound) {
		if os.Getenv("DAYBOOK_TEST") == "strict" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	name = fmt.Sprintf("lake%d", time.Now().UnixNano())
	if _, err := client(endpoint).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	return endpoint, name
}

func client(endpoint string) *s3.Client {
	return s3.New(s3.Options{BaseEndpoint: &endpoint, UsePathStyle: true, Region: region, Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")})
}

// startGateway runs versitygw until the test process ends.
func startGateway() (string, error) {
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
	cmd := exec.Command("/bin/sh", "-c", guard, "guard", program, "--quiet", "--health", "/_health", "--port", "127.0.0.1:"+strconv.Itoa(port), "--region", region, "posix", dir)
	cmd.Env = append(os.Environ(), "DIR="+dir, "ROOT_ACCESS_KEY="+accessKey, "ROOT_SECRET_KEY="+secretKey)
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

// chaos is a proxy before an S3 server that makes it fail.
type chaos struct {
	url string

	mu       sync.Mutex
	fail     func(r *http.Request) *answer // asked for every request; nil lets it pass
	requests []string
}

// answer is what goes wrong: a status instead of the server's answer; or the server's answer cut off behind some bytes, of which
// -1 is none at all.
type answer struct {
	status int
	code   string
	header http.Header
	cut    int
	early  bool // the connection ends while the request is sent
}

func newChaos(t *testing.T, endpoint string) *chaos {
	t.Helper()
	backend, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	c := &chaos{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(backend); r.Out.Host = r.In.Host }, ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
		w.WriteHeader(http.StatusBadGateway)
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.requests = append(c.requests, r.Method+" "+r.URL.RequestURI())
		fail := c.fail
		c.mu.Unlock()
		var a *answer
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
func (c *chaos) set(n int, a answer, want func(r *http.Request) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var mu sync.Mutex
	c.fail = func(r *http.Request) *answer {
		mu.Lock()
		defer mu.Unlock()
		if n == 0 || !want(r) {
			return nil
		}
		n--
		return &a
	}
}

// count is how many requests have begun with a method and contain a text in their address.
func (c *chaos) count(method, text string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, r := range c.requests {
		if strings.HasPrefix(r, method+" ") && strings.Contains(r, text) {
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
