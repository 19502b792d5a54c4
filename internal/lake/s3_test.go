package lake_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"daybook/internal/lake"
	"daybook/internal/lake/laketest"
)

func openS3(t *testing.T, endpoint, bucket string) *lake.S3 {
	t.Helper()
	l, err := lake.OpenS3(t.Context(), lake.S3Options{Address: "s3://" + bucket + "/team/lake/", Region: region, Endpoint: endpoint, AccessKey: accessKey, SecretKey: secretKey,
		Cache: filepath.Join(t.TempDir(), "cache")})
	if err != nil {
		t.Fatal(err)
	}
	l.Tune(5<<20, 24*time.Hour, nil)
	return l
}

// bucketLake is a lake that the suite can damage.
type bucketLake struct {
	*lake.S3
	client *s3.Client
	bucket string
}

func (l bucketLake) Damage(t *testing.T, m lake.Manifest, name string, b []byte) {
	if err := l.CacheForget(); err != nil {
		t.Fatal(err)
	}
	key := "team/lake/" + string(m.Layer) + "/" + m.Node + "/day=" + m.Day.String() + "/" + m.Generation + "/" + name
	if b != nil {
		store(t, l.client, l.bucket, key, b)
		return
	}
	if _, err := l.client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &l.bucket, Key: &key}); err != nil {
		t.Fatal(err)
	}
}

func TestBucketIsALake(t *testing.T) {
	laketest.Run(t, func(t *testing.T) lake.Lake {
		endpoint, name := bucket(t)
		return bucketLake{openS3(t, endpoint, name), client(endpoint), name}
	})
}
