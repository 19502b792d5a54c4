package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"daybook/internal/fault"
)

// grace is how long an answer is still waited for when the caller has gone: without it nobody knows whether the mail left.
const grace = 2 * time.Second

// smtpStep is where in the dialogue something went wrong.
type smtpStep string

const (
	stepConnect  smtpStep = "connect"
	stepGreeting smtpStep = "greeting"
	stepTLS      smtpStep = "TLS"
	stepAuth     smtpStep = "authentication"
	stepMail     smtpStep = "MAIL FROM"
	stepRcpt     smtpStep = "RCPT TO"
	stepData     smtpStep = "DATA"
	stepEnd      smtpStep = "end of the message" // written, so the mail may have left
)

// smtpError is a failed step; Err is a *textproto.Error where the server answered.
type smtpError struct {
	Step smtpStep
	Err  error
}

func (e *smtpError) Error() string { return "SMTP, " + string(e.Step) + ": " + e.Err.Error() }

func (e *smtpError) Unwrap() error { return e.Err }

var (
	errNoStartTLS = errors.New("the server does not offer STARTTLS")
	errNoAuth     = errors.New("the server offers no authentication that works here")
)

// smtpLine is one connection, used by one message at a time.
type smtpLine struct {
	conn    net.Conn
	client  *smtp.Client
	timeout time.Duration
	expiry  *time.Timer // set while nobody uses it
	lost    bool        // broken or ended by the server: not for another message
}

// dial connects, protects and authenticates.
func (s *SMTP) dial(ctx context.Context) (*smtpLine, error) {
	o := s.options
	conn, err := (&net.Dialer{Timeout: o.Timeout}).DialContext(ctx, "tcp", s.address())
	if err != nil {
		return nil, &smtpError{stepConnect, err}
	}
	line := &smtpLine{conn: conn, timeout: o.Timeout}
	defer line.follow(ctx)()
	if err := s.greet(ctx, line); err != nil {
		conn.Close()
		return nil, err
	}
	return line, nil
}

func (s *SMTP) greet(ctx context.Context, line *smtpLine) error {
	o := s.options
	line.wait(1)
	conn := line.conn
	if o.TLS == TLS {
		secure := tls.Client(conn, s.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return &smtpError{stepTLS, err}
		}
		conn = secure
	}
	client, err := smtp.NewClient(conn, o.Host)
	if err != nil {
		return &smtpError{stepGreeting, err}
	}
	line.client = client
	client.SkipSMTPUTF8(true) // addresses are ASCII, and headers are encoded
	line.wait(1)
	if err := client.Hello(o.Hello); err != nil {
		return &smtpError{stepGreeting, err}
	}
	if o.TLS == StartTLS {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return &smtpError{stepTLS, errNoStartTLS}
		}
		line.wait(1)
		if err := client.StartTLS(s.tls); err != nil {
			return &smtpError{stepTLS, err}
		}
	}
	if o.User == "" {
		return nil
	}
	_, offered := client.Extension("AUTH")
	how := s.authentication(strings.Fields(strings.ToUpper(offered)))
	if how == nil {
		return &smtpError{stepAuth, errNoAuth}
	}
	line.wait(1)
	if err := client.Auth(how); err != nil {
		return &smtpError{stepAuth, err}
	}
	return nil
}

// authentication is the best that the server offers: those that keep the password secret first where the line does not.
func (s *SMTP) authentication(offered []string) smtp.Auth {
	o := s.options
	order := []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", "CRAM-MD5"}
	if o.TLS == NoTLS {
		order = []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"}
	}
	for _, name := range order {
		if !slices.Contains(offered, name) {
			continue
		}
		switch name {
		case "SCRAM-SHA-256":
			return smtp.ScramSHA256Auth(o.User, o.Password)
		case "SCRAM-SHA-1":
			return smtp.ScramSHA1Auth(o.User, o.Password)
		case "CRAM-MD5":
			return smtp.CRAMMD5Auth(o.User, o.Password)
		case "PLAIN":
			return smtp.PlainAuth("", o.User, o.Password, o.Host, o.TLS == NoTLS)
		case "LOGIN":
			return smtp.LoginAuth(o.User, o.Password, o.Host, o.TLS == NoTLS)
		}
	}
	return nil
}

// mail begins a message.
func (l *smtpLine) mail(ctx context.Context, from string) error {
	stop := l.follow(ctx)
	l.wait(1)
	err := l.step(stepMail, l.client.Mail("<"+from+">"))
	if !stop() {
		l.lost = true
		return ctx.Err()
	}
	return err
}

// deliver gives the recipient and the message to a connection on which the message has begun.
func (l *smtpLine) deliver(ctx context.Context, to string, raw []byte) error {
	if most := l.size(); most > 0 && len(raw) > most {
		l.reset()
		return fault.New(fault.Invalid, fmt.Sprintf("the mail has %d bytes, the SMTP server takes %d", len(raw), most), "link the attachments instead of attaching them")
	}
	stop := l.follow(ctx)
	defer func() { stop() }()
	l.wait(1)
	if err := l.step(stepRcpt, l.client.Rcpt("<"+to+">")); err != nil {
		l.reset()
		return err
	}
	l.wait(1)
	body, err := l.client.Data()
	if err != nil {
		defer l.reset()
		return l.step(stepData, err)
	}
	for chunk := range slices.Chunk(raw, 64<<10) {
		l.wait(1)
		if _, err := body.Write(chunk); err != nil {
			return l.step(stepData, err)
		}
	}
	if err := l.client.Text.W.Flush(); err != nil {
		return l.step(stepData, err)
	}
	if !stop() { // the last moment at which nothing has left
		l.lost = true
		return &smtpError{stepData, ctx.Err()}
	}
	l.wait(lastAnswers)
	stop = context.AfterFunc(ctx, func() { l.conn.SetDeadline(time.Now().Add(grace)) })
	err = l.step(stepEnd, body.Close())
	if !stop() {
		l.lost = true // its deadline is another's
	}
	return err
}

// size is the largest message that the server says it takes, 0 when it does not say.
func (l *smtpLine) size() int {
	_, value := l.client.Extension("SIZE")
	n, _ := strconv.Atoi(value)
	return n
}

// step turns an error into one that says where it happened. Without a whole answer, or with 421, the connection is of no more use.
func (l *smtpLine) step(step smtpStep, err error) error {
	if err == nil {
		return nil
	}
	var answer *textproto.Error
	if !errors.As(err, &answer) || answer.Code == 421 {
		l.lost = true
	} else if step == stepEnd && answer.Code/100 == 2 {
		return nil // RFC 5321, 4.2.1: every 2yz says that it was done
	}
	return &smtpError{step, err}
}

// reset forgets a message that was refused half way, so that the connection can be used for the next.
func (l *smtpLine) reset() {
	if l.lost {
		return
	}
	l.wait(1)
	l.lost = l.client.Reset() != nil
}

// quit ends the connection politely, but does not wait long.
func (l *smtpLine) quit() {
	l.conn.SetDeadline(time.Now().Add(grace))
	l.client.Quit() // the server may have gone already
	l.conn.Close()
}

// wait allows the next step some timeouts.
func (l *smtpLine) wait(timeouts time.Duration) {
	l.conn.SetDeadline(time.Now().Add(timeouts * l.timeout))
}

// follow ends the connection when the caller goes away; stop reports whether it was not yet so.
func (l *smtpLine) follow(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { l.conn.Close() })
}

// gone is the outcome for a caller that left before anything was sent.
func gone(ctx context.Context) *SendError {
	return &SendError{Kind: Unavailable, Retryable: true, Err: fmt.Errorf("nothing was sent: %w", ctx.Err())}
}
