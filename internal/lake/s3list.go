package lake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"daybook/internal/fault"
)

// folders lists the path elements directly below a path that have something below them.
func (s *S3) folders(ctx context.Context, at string) ([]string, error) {
	prefix := *s.key(at) + "/"
	var names []string
	err := s.pages(ctx, prefix, "/", func(page *s3.ListObjectsV2Output) error {
		for _, p := range page.CommonPrefixes {
			names = append(names, strings.TrimSuffix(strings.TrimPrefix(aws.ToString(p.Prefix), prefix), "/"))
		}
		return nil
	})
	return names, err
}

// entry is an object as a listing names it; its name is relative to the path that was listed.
type entry struct {
	name string
	types.Object
}

// below calls f for every object below a path of the lake, in the order of keys.
func (s *S3) below(ctx context.Context, at string, f func(entry) error) error {
	prefix := *s.key(at) + "/"
	return s.pages(ctx, prefix, "", func(page *s3.ListObjectsV2Output) error {
		for _, o := range page.Contents {
			name := strings.TrimPrefix(aws.ToString(o.Key), prefix)
			if name == "" || strings.HasSuffix(name, "/") {
				continue // made by a person in a console
			}
			if err := f(entry{name, o}); err != nil {
				return err
			}
		}
		return nil
	})
}

// list is what below gives.
func (s *S3) list(ctx context.Context, at string) ([]entry, error) {
	var all []entry
	err := s.below(ctx, at, func(e entry) error { all = append(all, e); return nil })
	return all, err
}

func (s *S3) pages(ctx context.Context, prefix, delimiter string, f func(*s3.ListObjectsV2Output) error) error {
	in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix}
	if delimiter != "" {
		in.Delimiter = &delimiter
	}
	for {
		var page *s3.ListObjectsV2Output
		err := s.retry(ctx, func() (err error) { page, err = s.client.ListObjectsV2(ctx, in); return err })
		if err != nil {
			return s.explain(err, "list "+prefix, "s3:ListBucket")
		}
		if err := f(page); err != nil {
			return err
		}
		if !aws.ToBool(page.IsTruncated) {
			return nil
		}
		in.ContinuationToken = page.NextContinuationToken
	}
}

// head asks for an object without its bytes.
func (s *S3) head(ctx context.Context, at string) (out *s3.HeadObjectOutput, there bool, err error) {
	err = s.retry(ctx, func() (err error) {
		out, err = s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: s.key(at)})
		return err
	})
	if absent(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, s.explain(err, "look for "+at, "s3:GetObject")
	}
	return out, true, nil
}

// perDelete is the most that S3 deletes at once.
const perDelete = 1000

// remove deletes objects by their paths in the lake; one that is not there is no error.
func (s *S3) remove(ctx context.Context, paths []string) error {
	for batch := range slices.Chunk(paths, perDelete) {
		ids := make([]types.ObjectIdentifier, len(batch))
		for i, p := range batch {
			ids[i] = types.ObjectIdentifier{Key: s.key(p)}
		}
		var out *s3.DeleteObjectsOutput
		err := s.retry(ctx, func() (err error) {
			out, err = s.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &s.bucket, Delete: &types.Delete{Objects: ids, Quiet: aws.Bool(true)}})
			return err
		})
		if err != nil {
			return s.explain(err, "delete objects", "s3:DeleteObject")
		}
		var errs []error
		for _, e := range out.Errors {
			if aws.ToString(e.Code) != "NoSuchKey" {
				errs = append(errs, fmt.Errorf("%s: %s %s", aws.ToString(e.Key), aws.ToString(e.Code), aws.ToString(e.Message)))
			}
		}
		if len(errs) > 0 {
			return fault.Wrap(fault.Refused, errors.Join(errs[:min(len(errs), 3)]...), fmt.Sprintf("%d objects of the lake were not deleted", len(errs)),
				"allow s3:DeleteObject on "+s.address()+"*, and see whether the bucket locks its objects")
		}
	}
	return nil
}
