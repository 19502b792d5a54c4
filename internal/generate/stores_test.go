package generate

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/testenv"
)

// double lets the environment lead to a private DynamoDB and returns a table that is not there.
func double(t *testing.T) (endpoint, table string) {
	t.Helper()
	at := testenv.DynamoDB(t)
	for name, value := range map[string]string{"AWS_REGION": at.Region, "AWS_ACCESS_KEY_ID": at.AccessKey, "AWS_SECRET_ACCESS_KEY": at.SecretKey} {
		t.Setenv(name, value)
	}
	return at.Endpoint, "searches-" + rand.Text()
}

// days is a little of the library: a Sunday and a Monday.
func days() Library {
	sunday := calendar.MustDay("2026-11-15")
	return Library{Seed: 1, From: sunday, To: sunday.Add(1), PerDay: 60}
}

// held counts the items of a table.
func held(t *testing.T, endpoint, table string) int {
	t.Helper()
	c, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.BaseEndpoint = &endpoint
	out, err := dynamodb.NewFromConfig(c).Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Items)
}

// meager passes everything on, but for the first n batches it keeps their last item back and says so, as a table without capacity does.
func meager(t *testing.T, endpoint string, n int) string {
	t.Helper()
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var left map[string][]json.RawMessage
		mu.Lock()
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "BatchWriteItem") && n > 0 {
			n--
			body, left = keepBack(t, body)
		}
		mu.Unlock()
		to, err := http.NewRequestWithContext(r.Context(), r.Method, endpoint, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		to.Header = r.Header.Clone()
		answer, err := http.DefaultClient.Do(to)
		if err != nil {
			t.Error(err)
			return
		}
		defer answer.Body.Close()
		w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
		w.WriteHeader(answer.StatusCode)
		if left != nil {
			_ = json.NewEncoder(w).Encode(map[string]any{"UnprocessedItems": left})
			return
		}
		_, _ = io.Copy(w, answer.Body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// keepBack takes the last item out of a call.
func keepBack(t *testing.T, body []byte) ([]byte, map[string][]json.RawMessage) {
	var call struct{ RequestItems map[string][]json.RawMessage }
	if err := json.Unmarshal(body, &call); err != nil {
		t.Error(err)
	}
	left := map[string][]json.RawMessage{}
	for table, items := range call.RequestItems {
		last := len(items) - 1
		left[table], call.RequestItems[table] = items[last:], items[:last]
	}
	body, err := json.Marshal(call)
	if err != nil {
		t.Error(err)
	}
	return body, left
}

func TestItemsThatATableHasNoCapacityForArePutAgain(t *testing.T) {
	endpoint, table := double(t)
	l := days()
	sum, err := l.Fill(t.Context(), Stores{Table: table, Endpoint: meager(t, endpoint, 2)})
	if err != nil {
		t.Fatal(err)
	}
	if got := held(t, endpoint, table); got != sum.Requests || got == 0 {
		t.Errorf("the table has %d items of %d", got, sum.Requests)
	}
}

func TestAnEndpointThatRefusesIsNamedWithTheTable(t *testing.T) {
	endpoint, table := double(t)
	chaos := testenv.Chaos(t, endpoint)
	chaos.Throttle(1, http.StatusBadRequest, `{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"no"}`, nil)
	_, err := days().Fill(t.Context(), Stores{Table: table, Endpoint: chaos.URL})
	if err == nil || !strings.Contains(err.Error(), table) || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("the error is %v", err)
	}
}

func TestChoicesOfTheDaysMadeAreReplacedAndOthersStay(t *testing.T) {
	dsn := testenv.MariaDB(t)
	l := days()
	if _, err := l.Fill(t.Context(), Stores{MySQL: dsn}); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	count := func() (list [2]int) {
		t.Helper()
		const of = "SELECT count(CASE WHEN created_at < FROM_UNIXTIME(?) THEN 1 END), count(CASE WHEN created_at >= FROM_UNIXTIME(?) THEN 1 END) FROM user_choice"
		midnight := l.To.Start(time.FixedZone("", 9*60*60)).Unix() // in Seoul
		if err := db.QueryRow(of, midnight, midnight).Scan(&list[0], &list[1]); err != nil {
			t.Fatal(err)
		}
		return list
	}
	before := count()
	monday := l
	monday.From, monday.PerDay = l.To, 20
	sum, err := monday.Fill(t.Context(), Stores{MySQL: dsn})
	if err != nil {
		t.Fatal(err)
	}
	if before[1] <= sum.Selections || sum.Selections == 0 {
		t.Fatalf("%d choices were to be replaced by %d", before[1], sum.Selections)
	}
	if diff := cmp.Diff([2]int{before[0], sum.Selections}, count()); diff != "" {
		t.Errorf("choices of Sunday and Monday (-want +got)\n%s", diff)
	}
}

func TestStoresThatCannotBeFilledAreRefused(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	swapped, bad := days(), days()
	swapped.From, swapped.To = swapped.To, swapped.From
	bad.Bad = 1
	for name, c := range map[string]struct {
		of Library
		to Stores
	}{
		"days swapped": {swapped, Stores{Table: "searches"}},
		"bad lines":    {bad, Stores{Table: "searches"}},
		"nowhere":      {days(), Stores{}},
		"no region":    {days(), Stores{Table: "searches", Endpoint: "http://127.0.0.1:1"}},
		"no address":   {days(), Stores{MySQL: "user:hidden@nowhere"}},
	} {
		_, err := c.of.Fill(t.Context(), c.to)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.Invalid || f.Hint == "" || strings.Contains(fmt.Sprint(err), "hidden") {
			t.Errorf("%s: %v, want an invalid fault with a hint", name, err)
		}
	}
}
