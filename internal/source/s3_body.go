package source

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"daybook/internal/fault"
)

// s3Cuts is how often in a row a connection may end without having brought anything.
const s3Cuts = 6

// s3Body reads an object from its beginning to its end, and goes on behind what came where the connection is cut. The bytes are those of
// one object: the one that was listed, or that the first answer brought.
type s3Body struct {
	ctx    context.Context
	fetch  *s3Fetch
	object s3Object
	body   io.ReadCloser
	n      int64
	cuts   int
	sum    hash.Hash
}

func (f *s3Fetch) open(ctx context.Context, o s3Object) (*s3Body, error) {
	b := &s3Body{ctx: ctx, fetch: f, object: o, sum: md5.New()}
	if err := b.ask(); err != nil {
		return nil, err
	}
	return b, nil
}

// ask asks for what is left of the object.
func (b *s3Body) ask() error {
	o := &b.object
	in := &s3.GetObjectInput{Bucket: &o.bucket, Key: &o.key, RequestPayer: b.fetch.payer}
	if o.tag != "" {
		in.IfMatch = &o.tag
	}
	if b.n > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", b.n))
	}
	var out *s3.GetObjectOutput
	err := awsAsk(b.ctx, b.fetch.r, "read s3://"+o.path(), func(ctx context.Context) (err error) {
		out, err = b.fetch.client.GetObject(ctx, in)
		return b.fetch.explain(err, "s3:GetObject")
	})
	if fault.Is(err, fault.NotFound) && !o.optional {
		if !o.listed && b.n == 0 {
			return fault.Wrap(fault.Damaged, err, "the manifest lists s3://"+o.path()+", which is not there", "have its writer complete the day, then run it again")
		}
		return fault.Wrap(fault.Unavailable, err, "s3://"+o.path()+" went away while the day was read", "run the day again")
	}
	if err != nil {
		return err
	}
	length := b.n + aws.ToInt64(out.ContentLength)
	if o.size >= 0 && length != o.size {
		return errors.Join(fault.New(fault.Damaged, fmt.Sprintf("s3://%s has %d bytes, %d were promised", o.path(), length, o.size), "have its writer complete it, then run the day again"), out.Body.Close())
	}
	b.body, o.tag, o.size = out.Body, aws.ToString(out.ETag), length
	return nil
}

// Read implements io.Reader.
func (b *s3Body) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	_, _ = b.sum.Write(p[:n]) // never fails
	b.n += int64(n)
	if n > 0 {
		b.cuts = 0
	}
	whole := b.n == b.object.size
	switch {
	case err == nil:
		return n, nil
	case b.ctx.Err() != nil:
		return n, b.ctx.Err()
	case errors.Is(err, io.EOF) && whole:
		if got := hex.EncodeToString(b.sum.Sum(nil)); b.object.md5 != "" && !strings.EqualFold(got, b.object.md5) {
			return n, fault.New(fault.Damaged, fmt.Sprintf("s3://%s has the MD5 %s, the manifest says %s", b.object.path(), got, b.object.md5), "have its writer write it again, then run the day again")
		}
		return n, io.EOF
	case whole:
		return n, fault.Wrap(fault.Damaged, err, "s3://"+b.object.path()+" did not come as it was stored", "run the day again")
	}
	return n, b.goOn(err)
}

// goOn asks for the rest behind a cut.
func (b *s3Body) goOn(cut error) error {
	if b.cuts++; b.cuts > s3Cuts {
		return fault.Wrap(fault.Unavailable, cut, "reading s3://"+b.object.path()+" was cut off again and again", "run the day again when the network is well")
	}
	_ = b.body.Close() // it has failed already
	if err := b.fetch.r.Wait(b.ctx, awsPause(b.fetch.r, b.cuts, cut)); err != nil {
		return err
	}
	return b.ask()
}

// Close implements io.Closer.
func (b *s3Body) Close() error { return b.body.Close() }
