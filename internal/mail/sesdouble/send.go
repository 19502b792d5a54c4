package sesdouble

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	netmail "net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
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
	Raw              []byte // byte for byte as the client made it; nil where bodies are discarded
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

func (s *Server) serveSend(w http.ResponseWriter, r *http.Request) {
	fault := s.arrive()
	if fault.Reset == BeforeReading {
		reset(w)
		return
	}
	var body bytes.Buffer
	if r.ContentLength > 0 && r.ContentLength <= 2*maxBytes {
		body.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	if _, err := io.Copy(&body, r.Body); err != nil {
		return // the client went away while it was writing
	}
	if f := unsigned(r, "ses"); f.Status != 0 {
		refuse(w, f)
		return
	}
	if fault.Status != 0 {
		refuse(w, fault)
		return
	}
	message, problem := s.accept(body.Bytes())
	if problem.Status != 0 {
		refuse(w, problem)
		return
	}
	if early, lead := s.fulfil(message); early {
		wait(r.Context(), lead)
	}
	reply(w, r, fault, map[string]string{"MessageId": message.MessageID})
}

// arrive counts a send and says what will go wrong with it.
func (s *Server) arrive() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Requests++
	now := s.now()
	s.arrivals.add(now)
	var f Fault
	if len(s.faults) > 0 {
		f, s.faults = s.faults[0], s.faults[1:]
	} else {
		f = draw(s.chance, s.options.Faults)
	}
	if f != (Fault{}) {
		s.stats.Faulty++
		return f
	}
	switch {
	case s.options.Shutdown:
		return AccountSuspended()
	case s.options.Paused:
		return SendingPaused()
	case s.options.Quota > 0 && s.stats.Messages >= s.options.Quota:
		return DailyQuota()
	case !s.bucket.take(s.options.Rate, now):
		s.stats.Throttled++
		return Throttle()
	}
	return Fault{}
}

func (s *Server) now() time.Duration { return time.Since(s.begun) }

// accept keeps the message, or says what SES would have said against it.
func (s *Server) accept(body []byte) (Sent, Fault) {
	in, err := read(body)
	if err != nil {
		return Sent{}, bad("malformed request: %v", err)
	}
	to, tags, problem := in.check()
	if problem.Status != 0 {
		return Sent{}, problem
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if name := in.ConfigurationSetName; name != "" && !s.hasSet(name) {
		return Sent{}, missing("Configuration set <" + name + "> does not exist.")
	}
	if unverified := s.unverified(append([]string{in.FromEmailAddress}, to...)); len(unverified) > 0 {
		return Sent{}, Fault{Status: http.StatusBadRequest, Type: "MessageRejected",
			Message: "Email address is not verified. The following identities failed the check in region " + strings.ToUpper(Region) + ": " + strings.Join(unverified, ", ")}
	}
	s.stats.Messages++
	s.stats.Bytes += int64(len(in.Content.Raw.Data))
	message := Sent{
		MessageID: fmt.Sprintf("010c0000%08d-00000000-0000-4000-8000-%012d-000000", s.stats.Requests, s.stats.Messages),
		From:      in.FromEmailAddress, To: to, ConfigurationSet: in.ConfigurationSetName, Tags: tags, Raw: in.Content.Raw.Data,
	}
	if s.options.Discard {
		message.Raw = nil
	}
	s.sent = append(s.sent, message)
	return message, Fault{}
}

// read decodes the request. The message is nearly all of it and cut out first: as a JSON string it would be looked at three times.
func read(body []byte) (in request, err error) {
	const key = `"Data":"`
	start := bytes.Index(body, []byte(key)) + len(key)
	length := bytes.IndexByte(body[max(start, 0):], '"')
	if start < len(key) || length < 0 {
		return in, json.Unmarshal(body, &in)
	}
	rest := slices.Concat(body[:start], body[start+length:])
	if err := json.Unmarshal(rest, &in); err != nil {
		return in, err
	}
	raw := make([]byte, base64.StdEncoding.DecodedLen(length))
	n, err := base64.StdEncoding.Decode(raw, body[start:start+length])
	if err != nil || in.Content.Raw == nil || len(in.Content.Raw.Data) > 0 {
		return in, json.Unmarshal(body, &in) // it was another Data
	}
	in.Content.Raw.Data = raw[:n]
	return in, nil
}

// check gives the recipients and the tags.
func (in *request) check() (to []string, tags map[string]string, problem Fault) {
	if in.Content.Raw == nil {
		return nil, nil, bad("this double takes Content.Raw only")
	}
	raw := in.Content.Raw.Data
	if len(raw) > maxBytes {
		return nil, nil, bad("Message length is more than %d bytes long: '%d'.", maxBytes, len(raw))
	}
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return nil, nil, bad("Malformed message: %v", err)
	}
	if _, err := m.Header.AddressList("From"); err != nil {
		return nil, nil, bad("Missing required header 'From'.")
	}
	to = slices.Concat(in.Destination.ToAddresses, in.Destination.CcAddresses, in.Destination.BccAddresses)
	if len(to) == 0 || len(to) > maxRecipients {
		return nil, nil, bad("Recipient count is %d, must be 1 to %d.", len(to), maxRecipients)
	}
	for _, address := range to {
		if _, err := netmail.ParseAddress(address); err != nil {
			return nil, nil, bad("Illegal address: %s", address)
		}
	}
	tags = map[string]string{}
	for _, t := range in.EmailTags {
		if !tagShape.MatchString(t.Name) || !tagShape.MatchString(t.Value) {
			return nil, nil, bad("Invalid tag %q: %q", t.Name, t.Value)
		}
		tags[t.Name] = t.Value
	}
	return to, tags, Fault{}
}

var tagShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

func bad(format string, args ...any) Fault {
	return Fault{Status: http.StatusBadRequest, Type: "BadRequestException", Message: fmt.Sprintf(format, args...)}
}

func missing(message string) Fault {
	return Fault{Status: http.StatusNotFound, Type: "NotFoundException", Message: message}
}

// unverified are the addresses that the sandbox does not take: in it, the simulator's are always taken.
func (s *Server) unverified(addresses []string) []string {
	if s.options.Verified == nil {
		return nil
	}
	return slices.DeleteFunc(addresses, func(a string) bool {
		_, domain, _ := strings.Cut(a, "@")
		return domain == simulator || slices.Contains(s.options.Verified, a) || slices.Contains(s.options.Verified, domain)
	})
}

func (s *Server) hasSet(name string) bool {
	return s.options.Sets == nil || slices.Contains(s.options.Sets, name)
}
