package sesdouble

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const visibility = 30 * time.Second // unless the queue was told otherwise

// queue is a standard queue of SQS: at least once, in about the order of arrival.
type queue struct {
	calls sync.Mutex // of EventOptions.Publish

	mu         sync.Mutex
	waiting    []*item
	flying     map[string]*item // by receipt handle
	wake       chan struct{}    // closed and replaced when there is something new
	number     int              // of messages so far
	handles    int
	faults     []Fault
	again      float64
	visibility time.Duration
	closed     bool
}

type item struct {
	id, body string
	receives int
	until    time.Time // of its invisibility
}

func (q *queue) open() {
	q.flying, q.wake, q.visibility = map[string]*item{}, make(chan struct{}), visibility
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.stir()
}

func (q *queue) stir() {
	close(q.wake)
	q.wake = make(chan struct{})
}

func (q *queue) push(body string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.number++
	q.waiting = append(q.waiting, &item{id: fmt.Sprintf("00000000-0000-4000-8000-%012d", q.number), body: body})
	q.stir()
}

// Push puts a message into the queue, whatever it says.
func (s *Server) Push(body string) { s.queue.push(body) }

// Waiting counts the messages that nobody deleted, received ones too.
func (s *Server) Waiting() int {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return len(s.queue.waiting) + len(s.queue.flying)
}

// FailQueue makes the next requests to the queue fail, one fault each.
func (s *Server) FailQueue(faults ...Fault) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.queue.faults = append(s.queue.faults, faults...)
}

// Again makes this share of the received messages come a second time although they were deleted. Visibility is how long a received
// message stays out of sight; 0 leaves it as it is.
func (s *Server) Again(share float64, visibility time.Duration) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.queue.again = share
	if visibility > 0 {
		s.queue.visibility = visibility
	}
}

type queueRequest struct {
	QueueUrl            string
	MaxNumberOfMessages int
	WaitTimeSeconds     int
	VisibilityTimeout   int
	ReceiptHandle       string
	Entries             []struct{ Id, ReceiptHandle string }
}

func (s *Server) serveQueue(w http.ResponseWriter, r *http.Request) {
	fault := s.queueFault()
	if fault.Reset == BeforeReading {
		reset(w)
		return
	}
	var in queueRequest
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if f := unsigned(r, "sqs"); f.Status != 0 {
		refuse(w, f)
		return
	}
	if fault.Status != 0 {
		refuse(w, fault)
		return
	}
	if err := json.Unmarshal(body, &in); err != nil {
		refuse(w, Fault{Status: http.StatusBadRequest, Type: "com.amazon.coral.service#SerializationException", Message: err.Error()})
		return
	}
	if in.QueueUrl != s.QueueURL() {
		w.Header().Set("X-Amzn-Query-Error", "AWS.SimpleQueueService.NonExistentQueue;Sender")
		refuse(w, Fault{Status: http.StatusBadRequest, Type: "com.amazonaws.sqs#QueueDoesNotExist", Message: "The specified queue does not exist."})
		return
	}
	switch action := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS."); action {
	case "ReceiveMessage":
		reply(w, r, fault, map[string]any{"Messages": s.receive(r, in)})
	case "DeleteMessage":
		s.queue.remove(in.ReceiptHandle)
		reply(w, r, fault, map[string]any{})
	case "DeleteMessageBatch":
		done := []map[string]string{}
		for _, e := range in.Entries {
			s.queue.remove(e.ReceiptHandle)
			done = append(done, map[string]string{"Id": e.Id})
		}
		reply(w, r, fault, map[string]any{"Successful": done, "Failed": []any{}})
	case "GetQueueAttributes":
		reply(w, r, fault, map[string]any{"Attributes": s.queue.attributes()})
	default:
		refuse(w, Fault{Status: http.StatusBadRequest, Type: "com.amazonaws.sqs#UnsupportedOperation", Message: action})
	}
}

func (s *Server) queueFault() Fault {
	s.queue.mu.Lock()
	if len(s.queue.faults) > 0 {
		defer s.queue.mu.Unlock()
		f := s.queue.faults[0]
		s.queue.faults = s.queue.faults[1:]
		return f
	}
	s.queue.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return draw(s.chance, s.options.QueueFaults)
}

// receive waits as long as the client asked to.
func (s *Server) receive(r *http.Request, in queueRequest) []map[string]any {
	deadline := time.Now().Add(time.Duration(in.WaitTimeSeconds) * time.Second)
	for {
		messages, wake := s.take(in)
		left := time.Until(deadline)
		if len(messages) > 0 || left <= 0 || wake == nil {
			return messages
		}
		timer := time.NewTimer(min(left, 100*time.Millisecond)) // something out of sight may come back
		select {
		case <-wake:
		case <-timer.C:
		case <-r.Context().Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

// take is what there is now; wake is nil where nothing will come any more.
func (s *Server) take(in queueRequest) (messages []map[string]any, wake chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := &s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for handle, i := range q.flying {
		if now.After(i.until) {
			delete(q.flying, handle)
			q.waiting = append(q.waiting, i)
		}
	}
	hidden := q.visibility
	if in.VisibilityTimeout > 0 {
		hidden = time.Duration(in.VisibilityTimeout) * time.Second
	}
	n := min(max(in.MaxNumberOfMessages, 1), 10, len(q.waiting))
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	for _, i := range batch {
		i.receives++
		i.until = now.Add(hidden)
		if q.again > 0 && i.receives == 1 && s.chance.Float64() < q.again {
			q.waiting = append(q.waiting, &item{id: i.id, body: i.body, receives: 1})
		}
		q.handles++
		handle := "handle-" + strconv.Itoa(q.handles)
		q.flying[handle] = i
		sum := md5.Sum([]byte(i.body))
		messages = append(messages, map[string]any{"MessageId": i.id, "ReceiptHandle": handle, "Body": i.body, "MD5OfBody": hex.EncodeToString(sum[:])})
	}
	if q.closed {
		return messages, nil
	}
	return messages, q.wake
}

func (q *queue) remove(handle string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.flying, handle)
}

func (q *queue) attributes() map[string]string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return map[string]string{
		"ApproximateNumberOfMessages":           strconv.Itoa(len(q.waiting)),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(len(q.flying)),
		"VisibilityTimeout":                     strconv.Itoa(int(q.visibility / time.Second)),
		"MessageRetentionPeriod":                "345600",
	}
}
