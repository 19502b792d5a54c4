package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	awscredentials "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	_ "github.com/go-sql-driver/mysql" // the driver
	"golang.org/x/sync/errgroup"

	"daybook/internal/testenv"
)

// kills is how often a fetch is ended by kill -9.
const kills = 10

// big is a source with many records, for the kill test.
type big struct {
	project map[string]string
	env     []string
	records int
	parts   int // that a fetch puts at the least, so that kills fall between them
	// asked lists what was asked for since the last call, each as begins names it.
	asked func() []string
	// begins names what was asked for to get a part, by the part's state and the one before it of its strand, which is empty for the first.
	begins func(t *testing.T, state, before string) string
	strand func(t *testing.T, state string) string
}

// kept are the states of what an unfinished fetch has put, by strand and in order.
func (b big) kept(t *testing.T, dir string) (all int, strands map[string][]string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, ".daybook/lake/raw/events/day=*/*.parts"))
	if err != nil || len(found) > 1 {
		t.Fatalf("journals: %v, %v", found, err)
	}
	strands = map[string][]string{}
	if len(found) == 0 {
		return 0, strands
	}
	text, err := os.ReadFile(found[0])
	if errors.Is(err, os.ErrNotExist) {
		return 0, strands // committed meanwhile
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range bytes.SplitAfter(text, []byte("\n")) {
		var part struct{ State string }
		if i == 0 || !bytes.HasSuffix(line, []byte("\n")) || json.Unmarshal(line, &part) != nil {
			continue
		}
		s := b.strand(t, part.State)
		strands[s] = append(strands[s], part.State)
		all++
	}
	return all, strands
}

func (b big) command(dir string, args ...string) *exec.Cmd {
	c := command(dir, args...)
	c.Env = append(c.Env, b.env...)
	return c
}

// survive fetches the day while the process is killed again and again, and holds that everything is there once and that no part that was
// durable was asked for again.
func (b big) survive(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, b.project)
	chance := rand.New(rand.NewPCG(10, 9))
	var most int64
	began := time.Now()
	killed := 0
	for step := b.parts / (kills + 1); ; {
		before, strands := b.kept(t, dir)
		c := b.command(dir, "run", "--day", "2026-11-19", "--node", "events")
		var out bytes.Buffer
		c.Stdout, c.Stderr = &out, &out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- c.Wait() }()
		var err error
		for alive := true; alive; {
			select {
			case err = <-ended:
				alive = false
			case <-time.After(time.Millisecond):
				if now, _ := b.kept(t, dir); killed < kills && now >= before+max(1, step-1+chance.IntN(3)) {
					if e := c.Process.Kill(); e == nil {
						err, alive = <-ended, false
						killed++
					}
				}
			}
		}
		most = max(most, c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
		b.notAgain(t, strands)
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "killed") {
			t.Fatalf("%v\n%s", err, out.String())
		}
	}
	t.Logf("%d records, killed %d times: %.1f s in all, %d MB at most", b.records, killed, time.Since(began).Seconds(), most>>10)
	if killed < kills {
		t.Errorf("killed %d times only", killed)
	}
	if out, err := b.command(dir, "run", "--day", "2026-11-19").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := b.command(dir, "query", "--format", "csv", "SELECT count(*) AS n, count(DISTINCT id) AS ids FROM happenings").CombinedOutput()
	if want := fmt.Sprintf("%d,%d", b.records, b.records); err != nil || !strings.Contains(string(out), want) {
		t.Errorf("the table has %s, not %s: %v", out, want, err)
	}
}

// notAgain compares what was asked for with what was durable before.
func (b big) notAgain(t *testing.T, durable map[string][]string) {
	t.Helper()
	done := map[string]bool{}
	for _, states := range durable {
		before := ""
		for _, s := range states {
			done[b.begins(t, s, before)] = true
			before = s
		}
	}
	for _, a := range b.asked() {
		if done[a] {
			t.Errorf("%s was asked for again", a)
		}
	}
}

func TestAMillionRowsOfMySQLSurviveKill9AndAreAskedForOnce(t *testing.T) {
	b := big{records: 12_000, parts: 40}
	chunk := 300
	if os.Getenv("DAYBOOK_PROVE") != "" {
		b.records, chunk = 1_000_000, 20_000
		b.parts = 50
	}
	dsn := testenv.MariaDB(t)
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, s := range []string{
		"CREATE TABLE choice (id BIGINT PRIMARY KEY, query_id CHAR(40), isbn13 CHAR(13), user_id CHAR(10), created_at DATETIME(6), KEY (created_at))",
		fmt.Sprintf("INSERT INTO choice SELECT seq, CONCAT('query-', MD5(seq)), LPAD(seq, 13, '9'), CONCAT('user-', seq %% 1000), TIMESTAMP('2026-11-19 00:00:00') + INTERVAL seq %% 86400 SECOND FROM seq_1_to_%d", b.records),
		"SET GLOBAL log_output = 'TABLE'", "TRUNCATE mysql.general_log", "SET GLOBAL general_log = 1",
	} {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	t.Cleanup(func() { db.Exec("SET GLOBAL general_log = 0") })
	b.env = []string{"SHOP_DB=" + dsn}
	b.project = map[string]string{
		"daybook.yaml":          "name: choices\nwarehouse: {memory: 384MB, threads: 2}\n",
		"sources/events.yaml":   fmt.Sprintf("from: mysql\nurl: env:SHOP_DB\ntable: choice\ncreated: created_at\nchunk: %d\nparallel: 2\nkey: id\ncolumns:\n  id: {type: bigint, required: true}\n  query_id: text\n  isbn13: text\n  user_id: text\n  created_at: timestamp\n", chunk),
		"tables/happenings.sql": "SELECT id, query_id, isbn13, user_id, created_at FROM events\n",
	}
	type state struct {
		Strand int
		Behind []string
		Splits []string
	}
	read := func(t *testing.T, s string) (st state) {
		t.Helper()
		if s == "" {
			return st
		}
		if err := json.Unmarshal([]byte(s), &st); err != nil {
			t.Fatal(err)
		}
		return st
	}
	b.strand = func(t *testing.T, s string) string { return fmt.Sprint(read(t, s).Strand) }
	b.begins = func(t *testing.T, s, before string) string {
		if before == "" {
			return "the start of strand " + fmt.Sprint(read(t, s).Strand)
		}
		return "rows behind " + strings.Join(read(t, before).Behind, ",")
	}
	behind := regexp.MustCompile("SELECT .*`query_id`.*FROM .*`id` > ([0-9]+)")
	seen := 0
	b.asked = func() []string {
		rows, err := db.Query("SELECT argument FROM mysql.general_log WHERE command_type IN ('Query', 'Execute') AND argument LIKE '%query_id%choice%'")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var all []string
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				t.Fatal(err)
			}
			if m := behind.FindStringSubmatch(text); m != nil {
				all = append(all, "rows behind "+m[1])
			}
		}
		fresh := all[seen:]
		seen = len(all)
		return fresh
	}
	b.survive(t)
	if seen < b.parts/2 {
		t.Errorf("only %d statements were understood", seen)
	}
}

// scans notes the pages that a process asks of DynamoDB, and passes them on.
type scans struct {
	mu    sync.Mutex
	pages []string
	*httputil.ReverseProxy
}

func (s *scans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the process was killed in the middle
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".Scan") {
		var asked struct {
			Segment           int
			ExclusiveStartKey map[string]map[string]string
		}
		if json.Unmarshal(body, &asked) == nil {
			s.mu.Lock()
			s.pages = append(s.pages, pageOf(asked.Segment, asked.ExclusiveStartKey))
			s.mu.Unlock()
		}
	}
	s.ReverseProxy.ServeHTTP(w, r)
}

func pageOf(segment int, key map[string]map[string]string) string {
	return fmt.Sprintf("segment %d behind %v", segment, key)
}

func TestTheItemsOfDynamoDBSurviveKill9AndAreAskedForOnce(t *testing.T) {
	b := big{records: 1_500, parts: 24}
	width := 1300
	if os.Getenv("DAYBOOK_PROVE") != "" {
		b.records, width = 200_000, 45
		b.parts = 100
	}
	at := testenv.DynamoDB(t)
	table := fmt.Sprintf("choices-%x", rand.Uint64())
	fillDynamo(t, at, table, b.records, width)
	behind, err := url.Parse(at.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &scans{ReverseProxy: httputil.NewSingleHostReverseProxy(behind)}
	proxy.ReverseProxy.ErrorLog = log.New(io.Discard, "", 0)
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	b.env = []string{"KEY=" + at.AccessKey, "SECRET=" + at.SecretKey}
	b.project = map[string]string{
		"daybook.yaml": "name: choices\nwarehouse: {memory: 384MB, threads: 2}\n",
		"sources/events.yaml": fmt.Sprintf("from: dynamodb\ntable: %s\nread: scan\nday_attribute: day\nsegments: 4\nunits: 1000000\naws: {region: %s, endpoint: %q, access_key: env:KEY, secret_key: env:SECRET}\nkey: id\ncolumns:\n  id: {type: text, required: true}\n  n: {type: bigint, required: true}\n  words: text[]\n  text: text\n",
			table, at.Region, server.URL),
		"tables/happenings.sql": "SELECT id, n, words FROM events\n",
	}
	type state struct {
		Segment int
		Next    map[string]map[string]string
	}
	read := func(t *testing.T, s string) (st state) {
		t.Helper()
		if s == "" {
			return st
		}
		if err := json.Unmarshal([]byte(s), &st); err != nil {
			t.Fatal(err)
		}
		return st
	}
	b.strand = func(t *testing.T, s string) string { return fmt.Sprint(read(t, s).Segment) }
	b.begins = func(t *testing.T, s, before string) string { return pageOf(read(t, s).Segment, read(t, before).Next) }
	all := 0
	b.asked = func() []string {
		proxy.mu.Lock()
		defer proxy.mu.Unlock()
		fresh := proxy.pages
		all += len(fresh)
		proxy.pages = nil
		return fresh
	}
	b.survive(t)
	if all < b.parts {
		t.Errorf("only %d pages were understood", all)
	}
}

// fillDynamo makes a table with items of about 14 bytes times width, all of one day.
func fillDynamo(t *testing.T, at testenv.AWS, table string, items, width int) {
	t.Helper()
	client := dynamodb.New(dynamodb.Options{Region: at.Region, BaseEndpoint: &at.Endpoint, Credentials: awscredentials.NewStaticCredentialsProvider(at.AccessKey, at.SecretKey, "")})
	id := "id"
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{TableName: &table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: &id, AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: &id, KeyType: types.KeyTypeHash}}})
	if err != nil {
		t.Fatal(err)
	}
	for {
		d, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
		if err != nil {
			t.Fatal(err)
		}
		if d.Table.TableStatus == types.TableStatusActive {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	text := strings.Repeat("가나다 abc ", width)
	var group errgroup.Group
	group.SetLimit(4)
	for from := 0; from < items; from += 25 {
		group.Go(func() error {
			var puts []types.WriteRequest
			for i := from; i < min(from+25, items); i++ {
				puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: map[string]types.AttributeValue{
					"id": &types.AttributeValueMemberS{Value: fmt.Sprintf("%032x", i)}, "day": &types.AttributeValueMemberS{Value: "2026-11-19"},
					"n": &types.AttributeValueMemberN{Value: fmt.Sprint(i)}, "text": &types.AttributeValueMemberS{Value: text},
					"words": &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberS{Value: "도서"}, &types.AttributeValueMemberS{Value: fmt.Sprint(i % 7)}}},
				}}})
			}
			_, err := client.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: puts}})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}
