package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"daybook/internal/fault"
)

const (
	wait       = 10 * time.Second // for the whole exchange
	answerSize = 4 << 10          // bytes of an answer that are looked at
	reasonSize = 160              // runes of it that are told
	longest    = 24 * time.Hour   // the longest wait that a place can ask for
)

// post is the address of a place and the way to it.
type post struct {
	channel string // its name in errors
	address *url.URL
	client  *http.Client
	secrets []string
}

// newPost checks the address: https, or http on this machine. A fault does not repeat it.
func newPost(channel, address string) (post, error) {
	u, err := url.Parse(strings.TrimSpace(address))
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return post{}, fault.New(fault.Invalid, "the address for "+channel+" is not a URL", "write https://HOST/PATH")
	case u.Scheme == "http" && loopback(u.Hostname()), u.Scheme == "https":
	default:
		return post{}, fault.New(fault.Invalid, "the address for "+channel+" is not https", "write https://HOST/PATH; http is for this machine only")
	}
	u.Fragment, u.RawFragment = "", ""
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSHandshakeTimeout: wait,
		DialContext: (&net.Dialer{Timeout: wait}).DialContext, MaxResponseHeaderBytes: 64 << 10,
	}
	client := &http.Client{
		Transport: transport, Timeout: wait,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return post{channel: channel, address: u, client: client, secrets: parts(u)}, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// parts lists what of an address must not be told: all but scheme and host.
func parts(u *url.URL) []string {
	list := []string{u.String(), u.RequestURI(), u.Path, u.RawQuery}
	list = append(list, strings.FieldsFunc(u.Path+"/"+u.RawQuery, func(r rune) bool { return strings.ContainsRune("/&=", r) })...)
	if u.User != nil {
		password, _ := u.User.Password()
		list = append(list, u.User.String(), password)
	}
	return list
}

// send posts a JSON body. A 2xx answer is success, whatever it says.
func (p post) send(ctx context.Context, body []byte, header map[string]string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.address.String(), bytes.NewReader(body))
	if err != nil {
		return &Error{Channel: p.channel, Reason: "the request cannot be made"} // the cause would repeat the address
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "Daybook")
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := p.client.Do(req)
	if err != nil {
		return p.broken(ctx, err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return nil
	}
	e := &Error{Channel: p.channel, Status: res.StatusCode, Retryable: worth(res.StatusCode), Hint: hint(res.StatusCode)}
	if answer, err := io.ReadAll(io.LimitReader(res.Body, answerSize)); err == nil || len(answer) > 0 {
		e.Reason = p.line(string(answer))
	}
	if e.Retryable {
		e.After = patience(res.Header)
	}
	return e
}

// broken is the error of an exchange without an answer. The client's own error starts with the address, so only its cause is told.
func (p post) broken(ctx context.Context, err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	e := &Error{Channel: p.channel, Retryable: true, Reason: p.line(err.Error()), Err: err}
	var timeout net.Error
	switch {
	case ctx.Err() != nil:
		e.Err, e.Reason = ctx.Err(), ctx.Err().Error()
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Err, e.Reason = context.DeadlineExceeded, fmt.Sprintf("no answer within %s", p.client.Timeout)
	}
	if p.line(e.Err.Error()) != strings.TrimSpace(e.Err.Error()) {
		e.Err = nil // what holds the address is not handed on either
	}
	return e
}

// line is a foreign text as one short printable line without the secrets.
func (p post) line(s string) string {
	s = strings.ToValidUTF8(s, "")
	for _, secret := range p.secrets {
		if len(secret) >= 4 {
			s = strings.ReplaceAll(s, secret, "•••")
		}
	}
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	return cut(s, reasonSize, plain)
}

// patience reads Retry-After: seconds or, counted from the answer's own Date, an instant.
func patience(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.Atoi(value); err == nil {
		return min(time.Duration(min(max(seconds, 0), 1<<20))*time.Second, longest)
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return min(max(until.Sub(date), 0), longest)
}
