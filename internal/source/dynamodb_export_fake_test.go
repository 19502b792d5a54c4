package source_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/testenv"
)

// exporter answers the three calls of an export, which no double of DynamoDB knows, and writes its files to a real S3, as
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html describes them. What is no call to
// DynamoDB goes to S3.
type exporter struct {
	t      *testing.T
	url    string
	bucket string
	at     testenv.AWS
	s3     *s3.Client

	mu      sync.Mutex
	days    map[int64][]string // parts by the start of their window; each becomes a file
	jobs    []*exportJob
	read    []string // data files that were asked for
	refusal string   // code of the answer to every export
	fails   []string // failure codes of the next exports
	polls   int      // until an export is complete
	bend    func(*exportJob)
}

// exportJob is an export: what was asked for, and what is written when it is complete.
type exportJob struct {
	arn, token, prefix, failure string
	from, to                    int64
	polls                       int
	files                       []exportedFile
	items, summary, described   int
	format, summaryArn          string
	checksum                    func([]byte) string
}

type exportedFile struct {
	Items   int    `json:"itemCount"`
	MD5     string `json:"md5Checksum"`
	ETag    string `json:"etag"`
	Key     string `json:"dataFileS3Key"`
	content []byte
	absent  bool
}

func newExporter(t *testing.T) *exporter {
	at, bucket := testenv.Bucket(t)
	e := &exporter{t: t, at: at, bucket: bucket, days: map[int64][]string{}, polls: 2}
	e.s3 = s3.New(s3.Options{Region: at.Region, BaseEndpoint: &at.Endpoint, UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider(at.AccessKey, at.SecretKey, "")})
	target, err := url.Parse(at.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	behind := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }, ErrorLog: log.New(io.Discard, "", 0)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, action, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
			e.answer(w, r, action)
			return
		}
		if strings.Contains(r.URL.Path, "/data/") {
			e.mu.Lock()
			e.read = append(e.read, r.URL.Path)
			e.mu.Unlock()
		}
		behind.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	e.url = server.URL
	return e
}

func (e *exporter) request(endpoint string, day calendar.Day) source.Request {
	r := dynamoRequest(endpoint, project.DynamoDB{Table: "searches", Read: "export", Bucket: "s3://" + e.bucket + "/exports"}, day)
	r.Secret = func(_ context.Context, ref string) (string, error) {
		return map[string]string{"env:ACCESS": e.at.AccessKey, "env:SECRET": e.at.SecretKey}[ref], nil
	}
	return r
}

// fill gives the window that begins with the day these parts.
func (e *exporter) fill(from int64, parts []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.days[from] = parts
}

func (e *exporter) asked() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.read)
}

func (e *exporter) answer(w http.ResponseWriter, r *http.Request, action string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var in struct {
		TableName, TableArn, ClientToken, ExportArn, S3Bucket, S3Prefix, ExportType, ExportFormat string
		IncrementalExportSpecification                                                            struct {
			ExportFromTime, ExportToTime json.Number
			ExportViewType               string
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		e.t.Error(err)
	}
	switch action {
	case "DescribeTable":
		dynamoReply(w, map[string]any{"Table": map[string]any{"TableName": in.TableName, "TableStatus": "ACTIVE", "TableArn": "arn:aws:dynamodb:us-east-1:1:table/" + in.TableName}})
	case "ExportTableToPointInTime":
		window := in.IncrementalExportSpecification
		from, fromErr := window.ExportFromTime.Int64()
		to, toErr := window.ExportToTime.Int64()
		if fromErr != nil || toErr != nil || in.S3Bucket != e.bucket || in.ExportType != "INCREMENTAL_EXPORT" || in.ExportFormat != "DYNAMODB_JSON" || window.ExportViewType != "NEW_IMAGE" ||
			to-from < 15*60 || to-from > 24*3600 || in.ClientToken == "" {
			dynamoSaying(w, "ValidationException", fmt.Sprintf("%+v", in))
			return
		}
		e.export(w, in.TableArn, in.ClientToken, in.S3Prefix, from, to)
	case "DescribeExport":
		for _, j := range e.jobs {
			if j.arn == in.ExportArn {
				if j.polls--; j.polls == 0 && j.failure == "" {
					e.write(j)
				}
				dynamoReply(w, map[string]any{"ExportDescription": e.describe(j)})
				return
			}
		}
		dynamoSaying(w, "ExportNotFoundException", "no such export")
	default:
		dynamoSaying(w, "UnknownOperationException", action)
	}
}

func (e *exporter) export(w http.ResponseWriter, table, token, prefix string, from, to int64) {
	if e.refusal != "" {
		dynamoSaying(w, e.refusal, "it is so")
		return
	}
	for _, j := range e.jobs {
		if j.token == token {
			dynamoReply(w, map[string]any{"ExportDescription": e.describe(j)})
			return
		}
	}
	parts, ok := e.days[from]
	if !ok {
		dynamoSaying(w, "InvalidExportTimeException", "outside of the point in time recovery window")
		return
	}
	j := &exportJob{arn: fmt.Sprintf("%s/export/0%d-abc", table, len(e.jobs)+1), token: token, prefix: prefix, from: from, to: to, polls: e.polls, format: "DYNAMODB_JSON"}
	if j.summaryArn = j.arn; len(e.fails) > 0 {
		j.failure, e.fails = e.fails[0], e.fails[1:]
	}
	for n, part := range append(slices.Clone(parts), "") { // the last is a partition in which nothing changed
		f := exportedFile{Key: fmt.Sprintf("%s/AWSDynamoDB/data/f%d-%d.json.gz", prefix, len(e.jobs), n)}
		var lines bytes.Buffer
		for line := range strings.Lines(part) {
			image, err := json.Marshal(map[string]any{"id": map[string]string{"S": fmt.Sprint(n, f.Items)}, "line": map[string]string{"S": strings.TrimSuffix(line, "\n")}})
			if err != nil {
				e.t.Error(err)
			}
			fmt.Fprintf(&lines, `{"Metadata":{"WriteTimestampMicros":{"N":"%d000000"}},"Keys":{"id":{"S":"%d"}},"NewImage":%s}`+"\n", from, n, image)
			f.Items++
		}
		f.content = dynamoPack(e.t, lines.Bytes())
		j.files = append(j.files, f)
		j.items += f.Items
	}
	j.summary, j.described = j.items, j.items
	j.checksum = func(b []byte) string { sum := md5.Sum(b); return base64.StdEncoding.EncodeToString(sum[:]) }
	e.jobs = append(e.jobs, j)
	dynamoReply(w, map[string]any{"ExportDescription": e.describe(j)})
}

func (e *exporter) describe(j *exportJob) map[string]any {
	d := map[string]any{"ExportArn": j.arn, "ExportStatus": "IN_PROGRESS", "S3Bucket": e.bucket, "S3Prefix": j.prefix}
	switch {
	case j.polls <= 0 && j.failure != "":
		d["ExportStatus"], d["FailureCode"], d["FailureMessage"] = "FAILED", j.failure, "it is so"
	case j.polls <= 0:
		d["ExportStatus"], d["ItemCount"], d["ExportManifest"] = "COMPLETED", j.described, j.place()+"manifest-summary.json"
	}
	return d
}

func (j *exportJob) place() string {
	return j.prefix + "/AWSDynamoDB/" + j.arn[strings.LastIndex(j.arn, "/")+1:] + "/"
}

// write writes the files of an export, after bend has spoilt them.
func (e *exporter) write(j *exportJob) {
	contents := map[string][]byte{}
	for i, f := range j.files {
		sum := md5.Sum(f.content)
		j.files[i].MD5, j.files[i].ETag = base64.StdEncoding.EncodeToString(sum[:]), fmt.Sprintf("%x", sum)
	}
	if e.bend != nil {
		e.bend(j)
	}
	var list bytes.Buffer
	for _, f := range j.files {
		line, err := json.Marshal(f)
		if err != nil {
			e.t.Error(err)
		}
		list.Write(append(line, '\n'))
		if !f.absent {
			contents[f.Key] = f.content
		}
	}
	// The documented example leaves the prefix out here.
	summary := fmt.Appendf(nil, `{"version":"2020-06-30","exportArn":%q,"manifestFilesS3Key":%q,"itemCount":%d,"outputFormat":%q}`,
		j.summaryArn, strings.TrimPrefix(j.place(), j.prefix+"/")+"manifest-files.json", j.summary, j.format)
	contents[j.place()+"manifest-summary.json"], contents[j.place()+"manifest-summary.checksum"] = summary, []byte(j.checksum(summary))
	contents[j.place()+"manifest-files.json"], contents[j.place()+"manifest-files.checksum"] = list.Bytes(), []byte(j.checksum(list.Bytes()))
	for key, content := range contents {
		if _, err := e.s3.PutObject(context.Background(), &s3.PutObjectInput{Bucket: &e.bucket, Key: aws.String(key), Body: bytes.NewReader(content)}); err != nil {
			e.t.Error(err)
		}
	}
}

func dynamoPack(t *testing.T, b []byte) []byte {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(b); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	return packed.Bytes()
}

func dynamoReply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(v) // a client that went away is its own loss
}

func dynamoSaying(w http.ResponseWriter, code, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprintf(w, `{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":%q}`, code, message)
}
