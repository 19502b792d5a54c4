package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/sync/errgroup"

	"daybook/internal/fault"
)

const (
	dynamoSegments = 4
	// dynamoEmptyPages is how many pages without records, in a row, a segment reads before it puts one of them all the same: so many, at
	// most, are read again after an interruption.
	dynamoEmptyPages = 64
)

// dynamoReading is a scan or query of a table, page by page and several segments at once. A query has one segment.
type dynamoReading struct {
	r      Request
	client *dynamodb.Client
	sink   Sink
	rate   *capacityRate
	index  string
	filter string // expression that selects the day; empty for none
	names  map[string]string
	values map[string]types.AttributeValue
}

// dynamoSegment is where a segment stands; it is the state of a part. Next is the key to go on behind, as DynamoDB gave it.
type dynamoSegment struct {
	Segment int             `json:"segment"`
	Of      int             `json:"of"`
	Page    int             `json:"page"` // pages read
	Next    json.RawMessage `json:"next,omitempty"`
	Done    bool            `json:"done,omitempty"`
	put     int             // the last page that became an object
}

func newDynamoReading(r Request, client *dynamodb.Client, table *types.TableDescription, sink Sink) (*dynamoReading, error) {
	d := r.Source.DynamoDB
	s := &dynamoReading{r: r, client: client, sink: sink, index: d.Index}
	var index *types.GlobalSecondaryIndexDescription
	if d.Read == "query" {
		var err error
		if index, err = dynamoIndex(r, table); err != nil {
			return nil, err
		}
	}
	s.rate = newCapacityRate(dynamoCapacity(d, table, index), r.Now)
	if d.DayAttribute != "" {
		s.selectDay(table)
	}
	return s, nil
}

// selectDay selects the items whose day attribute is the day: text, or a number where the table says so or may have one.
func (s *dynamoReading) selectDay(table *types.TableDescription) {
	d := s.r.Source.DynamoDB
	layout := d.DayFormat
	if layout == "" {
		layout = "2006-01-02"
	}
	day := s.r.Day.Format(layout)
	s.names = map[string]string{"#day": d.DayAttribute}
	s.filter, s.values = "#day = :day", map[string]types.AttributeValue{":day": &types.AttributeValueMemberS{Value: day}}
	for _, a := range table.AttributeDefinitions {
		if aws.ToString(a.AttributeName) != d.DayAttribute {
			continue
		}
		if a.AttributeType == types.ScalarAttributeTypeN {
			s.values[":day"] = &types.AttributeValueMemberN{Value: day}
		}
		return
	}
	if strings.Trim(day, "0123456789") == "" { // only keys have declared types
		s.filter, s.values[":number"] = "#day IN (:day, :number)", &types.AttributeValueMemberN{Value: day}
	}
}

// fetch reads every segment to its end, from where an unfinished fetch left it.
func (s *dynamoReading) fetch(ctx context.Context) error {
	segments, err := s.segments()
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, at := range segments {
		group.Go(func() error {
			for !at.Done {
				if err := s.page(ctx, &at); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// segments is where each one begins. What is kept decides how many there are: the setting may have changed since.
func (s *dynamoReading) segments() ([]dynamoSegment, error) {
	n := 1
	if d := s.r.Source.DynamoDB; d.Read == "scan" {
		n = max(d.Segments, 0)
		if n == 0 {
			n = dynamoSegments
		}
	}
	var kept []dynamoSegment
	for _, p := range s.r.Kept {
		var at dynamoSegment
		if err := json.Unmarshal([]byte(p.State), &at); err != nil || at.Of < 1 || at.Segment < 0 || at.Segment >= at.Of || len(kept) > 0 && at.Of != kept[0].Of {
			return nil, fault.Wrap(fault.Unavailable, ErrChanged, fmt.Sprintf("source %s: object %s of an unfinished fetch does not say where it ended", s.r.Source.Name, p.Name), "run the day again")
		}
		kept = append(kept, at)
		n = at.Of
	}
	all := make([]dynamoSegment, n)
	for i := range all {
		all[i] = dynamoSegment{Segment: i, Of: n}
	}
	for _, at := range kept {
		if at.Page > all[at.Segment].Page {
			at.put = at.Page
			all[at.Segment] = at
		}
	}
	return all, nil
}

// page reads the next page of a segment and puts it if it brought records.
func (s *dynamoReading) page(ctx context.Context, at *dynamoSegment) error {
	start, err := dynamoKey(at.Next)
	if err != nil {
		return fault.Wrap(fault.Unavailable, errors.Join(ErrChanged, err), fmt.Sprintf("source %s: an unfinished fetch left a key that cannot be read", s.r.Source.Name), "run the day again")
	}
	var answer *dynamoPage
	err = awsAsk(ctx, s.r, s.doing(), func(ctx context.Context) error {
		t := s.rate.take()
		if t.wait > 0 {
			if err := s.r.Wait(ctx, t.wait); err != nil {
				return err
			}
		}
		answer, err = s.ask(ctx, *at, start)
		switch {
		case err == nil:
			s.rate.settle(t, answer.ConsumedCapacity.CapacityUnits)
		case awsBusy(err):
			if s.rate.throttled(t) {
				s.r.Log("warn", "table %s is busy (%s): reading at half the rate", dynamoTableName(s.r), awsCode(err))
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	at.Page++
	if at.Next = answer.LastEvaluatedKey; string(at.Next) == "null" {
		at.Next = nil
	}
	at.Done = len(at.Next) == 0
	if answer.Count == 0 && at.Page-at.put < dynamoEmptyPages {
		return nil
	}
	at.put = at.Page
	return s.put(ctx, *at, answer.body)
}

func (s *dynamoReading) doing() string {
	if s.index != "" {
		return fmt.Sprintf("query index %s of table %s", s.index, dynamoTableName(s.r))
	}
	return fmt.Sprintf("%s table %s", s.r.Source.DynamoDB.Read, dynamoTableName(s.r))
}

// put stores a page, compressed.
func (s *dynamoReading) put(ctx context.Context, at dynamoSegment, body []byte) error {
	state, err := json.Marshal(at)
	if err != nil {
		return fmt.Errorf("note where %s stands: %w", s.doing(), err)
	}
	var packed bytes.Buffer
	w := newZip(&packed)
	_, err = w.Write(body)
	if err = errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("compress a page of %s: %w", dynamoTableName(s.r), err)
	}
	d := s.r.Source.DynamoDB
	p := Part{Name: fmt.Sprintf("%s-p%06d.json.gz", d.Read, at.Page), Origin: fmt.Sprintf("dynamodb:%s page %d", dynamoTableName(s.r), at.Page), State: string(state)}
	if d.Read == "scan" {
		p.Name = fmt.Sprintf("scan-s%02d-p%06d.json.gz", at.Segment, at.Page)
		p.Origin = fmt.Sprintf("dynamodb:%s segment %d of %d, page %d", dynamoTableName(s.r), at.Segment, at.Of, at.Page)
	}
	if err := s.sink.Put(ctx, p, &packed); err != nil {
		return fmt.Errorf("keep page %d of %s: %w", at.Page, s.doing(), err)
	}
	return nil
}

// dynamoPage is what an answer says beside its items, and all of its bytes.
type dynamoPage struct {
	Count            int
	LastEvaluatedKey json.RawMessage
	ConsumedCapacity struct{ CapacityUnits float64 }
	body             []byte
}

// ask makes the call. The items stay bytes: nobody turns them into values here.
func (s *dynamoReading) ask(ctx context.Context, at dynamoSegment, start map[string]types.AttributeValue) (*dynamoPage, error) {
	var p dynamoPage
	d := s.r.Source.DynamoDB
	keep := func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Deserialize.Insert(&dynamoBody{&p}, "OperationDeserializer", middleware.After)
		})
	}
	var err error
	table, filter := dynamoTableName(s.r), (*string)(nil)
	if s.filter != "" {
		filter = &s.filter
	}
	if d.Read == "query" {
		in := &dynamodb.QueryInput{TableName: &table, KeyConditionExpression: filter, ExpressionAttributeNames: s.names, ExpressionAttributeValues: s.values,
			ExclusiveStartKey: start, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal, ConsistentRead: &d.Consistent}
		if s.index != "" {
			in.IndexName = &s.index
		}
		_, err = s.client.Query(ctx, in, keep)
	} else {
		in := &dynamodb.ScanInput{TableName: &table, FilterExpression: filter, ExpressionAttributeNames: s.names, ExpressionAttributeValues: s.values,
			ExclusiveStartKey: start, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal, ConsistentRead: &d.Consistent}
		if at.Of > 1 {
			in.Segment, in.TotalSegments = aws.Int32(int32(at.Segment)), aws.Int32(int32(at.Of))
		}
		_, err = s.client.Scan(ctx, in, keep)
	}
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// dynamoBody takes the body of a good answer away from the SDK, which would make a value of every attribute, and reads from it what
// the next call needs. The SDK only warns of a body that its checksum was not made of.
type dynamoBody struct{ into *dynamoPage }

func (*dynamoBody) ID() string { return "KeepBody" }

func (k *dynamoBody) HandleDeserialize(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
	out, meta, err := next.HandleDeserialize(ctx, in)
	response, ok := out.RawResponse.(*smithyhttp.Response)
	if err != nil || !ok || response.StatusCode/100 != 2 {
		return out, meta, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close() // all of it is read
	sum := response.Header.Get("X-Amz-Crc32")
	if err == nil && sum != "" && sum != strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10) {
		err = errors.New("it is not what its checksum was made of")
	}
	if err == nil {
		err = json.Unmarshal(body, k.into)
	}
	if err != nil {
		return out, meta, &smithy.DeserializationError{Err: err}
	}
	k.into.body = body
	response.Body = io.NopCloser(strings.NewReader("{}"))
	return out, meta, nil
}

// dynamoKey makes the key of an answer into that of a request. Keys are text, numbers and binary only; numbers stay text.
func dynamoKey(raw json.RawMessage) (map[string]types.AttributeValue, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var attributes map[string]struct {
		S, N *string
		B    []byte
	}
	if err := json.Unmarshal(raw, &attributes); err != nil {
		return nil, fmt.Errorf("read a key: %w", err)
	}
	key := map[string]types.AttributeValue{}
	for name, a := range attributes {
		switch {
		case a.S != nil:
			key[name] = &types.AttributeValueMemberS{Value: *a.S}
		case a.N != nil:
			key[name] = &types.AttributeValueMemberN{Value: *a.N}
		case a.B != nil:
			key[name] = &types.AttributeValueMemberB{Value: a.B}
		default:
			return nil, fmt.Errorf("attribute %s of a key is no text, number or binary", name)
		}
	}
	return key, nil
}
