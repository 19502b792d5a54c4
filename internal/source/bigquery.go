package source

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
)

// BigQuery is the kind bigquery: one query for a day, with the day as @day. What it would cost is asked first, and bounded again when it
// runs. Each page of the result is a part of NDJSON.
type BigQuery struct{}

const (
	bigQueryScope    = "https://www.googleapis.com/auth/bigquery"
	bigQueryHome     = "https://bigquery.googleapis.com"
	bigQueryPageRows = 10_000
	bigQueryOwnJob   = time.Minute // a job of the same name that is no older than this before the fetch began is its own
	mostBigQueryJobs = 200         // of one day, before somebody should ask why
)

// bigQueryFetch is one fetch.
type bigQueryFetch struct {
	r        Request
	s        project.BigQuery
	client   *http.Client
	tokens   oauth2.TokenSource
	secrets  []string
	home     string
	location string
	began    time.Time // on the server's clock
}

// bigQueryState is the note that a part carries.
type bigQueryState struct {
	Job      string `json:"job"`
	Location string `json:"location,omitempty"`
	Page     int    `json:"page"`
	Next     string `json:"next,omitempty"`
	Seen     int64  `json:"seen"`
}

// Fetch implements Source. A table that is not there is a missing day when the query names it by the day.
func (BigQuery) Fetch(ctx context.Context, r Request, sink Sink) (Result, error) {
	failed := func(err error) (Result, error) { return Result{}, fmt.Errorf("fetch %s: %w", r.Source.Name, err) }
	if err := ctx.Err(); err != nil {
		return failed(err)
	}
	if noData(r) {
		return Result{NoData: true}, nil
	}
	q, err := newBigQuery(ctx, r)
	if err != nil {
		return failed(err)
	}
	defer q.client.CloseIdleConnections()
	var state bigQueryState
	if n := len(r.Kept); n > 0 {
		if err := json.Unmarshal([]byte(r.Kept[n-1].State), &state); err != nil {
			return failed(fault.Wrap(fault.Unavailable, errors.Join(ErrChanged, err), "the note of "+r.Kept[n-1].Name+" cannot be read", "run the day again"))
		}
		q.location = state.Location
	} else if state, err = q.start(ctx); err != nil {
		return failed(err)
	}
	for state.Page == 0 || state.Next != "" {
		if state, err = q.page(ctx, state, sink); err != nil {
			return failed(err)
		}
	}
	return Result{}, nil
}

// serviceAccount is what a service account's key file holds.
type serviceAccount struct {
	Type         string `json:"type"`
	ClientEmail  string `json:"client_email"`
	PrivateKey   string `json:"private_key"`
	PrivateKeyID string `json:"private_key_id"`
	TokenURI     string `json:"token_uri"`
}

func newBigQuery(ctx context.Context, r Request) (*bigQueryFetch, error) {
	q := &bigQueryFetch{r: r, s: r.Source.BigQuery, home: r.Source.BigQuery.Endpoint, location: r.Source.BigQuery.Location}
	if q.home == "" {
		q.home = bigQueryHome
	}
	text, err := r.Secret(ctx, q.s.Credentials)
	if err != nil {
		return nil, err
	}
	var k serviceAccount
	if err := json.Unmarshal([]byte(text), &k); err != nil || k.Type != "service_account" || k.ClientEmail == "" || k.PrivateKey == "" || k.TokenURI == "" {
		return nil, fault.New(fault.Refused, "the credentials are not the key file of a service account", "point credentials: to the JSON key that the console gives for a service account")
	}
	if !readableKey(k.PrivateKey) {
		return nil, fault.New(fault.Refused, "the private key in the credentials cannot be read", "make a new JSON key for the service account and point credentials: to it, whole")
	}
	q.secrets = []string{k.PrivateKey, k.PrivateKeyID}
	q.client = &http.Client{Timeout: 2 * time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	config := &jwt.Config{Email: k.ClientEmail, PrivateKey: []byte(k.PrivateKey), PrivateKeyID: k.PrivateKeyID, Scopes: []string{bigQueryScope}, TokenURL: k.TokenURI}
	q.tokens = config.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, q.client))
	return q, nil
}

// readableKey reports whether a private key is one.
func readableKey(text string) bool {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return false
	}
	_, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		_, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	return err == nil
}

// query is the part of a job that says what is asked, for the dry run and the real one alike.
func (q *bigQueryFetch) query() map[string]any {
	query := map[string]any{
		"query": replace(q.s.SQL, q.r.Day), "useLegacySql": false, "maximumBytesBilled": strconv.FormatInt(q.s.Limit, 10),
	}
	if atDay.MatchString(q.s.SQL) {
		query["parameterMode"] = "NAMED"
		query["queryParameters"] = []any{map[string]any{
			"name": "day", "parameterType": map[string]any{"type": "DATE"}, "parameterValue": map[string]any{"value": q.r.Day.String()},
		}}
	}
	return query
}

// bigQueryJob is what the API says of a job.
type bigQueryJob struct {
	JobReference struct {
		JobID    string `json:"jobId"`
		Location string `json:"location"`
	} `json:"jobReference"`
	Status struct {
		State       string         `json:"state"`
		ErrorResult *bigQueryError `json:"errorResult"`
	} `json:"status"`
	Statistics struct {
		CreationTime        string `json:"creationTime"`
		TotalBytesProcessed string `json:"totalBytesProcessed"`
		Query               struct {
			StatementType string `json:"statementType"`
		} `json:"query"`
	} `json:"statistics"`
}

// start asks what the query costs and, if that is allowed, runs it.
func (q *bigQueryFetch) start(ctx context.Context) (bigQueryState, error) {
	reference := map[string]any{"projectId": q.s.Project}
	if q.location != "" {
		reference["location"] = q.location
	}
	var dry bigQueryJob
	header, err := q.call(ctx, "ask what the query costs", http.MethodPost, "jobs", nil, map[string]any{
		"jobReference": reference, "configuration": map[string]any{"dryRun": true, "query": q.query()},
	}, &dry)
	if err != nil {
		return bigQueryState{}, err
	}
	if q.began, err = http.ParseTime(header.Get("Date")); err != nil {
		q.began = q.r.Now()
	}
	if q.location == "" {
		q.location = dry.JobReference.Location
	}
	cost, err := strconv.ParseInt(dry.Statistics.TotalBytesProcessed, 10, 64)
	switch {
	case err != nil:
		return bigQueryState{}, fault.New(fault.Damaged, "BigQuery does not say how many bytes the query would read", "run the day again")
	case dry.Statistics.Query.StatementType != "SELECT":
		return bigQueryState{}, fault.New(fault.Refused, "the query is a "+oneLine(dry.Statistics.Query.StatementType)+" statement", "write one SELECT under query:")
	case cost > q.s.Limit:
		return bigQueryState{}, fault.New(fault.Refused, fmt.Sprintf("the query would read %d bytes, and the limit is %d", cost, q.s.Limit),
			"let the query read less, by the table's partition of @day, or raise limit: of the source")
	}
	return q.insert(ctx, reference)
}

// insert starts the job under a name that is made of the source and the day: when the answer is lost, the next call finds the job.
func (q *bigQueryFetch) insert(ctx context.Context, reference map[string]any) (bigQueryState, error) {
	if q.location != "" {
		reference["location"] = q.location
	}
	for attempt := 1; attempt <= mostBigQueryJobs; attempt++ {
		id := fmt.Sprintf("daybook_%s_%s_%d", q.r.Source.Name, q.r.Day.Format("20060102"), attempt)
		if snapshot(q.r.Source) {
			id = fmt.Sprintf("daybook_%s_%d", q.r.Source.Name, attempt)
		}
		reference["jobId"] = id
		var made bigQueryJob
		_, err := q.call(ctx, "start the query", http.MethodPost, "jobs", nil, map[string]any{
			"jobReference": reference, "configuration": map[string]any{"query": q.query(), "labels": map[string]any{"application": "daybook"}},
		}, &made)
		var failed *bigQueryFailure
		if errors.As(err, &failed) && failed.status == http.StatusConflict {
			own, err := q.own(ctx, id)
			if err != nil {
				return bigQueryState{}, err
			}
			if !own {
				continue
			}
		} else if err != nil {
			return bigQueryState{}, err
		}
		q.r.Log("info", "the query runs as job %s", id)
		return bigQueryState{Job: id, Location: q.location}, nil
	}
	return bigQueryState{}, fault.New(fault.Refused, fmt.Sprintf("the query of this day was run %d times", mostBigQueryJobs), "look why; Google forgets the names of jobs after six months")
}

// own reports whether a job that is there already is the one that this fetch has just started, and did not fail.
func (q *bigQueryFetch) own(ctx context.Context, id string) (bool, error) {
	var there bigQueryJob
	query := url.Values{}
	if q.location != "" {
		query.Set("location", q.location)
	}
	if _, err := q.call(ctx, "look at job "+id, http.MethodGet, "jobs/"+id, query, nil, &there); err != nil {
		return false, err
	}
	ms, err := strconv.ParseInt(there.Statistics.CreationTime, 10, 64)
	if err != nil {
		return false, fault.New(fault.Damaged, "BigQuery does not say when job "+id+" was made", "run the day again")
	}
	return there.Status.ErrorResult == nil && !time.UnixMilli(ms).Before(q.began.Add(-bigQueryOwnJob)), nil
}

// bigQueryResults is a page of rows, or the word that there are none yet.
type bigQueryResults struct {
	JobComplete bool                             `json:"jobComplete"`
	Schema      struct{ Fields []bigQueryField } `json:"schema"`
	TotalRows   string                           `json:"totalRows"`
	PageToken   string                           `json:"pageToken"`
	Rows        []json.RawMessage                `json:"rows"`
}

// page waits for the rows behind a state and puts them.
func (q *bigQueryFetch) page(ctx context.Context, last bigQueryState, sink Sink) (bigQueryState, error) {
	query := url.Values{"maxResults": {strconv.Itoa(bigQueryPageRows)}, "timeoutMs": {"10000"}, "formatOptions.useInt64Timestamp": {"true"}}
	if last.Location != "" {
		query.Set("location", last.Location)
	}
	if last.Next != "" {
		query.Set("pageToken", last.Next)
	}
	var res bigQueryResults
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		res = bigQueryResults{}
		_, err := q.call(ctx, "read the result of job "+last.Job, http.MethodGet, "queries/"+url.PathEscape(last.Job), query, nil, &res)
		var failed *bigQueryFailure
		if errors.As(err, &failed) && failed.status == http.StatusNotFound && last.Page > 0 {
			err = fault.Wrap(fault.Unavailable, errors.Join(ErrChanged, err), "the result of an unfinished fetch is not there any more", "run the day again")
		}
		if err != nil {
			return last, err
		}
		if res.JobComplete {
			break
		}
		if err := q.r.Wait(ctx, wait); err != nil {
			return last, fmt.Errorf("wait for job %s: %w", last.Job, err)
		}
	}
	var text bytes.Buffer
	for i, row := range res.Rows {
		if err := writeBigQueryRow(&text, res.Schema.Fields, row); err != nil {
			return last, fault.Wrap(fault.Damaged, err, fmt.Sprintf("row %d of job %s cannot be read", last.Seen+int64(i)+1, last.Job), "run the day again")
		}
	}
	state := bigQueryState{Job: last.Job, Location: last.Location, Page: last.Page + 1, Next: res.PageToken, Seen: last.Seen + int64(len(res.Rows))}
	switch total, err := strconv.ParseInt(res.TotalRows, 10, 64); {
	case err != nil:
		return last, fault.New(fault.Damaged, "BigQuery does not say how many rows there are", "run the day again")
	case state.Next != "" && state.Next == last.Next, state.Next == "" && state.Seen != total, state.Seen > total:
		return last, fault.Wrap(fault.Damaged, ErrChanged, fmt.Sprintf("BigQuery says %d rows and gave %d", total, state.Seen), "run the day again")
	}
	note, err := json.Marshal(state)
	if err != nil {
		return last, fmt.Errorf("note page %d: %w", state.Page, err)
	}
	part := Part{Name: fmt.Sprintf("page-%06d.ndjson", state.Page), Origin: fmt.Sprintf("bigquery %s page %d", state.Job, state.Page), State: string(note)}
	if err := sink.Put(ctx, part, &text); err != nil {
		return last, fmt.Errorf("store page %d: %w", state.Page, err)
	}
	return state, nil
}

// bigQueryQuotaEnds is when Google's daily quotas begin anew: midnight in California.
func bigQueryQuotaEnds(now time.Time) (time.Time, *time.Location) {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		zone = time.FixedZone("UTC-8", -8*3600)
	}
	return calendar.DayOf(now, zone).End(zone), zone
}
