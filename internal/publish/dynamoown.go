package publish

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"daybook/internal/fault"
)

// ours holds that the items of a batch take the place of none that is another's, or another day's: a put replaces an item whole.
func (d *dynamoRun) ours(ctx context.Context, batch []types.WriteRequest) error {
	names := map[string]string{"#p": byPublication, "#d": byDay}
	shown := []string{"#p", "#d"}
	for i, k := range d.keys {
		name := fmt.Sprintf("#k%d", i)
		shown, names[name] = append(shown, name), k
	}
	asked := types.KeysAndAttributes{ConsistentRead: aws.Bool(true), ExpressionAttributeNames: names, ProjectionExpression: aws.String(strings.Join(shown, ", "))}
	for _, w := range batch {
		key := map[string]types.AttributeValue{}
		for _, k := range d.keys {
			key[k] = w.PutRequest.Item[k]
		}
		asked.Keys = append(asked.Keys, key)
	}
	found, err := d.lookUp(ctx, asked)
	if err != nil {
		return err
	}
	var others, moved []string
	for _, item := range found {
		switch {
		case attributeText(item[byPublication]) != d.request.mark():
			others = append(others, d.itemName(item))
		case d.request.Publication.Mode == "day" && attributeText(item[byDay]) != d.request.Day.String():
			moved = append(moved, d.itemName(item)+", day="+attributeText(item[byDay]))
		default:
			d.there++
		}
	}
	slices.Sort(others)
	slices.Sort(moved)
	if len(others) > 0 && !d.request.Publication.TakesOver {
		return invalid(d.request, fmt.Sprintf("items that this publication did not write have the keys %s; none was replaced", strings.Join(others[:min(5, len(others))], "; ")), takeOver)
	}
	if len(moved) > 0 {
		return otherDay(d.request, moved[:min(5, len(moved))])
	}
	return nil
}

// lookUp asks for items by their keys, and again for what the table had no capacity for.
func (d *dynamoRun) lookUp(ctx context.Context, asked types.KeysAndAttributes) (found []map[string]types.AttributeValue, err error) {
	const doing = "DynamoDB: look for items of others"
	for n := 1; ; n++ {
		var out *dynamodb.BatchGetItemOutput
		err := again(ctx, d.request, doing, func() (err error) {
			out, err = d.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
				RequestItems: map[string]types.KeysAndAttributes{d.table: asked}, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(out.Responses[d.table]) > 0 {
			n = 0 // it goes on
		}
		found = append(found, out.Responses[d.table]...)
		if err := d.pace(ctx, out.ConsumedCapacity...); err != nil {
			return nil, err
		}
		left, ok := out.UnprocessedKeys[d.table]
		if !ok || len(left.Keys) == 0 {
			return found, nil
		}
		if n >= 2*tries {
			return nil, fault.New(fault.Unavailable, doing+": the table has no capacity left", "raise the table's read capacity, or write a lower units:")
		}
		asked = left
		if err := d.request.Wait(ctx, backoff(n+1)); err != nil {
			return nil, err
		}
	}
}

func (d *dynamoRun) itemName(item map[string]types.AttributeValue) string {
	var parts []string
	for _, k := range d.keys {
		parts = append(parts, k+"="+cut(attributeText(item[k]), 60))
	}
	return strings.Join(parts, ", ")
}

// attributeText is an attribute for people, "none" when it is absent.
func attributeText(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	case *types.AttributeValueMemberB:
		return fmt.Sprintf("%x", v.Value)
	}
	return "none"
}
