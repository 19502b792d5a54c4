package lake_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"daybook/internal/lake"
	"daybook/internal/lake/laketest"
	"daybook/internal/testenv"
)

func openS3(t *testing.T, at testenv.AWS, bucket string) *lake.S3 {
	t.Helper()
	l, err := lake.OpenS3(t.Context(), lake.S3Options{Address: "s3://" + bucket + "/team/lake/", Region: at.Region, Endpoint: at.Endpoint, AccessKey: at.AccessKey, SecretKey: at.SecretKey,
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
	t.Parallel()
	laketest.Run(t, func(t *testing.T) lake.Lake {
		at, name := testenv.Bucket(t)
		return bucketLake{openS3(t, at, name), client(at), name}
	})
}
