package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"daybook/internal/fault"
)

const (
	exportLongest  = 24 * time.Hour // a window that DynamoDB exports at once
	exportKept     = 35 * 24 * time.Hour
	exportPoll     = 30 * time.Second
	exportPatience = 12 * 60 * 2 // polls, half a minute each
	exportRenewals = 10
)

// dynamoExport reads what changed in a table on a day from the incremental export that DynamoDB writes to S3.
type dynamoExport struct {
	r      Request
	client *dynamodb.Client
	s3     *s3.Client
	sink   Sink
	table  string // ARN
}

// exportState is the state of a part: which export its file is of.
type exportState struct {
	Window int    `json:"window"`
	Export string `json:"export"` // ARN
	Key    string `json:"key"`
}

type exportWindow struct{ from, to time.Time }

func (e dynamoExport) fetch(ctx context.Context) error {
	windows := exportWindows(e.r)
	if e.r.Now().Sub(windows[0].from) > exportKept {
		return e.outside(nil)
	}
	kept, err := e.kept(len(windows))
	if err != nil {
		return err
	}
	for i, w := range windows {
		arn := ""
		for _, k := range kept {
			if k.Window == i+1 {
				arn = k.Export
			}
		}
		export, err := e.completed(ctx, arn, w)
		if err != nil {
			return err
		}
		if err := e.files(ctx, i+1, export, kept); err != nil {
			return err
		}
	}
	return nil
}

// exportWindows is the request's day: one window, or equal ones where the day is longer than DynamoDB exports at once.
func exportWindows(r Request) []exportWindow {
	from, to := r.Day.Start(r.Source.Zone), r.Day.End(r.Source.Zone)
	n := (to.Sub(from) + exportLongest - 1) / exportLongest
	step := (to.Sub(from) / n).Truncate(time.Second)
	var all []exportWindow
	for range n - 1 {
		all = append(all, exportWindow{from, from.Add(step)})
		from = from.Add(step)
	}
	return append(all, exportWindow{from, to})
}

// kept is what an unfinished fetch has put, by the name of its object.
func (e dynamoExport) kept(windows int) (map[string]exportState, error) {
	kept := map[string]exportState{}
	for _, p := range e.r.Kept {
		var s exportState
		if err := json.Unmarshal([]byte(p.State), &s); err != nil || s.Window < 1 || s.Window > windows || s.Export == "" {
			return nil, e.changed(fmt.Sprintf("object %s of an unfinished fetch is of no export", p.Name))
		}
		kept[p.Name] = s
	}
	return kept, nil
}

func (e dynamoExport) changed(message string) error {
	return fault.Wrap(fault.Unavailable, ErrChanged, fmt.Sprintf("source %s: %s", e.r.Source.Name, message), "run the day again")
}

func (e dynamoExport) outside(err error) error {
	message := fmt.Sprintf("source %s: the table's point-in-time recovery does not have %s", e.r.Source.Name, e.r.Day)
	hint := "it begins when recovery is turned on and reaches back 35 days at most; for older days write read: scan with day_attribute"
	if err == nil {
		return fault.New(fault.Missing, message, hint)
	}
	return fault.Wrap(fault.Missing, err, message, hint)
}

// completed returns the description of a window's export when it is complete. Without an ARN it asks for one: the same question within
// eight hours is the same export. One that had failed by then is asked for anew.
func (e dynamoExport) completed(ctx context.Context, arn string, w exportWindow) (*types.ExportDescription, error) {
	if arn != "" {
		return e.finished(ctx, arn, nil)
	}
	for n := range exportRenewals {
		arn, err := e.start(ctx, w, n)
		if err != nil {
			return nil, err
		}
		now, err := e.describe(ctx, arn)
		if err != nil {
			return nil, err
		}
		if now.ExportStatus != types.ExportStatusFailed || n == exportRenewals-1 {
			return e.finished(ctx, arn, now)
		}
	}
	return nil, nil // not reached
}

// start asks for the n-th export of a window.
func (e dynamoExport) start(ctx context.Context, w exportWindow, n int) (string, error) {
	bucket, prefix := e.place()
	token := sha256.Sum256(fmt.Appendf(nil, "%s %d %d %s %s %d", e.table, w.from.Unix(), w.to.Unix(), bucket, prefix, n))
	in := &dynamodb.ExportTableToPointInTimeInput{
		TableArn: &e.table, S3Bucket: &bucket, ClientToken: aws.String(hex.EncodeToString(token[:16])),
		ExportFormat: types.ExportFormatDynamodbJson, ExportType: types.ExportTypeIncrementalExport,
		IncrementalExportSpecification: &types.IncrementalExportSpecification{ExportFromTime: &w.from, ExportToTime: &w.to, ExportViewType: types.ExportViewTypeNewImage},
	}
	if prefix != "" {
		in.S3Prefix = &prefix
	}
	var out *dynamodb.ExportTableToPointInTimeOutput
	err := awsAsk(ctx, e.r, "export table "+dynamoTableName(e.r), func(ctx context.Context) (err error) {
		out, err = e.client.ExportTableToPointInTime(ctx, in)
		return err
	})
	if err != nil {
		return "", e.refused(err, w)
	}
	return aws.ToString(out.ExportDescription.ExportArn), nil
}

func (e dynamoExport) refused(err error, w exportWindow) error {
	var (
		off      *types.PointInTimeRecoveryUnavailableException
		outside  *types.InvalidExportTimeException
		conflict *types.ExportConflictException
	)
	name, table := e.r.Source.Name, dynamoTableName(e.r)
	switch {
	case errors.As(err, &off):
		return fault.New(fault.Refused, fmt.Sprintf("source %s: table %s has no point-in-time recovery", name, table), "turn it on (aws dynamodb update-continuous-backups); days before that cannot be exported, or write read: scan")
	case errors.As(err, &outside) && e.r.Now().Sub(w.to) < time.Hour:
		return fault.New(fault.Unavailable, fmt.Sprintf("source %s: %s has only just ended, table %s cannot export it yet", name, e.r.Day, table), "run the day again some minutes later")
	case errors.As(err, &outside):
		return e.outside(&awsError{awsWords(err), err})
	case errors.As(err, &conflict):
		return fault.Wrap(fault.Unavailable, &awsError{awsWords(err), err}, fmt.Sprintf("source %s: another export of table %s is in the way", name, table), "run the day again later; it is for one source to export to a prefix")
	}
	return err
}

// place is the bucket and the prefix in it, without a slash at its end.
func (e dynamoExport) place() (bucket, prefix string) {
	bucket, prefix, _ = strings.Cut(strings.TrimPrefix(e.r.Source.DynamoDB.Bucket, "s3://"), "/")
	return bucket, strings.Trim(prefix, "/")
}

func (e dynamoExport) describe(ctx context.Context, arn string) (*types.ExportDescription, error) {
	var out *dynamodb.DescribeExportOutput
	err := awsAsk(ctx, e.r, "see how the export of table "+dynamoTableName(e.r)+" goes", func(ctx context.Context) (err error) {
		out, err = e.client.DescribeExport(ctx, &dynamodb.DescribeExportInput{ExportArn: &arn})
		return err
	})
	var gone *types.ExportNotFoundException
	if errors.As(err, &gone) {
		return nil, e.changed("the export of an unfinished fetch is gone")
	}
	if err != nil {
		return nil, err
	}
	return out.ExportDescription, nil
}

// finished waits until an export is complete; now is how it stands, if that is known.
func (e dynamoExport) finished(ctx context.Context, arn string, now *types.ExportDescription) (*types.ExportDescription, error) {
	for range exportPatience {
		var err error
		if now == nil {
			if now, err = e.describe(ctx, arn); err != nil {
				return nil, err
			}
		}
		switch now.ExportStatus {
		case types.ExportStatusCompleted:
			return now, nil
		case types.ExportStatusFailed:
			return nil, e.failed(now)
		}
		now = nil
		if err := e.r.Wait(ctx, exportPoll); err != nil {
			return nil, fmt.Errorf("wait for the export of table %s: %w", dynamoTableName(e.r), err)
		}
	}
	return nil, fault.New(fault.Unavailable, fmt.Sprintf("source %s: the export of table %s is not complete", e.r.Source.Name, dynamoTableName(e.r)), "run the day again later: it goes on with the same export")
}

func (e dynamoExport) failed(x *types.ExportDescription) error {
	message := fmt.Sprintf("source %s: the export of table %s failed: %s: %s", e.r.Source.Name, dynamoTableName(e.r), aws.ToString(x.FailureCode), aws.ToString(x.FailureMessage))
	switch why := aws.ToString(x.FailureCode); {
	case strings.Contains(why, "AccessDenied"):
		return fault.New(fault.Refused, message, "allow DynamoDB to write to the bucket (s3:PutObject, s3:AbortMultipartUpload)")
	case strings.Contains(why, "NoSuchBucket"):
		return place(e.r.Source, fault.New(fault.Invalid, message, "correct the bucket of the source"))
	}
	return fault.New(fault.Unavailable, message, "run the day again: it asks for another export")
}

// files puts the data files of an export that are not kept, in the manifest's order.
func (e dynamoExport) files(ctx context.Context, window int, export *types.ExportDescription, kept map[string]exportState) error {
	list, err := e.manifest(ctx, export)
	if err != nil {
		return err
	}
	arn := aws.ToString(export.ExportArn)
	for i, f := range list {
		name := fmt.Sprintf("export-w%d-p%06d.json.gz", window, i+1)
		state := exportState{window, arn, f.Key}
		if f.Items == 0 {
			continue // a partition in which nothing changed
		}
		if k, ok := kept[name]; ok {
			if k != state {
				return e.changed(name + " is another file than an unfinished fetch has copied")
			}
			continue
		}
		text, err := json.Marshal(state)
		if err != nil {
			return fmt.Errorf("note which export %s is of: %w", name, err)
		}
		if err := e.copy(ctx, Part{Name: name, Origin: "s3://" + e.bucket(export) + "/" + f.Key, State: string(text)}, f); err != nil {
			return err
		}
	}
	return nil
}

func (e dynamoExport) bucket(export *types.ExportDescription) string {
	bucket, _ := e.place()
	if b := aws.ToString(export.S3Bucket); b != "" {
		return b
	}
	return bucket
}

// copy puts a data file, and makes sure on the way that it is what the manifest promises.
func (e dynamoExport) copy(ctx context.Context, p Part, f exportFile) error {
	bucket, _, _ := strings.Cut(strings.TrimPrefix(p.Origin, "s3://"), "/")
	body, etag, err := e.open(ctx, bucket, f.Key)
	if err != nil {
		return err
	}
	defer body.Close()
	if f.ETag != "" && etag != f.ETag {
		return e.damaged(f.Key, fmt.Sprintf("has the ETag %s, and %s in the manifest", etag, f.ETag))
	}
	proof := newExportProof(f, body)
	defer proof.close()
	proof.damaged = func(what string) error { return e.damaged(f.Key, what) }
	if err := e.sink.Put(ctx, p, proof); err != nil {
		if broken := proof.broken; broken != nil && ctx.Err() == nil {
			return fault.Wrap(fault.Unavailable, broken, fmt.Sprintf("source %s: %s broke off", e.r.Source.Name, p.Origin), "run the day again: it goes on with this file")
		}
		return fmt.Errorf("copy %s: %w", p.Origin, err)
	}
	return nil
}

func (e dynamoExport) damaged(key, what string) error {
	return fault.New(fault.Damaged, fmt.Sprintf("source %s: %s of the export of table %s %s", e.r.Source.Name, key, dynamoTableName(e.r), what),
		"see who writes to that prefix of the bucket; eight hours after the first try, or with another prefix, the day is exported anew")
}

// open is an object of the export; one that is not there is damage.
func (e dynamoExport) open(ctx context.Context, bucket, key string) (io.ReadCloser, string, error) {
	var out *s3.GetObjectOutput
	err := awsAsk(ctx, e.r, "read s3://"+bucket+"/"+key, func(ctx context.Context) (err error) {
		out, err = e.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		return err
	})
	if slices.Contains([]string{"NoSuchKey", "NotFound"}, awsCode(err)) {
		return nil, "", e.damaged(key, "is not there")
	}
	if err != nil {
		return nil, "", err
	}
	return out.Body, strings.Trim(aws.ToString(out.ETag), `"`), nil
}
