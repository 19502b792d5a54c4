package lake

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"daybook/internal/fault"
)

// mark is the metadata that tells an object of this Put from one that somebody else has put there: when an answer was lost, the next
// try finds the object, and has to know whose it is.
const mark = "daybook-put"

// noUpload is S3's word for an upload that was completed, or aborted, before.
const noUpload = "NoSuchUpload"

// maxParts is S3's. Parts double behind each fifth of them, so that an object may have 2 TB; as long as there are fewer they are equal.
const maxParts = 10_000

// upload stores what r gives under a path where nothing is yet, and returns its size and SHA-256.
func (s *S3) upload(ctx context.Context, at string, r io.Reader) (int64, string, error) {
	h := sha256.New()
	r = io.TeeReader(reader{ctx, r}, h)
	var part bytes.Buffer
	n, err := io.CopyN(&part, r, s.part)
	token := rand.Text()
	switch {
	case errors.Is(err, io.EOF):
		err = s.put(ctx, at, part.Bytes(), token)
	case err == nil:
		n, err = s.uploadParts(ctx, at, token, &part, r)
	}
	if err != nil {
		return 0, "", err
	}
	return n, digest(h), nil
}

// put stores a small object where nothing is yet.
func (s *S3) put(ctx context.Context, at string, text []byte, token string) error {
	sum := sha256.Sum256(text)
	err := s.retry(ctx, func() error {
		_, err := s.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.bucket, Key: s.key(at), Body: bytes.NewReader(text), ContentLength: aws.Int64(int64(len(text))),
			ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])), IfNoneMatch: aws.String("*"), Metadata: map[string]string{mark: token}})
		return err
	})
	return s.mine(ctx, at, token, err)
}

// mine settles a conditional write that found an object there: it is this one's, whose answer was lost, or somebody else's.
func (s *S3) mine(ctx context.Context, at, token string, err error) error {
	if word, _ := code(err); !contested(err) && word != noUpload {
		return s.explain(err, "write "+at, "s3:PutObject")
	}
	out, there, headErr := s.head(ctx, at)
	switch {
	case headErr != nil:
		return headErr
	case there && out.Metadata[mark] == token:
		return nil
	case !there:
		return fault.Wrap(fault.Unavailable, err, "the upload of "+at+" was aborted by somebody else", "run it again")
	}
	return fault.Wrap(fault.Busy, err, at+" is there already: another server is at work on the same", "let one of them finish, then run it again")
}

// uploadParts stores an object of which the first part is read, and the rest comes from r.
func (s *S3) uploadParts(ctx context.Context, at, token string, part *bytes.Buffer, r io.Reader) (n int64, err error) {
	var begun *s3.CreateMultipartUploadOutput
	err = s.retry(ctx, func() (err error) {
		begun, err = s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &s.bucket, Key: s.key(at),
			ChecksumAlgorithm: types.ChecksumAlgorithmCrc32, Metadata: map[string]string{mark: token}})
		return err
	})
	if err != nil {
		return 0, s.explain(err, "write "+at, "s3:PutObject")
	}
	defer func() {
		if err != nil {
			s.abort(ctx, at, begun.UploadId)
		}
	}()
	var parts []types.CompletedPart
	for size, last := s.part, false; !last; {
		number := len(parts) + 1
		if number > maxParts {
			return 0, fault.New(fault.Invalid, at+" is larger than an object on S3 may be", "split it")
		}
		p, err := s.uploadPart(ctx, at, begun.UploadId, int32(number), part.Bytes())
		if err != nil {
			return 0, err
		}
		parts = append(parts, p)
		n += int64(part.Len())
		if number%(maxParts/5) == 0 {
			size *= 2
		}
		part.Reset()
		switch more, err := io.CopyN(part, r, size); {
		case errors.Is(err, io.EOF):
			last = more == 0
		case err != nil:
			return 0, err
		}
	}
	err = s.retry(ctx, func() error {
		_, err := s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &s.bucket, Key: s.key(at), UploadId: begun.UploadId,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}, IfNoneMatch: aws.String("*")})
		return err
	})
	return n, s.mine(ctx, at, token, err)
}

func (s *S3) uploadPart(ctx context.Context, at string, upload *string, number int32, text []byte) (types.CompletedPart, error) {
	var out *s3.UploadPartOutput
	err := s.retry(ctx, func() (err error) {
		out, err = s.client.UploadPart(ctx, &s3.UploadPartInput{Bucket: &s.bucket, Key: s.key(at), UploadId: upload, PartNumber: &number,
			Body: bytes.NewReader(text), ContentLength: aws.Int64(int64(len(text))), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32})
		return err
	})
	if err != nil {
		return types.CompletedPart{}, s.explain(err, fmt.Sprintf("write part %d of %s", number, at), "s3:PutObject")
	}
	return types.CompletedPart{PartNumber: &number, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32}, nil
}

// abort gives up an upload, also where the caller has gone; what cannot be aborted now is Sweep's.
func (s *S3) abort(ctx context.Context, at string, upload *string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, _ = s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: s.key(at), UploadId: upload})
}

// replace writes a small object in the place of the one that has the tag, or where nothing is when the tag is empty. It reports whether
// that was still so.
func (s *S3) replace(ctx context.Context, at string, text []byte, tag string) (bool, string, error) {
	sum := sha256.Sum256(text)
	in := &s3.PutObjectInput{Bucket: &s.bucket, Key: s.key(at), ContentLength: aws.Int64(int64(len(text))), ContentType: aws.String("application/json"),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:]))}
	if tag == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &tag
	}
	var out *s3.PutObjectOutput
	err := s.retry(ctx, func() (err error) {
		in.Body = bytes.NewReader(text)
		out, err = s.client.PutObject(ctx, in)
		return err
	})
	if contested(err) || tag != "" && absent(err) {
		return false, "", nil
	}
	if err != nil {
		return false, "", s.explain(err, "write "+at, "s3:PutObject")
	}
	return true, aws.ToString(out.ETag), nil
}
