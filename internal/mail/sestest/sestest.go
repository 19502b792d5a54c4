// Package sestest is an Amazon SES v2 on the loopback that keeps every raw message and can fail in each way SES can.
package sestest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Region, AccessKey and SecretKey are what a client of the double is set up with.
const (
	Region    = "ap-northeast-2"
	AccessKey = "AKIDEXAMPLE"
	SecretKey = "example-secret"
)

// Limits of one message, as SES v2 documents them.
const (
	maxRecipients = 50
	maxBytes      = 40_000_000
)

// Sent is one message that the double accepted.
type Sent struct {
	MessageID        string
	From             string
	To               []string
	ConfigurationSet string
	Tags             map[string]string
	Raw              []byte // byte for byte as the client made it
}

// Server answers POST /v2/email/outbound-emails. URL is the endpoint for the client.
type Server struct {
	URL string

	http     *httptest.Server
	mu       sync.Mutex
	sent     []Sent
	faults   []Fault
	requests int
	verified []string
	sets     []string
}

// New starts a double that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{}
	s.http = httptest.NewServer(s)
	s.URL = s.http.URL
	t.Cleanup(s.Close)
	return s
}

// Close ends the server: from then on connections are refused.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// Sent is what was accepted so far, in order.
func (s *Server) Sent() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// Requests counts the requests so far, failed ones too.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Fail makes the next requests fail, one fault each; the ones after them succeed.
func (s *Server) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// Sandbox makes every address but these unverified, for the sender and for recipients.
func (s *Server) Sandbox(verified ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verified = append([]string{}, verified...)
}

// ConfigurationSets are the only ones that the double knows; without a call it knows all.
func (s *Server) ConfigurationSets(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sets = append([]string{}, names...)
}

type request struct {
	FromEmailAddress     string
	ConfigurationSetName string
	Destination          struct{ ToAddresses, CcAddresses, BccAddresses []string }
	EmailTags            []struct{ Name, Value string }
	Content              struct {
		Raw *struct{ Data []byte }
	}
}

// ServeHTTP speaks the part of the SES v2 REST protocol that sending raw mail needs.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := s.next()
	if fault.Reset == BeforeReading {
		reset(w)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away while it was writing
	}
	if problem := signature(r.Header.Get("Authorization")); problem != "" {
		refuse(w, Fault{Status: http.StatusForbidden, Type: "IncompleteSignatureException", Message: problem})
		return
	}
	if r.Method != http.MethodPost || r.URL.Path != "/v2/email/outbound-emails" {
		refuse(w, Fault{Status: http.StatusNotFound, Type: "UnknownOperationException", Message: r.Method + " " + r.URL.Path})
		return
	}
	if fault.Status != 0 {
		refuse(w, fault)
		return
	}
	message, problem := s.accept(body)
	if problem.Status != 0 {
		refuse(w, problem)
		return
	}
	switch {
	case fault.Reset == AfterStoring:
		reset(w)
		return
	case fault.Silent:
		<-r.Context().Done() // the client gave up
		return
	case fault.Garbled:
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"MessageId": `)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"MessageId": message.MessageID})
}

func (s *Server) next() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if len(s.faults) == 0 {
		return Fault{}
	}
	f := s.faults[0]
	s.faults = s.faults[1:]
	return f
}

// accept keeps the message, or says what SES would have said against it.
func (s *Server) accept(body []byte) (Sent, Fault) {
	bad := func(format string, args ...any) (Sent, Fault) {
		return Sent{}, Fault{Status: http.StatusBadRequest, Type: "BadRequestException", Message: fmt.Sprintf(format, args...)}
	}
	var in request
	if err := json.Unmarshal(body, &in); err != nil {
		return bad("malformed request: %v", err)
	}
	if in.Content.Raw == nil {
		return bad("this double takes Content.Raw only")
	}
	raw := in.Content.Raw.Data
	if len(raw) > maxBytes {
		return bad("Message length is more than %d bytes long: '%d'.", maxBytes, len(raw))
	}
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return bad("Malformed message: %v", err)
	}
	if _, err := m.Header.AddressList("From"); err != nil {
		return bad("Missing required header 'From'.")
	}
	to := slices.Concat(in.Destination.ToAddresses, in.Destination.CcAddresses, in.Destination.BccAddresses)
	if len(to) == 0 || len(to) > maxRecipients {
		return bad("Recipient count is %d, must be 1 to %d.", len(to), maxRecipients)
	}
	for _, address := range to {
		if _, err := netmail.ParseAddress(address); err != nil {
			return bad("Illegal address: %s", address)
		}
	}
	tags := map[string]string{}
	for _, t := range in.EmailTags {
		if !tagShape.MatchString(t.Name) || !tagShape.MatchString(t.Value) {
			return bad("Invalid tag %q: %q", t.Name, t.Value)
		}
		tags[t.Name] = t.Value
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sets != nil && in.ConfigurationSetName != "" && !slices.Contains(s.sets, in.ConfigurationSetName) {
		return Sent{}, Fault{Status: http.StatusNotFound, Type: "NotFoundException", Message: "Configuration set <" + in.ConfigurationSetName + "> does not exist."}
	}
	if unverified := s.unverified(append([]string{in.FromEmailAddress}, to...)); len(unverified) > 0 {
		return Sent{}, Fault{Status: http.StatusBadRequest, Type: "MessageRejected",
			Message: "Email address is not verified. The following identities failed the check in region " + strings.ToUpper(Region) + ": " + strings.Join(unverified, ", ")}
	}
	message := Sent{
		MessageID: fmt.Sprintf("010c0000%08d-00000000-0000-4000-8000-%012d-000000", s.requests, len(s.sent)+1),
		From:      in.FromEmailAddress, To: to, ConfigurationSet: in.ConfigurationSetName, Tags: tags, Raw: raw,
	}
	s.sent = append(s.sent, message)
	return message, Fault{}
}

func (s *Server) unverified(addresses []string) []string {
	if s.verified == nil {
		return nil
	}
	return slices.DeleteFunc(addresses, func(a string) bool { return slices.Contains(s.verified, a) })
}

var (
	tagShape       = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)
	signatureShape = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=` + AccessKey + `/[0-9]{8}/` + Region + `/ses/aws4_request, SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, Signature=[0-9a-f]{64}$`)
)

func signature(header string) string {
	switch {
	case header == "":
		return "Missing Authentication Token"
	case !signatureShape.MatchString(header):
		return "the Authorization header is not a Signature Version 4 for " + Region + " and ses: " + header
	}
	return ""
}

func refuse(w http.ResponseWriter, f Fault) {
	w.Header().Set("X-Amzn-ErrorType", f.Type)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.Status)
	json.NewEncoder(w).Encode(map[string]string{"message": f.Message})
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
