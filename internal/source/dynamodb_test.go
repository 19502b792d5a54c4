package source_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
	"daybook/internal/testenv"
)

func TestDynamoDBIsASource(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]project.DynamoDB{
		"query": {Read: "query", Index: "by_day", DayAttribute: "query_date"},
		"scan":  {Read: "scan", DayAttribute: "query_date", Segments: 3},
		"one":   {Read: "scan", DayAttribute: "query_date", Segments: 1},
		"table": {Read: "scan"}, // one of each day
	} {
		t.Run(name, func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T) sourcetest.World { return dynamoWorld(t, d) })
		})
	}
}

func dynamoWorld(t *testing.T, d project.DynamoDB) sourcetest.World {
	db := newDynamo(t)
	d.Table = db.prefix + "-{day}"
	asked := db.proxy.brought
	if d.Read == "scan" && d.Segments != 1 {
		asked = nil // what other segments were asking for when one failed may arrive at any time
	}
	return sourcetest.World{
		Source:  dynamoSource(t),
		Request: func(day calendar.Day) source.Request { return db.request(d, day) },
		Fill: func(day calendar.Day, parts []string) {
			table := db.prefix + "-" + day.String()
			db.create(t, table)
			pad := strings.Repeat("x", 340_000) // three items are more than a page
			for i, line := range slices.Collect(strings.Lines(strings.Join(parts, ""))) {
				db.put(t, table, dynamoItem{"id": dynamoText(fmt.Sprint(i)), "query_date": dynamoText(day.String()), "line": dynamoText(strings.TrimSuffix(line, "\n")), "pad": dynamoText(pad)})
			}
			if d.DayAttribute != "" {
				db.put(t, table, dynamoItem{"id": dynamoText("other"), "query_date": dynamoText("2026-01-01"), "line": dynamoText("of another day")})
			}
		},
		Records:  func(object []byte) []string { return dynamoLines(t, object) },
		Secret:   sourcetest.Secret,
		Deny:     func() { db.refuse(1000, "UnrecognizedClientException", "the key "+sourcetest.Secret+" is not known") },
		Asked:    asked,
		Throttle: func(n int) { db.refuse(n, "ProvisionedThroughputExceededException", "too much") },
	}
}

type dynamoItem = map[string]types.AttributeValue

func dynamoText(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// dynamo is a DynamoDB with a proxy that misbehaves, and behind it one that notes what was asked.
type dynamo struct {
	client *dynamodb.Client // beside the proxies
	prefix string
	chaos  *testenv.Proxy
	proxy  *dynamoProxy
}

func newDynamo(t *testing.T) *dynamo {
	t.Helper()
	at := testenv.DynamoDB(t)
	proxy := newDynamoProxy(t, at.Endpoint)
	return &dynamo{prefix: "t" + strings.ToLower(rand.Text())[:10], proxy: proxy, chaos: testenv.Chaos(t, proxy.url),
		client: dynamodb.New(dynamodb.Options{Region: at.Region, BaseEndpoint: &at.Endpoint, Credentials: credentials.NewStaticCredentialsProvider(at.AccessKey, at.SecretKey, "")})}
}

// create makes a table of items by id, with an index by query_date.
func (d *dynamo) create(t *testing.T, table string) {
	t.Helper()
	key := func(name string, kind types.KeyType) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: &name, KeyType: kind}
	}
	throughput := &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(4000), WriteCapacityUnits: aws.Int64(4000)}
	_, err := d.client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &table, ProvisionedThroughput: throughput, KeySchema: []types.KeySchemaElement{key("id", types.KeyTypeHash)},
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}, {AttributeName: aws.String("query_date"), AttributeType: types.ScalarAttributeTypeS}},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{IndexName: aws.String("by_day"), KeySchema: []types.KeySchemaElement{key("query_date", types.KeyTypeHash), key("id", types.KeyTypeRange)},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}, ProvisionedThroughput: throughput}},
	})
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		out, err := d.client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
		if err != nil {
			t.Fatal(err)
		}
		if out.Table.TableStatus == types.TableStatusActive && out.Table.GlobalSecondaryIndexes[0].IndexStatus == types.IndexStatusActive {
			return
		}
		<-tick.C
	}
}

func (d *dynamo) put(t *testing.T, table string, i dynamoItem) {
	t.Helper()
	if _, err := d.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: i}); err != nil {
		t.Fatal(err)
	}
}

// fill writes n items in parallel; of makes the i-th.
func (d *dynamo) fill(t *testing.T, table string, n int, of func(i int) dynamoItem) {
	t.Helper()
	const batch, writers = 25, 4
	errs := make(chan error, writers)
	for w := range writers {
		go func() {
			for from := w * batch; from < n; from += writers * batch {
				var writes []types.WriteRequest
				for i := from; i < min(n, from+batch); i++ {
					writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: of(i)}})
				}
				out, err := d.client.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: writes}})
				if err == nil && len(out.UnprocessedItems) > 0 {
					err = fmt.Errorf("%d items were not written", len(out.UnprocessedItems[table]))
				}
				if err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range writers {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
}

// request asks through the proxies, on a day that is over.
func (d *dynamo) request(settings project.DynamoDB, day calendar.Day) source.Request {
	return dynamoRequest(d.chaos.URL, settings, day)
}

func dynamoRequest(endpoint string, settings project.DynamoDB, day calendar.Day) source.Request {
	weekdays, err := calendar.ParseWeekdays("weekdays")
	if err != nil {
		panic(err)
	}
	r := sourcetest.Request(project.Source{Name: "searches", File: "sources/searches.yaml", Line: 3, From: "dynamodb", Format: "dynamodb", Zone: time.UTC, Days: weekdays, Holds: "day",
		AWS: project.AWS{Region: "us-east-1", Endpoint: endpoint, AccessKey: "env:ACCESS", SecretKey: "env:SECRET"}, DynamoDB: settings}, day)
	r.Now = func() time.Time { return time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) }
	return r
}

func (d *dynamo) refuse(n int, code, message string) {
	d.chaos.Throttle(n, http.StatusBadRequest, fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":%q}`, code, message),
		http.Header{"Content-Type": {"application/x-amz-json-1.0"}})
}

func dynamoSource(t *testing.T) source.Source {
	t.Helper()
	s, err := source.New("dynamodb")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func dynamoUnpack(t *testing.T, object []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(object))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dynamoLines is the attribute line of each item of a page or of a file of an export.
func dynamoLines(t *testing.T, object []byte) []string {
	t.Helper()
	type attributes struct{ Line struct{ S string } }
	var lines []string
	for d := json.NewDecoder(bytes.NewReader(dynamoUnpack(t, object))); ; {
		var page struct {
			Items    []attributes
			NewImage *attributes
		}
		if err := d.Decode(&page); err == io.EOF {
			return lines
		} else if err != nil {
			t.Fatal(err)
		}
		if page.NewImage != nil {
			page.Items = append(page.Items, *page.NewImage)
		}
		for _, i := range page.Items {
			lines = append(lines, i.Line.S)
		}
	}
}

// wantDynamoFault fetches and wants a fault of the code that says the words and what to do.
func wantDynamoFault(t *testing.T, r source.Request, code string, words ...string) {
	t.Helper()
	_, err := dynamoSource(t).Fetch(t.Context(), r, &dynamoSink{})
	if !fault.Is(err, code) {
		t.Fatalf("error %v, want a fault of code %s", err, code)
	}
	for _, w := range append(words, fault.Hint(err)) {
		if w == "" || !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
	if strings.Contains(err.Error(), sourcetest.Secret) {
		t.Errorf("the credential is in %q", err)
	}
}

func TestDayOfATableIsAskedForWhenItIsOver(t *testing.T) {
	t.Parallel()
	db := newDynamo(t)
	db.create(t, db.prefix)
	r := db.request(project.DynamoDB{Table: db.prefix, Read: "scan", DayAttribute: "query_date"}, calendar.MustDay("2026-11-19"))
	r.Source.Zone = time.FixedZone("", 9*3600)
	r.Now = func() time.Time { return time.Date(2026, 11, 19, 14, 59, 59, 0, time.UTC) }
	wantDynamoFault(t, r, fault.Unavailable, "is not over before 2026-11-20T00:00:00+09:00")
	r.Now = func() time.Time { return time.Date(2026, 11, 19, 15, 0, 0, 0, time.UTC) }
	if _, err := dynamoSource(t).Fetch(t.Context(), r, &dynamoSink{}); err != nil {
		t.Error(err)
	}
}

func TestWhatTheTableIsNotIsSaid(t *testing.T) {
	t.Parallel()
	db := newDynamo(t)
	db.create(t, db.prefix)
	day := calendar.MustDay("2026-11-19")
	for _, c := range []struct {
		d    project.DynamoDB
		code string
		word string
	}{
		{project.DynamoDB{Table: "none", Read: "scan", DayAttribute: "query_date"}, fault.Invalid, "sources/searches.yaml:3: source searches: there is no table none"},
		{project.DynamoDB{Table: db.prefix, Read: "query", DayAttribute: "query_date", Index: "none"}, fault.Invalid, "no global secondary index none"},
		{project.DynamoDB{Table: db.prefix, Read: "query", DayAttribute: "id", Index: "by_day"}, fault.Invalid, "the partition key of index by_day is query_date, not the day attribute id"},
		{project.DynamoDB{Table: db.prefix, Read: "query", DayAttribute: "query_date"}, fault.Invalid, "the partition key of table"},
		{project.DynamoDB{Table: db.prefix, Read: "query", DayAttribute: "query_date", Index: "by_day", Consistent: true}, fault.Invalid, "ValidationException: Consistent reads are not supported"},
	} {
		wantDynamoFault(t, db.request(c.d, day), c.code, c.word)
	}
	db.refuse(1, "AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized to perform: dynamodb:DescribeTable")
	wantDynamoFault(t, db.request(project.DynamoDB{Table: db.prefix, Read: "scan", DayAttribute: "query_date"}, day), fault.Refused, "not authorized to perform: dynamodb:DescribeTable")
	db.refuse(100, "ThrottlingException", "slow down")
	wantDynamoFault(t, db.request(project.DynamoDB{Table: db.prefix, Read: "scan", DayAttribute: "query_date"}, day), fault.Unavailable, "too busy")
	wantDynamoFault(t, dynamoRequest("http://127.0.0.1:1", project.DynamoDB{Table: db.prefix, Read: "scan"}, day), fault.Unavailable, "no answer")
}

func TestAnswersOfDynamoDBAreKeptAsReceived(t *testing.T) {
	t.Parallel()
	db := newDynamo(t)
	db.create(t, db.prefix)
	db.proxy.keep = true
	digits := "-1234567890123456789012345678901234567.8"
	db.put(t, db.prefix, dynamoItem{
		"id": dynamoText("한국어 \u2028 \"\\"), "query_date": dynamoText("2026-11-19"), "n": &types.AttributeValueMemberN{Value: digits},
		"ns":   &types.AttributeValueMemberNS{Value: []string{"0.1", "99999999999999999999999999999999999999"}},
		"ss":   &types.AttributeValueMemberSS{Value: []string{"a", "b"}},
		"b":    &types.AttributeValueMemberB{Value: []byte{0, 255, 10}},
		"bs":   &types.AttributeValueMemberBS{Value: [][]byte{{0}, {255}}},
		"none": &types.AttributeValueMemberNULL{Value: true}, "yes": &types.AttributeValueMemberBOOL{Value: true},
		"list": &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberM{Value: dynamoItem{"deep": &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberN{Value: "1E-130"}}}}}}},
	})
	for _, d := range []project.DynamoDB{{Table: db.prefix, Read: "scan", DayAttribute: "query_date", Segments: 1}, {Table: db.prefix, Read: "query", DayAttribute: "query_date", Index: "by_day"}} {
		var got dynamoSink
		if _, err := dynamoSource(t).Fetch(t.Context(), db.request(d, calendar.MustDay("2026-11-19")), &got); err != nil {
			t.Fatal(err)
		}
		bodies := db.proxy.bodies()
		if len(got.parts) != 1 || !bytes.Equal(dynamoUnpack(t, got.objects[0]), bodies[len(bodies)-1]) {
			t.Fatalf("%d objects, and not the bytes of the answer", len(got.parts))
		}
		for _, want := range []string{`"` + digits + `"`, `"99999999999999999999999999999999999999"`, `"AP8K"`, `{"NULL":true}`} {
			if !bytes.Contains(dynamoUnpack(t, got.objects[0]), []byte(want)) {
				t.Errorf("%s is not in %s", want, dynamoUnpack(t, got.objects[0]))
			}
		}
		wantName := map[string]string{"scan": "scan-s00-p000001.json.gz", "query": "query-p000001.json.gz"}[d.Read]
		if got.parts[0].Name != wantName {
			t.Errorf("the object is called %s, want %s", got.parts[0].Name, wantName)
		}
	}
}

func TestDayAttributeMayBeANumber(t *testing.T) {
	t.Parallel()
	db := newDynamo(t)
	db.create(t, db.prefix)
	for i, value := range []types.AttributeValue{&types.AttributeValueMemberN{Value: "20261119"}, dynamoText("20261119"), dynamoText("2026-11-19"), &types.AttributeValueMemberN{Value: "20261118"}} {
		db.put(t, db.prefix, dynamoItem{"id": dynamoText(fmt.Sprint(i)), "d": value, "line": dynamoText(fmt.Sprint(i))})
	}
	var got dynamoSink
	d := project.DynamoDB{Table: db.prefix, Read: "scan", DayAttribute: "d", DayFormat: "20060102"}
	if _, err := dynamoSource(t).Fetch(t.Context(), db.request(d, calendar.MustDay("2026-11-19")), &got); err != nil {
		t.Fatal(err)
	}
	if lines := got.lines(t); !slices.Equal(lines, []string{"0", "1"}) {
		t.Errorf("items %q", lines)
	}
}

func TestPageThatBreaksOffOrIsDamagedIsAskedForAgain(t *testing.T) {
	t.Parallel()
	db := newDynamo(t)
	db.create(t, db.prefix)
	db.put(t, db.prefix, dynamoItem{"id": dynamoText("1"), "query_date": dynamoText("2026-11-19"), "line": dynamoText("whole")})
	for name, spoil := range map[string]func(){"breaks off": func() { db.chaos.Cut(2, 40) }, "no answer": func() { db.chaos.Cut(2, 0) }, "damaged": func() { db.proxy.spoil(1) }} {
		spoil()
		var got dynamoSink
		r := db.request(project.DynamoDB{Table: db.prefix, Read: "scan", DayAttribute: "query_date", Segments: 1}, calendar.MustDay("2026-11-19"))
		waits := 0
		r.Wait = func(context.Context, time.Duration) error { waits++; return nil }
		if _, err := dynamoSource(t).Fetch(t.Context(), r, &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if lines := got.lines(t); !slices.Equal(lines, []string{"whole"}) || waits == 0 {
			t.Errorf("%s: items %q after %d waits", name, lines, waits)
		}
	}
}
