package project

import (
	"fmt"
	"strings"
	"time"
)

// s3Source reads the settings of from: s3.
func (l *loader) s3Source(m *mapping, s *Source) {
	s.Path = m.str("path", "")
	s.S3 = S3{Manifest: m.boolean("manifest", false), Buckets: m.list("buckets"), Events: m.str("events", ""), Queue: m.str("queue", ""), RequesterPays: m.boolean("requester_pays", false)}
	s.AWS = m.aws()
	if !bucketRE.MatchString(s.Path) || strings.HasSuffix(s.Path, "/") {
		m.doc.fail(m.at("path"), "a source from s3 has no path of objects", `write path: "s3://bucket/logs/{day}/*.ndjson.gz"`)
		return
	}
	dated := strings.Contains(s.Path, "{day}") || strings.Contains(s.Path, "{dd}")
	if (s.Holds == "snapshot") == dated {
		m.doc.fail(m.value("path"), map[bool]string{
			true:  "a snapshot's path names a day",
			false: "the path names no day, so every day would read the same objects",
		}[dated], "put {day} into the path, or write holds: snapshot for a source that can only give the present")
	}
	if s.S3.Manifest { // whose own ending says nothing about the objects
		if s.Format = l.format(m, ""); s.Format == "" {
			m.doc.fail(m.at("manifest"), "the format of the objects that the manifest lists is not said", "write format: ndjson, json, csv, parquet, xml or dynamodb")
			s.Format = "ndjson"
		}
	}
	s.S3.Settle = m.duration("settle", 10*time.Minute)
	if n := m.value("settle"); n != nil && s.S3.Events == "" {
		m.doc.fail(n, "settle is for events, which are not asked for", "write events: with the queue's URL, or leave settle out")
	}
	if n := m.value("events"); n != nil {
		if !strings.HasPrefix(s.S3.Events, "https://") && !strings.HasPrefix(s.S3.Events, "http://") {
			m.doc.fail(n, fmt.Sprintf("%q is not the URL of a queue", s.S3.Events), "write https://sqs.REGION.amazonaws.com/ACCOUNT/NAME")
		}
		if s.Holds == "snapshot" {
			m.doc.fail(n, "an event names no day of a snapshot", "leave events: out; a refresh asks for the snapshot")
		}
	} else if q := m.value("queue"); q != nil {
		m.doc.fail(q, "queue is the endpoint for events, which are not asked for", "write events: with the queue's URL, or leave queue: out")
	}
}
