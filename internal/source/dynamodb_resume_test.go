package source_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/testenv"
)

// A fetch that is broken off ten times, before an object is durable, after it, or by a cancelled context. DAYBOOK_PROVE=1 makes it 200,000
// items.
func TestScanInterruptedTenTimesIsWholeAndAsksNoCommittedPageAgain(t *testing.T) {
	t.Parallel()
	items, size, stretch := 1200, 20_000, 4
	if os.Getenv("DAYBOOK_PROVE") != "" {
		items, size, stretch = 200_000, 600, 22
	}
	const segments, interruptions = 4, 10
	db := newDynamo(t)
	db.create(t, db.prefix)
	pad := strings.Repeat("x", size)
	db.fill(t, db.prefix, items, func(i int) dynamoItem {
		return dynamoItem{"id": dynamoText(fmt.Sprint(i)), "query_date": dynamoText("2026-11-19"), "line": dynamoText(fmt.Sprint(i)), "pad": dynamoText(pad)}
	})
	random := rand.New(rand.NewPCG(20261119, 4))
	r := db.request(project.DynamoDB{Table: db.prefix, Read: "scan", DayAttribute: "query_date", Segments: segments, Units: 1e9}, calendar.MustDay("2026-11-19"))
	crash := errors.New("crash")
	var all dynamoSink
	for n := 0; ; n++ {
		r.Kept = slices.Clone(all.parts)
		ctx, cancel := context.WithCancel(t.Context())
		left := random.IntN(stretch)
		all.before, all.after = nil, nil
		if n < interruptions {
			stop := func(kept int) error {
				if kept-len(r.Kept) < left {
					return nil
				}
				if n%3 == 2 {
					cancel()
					return nil
				}
				return crash
			}
			if n%3 == 0 {
				all.before = stop
			} else {
				left++
				all.after = stop
			}
		}
		earlier := len(db.proxy.asked())
		_, err := dynamoSource(t).Fetch(ctx, r, &all)
		cancel()
		for _, page := range db.proxy.asked()[earlier:] {
			if dynamoCommitted(t, r.Kept, page) {
				t.Errorf("try %d: the page of %s was asked for again", n+1, page)
			}
		}
		if n == interruptions {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if !errors.Is(err, crash) && !errors.Is(err, context.Canceled) {
			t.Fatalf("interruption %d: %v", n+1, err)
		}
	}
	dynamoOnceEach(t, all.lines(t), items)
	fresh := newDynamoProxy(t, testenv.DynamoDB(t).Endpoint) // nobody is still answering what was broken off
	r.Kept, r.Source.AWS.Endpoint = nil, fresh.url
	if _, err := dynamoSource(t).Fetch(t.Context(), r, &dynamoCounter{}); err != nil {
		t.Fatal(err)
	}
	if len(fresh.asked()) == 0 || fresh.most > segments {
		t.Errorf("%d pages, %d at once", len(fresh.asked()), fresh.most)
	}
	t.Logf("%d items in %d objects, %d pages asked for in %d tries", items, len(all.parts), len(db.proxy.asked()), interruptions+1)
}

// dynamoOnceEach holds that the lines are the numbers below n, each once.
func dynamoOnceEach(t *testing.T, lines []string, n int) {
	t.Helper()
	seen := map[string]int{}
	for _, line := range lines {
		seen[line]++
	}
	for i := range n {
		if seen[fmt.Sprint(i)] != 1 {
			t.Errorf("item %d came %d times", i, seen[fmt.Sprint(i)])
		}
	}
	if len(seen) != n {
		t.Errorf("%d items, want %d", len(seen), n)
	}
}

// dynamoCommitted reports whether what is kept lies behind the page.
func dynamoCommitted(t *testing.T, kept []source.Part, page dynamoAsked) bool {
	start := map[string]bool{} // where the kept pages begin
	last := map[int]int{}
	next := map[int]string{}
	for _, p := range kept {
		var s struct {
			Segment, Page int
			Next          json.RawMessage
		}
		if err := json.Unmarshal([]byte(p.State), &s); err != nil {
			t.Fatal(err)
		}
		if s.Page != last[s.Segment]+1 {
			t.Fatalf("page %d of segment %d comes behind page %d", s.Page, s.Segment, last[s.Segment])
		}
		start[dynamoAsked{segment: s.Segment, start: next[s.Segment]}.String()] = true
		last[s.Segment], next[s.Segment] = s.Page, dynamoJSON(s.Next)
	}
	return start[page.String()]
}

// A table of one segment whose pages bring nothing but at some places.
func TestPagesWithoutRecordsAreNotReadAgainWithoutEnd(t *testing.T) {
	t.Parallel()
	const pages = 300
	brings := map[int]int{10: 2, 150: 3, 151: 1, 290: 5}
	var mu sync.Mutex
	var asked []int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "DescribeTable") {
			dynamoReply(w, map[string]any{"Table": map[string]any{"TableStatus": "ACTIVE"}})
			return
		}
		var in struct {
			ExclusiveStartKey struct{ N struct{ N string } }
		}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.NewDecoder(bytes.NewReader(body)).Decode(&in)
		}
		if err != nil {
			t.Error(err)
		}
		n := 0
		_, _ = fmt.Sscan(in.ExclusiveStartKey.N.N, &n) // the first page has none
		n++
		mu.Lock()
		asked = append(asked, n)
		mu.Unlock()
		items := make([]map[string]any, brings[n])
		for i := range items {
			items[i] = map[string]any{"line": map[string]string{"S": fmt.Sprintf("%03d-%d", n, i)}}
		}
		answer := map[string]any{"Count": len(items), "ScannedCount": 1000, "Items": items}
		if n < pages {
			answer["LastEvaluatedKey"] = map[string]any{"N": map[string]string{"N": fmt.Sprint(n)}}
		}
		dynamoReply(w, answer)
	}))
	defer server.Close()
	r := dynamoRequest(server.URL, project.DynamoDB{Table: "searches", Read: "scan", DayAttribute: "d", Segments: 1}, calendar.MustDay("2026-11-19"))
	var whole dynamoSink
	if _, err := dynamoSource(t).Fetch(t.Context(), r, &whole); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range whole.parts {
		names = append(names, p.Name[len("scan-s00-p000"):len("scan-s00-p000")+3])
	}
	if fmt.Sprint(names) != "[010 074 138 150 151 215 279 290]" || len(whole.lines(t)) != 11 {
		t.Errorf("objects of pages %v, %d items", names, len(whole.lines(t)))
	}
	for cut := range whole.parts {
		asked = nil
		r.Kept = whole.parts[:cut]
		r.Source.DynamoDB.Segments = 7 // what was begun goes on as it was begun
		if cut == 0 {
			r.Source.DynamoDB.Segments = 1
		}
		var rest dynamoSink
		if _, err := dynamoSource(t).Fetch(t.Context(), r, &rest); err != nil {
			t.Fatal(err)
		}
		for i, p := range whole.parts[cut:] {
			if i >= len(rest.parts) || rest.parts[i] != p || !bytes.Equal(rest.objects[i], whole.objects[cut+i]) {
				t.Fatalf("behind %d objects, the next ones differ: %+v", cut, rest.parts)
			}
		}
		if cut > 0 && fmt.Sprintf("%03d", asked[0]-1) != names[cut-1] {
			t.Errorf("behind page %s, page %d was asked for", names[cut-1], asked[0])
		}
	}
}

func TestScanWhoseStateSaysNothingBeginsAnew(t *testing.T) {
	t.Parallel()
	db := newDynamo(t)
	db.create(t, db.prefix)
	r := db.request(project.DynamoDB{Table: db.prefix, Read: "scan", DayAttribute: "query_date"}, calendar.MustDay("2026-11-19"))
	for _, state := range []string{"", "{}", `{"segment":4,"of":4,"page":1}`, `{"segment":0,"of":4,"page":1,"next":{"id":{"BOOL":true}}}`} {
		r.Kept = []source.Part{{Name: "scan-s00-p000001.json.gz", State: state}}
		if _, err := dynamoSource(t).Fetch(t.Context(), r, &dynamoSink{}); !errors.Is(err, source.ErrChanged) || !fault.Is(err, fault.Unavailable) {
			t.Errorf("state %q: %v", state, err)
		}
	}
}

// What the units allow is kept to by a clock that only waits move.
func TestScanKeepsToItsUnits(t *testing.T) {
	t.Parallel()
	db := newDynamo(t)
	db.create(t, db.prefix)
	pad := strings.Repeat("x", 100_000)
	db.fill(t, db.prefix, 60, func(i int) dynamoItem {
		return dynamoItem{"id": dynamoText(fmt.Sprint(i)), "query_date": dynamoText("2026-11-19"), "line": dynamoText(fmt.Sprint(i)), "pad": dynamoText(pad)}
	})
	r := db.request(project.DynamoDB{Table: db.prefix, Read: "scan", DayAttribute: "query_date", Segments: 1, Units: 10}, calendar.MustDay("2026-11-19"))
	at := r.Now()
	var mu sync.Mutex
	r.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return at }
	began := r.Now()
	r.Wait = func(ctx context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		at = at.Add(d)
		return ctx.Err()
	}
	var got dynamoSink
	if _, err := dynamoSource(t).Fetch(t.Context(), r, &got); err != nil {
		t.Fatal(err)
	}
	// 6 MB are some 735 units; the last page is paid for by nobody.
	if took := r.Now().Sub(began); len(got.lines(t)) != 60 || took < 55*time.Second || took > 80*time.Second {
		t.Errorf("%d items in %s", len(got.lines(t)), took)
	}
}

func TestThrottledScanSaysThatItSlowsDown(t *testing.T) {
	t.Parallel()
	db := newDynamo(t)
	db.create(t, db.prefix)
	r := db.request(project.DynamoDB{Table: db.prefix, Read: "scan", DayAttribute: "query_date", Segments: 1}, calendar.MustDay("2026-11-19"))
	var said []string
	refused := false
	r.Log = func(level, format string, args ...any) { said = append(said, level+": "+fmt.Sprintf(format, args...)) }
	now := r.Now
	r.Now = func() time.Time { // asked when the table is known: only then is it busy
		if len(db.chaos.Requests()) == 1 && !refused {
			refused = true
			db.refuse(2, "ProvisionedThroughputExceededException", "too much")
		}
		return now()
	}
	if _, err := dynamoSource(t).Fetch(t.Context(), r, &dynamoSink{}); err != nil {
		t.Fatal(err)
	}
	want := "warn: table " + db.prefix + " is busy (ProvisionedThroughputExceededException): reading at half the rate"
	if !slices.Equal(said, []string{want, want}) {
		t.Errorf("said %q", said)
	}
}

// The seed's table: a day of 100,096 requests. It says how long a scan takes; DAYBOOK_PROVE=1 runs it.
func TestScanOfTheSeedsDay(t *testing.T) {
	t.Parallel()
	if os.Getenv("DAYBOOK_PROVE") == "" {
		t.Skip("takes a minute: DAYBOOK_PROVE=1 runs it")
	}
	const items = 100_096
	db := newDynamo(t)
	db.create(t, db.prefix)
	began := time.Now()
	db.fill(t, db.prefix, items, dynamoSeed)
	t.Logf("%d items written in %s", items, time.Since(began).Round(time.Millisecond))
	r := db.request(project.DynamoDB{Table: db.prefix, Read: "scan", DayAttribute: "query_date", Segments: 4, Units: 1e9}, calendar.MustDay("2026-11-19"))
	r.Source.AWS.Endpoint = db.proxy.url
	sink := &dynamoCounter{}
	before := dynamoHeap()
	began = time.Now()
	if _, err := dynamoSource(t).Fetch(t.Context(), r, sink); err != nil {
		t.Fatal(err)
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("scanned in %s: %d objects, %d bytes compressed; heap before %d MB, most at a put %d MB; load %s", time.Since(began).Round(time.Millisecond), sink.objects, sink.bytes.Load(), before>>20, sink.heap>>20, load)
	count := 0
	for _, page := range db.proxy.asked() {
		count += page.items
	}
	if count != items {
		t.Errorf("%d items", count)
	}
}

// dynamoSeed is a search of a library: a uuid, and up to fifty ISBNs.
func dynamoSeed(i int) dynamoItem {
	random := rand.New(rand.NewPCG(uint64(i), 1))
	isbns := make([]string, random.IntN(51))
	for n := range isbns {
		isbns[n] = fmt.Sprintf("978%010d", random.Uint64N(1e10))
	}
	return dynamoItem{"query_id": dynamoText(dynamoUUID(random)), "id": dynamoText(dynamoUUID(random)), "query_date": dynamoText("2026-11-19"), "user_search": dynamoTexts([]string{"코스모스", "칼 세이건"}), "selected_lib": dynamoTexts([]string{"111003", "111005", "111022"}), "isbn13_list": dynamoTexts(isbns)}
}

func dynamoTexts(list []string) types.AttributeValue {
	l := &types.AttributeValueMemberL{Value: []types.AttributeValue{}}
	for _, s := range list {
		l.Value = append(l.Value, dynamoText(s))
	}
	return l
}

func dynamoUUID(random *rand.Rand) string {
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", random.Uint32(), random.Uint32N(1<<16), random.Uint32N(1<<12), random.Uint32N(1<<12), random.Uint64N(1<<48))
}

// dynamoCounter keeps nothing.
type dynamoCounter struct {
	bytes atomic.Int64
	mu    sync.Mutex

	objects int
	heap    uint64
}

func (s *dynamoCounter) Put(_ context.Context, _ source.Part, r io.Reader) error {
	n, err := io.Copy(io.Discard, r)
	s.bytes.Add(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects++
	s.heap = max(s.heap, dynamoHeap())
	return err
}

func dynamoHeap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
