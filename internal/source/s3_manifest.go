package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"daybook/internal/fault"
)

// s3ManifestBytes bounds what is read of a manifest: a million objects.
const s3ManifestBytes = 256 << 20

// s3Manifest is a list of objects, in one of two forms: files, as S3 Inventory and many programs write it, whose objects must be there,
// and entries, as Redshift's UNLOAD writes and COPY reads it, whose objects must be there where they are mandatory.
type s3Manifest struct {
	DestinationBucket string `json:"destinationBucket"` // S3 Inventory: of the keys
	Files             *[]struct {
		URL       string `json:"url"`
		Key       string `json:"key"` // instead of url: in DestinationBucket, or in the manifest's own bucket
		Size      *int64 `json:"size"`
		MD5       string `json:"MD5checksum"`
		Mandatory *bool  `json:"mandatory"`
	} `json:"files"`
	Entries *[]struct {
		URL       string `json:"url"`
		Mandatory bool   `json:"mandatory"`
		Meta      struct {
			ContentLength *int64 `json:"content_length"`
		} `json:"meta"`
	} `json:"entries"`
}

// manifests reads what the day's manifests list, in their order.
func (f *s3Fetch) manifests(ctx context.Context, found []s3Object) ([]s3Object, error) {
	listedBy := map[string]string{}
	var all []s3Object
	for _, m := range found {
		objects, err := f.manifest(ctx, m)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			if by, ok := listedBy[o.path()]; ok {
				return nil, fault.New(fault.Damaged, fmt.Sprintf("s3://%s is listed twice, by s3://%s and s3://%s", o.path(), by, m.path()), "have the manifests list each object once")
			}
			listedBy[o.path()] = m.path()
		}
		all = append(all, objects...)
	}
	return all, nil
}

func (f *s3Fetch) manifest(ctx context.Context, m s3Object) ([]s3Object, error) {
	body, err := f.open(ctx, m)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, s3ManifestBytes))
	if err != nil {
		return nil, fmt.Errorf("read the manifest s3://%s: %w", m.path(), err)
	}
	objects, err := parseS3Manifest(text, m.bucket)
	if err != nil {
		return nil, fault.Wrap(fault.Damaged, err, "s3://"+m.path()+" is no manifest", `have its writer make it {"files": [{"key": …}]} or {"entries": [{"url": "s3://…"}]}, or leave manifest: out`)
	}
	for _, o := range objects {
		if o.bucket != m.bucket && !slices.Contains(f.r.Source.S3.Buckets, o.bucket) {
			return nil, place(f.r.Source, fault.New(fault.Refused, fmt.Sprintf("the manifest s3://%s lists objects of another bucket, %s", m.path(), o.bucket), "write buckets: ["+o.bucket+"] if that is right"))
		}
	}
	return objects, nil
}

func parseS3Manifest(text []byte, bucket string) ([]s3Object, error) {
	var m s3Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	if m.Files == nil && m.Entries == nil {
		return nil, errors.New("it has neither files nor entries")
	}
	if b := strings.TrimPrefix(m.DestinationBucket, "arn:aws:s3:::"); b != "" {
		bucket = b
	}
	var all []s3Object
	add := func(url, key string, size *int64, md5 string, optional bool) error {
		o := s3Object{bucket: bucket, key: key, size: -1, md5: md5, optional: optional}
		if url != "" {
			if !strings.HasPrefix(url, "s3://") {
				return fmt.Errorf("the url of entry %d is not of the form s3://bucket/key", len(all)+1) // it may be signed, and is not repeated
			}
			o.bucket, o.key = s3Address(url)
		}
		if o.bucket == "" || o.key == "" || strings.HasSuffix(o.key, "/") {
			return fmt.Errorf("entry %d names no object", len(all)+1)
		}
		if size != nil {
			o.size = max(*size, 0)
		}
		all = append(all, o)
		return nil
	}
	if m.Files != nil {
		for _, e := range *m.Files {
			if err := add(e.URL, e.Key, e.Size, e.MD5, e.Mandatory != nil && !*e.Mandatory); err != nil {
				return nil, err
			}
		}
	}
	if m.Entries != nil {
		for _, e := range *m.Entries {
			if err := add(e.URL, "", e.Meta.ContentLength, "", !e.Mandatory); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}
