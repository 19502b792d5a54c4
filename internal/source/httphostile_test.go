package source_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
)

func gunzip(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func gzipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.Bytes()
}

// askingHTTP is a request for 2026-11-19 of a server that answers so.
func askingHTTP(t *testing.T, answer http.HandlerFunc) (source.Request, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	s := project.Source{Name: "events", File: "sources/events.yaml", Line: 3, From: "http", Format: "json", Zone: time.UTC, Holds: "day", HTTP: project.HTTP{
		URL: server.URL + "/events/{day}", Query: map[string]string{"serviceKey": "{secret:KEY}"}, Secrets: map[string]string{"KEY": "env:KEY"},
		Headers: map[string]string{"X-Key": "{secret:KEY}", "Accept": "application/json"},
		Pages:   project.Pages{By: "none"}, Allow: []string{"127.0.0.0/8"},
	}}
	r := sourcetest.Request(s, calendar.MustDay("2026-11-19"))
	r.Log = func(_, format string, args ...any) {
		if line := fmt.Sprintf(format, args...); strings.Contains(line, sourcetest.Secret) {
			t.Errorf("the log has the secret: %s", line)
		}
	}
	return r, server
}

// fetchHTTP fetches and holds that no secret shows.
func fetchHTTP(t *testing.T, r source.Request) ([]string, source.Result, error) {
	t.Helper()
	s := &sink{}
	result, err := kindOf(t, "http").Fetch(t.Context(), r, s)
	for _, o := range s.objects {
		if name, _, _ := strings.Cut(o, " = "); strings.Contains(name, sourcetest.Secret) {
			t.Errorf("a name or an origin has the secret: %s", name)
		}
	}
	if err != nil && strings.Contains(err.Error(), sourcetest.Secret) {
		t.Errorf("the error has the secret: %v", err)
	}
	return s.objects, result, err
}

// answerRaw answers with these bytes on the wire and closes the connection.
func answerRaw(t *testing.T, w http.ResponseWriter, text string) {
	t.Helper()
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = io.WriteString(conn, text)
	_ = conn.Close()
}

func TestAnswersThatAreNotWholeAreAskedForAgainAndNeverStored(t *testing.T) {
	t.Parallel()
	whole := `[{"id":1},{"id":2}]`
	packed := string(gzipped(whole))
	for name, c := range map[string]struct{ bad, code string }{
		"fewer bytes than promised":       {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + whole, fault.Unavailable},
		"more bytes than promised":        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + whole, fault.Damaged},
		"a chunk that never ends":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n13\r\n" + whole, fault.Unavailable},
		"cut JSON without any length":     {"HTTP/1.1 200 OK\r\n\r\n" + whole[:12], fault.Damaged},
		"no answer at all":                {"", fault.Unavailable},
		"no HTTP":                         {"SSH-2.0-OpenSSH_9.2\r\n", fault.Unavailable},
		"truncated gzip":                  {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + packed[:len(packed)-9], fault.Damaged},
		"gzip with a wrong checksum":      {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + packed[:len(packed)-8] + "12345678", fault.Damaged},
		"gzip that is none":               {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + whole, fault.Damaged},
		"a page for people":               {"HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\n<html><p>Sign in</p></html> ", fault.Damaged},
		"an empty body":                   {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", fault.Damaged},
		"502 from a proxy":                {"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", fault.Unavailable},
		"503 that names a time to return": {"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n", fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int32
			r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
				if calls.Add(1) <= 2 {
					answerRaw(t, w, c.bad)
					return
				}
				fmt.Fprint(w, whole)
			})
			objects, _, err := fetchHTTP(t, r)
			if err != nil || len(objects) != 1 || !strings.HasSuffix(objects[0], " = "+whole) || calls.Load() != 3 {
				t.Errorf("%q after %d calls, %v", objects, calls.Load(), err)
			}
			calls.Store(-1000)
			objects, _, err = fetchHTTP(t, r)
			if !fault.Is(err, c.code) || len(objects) > 0 || fault.Hint(err) == "" || calls.Load() != -1000+6 {
				t.Errorf("always so: %q after %d calls, %v, want %s", objects, calls.Load()+1000, err, c.code)
			}
		})
	}
}

func TestCutLinesAreNoWholeAnswer(t *testing.T) {
	t.Parallel()
	for format, text := range map[string]string{"ndjson": "{\"a\":1}\n{\"a\":", "csv": "a,b,c\n1,2,3\n4,5", "xml": "<a><b/>", "parquet": "PAR1...."} {
		r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
		r.Source.Format = format
		if objects, _, err := fetchHTTP(t, r); !fault.Is(err, fault.Damaged) || len(objects) > 0 {
			t.Errorf("%s: %q, %v", format, objects, err)
		}
	}
}

func TestGzipIsKeptAsItCame(t *testing.T) {
	t.Parallel()
	packed := gzipped(`{"id":1}` + "\n")
	r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(packed) })
	r.Source.Format = "ndjson"
	objects, _, err := fetchHTTP(t, r)
	if want := "answer.ndjson.gz < "; err != nil || len(objects) != 1 || !strings.HasPrefix(objects[0], want) || !strings.HasSuffix(objects[0], " = "+string(packed)) {
		t.Errorf("%q, %v", objects, err)
	}
	if !strings.Contains(objects[0], "/events/2026-11-19?serviceKey={secret:KEY} =") {
		t.Errorf("origin: %q", objects[0])
	}
}

func TestRedirectsStayWhereTheyMay(t *testing.T) {
	t.Parallel()
	var leaked atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.String()+fmt.Sprint(r.Header), sourcetest.Secret) {
			leaked.Store(true)
		}
		fmt.Fprint(w, `[{"id":9}]`)
	}))
	defer other.Close()
	for name, c := range map[string]struct {
		to    string
		allow bool
		code  string
	}{
		"the same host":                        {"/moved?x=1", false, ""},
		"another host":                         {other.URL + "/", false, fault.Refused},
		"another host that is allowed":         {other.URL + "/", true, ""},
		"another host with the secret":         {other.URL + "/?k=" + sourcetest.Secret, true, fault.Refused},
		"a file":                               {"file:///etc/passwd", true, fault.Refused},
		"gopher":                               {"gopher://127.0.0.1:6379/_FLUSHALL", true, fault.Refused},
		"a loop":                               {"/events/2026-11-19", false, fault.Damaged},
		"the metadata of a cloud":              {"http://169.254.169.254/latest/meta-data/", true, fault.Refused},
		"a name and a password":                {"http://a:b@127.0.0.1/", true, fault.Refused},
		"nothing that is an address":           {"http://%zz/", true, fault.Damaged},
		"this machine, by an IPv6 of its IPv4": {"http://[::ffff:10.0.0.1]/", true, fault.Refused},
	} {
		r, server := askingHTTP(t, func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/moved" {
				fmt.Fprint(w, `[{"id":1}]`)
				return
			}
			w.Header().Set("Location", c.to)
			w.WriteHeader(http.StatusFound)
		})
		if c.allow {
			r.Source.HTTP.Hosts = []string{strings.TrimPrefix(other.URL, "http://"), "169.254.169.254", "::ffff:10.0.0.1"}
		}
		objects, _, err := fetchHTTP(t, r)
		if c.code == "" && (err != nil || len(objects) != 1) || c.code != "" && (!fault.Is(err, c.code) || len(objects) > 0) {
			t.Errorf("%s from %s: %q, %v", name, server.URL, objects, err)
		}
	}
	if leaked.Load() {
		t.Error("another host got the secret")
	}
}

func TestLinksToOtherHostsAreNotFollowed(t *testing.T) {
	t.Parallel()
	r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", `<http://203.0.113.9/next>; rel="next"`)
		fmt.Fprint(w, `[1]`)
	})
	r.Source.HTTP.Pages = project.Pages{By: "link"}
	if objects, _, err := fetchHTTP(t, r); !fault.Is(err, fault.Refused) || len(objects) > 0 || !strings.Contains(fault.Hint(err), "hosts: [203.0.113.9]") {
		t.Errorf("%q, %v", objects, err)
	}
}

func TestThisMachineIsNotAskedUnlessAllowed(t *testing.T) {
	t.Parallel()
	asked := false
	r, server := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) { asked = true; fmt.Fprint(w, "[]") })
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f000001"} {
		r.Source.HTTP.URL, r.Source.HTTP.Allow = "http://"+host+":"+port+"/events/{day}", nil
		_, _, err := fetchHTTP(t, r)
		if err == nil || asked {
			t.Errorf("%s: %v, asked %v", host, err, asked)
		}
		if strings.ContainsAny(host, ".:l") && !fault.Is(err, fault.Refused) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestProxiesOfTheEnvironmentAreNotUsed(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "[]") })
	if _, _, err := fetchHTTP(t, r); err != nil {
		t.Error(err)
	}
}

func TestAnswerWithoutAnEndIsCutOff(t *testing.T) {
	t.Parallel()
	r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(bytes.Repeat([]byte(" "), 64<<10)); err != nil {
				return
			}
		}
	})
	r.Source.HTTP.Body = 9 << 20 // more than is kept in memory
	if objects, _, err := fetchHTTP(t, r); !fault.Is(err, fault.Damaged) || len(objects) > 0 || !strings.Contains(fault.Hint(err), "body:") {
		t.Errorf("%q, %v", objects, err)
	}
}

func TestAnswerThatUnpacksWithoutAnEndIsCutOff(t *testing.T) {
	t.Parallel()
	bomb := gzipped(strings.Repeat(" ", 11<<20) + "[]")
	r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bomb) })
	r.Source.HTTP.Body = 1e6
	if objects, _, err := fetchHTTP(t, r); !fault.Is(err, fault.Damaged) || len(objects) > 0 || !strings.Contains(fault.Hint(err), "unpacked:") {
		t.Errorf("%d objects, %v", len(objects), err)
	}
	r.Source.HTTP.Unpacked = 12 << 20
	if objects, _, err := fetchHTTP(t, r); err != nil || len(objects) != 1 {
		t.Errorf("%d objects, %v", len(objects), err)
	}
}

func TestSlowAnswerEndsAtTheTimeout(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	r, _ := askingHTTP(t, func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprint(w, "[")
		w.(http.Flusher).Flush()
		select {
		case <-done:
		case <-req.Context().Done():
		}
	})
	defer close(done)
	r.Source.HTTP.Timeout = 50 * time.Millisecond
	if _, _, err := fetchHTTP(t, r); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "within 50ms") {
		t.Error(err)
	}
}

func TestLargeAnswersWaitOnDiskAndAreStoredWhole(t *testing.T) {
	t.Parallel()
	text := strings.Repeat(`{"id":1,"text":"0123456789012345678901234567890123456789"}`+"\n", 200_000) // 11 MB
	r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
	r.Source.Format = "ndjson"
	objects, _, err := fetchHTTP(t, r)
	if err != nil || len(objects) != 1 || !strings.HasSuffix(objects[0], text) || len(objects[0]) > len(text)+200 {
		t.Errorf("%d objects, %v", len(objects), err)
	}
	r.Temp = filepath.Join(t.TempDir(), "full")
	if _, _, err := fetchHTTP(t, r); !fault.Is(err, "unwritable") || !strings.Contains(fault.Hint(err), r.Temp) {
		t.Errorf("without room in the directory of the request: %v", err)
	}
}

func TestMissingDetailsAndHoursAreNamed(t *testing.T) {
	t.Parallel()
	r, _ := askingHTTP(t, func(w http.ResponseWriter, req *http.Request) {
		if strings.HasSuffix(req.URL.Path, "B/2") || strings.HasSuffix(req.URL.Path, "-7") {
			http.NotFound(w, req)
			return
		}
		fmt.Fprintf(w, "[%q]", req.URL.EscapedPath())
	})
	base := r.Source.HTTP.URL
	r.Source.HTTP.URL = strings.TrimSuffix(base, "/events/{day}") + "/detail/{each}"
	r.Source.HTTP.ForEach = project.ForEach{Source: "list", Column: "id"}
	r.Values = func(context.Context, string, string) ([]string, error) {
		return []string{"A", "B/2", "..", "가 나"}, nil
	}
	objects, result, err := fetchHTTP(t, r)
	if err != nil || len(objects) != 3 || len(result.Missing) != 1 || !strings.HasPrefix(result.Missing[0], "id B/2: ") {
		t.Errorf("%q, %q, %v", objects, result.Missing, err)
	}
	for i, want := range []string{"000001-A.json < ", "000003-...json < ", "000004-가 나.json < "} {
		if !strings.HasPrefix(objects[i], want) {
			t.Errorf("object %d: %s", i, objects[i])
		}
	}
	if !strings.HasSuffix(objects[1], `["/detail/%2E%2E"]`) {
		t.Errorf("a value leads out of its place: %s", objects[1])
	}
	r.Values = func(context.Context, string, string) ([]string, error) { return []string{"B/2"}, nil }
	if _, _, err := fetchHTTP(t, r); !fault.Is(err, fault.Missing) {
		t.Errorf("every detail missing: %v", err)
	}
	r.Values = func(context.Context, string, string) ([]string, error) { return nil, nil }
	if objects, _, err := fetchHTTP(t, r); err != nil || len(objects) > 0 {
		t.Errorf("an empty list: %q, %v", objects, err)
	}

	r.Source.HTTP.ForEach = project.ForEach{}
	r.Source.HTTP.URL = base + "-{hour}"
	objects, result, err = fetchHTTP(t, r)
	if err != nil || len(objects) != 23 || len(result.Missing) != 1 || !strings.HasPrefix(result.Missing[0], "hour 7: ") {
		t.Errorf("%d objects, %q, %v", len(objects), result.Missing, err)
	}
	if !strings.HasPrefix(objects[0], "000001-0.json < ") {
		t.Error(objects[0])
	}
}

func TestMissingDetailIsNamedThoughAnotherFetchFoundIt(t *testing.T) {
	t.Parallel()
	calls := 0
	r, _ := askingHTTP(t, func(w http.ResponseWriter, req *http.Request) {
		calls++
		if strings.HasSuffix(req.URL.Path, "B") {
			http.NotFound(w, req)
			return
		}
		fmt.Fprint(w, "[1]")
	})
	r.Source.HTTP.URL = strings.TrimSuffix(r.Source.HTTP.URL, "/events/{day}") + "/detail/{each}"
	r.Source.HTTP.ForEach = project.ForEach{Source: "list", Column: "id"}
	r.Values = func(context.Context, string, string) ([]string, error) { return []string{"A", "B", "C", "D"}, nil }
	first := &stoppingSink{after: 2}
	if _, err := kindOf(t, "http").Fetch(t.Context(), r, first); !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	r.Kept, calls = first.kept, 0
	objects, result, err := fetchHTTP(t, r)
	if err != nil || len(objects) != 1 || len(result.Missing) != 1 || calls != 1 {
		t.Errorf("%q, %q, %d calls, %v", objects, result.Missing, calls, err)
	}
	r.Values = func(context.Context, string, string) ([]string, error) { return []string{"X", "Y"}, nil }
	if _, _, err := fetchHTTP(t, r); !errors.Is(err, source.ErrChanged) {
		t.Errorf("another list: %v", err)
	}
}

var errStopped = errors.New("stop")

// stoppingSink is a sink that fails after some parts.
type stoppingSink struct {
	after int
	kept  []source.Part
}

func (s *stoppingSink) Put(_ context.Context, p source.Part, r io.Reader) error {
	if len(s.kept) == s.after {
		return errStopped
	}
	s.kept = append(s.kept, p)
	_, err := io.Copy(io.Discard, r)
	return err
}
