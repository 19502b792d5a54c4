package lake

import (
	"context"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// listLayer has hive/NODE/day=DAY/symlink.txt: the addresses of the Parquet files that a day's committed staged data is made of. It is
// what Hive's SymlinkTextInputFormat reads, and with it Athena, Glue and Spark: under stage/ itself they would see every generation.
const (
	listLayer = "hive"
	listName  = "symlink.txt"
)

func (k Key) listPath() string { return path.Join(listLayer, k.Node, keyPrefix+k.dayName(), listName) }

// link writes the list of a committed manifest of the stage layer; other layers have none.
func (s *S3) link(ctx context.Context, m Manifest) error {
	if m.Layer != Stage {
		return nil
	}
	var lines strings.Builder
	for _, o := range m.Objects {
		if path.Ext(o.Name) == ".parquet" {
			lines.WriteString("s3://" + s.bucket + "/" + *s.key(m.Key().path(), m.Generation, o.Name) + "\n")
		}
	}
	at := m.Key().listPath()
	err := s.retry(ctx, func() error {
		_, err := s.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.bucket, Key: s.key(at), Body: strings.NewReader(lines.String()), ContentType: aws.String("text/plain")})
		return err
	})
	return s.explain(err, "write "+at, "s3:PutObject")
}

// unlink takes the list of a key away.
func (s *S3) unlink(ctx context.Context, k Key) error {
	if k.Layer != Stage {
		return nil
	}
	return s.remove(ctx, []string{k.listPath()})
}
