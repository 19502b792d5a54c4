package lake_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/testenv"
)

// halt makes a road call meanwhile before the first request that want takes goes on.
func halt(r *road, want func(*http.Request) bool, meanwhile func()) {
	var once sync.Once
	r.mu.Lock()
	defer r.mu.Unlock()
	r.by, r.broken = nil, 0
	r.trouble = func(q *http.Request) bool {
		if want(q) {
			once.Do(func() {
				r.mu.Unlock() // other requests pass while this one stands
				defer r.mu.Lock()
				meanwhile()
			})
		}
		return false
	}
}

func putText(t *testing.T, b lake.Batch, name, text string) {
	t.Helper()
	if _, err := b.Put(t.Context(), lake.Part{Name: name}, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
}

// intact fails unless a key holds a manifest with all its objects.
func intact(t *testing.T, l lake.Lake, want lake.Manifest) {
	t.Helper()
	got, err := l.Manifest(t.Context(), want.Key())
	if err != nil || got.Generation != want.Generation {
		t.Fatalf("the lake has %+v, %v, want generation %s", got, err, want.Generation)
	}
	if err := l.Verify(t.Context(), got); err != nil {
		t.Error(err)
	}
}

func TestResumeWhileAnotherProcessCommitsLosesNothing(t *testing.T) {
	t.Parallel()
	for _, plan := range []string{"plan", "other"} {
		for _, end := range []string{"abort", "commit"} {
			t.Run(plan+" "+end, func(t *testing.T) {
				t.Parallel()
				at, name := testenv.Bucket(t)
				roadA, roadB := newRoad(t, at), newRoad(t, at)
				a, b := openS3(t, roadA.at, name), openS3(t, roadB.at, name)
				ours, _, err := a.Resume(t.Context(), day(), "plan")
				if err != nil {
					t.Fatal(err)
				}
				putText(t, ours, "1", "bytes 1")
				putText(t, ours, "2", "bytes 2")
				ready, committed, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
				halt(roadB, func(q *http.Request) bool {
					return q.Method == "GET" && strings.Contains(q.URL.Query().Get("prefix"), ".parts/")
				}, func() { close(ready); <-committed })
				var theirs lake.Batch
				halt(roadA, method("PUT", "/manifest.json"), func() {
					go func() {
						defer close(done)
						theirs, _, err = b.Resume(t.Context(), day(), plan)
					}()
					select {
					case <-ready:
					case <-time.After(30 * time.Second):
						t.Error("the other process did not get as far")
					}
				})
				m, commitErr := ours.Commit(t.Context(), lake.Meta{Run: "A"})
				close(committed)
				<-done
				if commitErr != nil || err != nil {
					t.Fatal(commitErr, err)
				}
				intact(t, a, m)
				putText(t, theirs, "3", "bytes 3")
				if end == "commit" {
					if _, err := theirs.Commit(t.Context(), lake.Meta{Run: "B"}); !fault.Is(err, fault.Busy) {
						t.Errorf("the commit of who came second: %v", err)
					}
				}
				theirs.Abort()
				b.Tune(5<<20, -time.Minute, nil)
				if err := b.Sweep(t.Context()); err != nil {
					t.Error(err)
				}
				intact(t, a, m)
			})
		}
	}
}

func TestCommitWithoutAnAnswerIsNotThrownAway(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	road := newRoad(t, at)
	l := openS3(t, road.at, name)
	b := begin(t, l, day())
	putText(t, b, "a", "1")
	ctx, cancel := context.WithCancel(t.Context())
	l.Tune(5<<20, 24*time.Hour, func(time.Duration) { cancel() })
	road.fail(t, method("PUT", "/manifest.json")).Cut(99, 0)
	if _, err := b.Commit(ctx, lake.Meta{}); err == nil {
		t.Fatal("the commit has an answer")
	}
	road.calm()
	b.Abort()
	m, err := l.Manifest(t.Context(), day())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Verify(t.Context(), m); err != nil {
		t.Error(err)
	}
}

func TestSweepOfABucketWithoutPrefixLeavesUploadsOfOthers(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	c := client(at)
	l, err := lake.OpenS3(t.Context(), lake.S3Options{Address: "s3://" + name, Region: at.Region, Endpoint: at.Endpoint, AccessKey: at.AccessKey, SecretKey: at.SecretKey, Cache: filepath.Join(t.TempDir(), "cache")})
	if err != nil {
		t.Fatal(err)
	}
	l.Tune(5<<20, -time.Hour, nil)
	for _, key := range []string{"backups/other-team.tar", "rawhide/a", "stage/searches/day=2026-11-19/half"} {
		if _, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &name, Key: &key}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	out, err := c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &name})
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, u := range out.Uploads {
		left = append(left, *u.Key)
	}
	slices.Sort(left)
	if want := []string{"backups/other-team.tar", "rawhide/a"}; !slices.Equal(left, want) {
		t.Errorf("uploads left: %q, want %q", left, want)
	}
}

func TestGenerationCommittedDuringASweepStays(t *testing.T) {
	t.Parallel()
	for _, earlier := range []bool{false, true} {
		for what, look := range map[string]func(*http.Request) bool{ // what the sweep does between its listing and a deletion
			"listing of the day":      method("GET", "searches%2Fday%3D2026-11-19%2F"),
			"reading of its manifest": method("GET", "/manifest.json"),
		} {
			at, name := testenv.Bucket(t)
			road := newRoad(t, at)
			l, other := openS3(t, road.at, name), openS3(t, at, name)
			var first, m lake.Manifest
			if earlier {
				first = keep(t, other, day(), "r", []byte("0"))
			}
			b := begin(t, other, day())
			putText(t, b, "a", "1")
			l.Tune(5<<20, -time.Minute, nil)
			halt(road, look, func() {
				var err error
				if m, err = b.Commit(t.Context(), lake.Meta{}); err != nil {
					t.Error(err)
				}
			})
			if err := l.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
			if m.Generation == "" {
				t.Errorf("%s: there was none", what)
				continue
			}
			intact(t, l, m)
			if earlier {
				if err := l.Verify(t.Context(), first); err != nil {
					t.Errorf("%s: the earlier generation: %v", what, err)
				}
			}
		}
	}
}

func TestRemovalDuringACommitIsRefused(t *testing.T) {
	t.Parallel()
	k := lake.Key{Layer: lake.Stage, Node: "searches", Day: day().Day}
	for what, at := range map[string]func(*http.Request) bool{
		"before the list of Hive goes": method("POST", "delete"),
		"before the manifest goes":     method("DELETE", "/manifest.json"),
	} {
		s3, name := testenv.Bucket(t)
		road := newRoad(t, s3)
		l, other := openS3(t, road.at, name), openS3(t, s3, name)
		keep(t, other, k, "r", []byte("0"))
		var m lake.Manifest
		halt(road, at, func() { m = keep(t, other, k, "r", []byte("1")) })
		if err := l.Remove(t.Context(), k); !fault.Is(err, fault.Busy) || fault.Hint(err) == "" {
			t.Errorf("%s: %v", what, err)
		}
		intact(t, l, m)
		if keys := tree(t, client(s3), name); !slices.Contains(keys, "team/lake/hive/searches/day=2026-11-19/symlink.txt") {
			t.Errorf("%s: the list is gone: %q", what, keys)
		}
	}
}

func TestListThatComesLateDoesNotReplaceANewerOne(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	c := client(at)
	const list = "team/lake/hive/searches/day=2026-11-19/symlink.txt"
	k := lake.Key{Layer: lake.Stage, Node: "searches", Day: day().Day}
	stage := func(l lake.Lake) lake.Manifest {
		b := begin(t, l, k)
		putText(t, b, "data.parquet", "1")
		m, err := b.Commit(t.Context(), lake.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	road := newRoad(t, at)
	l, other := openS3(t, road.at, name), openS3(t, at, name)
	for range 2 { // where there is no list yet, and where there is one
		var m lake.Manifest
		halt(road, method("PUT", "symlink.txt"), func() { m = stage(other) })
		stage(l)
		if got := string(fetch(t, c, name, list)); !strings.Contains(got, m.Generation) {
			t.Errorf("the list is %q, committed is %s", got, m.Generation)
		}
	}
	before := fetch(t, c, name, list)
	store(t, c, name, list, []byte("s3://elsewhere/stale.parquet\n")) // newer than the manifest, and not of it
	if err := l.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := fetch(t, c, name, list); string(got) != string(before) {
		t.Errorf("after the sweep the list is %q", got)
	}
}

// own opens a lake of the same bucket for a process.
func own(t *testing.T, at testenv.AWS, bucket string, who lake.Owner, patience time.Duration) (*lake.S3, func() error, error) {
	t.Helper()
	l := openS3(t, at, bucket)
	l.Patience(patience)
	release, err := l.Own(t.Context(), who)
	if err == nil {
		t.Cleanup(func() { _ = release() })
	}
	return l, release, err
}

func TestLakeIsReadOnlyForWhoDoesNotOwnIt(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	m := keep(t, openS3(t, at, name), day(), "r", []byte("1"))
	l := openS3(t, at, name)
	l.Patience(time.Minute)
	before := tree(t, client(at), name)
	_, begun := l.Begin(t.Context(), day())
	_, _, resumed := l.Resume(t.Context(), day(), "plan")
	for _, err := range []error{begun, resumed, l.Remove(t.Context(), day()), l.Sweep(t.Context())} {
		if !fault.Is(err, fault.Refused) {
			t.Errorf("a write without an owner: %v", err)
		}
	}
	intact(t, l, m)
	if after := tree(t, client(at), name); !slices.Equal(before, after) {
		t.Errorf("the bucket has %q, had %q", after, before)
	}
}

func TestSecondOwnerIsRefusedUntilTheFirstGivesTheLakeBack(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	one, release, err := own(t, at, name, lake.Owner{Name: "serve on report-1", Home: "a"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	m := keep(t, one, day(), "r", []byte("1"))
	_, _, err = own(t, at, name, lake.Owner{Name: "serve on report-2", Home: "b"}, time.Minute)
	if !fault.Is(err, fault.Busy) || !strings.Contains(err.Error(), "serve on report-1") || fault.Hint(err) == "" {
		t.Errorf("the second: %v", err)
	}
	if err := errors.Join(release(), release()); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Begin(t.Context(), day()); !fault.Is(err, fault.Refused) {
		t.Errorf("a write behind the release: %v", err)
	}
	two, _, err := own(t, at, name, lake.Owner{Name: "serve on report-2", Home: "b"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	intact(t, two, m)
	keep(t, two, day(), "r", []byte("2"))
}

func TestSilentOwnerIsFollowedAndWritesNothingMore(t *testing.T) {
	t.Parallel()
	for what, home := range map[string]string{"silent": "b", "an earlier process of the same home": "a"} {
		at, name := testenv.Bucket(t)
		patience := time.Hour
		if home == "b" {
			patience = -time.Minute // every owner is silent
		}
		one, release, err := own(t, at, name, lake.Owner{Name: "one", Home: "a"}, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		old := keep(t, one, day(), "r", []byte("0"))
		open, _, err := one.Resume(t.Context(), day(), "plan")
		if err != nil {
			t.Fatal(err)
		}
		putText(t, open, "a", "1")
		two, _, err := own(t, at, name, lake.Owner{Name: "two", Home: home}, patience)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if err := one.Proof(t.Context(), 0); !fault.Is(err, fault.Busy) || !strings.Contains(err.Error(), "taken over by two") {
			t.Errorf("%s: a sign of life of who was followed: %v", what, err)
		}
		_, commit := open.Commit(t.Context(), lake.Meta{})
		for _, err := range []error{commit, one.Remove(t.Context(), day()), one.Sweep(t.Context())} {
			if !fault.Is(err, fault.Busy) {
				t.Errorf("%s: %v", what, err)
			}
		}
		open.Abort()
		if err := release(); err != nil {
			t.Error(err)
		}
		intact(t, two, old)
		b, kept, err := two.Resume(t.Context(), day(), "plan")
		if err != nil {
			t.Fatal(err)
		}
		if len(kept) != 1 {
			t.Errorf("%s: %d objects were taken up", what, len(kept))
		}
		b.Abort()
		if err := two.Proof(t.Context(), 0); err != nil {
			t.Errorf("%s: who was refused harmed the owner: %v", what, err)
		}
	}
}

func TestSignOfLifeWhoseAnswerWasLostIsOne(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	road := newRoad(t, at)
	l, _, err := own(t, road.at, name, lake.Owner{Name: "one"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	road.fail(t, method("PUT", "owner.json")).Cut(1, 0)
	if err := l.Proof(t.Context(), 0); err != nil {
		t.Error(err)
	}
	road.fail(t, method("PUT", "owner.json")).Throttle(99, 503, s3Error("SlowDown"), nil)
	b := begin(t, l, day())
	defer b.Abort()
	if err := l.Proof(t.Context(), 0); !fault.Is(err, fault.Unavailable) {
		t.Errorf("S3 that does not answer: %v", err)
	}
	road.calm()
	putText(t, b, "a", "1") // a silence that nobody used is none
	if _, err := b.Commit(t.Context(), lake.Meta{}); err != nil {
		t.Error(err)
	}
}

func TestOfManyProcessesAtOnceOneOwnsTheLake(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	results := make(chan error, 8)
	for range cap(results) {
		l := openS3(t, at, name)
		l.Patience(time.Minute)
		go func() {
			release, err := l.Own(t.Context(), lake.Owner{Name: "one of them"})
			if err == nil {
				t.Cleanup(func() { _ = release() })
			}
			results <- err
		}()
	}
	owners := 0
	for range cap(results) {
		err := <-results
		if err == nil {
			owners++
		} else if !fault.Is(err, fault.Busy) {
			t.Error(err)
		}
	}
	if owners != 1 {
		t.Errorf("%d own it", owners)
	}
}
