package testenv_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"daybook/internal/testenv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/redis/go-redis/v9"
)

// configured is what a program would load, without retries of the SDK.
func configured(t *testing.T, at testenv.AWS) aws.Config {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion(at.Region), config.WithBaseEndpoint(at.Endpoint),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(at.AccessKey, at.SecretKey, "")),
		config.WithRetryer(func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewStandard(), 1) }))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func s3Client(t *testing.T, at testenv.AWS) *s3.Client {
	return s3.NewFromConfig(configured(t, at), func(o *s3.Options) { o.UsePathStyle = true })
}

func TestMariaDBGivesEveryTestADatabaseOfItsOwn(t *testing.T) {
	for _, name := range []string{"first", "second"} {
		t.Run(name, func(t *testing.T) {
			db, err := sql.Open("mysql", testenv.MariaDB(t))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.ExecContext(t.Context(), "CREATE TABLE here (word VARCHAR(20)) AS SELECT '새벽' AS word"); err != nil {
				t.Fatal(err)
			}
			var word string
			if err := db.QueryRowContext(t.Context(), "SELECT word FROM here").Scan(&word); err != nil || word != "새벽" {
				t.Error(word, err)
			}
		})
	}
}

func TestRedisIsEmptyForEveryTest(t *testing.T) {
	for _, name := range []string{"first", "second"} {
		t.Run(name, func(t *testing.T) {
			client := redis.NewClient(&redis.Options{Addr: testenv.Redis(t)})
			defer client.Close()
			if n, err := client.DBSize(t.Context()).Result(); err != nil || n != 0 {
				t.Fatal(n, err)
			}
			if err := client.Set(t.Context(), "a", "b", 0).Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestS3ChecksSignaturesAndConditions(t *testing.T) {
	at, bucket := testenv.Bucket(t)
	client := s3Client(t, at)
	put := func() error {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("raw/a"),
			Body: strings.NewReader("hello"), IfNoneMatch: aws.String("*")})
		return err
	}
	if err := put(); err != nil {
		t.Fatal(err)
	}
	if code := apiCode(put()); code != "PreconditionFailed" {
		t.Errorf("the second conditional write: %q", code)
	}
	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("raw/a")})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	if body, err := io.ReadAll(out.Body); string(body) != "hello" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	at.SecretKey = "another"
	_, err = s3Client(t, at).GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("raw/a")})
	if code := apiCode(err); code != "SignatureDoesNotMatch" {
		t.Errorf("a wrong key: %q", code)
	}
}

func TestBucketIsRemovedWithItsTest(t *testing.T) {
	var bucket string
	t.Run("inner", func(t *testing.T) {
		_, bucket = testenv.Bucket(t)
	})
	if bucket == "" {
		t.Skip("there is no S3 server")
	}
	_, err := s3Client(t, testenv.S3(t)).HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &bucket})
	if code := apiCode(err); code != "NotFound" {
		t.Errorf("%q, %v", code, err)
	}
}

func TestDynamoDBKeepsAnItem(t *testing.T) {
	client := dynamodb.NewFromConfig(configured(t, testenv.DynamoDB(t)))
	table := dynamoTable(t, client)
	item := map[string]dynamotypes.AttributeValue{"id": &dynamotypes.AttributeValueMemberS{Value: "a"},
		"n": &dynamotypes.AttributeValueMemberN{Value: "12345678901234567890123456789012345678"}}
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item}); err != nil {
		t.Fatal(err)
	}
	out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
	if err != nil || len(out.Items) != 1 {
		t.Fatal(out, err)
	}
	if n, ok := out.Items[0]["n"].(*dynamotypes.AttributeValueMemberN); !ok || n.Value != "12345678901234567890123456789012345678" {
		t.Errorf("%#v", out.Items[0]["n"])
	}
}

func dynamoTable(t *testing.T, client *dynamodb.Client) string {
	t.Helper()
	table := rand.Text()
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{TableName: &table, BillingMode: dynamotypes.BillingModePayPerRequest,
		AttributeDefinitions: []dynamotypes.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: dynamotypes.ScalarAttributeTypeS}},
		KeySchema:            []dynamotypes.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: dynamotypes.KeyTypeHash}}})
	if err != nil {
		t.Fatal(err)
	}
	within(t, 20*time.Second, "the table is active", func() bool {
		out, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
		return err == nil && out.Table.TableStatus == dynamotypes.TableStatusActive
	})
	return table
}

func TestKinesisGivesARecordBack(t *testing.T) {
	client := kinesis.NewFromConfig(configured(t, testenv.Kinesis(t)))
	stream := rand.Text()
	if _, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: &stream, ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	within(t, 20*time.Second, "the stream is active", func() bool {
		out, err := client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: &stream})
		return err == nil && out.StreamDescriptionSummary.StreamStatus == kinesistypes.StreamStatusActive
	})
	put, err := client.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: &stream, PartitionKey: aws.String("a"), Data: []byte("hello")})
	if err != nil {
		t.Fatal(err)
	}
	at, err := client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: &stream, ShardId: put.ShardId,
		ShardIteratorType: kinesistypes.ShardIteratorTypeTrimHorizon})
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: at.ShardIterator})
	if err != nil || len(out.Records) != 1 || string(out.Records[0].Data) != "hello" {
		t.Error(out, err)
	}
}

func TestChaosThrottlesAndThenLetsThrough(t *testing.T) {
	at := testenv.DynamoDB(t)
	proxy := testenv.Chaos(t, at.Endpoint)
	at.Endpoint = proxy.URL
	client := dynamodb.NewFromConfig(configured(t, at))
	table := dynamoTable(t, client)
	before := len(proxy.Requests())
	proxy.Throttle(1, http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow"}`,
		http.Header{"Content-Type": {"application/x-amz-json-1.0"}})
	_, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
	var slow *dynamotypes.ProvisionedThroughputExceededException
	if !errors.As(err, &slow) {
		t.Fatal(err)
	}
	if _, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table}); err != nil {
		t.Fatal(err)
	}
	asked := proxy.Requests()[before:]
	if len(asked) != 2 || asked[0] != "POST / DynamoDB_20120810.Scan" || asked[1] != asked[0] {
		t.Errorf("%q", asked)
	}
}

func TestChaosCutsAnAnswerWhereItIsTold(t *testing.T) {
	at, bucket := testenv.Bucket(t)
	proxy := testenv.Chaos(t, at.Endpoint)
	at.Endpoint = proxy.URL
	client := s3Client(t, at) // a signature over the proxy's address
	body := bytes.Repeat([]byte("0123456789"), 100_000)
	if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("a"), Body: bytes.NewReader(body)}); err != nil {
		t.Fatal(err)
	}
	proxy.Cut(1, 123_456)
	proxy.Cut(1, 0)
	if got, err := read(t.Context(), client, bucket); !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(got, body[:123_456]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if got, err := read(t.Context(), client, bucket); err == nil {
		t.Errorf("%d bytes of an answer that was not to begin", len(got))
	}
	if got, err := read(t.Context(), client, bucket); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func read(ctx context.Context, client *s3.Client, bucket string) ([]byte, error) {
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("a")})
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	return io.ReadAll(out.Body)
}

func apiCode(err error) string {
	var said smithy.APIError
	if errors.As(err, &said) {
		return said.ErrorCode()
	}
	return ""
}

// A process that is killed cannot clean up after itself.
func TestEveryServerEndsWithAKilledProcess(t *testing.T) {
	if os.Getenv("TESTENV_CHILD") != "" {
		mysql := testenv.MariaDB(t)
		db, err := sql.Open("mysql", mysql)
		if err != nil {
			t.Fatal(err)
		}
		var data string
		if err := db.QueryRowContext(t.Context(), "SELECT @@datadir").Scan(&data); err != nil {
			t.Fatal(err)
		}
		_, tcp, _ := strings.Cut(mysql, "tcp(")
		host, _, _ := strings.Cut(tcp, ")")
		bare := func(at testenv.AWS) string { return strings.TrimPrefix(at.Endpoint, "http://") }
		fmt.Printf("RUNNING %s %s %s %s %s %s\n", data, host, testenv.Redis(t), bare(testenv.S3(t)), bare(testenv.DynamoDB(t)), bare(testenv.Kinesis(t)))
		select {} // killed by the parent
	}
	testenv.MariaDB(t) // each skips where there is none
	testenv.Redis(t)
	testenv.S3(t)
	testenv.Kinesis(t)
	child := exec.Command(os.Args[0], "-test.run=^TestEveryServerEndsWithAKilledProcess$", "-test.timeout=60s")
	temp := t.TempDir()
	child.Env = append(os.Environ(), "TESTENV_CHILD=1", "TMPDIR="+temp)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var word, data string
	var addresses [5]string
	_, scanErr := fmt.Fscan(out, &word, &data, &addresses[0], &addresses[1], &addresses[2], &addresses[3], &addresses[4])
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // "signal: killed" is what was asked for
	if scanErr != nil || word != "RUNNING" {
		t.Fatalf("the child said %q: %v", word, scanErr)
	}
	for _, address := range addresses {
		within(t, 30*time.Second, address+" stops", func() bool {
			conn, err := net.Dial("tcp", address)
			if err == nil {
				_ = conn.Close() // it will be asked again
			}
			return err != nil
		})
	}
	within(t, 30*time.Second, "the directories go", func() bool {
		left, err := os.ReadDir(temp)
		if err != nil {
			t.Fatal(err)
		}
		_, err = os.Stat(data)
		return len(left) == 0 && errors.Is(err, os.ErrNotExist)
	})
}
