package source

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
)

func TestOnlyPublicAddressesAreDialled(t *testing.T) {
	t.Parallel()
	allowed := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}
	for address, want := range map[string]bool{
		"8.8.8.8:443": true, "[2606:4700::1111]:443": true, "10.1.2.3:80": true, "[::ffff:10.1.2.3]:80": true, "[fd00:1::5]:80": true, "[64:ff9b::808:808]:443": true,
		"127.0.0.1:80": false, "127.1.2.3:80": false, "[::1]:80": false, "[::ffff:127.0.0.1]:80": false, "169.254.169.254:80": false, "[fe80::1%eth0]:80": false,
		"10.0.0.1:80": false, "172.16.0.1:80": false, "192.168.1.1:80": false, "100.64.0.1:80": false, "0.0.0.0:80": false, "[::]:80": false, "224.0.0.1:80": false,
		"[ff02::1]:80": false, "255.255.255.255:80": false, "[fc00::1]:80": false, "[fd12::1]:80": false, "[64:ff9b::a00:1]:80": false, "[2002:a00:1::]:80": false,
		"[::10.0.0.1]:80": false, "[fec0::1]:80": false, "198.18.0.1:80": false, "[2001:db8::1]:80": false, "192.0.2.1:80": false, "192.88.99.1:80": false, "168.63.129.16:80": false, "[::ffff:168.63.129.16]:80": false, "168.63.129.17:80": true, "[fd00:ec2::254]:80": false, "nothing": false,
	} {
		if err := guardAddress(address, allowed); (err == nil) != want || err != nil && !fault.Is(err, fault.Refused) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestSecretsGoWithoutTLSOnlyWhereItIsAllowed(t *testing.T) {
	t.Parallel()
	calls, err := confinedTransport([]string{"192.0.2.0/24"})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{"8.8.8.8:1": "without TLS", "127.0.0.1:1": "is not a public address"} {
		if _, err := calls.DialContext(t.Context(), "tcp", address); !fault.Is(err, fault.Refused) || !strings.Contains(err.Error(), want) || fault.Hint(err) == "" {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
	}
	r := Request{Source: project.Source{Name: "events", Format: "json", Holds: "snapshot", HTTP: project.HTTP{URL: "http://8.8.8.8/", Secrets: map[string]string{"KEY": "env:KEY"}}}}
	r.Now, r.Secret = time.Now, func(context.Context, string) (string, error) { return "s3cret", nil }
	if _, err := (HTTP{}).Fetch(t.Context(), r, nil); !fault.Is(err, fault.Refused) || !strings.Contains(err.Error(), "without TLS") {
		t.Error(err)
	}
}

func TestSettingsOfHTTPAreChecked(t *testing.T) {
	t.Parallel()
	good := func() project.Source {
		return project.Source{Name: "events", From: "http", File: "sources/a.yaml", Line: 1, Format: "json", Holds: "day", HTTP: project.HTTP{URL: "https://api.example.com/{day}"}}
	}
	for want, change := range map[string]func(*project.Source){
		"":                           func(*project.Source) {},
		"no url":                     func(s *project.Source) { s.HTTP.URL = "" },
		"http:// or https://":        func(s *project.Source) { s.HTTP.URL = "ftp://example.com/{day}" },
		"and a host":                 func(s *project.Source) { s.HTTP.URL = "https://{each}.example.com/{day}" },
		"a name and a password":      func(s *project.Source) { s.HTTP.URL = "https://a:b@example.com/{day}" },
		"same for every day":         func(s *project.Source) { s.HTTP.URL = "https://example.com/{yyyy}" },
		"asked for by day":           func(s *project.Source) { s.Holds = "snapshot" },
		"{date} stands for nothing":  func(s *project.Source) { s.HTTP.Query = map[string]string{"d": "{date}"} },
		"{secret:K} stands for":      func(s *project.Source) { s.HTTP.Headers = map[string]string{"A": "{secret:K}"} },
		"{each} and for_each belong": func(s *project.Source) { s.HTTP.ForEach.Source = "list" },
		"both {each} and {hour}": func(s *project.Source) {
			s.HTTP.ForEach.Source, s.HTTP.URL = "list", "https://example.com/{each}/{hour}"
		},
		"names the source itself": func(s *project.Source) { s.HTTP.ForEach.Source, s.HTTP.URL = "events", "https://example.com/{each}" },
		"cannot be by":            func(s *project.Source) { s.HTTP.Pages.By = "magic" },
		"name no parameter":       func(s *project.Source) { s.HTTP.Pages.By = "page" },
		"where the next cursor":   func(s *project.Source) { s.HTTP.Pages = project.Pages{By: "cursor", Parameter: "c"} },
		"is in query:": func(s *project.Source) {
			s.HTTP.Pages, s.HTTP.Query = project.Pages{By: "page", Parameter: "p"}, map[string]string{"p": "1"}
		},
		"need an answer in JSON or XML": func(s *project.Source) { s.Format, s.HTTP.Pages.Total = "csv", "n" },
		"records does not name":         func(s *project.Source) { s.Format, s.HTTP.Pages = "xml", project.Pages{By: "page", Parameter: "p"} },
		"is no network":                 func(s *project.Source) { s.HTTP.Allow = []string{"10.0.0.0/99"} },
		"not a time":                    func(s *project.Source) { s.HTTP.Quota.Resets = "25:00" },
		"is not a format":               func(s *project.Source) { s.Format = "yaml" },
	} {
		s := good()
		change(&s)
		err := Validate(s)
		if want == "" && err != nil || want != "" && (!fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) || fault.Hint(err) == "" || !strings.HasPrefix(err.Error(), "sources/a.yaml:1: ")) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestCompressedAnswersAreBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ body, unpacked, want int64 }{{0, 0, 10e9}, {64e6, 0, 640e6}, {5e9, 0, 10e9}, {20e9, 0, 20e9}, {1e9, 30e9, 30e9}, {1e9, 1e6, 1e9}} {
		if _, got := httpBounds(project.HTTP{Body: c.body, Unpacked: c.unpacked}); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

func TestLinkHeaderNamesTheNextPage(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		`<https://a/?p=2>; rel="next", <https://a/?p=9>; rel="last"`: "https://a/?p=2", `</a>; rel=prev, </b>;title="x, y";rel=NEXT`: "/b",
		`</a>; rel="prev next"`: "/a", `</a>; rel="previous"`: "", `</a>; rel="nextish"`: "", `garbage`: "", `<>; rel=next`: "", "": "",
	} {
		if got := relNext(http.Header{"Link": {header}}); got != want {
			t.Errorf("%s: %q", header, got)
		}
	}
}

func TestAnswersAreCounted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format, records, text string
		want                  int64
	}{
		{"json", "", `[{"a":[1,2]},{"a":{"items":[1]}}]`, 2},
		{"json", "", `{"a":1}`, 1},
		{"json", "", `{"a":1}{"a":2} [{"a":3}]`, 3},
		{"json", "a.items", `{"a":{"items":[1,[2,3],{"a":{"items":[1]}}]},"items":[9]}`, 4},
		{"json", "a.items", `{"a":[{"items":[1,2]},{"b":1},{"items":[3]}]}`, 3},
		{"json", "a.items", `{"a":{}}`, 0},
		{"json", "a", `{"a":{}}`, 0},
		{"json", "a.items", `{"a":{"items":{}}}`, 0},
		{"json", "a.items", `{"a":{"items":[{}]}}`, 1},
		{"json", "a.items", `{"a":[{"items":{}},{"items":{"one":1}}]}`, 2},
		{"json", "", `{}`, 1},
		{"json", "a.items", `{"a":{"items":{"one":1}}}`, 1},
		{"json", "a.items", `{"a":{"items":""}}`, 0},
		{"json", "a.items", `{"a":null}`, 0},
		{"json", "", "\ufeff[1]", 1},
		{"ndjson", "", "{}\n\n{}\r\n{}", 3},
		{"ndjson", "", "", 0},
		{"xml", "db", `<?xml version="1.0" encoding="EUC-KR"?><dbs><db><a>1</a></db><x:db xmlns:x="u"/></dbs>`, 2},
		{"xml", "db", `<dbs/>`, 0},
		{"xml", "items.item", `<r><item/><items><item><items><item/></items></item><item/></items></r>`, 2},
		{"csv", "", "a,b\n1,\"x\ny\"\n3,4", 2},
		{"csv", "", "", 0},
	} {
		h := &httpFetch{r: Request{Source: project.Source{Format: c.format, Records: c.records, Header: true}}}
		got, err := h.read(strings.NewReader(c.text), c.format)
		if err != nil || got.records != c.want || got.absent != "" {
			t.Errorf("%s %s: %d, %v, want %d", c.format, c.text, got.records, err, c.want)
		}
	}
}

func TestRealAnswersAreCounted(t *testing.T) {
	t.Parallel()
	for file, c := range map[string]struct {
		format, records, total string
		want, all              int64
	}{
		"kopis/performanceListMock.xml":                          {"xml", "db", "", 10, 0},
		"kopis/performanceDetailMock.xml":                        {"xml", "dbs.db", "", 1, 0},
		"kopis/facilityListMock.xml":                             {"xml", "db", "", 100, 0},
		"tourapi/areaBasedList_korservice_2021.json":             {"json", "response.body.items.item", "response.body.totalCount", 10, 9543},
		"gharchive/drift/push_event_pre_drift_2024-05-21-0.json": {"json", "", "", 1, 0},
	} {
		f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", filepath.FromSlash(file)))
		if errors.Is(err, fs.ErrNotExist) {
			t.Skipf("%s is not here", file)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		h := &httpFetch{s: project.HTTP{Pages: project.Pages{Total: c.total}}, r: Request{Source: project.Source{Format: c.format, Records: c.records}}}
		got, err := h.read(f, c.format)
		if err != nil || got.records != c.want || c.all > 0 && (got.total == nil || *got.total != c.all) {
			t.Errorf("%s: %+v, %v", file, got, err)
		}
	}
}

func FuzzAnswersAreReadWithoutPanic(f *testing.F) {
	f.Add(`{"a":{"items":[{"b":1}],"total":"3"},"next":"x"}`)
	f.Add(`<a><items/><total>3</total></a>`)
	f.Add(strings.Repeat("[", 2000))
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []string{"json", "ndjson", "xml", "csv"} {
			h := &httpFetch{s: project.HTTP{Pages: project.Pages{Total: "a.total", Next: "next"}}, r: Request{Source: project.Source{Format: format, Records: "a.items"}}}
			if got, err := h.read(bufio.NewReader(strings.NewReader(text)), format); err == nil && got.records < 0 {
				t.Error(got)
			}
		}
	})
}

func FuzzSecretsAreHiddenAndRevealed(f *testing.F) {
	f.Add("https://a/?k=s%2Bcret&p=1", "s+cret")
	f.Add("s+crets+cret", "s+cret")
	f.Fuzz(func(t *testing.T, text, secret string) {
		if len(secret) < 4 || strings.Contains(text+secret, "\x00") || strings.Contains("{secret:KEY}", secret) {
			t.Skip()
		}
		h := &httpFetch{secrets: map[string]string{"KEY": secret}}
		if got := h.reveal(h.hide(text)); got != text {
			t.Errorf("%q became %q", text, got)
		}
		// What remains can only be made of what stood around the secret.
		if !strings.Contains(text, secret) && h.hide(text) != text {
			t.Errorf("%q without a secret became %q", text, h.hide(text))
		}
	})
}

func TestRateIsHalvedAndGrowsAgain(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	r := Request{Now: func() time.Time { return now }}
	p := pace{slowest: 80}
	turn := func() error { return p.wait(t.Context(), r, time.Second/8) }
	rate := func() float64 { return 8 / p.slow }
	p.halve(now)
	p.halve(now)
	if rate() != 2 {
		t.Errorf("rate %v", rate())
	}
	for range 2 {
		if err := turn(); err != nil {
			t.Fatal(err)
		}
		now = now.Add(10 * time.Second)
	}
	if err := turn(); err != nil || rate() < 2.4 || rate() > 2.43 {
		t.Errorf("rate %v after 20 s, %v", rate(), err)
	}
	now = now.Add(time.Hour)
	if err := turn(); err != nil || rate() != 8 {
		t.Errorf("rate %v after an hour, %v", rate(), err)
	}
}

func TestInstantsOfBigQueryAreExact(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1763769600123456": "2025-11-22T00:00:00.123456Z", "1.763769600123456E9": "2025-11-22T00:00:00.123456Z", "1.7637696001234561E9": "2025-11-22T00:00:00.123456Z",
		"0": "1970-01-01T00:00:00Z", "-1.5E0": "1969-12-31T23:59:58.5Z", "-62135596800000000": "0001-01-01T00:00:00Z", "253402300799.999999": "9999-12-31T23:59:59.999999Z",
	} {
		got, err := bigQueryInstant(text)
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%s: %s, %v, want %s", text, got.Format(time.RFC3339Nano), err, want)
		}
	}
	for _, text := range []string{"", "x", "1e999999999", "1/2", "0x10", "1_000", "NaN", "99999999999999999999"} {
		if got, err := bigQueryInstant(text); err == nil {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestSettingsOfBigQueryAndExecAreChecked(t *testing.T) {
	t.Parallel()
	query := func(change func(*project.Source)) project.Source {
		s := project.Source{Name: "e", From: "bigquery", File: "sources/a.yaml", Line: 1, Holds: "day", BigQuery: project.BigQuery{Project: "p", SQL: "SELECT 1 WHERE d = @day", Limit: 1, Credentials: "env:K"}}
		change(&s)
		return s
	}
	program := func(holds string, run ...string) project.Source {
		return project.Source{Name: "e", From: "exec", File: "sources/a.yaml", Line: 1, Holds: holds, Exec: project.Exec{Command: "c", Run: run}}
	}
	for _, c := range []struct {
		source project.Source
		want   string
	}{
		{query(func(*project.Source) {}), ""},
		{query(func(s *project.Source) { s.BigQuery.SQL = "SELECT * FROM `t_{yyyy}{mm}{dd}`" }), ""},
		{query(func(s *project.Source) { s.BigQuery.SQL = "SELECT @days" }), "same for every day"},
		{query(func(s *project.Source) { s.Holds = "snapshot" }), "names a day"},
		{query(func(s *project.Source) { s.BigQuery.Limit = 0 }), "no limit"},
		{query(func(s *project.Source) { s.BigQuery.Endpoint = "localhost" }), "endpoint"},
		{program("day", "fetch", "{day}"), ""},
		{program("snapshot", "fetch", "{dir}"), ""},
		{program("day", "fetch"), "not told the day"},
		{program("snapshot", "fetch", "{day}"), "name a day"},
		{program("day", "fetch", "{day}", "{hour}"), "{hour}"},
		{program("day"), "no command"},
	} {
		err := Validate(c.source)
		if c.want == "" && err != nil || c.want != "" && (!fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) || fault.Hint(err) == "") {
			t.Errorf("%+v: %v, want %q", c.source, err, c.want)
		}
	}
	if d := calendar.MustDay("2026-11-19"); replace("{yyyy}{mm}{dd}", d) != "20261119" {
		t.Error(d)
	}
}

func TestWhereAnAPIMayLead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		home, from, to string
		want           bool
	}{
		{"http://a.example/x", "http://a.example/x", "http://a.example/y?z", true},
		{"http://a.example/x", "http://a.example/x", "https://a.example/y", true},
		{"https://a.example/x", "https://a.example/x", "https://a.example:443/y", true},
		{"https://a.example/x", "https://a.example/x", "https://cdn.example/y", true}, // by hosts
		{"https://a.example/x", "https://cdn.example/x", "https://a.example/y", true},
		{"https://a.example/x", "https://a.example/x", "http://a.example/y", false},
		{"https://a.example/x", "https://a.example/x", "http://cdn.example/y", false},
		{"https://a.example/x", "https://a.example/x", "https://a.example:8443/y", false},
		{"https://a.example/x", "https://a.example/x", "https://b.a.example/y", false},
		{"https://a.example/x", "https://a.example/x", "https://a.example.evil.example/y", false},
		{"https://a.example/x", "https://a.example/x", "https://u:p@a.example/y", false},
		{"https://a.example/x", "https://a.example/x", "ftp://a.example/y", false},
		{"https://a.example/x", "https://a.example/x", "//evil.example/y", false},
		{"https://a.example/x", "https://a.example/x", "javascript:1", false},
	} {
		h := &httpFetch{s: project.HTTP{URL: c.home, Hosts: []string{"cdn.example"}}}
		from, err := url.Parse(c.from)
		if err != nil {
			t.Fatal(err)
		}
		to, err := from.Parse(c.to)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.mayFollow(from, to); (err == nil) != c.want || err != nil && !fault.Is(err, fault.Refused) {
			t.Errorf("%s from %s: %v", c.to, c.from, err)
		}
	}
}

func TestAnswersComeByHTTPSAndHTTP2(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, `["`+r.Proto+`"]`) }))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	calls, err := guardedTransport([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	defer calls.CloseIdleConnections()
	calls.TLSClientConfig = &tls.Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	r := Request{Source: project.Source{Format: "json"}, Now: time.Now, Log: func(string, string, ...any) {}, Wait: func(context.Context, time.Duration) error { return nil }}
	h := &httpFetch{r: r, s: project.HTTP{URL: server.URL}, calls: calls}
	target, err := h.target(httpStrand{}, "")
	if err != nil {
		t.Fatal(err)
	}
	a, err := h.ask(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer a.body.Close()
	if text, err := io.ReadAll(a.body.Reader()); err != nil || string(text) != `["HTTP/2.0"]` {
		t.Errorf("%s, %v", text, err)
	}
	other, err := guardedTransport([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	h.calls = other
	if _, err := h.ask(t.Context(), target); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody signed: %v", err)
	}
}
