package publish

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"daybook/internal/fault"
)

// S3 publishes to files of S3: new objects under prefix/run=…/, which nobody looks for yet, and then one conditional PUT of
// prefix/latest.json, the list of them. Readers who go by latest.json see all of the old or all of the new. The objects of the edition
// before stay for those who still read them, older ones are removed; objects that no publish of this room wrote are left alone.
type S3 struct{}

// partBytes is how much text goes into an object.
const partBytes = 32 << 20

// Manifest is latest.json: what is published now.
type Manifest struct {
	Project     string           `json:"project,omitempty"`
	Publication string           `json:"publication"`
	Mart        string           `json:"mart"`
	Day         string           `json:"day"`
	Run         string           `json:"run"`
	Format      string           `json:"format"`
	Rows        int64            `json:"rows"`
	Columns     []ManifestColumn `json:"columns"`
	Objects     []ManifestObject `json:"objects"`
	Before      []string         `json:"before,omitempty"` // keys of the edition before, which the next publish removes
}

// ManifestColumn is a column of the objects, with the mart's engine type.
type ManifestColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// ManifestObject is an object of the bucket. SHA256 is of its bytes as stored.
type ManifestObject struct {
	Key    string `json:"key"`
	Rows   int64  `json:"rows"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Publish is Target.
func (S3) Publish(ctx context.Context, r Request) (Result, error) {
	l, err := layoutOf(r)
	if err != nil {
		return Result{}, err
	}
	c, err := awsConfig(ctx, r)
	if err != nil {
		return Result{}, err
	}
	s := &s3Run{request: r, layout: l, client: s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = r.Publication.AWS.Endpoint != "" })}
	var prefix string
	s.bucket, prefix, _ = strings.Cut(strings.TrimPrefix(dated(r.Publication.Path, r.Day), "s3://"), "/")
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	s.latest, s.runs = prefix+"latest.json", prefix+"run="
	s.next = Manifest{Project: r.Project, Publication: r.Publication.Name, Mart: r.Publication.Mart, Run: r.Run, Format: r.Publication.Format, Objects: []ManifestObject{}}
	if !r.Day.IsZero() {
		s.next.Day = r.Day.String()
	}
	for _, c := range l.columns {
		s.next.Columns = append(s.next.Columns, ManifestColumn{c.as, c.Type})
	}
	if err := s.read(ctx); err != nil {
		return Result{}, err
	}
	if err := s.write(ctx); err != nil {
		return Result{}, err
	}
	if err := shrunk(r, s.old.Rows, s.next.Rows, "rows"); err != nil {
		return Result{}, err
	}
	if err := s.replace(ctx); err != nil {
		return Result{}, err
	}
	if err := s.tidy(ctx); err != nil { // the content is right already
		r.Log("warn", "objects of earlier runs stay until the next publish: %v", err)
	}
	return Result{Sent: l.sent, Written: l.sent, Removed: s.old.Rows,
		Step: "one PUT of " + s.latest + ": readers who go by it see all of the old files or all of the new"}, nil
}

type s3Run struct {
	request Request
	layout  *layout
	client  *s3.Client
	bucket  string
	latest  string // key of the manifest
	runs    string // what the keys of objects begin with
	old     Manifest
	etag    *string // of the old manifest, nil when there is none
	next    Manifest
}

func (s *s3Run) doing(what, key string) string { return what + " s3://" + s.bucket + "/" + key }

// read learns what is published now.
func (s *s3Run) read(ctx context.Context) error {
	return again(ctx, s.request, s.doing("read", s.latest), func() error {
		s.old, s.etag = Manifest{}, nil
		got, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &s.latest})
		var none *types.NoSuchKey
		if errors.As(err, &none) {
			return nil
		}
		if err != nil {
			return err
		}
		defer got.Body.Close()
		body, err := io.ReadAll(got.Body)
		if err != nil {
			return err
		}
		s.etag = got.ETag
		if err := json.Unmarshal(body, &s.old); err != nil || s.old.Publication == "" {
			return invalid(s.request, fmt.Sprintf("s3://%s/%s is not a list of published files", s.bucket, s.latest), "give path: a place of its own, or delete that object")
		}
		return s.own()
	})
}

// own holds that the list is this publication's.
func (s *s3Run) own() error {
	s.next.Before = nil
	same := s.old.Publication == s.next.Publication && (s.old.Project == s.next.Project || s.old.Project == "")
	if same {
		for _, o := range s.old.Objects {
			s.next.Before = append(s.next.Before, o.Key)
		}
		return nil
	}
	if !s.request.Publication.TakesOver {
		return invalid(s.request, fmt.Sprintf("s3://%s/%s is the list of publication %s; nothing was changed", s.bucket, s.latest,
			strings.TrimPrefix(s.old.Project+"/"+s.old.Publication, "/")), takeOver)
	}
	s.old.Objects, s.old.Before = nil, nil // they are not ours to remove
	return nil
}

// write puts the rows into objects that no list names yet.
func (s *s3Run) write(ctx context.Context) error {
	w := &s3Part{run: s, under: s.runs + strings.ToLower(rand.Text()) + "/"}
	if err := w.begin(); err != nil {
		return err
	}
	distinct := s.layout.distinct()
	err := s.layout.each(ctx, func(row []any) error {
		if err := distinct(row); err != nil {
			return err
		}
		if err := w.add(row); err != nil {
			return err
		}
		if w.text < partBytes {
			return nil
		}
		if err := w.put(ctx); err != nil {
			return err
		}
		return w.begin()
	})
	if err != nil {
		return err
	}
	if w.rows > 0 || len(s.next.Objects) == 0 { // no rows are an object too: readers of CSV find its header
		if err := w.put(ctx); err != nil {
			return err
		}
	}
	for _, o := range s.next.Objects {
		s.next.Rows += o.Rows
	}
	if s.next.Rows != s.layout.sent {
		return counted(s.request, s.next.Rows, s.layout.sent)
	}
	return nil
}

// replace is the step that readers see.
func (s *s3Run) replace(ctx context.Context) error {
	body, err := json.MarshalIndent(s.next, "", "  ")
	if err != nil {
		return fmt.Errorf("write the list of files: %w", err)
	}
	in := &s3.PutObjectInput{Bucket: &s.bucket, Key: &s.latest, ContentType: aws.String("application/json"), CacheControl: aws.String("no-cache"), IfMatch: s.etag}
	if s.etag == nil {
		in.IfNoneMatch = aws.String("*")
	}
	return again(ctx, s.request, s.doing("write", s.latest), func() error {
		in.Body = bytes.NewReader(body)
		_, err := s.client.PutObject(ctx, in)
		if status(err) != http.StatusPreconditionFailed {
			return err
		}
		got, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &s.latest})
		if err != nil {
			return err
		}
		defer got.Body.Close()
		if there, err := io.ReadAll(got.Body); err != nil || bytes.Equal(there, body) { // an earlier try arrived, its answer did not
			return err
		}
		return fault.New(fault.Busy, "another publish took the place meanwhile", "run the publication again")
	})
}

// tidy removes the objects of the edition before the last, and those that publishes left which died a day ago or more.
func (s *s3Run) tidy(ctx context.Context) error {
	var found []types.Object
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &s.runs})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return awsFault(err, s.doing("list", s.runs))
		}
		found = append(found, page.Contents...)
	}
	for _, key := range leftover(s.runs, found, s.old.Before, s.next) {
		if _, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key}); err != nil {
			return awsFault(err, s.doing("delete", key))
		}
	}
	return nil
}

// writtenHere is what the keys of this room's objects look like behind run=.
var writtenHere = regexp.MustCompile(`^[a-z2-7]{26}/part-[0-9]{5,}\.(ndjson|csv)(\.gz)?$`)

// leftover lists those of the objects below runs that nobody needs: older is named by a list of this publication and no longer the edition
// before, or a publish that died wrote them at least a day before the objects of now, by the clock of the server. Others are not ours.
func leftover(runs string, found []types.Object, older []string, now Manifest) []string {
	kept := slices.Clone(now.Before)
	for _, o := range now.Objects {
		kept = append(kept, o.Key)
	}
	var latest time.Time
	for _, o := range found {
		if at := aws.ToTime(o.LastModified); slices.Contains(kept[len(now.Before):], *o.Key) && at.After(latest) {
			latest = at
		}
	}
	var out []string
	for _, o := range found {
		old := aws.ToTime(o.LastModified).Before(latest.Add(-24 * time.Hour))
		if writtenHere.MatchString(strings.TrimPrefix(*o.Key, runs)) && !slices.Contains(kept, *o.Key) && (old || slices.Contains(older, *o.Key)) {
			out = append(out, *o.Key)
		}
	}
	return out
}

// s3Part is an object that is being written.
type s3Part struct {
	run   *s3Run
	under string
	body  bytes.Buffer
	gzip  *gzip.Writer
	out   io.Writer
	csv   *csv.Writer
	rows  int64
	text  int // bytes before compression
}

// Write counts.
func (w *s3Part) Write(p []byte) (int, error) {
	w.text += len(p)
	return w.out.Write(p)
}

func (w *s3Part) begin() error {
	w.body.Reset()
	w.rows, w.text, w.out, w.gzip, w.csv = 0, 0, &w.body, nil, nil
	format := w.run.request.Publication.Format
	if strings.HasSuffix(format, ".gz") {
		w.gzip = gzip.NewWriter(&w.body)
		w.out = w.gzip
	}
	if !strings.HasPrefix(format, "csv") {
		return nil
	}
	w.csv = csv.NewWriter(w)
	var header []string
	for _, c := range w.run.layout.columns {
		header = append(header, c.as)
	}
	return w.csv.Write(header)
}

func (w *s3Part) add(row []any) error {
	w.rows++
	l := w.run.layout
	if w.csv == nil {
		var b bytes.Buffer
		if err := l.object(&b, row); err != nil {
			return err
		}
		b.WriteByte('\n')
		_, err := w.Write(b.Bytes())
		return err
	}
	fields := make([]string, len(row))
	for i, v := range row {
		if v != nil {
			fields[i] = plain(v, l.columns[i].Type)
		}
	}
	if err := w.csv.Write(fields); err != nil {
		return err
	}
	w.csv.Flush()
	return w.csv.Error()
}

func (w *s3Part) put(ctx context.Context) error {
	if w.csv != nil {
		w.csv.Flush()
	}
	if w.gzip != nil {
		if err := w.gzip.Close(); err != nil {
			return fmt.Errorf("compress: %w", err)
		}
	}
	s := w.run
	sum := sha256.Sum256(w.body.Bytes())
	o := ManifestObject{Key: fmt.Sprintf("%spart-%05d.%s", w.under, len(s.next.Objects), s.request.Publication.Format), Rows: w.rows, Bytes: w.body.Len(), SHA256: hex.EncodeToString(sum[:])}
	s.next.Objects = append(s.next.Objects, o)
	return again(ctx, s.request, s.doing("write", o.Key), func() error {
		_, err := s.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.bucket, Key: &o.Key, Body: bytes.NewReader(w.body.Bytes())})
		return err
	})
}
