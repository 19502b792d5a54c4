package lake

import (
	"context"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"daybook/internal/fault"
)

// listLayer has hive/NODE/day=DAY/symlink.txt: the addresses of the Parquet files that a day's committed staged data is made of. It is
// what Hive's SymlinkTextInputFormat reads, and with it Athena, Glue and Spark: under stage/ itself they would see every generation.
const (
	listLayer = "hive"
	listName  = "symlink.txt"
)

func (k Key) listPath() string { return path.Join(listLayer, k.Node, keyPrefix+k.dayName(), listName) }

// listOf is the metadata of a list that tells which manifest it is of, by its tag.
const listOf = "daybook-manifest"

// link writes the list of what a key of the stage layer holds; other layers have none. The list is looked at before the manifest, and
// written only where it is still the same: a newer list is never replaced by an older one.
func (s *S3) link(ctx context.Context, k Key) error {
	const tries = 5 // of those who commit the same day at once, each has written by then
	if k.Layer != Stage {
		return nil
	}
	at := k.listPath()
	for range tries {
		out, there, err := s.head(ctx, at)
		if err != nil {
			return err
		}
		var old *string
		if there {
			old = out.ETag
		}
		now, err := s.readManifest(ctx, k, manifestName)
		if err != nil || now.tag == "" || there && out.Metadata[listOf] == fingerprint(now.tag) {
			return err
		}
		ok, err := s.writeList(ctx, at, now, old)
		if ok || err != nil {
			return err
		}
	}
	return fault.New(fault.Busy, at+" changes again and again", "it is put right at the next start")
}

// writeList writes a manifest's list in the place of the one with the tag, or where there is none.
func (s *S3) writeList(ctx context.Context, at string, of stored, tag *string) (bool, error) {
	m := of.manifest
	var lines strings.Builder
	for _, o := range m.Objects {
		if path.Ext(o.Name) == ".parquet" {
			lines.WriteString("s3://" + s.bucket + "/" + *s.key(m.Key().path(), m.Generation, o.Name) + "\n")
		}
	}
	in := &s3.PutObjectInput{Bucket: &s.bucket, Key: s.key(at), ContentType: aws.String("text/plain"), IfMatch: tag,
		Metadata: map[string]string{listOf: fingerprint(of.tag)}}
	if tag == nil {
		in.IfNoneMatch = aws.String("*")
	}
	err := s.retry(ctx, func() error {
		in.Body = strings.NewReader(lines.String())
		_, err := s.client.PutObject(ctx, in)
		return err
	})
	if contested(err) || tag != nil && absent(err) {
		return false, nil
	}
	return err == nil, s.explain(err, "write "+at, "s3:PutObject")
}

// fingerprint is a tag without its quotes, which metadata need not keep.
func fingerprint(tag string) string { return strings.Trim(tag, `"`) }

// unlink takes the list of a key away.
func (s *S3) unlink(ctx context.Context, k Key) error {
	if k.Layer != Stage {
		return nil
	}
	return s.removeOwned(ctx, []string{k.listPath()})
}
