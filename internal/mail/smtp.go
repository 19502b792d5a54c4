package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"daybook/internal/fault"
)

// How an SMTP connection is protected.
const (
	StartTLS = "starttls" // plain at first, then TLS before anything is said; a server that does not offer it is refused
	TLS      = "tls"      // TLS from the first byte
	NoTLS    = "none"     // for a server on this machine
)

// SMTPOptions say which server sends.
type SMTPOptions struct {
	Host        string // name or IP; the certificate must be for it
	Port        int    // 0: 587, with TLS 465, with NoTLS 25
	TLS         string // StartTLS (also when empty), TLS or NoTLS
	Unprotected bool   // allow NoTLS to a host that is not this machine: passwords and figures can then be read on the way
	User        string // with Password; both empty: no authentication
	Password    string
	Roots       *x509.CertPool // who may have signed the certificate; nil: whom the system trusts
	Hello       string         // the name this machine gives for itself; empty: its own
	Rate        float64        // messages a second that the server takes, 0 for no limit
	Connections int            // at once; 0 means 4
	Idle        time.Duration  // how long a connection is kept for the next message; 0 means 20 s, servers close it after a minute or so
	Timeout     time.Duration  // to connect and for each answer; 0 means 1 m. The answer to a whole message may take five times as long
}

const (
	smtpConnections = 4
	smtpTimeout     = time.Minute
	smtpIdle        = 20 * time.Second
	lastAnswers     = 5 // timeouts for the answer to a whole message: giving up on it makes an unknown
)

// SMTP sends through a mail server, one recipient per message. Connections are kept between messages for a short while. SMTP keeps
// the Message-ID, so receipts carry the message's own; what becomes of a mail later comes back as mail to its From address.
type SMTP struct {
	options SMTPOptions
	tls     *tls.Config
	slots   chan struct{} // one for each connection that may be in use

	mu   sync.Mutex
	idle []*smtpLine // newest last
}

// NewSMTP prepares a sender without connecting; a wrong host or password shows at the first Send.
func NewSMTP(o SMTPOptions) (*SMTP, error) {
	if o.TLS == "" {
		o.TLS = StartTLS
	}
	port, known := map[string]int{StartTLS: 587, TLS: 465, NoTLS: 25}[o.TLS]
	switch {
	case o.Host == "" || strings.ContainsAny(o.Host, "/ \t\r\n"):
		return nil, fault.New(fault.Invalid, fmt.Sprintf("the SMTP host %q is not a name", o.Host), "write a host such as smtp.example.com, and its port beside it")
	case !known:
		return nil, fault.New(fault.Invalid, fmt.Sprintf("SMTP has no protection called %q", o.TLS), "use starttls, tls or none")
	case o.Port < 0 || o.Port > 65535:
		return nil, fault.New(fault.Invalid, fmt.Sprintf("the SMTP port %d does not exist", o.Port), "leave it out, or use 587 with starttls and 465 with tls")
	case (o.User == "") != (o.Password == ""):
		return nil, fault.New(fault.Invalid, "SMTP has only one of user and password", "set both, or neither for a server that asks for none")
	case o.TLS == NoTLS && !o.Unprotected && !thisMachine(o.Host):
		return nil, fault.New(fault.Invalid, fmt.Sprintf("mail to the SMTP host %s would go over the network unprotected", o.Host), "use starttls or tls")
	case o.Rate < 0 || o.Connections < 0 || o.Timeout < 0 || o.Idle < 0:
		return nil, fault.New(fault.Invalid, "SMTP has a negative rate, time or number of connections", "leave it out for the default")
	}
	if o.Port == 0 {
		o.Port = port
	}
	if o.Connections == 0 {
		o.Connections = smtpConnections
	}
	if o.Idle == 0 {
		o.Idle = smtpIdle
	}
	if o.Timeout == 0 {
		o.Timeout = smtpTimeout
	}
	if o.Hello == "" {
		o.Hello = machineName()
	}
	return &SMTP{
		options: o,
		tls:     &tls.Config{ServerName: o.Host, RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
		slots:   make(chan struct{}, o.Connections),
	}, nil
}

// Limits are the configured rate; SMTP has no way to ask.
func (s *SMTP) Limits(context.Context) (Limits, error) {
	return Limits{Rate: s.options.Rate, Left: -1}, nil
}

// Send hands m over. Until the end of the message was written nothing has left, whatever happens; from then on only an answer
// tells. A caller that goes away meanwhile waits for that answer for two more seconds.
func (s *SMTP) Send(ctx context.Context, m Message) (Receipt, error) {
	raw, err := m.MIME()
	if err != nil {
		return Receipt{}, &SendError{Kind: Invalid, Err: err}
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return Receipt{}, gone(ctx)
	}
	line, err := s.begin(ctx, m.From.Address)
	if err == nil {
		err = line.deliver(ctx, m.To.Address, raw)
		s.put(line)
	}
	if err != nil {
		return Receipt{}, classifySMTP(ctx, err, m.To.Address)
	}
	return Receipt{MessageID: m.MessageID}, nil
}

// begin is a connection on which the server took the envelope's sender. One that was kept and is dead, as it may be after any
// pause, is replaced by a new one.
func (s *SMTP) begin(ctx context.Context, from string) (*smtpLine, error) {
	if line := s.take(); line != nil {
		err := line.mail(ctx, from)
		if err == nil {
			return line, nil
		}
		s.put(line)
		if !line.lost {
			return nil, err
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	line, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	if err := line.mail(ctx, from); err != nil {
		s.put(line)
		return nil, err
	}
	return line, nil
}

// take is the connection that was used last, or nil.
func (s *SMTP) take() *smtpLine {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.idle)
	if n == 0 {
		return nil
	}
	line := s.idle[n-1]
	s.idle = s.idle[:n-1]
	line.expiry.Stop()
	return line
}

// put keeps a connection that works for the next message.
func (s *SMTP) put(line *smtpLine) {
	if line.lost {
		line.conn.Close()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, line)
	line.expiry = time.AfterFunc(s.options.Idle, func() { s.expire(line) })
}

// expire closes a connection, unless it was taken while its time ran out.
func (s *SMTP) expire(line *smtpLine) {
	s.mu.Lock()
	found := false
	for i, l := range s.idle {
		if found = l == line; found {
			s.idle = append(s.idle[:i:i], s.idle[i+1:]...)
			break
		}
	}
	s.mu.Unlock()
	if found {
		line.quit()
	}
}

// Close ends the connections that are kept. The sender may be used again.
func (s *SMTP) Close() error {
	s.mu.Lock()
	idle := s.idle
	s.idle = nil
	s.mu.Unlock()
	for _, line := range idle {
		line.expiry.Stop()
		line.quit()
	}
	return nil
}

func (s *SMTP) address() string {
	return net.JoinHostPort(s.options.Host, strconv.Itoa(s.options.Port))
}

func thisMachine(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// machineName is what the machine calls itself, if a server can read it.
func machineName() string {
	name, err := os.Hostname()
	if err != nil || !listIDShape.MatchString(name+".x") {
		return "localhost"
	}
	return name
}
