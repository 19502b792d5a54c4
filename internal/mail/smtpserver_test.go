package mail_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"log"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"daybook/internal/mail"
)

// smtpServer is a real SMTP server that fails where a test wants it to.
type smtpServer struct {
	listener   net.Listener
	protection string
	roots      *x509.CertPool
	ways       []string // of signing in
	most       int64    // bytes of a message, 0 for any number

	mu       sync.Mutex
	faultAt  string // hello, mail, rcpt or data
	faultIs  func(*gosmtp.Conn, io.Reader) error
	once     bool
	messages [][]byte
	lines    map[net.Conn]bool // of which those that are open are true
	signs    int
	from, to string
}

func serveSMTP(t *testing.T, protection string, prepare func(*smtpServer)) *smtpServer {
	t.Helper()
	certificate, roots := madeUpCertificate(t)
	s := &smtpServer{protection: protection, roots: roots, lines: map[net.Conn]bool{}}
	if prepare != nil {
		prepare(s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.listener = l
	server := gosmtp.NewServer(gosmtp.BackendFunc(s.session))
	server.Domain, server.AllowInsecureAuth = "smtp.example.com", protection == mail.NoTLS
	server.MaxMessageBytes = s.most
	server.ErrorLog = log.New(io.Discard, "", 0)
	l = &counted{l, s}
	settings := &tls.Config{Certificates: []tls.Certificate{certificate}}
	switch protection {
	case mail.StartTLS:
		server.TLSConfig = settings
	case mail.TLS:
		l = tls.NewListener(l, settings)
	}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return s
}

func (s *smtpServer) sender(t *testing.T, change func(*mail.SMTPOptions)) *mail.SMTP {
	t.Helper()
	o := mail.SMTPOptions{Host: "127.0.0.1", Port: s.listener.Addr().(*net.TCPAddr).Port, TLS: s.protection, Roots: s.roots, Timeout: 20 * time.Second}
	if change != nil {
		change(&o)
	}
	sender, err := mail.NewSMTP(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sender.Close() })
	return sender
}

func (s *smtpServer) fail(step string, is func(*gosmtp.Conn, io.Reader) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faultAt, s.faultIs, s.once = step, is, false
}

func (s *smtpServer) failOnce(step string, is func(*gosmtp.Conn, io.Reader) error) {
	s.fail(step, is)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.once = true
}

// fault is what a test wants to happen at a step, or nil.
func (s *smtpServer) fault(step string) func(*gosmtp.Conn, io.Reader) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faultAt != step {
		return nil
	}
	if s.once {
		s.faultAt = ""
	}
	return s.faultIs
}

func (s *smtpServer) kept() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

func (s *smtpServer) connected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lines)
}

func (s *smtpServer) open() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, open := range s.lines {
		if open {
			n++
		}
	}
	return n
}

func (s *smtpServer) signedIn() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signs
}

// cutAll ends every connection without a word.
func (s *smtpServer) cutAll() {
	s.mu.Lock()
	lines := make([]net.Conn, 0, len(s.lines))
	for c := range s.lines {
		lines = append(lines, c)
	}
	s.mu.Unlock()
	for _, c := range lines {
		c.Close()
	}
}

// counted notes every connection.
type counted struct {
	net.Listener
	s *smtpServer
}

func (l *counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	line := &countedLine{c, l.s}
	l.s.mu.Lock()
	l.s.lines[line] = true
	l.s.mu.Unlock()
	return line, nil
}

type countedLine struct {
	net.Conn
	s *smtpServer
}

func (c *countedLine) Close() error {
	c.s.mu.Lock()
	c.s.lines[c] = false
	c.s.mu.Unlock()
	return c.Conn.Close()
}

func (s *smtpServer) session(c *gosmtp.Conn) (gosmtp.Session, error) {
	if f := s.fault("hello"); f != nil {
		if err := f(c, nil); err != nil {
			return nil, err
		}
	}
	return &smtpSession{s: s, c: c}, nil
}

type smtpSession struct {
	s  *smtpServer
	c  *gosmtp.Conn
	in bool
}

func (x *smtpSession) Reset()        {}
func (x *smtpSession) Logout() error { return nil }

func (x *smtpSession) Mail(from string, _ *gosmtp.MailOptions) error {
	if f := x.s.fault("mail"); f != nil {
		return f(x.c, nil)
	}
	if len(x.s.ways) > 0 && !x.in {
		return gosmtp.ErrAuthRequired
	}
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.s.from = from
	return nil
}

func (x *smtpSession) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	if f := x.s.fault("rcpt"); f != nil {
		return f(x.c, nil)
	}
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.s.to = to
	return nil
}

func (x *smtpSession) Data(r io.Reader) error {
	if f := x.s.fault("data"); f != nil {
		return f(x.c, r)
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.s.messages = append(x.s.messages, raw)
	return nil
}

const rightPassword = "correct, =horse"

func (x *smtpSession) AuthMechanisms() []string { return x.s.ways }

func (x *smtpSession) Auth(way string) (sasl.Server, error) {
	judge := func(right bool) error {
		if !right {
			return gosmtp.ErrAuthFailed
		}
		x.s.mu.Lock()
		defer x.s.mu.Unlock()
		x.s.signs, x.in = x.s.signs+1, true
		return nil
	}
	switch way {
	case "PLAIN":
		return sasl.NewPlainServer(func(_, user, password string) error {
			return judge(user == "ada" && password == rightPassword)
		}), nil
	case "LOGIN":
		return &turns{steps: []func([]byte) ([]byte, error){
			func([]byte) ([]byte, error) { return []byte("Username:"), nil },
			func(b []byte) ([]byte, error) { return []byte("Password:"), judge(string(b) == "ada") },
			func(b []byte) ([]byte, error) { x.in = false; return nil, judge(string(b) == rightPassword) },
		}}, nil
	case "CRAM-MD5":
		const challenge = "<1896.697170952@postoffice.example.com>"
		return &turns{steps: []func([]byte) ([]byte, error){
			func([]byte) ([]byte, error) { return []byte(challenge), nil },
			func(b []byte) ([]byte, error) {
				mac := hmac.New(md5.New, []byte(rightPassword))
				io.WriteString(mac, challenge)
				return nil, judge(string(b) == fmt.Sprintf("ada %x", mac.Sum(nil)))
			},
		}}, nil
	case "SCRAM-SHA-256":
		return scram(sha256.New, judge), nil
	case "SCRAM-SHA-1":
		return scram(sha1.New, judge), nil
	}
	return nil, gosmtp.ErrAuthUnknownMechanism
}

// turns is a dialogue; the last step ends it.
type turns struct {
	steps []func([]byte) ([]byte, error)
	at    int
}

func (d *turns) Next(said []byte) (challenge []byte, done bool, err error) {
	challenge, err = d.steps[d.at](said)
	d.at++
	return challenge, d.at == len(d.steps), err
}

// scram is the server's side of RFC 5802.
func scram(h func() hash.Hash, judge func(bool) error) sasl.Server {
	mac := func(key []byte, text string) []byte {
		m := hmac.New(h, key)
		io.WriteString(m, text)
		return m.Sum(nil)
	}
	salt := []byte("0123456789abcdef")
	var firstBare, first, nonce string
	return &turns{steps: []func([]byte) ([]byte, error){
		func([]byte) ([]byte, error) { return nil, nil },
		func(b []byte) ([]byte, error) {
			firstBare = strings.TrimPrefix(string(b), "n,,")
			_, theirs, _ := strings.Cut(firstBare, ",r=")
			nonce = theirs + "server"
			first = "r=" + nonce + ",s=" + base64.StdEncoding.EncodeToString(salt) + ",i=4096"
			return []byte(first), nil
		},
		func(b []byte) ([]byte, error) {
			without, proof64, _ := strings.Cut(string(b), ",p=")
			salted, err := pbkdf2.Key(h, rightPassword, salt, 4096, h().Size())
			if err != nil {
				return nil, err
			}
			all := firstBare + "," + first + "," + without
			client := mac(salted, "Client Key")
			stored := h()
			stored.Write(client)
			want := mac(stored.Sum(nil), all)
			for i := range want {
				want[i] ^= client[i]
			}
			proof, err := base64.StdEncoding.DecodeString(proof64)
			if err != nil || !bytes.Equal(proof, want) || without != "c=biws,r="+nonce || !strings.HasPrefix(firstBare, "n=ada,") {
				return nil, judge(false)
			}
			return []byte("v=" + base64.StdEncoding.EncodeToString(mac(mac(salted, "Server Key"), all))), nil
		},
		func([]byte) ([]byte, error) { return nil, judge(true) },
	}}
}

// madeUpCertificate is for 127.0.0.1 and signed by itself.
func madeUpCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "smtp.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}
