package source_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
)

func TestObjectsOfABucketAreASource(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"logs/{day}.*.ndjson", "{yyyy}/{mm}/{dd}/*/part.ndjson"} {
		t.Run(pattern, func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T) sourcetest.World {
				p := newS3Place(t)
				return p.world(pattern, false, func(d calendar.Day, parts []string) {
					if len(parts) == 0 {
						parts = []string{""}
					}
					for i, text := range parts {
						p.put(strings.NewReplacer("{day}", d.String(), "{yyyy}", d.Format("2006"), "{mm}", d.Format("01"), "{dd}", d.Format("02"), "*", fmt.Sprint(i)).Replace(pattern), text)
					}
				})
			})
		})
	}
}

func TestObjectsOfAManifestAreASource(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"files", "entries"} {
		t.Run(form, func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T) sourcetest.World {
				p := newS3Place(t)
				return p.world("manifests/{day}.json", true, func(d calendar.Day, parts []string) {
					list := []map[string]any{}
					for i, text := range parts {
						key := fmt.Sprintf("data/%s/%d.ndjson", d, len(parts)-i) // not in the order of the list
						p.put(key, text)
						e := map[string]any{"url": "s3://" + p.bucket + "/" + key, "mandatory": true, "meta": map[string]any{"content_length": len(text)}}
						if form == "files" {
							e = map[string]any{"key": key, "size": len(text), "MD5checksum": fmt.Sprintf("%x", md5.Sum([]byte(text)))}
						}
						list = append(list, e)
					}
					b, err := json.Marshal(map[string]any{form: list})
					if err != nil {
						t.Fatal(err)
					}
					p.put("manifests/"+d.String()+".json", string(b))
				})
			})
		})
	}
}

// s3Sink keeps what comes, and is told before each object.
type s3Sink struct {
	before func()
	parts  []source.Part
	got    []string // name, origin and bytes
}

func (s *s3Sink) Put(_ context.Context, p source.Part, r io.Reader) error {
	if s.before != nil {
		s.before()
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	s.parts, s.got = append(s.parts, p), append(s.got, p.Name+" "+p.Origin+" "+b.String())
	return nil
}

func s3Friday() calendar.Day { return calendar.MustDay("2026-11-20") }

func TestObjectsComeByHourAndAbsentHoursAreNamed(t *testing.T) {
	t.Parallel()
	p := newS3Place(t)
	for _, h := range []int{0, 2, 9, 10, 23} {
		p.put(fmt.Sprintf("logs/2026-11-20/%d/b.ndjson", h), fmt.Sprint(h, "b"))
		p.put(fmt.Sprintf("logs/2026-11-20/%d/a.ndjson", h), fmt.Sprint(h, "a"))
	}
	p.put("logs/2026-11-20/7/.part.ndjson", "being written")
	p.put("logs/2026-11-20/7/", "") // a folder of the console
	p.put("logs/2026-11-21/7/a.ndjson", "another day")
	sink := &s3Sink{}
	result, err := source.S3{}.Fetch(t.Context(), p.request("logs/{day}/{hour}/*.ndjson", s3Friday()), sink)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, g := range sink.got {
		texts = append(texts, g[strings.LastIndex(g, " ")+1:])
	}
	if want := []string{"0a", "0b", "2a", "2b", "9a", "9b", "10a", "10b", "23a", "23b"}; !slices.Equal(texts, want) {
		t.Errorf("objects %q, want %q", texts, want)
	}
	if len(result.Missing) != 19 || result.Missing[0] != "hour 1: s3://"+p.bucket+"/logs/2026-11-20/1/*.ndjson" {
		t.Errorf("missing: %q", result.Missing)
	}
	if want := "0_a.ndjson s3://" + p.bucket + "/logs/2026-11-20/0/a.ndjson 0a"; sink.got[0] != want {
		t.Errorf("the first object is %q, want %q", sink.got[0], want)
	}
	r := p.request("logs/{day}*{hour}*/a.ndjson", s3Friday())
	if _, err := (source.S3{}).Fetch(t.Context(), r, &s3Sink{}); err == nil {
		t.Error("an object of two hours was taken")
	}
}

func TestCutConnectionGoesOnBehindWhatCameOfTheSameObject(t *testing.T) {
	t.Parallel()
	p := newS3Place(t)
	text := strings.Repeat("0123456789", 50_000)
	p.put("2026-11-20.ndjson", text)
	object := func(r *http.Request) bool { return strings.Contains(r.URL.Path, ".ndjson") }
	p.fail(object).Cut(3, 100_000)
	sink := &s3Sink{}
	if _, err := (source.S3{}).Fetch(t.Context(), p.request("{day}.ndjson", s3Friday()), sink); err != nil {
		t.Fatal(err)
	}
	if len(sink.got) != 1 || !strings.HasSuffix(sink.got[0], " "+text) {
		t.Error("the object is not whole")
	}
	p.fail(object).Cut(99, 0)
	if _, err := (source.S3{}).Fetch(t.Context(), p.request("{day}.ndjson", s3Friday()), &s3Sink{}); !fault.Is(err, fault.Unavailable) || fault.Hint(err) == "" {
		t.Errorf("always cut: %v", err)
	}

	// Behind the cut it is another object.
	cut := 0
	p.fail(func(r *http.Request) bool {
		if object(r) && r.Header.Get("Range") == "" {
			cut++
			return true
		}
		return false
	}).Cut(1, 100_000)
	r := p.request("{day}.ndjson", s3Friday())
	r.Wait = func(context.Context, time.Duration) error {
		p.put("2026-11-20.ndjson", strings.Repeat("x", len(text)))
		return nil
	}
	if _, err := (source.S3{}).Fetch(t.Context(), r, &s3Sink{}); !fault.Is(err, fault.Unavailable) || cut != 1 {
		t.Errorf("half of one object and half of another: %v after %d cuts", err, cut)
	}
}

func TestObjectThatIsReplacedBehindTheListingIsNotTaken(t *testing.T) {
	t.Parallel()
	p := newS3Place(t)
	p.put("2026-11-20/a.ndjson", "1\n")
	p.put("2026-11-20/b.ndjson", "2\n")
	sink := &s3Sink{}
	sink.before = func() { p.put("2026-11-20/b.ndjson", "3\n") }
	_, err := source.S3{}.Fetch(t.Context(), p.request("{day}/*.ndjson", s3Friday()), sink)
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(fmt.Sprint(err), "b.ndjson") || len(sink.got) != 1 {
		t.Errorf("%v, %q", err, sink.got)
	}
}

func TestKeptObjectThatIsAnotherNowEndsTheFetch(t *testing.T) {
	t.Parallel()
	for _, manifest := range []bool{false, true} {
		p := newS3Place(t)
		p.put("data/2026-11-20.a.ndjson", "1\n")
		p.put("data/2026-11-20.b.ndjson", "2\n")
		p.put("manifests/2026-11-20.json", `{"files": [{"key": "data/2026-11-20.a.ndjson"}, {"key": "data/2026-11-20.b.ndjson"}]}`)
		path := "data/{day}.*.ndjson"
		if manifest {
			path = "manifests/{day}.json"
		}
		fetch := func(kept ...source.Part) ([]source.Part, error) {
			r := p.request(path, s3Friday())
			r.Source.S3.Manifest, r.Kept = manifest, kept
			sink := &s3Sink{}
			_, err := source.S3{}.Fetch(t.Context(), r, sink)
			return sink.parts, err
		}
		parts, err := fetch()
		if err != nil || len(parts) != 2 {
			t.Fatal(parts, err)
		}
		if again, err := fetch(parts...); err != nil || len(again) > 0 {
			t.Errorf("everything was kept: %v, %v", again, err)
		}
		p.put("data/2026-11-20.a.ndjson", "5\n") // of the same length
		if _, err := fetch(parts[0]); !errors.Is(err, source.ErrChanged) {
			t.Errorf("manifest %t, replaced: %v", manifest, err)
		}
		if _, err := fetch(source.Part{Name: "gone.ndjson"}); !errors.Is(err, source.ErrChanged) {
			t.Errorf("manifest %t, not listed any more: %v", manifest, err)
		}
	}
}

func TestManifestSaysWhatMustBeThere(t *testing.T) {
	t.Parallel()
	p := newS3Place(t)
	p.put("data/a.ndjson", "1\n")
	for _, c := range []struct{ what, text, code, missing string }{
		{"optional object that is absent", `{"entries": [{"url": "s3://BUCKET/data/a.ndjson", "mandatory": true}, {"url": "s3://BUCKET/data/b.ndjson"}]}`, "", "s3://BUCKET/data/b.ndjson"},
		{"mandatory object that is absent", `{"entries": [{"url": "s3://BUCKET/data/a.ndjson"}, {"url": "s3://BUCKET/data/b.ndjson", "mandatory": true}]}`, fault.Damaged, ""},
		{"file that is absent", `{"files": [{"url": "s3://BUCKET/data/b.ndjson"}]}`, fault.Damaged, ""},
		{"only optional objects, all absent", `{"entries": [{"url": "s3://BUCKET/data/b.ndjson"}]}`, fault.Missing, ""},
		{"another length", `{"files": [{"key": "data/a.ndjson", "size": 3}]}`, fault.Damaged, ""},
		{"another length, of Redshift", `{"entries": [{"url": "s3://BUCKET/data/a.ndjson", "mandatory": true, "meta": {"content_length": 1}}]}`, fault.Damaged, ""},
		{"another MD5", `{"files": [{"key": "data/a.ndjson", "MD5checksum": "d41d8cd98f00b204e9800998ecf8427e"}]}`, fault.Damaged, ""},
		{"inventory", `{"sourceBucket": "x", "destinationBucket": "arn:aws:s3:::BUCKET", "fileFormat": "CSV", "files": [{"key": "data/a.ndjson", "size": 2, "MD5checksum": "b026324c6904b2a9cb4b88d6d61c81d1"}]}`, "", ""},
		{"listed twice", `{"files": [{"key": "data/a.ndjson"}, {"url": "s3://BUCKET/data/a.ndjson"}]}`, fault.Damaged, ""},
		{"another bucket", `{"files": [{"url": "s3://elsewhere/data/a.ndjson"}]}`, fault.Refused, ""},
		{"no JSON", `files:`, fault.Damaged, ""},
		{"something else", `{"rows": 1}`, fault.Damaged, ""},
		{"signed address", `{"files": [{"url": "https://BUCKET.s3.amazonaws.com/data/a.ndjson?X-Amz-Signature=0a1b2c"}]}`, fault.Damaged, ""},
		{"nothing", `{"files": []}`, "", ""},
	} {
		p.put("manifests/2026-11-20.json", strings.ReplaceAll(c.text, "BUCKET", p.bucket))
		r := p.request("manifests/{day}.json", s3Friday())
		r.Source.S3.Manifest = true
		result, err := source.S3{}.Fetch(t.Context(), r, &s3Sink{})
		if fault.Code(err) != c.code || c.code != "" && fault.Hint(err) == "" {
			t.Errorf("%s: %v, want code %q", c.what, err, c.code)
		}
		if got := strings.Join(result.Missing, ", "); c.code == "" && got != strings.ReplaceAll(c.missing, "BUCKET", p.bucket) {
			t.Errorf("%s: missing %q", c.what, got)
		}
		if strings.Contains(fmt.Sprint(err), "0a1b2c") {
			t.Errorf("%s: a signature is in %v", c.what, err)
		}
	}
}

func TestS3FaultsOfASourceSayWhatToDo(t *testing.T) {
	t.Parallel()
	p := newS3Place(t)
	p.put("2026-11-20.ndjson", "1\n")
	listing := func(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, "list-type=2") }
	object := func(r *http.Request) bool { return strings.Contains(r.URL.Path, ".ndjson") }
	for _, c := range []struct {
		status  int
		refusal string
		want    func(*http.Request) bool
		code    string
		hint    string
	}{
		{404, "NoSuchBucket", listing, fault.Invalid, "path"},
		{403, "AccessDenied", listing, fault.Refused, "s3:ListBucket"},
		{403, "AccessDenied", object, fault.Refused, "s3:GetObject"},
		{403, "SignatureDoesNotMatch", listing, fault.Refused, "secret key"},
		{403, "InvalidObjectState", object, fault.Unavailable, "restore"},
		{404, "NoSuchKey", object, fault.Unavailable, "again"},
		{301, "PermanentRedirect", listing, fault.Invalid, "region"},
		{503, "SlowDown", object, fault.Unavailable, "later"},
	} {
		p.fail(c.want).Throttle(99, c.status, s3Refusal(c.refusal), nil)
		_, err := source.S3{}.Fetch(t.Context(), p.request("{day}.ndjson", s3Friday()), &s3Sink{})
		if !fault.Is(err, c.code) || !strings.Contains(fault.Hint(err), c.hint) {
			t.Errorf("%s: %v, want code %s and a hint of %q", c.refusal, err, c.code, c.hint)
		}
	}
}

func TestManyObjectsAreListedPageByPage(t *testing.T) {
	t.Parallel()
	p := newS3Place(t)
	const n = 1203
	for i := range n {
		p.put(fmt.Sprintf("2026-11-20/%05d.ndjson", i), "")
	}
	sink := &s3Sink{}
	if _, err := (source.S3{}).Fetch(t.Context(), p.request("{day}/[0-9]*.ndjson", s3Friday()), sink); err != nil {
		t.Fatal(err)
	}
	if len(sink.parts) != n || sink.parts[n-1].Name != fmt.Sprintf("%05d.ndjson", n-1) {
		t.Errorf("%d objects", len(sink.parts))
	}
}

func TestRequesterPaysIsSaidInEveryRequest(t *testing.T) {
	t.Parallel()
	p := newS3Place(t)
	p.put("2026-11-20.ndjson", "1\n")
	silent := 0
	p.fail(func(r *http.Request) bool {
		if r.Header.Get("X-Amz-Request-Payer") != "requester" {
			silent++
		}
		return false
	})
	r := p.request("{day}.ndjson", s3Friday())
	r.Source.S3.RequesterPays = true
	if _, err := (source.S3{}).Fetch(t.Context(), r, &s3Sink{}); err != nil || silent > 0 {
		t.Errorf("%v, %d requests do not say it", err, silent)
	}
}

func TestSettingsOfS3AreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path, format, holds string
		s3                  project.S3
		want                string
	}{
		{path: "s3://bucket/logs/{day}/*.ndjson.gz"},
		{path: "s3://bucket/{yyyy}/{mm}/{dd}/{hour}.csv"},
		{path: "s3://bucket/books.parquet", holds: "snapshot"},
		{path: "s3://bucket/{day}/manifest.json", format: "csv", s3: project.S3{Manifest: true}},
		{path: "", want: "no path"},
		{path: "logs/{day}.csv", want: "no path"},
		{path: "s3://bucket", want: "no path"},
		{path: "s3://bucket/{day}/", want: "no path"},
		{path: "s3://{day}/a.csv", want: "no path"},
		{path: "s3://bucket/{date}.csv", want: "{date}"},
		{path: "s3://bucket/{day}[.csv", want: "not a pattern"},
		{path: "s3://bucket/a.csv", want: "same for every day"},
		{path: "s3://bucket/{day}.csv", holds: "snapshot", want: "snapshot has a day"},
		{path: "s3://bucket/{day}", want: "does not tell the format"},
		{path: "s3://bucket/{day}/manifest.json", s3: project.S3{Manifest: true}, want: "format"},
		{path: "s3://bucket/a.csv", holds: "snapshot", s3: project.S3{Events: "https://sqs.example.com/q"}, want: "event"},
	} {
		err := source.Validate(project.Source{From: "s3", File: "sources/a.yaml", Line: 1, Path: c.path, Format: c.format, Holds: c.holds, S3: c.s3})
		if c.want == "" {
			if err != nil {
				t.Errorf("path %q: %v", c.path, err)
			}
			continue
		}
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) || fault.Hint(err) == "" || !strings.HasPrefix(err.Error(), "sources/a.yaml:1: ") {
			t.Errorf("path %q: %v, want %q", c.path, err, c.want)
		}
	}
}
