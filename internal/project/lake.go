package project

import (
	"regexp"
	"strings"
)

// Lake is where the bytes of days are kept: a bucket, or without one the directory .daybook/lake.
type Lake struct {
	Bucket string // s3://bucket/prefix
	AWS    AWS
	Cache  int64 // bytes that local copies of its objects may have together
}

var bucketRE = regexp.MustCompile(`^s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/|$)`)

// lake reads lake:.
func (l *loader) lake(m *mapping) {
	sub := m.sub("lake")
	if sub == nil {
		return
	}
	lake := Lake{Bucket: sub.str("bucket", ""), AWS: sub.aws(), Cache: sub.bytes("cache", 20e9)}
	if rest := strings.TrimPrefix(lake.Bucket, "s3://"); !bucketRE.MatchString(lake.Bucket) || strings.Contains(rest, "//") || strings.Contains(rest, "/.") {
		m.doc.fail(sub.at("bucket"), "the lake has no bucket", "write bucket: s3://bucket/prefix, or leave lake: out to keep it in .daybook/lake")
	}
	sub.finish()
	l.project.Lake = lake
}
