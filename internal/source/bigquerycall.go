package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"daybook/internal/fault"
	"daybook/internal/project"
)

const (
	bigQueryTries = 6
	bigQueryBody  = 128 << 20 // bytes of an answer; Google sends up to some 20 MB
)

// bigQueryError is how the API names what went wrong.
type bigQueryError struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// bigQueryFailure is an answer that is an error.
type bigQueryFailure struct {
	status int
	reason string
	text   string
}

func (f *bigQueryFailure) Error() string { return f.text }

// call makes a call, again while that is worth it, and reads its answer into out.
func (q *bigQueryFetch) call(ctx context.Context, doing, method, path string, query url.Values, body, out any) (http.Header, error) {
	for try := 1; ; try++ {
		header, err := q.once(ctx, method, path, query, body, out)
		if err == nil {
			return header, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", doing, ctx.Err())
		}
		again, err := q.judge(doing, err)
		if !again || try == bigQueryTries {
			return nil, err
		}
		wait := backoff(try, time.Second, time.Minute)
		q.r.Log("warn", "%v; another call in %s", err, wait)
		if err := q.r.Wait(ctx, wait); err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
	}
}

func (q *bigQueryFetch) once(ctx context.Context, method, path string, query url.Values, body, out any) (http.Header, error) {
	token, err := q.tokens.Token()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(q.secrets, token.AccessToken) {
		q.secrets = append(q.secrets, token.AccessToken)
	}
	address := strings.TrimSuffix(q.home, "/") + "/bigquery/v2/projects/" + url.PathEscape(q.s.Project) + "/" + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("write the call: %w", err)
		}
		sent = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, sent)
	if err != nil {
		return nil, fmt.Errorf("write the call: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token.AccessToken)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "daybook")
	res, err := q.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, bigQueryBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the answer broke off: %w", err)
	case len(text) > bigQueryBody:
		return nil, &bigQueryFailure{reason: "invalid", text: "the answer is longer than any page"}
	case res.StatusCode != http.StatusOK:
		return nil, bigQueryFailed(res, text)
	}
	if err := json.Unmarshal(text, out); err != nil {
		return nil, fmt.Errorf("the answer is no JSON: %w", err)
	}
	return res.Header, nil
}

func bigQueryFailed(res *http.Response, text []byte) error {
	var said struct {
		Error struct {
			Message string          `json:"message"`
			Errors  []bigQueryError `json:"errors"`
		} `json:"error"`
	}
	f := &bigQueryFailure{status: res.StatusCode, text: res.Status}
	if err := json.Unmarshal(text, &said); err != nil || said.Error.Message == "" {
		return f
	}
	f.text = said.Error.Message
	if len(said.Error.Errors) > 0 {
		f.reason = said.Error.Errors[0].Reason
	}
	return f
}

// judge makes a fault of an error and says whether another call may help.
func (q *bigQueryFetch) judge(doing string, err error) (again bool, _ error) {
	var token *oauth2.RetrieveError
	var f *bigQueryFailure
	wrap := func(code, hint string) error {
		message := oneLine(maskSecrets(err.Error(), q.secrets))
		var where *url.Error
		switch {
		case token != nil:
			message = fmt.Sprintf("Google answers %d to the request for a token: %s", token.Response.StatusCode, oneLine(maskSecrets(string(token.Body), q.secrets)))
		case errors.As(err, &where):
			message = oneLine(maskSecrets(where.Err.Error(), q.secrets))
		}
		w := fault.New(code, doing+": "+message, hint)
		if f != nil {
			w.Err = f.brief()
		}
		return w
	}
	switch {
	case errors.As(err, &token) && token.Response.StatusCode < 500 && token.Response.StatusCode != http.StatusTooManyRequests:
		return false, wrap(fault.Refused, "make a new key for the service account, and point credentials: to it")
	case !errors.As(err, &f):
		return true, wrap(fault.Unavailable, "run the day again; if it stays so, look at the network")
	}
	switch {
	case slices.Contains([]string{"rateLimitExceeded", "jobRateLimitExceeded", "backendError", "jobBackendError", "internalError", "jobInternalError", "tableUnavailable"}, f.reason):
		return true, wrap(fault.Unavailable, "run the day again")
	case f.reason == "quotaExceeded":
		until, zone := bigQueryQuotaEnds(q.r.Now())
		e := fault.New(fault.Quota, fmt.Sprintf("waiting for quota until %s (%s)", until.Format("2006-01-02 15:04"), zone), "raise the quota of the project at Google if that is too late")
		e.Until, e.Err = until, errors.New(oneLine(maskSecrets(f.text, q.secrets)))
		return false, e
	case f.reason == "bytesBilledLimitExceeded":
		return false, wrap(fault.Refused, fmt.Sprintf("let the query read less, or raise limit: of the source, which is %d", q.s.Limit))
	case f.status == http.StatusConflict:
		return false, wrap(fault.Busy, "")
	case datedQuery(q.s) && (strings.Contains(f.text, "Not found: Table") || strings.Contains(f.text, "does not match any table")):
		return false, wrap(fault.Missing, "run the day again when the table is there, or correct the query")
	case f.status == http.StatusNotFound || f.reason == "notFound":
		return false, wrap(fault.Invalid, "correct project:, location: or the tables of the query")
	case f.status == http.StatusTooManyRequests || f.status >= 500:
		return true, wrap(fault.Unavailable, "run the day again")
	case f.status == http.StatusUnauthorized || f.status == http.StatusForbidden:
		return false, wrap(fault.Refused, "give the service account the roles BigQuery Job User on the project and BigQuery Data Viewer on the data")
	}
	return false, wrap(fault.Invalid, "correct the query")
}

// brief carries the status behind the fault's own message, which has the words already.
func (f *bigQueryFailure) brief() error {
	return &bigQueryFailure{status: f.status, reason: f.reason, text: fmt.Sprintf("status %d", f.status)}
}

// datedQuery reports whether the query names its tables by the day.
func datedQuery(s project.BigQuery) bool {
	for _, p := range []string{"{day}", "{yyyy}", "{mm}", "{dd}"} {
		if strings.Contains(s.SQL, p) {
			return true
		}
	}
	return false
}

var atDay = regexp.MustCompile(`(?i)@day\b`)

func validateBigQuery(s project.Source) error {
	invalid := func(message, hint string) error { return place(s, fault.New(fault.Invalid, message, hint)) }
	b := s.BigQuery
	byDay := atDay.MatchString(b.SQL) || datedQuery(b)
	switch {
	case strings.TrimSpace(b.SQL) == "" || b.Project == "" || b.Credentials == "":
		return invalid("the source is not whole", "write project:, query: and credentials:")
	case b.Limit <= 0:
		return invalid("the source has no limit of what a query may cost", "write limit: 10GB")
	case snapshot(s) && byDay:
		return invalid("the query of a snapshot names a day", "take @day out of it, or write holds: day")
	case !snapshot(s) && !byDay:
		return invalid("the query is the same for every day", "write WHERE … = @day, or holds: snapshot for a query that has only the present state")
	}
	if b.Endpoint != "" {
		if u, err := url.Parse(b.Endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return invalid("the endpoint is no address", "write endpoint: https://… or leave it out")
		}
	}
	return nil
}
