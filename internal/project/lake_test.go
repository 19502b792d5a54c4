package project

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLakeIsADirectoryUnlessABucketIsNamed(t *testing.T) {
	files := small()
	p, err := Load(write(t, files), env)
	if err != nil || p.Lake != (Lake{}) {
		t.Errorf("%+v, %v", p, err)
	}
	files[Filename] += "lake: {bucket: \"s3://shop-lake/team/a\", aws: {region: eu-west-1, access_key: env:K, secret_key: env:S}, cache: 5GB}\n"
	if p, err = Load(write(t, files), env); err != nil {
		t.Fatal(err)
	}
	want := Lake{Bucket: "s3://shop-lake/team/a", AWS: AWS{Region: "eu-west-1", AccessKey: "env:K", SecretKey: "env:S"}, Cache: 5e9}
	if d := cmp.Diff(want, p.Lake); d != "" {
		t.Error(d)
	}
}

func TestMistakesInALakeAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"lake: {}\n":                                                          "no bucket",
		"lake: {bucket: shop-lake}\n":                                         "no bucket",
		"lake: {bucket: \"s3://Shop\"}\n":                                     "no bucket",
		"lake: {bucket: \"s3://shop/../a\"}\n":                                "no bucket",
		"lake: {bucket: \"s3://shop//a\"}\n":                                  "no bucket",
		"lake: {bucket: \"s3://shop\", cahce: 1}\n":                           `unknown key "cahce"; did you mean cache`,
		"lake: {bucket: \"s3://shop\", cache: 1}\n":                           "write an amount",
		"lake: {bucket: \"s3://shop\", aws: {access_key: \"AKIAEXAMPLE\"}}\n": "never the secret itself",
	} {
		files := small()
		files[Filename] += text
		_, err := Load(write(t, files), env)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestSourceFromS3IsReadAsItIsWritten(t *testing.T) {
	files := small()
	load := func(text string) (Source, error) {
		files["sources/arrivals.yaml"] = text + "columns:\n  a: text\n"
		p, err := Load(write(t, files), env)
		if err != nil {
			return Source{}, err
		}
		for _, s := range p.Sources {
			if s.Name == "arrivals" {
				return s, nil
			}
		}
		t.Fatal("the source is not there")
		return Source{}, nil
	}
	const path = "from: s3\npath: \"s3://logs/{day}/*.csv.gz\"\n"
	s, err := load(path + "aws: {region: eu-west-1}\nrequester_pays: true\nevents: https://sqs.example.com/q\nqueue: http://localhost:1\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := (S3{Settle: 10 * time.Minute, Events: "https://sqs.example.com/q", Queue: "http://localhost:1", RequesterPays: true}); !cmp.Equal(s.S3, want) || s.AWS.Region != "eu-west-1" || s.Format != "csv" {
		t.Errorf("%+v", s)
	}
	if want := `path: "s3://logs/{day}/*.csv.gz"`; s.Asks != want {
		t.Errorf("asks %q, want %q", s.Asks, want)
	}
	if s, err = load("from: s3\npath: \"s3://logs/{day}/manifest.json\"\nmanifest: true\nformat: parquet\n"); err != nil || s.Format != "parquet" || !s.S3.Manifest {
		t.Errorf("%+v, %v", s, err)
	}
	for text, want := range map[string]string{
		"from: s3\n":                             "no path of objects",
		"from: s3\npath: logs/{day}.csv\n":       "no path of objects",
		"from: s3\npath: \"s3://logs/{day}/\"\n": "no path of objects",
		"from: s3\npath: \"s3://logs/a.csv\"\n":  "names no day",
		path + "holds: snapshot\n":               "names a day",
		path + "events: q\n":                     "not the URL of a queue",
		path + "queue: http://localhost:1\n":     "not asked for",
		path + "manifest: true\n":                "format of the objects",
		path + "table: a\n":                      `unknown key "table"`,
		"from: s3\npath: \"s3://logs/a.csv\"\nholds: snapshot\nevents: https://sqs.example.com/q\n": "no day of a snapshot",
	} {
		if _, err := load(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
