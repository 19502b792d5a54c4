package sesdouble

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Identity is an address or a domain that the account may send for, or not yet.
type Identity struct {
	Name           string
	Pending        bool   // not verified
	DKIM           string // empty: SUCCESS
	MailFrom       string // domain; may be empty
	MailFromStatus string // empty: SUCCESS
}

// Destination is where a configuration set's events go.
type Destination struct {
	Name     string
	Topic    string   // ARN of SNS; empty: EventBridge's default bus
	Disabled bool     //
	Events   []string // SEND, DELIVERY, …; nil: all
}

type suppressed struct {
	reason string // BOUNCE or COMPLAINT
	since  time.Time
}

const v2 = "/v2/email/"

// serveQuestion answers everything but sending.
func (s *Server) serveQuestion(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.stats.Questions++
	var fault Fault
	if len(s.asked) > 0 {
		fault, s.asked = s.asked[0], s.asked[1:]
	}
	s.mu.Unlock()
	if fault.Reset == BeforeReading {
		reset(w)
		return
	}
	if f := unsigned(r, "ses"); f.Status != 0 {
		refuse(w, f)
		return
	}
	if fault.Status != 0 {
		refuse(w, fault)
		return
	}
	answer, problem := s.answer(r)
	if problem.Status != 0 {
		refuse(w, problem)
		return
	}
	reply(w, r, fault, answer)
}

func (s *Server) answer(r *http.Request) (any, Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path, found := strings.CutPrefix(r.URL.EscapedPath(), v2)
	if !found {
		path = ""
	}
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i], _ = url.PathUnescape(p) // what does not unescape is no path below
	}
	switch get := r.Method == http.MethodGet; {
	case get && path == "account":
		return s.account(), Fault{}
	case get && len(parts) == 2 && parts[0] == "identities":
		return s.identity(parts[1])
	case get && len(parts) == 2 && parts[0] == "configuration-sets":
		return s.set(parts[1], map[string]any{"ConfigurationSetName": parts[1], "SendingOptions": map[string]bool{"SendingEnabled": true}})
	case get && len(parts) == 3 && parts[0] == "configuration-sets" && parts[2] == "event-destinations":
		return s.set(parts[1], map[string]any{"EventDestinations": s.destinations()})
	case get && path == "suppression/addresses":
		return s.suppressions(r.URL.Query())
	case r.Method == http.MethodDelete && len(parts) == 3 && parts[0] == "suppression" && parts[1] == "addresses":
		return s.unsuppress(parts[2])
	}
	return nil, Fault{Status: http.StatusNotFound, Type: "UnknownOperationException", Message: r.Method + " " + r.URL.Path}
}

func (s *Server) account() any {
	standing, quota := "HEALTHY", -1.0
	if s.options.Shutdown {
		standing = "SHUTDOWN"
	}
	if s.options.Quota > 0 {
		quota = float64(s.options.Quota)
	}
	return map[string]any{
		"EnforcementStatus": standing, "ProductionAccessEnabled": s.options.Verified == nil,
		"SendingEnabled": !s.options.Paused && !s.options.Shutdown,
		"SendQuota":      map[string]float64{"Max24HourSend": quota, "MaxSendRate": s.options.Rate, "SentLast24Hours": float64(s.stats.Messages)},
	}
}

// identity knows the names it was given; without any, every domain but no single address.
func (s *Server) identity(name string) (any, Fault) {
	i := Identity{Name: name}
	known := s.options.Identities == nil && !strings.Contains(name, "@")
	if s.options.Verified != nil {
		known = slices.Contains(s.options.Verified, name)
	}
	if n := slices.IndexFunc(s.options.Identities, func(i Identity) bool { return i.Name == name }); n >= 0 {
		i, known = s.options.Identities[n], true
	}
	if !known {
		return nil, missing("Email identity " + name + " does not exist.")
	}
	kind, tokens := "DOMAIN", []string{"token1", "token2", "token3"}
	if strings.Contains(name, "@") {
		kind, tokens = "EMAIL_ADDRESS", nil
	}
	answer := map[string]any{
		"IdentityType": kind, "VerifiedForSendingStatus": !i.Pending,
		"DkimAttributes": map[string]any{"Status": or(i.DKIM, "SUCCESS"), "SigningEnabled": true, "Tokens": tokens},
	}
	if i.MailFrom != "" {
		answer["MailFromAttributes"] = map[string]string{
			"MailFromDomain": i.MailFrom, "MailFromDomainStatus": or(i.MailFromStatus, "SUCCESS"), "BehaviorOnMxFailure": "USE_DEFAULT_VALUE",
		}
	}
	return answer, Fault{}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (s *Server) set(name string, answer any) (any, Fault) {
	if !s.hasSet(name) {
		return nil, missing("Configuration set <" + name + "> does not exist.")
	}
	return answer, Fault{}
}

func (s *Server) destinations() []map[string]any {
	list := s.options.Destinations
	if list == nil {
		list = []Destination{{Name: "events", Topic: Topic}}
	}
	answer := []map[string]any{}
	for _, d := range list {
		if d.Events == nil {
			d.Events = []string{"SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "DELIVERY_DELAY"}
		}
		entry := map[string]any{"Name": d.Name, "Enabled": !d.Disabled, "MatchingEventTypes": d.Events}
		if d.Topic != "" {
			entry["SnsDestination"] = map[string]string{"TopicArn": d.Topic}
		} else {
			entry["EventBridgeDestination"] = map[string]string{"EventBusArn": "arn:aws:events:" + Region + ":" + account + ":event-bus/default"}
		}
		answer = append(answer, entry)
	}
	return answer
}

// Suppress puts an address on the suppression list; reason is BOUNCE or COMPLAINT.
func (s *Server) Suppress(address, reason string, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.suppressed[address] = suppressed{reason, since}
}

// Suppressed are the addresses on the suppression list, sorted.
func (s *Server) Suppressed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.onList()
}

func (s *Server) onList() []string {
	list := []string{}
	for address := range s.suppressed {
		list = append(list, address)
	}
	slices.Sort(list)
	return list
}

// suppressions is one page; the token is the last address of the page before.
func (s *Server) suppressions(q url.Values) (any, Fault) {
	if s.options.Verified != nil {
		return nil, bad("The suppression list is not available in the sandbox")
	}
	size, err := strconv.Atoi(or(q.Get("PageSize"), "1000"))
	if err != nil || size < 1 || size > 1000 {
		return nil, bad("Invalid page size %q", q.Get("PageSize"))
	}
	type entry struct {
		EmailAddress, Reason string
		LastUpdateTime       json.Number
	}
	page, next := []entry{}, ""
	for _, address := range s.onList() {
		if address <= q.Get("NextToken") {
			continue
		}
		if len(page) == size {
			next = page[size-1].EmailAddress
			break
		}
		e := s.suppressed[address]
		page = append(page, entry{address, e.reason, json.Number(strconv.FormatInt(e.since.Unix(), 10))})
	}
	answer := map[string]any{"SuppressedDestinationSummaries": page}
	if next != "" {
		answer["NextToken"] = next
	}
	return answer, Fault{}
}

func (s *Server) unsuppress(address string) (any, Fault) {
	if _, ok := s.suppressed[address]; !ok {
		return nil, missing("Email address " + address + " does not exist on your suppression list.")
	}
	delete(s.suppressed, address)
	return map[string]any{}, Fault{}
}
