package publish_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/publish/publishtest"
)

func TestDynamoDBDoesWhatTargetsMust(t *testing.T) {
	publishtest.Run(t, func(t *testing.T) publishtest.World { return dynamoWorld(t).World })
}

type dynamoPlace struct {
	publishtest.World
	client *dynamodb.Client
	table  string
}

func dynamoWorld(t *testing.T) dynamoPlace {
	at := dynamoDB(t)
	p := dynamoPlace{client: at.dynamoDB(), table: "t" + rand.Text()}
	if _, err := p.client.CreateTable(t.Context(), &dynamodb.CreateTableInput{TableName: &p.table, BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeN}}}); err != nil {
		t.Fatal(err)
	}
	for status := types.TableStatus(""); status != types.TableStatusActive; {
		got, err := p.client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &p.table})
		if err != nil {
			t.Fatal(err)
		}
		status = got.Table.TableStatus
	}
	proxy := publishtest.NewProxy(t, strings.TrimPrefix(at.Endpoint, "http://"))
	publication := func(mode string) project.Publication {
		return project.Publication{Name: "items", Mart: "items", To: "dynamodb", Mode: mode, Table: p.table,
			AWS: project.AWS{Region: at.Region, Endpoint: "http://" + proxy.Addr, AccessKey: "env:ID", SecretKey: "env:KEY"}}
	}
	secrets := map[string]string{"env:ID": at.AccessKey, "env:KEY": at.SecretKey}
	p.World = publishtest.World{
		To: "dynamodb", Modes: []string{"swap", "upsert", "day"}, Secrets: secrets, Secret: at.SecretKey, Proxy: proxy, Publication: publication,
		Read: func(string, calendar.Day) []string { return p.rows(t) },
		Denied: func(mode string) (project.Publication, map[string]string) { // dynalite lets everybody in
			refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/x-amz-json-1.0")
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprintf(w, `{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"The security token %s is invalid."}`, at.SecretKey)
			}))
			t.Cleanup(refuses.Close)
			denied := publication(mode)
			denied.AWS.Endpoint = refuses.URL
			return denied, secrets
		},
	}
	return p
}

func (p dynamoPlace) rows(t *testing.T) []string {
	t.Helper()
	var out []string
	pages := dynamodb.NewScanPaginator(p.client, &dynamodb.ScanInput{TableName: &p.table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Error(err)
			return nil
		}
		for _, item := range page.Items {
			out = append(out, itemText(item))
		}
	}
	slices.Sort(out)
	return out
}

func itemText(item map[string]types.AttributeValue) string {
	text := func(name string) string {
		switch v := item[name].(type) {
		case *types.AttributeValueMemberS:
			return v.Value
		case *types.AttributeValueMemberN:
			return v.Value
		}
		return publishtest.Null
	}
	return publishtest.Text(text("day"), text("id"), text("name"), text("price"))
}
