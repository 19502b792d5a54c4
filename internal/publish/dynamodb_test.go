package publish_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/publish"
	"daybook/internal/publish/publishtest"
	"daybook/internal/testenv"
)

func TestDynamoDBDoesWhatTargetsMust(t *testing.T) {
	t.Parallel()
	publishtest.Run(t, func(t *testing.T) publishtest.World { return dynamoWorld(t).World })
}

type dynamoPlace struct {
	publishtest.World
	client *dynamodb.Client
	table  string
}

func dynamoWorld(t *testing.T) dynamoPlace {
	at := awsServer{testenv.DynamoDB(t)}
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

// doubt answers for DynamoDB: it passes requests on, except what it is told.
type doubt struct {
	mu       sync.Mutex
	throttle int // that many writes are refused as too many
	half     int // of that many writes only the first item is taken
	writes   int
}

func (p dynamoPlace) doubting(t *testing.T, d *doubt) string {
	t.Helper()
	to := &url.URL{Scheme: "http", Host: p.Proxy.Addr}
	pass := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), "BatchWriteItem") {
			pass.ServeHTTP(w, r)
			return
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.writes++
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if d.throttle > 0 {
			d.throttle--
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}`)
			return
		}
		if d.half == 0 {
			pass.ServeHTTP(w, r)
			return
		}
		d.half--
		var in struct{ RequestItems map[string][]json.RawMessage }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		left := map[string][]json.RawMessage{}
		for table, items := range in.RequestItems {
			left[table], in.RequestItems[table] = items[1:], items[:1]
		}
		body, _ := json.Marshal(in)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		pass.ServeHTTP(httptest.NewRecorder(), r)
		answer, _ := json.Marshal(map[string]any{"UnprocessedItems": left})
		w.Write(answer)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func (p dynamoPlace) request(mode string, d calendar.Day, columns []publish.Column, rows ...[]any) publish.Request {
	r := p.Request(mode, d)
	r.Columns = columns
	return with(r, rows...)
}

var things = []publish.Column{{Name: "day", Type: "DATE"}, {Name: "id", Type: "BIGINT"}, {Name: "name", Type: "VARCHAR"}}

func many(n int) (rows [][]any) {
	for i := range n {
		rows = append(rows, []any{day, int64(i), "x"})
	}
	return rows
}

func TestDynamoDBWritesAgainWhatWasNotTaken(t *testing.T) {
	t.Parallel()
	p := dynamoWorld(t)
	d := &doubt{throttle: 2, half: 3}
	r := p.request("swap", day, things, many(40)...)
	r.Publication.AWS.Endpoint = p.doubting(t, d)
	var waits []time.Duration
	r.Wait = func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }
	must(t, r)
	if got := p.rows(t); len(got) != 40 {
		t.Errorf("%d items", len(got))
	}
	if len(waits) != 5 || slices.Contains(waits, 0) || waits[1] <= waits[0] {
		t.Errorf("waits %v", waits)
	}
	d.throttle = 1000
	refused(t, r, fault.Unavailable, "slow down")
}

func TestDynamoDBIsWrittenAsFastAsUnitsSay(t *testing.T) {
	t.Parallel()
	p := dynamoWorld(t)
	r := p.request("upsert", day, things, many(100)...)
	r.Publication.Units = 10
	var waited time.Duration
	r.Wait = func(_ context.Context, d time.Duration) error { waited += d; return nil }
	must(t, r)
	if waited != 20*time.Second { // each item is read and written
		t.Errorf("200 units at 10 a second waited %s", waited)
	}
}

func TestDynamoDBLeavesItemsOfOthersAlone(t *testing.T) {
	t.Parallel()
	p := dynamoWorld(t)
	if _, err := p.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &p.table, Item: map[string]types.AttributeValue{
		"id": &types.AttributeValueMemberN{Value: "999"}, "name": &types.AttributeValueMemberS{Value: "somebody's"}}}); err != nil {
		t.Fatal(err)
	}
	must(t, p.request("swap", day, things, many(60)...))
	if got := must(t, p.request("swap", day, things, many(3)...)); got.Removed != 57 || got.Written != 3 {
		t.Errorf("%+v", got)
	}
	if got := p.rows(t); len(got) != 4 {
		t.Errorf("%q", got)
	}
}

func TestDynamoDBItemOfAnotherIsNotReplacedUnasked(t *testing.T) {
	t.Parallel()
	p := dynamoWorld(t)
	if _, err := p.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &p.table, Item: map[string]types.AttributeValue{
		"id": &types.AttributeValueMemberN{Value: "2"}, "name": &types.AttributeValueMemberS{Value: "somebody's"}}}); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"swap", "day", "upsert"} {
		refused(t, p.request(mode, day, things, many(3)...), fault.Invalid, "items that this publication did not write have the keys id=2")
	}
	if got := p.rows(t); len(got) != 1 || !strings.Contains(got[0], "somebody's") {
		t.Errorf("%q", got)
	}
	r := p.request("swap", day, things, many(3)...)
	r.Publication.TakesOver = true
	must(t, r)
	r = p.request("swap", day, things, many(3)...)
	must(t, r)
	r = p.request("swap", day, things, many(3)...)
	r.Project = "library"
	refused(t, r, fault.Invalid, "id=0; id=1; id=2")
}

func TestDynamoDBItemOfAnotherDayDoesNotMove(t *testing.T) {
	t.Parallel()
	p := dynamoWorld(t)
	must(t, p.request("day", day, things, []any{day, int64(1), "x"}, []any{day, int64(2), "x"}))
	next := day.Add(1)
	refused(t, p.request("day", next, things, []any{next, int64(1), "y"}), fault.CheckFailed, "id=1, day=2026-11-19")
	must(t, p.request("day", next, things))
	if got := p.rows(t); len(got) != 2 {
		t.Errorf("%q", got)
	}
	must(t, p.request("upsert", next, things, []any{next, int64(1), "y"}))
}

func TestDynamoDBItemsStayThatWouldShrinkTooFar(t *testing.T) {
	t.Parallel()
	p := dynamoWorld(t)
	must(t, p.request("swap", day, things, many(40)...))
	r := p.request("swap", day, things, many(19)...)
	r.Publication.Shrink = 0.5
	refused(t, r, fault.CheckFailed, "40 items of this publication and would have 19")
	if got := p.rows(t); len(got) != 40 {
		t.Errorf("%d items", len(got))
	}
	r = p.request("swap", day, things, many(20)...)
	r.Publication.Shrink = 0.5
	must(t, r)
}

func TestDynamoDBTryOfTheSameRunRemovesWhatOnlyTheFirstWrote(t *testing.T) {
	t.Parallel()
	p := dynamoWorld(t)
	r := p.request("swap", day, things, many(60)...)
	r.Rows = publishtest.Values(many(60), fmt.Errorf("broken off"))
	if _, err := send(t, r); err == nil {
		t.Fatal("it did not fail")
	}
	must(t, p.request("swap", day, things, many(5)...))
	if got := p.rows(t); len(got) != 5 {
		t.Errorf("%d items", len(got))
	}
}

func TestDynamoDBKeepsEveryTypeAndDigit(t *testing.T) {
	t.Parallel()
	p := dynamoWorld(t)
	columns, row, _, _ := every()
	r := p.request("swap", day, nil)
	for _, c := range columns {
		name, kind, _ := strings.Cut(c, " ")
		r.Columns = append(r.Columns, publish.Column{Name: name, Type: kind})
	}
	r.Columns[0].Name, r.Keys = "id", []string{"id"}
	r = with(r, row)
	refused(t, r, fault.Invalid, "id=1", "39 digits", "c3")
	row[3] = "17014118346046923173168730371588410572"
	must(t, r)
	got, err := p.client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &p.table, Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberN{Value: "1"}}})
	if err != nil {
		t.Fatal(err)
	}
	n := func(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
	s := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	for name, want := range map[string]types.AttributeValue{
		"c1": &types.AttributeValueMemberBOOL{Value: true}, "c2": n("-9223372036854775808"), "c3": n("17014118346046923173168730371588410572"), "c4": n("18446744073709551615"),
		"c5": n("-1234567890123456789012345678.0123456789"), "c6": n("0.1"), "c9": s("2026-11-19"), "c12": s("2026-11-19 23:59:59.999999Z"), "c14": s(`{"a": [1, "x"]}`),
		"c16": &types.AttributeValueMemberB{Value: []byte{0, 255, 39}},
		"c17": &types.AttributeValueMemberL{Value: []types.AttributeValue{s(`a,"b\`), &types.AttributeValueMemberNULL{Value: true}, s("{}"), s("")}},
		"c20": nil,
	} {
		if d := cmp.Diff(want, got.Item[name], cmpopts.IgnoreUnexported(types.AttributeValueMemberN{}, types.AttributeValueMemberS{}, types.AttributeValueMemberB{},
			types.AttributeValueMemberBOOL{}, types.AttributeValueMemberL{}, types.AttributeValueMemberNULL{})); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestDynamoDBTableMustHaveTheMartsKey(t *testing.T) {
	t.Parallel()
	p := dynamoWorld(t)
	r := p.request("swap", day, things)
	r.Keys = []string{"id", "day"}
	refused(t, r, fault.Invalid, "the key is id, day and the table's is id")
	r.Keys = nil
	r.Publication.Columns = []project.PublishedColumn{{Column: "name", As: "name"}}
	refused(t, r, fault.Invalid, "the table's key id is not published")
	r.Publication.Table = "nowhere"
	refused(t, r, fault.Invalid, "there is no table nowhere")
}

func TestDynamoDBItemThatIsTooLargeIsNamed(t *testing.T) {
	t.Parallel()
	p := dynamoWorld(t)
	refused(t, p.request("swap", day, things, []any{day, int64(7), strings.Repeat("x", 400<<10)}), fault.Invalid, "id=7", "name of the row", "409600")
}
