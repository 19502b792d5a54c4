package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

const (
	httpTries     = 6
	mostRedirects = 5
	httpSlowest   = 0.1            // calls a second: a rate that is halved again and again does not fall below it
	httpPatience  = time.Hour      // what a server may ask to wait; beyond it the allowance counts as used up
	httpLongest   = 25 * time.Hour // until an allowance is asked for again, whatever the server says: the longest day
)

// httpAnswer is a whole answer: all its bytes, and what was read in them.
type httpAnswer struct {
	body        *httpSpool
	compression string // the ending of the stored bytes: .gz, .zst or none
	header      http.Header
	from        *url.URL
	sum         string
	httpReading
}

// errGone is an answer by whose status the day, the hour or the detail is not there.
var errGone = errors.New("it is not there")

// httpAgain is an error that is worth another call, after a wait if the server said so.
type httpAgain struct {
	err       error
	after     time.Duration
	throttled bool
}

func (a *httpAgain) Error() string { return a.err.Error() }
func (a *httpAgain) Unwrap() error { return a.err }

// ask calls until there is an answer, it is certain that there is none, or patience ends.
func (h *httpFetch) ask(ctx context.Context, t httpTarget) (*httpAnswer, error) {
	for try := 1; ; try++ {
		a, err := h.once(ctx, t)
		var more *httpAgain
		if ctx.Err() != nil {
			if a != nil {
				a.body.Close()
			}
			return nil, fmt.Errorf("ask %s: %w", t.shown, ctx.Err())
		}
		if err == nil || !errors.As(err, &more) {
			return a, err
		}
		wait := more.after
		if wait <= 0 {
			wait = backoff(try, time.Second, httpPatience)
		}
		if more.throttled {
			h.pace.halve(h.r.Now())
		}
		until := h.r.Now().Add(min(wait, httpLongest))
		deadline, bounded := ctx.Deadline()
		switch {
		case more.throttled && wait > httpPatience, more.throttled && bounded && more.after > 0 && until.After(deadline):
			return nil, h.waiting(until, more.err)
		case wait > httpPatience:
			return nil, fmt.Errorf("asked to wait for %s, which is too long: %w", wait, more.err)
		case try == httpTries:
			return nil, fmt.Errorf("asked %d times: %w", try, more.err)
		}
		h.r.Log("warn", "%s: %v; another call in %s", t.shown, more.err, wait)
		if err := h.r.Wait(ctx, wait); err != nil {
			return nil, fmt.Errorf("wait to ask %s again: %w", t.shown, err)
		}
	}
}

// once makes one call, with its redirects, and reads the answer.
func (h *httpFetch) once(ctx context.Context, t httpTarget) (*httpAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, h.timeout())
	defer cancel()
	for range mostRedirects + 1 {
		res, err := h.send(ctx, t)
		if err != nil {
			return nil, err
		}
		location := res.Header.Get("Location")
		if !slices.Contains([]int{301, 302, 303, 307, 308}, res.StatusCode) || location == "" {
			a, err := h.receive(t, res)
			_ = res.Body.Close() // it was read to its end, or there is an error already
			return a, err
		}
		_ = res.Body.Close() // nobody wants the body of a redirect
		if t, err = h.redirected(t, location); err != nil {
			return nil, err
		}
	}
	return nil, fault.New(fault.Damaged, fmt.Sprintf("%s redirects more than %d times", t.shown, mostRedirects), "correct the url of the source")
}

func (h *httpFetch) timeout() time.Duration {
	if h.s.Timeout > 0 {
		return h.s.Timeout
	}
	return 5 * time.Minute
}

// send sends one request, in its turn and within the allowance.
func (h *httpFetch) send(ctx context.Context, t httpTarget) (*http.Response, error) {
	if h.s.Rate > 0 {
		if err := h.pace.wait(ctx, h.r, time.Duration(float64(time.Second)/h.s.Rate)); err != nil {
			return nil, fmt.Errorf("wait for the next call: %w", err)
		}
	}
	if err := h.spend(ctx); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url.String(), nil)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the url of the source is none", "correct url: and query:")
	}
	req.Header = t.headers.Clone()
	req.Header.Set("Accept-Encoding", "gzip") // said here, the bytes come as they were sent
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "daybook")
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	calls := h.calls
	if t.tells && t.url.Scheme == "http" {
		calls = h.bare
	}
	res, err := calls.RoundTrip(req) // which follows no redirect
	if err == nil {
		return res, nil
	}
	var refused *fault.Error
	if errors.As(err, &refused) {
		return nil, fmt.Errorf("ask %s: %w", t.shown, refused)
	}
	return nil, &httpAgain{err: h.broken(t, err)}
}

// broken says what ended a call.
func (h *httpFetch) broken(t httpTarget, err error) error {
	text := oneLine(h.mask(err.Error()))
	if errors.Is(err, context.DeadlineExceeded) {
		text = "no whole answer within " + h.timeout().String()
	}
	return fault.New(fault.Unavailable, fmt.Sprintf("ask %s: %s", t.shown, text), "run the day again; if it stays so, look at the url of the source and the network")
}

// redirected is where a redirect leads.
func (h *httpFetch) redirected(t httpTarget, location string) (httpTarget, error) {
	u, err := t.url.Parse(location)
	if err != nil {
		return t, fault.New(fault.Damaged, t.shown+" redirects to what is no address", "correct the url of the source")
	}
	if err := h.mayFollow(t.url, u); err != nil {
		return t, fmt.Errorf("%s redirects: %w", t.shown, err)
	}
	next := httpTarget{url: u, shown: h.mask(u.String()), headers: t.headers, secret: t.secret}
	if err := h.keepSecrets(&next); err != nil {
		return t, fmt.Errorf("%s redirects: %w", t.shown, err)
	}
	return next, nil
}

// receive reads the answer of a call.
func (h *httpFetch) receive(t httpTarget, res *http.Response) (*httpAnswer, error) {
	if err := h.status(t, res); err != nil {
		return nil, err
	}
	body, err := h.spool(t, res)
	if err != nil {
		return nil, err
	}
	a := &httpAnswer{body: body, header: res.Header, from: t.url, sum: body.sum()}
	if a.httpReading, a.compression, err = h.inspect(t, res, body); err != nil {
		body.Close()
		return nil, err
	}
	return a, nil
}

// status turns every status but those of an answer into an error.
func (h *httpFetch) status(t httpTarget, res *http.Response) error {
	code := res.StatusCode
	gone := h.s.Missing
	if len(gone) == 0 {
		gone = []int{http.StatusNotFound}
	}
	if code == http.StatusOK || code == http.StatusNoContent {
		return nil
	}
	if slices.Contains(gone, code) {
		return errGone
	}
	head, _ := io.ReadAll(io.LimitReader(res.Body, 2000)) // as much of it as there is
	message := fmt.Sprintf("%s answers %d %s", t.shown, code, http.StatusText(code))
	if words := oneLine(h.mask(string(head))); words != "" {
		message += ": " + words
	}
	after := h.after(res.Header)
	throttled := code == http.StatusTooManyRequests || code == http.StatusForbidden && (after > 0 || res.Header.Get("X-RateLimit-Remaining") == "0")
	switch {
	case throttled:
		return &httpAgain{err: fault.New(fault.Unavailable, message, "lower rate: of the source"), after: after, throttled: true}
	case code >= 500 && code != http.StatusNotImplemented || code == http.StatusRequestTimeout || code == http.StatusTooEarly:
		return &httpAgain{err: fault.New(fault.Unavailable, message, "run the day again"), after: after, throttled: code == http.StatusServiceUnavailable}
	case code == http.StatusUnauthorized || code == http.StatusForbidden || code == http.StatusProxyAuthRequired:
		return fault.New(fault.Refused, message, "correct the secrets of the source, or ask the owner of the API for access")
	case code >= 400:
		return fault.New(fault.Invalid, message, "correct url:, query: or headers: of the source; if the status means that there is no such day, write missing: ["+strconv.Itoa(code)+"]")
	}
	return fault.New(fault.Damaged, message, "only answers of status 200 and 204 are taken; correct the url of the source")
}

// after is how long the server asks to wait, 0 when it does not.
func (h *httpFetch) after(header http.Header) time.Duration {
	if asked := retryAfter(header, h.r.Now()); asked > 0 {
		return asked
	}
	if header.Get("X-RateLimit-Remaining") == "0" {
		if at, err := strconv.ParseInt(header.Get("X-RateLimit-Reset"), 10, 64); err == nil {
			reset := time.Unix(at, 0)
			if at > 1e11 { // which in seconds is the year 5138
				reset = time.UnixMilli(at)
			}
			return max(reset.Sub(h.r.Now()), time.Second)
		}
	}
	return 0
}

// spend counts a call against the daily allowance.
func (h *httpFetch) spend(ctx context.Context) error {
	if h.s.Quota.Calls == 0 {
		return nil
	}
	window, until, err := h.quotaDay()
	if err != nil {
		return err
	}
	ok, err := h.r.Spend(ctx, h.quotaName(), window.String(), h.s.Quota.Calls)
	if err != nil {
		return fmt.Errorf("count a call: %w", err)
	}
	if !ok {
		return h.waiting(until, nil)
	}
	return nil
}

func (h *httpFetch) quotaName() string {
	if h.s.Quota.Name != "" {
		return h.s.Quota.Name
	}
	u, err := url.Parse(h.homeAddress())
	if err != nil {
		return h.r.Source.Name
	}
	return u.Host
}

func (h *httpFetch) quotaZone() *time.Location {
	if h.s.Quota.Zone != nil {
		return h.s.Quota.Zone
	}
	return h.r.Source.Zone
}

// quotaDay is the day of the allowance that runs now, and when it ends.
func (h *httpFetch) quotaDay() (calendar.Day, time.Time, error) {
	hour, minute, err := 0, 0, error(nil)
	if h.s.Quota.Resets != "" {
		if hour, minute, err = calendar.ParseClock(h.s.Quota.Resets); err != nil {
			return calendar.Day{}, time.Time{}, err
		}
	}
	zone, now := h.quotaZone(), h.r.Now()
	begins := func(d calendar.Day) time.Time {
		y, m, dd := d.Date()
		return calendar.At(y, m, dd, hour, minute, zone)
	}
	day := calendar.DayOf(now, zone)
	if now.Before(begins(day)) {
		day = day.Add(-1)
	}
	return day, begins(day.Add(1)), nil
}

// waiting is the fault of an allowance that is used up.
func (h *httpFetch) waiting(until time.Time, cause error) error {
	zone := h.quotaZone()
	e := fault.New(fault.Quota, fmt.Sprintf("waiting for quota until %s (%s)", until.In(zone).Format("2006-01-02 15:04"), zone),
		"it goes on behind what it has: by itself where a schedule asked for it, else run it again then")
	e.Until, e.Err = until, cause
	return e
}
