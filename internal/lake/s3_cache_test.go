package lake_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/testenv"
)

func TestObjectIsFetchedOnceForManyWhoWantItHere(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	proxy := newRoad(t, at)
	m := keep(t, openS3(t, at, name), day(), "r", noise(200_000))
	l := openS3(t, proxy.at, name)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			file, err := l.Local(t.Context(), m, "0.bin")
			if err != nil {
				t.Error(err)
				return
			}
			if b, err := os.ReadFile(file); err != nil || !bytes.Equal(b, noise(200_000)) {
				t.Errorf("%s: %d bytes, %v", file, len(b), err)
			}
		})
	}
	wg.Wait()
	if n := proxy.count("GET", "0.bin"); n != 1 {
		t.Errorf("it was fetched %d times", n)
	}
}

func TestLocalCopiesAreBoundedAndWhatIsInUseStays(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	options := lake.S3Options{Address: "s3://" + name + "/team/lake", Region: at.Region, Endpoint: at.Endpoint, AccessKey: at.AccessKey, SecretKey: at.SecretKey,
		Cache: filepath.Join(t.TempDir(), "cache"), CacheBytes: 250}
	open := func() *lake.S3 {
		l, err := lake.OpenS3(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := open()
	now := time.Now()
	l.CacheClock(func() time.Time { return now })
	m := keep(t, openS3(t, at, name), day(), "r", noise(101), noise(102), noise(103), noise(104))
	local := func(name string) string {
		t.Helper()
		file, err := l.Local(t.Context(), m, name)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	there := func(file string) bool { _, err := os.Stat(file); return err == nil }
	a, b := local("0.bin"), local("1.bin")
	c := local("2.bin")
	if !there(a) || !there(b) || !there(c) || l.CacheBytes() != 306 {
		t.Errorf("a copy went away right after it was handed out; the cache counts %d", l.CacheBytes())
	}
	now = now.Add(2 * time.Hour)
	local("0.bin")
	d := local("3.bin")
	if !there(a) || there(b) || there(c) || !there(d) || l.CacheBytes() != 205 {
		t.Errorf("used last: %t %t %t %t; the cache counts %d", there(a), there(b), there(c), there(d), l.CacheBytes())
	}
	if filepath.Base(a) != "0.bin" {
		t.Errorf("the copy %s does not have the object's name", a)
	}

	// Another process goes on with what is there, and believes no copy that was changed.
	if err := os.WriteFile(a, noise(101)[:100], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d, bytes.Repeat([]byte("x"), 104), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(options.Cache, "123.tmp"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	l = open()
	for i, name := range []string{"0.bin", "3.bin"} {
		got, err := os.ReadFile(local(name))
		if want := noise([]int{101, 104}[i]); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if there(filepath.Join(options.Cache, "123.tmp")) {
		t.Error("half a copy was left")
	}
}

func TestWhatWasStoredIsHereAlready(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	proxy := newRoad(t, at)
	l := openS3(t, proxy.at, name)
	b := begin(t, l, day())
	defer b.Abort()
	file := filepath.Join(t.TempDir(), "made.parquet")
	if err := os.WriteFile(file, []byte("PAR1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Adopt(t.Context(), "adopted", "", file, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), lake.Part{Name: "put"}, bytes.NewReader(noise(11<<20))); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), lake.Part{Name: "cut"}, iotest.TimeoutReader(bytes.NewReader(noise(1000)))); err == nil {
		t.Error("half an object was stored")
	}
	b = begin(t, l, day())
	defer b.Abort()
	if _, err := b.Put(t.Context(), lake.Part{Name: "put"}, bytes.NewReader(noise(11<<20))); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), lake.Part{Name: "adopted"}, strings.NewReader("PAR1")); err != nil {
		t.Fatal(err)
	}
	m, err := b.Commit(t.Context(), lake.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{"adopted": []byte("PAR1"), "put": noise(11 << 20)} {
		file, err := l.Local(t.Context(), m, name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	if n := proxy.count("GET", "/adopted") + proxy.count("GET", "/put"); n != 0 {
		t.Errorf("%d objects were fetched", n)
	}
	if l.CacheBytes() != 11<<20+4 {
		t.Errorf("the cache counts %d bytes", l.CacheBytes())
	}
	left, err := filepath.Glob(filepath.Join(l.CacheDir(), "*.tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestCopyThatCannotBeMadeIsTriedAgain(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	proxy := newRoad(t, at)
	m := keep(t, openS3(t, at, name), day(), "r", noise(1000))
	l := openS3(t, proxy.at, name)
	proxy.fail(t, method("GET", "0.bin")).Throttle(99, 403, s3Error("AccessDenied"), nil)
	if _, err := l.Local(t.Context(), m, "0.bin"); !fault.Is(err, fault.Refused) {
		t.Errorf("refused: %v", err)
	}
	proxy.calm()
	if _, err := l.Local(t.Context(), m, "0.bin"); err != nil {
		t.Error(err)
	}
}

func TestStagedDaysAreListedForHive(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	l, c := openS3(t, at, name), client(at)
	k := lake.Key{Layer: lake.Stage, Node: "searches", Day: day().Day}
	const list = "team/lake/hive/searches/day=2026-11-19/symlink.txt"
	stage := func() lake.Manifest {
		b := begin(t, l, k)
		defer b.Abort()
		for _, n := range []string{"data.parquet", "notes.txt"} {
			if _, err := b.Put(t.Context(), lake.Part{Name: n}, strings.NewReader(n)); err != nil {
				t.Fatal(err)
			}
		}
		m, err := b.Commit(t.Context(), lake.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	listed := func() string { return string(fetch(t, c, name, list)) }
	address := func(m lake.Manifest) string {
		return "s3://" + name + "/team/lake/stage/searches/day=2026-11-19/" + m.Generation + "/data.parquet\n"
	}
	first := stage()
	if d := cmp.Diff(address(first), listed()); d != "" {
		t.Error(d)
	}
	second := stage()
	if d := cmp.Diff(address(second), listed()); d != "" {
		t.Errorf("the second generation:\n%s", d)
	}
	erase(t, c, name, list) // as a crash right behind the commit leaves it
	if err := l.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(address(second), listed()); d != "" {
		t.Errorf("after the sweep:\n%s", d)
	}
}
