package source_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
)

// s3Queue is a queue of SQS that can fail.
type s3Queue struct {
	server *httptest.Server

	mu      sync.Mutex
	number  int
	waiting map[string]string // body by receipt handle: what was not deleted comes again at once
	fail    []string          // error types of the next requests; "cut" does what was asked and drops the answer
	actions []string
}

func newS3Queue(t *testing.T) *s3Queue {
	q := &s3Queue{waiting: map[string]string{}}
	q.server = httptest.NewServer(http.HandlerFunc(q.serve))
	t.Cleanup(q.server.Close)
	return q
}

func (q *s3Queue) url() string { return q.server.URL + "/123456789012/arrivals" }

func (q *s3Queue) push(bodies ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, body := range bodies {
		q.number++
		q.waiting[fmt.Sprintf("handle-%03d", q.number)] = body
	}
}

func (q *s3Queue) left() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

func (q *s3Queue) serve(w http.ResponseWriter, r *http.Request) {
	var in struct {
		QueueUrl            string
		MaxNumberOfMessages int
		Entries             []struct{ Id, ReceiptHandle string }
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.QueueUrl != q.url() || !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
		http.Error(w, `{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no such queue"}`, http.StatusBadRequest)
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	action := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	q.actions = append(q.actions, action)
	fail := ""
	if len(q.fail) > 0 {
		fail, q.fail = q.fail[0], q.fail[1:]
	}
	if fail != "" && fail != "cut" {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(map[bool]int{true: http.StatusForbidden, false: http.StatusBadRequest}[fail == "AccessDeniedException"])
		fmt.Fprintf(w, `{"__type": "com.amazonaws.sqs#%s", "message": "made by the test"}`, fail)
		return
	}
	answer := map[string]any{}
	switch action {
	case "ReceiveMessage":
		var messages []map[string]string
		handles := make([]string, 0, len(q.waiting))
		for h := range q.waiting {
			handles = append(handles, h)
		}
		slices.Sort(handles)
		for _, h := range handles[:min(len(handles), in.MaxNumberOfMessages)] {
			messages = append(messages, map[string]string{"MessageId": h, "ReceiptHandle": h, "Body": q.waiting[h]})
		}
		answer["Messages"] = messages
	case "DeleteMessageBatch":
		done := []map[string]string{}
		for _, e := range in.Entries {
			delete(q.waiting, e.ReceiptHandle)
			done = append(done, map[string]string{"Id": e.Id})
		}
		answer["Successful"], answer["Failed"] = done, []string{}
	}
	if fail == "cut" {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(answer)
}

// s3Made is S3's notification that objects were made.
func s3Made(bucket string, keys ...string) string {
	var records []string
	for _, key := range keys {
		records = append(records, fmt.Sprintf(`{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": %q}, "object": {"key": %q, "size": 5}}}`, bucket, key))
	}
	return `{"Records": [` + strings.Join(records, ",") + `]}`
}

func (q *s3Queue) arrivals(t *testing.T, sources ...project.Source) *source.Arrivals {
	t.Helper()
	house := sourcetest.Request(project.Source{}, calendar.Day{})
	for i := range sources {
		s := &sources[i]
		s.From, s.Zone, s.S3.Events, s.S3.Queue = "s3", time.UTC, q.url(), q.server.URL
		s.AWS = project.AWS{Region: "eu-west-1", Endpoint: "http://127.0.0.1:1", AccessKey: "env:KEY", SecretKey: "env:SECRET"}
	}
	all, err := source.NewArrivals(t.Context(), append(sources, project.Source{Name: "files", From: "files"}), house)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	return all[0]
}

type s3Heard []string

func (h *s3Heard) hear(_ context.Context, name string, d calendar.Day) error {
	*h = append(*h, name+" "+d.String())
	return nil
}

func TestObjectThatArrivesStartsItsDay(t *testing.T) {
	t.Parallel()
	q := newS3Queue(t)
	a := q.arrivals(t, project.Source{Name: "searches", Path: "s3://logs/search logs/{day}/*.ndjson.gz"}, project.Source{Name: "clicks", Path: "s3://logs/clicks/{yyyy}/{mm}/{dd}/{hour}.csv"})
	if d := cmp.Diff([]string{"searches", "clicks"}, a.Sources); d != "" {
		t.Error(d)
	}
	q.push(
		s3Made("logs", "search+logs/2026-11-19/a%2Bb.ndjson.gz", "search+logs/2026-11-19/b.ndjson.gz"),
		s3Made("logs", "search+logs/2026-11-19/c.ndjson.gz"),
		s3Made("logs", "clicks/2026/11/18/7.csv"),
		`{"Type": "Notification", "MessageId": "m", "Message": `+fmt.Sprintf("%q", s3Made("logs", "clicks/2026/11/17/0.csv"))+`}`,
		`{"version": "0", "source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": "logs"}, "object": {"key": "search logs/2026-11-16/a+b.ndjson.gz", "size": 5}}}`,
		s3Made("logs", "clicks/2026/11/18/24.csv", "clicks/2026/11/18/07.csv", "clicks/2026/13/18/7.csv", "other/2026-11-19.csv"),
		s3Made("elsewhere", "clicks/2026/11/01/7.csv"),
		`{"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-20T00:00:00.000Z", "Bucket": "logs"}`,
		strings.ReplaceAll(s3Made("logs", "clicks/2026/11/02/7.csv"), "ObjectCreated:Put", "ObjectRemoved:Delete"),
		`{"source": "aws.s3", "detail-type": "Object Deleted", "detail": {"bucket": {"name": "logs"}, "object": {"key": "clicks/2026/11/03/7.csv"}}}`,
	)
	var heard s3Heard
	if err := a.Receive(t.Context(), heard.hear); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s3Heard{"searches 2026-11-19", "clicks 2026-11-18", "clicks 2026-11-17", "searches 2026-11-16"}, heard); d != "" {
		t.Errorf("heard (-want +got):\n%s", d)
	}
	if q.left() != 0 {
		t.Errorf("%d messages are left", q.left())
	}
	if err := a.Receive(t.Context(), heard.hear); err != nil {
		t.Errorf("an empty queue: %v", err)
	}
}

func TestMessageIsDeletedOnlyAfterItsDayWasTaken(t *testing.T) {
	t.Parallel()
	q := newS3Queue(t)
	a := q.arrivals(t, project.Source{Name: "searches", Path: "s3://logs/{day}.csv"})
	q.push(s3Made("logs", "2026-11-18.csv"), s3Made("logs", "2026-11-19.csv"), "hello", s3Made("logs", "2026-11-19.csv", "2026-11-17.csv"))
	locked := errors.New("the store is locked")
	var heard s3Heard
	calls := 0
	err := a.Receive(t.Context(), func(ctx context.Context, name string, d calendar.Day) error {
		calls++
		if d.String() == "2026-11-19" {
			return locked
		}
		return heard.hear(ctx, name, d)
	})
	if !errors.Is(err, locked) || !strings.Contains(err.Error(), "handle-003") || calls != 3 {
		t.Errorf("%v after %d calls", err, calls)
	}
	if d := cmp.Diff(s3Heard{"searches 2026-11-18", "searches 2026-11-17"}, heard); d != "" || q.left() != 3 {
		t.Errorf("%d left, heard:\n%s", q.left(), d)
	}
	heard = nil
	if err := a.Receive(t.Context(), heard.hear); !fault.Is(err, fault.Invalid) || fault.Hint(err) == "" {
		t.Errorf("the message that nobody can read: %v", err)
	}
	if d := cmp.Diff(s3Heard{"searches 2026-11-19", "searches 2026-11-17"}, heard); d != "" || q.left() != 1 {
		t.Errorf("%d left, heard:\n%s", q.left(), d)
	}
}

func TestQueueThatFailsLosesNoArrival(t *testing.T) {
	t.Parallel()
	q := newS3Queue(t)
	a := q.arrivals(t, project.Source{Name: "searches", Path: "s3://logs/{day}.csv"})
	for i := range 25 {
		q.push(s3Made("logs", calendar.MustDay("2026-11-01").Add(i%20).String()+".csv"))
	}
	q.fail = []string{"cut", "ThrottlingException", "", "cut", "", "InternalFailure"}
	seen := map[string]bool{}
	for range 10 {
		err := a.Receive(t.Context(), func(_ context.Context, name string, d calendar.Day) error { seen[d.String()] = true; return nil })
		if err != nil && !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.Invalid) {
			t.Fatal(err)
		}
	}
	if len(seen) != 20 || q.left() != 0 {
		t.Errorf("%d days heard of, %d messages left", len(seen), q.left())
	}
	q.fail = []string{"AccessDeniedException"}
	if err := a.Receive(t.Context(), nil); !fault.Is(err, fault.Refused) || fault.Hint(err) == "" {
		t.Errorf("no right: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Receive(ctx, nil); err != nil {
		t.Errorf("a caller that has gone: %v", err)
	}
	q.server.Close()
	if err := a.Receive(t.Context(), nil); !fault.Is(err, fault.Unavailable) {
		t.Errorf("away: %v", err)
	}
}
