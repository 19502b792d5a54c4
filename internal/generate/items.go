package generate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/logging"
	"golang.org/x/sync/errgroup"

	"daybook/internal/fault"
)

const (
	batchItems     = 25 // what one call takes
	batchesAtATime = 8
	batchTries     = 10 // of items that the table has no capacity for, with waits of 50 ms to 13 s between
)

// itemWriter puts searches into a table of DynamoDB.
type itemWriter struct {
	client    *dynamodb.Client
	table     string
	words     [][spellings]*types.AttributeValueMemberS // by the numbers that a request holds, as are these
	libraries []*types.AttributeValueMemberS
}

func openItems(ctx context.Context, to Stores, s *scene) (*itemWriter, error) {
	c, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}), config.WithRetryMaxAttempts(batchTries))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read the settings of AWS", "see AWS_REGION, AWS_PROFILE and ~/.aws")
	}
	if c.Region == "" {
		return nil, fault.New(fault.Invalid, "no region of AWS is named", "set AWS_REGION")
	}
	if to.Endpoint != "" {
		c.BaseEndpoint = &to.Endpoint
	}
	w := &itemWriter{client: dynamodb.NewFromConfig(c), table: to.Table}
	for _, spelled := range s.words {
		var word [spellings]*types.AttributeValueMemberS
		for i, quoted := range spelled {
			word[i] = unquote(quoted)
		}
		w.words = append(w.words, word)
	}
	for _, quoted := range s.libraries {
		w.libraries = append(w.libraries, unquote(quoted))
	}
	if err := w.create(ctx); err != nil {
		return nil, fmt.Errorf("make table %s of DynamoDB: %w", w.table, err)
	}
	return w, nil
}

// unquote is a JSON string as a value of DynamoDB.
func unquote(quoted []byte) *types.AttributeValueMemberS {
	var text string
	if err := json.Unmarshal(quoted, &text); err != nil {
		panic(err) // quote made it
	}
	return &types.AttributeValueMemberS{Value: text}
}

// create makes the table unless it is there. The index's sort key lets DynamoDB spread a day, which otherwise is one partition.
func (w *itemWriter) create(ctx context.Context) error {
	attribute := func(name string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeTypeS}
	}
	key := func(name string, kind types.KeyType) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: &name, KeyType: kind}
	}
	_, err := w.client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &w.table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{attribute("query_id"), attribute("query_date")},
		KeySchema:            []types.KeySchemaElement{key("query_id", types.KeyTypeHash)},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String("by_day"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
			KeySchema: []types.KeySchemaElement{key("query_date", types.KeyTypeHash), key("query_id", types.KeyTypeRange)},
		}},
	})
	if err != nil && !errors.As(err, new(*types.ResourceInUseException)) { // which says that it is there
		return err
	}
	soon := func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 100*time.Millisecond, 5*time.Second
	}
	return dynamodb.NewTableExistsWaiter(w.client, soon).Wait(ctx, &dynamodb.DescribeTableInput{TableName: &w.table}, 5*time.Minute)
}

// day puts a day's searches, in no order, and counts them in sum.
func (w *itemWriter) day(ctx context.Context, t *today, sum *Summary) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(batchesAtATime)
	var batch []types.WriteRequest
	send := func() {
		full := batch
		g.Go(func() error { return w.put(ctx, full) })
		batch = nil
	}
	err := t.each(ctx, func(_ int, _ dice, r *request) error {
		sum.Requests++
		if len(r.books) == 0 {
			sum.Failed++
		}
		batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: w.item(t, r)}})
		if len(batch) == batchItems {
			send()
		}
		return nil
	})
	if len(batch) > 0 && err == nil {
		send()
	}
	if failed := g.Wait(); failed != nil { // what ended the drawing
		return fmt.Errorf("put items into table %s of DynamoDB: %w", w.table, failed)
	}
	return err
}

func (w *itemWriter) item(t *today, r *request) map[string]types.AttributeValue {
	words := &types.AttributeValueMemberL{}
	for i, word := range r.words {
		spelling := plain
		if i == 0 {
			spelling = r.spelling
		}
		words.Value = append(words.Value, w.words[word][spelling])
	}
	libraries := &types.AttributeValueMemberL{}
	for _, library := range r.libraries {
		libraries.Value = append(libraries.Value, w.libraries[library])
	}
	books := &types.AttributeValueMemberL{Value: []types.AttributeValue{}} // a failed search has an empty list, not none
	for _, book := range r.books {
		books.Value = append(books.Value, &types.AttributeValueMemberS{Value: t.isbns[book]})
	}
	return map[string]types.AttributeValue{
		"query_id":    &types.AttributeValueMemberS{Value: string(r.id[:])},
		"query_date":  &types.AttributeValueMemberS{Value: t.name},
		"user_search": words, "selected_lib": libraries, "isbn13_list": books,
	}
}

// put writes a batch, and again what the table had no capacity for.
func (w *itemWriter) put(ctx context.Context, batch []types.WriteRequest) error {
	for n := 1; ; n++ {
		out, err := w.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{w.table: batch}})
		if err != nil {
			return err
		}
		if batch = out.UnprocessedItems[w.table]; len(batch) == 0 {
			return nil
		}
		if n == batchTries {
			return fault.New(fault.Unavailable, "it has no capacity for them", "raise its write capacity, or put it on demand")
		}
		select {
		case <-time.After(50 * time.Millisecond << (n - 1)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
