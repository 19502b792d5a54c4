package publish

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"daybook/internal/fault"
)

// DynamoDB publishes to a table of DynamoDB, which has no step that changes many items at once: items are written in batches of 25, and
// then those of the publication's earlier runs that were not written again are deleted. Until then readers can see new items beside old
// ones, never none. Each item carries _publication, _day and _run, by which later runs know it; items without them are left alone, and each
// batch is looked up before it is written, so that none takes the place of another's item.
type DynamoDB struct{}

// The attributes by which a publication knows its items.
const (
	byPublication = "_publication"
	byDay         = "_day"
	byRun         = "_run"
)

// Publish is Target.
func (DynamoDB) Publish(ctx context.Context, r Request) (Result, error) {
	l, err := layoutOf(r)
	if err != nil {
		return Result{}, err
	}
	c, err := awsConfig(ctx, r)
	if err != nil {
		return Result{}, err
	}
	// Two tries of one run are two markers: what only the first wrote is as old as what another run did.
	d := &dynamoRun{request: r, layout: l, client: dynamodb.NewFromConfig(c), table: r.Publication.Table, marker: strings.TrimPrefix(r.Run+"/"+strings.ToLower(rand.Text()[:10]), "/")}
	if err := d.describe(ctx); err != nil {
		return Result{}, err
	}
	if err := d.write(ctx); err != nil {
		return Result{}, err
	}
	if r.Publication.Mode != "upsert" {
		if err := d.settle(ctx); err != nil {
			return Result{}, err
		}
	}
	d.result.Step = "none over many items: each item changes at once, old items go after all new ones are there"
	return d.result, nil
}

type dynamoRun struct {
	request Request
	layout  *layout
	client  *dynamodb.Client
	table   string
	marker  string
	keys    []string          // attributes of the table's key
	kinds   map[string]string // S, N or B of each
	there   int64             // items of the publication that were there before and are written again
	result  Result
}

// describe holds that the table is there and its key is the mart's, as otherwise rows would write over each other.
func (d *dynamoRun) describe(ctx context.Context) error {
	var got *dynamodb.DescribeTableOutput
	err := again(ctx, d.request, "DynamoDB: look at table "+d.table, func() (err error) {
		got, err = d.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &d.table})
		var none *types.ResourceNotFoundException
		if errors.As(err, &none) {
			return invalid(d.request, "there is no table "+d.table, "make it, with the mart's key as its key, or mend table: and aws:")
		}
		return err
	})
	if err != nil {
		return err
	}
	d.kinds = map[string]string{}
	var places []int
	for _, k := range got.Table.KeySchema {
		name := aws.ToString(k.AttributeName)
		i := slices.IndexFunc(d.layout.columns, func(c column) bool { return c.as == name })
		if i < 0 {
			return invalid(d.request, fmt.Sprintf("the table's key %s is not published", name), "publish the column that is it, as columns: {COLUMN: "+name+"}")
		}
		d.keys, places = append(d.keys, name), append(places, i)
	}
	for _, a := range got.Table.AttributeDefinitions {
		d.kinds[aws.ToString(a.AttributeName)] = string(a.AttributeType)
	}
	if want := d.layout.keyNames(); len(want) > 0 && !slices.Equal(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(d.keys))) {
		return invalid(d.request, fmt.Sprintf("the key is %s and the table's is %s", strings.Join(want, ", "), strings.Join(d.keys, ", ")),
			"write key: with the columns of the table's key, or make a table with this key")
	}
	d.layout.key = places
	return nil
}

// batchItems is what one call takes.
const batchItems = 25

func (d *dynamoRun) write(ctx context.Context) error {
	distinct := d.layout.distinct()
	var batch []types.WriteRequest
	put := func() error {
		if err := d.ours(ctx, batch); err != nil {
			return err
		}
		return d.send(ctx, batch)
	}
	err := d.layout.each(ctx, func(row []any) error {
		if err := distinct(row); err != nil {
			return err
		}
		item, err := d.item(row)
		if err != nil {
			return err
		}
		if batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}}); len(batch) < batchItems {
			return nil
		}
		err = put()
		batch = nil
		return err
	})
	if err == nil && len(batch) > 0 {
		err = put()
	}
	d.result.Sent, d.result.Written = d.layout.sent, d.layout.sent
	return err
}

// send writes a batch, and again what the table had no capacity for.
func (d *dynamoRun) send(ctx context.Context, batch []types.WriteRequest) error {
	const doing = "DynamoDB: write items"
	for n := 1; len(batch) > 0; {
		out, err := d.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{d.table: batch}, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
		if err != nil {
			if err = awsFault(err, doing); !fault.Is(err, fault.Unavailable) || n >= tries || ctx.Err() != nil {
				return err
			}
		} else {
			left := out.UnprocessedItems[d.table]
			if len(left) < len(batch) {
				n = 0 // it goes on
			}
			if batch = left; len(batch) == 0 {
				return d.pace(ctx, out.ConsumedCapacity...)
			}
			if n >= 2*tries {
				return fault.New(fault.Unavailable, doing+": the table has no capacity left for them", "raise the table's write capacity, or write a lower units:")
			}
		}
		n++
		if err := d.request.Wait(ctx, backoff(n)); err != nil {
			return err
		}
	}
	return nil
}

// pace waits as long as the consumed capacity takes at the rate that is allowed.
func (d *dynamoRun) pace(ctx context.Context, consumed ...types.ConsumedCapacity) error {
	units := 0.0
	for _, c := range consumed {
		units += aws.ToFloat64(c.CapacityUnits)
	}
	if rate := d.request.Publication.Units; rate > 0 && units > 0 {
		return d.request.Wait(ctx, time.Duration(units/rate*float64(time.Second)))
	}
	return nil
}

// settle counts what this run wrote and deletes what earlier ones did and it did not.
func (d *dynamoRun) settle(ctx context.Context) error {
	names := map[string]string{"#p": byPublication, "#r": byRun}
	values := map[string]types.AttributeValue{":p": &types.AttributeValueMemberS{Value: d.request.mark()}}
	filter := "#p = :p"
	if d.request.Publication.Mode == "day" {
		filter += " AND #d = :d"
		names["#d"], values[":d"] = byDay, &types.AttributeValueMemberS{Value: d.request.Day.String()}
	}
	var shown []string
	for i, k := range d.keys {
		shown = append(shown, fmt.Sprintf("#k%d", i))
		names[shown[i]] = k
	}
	var old []types.WriteRequest
	var count int64
	in := &dynamodb.ScanInput{TableName: &d.table, ConsistentRead: aws.Bool(true), FilterExpression: &filter, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
		ProjectionExpression: aws.String(strings.Join(append(shown, "#r"), ", ")), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal}
	for {
		var page *dynamodb.ScanOutput
		if err := again(ctx, d.request, "DynamoDB: look for items of earlier runs", func() (err error) { page, err = d.client.Scan(ctx, in); return err }); err != nil {
			return err
		}
		for _, item := range page.Items {
			if run, ok := item[byRun].(*types.AttributeValueMemberS); ok && run.Value == d.marker {
				count++
				continue
			}
			delete(item, byRun)
			old = append(old, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: item}})
		}
		if page.ConsumedCapacity != nil {
			if err := d.pace(ctx, *page.ConsumedCapacity); err != nil {
				return err
			}
		}
		if in.ExclusiveStartKey = page.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			break
		}
	}
	if count != d.result.Sent {
		return fault.New(fault.CheckFailed, fmt.Sprintf("the table holds %d items of this run and %d were written; nothing was deleted", count, d.result.Sent), "see who else writes the table, and run the publication again")
	}
	if err := shrunk(d.request, d.there+int64(len(old)), count, "items of this publication"); err != nil {
		return err
	}
	for batch := range slices.Chunk(old, batchItems) {
		if err := d.send(ctx, batch); err != nil {
			return err
		}
		d.result.Removed += int64(len(batch))
	}
	return nil
}
