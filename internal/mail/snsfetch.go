package mail

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"daybook/internal/fault"
)

const (
	snsTimeout = 10 * time.Second
	snsAnswer  = 64 << 10 // bytes of a certificate or a confirmation
	snsKeys    = 8        // certificates that are kept
)

// host is where SNS is in the topic's region, the only place that a certificate or a confirmation is fetched from.
func (s *SNS) host() (string, error) {
	parts := strings.Split(s.Topic, ":") // arn:PARTITION:sns:REGION:ACCOUNT:NAME
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "sns" || !regionShape.MatchString(parts[3]) {
		return "", fault.New(fault.Invalid, "the topic "+s.Topic+" is no ARN of SNS", "write it as arn:aws:sns:REGION:ACCOUNT:NAME")
	}
	host := "sns." + parts[3] + ".amazonaws.com"
	if parts[1] == "aws-cn" {
		host += ".cn"
	}
	return host, nil
}

var (
	regionShape = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]+$`)
	signerShape = regexp.MustCompile(`^sns[a-z0-9.-]*\.amazonaws\.com(\.cn)?$`)
)

// place is the URL when it is https on SNS's own host, without port and password.
func (s *SNS) place(raw string) (*url.URL, error) {
	host, err := s.host()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" || u.Host != host || u.User != nil || u.Fragment != "" {
		return nil, s.refuse("it points elsewhere than "+host, "")
	}
	return u, nil
}

// certificate is the one at the URL, kept after the first time. A fetch that hangs holds up only other certificates that are new.
func (s *SNS) certificate(ctx context.Context, raw string, now time.Time) (*x509.Certificate, error) {
	u, err := s.place(raw)
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(u.Path, ".pem") || u.RawQuery != "" {
		return nil, s.refuse("its certificate is no .pem", "")
	}
	if c := s.kept(u.String(), now); c != nil {
		return c, nil
	}
	s.fetching.Lock()
	defer s.fetching.Unlock()
	if c := s.kept(u.String(), now); c != nil {
		return c, nil
	}
	text, err := s.fetch(ctx, u)
	if err != nil {
		return nil, err
	}
	c, err := readCertificate(text, now)
	if err != nil {
		return nil, s.refuse(err.Error(), "")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil || len(s.keys) >= snsKeys {
		s.keys = map[string]*x509.Certificate{}
	}
	s.keys[u.String()] = c
	return c, nil
}

func (s *SNS) kept(name string, now time.Time) *x509.Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.keys[name]; c != nil && !now.After(c.NotAfter) {
		return c
	}
	return nil
}

// readCertificate takes SNS's own certificate within its time. What vouches for it is the TLS connection to SNS's host: the file
// there leaves out the certificates that lead to a root.
func readCertificate(text []byte, now time.Time) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("its certificate is none")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("its certificate cannot be read")
	}
	if now.Before(c.NotBefore) || now.After(c.NotAfter) {
		return nil, fmt.Errorf("its certificate is valid from %s to %s", c.NotBefore.Format(time.DateOnly), c.NotAfter.Format(time.DateOnly))
	}
	for _, name := range append(c.DNSNames, c.Subject.CommonName) {
		if !c.IsCA && signerShape.MatchString(name) {
			return c, nil
		}
	}
	return nil, fmt.Errorf("its certificate is not one of SNS")
}

func (s *SNS) confirm(ctx context.Context, raw string) error {
	u, err := s.place(raw)
	if err != nil {
		return err
	}
	if q := u.Query(); q.Get("Action") != "ConfirmSubscription" || q.Get("TopicArn") != s.Topic {
		return s.refuse("its address confirms something else", "")
	}
	_, err = s.fetch(ctx, u)
	return err
}

func (s *SNS) fetch(ctx context.Context, u *url.URL) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, snsTimeout)
	defer cancel()
	client := http.Client{}
	if s.Client != nil {
		client = *s.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, s.refuse("its address cannot be read", "")
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "SNS does not answer at "+u.Host, "let this machine reach it over https")
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fault.New(fault.Unavailable, fmt.Sprintf("SNS answers %d at %s", response.StatusCode, u.Host), "")
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, snsAnswer+1))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "SNS's answer at "+u.Host+" ends early", "")
	}
	if len(text) > snsAnswer {
		return nil, s.refuse(fmt.Sprintf("the answer at %s has more than %d bytes", u.Host, snsAnswer), "")
	}
	return text, nil
}
