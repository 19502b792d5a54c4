package publish_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/publish"
	"daybook/internal/publish/publishtest"
)

func TestS3DoesWhatTargetsMust(t *testing.T) {
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
