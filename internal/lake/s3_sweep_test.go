package lake_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"daybook/internal/lake"
	"daybook/internal/testenv"
)

func TestSweepLeavesNothingOfCrashedBatchesInABucket(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	l, c := openS3(t, at, name), client(at)
	m := keep(t, l, day(), "r", []byte("1"))
	for _, k := range []lake.Key{day(), {Layer: lake.Stage, Node: "searches", Day: day().Day}, {Layer: lake.Editions, Node: "daily", Day: day().Day, Number: 1}} {
		if _, err := begin(t, l, k).Put(t.Context(), lake.Part{Name: "half"}, strings.NewReader("half")); err != nil {
			t.Fatal(err)
		}
	}
	unfinished, _, err := l.Resume(t.Context(), lake.Key{Layer: lake.Raw, Node: "clicks", Day: day().Day}, "plan")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unfinished.Put(t.Context(), lake.Part{Name: "1"}, strings.NewReader("1")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &name, Key: aws.String("team/lake/raw/searches/half")}); err != nil {
		t.Fatal(err)
	}
	store(t, c, name, "team/lake/raw/searches/of a person.txt", nil)
	before := tree(t, c, name)
	if err := l.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, tree(t, c, name)); d != "" {
		t.Errorf("the sweep took what another server may be at work on:\n%s", d)
	}
	l.Tune(5<<20, -time.Minute, nil)
	if err := l.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := tree(t, c, name)
	if slices.ContainsFunc(left, func(k string) bool { return strings.HasSuffix(k, "/half") }) || len(left) != len(before)-3 {
		t.Errorf("left: %q", left)
	}
	uploads, err := c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &name})
	if err != nil || len(uploads.Uploads) > 0 {
		t.Errorf("unfinished uploads are left: %+v, %v", uploads, err)
	}
	if err := l.Verify(t.Context(), m); err != nil {
		t.Error(err)
	}
}

func TestSweepLeavesADayOfABucketWhoseManifestItCannotRead(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	l, c := openS3(t, at, name), client(at)
	l.Tune(5<<20, -time.Minute, nil)
	keep(t, l, day(), "r", []byte("1"))
	if _, err := begin(t, l, day()).Put(t.Context(), lake.Part{Name: "half"}, strings.NewReader("half")); err != nil {
		t.Fatal(err)
	}
	store(t, c, name, "team/lake/raw/searches/day=2026-11-19/manifest.json", []byte("{"))
	before := tree(t, c, name)
	err := l.Sweep(t.Context())
	if !strings.Contains(fmt.Sprint(err), "raw/searches/day=2026-11-19/manifest.json") {
		t.Errorf("the sweep does not name the manifest: %v", err)
	}
	if d := cmp.Diff(before, tree(t, c, name)); d != "" {
		t.Errorf("the sweep touched the day:\n%s", d)
	}
	m := keep(t, l, day(), "r", []byte("2")) // running the day again heals it
	if err := errors.Join(l.Sweep(t.Context()), l.Verify(t.Context(), m)); err != nil {
		t.Error(err)
	}
	if left := tree(t, c, name); len(left) != 2 {
		t.Errorf("left: %q", left)
	}
}

func TestRemoveTakesEverythingOfADayOutOfABucket(t *testing.T) {
	t.Parallel()
	at, name := testenv.Bucket(t)
	l, c := openS3(t, at, name), client(at)
	many := make([][]byte, 1100) // more than are deleted at once
	if testing.Short() {
		many = many[:10]
	}
	k := lake.Key{Layer: lake.Stage, Node: "searches", Day: day().Day}
	keep(t, l, k, "r", many...)
	keep(t, l, k, "r", []byte("2"))
	if err := l.Remove(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	if left := tree(t, c, name); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
