package project

import (
	"fmt"
	"regexp"
	"strings"
)

// exportBucketRE is s3://bucket or s3://bucket/prefix, a prefix without a slash at its end.
var exportBucketRE = regexp.MustCompile(`^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^/\s]+)*$`)

// dynamodbSource reads the settings of from: dynamodb.
func (l *loader) dynamodbSource(m *mapping, s *Source) {
	d := DynamoDB{
		Table: m.str("table", ""), Read: m.one("read", "", "query", "scan", "export"), Index: m.str("index", ""), DayAttribute: m.str("day_attribute", ""),
		DayFormat: m.str("day_format", "2006-01-02"), Segments: int(m.integer("segments", 4, 1)), Share: m.share("share", 0.25),
		Units: float64(m.integer("units", 0, 1)), Consistent: m.boolean("consistent", false), Bucket: m.str("bucket", ""),
	}
	s.AWS, s.DynamoDB, s.Format = m.aws(), d, "dynamodb"
	if d.Table == "" {
		m.doc.fail(m.at("table"), "a source from dynamodb has no table", "write table: searches")
	}
	if m.value("read") == nil {
		m.doc.fail(m.node, "the source does not say how it reads the table", "write read: query with an index on the day, scan, or export")
	}
	if d.Segments > 99 {
		m.doc.fail(m.value("segments"), fmt.Sprintf("segments is %d", d.Segments), "write a whole number from 1 to 99")
	}
	if d.Share <= 0 || d.Share > 1 {
		m.doc.fail(m.value("share"), "share is no part of the table's capacity", "write a share such as 25%, up to 100%")
	}
	if m.value("share") != nil && m.value("units") != nil {
		m.doc.fail(m.value("units"), "share and units both limit the capacity", "keep one of them")
	}
	if d.Bucket != "" && !exportBucketRE.MatchString(d.Bucket) {
		m.doc.fail(m.value("bucket"), fmt.Sprintf("bucket is %q", d.Bucket), "write s3://bucket or s3://bucket/prefix")
	}
	for _, key := range dynamodbUseless[d.Read] {
		if m.value(key) != nil {
			m.doc.fail(m.value(key), fmt.Sprintf("%s has no use with read: %s", key, d.Read), "leave it out")
		}
	}
	if strings.Contains(d.Table, "/") {
		m.doc.fail(m.value("table"), fmt.Sprintf("table is %q", d.Table), "write the table's name; its region and endpoint stand under aws:")
	}
}

// dynamodbUseless is the keys that a way of reading does not use.
var dynamodbUseless = map[string][]string{
	"query":  {"segments", "bucket"},
	"scan":   {"index", "bucket"},
	"export": {"index", "day_attribute", "day_format", "segments", "share", "units", "consistent"},
}
