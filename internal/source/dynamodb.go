package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
)

// DynamoDB is the kind dynamodb. It reads a day by a query on the index whose partition key is the day, by a parallel scan, or by an
// incremental export to S3. Objects are the answers of DynamoDB, or the files of the export, as received.
type DynamoDB struct{}

// Fetch implements Source. A scan or query gives an object per page that brought records; pages without are noted by the next object.
// The day is missing when its table is not there, or when it lies outside what the table's point-in-time recovery still has.
func (DynamoDB) Fetch(ctx context.Context, r Request, sink Sink) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("fetch %s: %w", r.Source.Name, err)
	}
	if noData(r) {
		return Result{NoData: true}, nil
	}
	if err := dynamoDayOver(r); err != nil {
		return Result{}, err
	}
	cfg, err := awsConfig(ctx, r)
	if err != nil {
		return Result{}, err
	}
	client := dynamodb.NewFromConfig(cfg)
	table, err := dynamoTable(ctx, r, client)
	if err != nil {
		return Result{}, err
	}
	if r.Source.DynamoDB.Read == "export" {
		return Result{}, dynamoExport{r, client, awsS3(cfg), sink, aws.ToString(table.TableArn)}.fetch(ctx)
	}
	reading, err := newDynamoReading(r, client, table, sink)
	if err != nil {
		return Result{}, err
	}
	return Result{}, reading.fetch(ctx)
}

// dynamoDayOver is a fault for a day that still gets records.
func dynamoDayOver(r Request) error {
	if snapshot(r.Source) {
		return nil
	}
	if end := r.Day.End(r.Source.Zone); r.Now().Before(end) {
		return fault.New(fault.Unavailable, fmt.Sprintf("source %s: %s is not over before %s", r.Source.Name, r.Day, end.Format(time.RFC3339)), "run the day again when it is over")
	}
	return nil
}

// dynamoTableName is the request's table: its name may hold the day.
func dynamoTableName(r Request) string { return replace(r.Source.DynamoDB.Table, r.Day) }

func dynamoTable(ctx context.Context, r Request, client *dynamodb.Client) (*types.TableDescription, error) {
	name := dynamoTableName(r)
	var out *dynamodb.DescribeTableOutput
	err := awsAsk(ctx, r, "describe table "+name, func(ctx context.Context) (err error) {
		out, err = client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
		return err
	})
	var absent *types.ResourceNotFoundException
	switch {
	case errors.As(err, &absent) && name != r.Source.DynamoDB.Table:
		return nil, fault.New(fault.Missing, fmt.Sprintf("source %s has no table %s", r.Source.Name, name), "run the day again when the table is there, or correct the name of the source's table")
	case errors.As(err, &absent):
		return nil, place(r.Source, fault.New(fault.Invalid, fmt.Sprintf("source %s: there is no table %s", r.Source.Name, name), "correct its name, or the region and endpoint under aws:"))
	case err != nil:
		return nil, err
	}
	switch out.Table.TableStatus {
	case types.TableStatusCreating, types.TableStatusDeleting, types.TableStatusInaccessibleEncryptionCredentials:
		return nil, fault.New(fault.Unavailable, fmt.Sprintf("source %s: table %s is %s", r.Source.Name, name, strings.ToLower(string(out.Table.TableStatus))), "run the day again when the table is active")
	}
	return out.Table, nil
}

// dynamoIndex is the index whose partition key is the day attribute; nil stands for the table itself.
func dynamoIndex(r Request, table *types.TableDescription) (*types.GlobalSecondaryIndexDescription, error) {
	d := r.Source.DynamoDB
	invalid := func(message, hint string) error { return place(r.Source, fault.New(fault.Invalid, message, hint)) }
	keys, of := table.KeySchema, "table "+dynamoTableName(r)
	var index *types.GlobalSecondaryIndexDescription
	if d.Index != "" {
		for i, g := range table.GlobalSecondaryIndexes {
			if aws.ToString(g.IndexName) == d.Index {
				index = &table.GlobalSecondaryIndexes[i]
			}
		}
		if index == nil {
			return nil, invalid(fmt.Sprintf("table %s has no global secondary index %s", dynamoTableName(r), d.Index), "correct the name of the index, or write read: scan")
		}
		keys, of = index.KeySchema, "index "+d.Index
		if index.IndexStatus == types.IndexStatusCreating || aws.ToBool(index.Backfilling) {
			return nil, fault.New(fault.Unavailable, fmt.Sprintf("source %s: %s is still being filled", r.Source.Name, of), "run the day again when the index is active")
		}
		if index.Projection != nil && index.Projection.ProjectionType != types.ProjectionTypeAll {
			r.Log("warn", "%s has only some attributes of the items (%s)", of, index.Projection.ProjectionType)
		}
	}
	for _, k := range keys {
		if k.KeyType == types.KeyTypeHash && aws.ToString(k.AttributeName) != d.DayAttribute {
			return nil, invalid(fmt.Sprintf("the partition key of %s is %s, not the day attribute %s", of, aws.ToString(k.AttributeName), d.DayAttribute),
				"name an index whose partition key is the day, or write read: scan")
		}
	}
	return index, nil
}

// dynamoCapacity is the read capacity units a second that the request may use of the table, or of the index it reads; 0 is no limit.
func dynamoCapacity(d project.DynamoDB, table *types.TableDescription, index *types.GlobalSecondaryIndexDescription) float64 {
	if d.Units > 0 {
		return d.Units
	}
	share := d.Share
	if share == 0 {
		share = 0.25
	}
	throughput, demand := table.ProvisionedThroughput, table.OnDemandThroughput
	if index != nil {
		throughput, demand = index.ProvisionedThroughput, index.OnDemandThroughput
	}
	if throughput != nil && aws.ToInt64(throughput.ReadCapacityUnits) > 0 {
		return share * float64(*throughput.ReadCapacityUnits)
	}
	if demand != nil && aws.ToInt64(demand.MaxReadRequestUnits) > 0 {
		return share * float64(*demand.MaxReadRequestUnits)
	}
	return 0 // on demand: nothing is set aside that it could take from others
}

func validateDynamoDB(s project.Source) error {
	invalid := func(message, hint string) error { return place(s, fault.New(fault.Invalid, message, hint)) }
	d := s.DynamoDB
	if strings.TrimSpace(d.Table) == "" {
		return invalid("the source has no table", "write table: searches")
	}
	has, wrong := placeholdersOf(d.Table, "the table's name", "{day}", "{yyyy}", "{mm}", "{dd}")
	if wrong != nil {
		return place(s, wrong)
	}
	if snapshot(s) && (len(has) > 0 || d.DayAttribute != "") {
		return invalid("a snapshot has settings of a day", "leave day_attribute and {…} in the table's name out, or write holds: day")
	}
	if d.DayFormat != "" {
		for _, day := range []calendar.Day{calendar.MustDay("2026-01-02"), calendar.MustDay("2026-11-19")} {
			if t, err := time.Parse(d.DayFormat, day.Format(d.DayFormat)); err != nil || calendar.DayOf(t, time.UTC) != day {
				return invalid(fmt.Sprintf("day_format %q does not tell one day from another", d.DayFormat), `write how 2006-01-02 would stand there, such as "20060102"`)
			}
		}
	}
	if d.Segments < 0 || d.Segments > 99 || d.Share < 0 || d.Share > 1 || d.Units < 0 {
		return invalid("segments, share or units are out of bounds", "write segments: from 1 to 99, share: up to 100%, units: above 0")
	}
	if (d.Read != "export") != (d.Bucket == "") {
		return invalid("bucket is for read: export, which needs it", "write bucket: s3://bucket/prefix with read: export, and neither without the other")
	}
	switch d.Read {
	case "query":
		return validateDynamoQuery(s, invalid)
	case "scan":
		if !snapshot(s) && d.DayAttribute == "" && !has.day() {
			return invalid("a scan without a day attribute reads the present state of the table, whatever the day", "write holds: snapshot, or day_attribute: with the attribute that holds the day")
		}
	case "export":
		if snapshot(s) || d.DayAttribute != "" || len(has) > 0 {
			return invalid("an export is what changed in one table on a day", "write holds: day without day_attribute, and a table without {…}, or read: scan")
		}
	default:
		return invalid(fmt.Sprintf("read cannot be %q", d.Read), "write read: query, scan or export")
	}
	if d.Index != "" {
		return invalid("index is for read: query", "leave index out, or write read: query")
	}
	return nil
}

func validateDynamoQuery(s project.Source, invalid func(message, hint string) error) error {
	switch d := s.DynamoDB; {
	case snapshot(s):
		return invalid("a query asks for a day, a snapshot has none", "write read: scan for a snapshot, or holds: day")
	case d.DayAttribute == "":
		return invalid("a query needs the attribute that holds the day", "write day_attribute: with the partition key of the index")
	case d.Index != "" && d.Consistent:
		return invalid("a global secondary index cannot be read consistently", "leave consistent out, or write read: scan")
	}
	return nil
}
