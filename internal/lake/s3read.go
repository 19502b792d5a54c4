package lake

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"daybook/internal/fault"
)

// s3Reader reads an object once, from its beginning. Where the connection is cut it goes on behind what came; at the end the SHA-256
// must be the manifest's.
type s3Reader struct {
	ctx    context.Context
	lake   *S3
	of     Manifest
	object Object

	body io.ReadCloser
	tag  string
	n    int64
	hash hash.Hash
	cuts int // in a row that brought nothing
}

func (s *S3) open(ctx context.Context, m Manifest, o Object) (*s3Reader, error) {
	r := &s3Reader{ctx: ctx, lake: s, of: m, object: o, hash: sha256.New()}
	if err := r.ask(); err != nil {
		return nil, err
	}
	return r, nil
}

// ask opens what is left of the object.
func (r *s3Reader) ask() error {
	in := &s3.GetObjectInput{Bucket: &r.lake.bucket, Key: r.lake.key(r.of.Key().path(), r.of.Generation, r.object.Name)}
	if r.n > 0 {
		in.Range, in.IfMatch = aws.String(fmt.Sprintf("bytes=%d-", r.n)), &r.tag
	}
	var out *s3.GetObjectOutput
	err := r.lake.retry(r.ctx, func() (err error) { out, err = r.lake.client.GetObject(r.ctx, in); return err })
	switch length := aws.ToInt64; {
	case absent(err):
		return damaged(r.of, r.object, "it is gone")
	case contested(err):
		return damaged(r.of, r.object, "it was replaced while it was read")
	case err != nil:
		return fmt.Errorf("read %s of %s: %w", r.object.Name, r.of.Key(), r.lake.explain(err, "read", "s3:GetObject"))
	case r.n+length(out.ContentLength) != r.object.Bytes:
		return errors.Join(damaged(r.of, r.object, fmt.Sprintf("it has %d bytes, %d were written", r.n+length(out.ContentLength), r.object.Bytes)), out.Body.Close())
	}
	r.body, r.tag = out.Body, aws.ToString(out.ETag)
	return nil
}

// Read implements io.Reader.
func (r *s3Reader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	_, _ = r.hash.Write(p[:n]) // never fails
	r.n += int64(n)
	if n > 0 {
		r.cuts = 0
	}
	switch {
	case r.n > r.object.Bytes:
		return n, damaged(r.of, r.object, fmt.Sprintf("it has more than %d bytes", r.object.Bytes))
	case r.n == r.object.Bytes && (err != nil || n == 0): // how the connection ends then is no matter
		if got := digest(r.hash); got != r.object.SHA256 {
			return n, damaged(r.of, r.object, fmt.Sprintf("its SHA-256 is %s, %s was written", got, r.object.SHA256))
		}
		return n, io.EOF
	case err == nil:
		return n, nil
	case r.ctx.Err() != nil:
		return n, r.ctx.Err()
	}
	return n, r.goOn(err)
}

// goOn opens the rest behind a cut.
func (r *s3Reader) goOn(cut error) error {
	if r.cuts++; r.cuts >= attempts {
		return fault.Wrap(fault.Unavailable, cut, fmt.Sprintf("reading %s of %s was cut off again and again", r.object.Name, r.of.Key()), "run it again later")
	}
	_ = r.body.Close() // it has failed already
	if err := r.lake.waiting(r.ctx, firstPause<<(r.cuts-1)); err != nil {
		return err
	}
	return r.ask()
}

// Close implements io.Closer.
func (r *s3Reader) Close() error { return r.body.Close() }
