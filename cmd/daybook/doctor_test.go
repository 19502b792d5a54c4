package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"daybook/internal/mail"
	"daybook/internal/mail/sesdouble"
	"daybook/internal/store"
)

// zone is a DNS: TXT records by name, and CNAMEs whose one value begins with "→ ". What it does not have does not exist.
type zone map[string][]string

func (z zone) LookupTXT(_ context.Context, name string) ([]string, error) { return z.find(name) }

func (z zone) LookupCNAME(_ context.Context, name string) (string, error) {
	found, err := z.find(name)
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(found[0], "→ "), nil
}

func (z zone) find(name string) ([]string, error) {
	if len(z["down"]) > 0 {
		return nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	}
	if found, ok := z[name]; ok {
		return found, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// publishedZone is the DNS of a domain that does everything right.
func publishedZone() zone {
	z := zone{"bounce.example.com": {"v=spf1 include:amazonses.com ~all"}, "_dmarc.example.com": {"v=DMARC1; p=reject"}, "example.com": {"v=spf1 mx -all"}}
	for _, token := range []string{"token1", "token2", "token3"} {
		z[token+"._domainkey.example.com"] = []string{"→ " + token + ".dkim.amazonses.com."}
	}
	return z
}

// patient is a project at the doctor's.
type patient struct {
	yaml   string // after name and warehouse
	files  map[string]string
	double *sesdouble.Options // nil for none; its addresses stand for ENDPOINT and QUEUE in yaml
	dns    func(zone)
	off    time.Duration // of the clock
	dir    string        // made before; empty for a new one
}

const sesYAML = `mail:
  sender: ses
  region: ap-northeast-2
  endpoint: ENDPOINT
  from: reports@example.com
  base_url: https://reports.example.com
  configuration_set: daybook
  events: {queue: QUEUE, endpoint: ENDPOINT}
`

// examined is what the doctor finds, by group and check: "ok: what was found; what to do".
func examined(t *testing.T, p patient) map[string]string {
	t.Helper()
	if p.double != nil {
		double, err := sesdouble.Start(*p.double)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { double.Close() })
		p.yaml = strings.NewReplacer("ENDPOINT", double.URL, "QUEUE", double.QueueURL()).Replace(p.yaml)
	}
	if p.dir == "" {
		p.dir = t.TempDir()
	}
	files := stall()
	files["daybook.yaml"] += p.yaml
	maps.Copy(files, p.files)
	writeFiles(t, p.dir, files)
	z := publishedZone()
	if p.dns != nil {
		p.dns(z)
	}
	d := &doctor{program: &program{env: os.LookupEnv, dir: p.dir, out: io.Discard, err: io.Discard}, dns: z, web: &http.Client{},
		now: func() time.Time { return time.Now().Add(p.off) }}
	found := map[string]string{}
	for _, f := range d.examine(t.Context()) {
		key := f.group + " " + f.check
		if found[key] != "" {
			found[key] += "\n"
		}
		found[key] += f.state + ": " + f.found + "; " + f.fix
	}
	return found
}

// wants compares the beginning of a line, and words within it.
func wants(t *testing.T, found map[string]string, key string, words ...string) {
	t.Helper()
	line, ok := found[key]
	if !ok && words[0] != "" {
		t.Errorf("nothing about %s in %v", key, found)
	}
	if !strings.HasPrefix(line, words[0]) {
		t.Errorf("%s is %q, want %s", key, line, words[0])
	}
	for _, w := range words[1:] {
		if !strings.Contains(line, w) {
			t.Errorf("%s is %q, without %q", key, line, w)
		}
	}
}

func credentials(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", sesdouble.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", sesdouble.SecretKey)
}

func TestTheDoctorFindsNothingWrongWithAWholeProject(t *testing.T) {
	credentials(t)
	dir := t.TempDir()
	writeFiles(t, dir, stall())
	mustCall(t, "run", "-C", dir, "--day", "2026-11-19")
	found := examined(t, patient{yaml: sesYAML + "groups:\n  everyone:\n    - {address: ada@example.com}\n", dir: dir,
		files:  map[string]string{"reports/usage.yaml": strings.Replace(stall()["reports/usage.yaml"], "sections:", "to: [everyone]\nsections:", 1)},
		double: &sesdouble.Options{Rate: 14, Quota: 50000, Identities: []sesdouble.Identity{{Name: "example.com", MailFrom: "bounce.example.com"}}}})
	for key, line := range found {
		if !strings.HasPrefix(line, healthy+": ") && key != "lake space" { // the disk of this machine is what it is
			t.Errorf("%s: %s", key, line)
		}
	}
	wants(t, found, "config people", "ok", "mails a day: 1")
	wants(t, found, "store schema", "ok", "version")
	wants(t, found, "warehouse opens", "ok", "builds are loaded")
	wants(t, found, "clock time", "ok", "off the clock of AWS")
	wants(t, found, "mail quota", "ok", "50,000 of 50,000", "at 14 a second")
	wants(t, found, "mail dkim records", "ok", "3 keys of example.com")
	wants(t, found, "mail spf", "ok", "bounce.example.com lets SES send")
	wants(t, found, "mail dmarc", "ok", "p=reject")
	wants(t, found, "mail queue", "ok", "0 events wait")
}

func TestTheDoctorFindsWhatIsWrongWithSES(t *testing.T) {
	credentials(t)
	domain := []sesdouble.Identity{{Name: "example.com", MailFrom: "bounce.example.com"}}
	for name, c := range map[string]struct {
		double sesdouble.Options
		dns    func(zone)
		off    time.Duration
		yaml   func(string) string
		want   map[string][]string
	}{
		"sandbox":      {double: sesdouble.Options{Verified: []string{"example.com"}}, want: map[string][]string{"mail account": {"warn", "sandbox", "ask for production access"}}},
		"paused":       {double: sesdouble.Options{Paused: true}, want: map[string][]string{"mail account": {"fail", "paused", "resume"}}},
		"shut down":    {double: sesdouble.Options{Shutdown: true}, want: map[string][]string{"mail account": {"fail", "shut"}}},
		"pending":      {double: sesdouble.Options{Identities: []sesdouble.Identity{{Name: "example.com", Pending: true, DKIM: "PENDING"}}}, want: map[string][]string{"mail identity": {"fail", "example.com is not verified"}, "mail dkim": {"fail", "PENDING"}}},
		"no identity":  {double: sesdouble.Options{Identities: []sesdouble.Identity{{Name: "example.org"}}}, want: map[string][]string{"mail identity": {"fail", "no identity"}, "mail dmarc": {"ok"}}},
		"no dkim":      {double: sesdouble.Options{Identities: []sesdouble.Identity{{Name: "example.com", DKIM: "NOT_STARTED"}}}, want: map[string][]string{"mail dkim": {"fail", "not set up"}}},
		"mail from":    {double: sesdouble.Options{Identities: []sesdouble.Identity{{Name: "example.com", MailFrom: "bounce.example.com", MailFromStatus: "FAILED"}}}, want: map[string][]string{"mail mail from": {"warn", "FAILED"}}},
		"SES's from":   {double: sesdouble.Options{}, want: map[string][]string{"mail mail from": {"ok", "SES's own"}, "mail spf": {"ok", "DKIM alone"}}},
		"no set":       {double: sesdouble.Options{Sets: []string{"other"}}, want: map[string][]string{"mail events": {"fail", "does not know the configuration set daybook"}}},
		"set not said": {double: sesdouble.Options{}, yaml: func(s string) string { return strings.Replace(s, "  configuration_set: daybook\n", "", 1) }, want: map[string][]string{"mail events": {"warn", "no configuration set"}}},
		"some kinds":   {double: sesdouble.Options{Destinations: []sesdouble.Destination{{Name: "d", Topic: sesdouble.Topic, Events: []string{"SEND", "DELIVERY"}}}}, want: map[string][]string{"mail events": {"warn", "does not publish DELIVERY_DELAY, BOUNCE, COMPLAINT, REJECT"}}},
		"turned off":   {double: sesdouble.Options{Destinations: []sesdouble.Destination{{Name: "d", Topic: sesdouble.Topic, Disabled: true}}}, want: map[string][]string{"mail events": {"warn", "no event destination"}}},
		"wrong queue":  {double: sesdouble.Options{}, yaml: func(s string) string { return strings.Replace(s, "{queue: QUEUE", "{queue: QUEUE-others", 1) }, want: map[string][]string{"mail queue": {"fail", "there is no queue"}}},
		"no events":    {double: sesdouble.Options{}, yaml: func(s string) string { return strings.Split(s, "  events:")[0] }, want: map[string][]string{"mail queue": {"warn", "not listened to"}}},
		"plain hook": {double: sesdouble.Options{}, yaml: func(s string) string {
			return strings.Replace(strings.Split(s, "  events:")[0], "https://", "http://", 1) + "  events: {topic: " + sesdouble.Topic + "}\n"
		}, want: map[string][]string{"mail hook": {"warn", "/hooks/ses"}, "config base_url": {"warn", "not https"}, "mail queue": {""}}},
		"hook": {double: sesdouble.Options{}, yaml: func(s string) string {
			return strings.Split(s, "  events:")[0] + "  events: {topic: " + sesdouble.Topic + "}\n"
		}, want: map[string][]string{"mail hook": {"ok", "https://reports.example.com/hooks/ses"}}},
		"two minutes": {double: sesdouble.Options{}, off: 2 * time.Minute, want: map[string][]string{"clock time": {"warn", "time server"}}},
		"six minutes": {double: sesdouble.Options{}, off: -6 * time.Minute, want: map[string][]string{"clock time": {"fail", "AWS refuses"}}},
		"no address": {double: sesdouble.Options{}, yaml: func(s string) string {
			return strings.Replace(s, "endpoint: ENDPOINT", "endpoint: http://127.0.0.1:1", 1)
		}, want: map[string][]string{"clock time": {"warn", "not compared"}, "mail account": {"fail", "cannot tell"}}},
		"no SPF":          {double: sesdouble.Options{Identities: domain}, dns: func(z zone) { delete(z, "bounce.example.com") }, want: map[string][]string{"mail spf": {"warn", "there is no SPF record"}}},
		"others' SPF":     {double: sesdouble.Options{Identities: domain}, dns: func(z zone) { z["bounce.example.com"] = []string{"v=spf1 mx -all"} }, want: map[string][]string{"mail spf": {"warn", "does not let SES send"}}},
		"no DMARC":        {double: sesdouble.Options{}, dns: func(z zone) { delete(z, "_dmarc.example.com") }, want: map[string][]string{"mail dmarc": {"warn", "no DMARC record"}}},
		"DMARC watches":   {double: sesdouble.Options{}, dns: func(z zone) { z["_dmarc.example.com"] = []string{"v=DMARC1; p=none"} }, want: map[string][]string{"mail dmarc": {"ok", "only watches"}}},
		"DMARC is broken": {double: sesdouble.Options{}, dns: func(z zone) { z["_dmarc.example.com"] = []string{"v=DMARC1"} }, want: map[string][]string{"mail dmarc": {"warn", "has no policy"}}},
		"no keys":         {double: sesdouble.Options{}, dns: func(z zone) { delete(z, "token2._domainkey.example.com") }, want: map[string][]string{"mail dkim records": {"fail", "token2._domainkey.example.com"}}},
		"others' keys":    {double: sesdouble.Options{}, dns: func(z zone) { z["token3._domainkey.example.com"] = []string{"→ token1.dkim.amazonses.com"} }, want: map[string][]string{"mail dkim records": {"fail", "token3._domainkey.example.com"}}},
		"no DNS":          {double: sesdouble.Options{Identities: domain}, dns: func(z zone) { z["down"] = []string{"x"} }, want: map[string][]string{"mail dkim records": {"warn", "misbehaving"}, "mail spf": {"warn"}, "mail dmarc": {"warn"}}},
	} {
		t.Run(name, func(t *testing.T) {
			yaml := sesYAML
			if c.yaml != nil {
				yaml = c.yaml(yaml)
			}
			found := examined(t, patient{yaml: yaml, double: &c.double, dns: c.dns, off: c.off})
			for key, words := range c.want {
				wants(t, found, key, words...)
			}
		})
	}
}

func TestTheDoctorSaysThatCredentialsAreMissing(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	wants(t, examined(t, patient{yaml: sesYAML, double: &sesdouble.Options{}}), "mail account", "fail", "credentials", "AWS_PROFILE")
}

func TestAQuotaIsHeldAgainstTheMailsOfADay(t *testing.T) {
	for want, a := range map[string]mail.Account{
		"ok: no limit": {Quota: -1},
		"ok: 50,000 of 50,000 messages of 24 hours left, 200 needed a day, in 14.3s at 14 a second": {Quota: 50000, Rate: 14},
		"fail: 0 of 200 messages": {Quota: 200, Sent: 200},
		"fail: 100 of 100":        {Quota: 100},
		"warn: 150 of 250":        {Quota: 250, Sent: 100},
	} {
		if f := quota(a, 200); !strings.HasPrefix(f.state+": "+f.found, want) {
			t.Errorf("%s: %s, want %s", f.state, f.found, want)
		}
	}
	if f := standing(mail.Account{Sending: true, Production: true, Standing: "PROBATION"}); f.state != worrying {
		t.Errorf("%+v", f)
	}
	if f := identityLines(mail.Identity{Verified: true, DKIM: "SUCCESS"}, "a@example.com")[1]; f.state != failing {
		t.Errorf("%+v", f)
	}
	if f := publishedLine(mail.ConfigurationSet{Name: "daybook"}); f.state != failing {
		t.Errorf("%+v", f)
	}
}

func TestARoomIsJudgedByItsShareOfTheDisk(t *testing.T) {
	for want, free := range map[string]int64{"ok": 500, "warn": 99, "fail": 19} {
		if f := room(free, 1000); f.state != want {
			t.Errorf("%d of 1000: %+v", free, f)
		}
	}
	if f := room(0, 0); f.state != healthy {
		t.Errorf("%+v", f)
	}
}

func TestTheDoctorFindsWhatIsWrongWithTheProject(t *testing.T) {
	t.Setenv("HOOK", "https://hooks.example.com/x")
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"key.txt": "secret\n"})
	if err := os.Chmod(filepath.Join(dir, "key.txt"), 0o644); err != nil {
		t.Fatal(err)
	}
	found := examined(t, patient{dir: dir, yaml: "mail: {sender: smtp, smtp: {host: 127.0.0.1, port: 1, tls: none}}\ngroups: {everyone: []}\n" +
		"alerts:\n  - {mail: owner}\n  - {slack: env:HOOK}\n  - {webhook: env:NOT_SET, secret: file:key.txt}\n",
		files: map[string]string{"reports/usage.yaml": strings.Replace(stall()["reports/usage.yaml"], "sections:", "to: [everyone]\nsections:", 1),
			"reports/lonely.yaml": strings.Replace(stall()["reports/usage.yaml"], "sections:", "schedule: {at: \"08:00\"}\nsections:", 1)}})
	wants(t, found, "config base_url", "fail", "is this machine", "base_url:")
	wants(t, found, "config people", "warn", "lonely has a schedule and goes to nobody", "usage goes to everyone, which has nobody")
	wants(t, found, "config owners", "warn", "orders")
	wants(t, found, "config secrets", "fail", "NOT_SET is not set", "warn: every account of this machine may read "+filepath.Join(dir, "key.txt"))
	wants(t, found, "store schema", "warn", "no records yet")
	wants(t, found, "warehouse opens", "ok", "nothing is built yet")
	wants(t, found, "mail server", "fail", "connection refused", "host and port")
	wants(t, found, "mail from", "fail", "nobody's address on the internet")
	if _, err := os.Stat(filepath.Join(dir, dataDir)); err == nil {
		t.Error("looking made a data directory")
	}
}

func TestTheDoctorNamesEveryProblemOfAProjectThatDoesNotLoad(t *testing.T) {
	found := examined(t, patient{files: map[string]string{"tables/sales.sql": "SELECT nothing FROM orders\n", "daybook.yaml": "name: stall\nhome: nowhere\ncolour: red\n"}})
	if len(found) != 1 {
		t.Errorf("%v", found)
	}
	wants(t, found, "config files", "fail: ", "colour")
}

func TestTheDoctorLooksAtAnSMTPServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go greetSMTP(listener)
	yaml := fmt.Sprintf("mail:\n  sender: smtp\n  from: reports@example.com\n  base_url: https://reports.example.com\n  smtp: {host: 127.0.0.1, port: %d, tls: none}\n", listener.Addr().(*net.TCPAddr).Port)
	found := examined(t, patient{yaml: yaml})
	wants(t, found, "mail server", "ok", "127.0.0.1:", "no TLS, without signing in")
	wants(t, found, "mail spf", "ok", "example.com names who may send for it")
	wants(t, found, "mail dmarc", "ok", "p=reject")
	found = examined(t, patient{yaml: yaml, dns: func(z zone) { delete(z, "example.com") }})
	wants(t, found, "mail spf", "warn", "there is no SPF record")
	found = examined(t, patient{yaml: yaml, dns: func(z zone) { z["down"] = []string{"x"} }})
	wants(t, found, "mail spf", "warn", "misbehaving")
}

// greetSMTP is polite to whoever connects.
func greetSMTP(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		fmt.Fprint(c, "220 mail.example.com\r\n")
		lines := bufio.NewScanner(c)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "QUIT") {
				fmt.Fprint(c, "221 bye\r\n")
				break
			}
			fmt.Fprint(c, "250 mail.example.com\r\n")
		}
		c.Close()
	}
}

func TestTheDoctorLooksBesideAServer(t *testing.T) {
	dir := starterProject(t)
	mustCall(t, "run", "-C", dir, "--day", starterDay)
	s := serveProject(t, dir)
	out := mustCall(t, "doctor", "-C", dir, "--format", "json")
	var lines []struct{ State, Group, Check, Found, Fix string }
	if err := json.Unmarshal([]byte(out), &lines); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	asked := false
	for _, l := range lines {
		asked = asked || l.Group == "warehouse" && l.State == healthy && l.Found == "in use by the server, where it answers"
	}
	if !asked {
		t.Error(out)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	release, err := lockProject(filepath.Join(dir, dataDir), "run")
	if err != nil {
		t.Fatal(err)
	}
	if out := mustCall(t, "doctor", "-C", dir); !strings.Contains(out, "not looked at: the project is owned by daybook run") {
		t.Error(out)
	}
	release()
}

func TestTheDoctorEndsWithOneWhereSomethingFailed(t *testing.T) {
	dir := starterProject(t)
	mustCall(t, "run", "-C", dir, "--day", starterDay)
	mustCall(t, "doctor", "-C", dir)
	if err := os.WriteFile(filepath.Join(dir, dataDir, "warehouse.duckdb"), []byte("this is no warehouse"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := call(t, "doctor", "-C", dir, "--format", "csv")
	if !isSilent(err) || exitCode(err) != 1 || !strings.Contains(out, "fail,warehouse,opens,") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestRecordsOfAnotherVersionAreNamed(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, stall())
	mustCall(t, "run", "-C", dir, "--day", "2026-11-19")
	address := storeAddress("sqlite:app.db", filepath.Join(dir, dataDir))
	s, err := store.Peek(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	has, _, err := s.Schema(t.Context())
	if err != nil || s.Close() != nil {
		t.Fatal(err)
	}
	for knows, want := range map[int64]string{has: healthy, has + 1: worrying, has - 1: failing} {
		if f := versions(has, knows); f.state != want {
			t.Errorf("%d of %d: %+v", has, knows, f)
		}
	}
}
