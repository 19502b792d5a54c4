package publish_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/publish"
	"daybook/internal/publish/publishtest"
)

func TestS3DoesWhatTargetsMust(t *testing.T) {
	t.Parallel()
	publishtest.Run(t, func(t *testing.T) publishtest.World { return s3World(t).World })
}

type s3Place struct {
	publishtest.World
	client *s3.Client
	bucket string
}

func s3World(t *testing.T) s3Place {
	at, bucket := bucket(t)
	proxy := publishtest.NewProxy(t, strings.TrimPrefix(at.Endpoint, "http://"))
	p := s3Place{client: at.s3(), bucket: bucket}
	publication := func(mode string) project.Publication {
		path := "s3://" + bucket + "/out/items"
		if mode == "day" {
			path += "/{day}"
		}
		return project.Publication{Name: "items", Mart: "items", To: "s3", Mode: mode, Path: path, Format: "ndjson.gz",
			AWS: project.AWS{Region: at.Region, Endpoint: "http://" + proxy.Addr, AccessKey: "env:ID", SecretKey: "env:KEY"}}
	}
	p.World = publishtest.World{
		To: "s3", Modes: []string{"swap", "day"}, Secrets: map[string]string{"env:ID": at.AccessKey, "env:KEY": at.SecretKey}, Secret: at.SecretKey, Proxy: proxy, Atomic: true, Publication: publication,
		Read: func(mode string, d calendar.Day) []string {
			prefix := "out/items/"
			if mode == "day" {
				prefix += d.String() + "/"
			}
			for {
				out, err := p.read(t, prefix)
				var none *types.NoSuchKey
				if !errors.As(err, &none) { // a list of two editions ago
					if err != nil {
						t.Error(err)
					}
					return out
				}
			}
		},
		Denied: func(mode string) (project.Publication, map[string]string) {
			return publication(mode), map[string]string{"env:ID": at.AccessKey, "env:KEY": "wrong-" + at.SecretKey}
		},
	}
	return p
}

func (p s3Place) object(t *testing.T, key string) ([]byte, error) {
	got, err := p.client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &p.bucket, Key: &key})
	if err != nil {
		return nil, err
	}
	defer got.Body.Close()
	return io.ReadAll(got.Body)
}

func (p s3Place) read(t *testing.T, prefix string) ([]string, error) {
	list, err := p.object(t, prefix+"latest.json")
	if err != nil {
		return nil, err
	}
	var m publish.Manifest
	if err := json.Unmarshal(list, &m); err != nil {
		return nil, err
	}
	var out []string
	for _, o := range m.Objects {
		body, err := p.object(t, o.Key)
		if err != nil {
			return nil, err
		}
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		lines, err := io.ReadAll(z)
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(lines) {
			out = append(out, readObject(t, line))
		}
	}
	if int64(len(out)) != m.Rows {
		t.Errorf("latest.json says %d rows, its objects have %d", m.Rows, len(out))
	}
	slices.Sort(out)
	return out, nil
}

func (p s3Place) keys(t *testing.T) []string {
	t.Helper()
	list, err := p.client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &p.bucket})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, o := range list.Contents {
		keys = append(keys, *o.Key)
	}
	return keys
}

func (p s3Place) put(t *testing.T, key, body string) {
	t.Helper()
	if _, err := p.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &p.bucket, Key: &key, Body: strings.NewReader(body)}); err != nil {
		t.Fatal(err)
	}
}

func (p s3Place) latest(t *testing.T) publish.Manifest {
	t.Helper()
	list, err := p.object(t, "out/items/latest.json")
	if err != nil {
		t.Fatal(err)
	}
	var m publish.Manifest
	if err := json.Unmarshal(list, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func (p s3Place) books(format string) publish.Request {
	r := p.Request("swap", day)
	r.Publication.Format, r.Columns, r.Keys = format, books, nil
	return r
}

func TestS3KeepsTheEditionBeforeAndRemovesOlderOnes(t *testing.T) {
	t.Parallel()
	p := s3World(t)
	others := []string{"out/items/notes.txt", "out/items/run=2024-01-01/part-00000.ndjson", "out/items/run=2024-01-01/part-0.parquet"}
	for _, key := range others {
		p.put(t, key, "not ours")
	}
	r := p.books("ndjson")
	for range 4 {
		must(t, with(r, []any{day, "a", int64(1), 0.5}))
	}
	keys := p.keys(t)
	for _, key := range others {
		if !slices.Contains(keys, key) {
			t.Errorf("%s of another was removed", key)
		}
	}
	if len(keys) != len(others)+3 {
		t.Errorf("%q", keys)
	}
}

func TestS3ListOfAnotherPublicationIsNotReplacedUnasked(t *testing.T) {
	t.Parallel()
	p := s3World(t)
	r := p.books("ndjson")
	must(t, with(r, []any{day, "a", int64(1), 0.5}))
	other := p.latest(t).Objects[0].Key
	r.Publication.Name, r.Project = "books", "library"
	refused(t, with(r, []any{day, "z", int64(1), 0.5}), fault.Invalid, ".json is the list of publication items")
	r.Publication.TakesOver = true
	for range 3 {
		must(t, with(r, []any{day, "z", int64(1), 0.5}))
	}
	r.Publication.TakesOver = false
	must(t, with(r, []any{day, "z", int64(1), 0.5}))
	if _, err := p.object(t, other); err != nil {
		t.Errorf("an object of the other publication: %v", err)
	}
	r.Project = "shop"
	refused(t, with(r), fault.Invalid, "publication library/books")
}

func TestS3ListThatWouldShrinkStays(t *testing.T) {
	t.Parallel()
	p := s3World(t)
	r := p.books("ndjson")
	r.Publication.Shrink = 0.5
	row := []any{day, "a", int64(1), 0.5}
	must(t, with(r, row, row, row, row))
	must(t, with(r, row, row))
	refused(t, with(r), fault.CheckFailed, "2 rows and would have 0", "50%")
	if got := p.latest(t).Rows; got != 2 {
		t.Errorf("%d rows are published", got)
	}
}

func TestS3WritesCSVWithAHeaderInEachObject(t *testing.T) {
	t.Parallel()
	p := s3World(t)
	must(t, with(p.books("csv"), []any{day, "a \"quoted\",\nline", int64(1), math.NaN()}, []any{day, nil, int64(2), 0.5}))
	m := p.latest(t)
	body, err := p.object(t, m.Objects[0].Key)
	if want := "day,isbn,loans,rate\n2026-11-19,\"a \"\"quoted\"\",\nline\",1,NaN\n2026-11-19,,2,0.5\n"; err != nil || string(body) != want {
		t.Errorf("%q %v", body, err)
	}
	sum := sha256.Sum256(body)
	if o := m.Objects[0]; m.Rows != 2 || o.Rows != 2 || o.Bytes != len(body) || o.SHA256 != hex.EncodeToString(sum[:]) || m.Day != "2026-11-19" || len(m.Columns) != 4 {
		t.Errorf("%+v", m)
	}
}

func TestS3CutsManyRowsIntoSeveralObjects(t *testing.T) {
	t.Parallel()
	p := s3World(t)
	var rows [][]any
	for i := range 80 {
		rows = append(rows, []any{day, strings.Repeat("x", 1<<20), int64(i), 0.5})
	}
	must(t, with(p.books("ndjson.gz"), rows...))
	if m := p.latest(t); len(m.Objects) != 3 || m.Rows != 80 {
		t.Errorf("%d objects, %d rows", len(m.Objects), m.Rows)
	}
}

func TestS3RefusesWhenAnotherPublishTookThePlace(t *testing.T) {
	t.Parallel()
	p := s3World(t)
	r := with(p.books("ndjson"), []any{day, "a", int64(1), 0.5})
	must(t, r)
	inner := r.Rows
	r.Rows = func(yield func([]any, error) bool) {
		p.put(t, "out/items/latest.json", "{}") // while this one is on its way
		inner(yield)
	}
	refused(t, r, fault.Busy, "another publish")
	p.put(t, "out/items/latest.json", "<html>")
	refused(t, with(r), fault.Invalid, "not a list of published files")
}
