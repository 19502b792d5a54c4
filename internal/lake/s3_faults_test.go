package lake_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/testenv"
)

func day() lake.Key {
	return lake.Key{Layer: lake.Raw, Node: "searches", Day: calendar.MustDay("2026-11-19")}
}

// noise is bytes that no compression and no accident gives.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

func begin(t *testing.T, l lake.Lake, k lake.Key) lake.Batch {
	t.Helper()
	b, err := l.Begin(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func keep(t *testing.T, l lake.Lake, k lake.Key, run string, texts ...[]byte) lake.Manifest {
	t.Helper()
	b := begin(t, l, k)
	defer b.Abort()
	for i, text := range texts {
		if _, err := b.Put(t.Context(), lake.Part{Name: fmt.Sprintf("%d.bin", i)}, bytes.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	m, err := b.Commit(t.Context(), lake.Meta{Run: run, Created: time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func readAll(t *testing.T, l lake.Lake, m lake.Manifest, name string) []byte {
	t.Helper()
	r, err := l.Open(t.Context(), m, name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func method(name, containing string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return r.Method == name && strings.Contains(r.URL.RequestURI(), containing)
	}
}

func TestLargeObjectIsStoredInPartsAndReadBack(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	l := openS3(t, at, name)
	large, exact := noise(5<<20*2+12345), noise(5<<20)
	m := keep(t, l, day(), "r", large, exact, nil)
	for i, want := range [][]byte{large, exact, {}} {
		sum := sha256.Sum256(want)
		if o := m.Objects[i]; o.Bytes != int64(len(want)) || o.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("noted %+v for %d bytes of %x", o, len(want), sum)
		}
		if got := readAll(t, l, m, m.Objects[i].Name); !bytes.Equal(got, want) {
			t.Errorf("object %d: %d bytes, want %d", i, len(got), len(want))
		}
	}
}

func TestConnectionCutInAPutIsTriedAgain(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	proxy := newRoad(t, at)
	l := openS3(t, proxy.at, name)
	slow := func(status int, code string) func(func(*http.Request) bool) {
		return func(want func(*http.Request) bool) { proxy.fail(t, want).Throttle(2, status, s3Error(code), nil) }
	}
	early := func(want func(*http.Request) bool) { proxy.breakOff(t, 2, want) }
	unanswered := func(want func(*http.Request) bool) { proxy.fail(t, want).Cut(2, 0) }
	for _, c := range []struct {
		what string
		fail func(func(*http.Request) bool)
		want func(*http.Request) bool
		size int
	}{
		{"request of a small object", early, method("PUT", "0.bin"), 100_000},
		{"answer to a small object", unanswered, method("PUT", "0.bin"), 1000},
		{"request of a part", early, method("PUT", "partNumber=2"), 11 << 20},
		{"answer to a part", unanswered, method("PUT", "partNumber=1"), 11 << 20},
		{"answer to the completion", unanswered, method("POST", "uploadId="), 11 << 20},
		{"beginning of an upload", unanswered, method("POST", "uploads"), 11 << 20},
		{"slow down", slow(503, "SlowDown"), method("PUT", "0.bin"), 11 << 20},
		{"internal error of the completion", slow(500, "InternalError"), method("POST", "uploadId="), 11 << 20},
	} {
		c.fail(c.want)
		text := noise(c.size)
		m := keep(t, l, day(), "r", text)
		proxy.calm()
		if got := readAll(t, l, m, "0.bin"); !bytes.Equal(got, text) {
			t.Errorf("%s: %d bytes came back, want %d", c.what, len(got), c.size)
		}
	}
}

func TestConnectionCutInAGetGoesOnBehindWhatCame(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	proxy := newRoad(t, at)
	text := noise(3 << 20)
	m := keep(t, openS3(t, at, name), day(), "r", text)
	l := openS3(t, proxy.at, name)
	before := proxy.count("GET", "0.bin")
	proxy.fail(t, method("GET", "0.bin")).Cut(3, 1<<20)
	if got := readAll(t, l, m, "0.bin"); !bytes.Equal(got, text) {
		t.Error("the bytes are others")
	}
	if n := proxy.count("GET", "0.bin") - before; n < 3 || n > 4 {
		t.Errorf("%d requests for three cuts", n)
	}
	proxy.fail(t, method("GET", "0.bin")).Cut(2, 1<<20)
	if file, err := l.Local(t.Context(), m, "0.bin"); err != nil {
		t.Errorf("local copy %s: %v", file, err)
	}
	proxy.fail(t, method("GET", "0.bin")).Cut(99, 0)
	r, err := l.Open(t.Context(), m, "0.bin")
	if err == nil {
		_, err = io.ReadAll(r)
	}
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("a connection that is always cut: %v", err)
	}
}

func TestSlowDownIsWaitedForAsLongAsS3Says(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	proxy := newRoad(t, at)
	l := openS3(t, proxy.at, name)
	var waits []time.Duration
	l.Tune(5<<20, time.Hour, func(d time.Duration) { waits = append(waits, d) })
	proxy.fail(t, method("PUT", "0.bin")).Throttle(3, 503, s3Error("SlowDown"), http.Header{"Retry-After": {"7"}})
	keep(t, l, day(), "r", []byte("x"))
	if want := []time.Duration{7 * time.Second, 7 * time.Second, 7 * time.Second}; !slices.Equal(waits, want) {
		t.Errorf("waited %v, want %v", waits, want)
	}
	waits = nil
	proxy.fail(t, method("PUT", "0.bin")).Throttle(99, 503, s3Error("SlowDown"), nil)
	b := begin(t, l, day())
	defer b.Abort()
	_, err := b.Put(t.Context(), lake.Part{Name: "0.bin"}, strings.NewReader("x"))
	if !fault.Is(err, fault.Unavailable) || fault.Hint(err) == "" || len(waits) != 6 || waits[5] <= waits[0] {
		t.Errorf("throttled for ever: %v after waits of %v", err, waits)
	}
}

func TestCommitWhoseAnswerWasLostIsASuccess(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	proxy := newRoad(t, at)
	l := openS3(t, proxy.at, name)
	for _, first := range []bool{true, false} {
		proxy.fail(t, method("PUT", "manifest.json")).Cut(1, 0)
		m := keep(t, l, day(), "r", []byte(fmt.Sprint(first)))
		got, err := l.Manifest(t.Context(), day())
		if err != nil || got.Generation != m.Generation {
			t.Errorf("%+v, %v, want generation %s", got, err, m.Generation)
		}
	}
	if n := proxy.count("PUT", "manifest.json"); n != 4 {
		t.Errorf("the manifests were written with %d requests, want two tries for each", n)
	}
}

func TestOfTwoServersOneCommits(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	for _, earlier := range []bool{false, true} {
		one, other := openS3(t, at, name), openS3(t, at, name)
		k := day()
		if earlier {
			k.Node = "clicks"
			keep(t, one, k, "run-0", []byte("0"))
		}
		late := begin(t, other, k)
		if _, err := late.Put(t.Context(), lake.Part{Name: "a"}, strings.NewReader("2")); err != nil {
			t.Fatal(err)
		}
		m := keep(t, one, k, "run-1", []byte("1"))
		_, err := late.Commit(t.Context(), lake.Meta{Run: "run-2"})
		if !fault.Is(err, fault.Busy) || !strings.Contains(fmt.Sprint(err), "run-1") || fault.Hint(err) == "" {
			t.Errorf("the second commit: %v", err)
		}
		late.Abort()
		if got, err := other.Manifest(t.Context(), k); err != nil || got.Generation != m.Generation {
			t.Errorf("the day is %+v, %v", got, err)
		}
		if err := other.Verify(t.Context(), m); err != nil {
			t.Error(err)
		}
	}
}

func TestOfManyServersAtOnceOneCommits(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	var batches []lake.Batch
	for range 8 {
		b := begin(t, openS3(t, at, name), day())
		if _, err := b.Put(t.Context(), lake.Part{Name: "a"}, strings.NewReader("1")); err != nil {
			t.Fatal(err)
		}
		batches = append(batches, b)
	}
	won := make(chan lake.Manifest, len(batches))
	var wg sync.WaitGroup
	for i, b := range batches {
		wg.Go(func() {
			m, err := b.Commit(t.Context(), lake.Meta{Run: fmt.Sprint(i)})
			if err == nil {
				won <- m
			} else if !fault.Is(err, fault.Busy) {
				t.Error(err)
			}
			b.Abort()
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("%d commits of the same day", len(won))
	}
	m := <-won
	l := openS3(t, at, name)
	if got, err := l.Manifest(t.Context(), day()); err != nil || got.Generation != m.Generation || l.Verify(t.Context(), got) != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if left := tree(t, client(at), name); len(left) != 2 {
		t.Errorf("left: %q", left)
	}
}

func TestJournalThatOutlivesItsCommitIsSwept(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	proxy := newRoad(t, at)
	l := openS3(t, proxy.at, name)
	b, _, err := l.Resume(t.Context(), day(), "plan")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), lake.Part{Name: "a"}, strings.NewReader("1")); err != nil {
		t.Fatal(err)
	}
	proxy.fail(t, method("POST", "delete")).Throttle(99, 403, s3Error("AccessDenied"), nil)
	m, err := b.Commit(t.Context(), lake.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	proxy.calm()
	if left := tree(t, client(at), name); len(left) != 4 {
		t.Fatalf("left by the crash: %q", left)
	}
	l.Tune(5<<20, -time.Minute, nil)
	if err := l.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := tree(t, client(at), name); len(left) != 2 {
		t.Errorf("left: %q", left)
	}
	if err := l.Verify(t.Context(), m); err != nil {
		t.Error(err)
	}
}

func TestOpenBatchOutlivesTheRemovalOfItsDay(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	l := openS3(t, at, name)
	keep(t, l, day(), "r", []byte("1"))
	b := begin(t, l, day())
	defer b.Abort()
	if _, err := b.Put(t.Context(), lake.Part{Name: "a"}, strings.NewReader("2")); err != nil {
		t.Fatal(err)
	}
	if err := l.Remove(t.Context(), day()); err != nil {
		t.Fatal(err)
	}
	m, err := b.Commit(t.Context(), lake.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Verify(t.Context(), m); err != nil {
		t.Error(err)
	}
}

func TestBatchThatAnotherServerTookUpCannotBeCommitted(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	one, other := openS3(t, at, name), openS3(t, at, name)
	put := func(b lake.Batch, name string) error {
		_, err := b.Put(t.Context(), lake.Part{Name: name}, strings.NewReader(name))
		return err
	}
	resume := func(l lake.Lake) (lake.Batch, int) {
		b, kept, err := l.Resume(t.Context(), day(), "plan")
		if err != nil {
			t.Fatal(err)
		}
		return b, len(kept)
	}
	old, _ := resume(one)
	if err := put(old, "1"); err != nil {
		t.Fatal(err)
	}
	taken, kept := resume(other)
	if kept != 1 {
		t.Fatalf("%d objects were taken up", kept)
	}
	if _, err := old.Commit(t.Context(), lake.Meta{}); !fault.Is(err, fault.Busy) {
		t.Errorf("commit of who had it before: %v", err)
	}
	if err := put(taken, "2"); err != nil {
		t.Fatal(err)
	}
	if err := put(old, "3"); !fault.Is(err, fault.Busy) {
		t.Errorf("a note of who had it before: %v", err)
	}
	old.Abort() // takes nothing away that is not its own any more
	m, err := taken.Commit(t.Context(), lake.Meta{})
	if err != nil || len(m.Objects) != 2 {
		t.Fatalf("%+v, %v", m, err)
	}
	if err := one.Verify(t.Context(), m); err != nil {
		t.Error(err)
	}
}

func TestS3FaultsSayWhatToDo(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	proxy := newRoad(t, at)
	open := func(o lake.S3Options) *lake.S3 {
		o.Cache = filepath.Join(t.TempDir(), "cache")
		l, err := lake.OpenS3(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		l.Tune(5<<20, time.Hour, nil)
		return l
	}
	good := lake.S3Options{Address: "s3://" + name, Region: at.Region, Endpoint: proxy.at.Endpoint, AccessKey: at.AccessKey, SecretKey: at.SecretKey}
	with := func(change func(*lake.S3Options)) *lake.S3 {
		o := good
		change(&o)
		return open(o)
	}
	for _, c := range []struct {
		what, code, hint string
		l                *lake.S3
		status           int
		refusal          string
	}{
		{"no bucket", fault.NotFound, "create it", with(func(o *lake.S3Options) { o.Address = "s3://nosuchbucket" }), 0, ""},
		{"wrong secret", fault.Refused, "secret key", with(func(o *lake.S3Options) { o.SecretKey = "wrong-" + at.SecretKey }), 0, ""},
		{"unknown key", fault.Refused, "secret key", with(func(o *lake.S3Options) { o.AccessKey = "AKIDOTHER" }), 0, ""},
		{"no right", fault.Refused, "allow s3:", open(good), 403, "AccessDenied"},
		{"expired", fault.Refused, "sign in again", open(good), 400, "ExpiredToken"},
		{"another region", fault.Invalid, "region", open(good), 301, "PermanentRedirect"},
		{"clock", fault.Refused, "clock", open(good), 403, "RequestTimeTooSkewed"},
		{"busy", fault.Unavailable, "later", open(good), 503, "SlowDown"},
		{"away", fault.Unavailable, "later", with(func(o *lake.S3Options) { o.Endpoint = "http://127.0.0.1:1" }), 0, ""},
	} {
		proxy.calm()
		if c.status > 0 {
			proxy.fail(t, anything).Throttle(999, c.status, s3Error(c.refusal), nil)
		}
		_, manifest := c.l.Manifest(t.Context(), day())
		_, begin := c.l.Begin(t.Context(), day())
		_, keys := c.l.Keys(t.Context(), lake.Raw, "searches")
		for doing, err := range map[string]error{"manifest": manifest, "begin": begin, "keys": keys, "sweep": c.l.Sweep(t.Context()), "remove": c.l.Remove(t.Context(), day())} {
			if !fault.Is(err, c.code) || !strings.Contains(fault.Hint(err), c.hint) {
				t.Errorf("%s, %s: %v, want code %s and a hint of %q", c.what, doing, err, c.code, c.hint)
			}
			if strings.Contains(fmt.Sprint(err), at.SecretKey) {
				t.Errorf("%s, %s: the secret is in %v", c.what, doing, err)
			}
		}
	}
}

func TestS3SettingsAreChecked(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	for _, o := range []lake.S3Options{
		{}, {Address: "lake"}, {Address: "s3://"}, {Address: "s3://b/../c", Region: "us-east-1"}, {Address: "s3://b/c//d", Region: "us-east-1"},
		{Address: "s3://b"}, {Address: "s3://b", Region: "us-east-1", AccessKey: "a"},
	} {
		o.Cache = t.TempDir()
		if _, err := lake.OpenS3(context.Background(), o); !fault.Is(err, fault.Invalid) || fault.Hint(err) == "" {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
