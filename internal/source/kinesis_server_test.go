package source_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"daybook/internal/project"
	"daybook/internal/source/sourcetest"
	"daybook/internal/testenv"
)

// kinesisStream is a stream of a real server, behind a proxy that gives it a clock: the server stamps records with the time of this
// machine, the proxy with the time that the test says, and it lets go of what is older than the retention by that clock.
type kinesisStream struct {
	client *kinesis.Client // of the server itself
	name   string
	source project.Source

	mu        sync.Mutex
	now       time.Time
	created   time.Time
	retention time.Duration
	shards    map[string][]string // sequence numbers by shard, in order
	arrivals  map[string]time.Time
	asked     []string
	called    map[string]int
	refuse    []string // codes of the next answers to reads, "" for one that is empty
	denied    bool
	page      int // records in an answer at most, 0 for as many as there are
}

func openKinesis(t *testing.T, shards int32) *kinesisStream {
	t.Helper()
	url := testenv.Kinesis(t).Endpoint
	k := &kinesisStream{name: "t" + strings.ToLower(rand.Text()), retention: 24 * 365 * time.Hour, shards: map[string][]string{}, arrivals: map[string]time.Time{}, called: map[string]int{}}
	k.client = kinesis.New(kinesis.Options{Region: "us-east-1", BaseEndpoint: aws.String(url), Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	if _, err := k.client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: &k.name, ShardCount: &shards}); err != nil {
		t.Fatal(err)
	}
	k.ready(t)
	server := httptest.NewServer(k.proxy(t, url))
	t.Cleanup(server.Close)
	k.source = streamSource("kinesis", k.name)
	k.source.AWS = project.AWS{Region: "us-east-1", Endpoint: server.URL, AccessKey: "env:KEY", SecretKey: "env:SECRET"}
	return k
}

// ready waits until the stream is active.
func (k *kinesisStream) ready(t *testing.T) {
	t.Helper()
	err := kinesis.NewStreamExistsWaiter(k.client, func(o *kinesis.StreamExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 20*time.Millisecond
	}).
		Wait(t.Context(), &kinesis.DescribeStreamInput{StreamName: &k.name}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
}

// open lists the shards that take records, in order of the keys that they take.
func (k *kinesisStream) open(t *testing.T) []types.Shard {
	t.Helper()
	list, err := k.client.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: &k.name})
	if err != nil {
		t.Fatal(err)
	}
	open := slices.DeleteFunc(list.Shards, func(s types.Shard) bool { return s.SequenceNumberRange.EndingSequenceNumber != nil })
	slices.SortFunc(open, func(a, b types.Shard) int { return hashKey(a).Cmp(hashKey(b)) })
	return open
}

func hashKey(s types.Shard) *big.Int { return decimal(s.HashKeyRange.StartingHashKey) }

func decimal(text *string) *big.Int {
	n, _ := new(big.Int).SetString(aws.ToString(text), 10)
	return n
}

// put writes records to the open shard of that number, which arrive at an instant.
func (k *kinesisStream) put(t *testing.T, shard int, at time.Time, values ...string) {
	t.Helper()
	open := k.open(t)[shard]
	for _, v := range values {
		out, err := k.client.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: &k.name, PartitionKey: aws.String("p"), ExplicitHashKey: open.HashKeyRange.StartingHashKey, Data: []byte(v)})
		if err != nil {
			t.Fatal(err)
		}
		k.mu.Lock()
		id := aws.ToString(out.ShardId)
		k.shards[id] = append(k.shards[id], aws.ToString(out.SequenceNumber))
		k.arrivals[aws.ToString(out.SequenceNumber)] = at
		k.mu.Unlock()
	}
}

// proxy passes requests on to the server at url.
func (k *kinesisStream) proxy(t *testing.T, url string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if code, refused := k.refusal(action); refused {
			if code == "" {
				fmt.Fprint(w, "{}")
				return
			}
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"__type":%q,"message":"as asked for, by %s"}`, code, sourcetest.Secret)
			return
		}
		request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, url, bytes.NewReader(k.ask(t, action, body)))
		if err != nil {
			t.Error(err)
			return
		}
		request.Header = r.Header.Clone()
		request.Header.Del("Accept-Encoding")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			panic(http.ErrAbortHandler) // the client went away
		}
		defer answer.Body.Close()
		said, err := io.ReadAll(answer.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if answer.StatusCode == http.StatusOK {
			said = k.answer(t, action, said)
		}
		w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
		w.WriteHeader(answer.StatusCode)
		_, _ = w.Write(said) // a client that went away is its own loss
	})
}

func (k *kinesisStream) refusal(action string) (code string, refused bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.called[action]++
	switch {
	case k.denied:
		return "UnrecognizedClientException", true
	case action == "GetRecords" && len(k.refuse) > 0:
		code := k.refuse[0]
		k.refuse = k.refuse[1:]
		return code, true
	}
	return "", false
}

// ask puts the test's clock into a request: a time becomes the sequence number of the first record of that time.
func (k *kinesisStream) ask(t *testing.T, action string, body []byte) []byte {
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		t.Errorf("%s: %v", action, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case action == "ListShards" && m["NextToken"] != nil:
		m = map[string]any{"StreamName": k.name, "ExclusiveStartShardId": m["NextToken"]}
	case action == "GetRecords" && k.page > 0:
		m["Limit"] = k.page
	case action == "GetShardIterator" && m["ShardIteratorType"] == "AT_TIMESTAMP":
		at := time.UnixMilli(int64(m["Timestamp"].(float64)*1000 + 0.5))
		delete(m, "Timestamp")
		m["ShardIteratorType"] = "LATEST"
		for _, sequence := range k.shards[m["ShardId"].(string)] {
			if !k.arrivals[sequence].Before(at) {
				m["ShardIteratorType"], m["StartingSequenceNumber"] = "AT_SEQUENCE_NUMBER", sequence
				break
			}
		}
	default:
		return body
	}
	changed, err := json.Marshal(m)
	if err != nil {
		t.Error(err)
	}
	return changed
}

// answer puts the test's clock into an answer.
func (k *kinesisStream) answer(t *testing.T, action string, said []byte) []byte {
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(said))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Errorf("%s: %v", action, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch action {
	case "DescribeStreamSummary":
		about := m["StreamDescriptionSummary"].(map[string]any)
		about["RetentionPeriodHours"] = int(k.retention.Hours())
		about["StreamCreationTimestamp"] = k.created.Unix()
	case "ListShards": // the server knows no pages, here there are two to one
		if shards := m["Shards"].([]any); len(shards) > 2 {
			m["Shards"], m["NextToken"] = shards[:2], shards[1].(map[string]any)["ShardId"]
		}
	case "GetRecords":
		var records []any
		for _, r := range m["Records"].([]any) {
			record := r.(map[string]any)
			at := k.arrivals[record["SequenceNumber"].(string)]
			if !at.Before(k.now.Add(-k.retention)) && !at.After(k.now) {
				record["ApproximateArrivalTimestamp"] = float64(at.UnixMilli()) / 1000
				records = append(records, record)
			}
		}
		if m["Records"] = records; len(records) > 0 {
			k.asked = append(k.asked, "records from "+records[0].(map[string]any)["SequenceNumber"].(string))
		} else {
			m["Records"] = []any{}
		}
	}
	changed, err := json.Marshal(m)
	if err != nil {
		t.Error(err)
	}
	return changed
}
