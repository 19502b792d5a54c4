package project

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// loadSource loads the small project with another source; head is its kind's settings.
func loadSource(t *testing.T, settings, head string) (*Source, error) {
	t.Helper()
	files := small()
	files["sources/other.yaml"] = head + "columns:\n  id: text\n"
	files["daybook.yaml"] += settings
	p, err := Load(write(t, files), env)
	if err != nil {
		return nil, err
	}
	for i := range p.Sources {
		if p.Sources[i].Name == "other" {
			return &p.Sources[i], nil
		}
	}
	t.Fatal("the source is not there")
	return nil, nil
}

func TestHTTPSourceIsRead(t *testing.T) {
	s, err := loadSource(t, "", `from: http
url: https://api.example.com/v1/events
query: {date: "{day}", serviceKey: "{secret:KEY}"}
headers: {Accept: application/json}
secrets: {KEY: env:API_KEY}
records: response.body.items.item
pages: {by: page, parameter: pageNo, size_parameter: numOfRows, size: 100, total: response.body.totalCount}
rate: 5/s
quota: {calls: 1000, resets: "09:00", timezone: UTC}
for_each: {source: searches, column: query_id}
ok: {path: response.header.resultCode, equals: "0000", message: response.header.resultMsg, quota_codes: ["22"]}
missing: [404, 410]
allow: [10.1.0.0/16]
hosts: [cdn.example.com]
timeout: 90s
body: 64MB
unpacked: 2GB
`)
	if err != nil {
		t.Fatal(err)
	}
	want := HTTP{
		URL: "https://api.example.com/v1/events", Query: map[string]string{"date": "{day}", "serviceKey": "{secret:KEY}"}, Headers: map[string]string{"Accept": "application/json"},
		Secrets: map[string]string{"KEY": "env:API_KEY"}, Pages: Pages{By: "page", Parameter: "pageNo", SizeParameter: "numOfRows", Size: 100, First: 1, Total: "response.body.totalCount"},
		Rate: 5, Quota: Quota{Calls: 1000, Name: "api.example.com", Resets: "09:00", Zone: time.UTC}, ForEach: ForEach{"searches", "query_id"},
		OK:      OK{Path: "response.header.resultCode", Equals: []string{"0000"}, Message: "response.header.resultMsg", Quota: []string{"22"}},
		Missing: []int{404, 410}, Allow: []string{"10.1.0.0/16"}, Hosts: []string{"cdn.example.com"}, Timeout: 90 * time.Second, Body: 64e6, Unpacked: 2e9,
	}
	if d := cmp.Diff(want, s.HTTP, cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if s.Format != "json" || s.Records != "response.body.items.item" {
		t.Errorf("format %s, records %s", s.Format, s.Records)
	}
	for _, key := range []string{"url", "query", "headers", "pages", "for_each", "ok", "missing"} {
		if !strings.Contains(s.Asks, key+": ") {
			t.Errorf("%s is not in what is asked for: %s", key, s.Asks)
		}
	}
	for _, key := range []string{"secrets", "rate", "quota", "allow", "hosts", "timeout", "body", "unpacked", "records", "API_KEY"} {
		if strings.Contains("\n"+s.Asks, "\n"+key+": ") || strings.Contains(s.Asks, "API_KEY") {
			t.Errorf("%s is in what is asked for: %s", key, s.Asks)
		}
	}
}

func TestFormatOfAnAPIComesFromItsURLOrIsJSON(t *testing.T) {
	for url, want := range map[string]string{
		"https://a.example.com/{day}-{hour}.ndjson.gz": "ndjson", "https://a.example.com/x.xml?date={day}": "xml", "https://a.example.com/{day}": "json",
		"https://a.example.com/list.do?d={day}": "json", "https://a.example.com/{day}\nformat: csv": "csv",
	} {
		s, err := loadSource(t, "", "from: http\nurl: "+url+"\n")
		if err != nil || s.Format != want || strings.Contains(s.Asks, "format") {
			t.Errorf("%s: %+v, %v", url, s, err)
		}
	}
}

func TestMistakesInAnHTTPSourceAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"query: {a: b}": "no url",
		"url: https://a\nsecrets: {KEY: hunter2}":                  "is not a reference to a secret",
		"url: https://a\nsecrets: {a-b: env:X}":                    "cannot be the name of a secret",
		"url: https://a\npages: {by: magic}":                       `by cannot be "magic"; write none, page, offset, cursor, link`,
		"url: https://a\npages: {by: page}":                        "name no parameter",
		"url: https://a\npages: {by: cursor, parameter: c}":        "where the next cursor is",
		"url: https://a\npages: {by: page, parameter: p, size: 9}": "one of size and size_parameter",
		"url: https://a\npages: {by: link, page: 1}":               `unknown key "page"`,
		"url: https://a\nquota: {name: x}":                         "how many calls",
		"url: https://a\nquota: {calls: 5, resets: noon}":          "sources/other.yaml:3:27",
		"url: https://a\nfor_each: {source: x}":                    "for_each is not whole",
		"url: https://a\nok: {path: a}":                            "ok is not whole",
		"url: https://a\nmissing: [200]":                           "no status of an error",
		"url: https://a\nrate: 5":                                  "write a rate such as",
	} {
		_, err := loadSource(t, "", "from: http\n"+text+"\n")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "sources/other.yaml:") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestBigQuerySourceIsRead(t *testing.T) {
	head := "from: bigquery\nproject: payer\nlocation: US\nquery: SELECT * FROM t WHERE d = @day\nlimit: 10GB\ncredentials: file:key.json\n"
	s, err := loadSource(t, "", head)
	if err != nil {
		t.Fatal(err)
	}
	want := BigQuery{Project: "payer", Location: "US", SQL: "SELECT * FROM t WHERE d = @day", Limit: 10e9, Credentials: "file:key.json"}
	if s.BigQuery != want || s.Format != "ndjson" || strings.Contains(s.Asks, "limit") || strings.Contains(s.Asks, "credentials") {
		t.Errorf("%+v, format %s, asks %s", s.BigQuery, s.Format, s.Asks)
	}
	for _, key := range []string{"project", "query", "limit", "credentials"} {
		var kept []string
		for line := range strings.Lines(head) {
			if !strings.HasPrefix(line, key+":") {
				kept = append(kept, line)
			}
		}
		if _, err := loadSource(t, "", strings.Join(kept, "")); err == nil || !strings.Contains(err.Error(), "has no "+key) {
			t.Errorf("without %s: %v", key, err)
		}
	}
}

func TestProgramsAreAllowedByName(t *testing.T) {
	settings := "exec:\n  crm: {run: [bin/crm, \"{day}\"], timeout: 5m, output: 1GB, env: {TOKEN: env:CRM_TOKEN}}\n"
	s, err := loadSource(t, settings, "from: exec\ncommand: crm\n")
	if err != nil {
		t.Fatal(err)
	}
	want := Exec{Command: "crm", Run: []string{"bin/crm", "{day}"}, Timeout: 5 * time.Minute, Output: 1e9, Env: map[string]string{"TOKEN": "env:CRM_TOKEN"}}
	if d := cmp.Diff(want, s.Exec); d != "" || s.Format != "ndjson" {
		t.Errorf("format %s (-want +got):\n%s", s.Format, d)
	}
	other, err := loadSource(t, strings.Replace(settings, "bin/crm", "bin/other", 1), "from: exec\ncommand: crm\n")
	if err != nil || other.Asks == s.Asks {
		t.Errorf("another program asks for the same: %q, %v", other.Asks, err)
	}
	later, err := loadSource(t, strings.Replace(settings, "5m", "6m", 1), "from: exec\ncommand: crm\n")
	if err != nil || later.Asks != s.Asks {
		t.Errorf("another timeout asks for something else: %q, %v", later.Asks, err)
	}
	for _, c := range []struct{ settings, head, want string }{
		{settings, "from: exec\ncommand: rm\n", "allows no command rm; add it there; known there: crm"},
		{"", "from: exec\ncommand: crm\n", "it lists none yet"},
		{settings, "from: exec\n", "names no command"},
		{settings, "from: exec\ncommand: crm\nrun: [rm]\n", `unknown key "run"`},
		{"exec: {crm: {timeout: 5m}}\n", "from: exec\ncommand: crm\n", "does not say what to run"},
		{"exec: {CRM: {run: x}}\n", "from: exec\ncommand: crm\n", "cannot be the name of a program"},
		{"exec: {crm: {run: x, env: {A-B: x}}}\n", "from: exec\ncommand: crm\n", "cannot be the name of an environment variable"},
		{"exec: {crm: {run: x, env: {API_KEY: sk-live-1}}}\n", "from: exec\ncommand: crm\n", "daybook.yaml:"},
		{"exec: {crm: {run: x, env: {API_KEY: sk-live-1}}}\n", "from: exec\ncommand: crm\n", "API_KEY looks like a secret and is written as it is; write env:API_KEY"},
		{"exec: {crm: {run: x, env: {A: x}, plain: B}}\n", "from: exec\ncommand: crm\n", "plain names B, which is not there"},
		{"exec: {crm: }\n", "from: exec\ncommand: crm\n", "says nothing"},
	} {
		if _, err := loadSource(t, c.settings, c.head); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s%s: %v, want %q", c.settings, c.head, err, c.want)
		}
	}
}

func TestSecretsThatAreWrittenAsTheyAreAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"url: https://a/{day}\nheaders: {Authorization: Bearer PLAINTOKEN}":                                  "sources/other.yaml:3:26: Authorization in headers looks like a secret",
		"url: https://a/{day}\nheaders: {Authorization: \"Bearer {day}\"}":                                   "Authorization in headers looks like a secret",
		"url: https://a/{day}\nheaders:\n  Accept: x\n  cookie: session=1":                                   "sources/other.yaml:5:11: cookie in headers looks like a secret",
		"url: https://a/{day}\nheaders: {X-Api-Key: abc}":                                                    "X-Api-Key in headers looks like a secret",
		"url: https://a/{day}\nquery: {serviceKey: abc%2B}":                                                  `write "{secret:NAME}" in its place and secrets: {NAME: env:…}; if it is no secret, write plain: [serviceKey]`,
		"url: \"https://a/{day}?x=1&api%5Fkey=abc\"":                                                         "sources/other.yaml:2:6: api_key in url looks like a secret",
		"url: https://a/{day}\nquery: {a: b}\nplain: [sort_key]":                                             "plain names sort_key, which is not there",
		"url: http://api.example.com/{day}\nquery: {key: \"{secret:K}\"}\nsecrets: {K: env:K}":               "sources/other.yaml:2:6: secrets go to api.example.com without TLS; write https://",
		"url: http://10.2.0.1:80/{day}\nquery: {k: \"{secret:K}\"}\nsecrets: {K: env:K}\nallow: 10.1.0.0/16": "without TLS",
	} {
		if _, err := loadSource(t, "", "from: http\n"+text+"\n"); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "PLAINTOKEN") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestWhatIsNoSecretMayBeWrittenAsItIs(t *testing.T) {
	for _, text := range []string{
		"url: \"https://a/{day}?monkey=1&keyword=x&tokens=3\"",
		"url: https://a/{day}\nquery: {sort_key: name, a: b}\nheaders: {Cookie: lang=ko}\nplain: [sort_key, Cookie]",
		"url: \"https://a/x?key={day}\"\nquery: {api_key: \"{secret:K}\", token: \"\"}\nheaders: {Authorization: \"Bearer {secret:K}\"}\nsecrets: {K: env:K}",
		"url: https://a/{day}\nquery: {d: x}\npages: {by: cursor, parameter: page_token, next: next}",
		"url: http://127.0.0.1:80/{day}\nsecrets: {K: env:K}", "url: http://localhost/{day}\nsecrets: {K: env:K}", "url: http://[::1]:80/{day}\nsecrets: {K: env:K}",
		"url: http://10.1.0.1/{day}\nsecrets: {K: env:K}\nallow: 10.1.0.0/16", "url: http://crm.internal/{day}\nsecrets: {K: env:K}\nallow: 10.1.0.0/16", "url: http://a.example.com/{day}",
	} {
		if s, err := loadSource(t, "", "from: http\n"+text+"\n"); err != nil || strings.Contains(s.Asks, "plain") {
			t.Errorf("%s: %v", text, err)
		}
	}
	settings := "exec: {crm: {run: [x, \"{day}\"], env: {API_KEY: env:K, SORT_KEY: name, KEYS: x, TOKEN: \"\"}, plain: SORT_KEY}}\n"
	if _, err := loadSource(t, settings, "from: exec\ncommand: crm\n"); err != nil {
		t.Error(err)
	}
}
