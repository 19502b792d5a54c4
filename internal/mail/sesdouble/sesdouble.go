// Package sesdouble is an Amazon SES v2 and an SQS queue of its events on the loopback: it refuses, loses, delays and repeats as they
// can, for tests and rehearsals.
package sesdouble

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Region, AccessKey and SecretKey are what a client of the double is set up with. ConfigurationSet is one that every double knows;
// as with SES, only mail that is sent with a set has events.
const (
	Region           = "ap-northeast-2"
	AccessKey        = "AKIDEXAMPLE"
	SecretKey        = "example-secret"
	ConfigurationSet = "daybook"
	account          = "123456789012"
	queueName        = "daybook-events"
)

// Options say what the double is like. The zero value takes everything, at any pace, and delivers it.
type Options struct {
	Rate       float64  // messages a second; 0 is no limit
	Quota      int      // messages in all; 0 is no limit
	Paused     bool     // sending is not enabled
	Shutdown   bool     // the account's standing
	Verified   []string // the sandbox: all other addresses and domains are unverified; nil is production
	Sets       []string // the configuration sets that there are; nil: every name
	Identities []Identity
	// Destinations of every configuration set; nil is one topic with all kinds of events.
	Destinations []Destination

	Faults      []Chance // how sends go wrong
	QueueFaults []Chance // how requests to the queue go wrong
	Seed        uint64   // of every chance

	Discard bool // keep no messages' bytes, only their number

	// Fate is what becomes of a mail to the address, one of the constants; nil, and an empty answer, mean that it is delivered. The
	// addresses of SES's own simulator have their fate already. It must not call the double.
	Fate   func(address string) Fate
	Events EventOptions
}

// Server is the double. URL is the endpoint of both services.
type Server struct {
	URL string

	http  *http.Server
	begun time.Time

	mu         sync.Mutex
	options    Options
	chance     *rand.Rand
	sent       []Sent
	faults     []Fault // of the next sends
	asked      []Fault // of the next questions
	stats      Stats
	bucket     bucket
	arrivals   window
	suppressed map[string]suppressed

	queue queue
}

// Stats count what happened.
type Stats struct {
	Requests   int // to send, refused ones too
	Messages   int // taken over
	Bytes      int64
	Throttled  int // refused for the rate
	Faulty     int // sends that an injected fault struck
	Peak       int // most requests to send in any second, wherever it begins
	Questions  int // other requests to SES
	Published  int // events, duplicates too
	Duplicates int // of the published events
}

// Start starts a double on the loopback.
func Start(o Options) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the double of SES: %w", err)
	}
	s := &Server{URL: "http://" + listener.Addr().String(), begun: time.Now(), options: o, suppressed: map[string]suppressed{}}
	s.chance = rand.New(rand.NewPCG(o.Seed, o.Seed))
	s.queue.open()
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go s.http.Serve(listener) // ends by Close, with an error that says so
	return s, nil
}

// Close ends the server: from then on connections are refused.
func (s *Server) Close() error {
	s.queue.close()
	return s.http.Close()
}

// QueueURL is the SQS queue that events arrive in.
func (s *Server) QueueURL() string { return s.URL + "/" + account + "/" + queueName }

// Sent is what was accepted so far, in order.
func (s *Server) Sent() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// Requests counts the requests to send so far, failed ones too.
func (s *Server) Requests() int { return s.Stats().Requests }

// Stats are the counts so far.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.Peak = s.arrivals.peak
	return stats
}

// Change makes the double different from now on.
func (s *Server) Change(change func(o *Options)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.options)
}

// Fail makes the next sends fail, one fault each; the ones after them succeed.
func (s *Server) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// FailAsked makes the next questions about account, identities and lists fail.
func (s *Server) FailAsked(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, faults...)
}

// ServeHTTP speaks the parts of both protocols that the program needs.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS."):
		s.serveQueue(w, r)
	case r.Method == http.MethodPost && r.URL.Path == "/v2/email/outbound-emails":
		s.serveSend(w, r)
	default:
		s.serveQuestion(w, r)
	}
}

// reply writes the answer, or what the fault makes of it; what the request did stays done.
func reply(w http.ResponseWriter, r *http.Request, f Fault, answer any) {
	switch {
	case f.Reset == AfterStoring:
		reset(w)
	case f.Silent:
		<-r.Context().Done() // the client gave up
	case f.Garbled:
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"MessageId": `)
	default:
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(answer)
	}
}

func refuse(w http.ResponseWriter, f Fault) {
	w.Header().Set("X-Amzn-ErrorType", f.Type)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.Status)
	json.NewEncoder(w).Encode(map[string]string{"__type": f.Type, "message": f.Message})
}

// reset cuts the connection with a TCP reset and no answer.
func reset(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

var signatureShape = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=` + AccessKey + `/[0-9]{8}/` + Region + `/(ses|sqs)/aws4_request, SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, Signature=[0-9a-f]{64}$`)

// unsigned is the refusal of a request that is not signed for the service.
func unsigned(r *http.Request, service string) Fault {
	header := r.Header.Get("Authorization")
	problem := ""
	if match := signatureShape.FindStringSubmatch(header); header == "" {
		problem = "Missing Authentication Token"
	} else if match == nil || match[1] != service {
		problem = "the Authorization header is not a Signature Version 4 for " + Region + " and " + service + ": " + header
	}
	if problem == "" {
		return Fault{}
	}
	return Fault{Status: http.StatusForbidden, Type: "IncompleteSignatureException", Message: problem}
}

// wait is a pause that ends with the request.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
