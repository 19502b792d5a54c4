package source_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
)

// fakeAPI is a server on this machine that gives a day's parts as pages, in the ways that APIs have.
type fakeAPI struct {
	by    string // of pages
	xml   bool
	gzip  bool
	total bool

	mu       sync.Mutex
	days     map[string][]string
	asked    []string
	throttle int
	denied   bool
}

func (a *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q := r.URL.Query()
	parts, there := a.days[q.Get("date")]
	switch {
	case a.throttle > 0:
		a.throttle--
		w.Header().Set("Retry-After", "2")
		http.Error(w, "slow down", http.StatusTooManyRequests)
		return
	case a.denied || q.Get("key") != sourcetest.Secret || r.Header.Get("Authorization") != "Bearer "+sourcetest.Secret:
		http.Error(w, "this key is not allowed: "+r.URL.RawQuery+" "+r.Header.Get("Authorization"), http.StatusForbidden)
		return
	case !there:
		http.NotFound(w, r)
		return
	}
	a.asked = append(a.asked, r.URL.RequestURI())
	at := 0 // the part that is asked for
	before := func(n int) (records int) {
		for _, p := range parts[:min(n, len(parts))] {
			records += strings.Count(p, "\n")
		}
		return records
	}
	switch a.by {
	case "page":
		at, _ = strconv.Atoi(q.Get("p"))
		at--
	case "offset":
		offset, _ := strconv.Atoi(q.Get("p"))
		for at < len(parts) && before(at) < offset {
			at++
		}
	case "cursor", "link":
		at, _ = strconv.Atoi(strings.TrimPrefix(q.Get("p"), "c"+sourcetest.Secret))
	case "each":
		at, _ = strconv.Atoi(q.Get("id"))
	}
	var records []string
	if at < len(parts) {
		records = slices.Collect(strings.SplitSeq(strings.TrimSuffix(parts[at], "\n"), "\n"))
	}
	next := ""
	if at+1 < len(parts) {
		next = "c" + sourcetest.Secret + strconv.Itoa(at+1)
	}
	if a.by == "link" && next != "" {
		w.Header().Add("Link", fmt.Sprintf(`<%s?date=%s&key=%s&p=%s>; rel="next", </last>; rel=last`, r.URL.Path, q.Get("date"), q.Get("key"), next))
	}
	var out = fmt.Sprintf(`{"meta":{"total":"%d","next":%q},"data":{"items":[%s]}}`, before(len(parts)), next, strings.Join(records, ",\n"))
	if !a.total {
		out = strings.Replace(out, `"total"`, `"count"`, 1)
	}
	if a.xml {
		var b strings.Builder
		b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><dbs>`)
		for _, record := range records {
			b.WriteString("<db><json>")
			_ = xml.EscapeText(&b, []byte(record))
			b.WriteString("</json></db>")
		}
		out = b.String() + "</dbs>"
	}
	if !a.gzip {
		fmt.Fprint(w, out)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	fmt.Fprint(z, out)
	z.Close()
}

func (a *fakeAPI) source(url string) project.Source {
	weekdays, err := calendar.ParseWeekdays("weekdays")
	if err != nil {
		panic(err)
	}
	s := project.Source{Name: "events", File: "sources/events.yaml", Line: 3, From: "http", Format: "json", Records: "data.items", Zone: time.UTC, Days: weekdays, Holds: "day",
		HTTP: project.HTTP{
			URL: url + "/v1/events?date={day}", Query: map[string]string{"key": "{secret:KEY}"}, Headers: map[string]string{"Authorization": "Bearer {secret:KEY}"},
			Secrets: map[string]string{"KEY": "env:KEY"}, Pages: project.Pages{By: a.by, Parameter: "p", First: 1}, Allow: []string{"127.0.0.0/8"}, Rate: 50,
		}}
	p := &s.HTTP.Pages
	switch a.by {
	case "offset":
		p.First = 0
	case "cursor":
		p.Next = "meta.next"
	case "each":
		*p = project.Pages{By: "none"}
		s.HTTP.ForEach = project.ForEach{Source: "list", Column: "id"}
		s.HTTP.Query["id"] = "{each}"
	}
	if a.total {
		p.Total = "meta.total"
	}
	if a.xml {
		s.Format, s.Records = "xml", "db"
	}
	return s
}

func TestAPIsAreASource(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func() *fakeAPI{
		"page": func() *fakeAPI { return &fakeAPI{by: "page"} }, "page with a total": func() *fakeAPI { return &fakeAPI{by: "page", total: true} },
		"offset": func() *fakeAPI { return &fakeAPI{by: "offset"} }, "offset with a total, gzip": func() *fakeAPI { return &fakeAPI{by: "offset", total: true, gzip: true} },
		"cursor": func() *fakeAPI { return &fakeAPI{by: "cursor"} }, "link": func() *fakeAPI { return &fakeAPI{by: "link"} },
		"page of XML": func() *fakeAPI { return &fakeAPI{by: "page", xml: true} }, "each": func() *fakeAPI { return &fakeAPI{by: "each"} },
	} {
		t.Run(name, func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T) sourcetest.World { return apiWorld(t, make()) })
		})
	}
}

func apiWorld(t *testing.T, a *fakeAPI) sourcetest.World {
	a.days = map[string][]string{}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	locked := func(f func()) { a.mu.Lock(); defer a.mu.Unlock(); f() }
	return sourcetest.World{
		Source: kindOf(t, "http"),
		Request: func(d calendar.Day) source.Request {
			r := sourcetest.Request(a.source(server.URL), d)
			if err := source.Validate(r.Source); err != nil {
				t.Fatal(err)
			}
			r.Values = func(_ context.Context, name, column string) ([]string, error) {
				a.mu.Lock()
				defer a.mu.Unlock()
				parts, ok := a.days[d.String()]
				if !ok || name != "list" || column != "id" {
					return nil, fault.New(fault.Missing, "list has no such day", "")
				}
				var ids []string
				for i := range parts {
					ids = append(ids, strconv.Itoa(i))
				}
				return ids, nil
			}
			return r
		},
		Fill:     func(d calendar.Day, parts []string) { locked(func() { a.days[d.String()] = parts }) },
		Records:  func(b []byte) []string { return a.records(t, b) },
		Secret:   sourcetest.Secret,
		Deny:     func() { locked(func() { a.denied = true }) },
		Asked:    func() (asked []string) { locked(func() { asked = slices.Clone(a.asked) }); return asked },
		Throttle: func(n int) { locked(func() { a.throttle = n }) },
	}
}

// records reads them back from an answer.
func (a *fakeAPI) records(t *testing.T, b []byte) (out []string) {
	t.Helper()
	if a.gzip {
		b = gunzip(t, b)
	}
	if a.xml {
		var x struct {
			DB []struct {
				JSON string `xml:"json"`
			} `xml:"db"`
		}
		if err := xml.Unmarshal(b, &x); err != nil {
			t.Fatal(err)
		}
		for _, record := range x.DB {
			out = append(out, record.JSON)
		}
		return out
	}
	var x struct {
		Data struct{ Items []json.RawMessage }
	}
	if err := json.Unmarshal(b, &x); err != nil {
		t.Fatalf("%v in %q", err, b)
	}
	for _, record := range x.Data.Items {
		out = append(out, string(record))
	}
	return out
}

func kindOf(t *testing.T, from string) source.Source {
	t.Helper()
	s, err := source.New(from)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPagesOfDetailsGoOnWithinADetail(t *testing.T) {
	t.Parallel()
	var asked []string
	r, _ := askingHTTP(t, func(w http.ResponseWriter, req *http.Request) {
		q := req.URL.Query()
		asked = append(asked, q.Get("id")+q.Get("p"))
		fmt.Fprintf(w, `{"n":2,"r":["%s %s"]}`, q.Get("id"), q.Get("p"))
	})
	r.Source.Records, r.Source.HTTP.Query["id"] = "r", "{each}"
	r.Source.HTTP.Pages = project.Pages{By: "page", Parameter: "p", First: 0, Total: "n"}
	r.Source.HTTP.ForEach = project.ForEach{Source: "list", Column: "id"}
	r.Values = func(context.Context, string, string) ([]string, error) { return []string{"A", "B", "C"}, nil }
	first := &stoppingSink{after: 3}
	if _, err := kindOf(t, "http").Fetch(t.Context(), r, first); !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	r.Kept, asked = first.kept, nil
	objects, _, err := fetchHTTP(t, r)
	if err != nil || strings.Join(asked, " ") != "B1 C0 C1" || len(objects) != 3 {
		t.Errorf("asked for %q, %q, %v", asked, objects, err)
	}
	if !strings.HasPrefix(objects[0], "000002-B-page-000002.json < ") {
		t.Errorf("%s", objects[0])
	}
}

func TestCursorThatExpiredBeginsTheDayAnew(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"cursor", "link", "page"} {
		for status, code := range map[int]string{400: fault.Unavailable, 404: fault.Unavailable, 410: fault.Unavailable, 401: fault.Refused} {
			r, _ := askingHTTP(t, func(w http.ResponseWriter, req *http.Request) {
				if req.URL.Query().Get("c") != "" {
					http.Error(w, "no such cursor", status)
					return
				}
				fmt.Fprintf(w, `{"r":[1],"next":"?c=2"}`)
			})
			r.Source.Records = "r"
			r.Source.HTTP.Pages = project.Pages{By: by, Parameter: "c", Next: "next", First: 1}
			next := map[string]string{"cursor": "2", "link": strings.Replace(r.Source.HTTP.URL, "{day}", "?c=2", 1), "page": "2"}[by]
			r.Kept = []source.Part{{Name: "page-000001.json", State: fmt.Sprintf(`{"page":1,"next":%q,"seen":1}`, next)}}
			_, _, err := fetchHTTP(t, r)
			want := status != 401 && by != "page" || status == 404
			if errors.Is(err, source.ErrChanged) != want || by != "page" && !fault.Is(err, code) || fault.Hint(err) == "" {
				t.Errorf("%s, %d: %v", by, status, err)
			}
			if r.Kept = nil; by == "page" || status == 401 {
				continue
			}
			if _, _, err := fetchHTTP(t, r); status != 404 && (!fault.Is(err, fault.Invalid) || errors.Is(err, source.ErrChanged)) {
				t.Errorf("%s, %d without anything kept: %v", by, status, err)
			}
		}
	}
}
