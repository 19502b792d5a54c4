package project

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const dynamodbTail = "columns:\n  query_id: text\n"

func loadDynamoDB(t *testing.T, text string) (Source, error) {
	t.Helper()
	dir := write(t, map[string]string{"daybook.yaml": "name: n\n", "sources/searches.yaml": "from: dynamodb\n" + text + dynamodbTail})
	p, err := Load(dir, nil)
	if err != nil {
		return Source{}, err
	}
	return p.Sources[0], nil
}

func TestSettingsOfDynamoDBAreRead(t *testing.T) {
	got, err := loadDynamoDB(t, "table: searches\nread: query\nindex: by_day\nday_attribute: query_date\nday_format: \"20060102\"\nshare: 10%\n"+
		"aws: {region: ap-northeast-2, endpoint: \"http://localhost:8000\", access_key: env:A, secret_key: file:b}\n")
	if err != nil {
		t.Fatal(err)
	}
	want := DynamoDB{Table: "searches", Read: "query", Index: "by_day", DayAttribute: "query_date", DayFormat: "20060102", Segments: 4, Share: 0.1}
	if d := cmp.Diff(want, got.DynamoDB); d != "" {
		t.Errorf("settings (-want +got):\n%s", d)
	}
	if d := cmp.Diff(AWS{"ap-northeast-2", "http://localhost:8000", "env:A", "file:b"}, got.AWS); d != "" {
		t.Errorf("AWS (-want +got):\n%s", d)
	}
	if got.Format != "dynamodb" {
		t.Errorf("format %q", got.Format)
	}
	got, err = loadDynamoDB(t, "table: searches\nread: scan\nholds: snapshot\nsegments: 8\nunits: 50\nconsistent: true\n")
	if err != nil {
		t.Fatal(err)
	}
	want = DynamoDB{Table: "searches", Read: "scan", DayFormat: "2006-01-02", Segments: 8, Share: 0.25, Units: 50, Consistent: true}
	if d := cmp.Diff(want, got.DynamoDB); d != "" {
		t.Errorf("settings (-want +got):\n%s", d)
	}
	if got, err = loadDynamoDB(t, "table: searches\nread: export\nbucket: s3://exports.example/daily/searches\n"); err != nil || got.DynamoDB.Bucket != "s3://exports.example/daily/searches" {
		t.Errorf("bucket %q, %v", got.DynamoDB.Bucket, err)
	}
}

func TestHowFastOrAsWhomIsNotWhatIsAskedFor(t *testing.T) {
	slow, err := loadDynamoDB(t, "table: searches\nread: scan\nday_attribute: d\n")
	if err != nil {
		t.Fatal(err)
	}
	fast, err := loadDynamoDB(t, "table: searches\nread: scan\nday_attribute: d\nsegments: 16\nunits: 500\naws: {region: eu-west-1}\n")
	if err != nil || fast.Asks != slow.Asks || slow.Asks == "" {
		t.Errorf("%q and %q: %v", slow.Asks, fast.Asks, err)
	}
	other, err := loadDynamoDB(t, "table: searches\nread: scan\nday_attribute: e\n")
	if err != nil || other.Asks == slow.Asks {
		t.Errorf("another attribute asks %q: %v", other.Asks, err)
	}
}

func TestWrongSettingsOfDynamoDBHaveTheirPlace(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"read: scan\n", "sources/searches.yaml:1:1: a source from dynamodb has no table; write table: searches"},
		{"table: a\n", "sources/searches.yaml:1:1: the source does not say how it reads the table; write read: query"},
		{"table: a\nread: get\n", `sources/searches.yaml:3:7: read cannot be "get"; write query, scan, export`},
		{"table: arn:aws:dynamodb:x:table/a\nread: scan\n", "sources/searches.yaml:2:8: table is"},
		{"table: a\nread: scan\nsegments: 0\n", "sources/searches.yaml:4:11: segments is"},
		{"table: a\nread: scan\nsegments: 100\n", "sources/searches.yaml:4:11: segments is 100; write a whole number from 1 to 99"},
		{"table: a\nread: scan\nshare: 200%\n", "sources/searches.yaml:4:8: share is no part of the table's capacity"},
		{"table: a\nread: scan\nshare: 20%\nunits: 5\n", "sources/searches.yaml:5:8: share and units both limit the capacity"},
		{"table: a\nread: export\nbucket: exports\n", `sources/searches.yaml:4:9: bucket is "exports"; write s3://bucket`},
		{"table: a\nread: scan\nbucket: s3://exports\n", "sources/searches.yaml:4:9: bucket has no use with read: scan; leave it out"},
		{"table: a\nread: export\nbucket: s3://exports\nunits: 5\n", "sources/searches.yaml:5:8: units has no use with read: export"},
		{"table: a\nread: scan\naws: {access_key: env:A}\n", "one of access_key and secret_key is missing"},
		{"table: a\nread: scan\naws: {access_key: AKIA, secret_key: env:B}\n", "access_key is not a reference to a secret"},
		{"table: a\nread: scan\npath: x\n", `unknown key "path"`},
	} {
		_, err := loadDynamoDB(t, c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "AKIA") {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}
