package jobs

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/mail"
	"daybook/internal/mail/mailtest"
	"daybook/internal/mail/sesdouble"
	"daybook/internal/notify"
	"daybook/internal/store"
)

// bell is a place that alerts are posted to.
type bell struct {
	*httptest.Server
	mu     sync.Mutex
	heard  []rung
	status int           // that it answers; 0 is 200
	hung   chan struct{} // while it is there and open, no answer comes
}

// rung is one alert as it was posted: Slack's has a text, the webhook's the rest.
type rung struct{ ID, Kind, Title, Text string }

func newBell(t *testing.T) *bell {
	t.Helper()
	b := &bell{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var one rung
		if err == nil {
			err = json.Unmarshal(body, &one)
		}
		if err != nil {
			t.Errorf("alert %q: %v", body, err)
		}
		b.mu.Lock()
		status, hung := b.status, b.hung
		b.heard = append(b.heard, one)
		b.mu.Unlock()
		if hung != nil {
			select {
			case <-hung:
			case <-r.Context().Done():
			}
		}
		if status != 0 {
			w.WriteHeader(status)
		}
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *bell) answer(status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status = status
}

func (b *bell) hang(t *testing.T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hung = make(chan struct{})
	t.Cleanup(func() { close(b.hung) })
}

func (b *bell) all() []rung {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.heard)
}

// titles of what was heard, in order.
func (b *bell) titles() []string {
	out := []string{}
	for _, r := range b.all() {
		out = append(out, r.Title+strings.SplitN(r.Text, "\n", 2)[0])
	}
	return out
}

// kinds of what was heard.
func (b *bell) kinds() []string {
	out := []string{}
	for _, r := range b.all() {
		out = append(out, r.Kind)
	}
	return out
}

// alerts is a shop with channels to the team's Slack and to a hook, and letters to whom mail says.
func alerts(f files, mail, on string) files {
	f["daybook.yaml"] += "alerts:\n" +
		"  - {name: team, slack: \"https://hooks.example.com/team\", on: " + on + "}\n" +
		"  - {name: hook, webhook: \"https://example.com/hook\", on: " + on + "}\n"
	if mail != "" {
		f["daybook.yaml"] += "  - {name: letter, mail: " + mail + ", on: " + on + "}\n"
	}
	return f
}

// rings lets the calendar alert both bells.
func (c *clock) rings(team, hook *bell) {
	c.h.t.Helper()
	slack, err := notify.NewSlack(team.URL)
	if err != nil {
		c.h.t.Fatal(err)
	}
	webhook, err := notify.NewWebhook(hook.URL, "")
	if err != nil {
		c.h.t.Fatal(err)
	}
	c.Alerts = &Alerter{Runner: c.h.Runner, Channels: map[string]notify.Channel{"team": slack, "hook": webhook}, Letter: c.Mailer.Letter, Base: "https://shop.example.com"}
	c.h.Runner.Ended = c.Alerts.Ended
}

// alarmed are the subjects of the letters that are alerts, by address.
func alarmed(server *sesdouble.Server) []string {
	out := []string{}
	for _, m := range server.Sent() {
		if m.Tags["letter"] != "" {
			letter, err := mail.ReadLetter(m.Raw)
			if err != nil {
				out = append(out, err.Error())
			}
			out = append(out, m.To[0]+" "+letter.Subject)
		}
	}
	slices.Sort(out)
	return out
}

func TestAFailureTellsEachChannelOnceAndItsRecoveryOnce(t *testing.T) {
	f := alerts(timed(), "owner", "[failed]").with(files{"data/2026-11-16.ndjson": late})
	f["sources/orders.yaml"] += "owner: ada@example.com\n"
	h := open(t, f)
	server, team, hook := mailtest.SES(t), newBell(t), newBell(t)
	c := h.clock(ses(t, server))
	c.rings(team, hook)
	for _, at := range []string{"02:00", "03:00", "07:00", "07:20"} {
		c.at("2026-11-17 " + at)
	}
	h.run(store.StateFailed, Request{})
	c.at("2026-11-17 07:40")
	const failed, recovered = "orders of 2026-11-16 failed", "Recovered: orders of 2026-11-16 failed"
	if d := cmp.Diff([]string{failed}, team.titles()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{failed}, hook.titles()); d != "" && len(hook.titles()) != 1 {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"ada@example.com [shop] " + failed}, alarmed(server)); d != "" {
		t.Error(d)
	}
	h.mend("a3", "b3")
	c.at("2026-11-17 07:50")
	h.run(store.StateDone, Request{Force: ForceRebuild})
	c.at("2026-11-17 08:00")
	if d := cmp.Diff([]string{failed, recovered}, team.titles()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"failed", "recovered"}, hook.kinds()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"ada@example.com [shop] " + recovered, "ada@example.com [shop] " + failed}, alarmed(server)); d != "" {
		t.Error(d)
	}
	list, err := h.Store.Incidents(t.Context(), 0)
	if err != nil || len(list) != 1 || list[0].Closed.IsZero() || !strings.Contains(list[0].Reason, "do not fit") {
		t.Errorf("incidents %+v, %v", list, err)
	}
}

func TestAChannelThatIsAwayIsTriedWithGrowingPausesAndGivenUpAtLast(t *testing.T) {
	h := open(t, alerts(timed(), "", "[failed]").with(files{"data/2026-11-16.ndjson": late}))
	team, hook := newBell(t), newBell(t)
	hook.answer(http.StatusServiceUnavailable)
	c := h.clock(mail.Outbox{Dir: h.dir + "/outbox"})
	c.rings(team, hook)
	c.at("2026-11-17 02:00")
	c.at("2026-11-17 03:00")
	var tried []time.Time
	for begin := c.now; c.now.Before(begin.Add(48 * time.Hour)); c.now = c.now.Add(time.Minute) {
		before := len(hook.all())
		if err := c.Alerts.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(hook.all()) > before {
			tried = append(tried, c.now)
		}
	}
	if len(tried) < 10 || len(tried) > alertTries {
		t.Fatalf("%d tries", len(tried))
	}
	last := time.Duration(0)
	for i := range tried[1:] {
		pause := tried[i+1].Sub(tried[i])
		if pause < last || pause > time.Hour {
			t.Errorf("a pause of %s after one of %s", pause, last)
		}
		last = pause
	}
	if all := tried[len(tried)-1].Sub(tried[0]); last != time.Hour || all < 20*time.Hour {
		t.Errorf("tried for %s, at last every %s", all, last)
	}
	list, err := h.Store.Incidents(t.Context(), 0)
	if err != nil || len(list) != 1 {
		t.Fatalf("incidents %+v, %v", list, err)
	}
	rows, err := h.Store.AlertsOf(t.Context(), list[0].ID)
	if err != nil || len(rows) != 2 {
		t.Fatalf("alerts %+v, %v", rows, err)
	}
	for _, a := range rows {
		if a.Channel == "hook" && (a.State != store.AlertGivenUp || !strings.Contains(a.Error, "503")) || a.Channel == "team" && (a.State != store.AlertSent || a.Attempt != 1) {
			t.Errorf("alert %+v", a)
		}
	}
	if len(team.all()) != 1 {
		t.Errorf("the other channel heard %v", team.titles())
	}
}

func TestAChannelThatHangsDelaysNoRunAndNoMail(t *testing.T) {
	h := open(t, alerts(timed(), "", "[failed, done, delivered]").with(files{"data/2026-11-15.ndjson": late}))
	server, team, hook := mailtest.SES(t), newBell(t), newBell(t)
	c := h.clock(ses(t, server))
	c.rings(team, hook)
	c.at("2026-11-16 02:00")
	team.hang(t)
	hook.hang(t)
	tick := func(at string) {
		t.Helper()
		now, err := time.ParseInLocation("2006-01-02 15:04", at, h.Project.Zone)
		if err != nil {
			t.Fatal(err)
		}
		c.now = now
		if err := c.Tick(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	sent := func(n int) {
		t.Helper()
		// The channels hang for as long as their clients wait, which is ten seconds for each alert.
		for deadline := time.Now().Add(8 * time.Second); len(server.Sent()) < n; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d of %d mails were sent while the channels hung", len(server.Sent()), n)
			}
		}
	}
	settled := func(key, want string) {
		t.Helper()
		for deadline := time.Now().Add(8 * time.Second); !slices.Contains(c.occurrences(key), want); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s is %v while the channels hang, want %s", key, c.occurrences(key), want)
			}
		}
	}
	tick("2026-11-16 03:00")
	settled(nightly, "2026-11-15 failed")
	tick("2026-11-16 03:01") // takes the alerts to the channels, which hang
	tick("2026-11-17 03:00")
	settled(nightly, "2026-11-16 up to date")
	tick("2026-11-17 07:00")
	sent(2)
	settled(release, "2026-11-16 released")
	h.mend("a3") // from four orders to one: a correction
	tick("2026-11-17 07:10")
	sent(4)
}

func TestOneAddressThatRefusesAnAlertGivesTheOthersNoSecondOne(t *testing.T) {
	f := timed()
	f["daybook.yaml"] = strings.Replace(f["daybook.yaml"], "groups:\n", "groups:\n  duty: [{address: cy@example.com}, {address: dee@example.com}]\n", 1)
	h := open(t, alerts(f, "duty", "[failed]").with(files{"data/2026-11-16.ndjson": late}))
	server, team, hook := mailtest.SES(t), newBell(t), newBell(t)
	c := h.clock(ses(t, server))
	c.rings(team, hook)
	c.at("2026-11-17 02:00")
	server.Fail(sesdouble.BadRequest())
	c.at("2026-11-17 03:00")
	for range 5 {
		server.Fail(sesdouble.Fault{}, sesdouble.BadRequest())
		c.now = c.now.Add(2 * time.Hour)
		if err := c.Alerts.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	for _, line := range alarmed(server) {
		seen[line]++
	}
	for line, n := range seen {
		if n > 1 {
			t.Errorf("%d times: %s", n, line)
		}
	}
	if len(seen) == 0 {
		t.Error("nobody was told")
	}
}

func TestTheOwnerIsAnAddressOrAGroupAndOtherwiseTheAlertSaysWhatToDo(t *testing.T) {
	for owner, want := range map[string][]string{
		"dee@example.com": {"dee@example.com [shop] orders of 2026-11-16 failed"},
		"staff":           {"ada@example.com [shop] orders of 2026-11-16 failed", "bora@example.com [shop] orders of 2026-11-16 failed"},
		"the data team":   {},
		"":                {},
	} {
		t.Run(owner, func(t *testing.T) {
			f := alerts(timed(), "owner", "[failed]").with(files{"data/2026-11-16.ndjson": late})
			if owner != "" {
				f["sources/orders.yaml"] += "owner: " + owner + "\n"
			}
			h := open(t, f)
			server, team, hook := mailtest.SES(t), newBell(t), newBell(t)
			c := h.clock(ses(t, server))
			c.rings(team, hook)
			c.at("2026-11-17 02:00")
			c.at("2026-11-17 03:00")
			c.at("2026-11-17 03:01")
			if d := cmp.Diff(want, alarmed(server)); d != "" {
				t.Error(d)
			}
			if len(want) > 0 {
				return
			}
			list, err := h.Store.Incidents(t.Context(), 0)
			if err != nil || len(list) != 1 {
				t.Fatalf("incidents %+v, %v", list, err)
			}
			rows, err := h.Store.AlertsOf(t.Context(), list[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range rows {
				if a.Channel == "letter" && (a.State != store.AlertGivenUp || a.Attempt != 1 || !strings.Contains(a.Error, "neither an address nor a group with people in it") || !strings.Contains(a.Error, "write owner:")) {
					t.Errorf("alert %+v", a)
				}
			}
		})
	}
}

func TestAFigureBeyondItsBoundIsAnIncidentUntilItIsWithinAgain(t *testing.T) {
	f := alerts(timed(), "", "[figure]")
	f["reports/usage.yaml"] += "alert: [\"orders > 3\"]\n"
	h := open(t, f)
	team, hook := newBell(t), newBell(t)
	c := h.clock(mail.Outbox{Dir: h.dir + "/outbox"})
	c.rings(team, hook)
	c.at("2026-11-17 02:00")
	c.at("2026-11-17 03:00") // four orders
	h.run(store.StateDone, Request{Force: ForceRebuild})
	c.at("2026-11-17 03:10")
	h.write(files{"data/2026-11-15.ndjson": orders("a", "b", "c", "d", "e", "f")}) // an older day tells nobody anything
	h.run(store.StateDone, Request{Nodes: []string{"orders"}, Day: sunday, Force: ForceFetch, Downstream: true})
	c.at("2026-11-17 03:20")
	opened := []string{"usage of 2026-11-16: a figure is out of bounds"}
	if d := cmp.Diff(opened, team.titles()); d != "" {
		t.Error(d)
	}
	if all := hook.all(); len(all) != 1 || !strings.Contains(all[0].Text, "orders is 4, and should not be > 3") {
		t.Errorf("the hook heard %+v", all)
	}
	h.mend("a3", "b3")
	c.at("2026-11-17 03:30")
	c.at("2026-11-17 03:40")
	if d := cmp.Diff(append(opened, "Recovered: "+opened[0]), team.titles()); d != "" {
		t.Error(d)
	}
}

func TestALateReportIsToldOnceAndOnceMoreWhenItIsOut(t *testing.T) {
	h := open(t, alerts(punctual(""), "", "[late]").with(files{"data/2026-11-16.ndjson": late}))
	team, hook := newBell(t), newBell(t)
	c := h.clock(mail.Outbox{Dir: h.dir + "/outbox"})
	c.rings(team, hook)
	for _, at := range []string{"06:00", "07:00", "08:59"} {
		c.at("2026-11-17 " + at)
	}
	if got := team.titles(); len(got) != 0 {
		t.Errorf("before the deadline: %v", got)
	}
	for _, at := range []string{"09:00", "09:01", "09:20", "10:00"} {
		c.at("2026-11-17 " + at)
	}
	opened := []string{"usage of 2026-11-16 is late"}
	if d := cmp.Diff(opened, team.titles()); d != "" {
		t.Error(d)
	}
	if all := hook.all(); len(all) != 1 || !strings.Contains(all[0].Text, "nothing was delivered by 09:00: ") || !strings.Contains(all[0].Text, "do not fit") {
		t.Errorf("the hook heard %+v", all)
	}
	h.mend("a3")
	for _, at := range []string{"10:20", "10:21", "10:40"} {
		c.at("2026-11-17 " + at)
	}
	c.wants(release, "2026-11-16 released")
	if d := cmp.Diff(append(opened, "Recovered: "+opened[0]), team.titles()); d != "" {
		t.Error(d)
	}
}

func TestALineForEachReportThatWentOut(t *testing.T) {
	h := open(t, alerts(timed(), "", "[delivered]"))
	team, hook := newBell(t), newBell(t)
	c := h.clock(mail.Outbox{Dir: h.dir + "/outbox"})
	c.rings(team, hook)
	for _, at := range []string{"2026-11-17 06:00", "2026-11-17 07:00", "2026-11-17 07:05", "2026-11-18 07:00", "2026-11-18 07:05"} {
		c.at(at)
	}
	if d := cmp.Diff([]string{"usage of 2026-11-16 went out", "usage of 2026-11-17 went out"}, team.titles()); d != "" {
		t.Error(d)
	}
	if all := hook.all(); len(all) != 2 || all[0].Text != "2 accepted, 0 failed, 0 unknown of 2" {
		t.Errorf("the hook heard %+v", all)
	}
}

func TestARestartKeepsTheAlertsThatWaitAndTellsNothingTwice(t *testing.T) {
	h := open(t, alerts(timed(), "", "[failed]").with(files{"data/2026-11-16.ndjson": late}))
	team, hook := newBell(t), newBell(t)
	hook.answer(http.StatusBadGateway)
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	c := h.clock(box)
	c.rings(team, hook)
	c.at("2026-11-17 02:00")
	c.at("2026-11-17 03:00")
	c.at("2026-11-17 03:00")
	h.reopen()
	hook.answer(http.StatusOK)
	c = h.clock(box)
	c.rings(team, hook)
	c.at("2026-11-17 03:10")
	h.run(store.StateFailed, Request{})
	c.at("2026-11-17 03:20")
	all := hook.all()
	if len(all) != 2 || all[0] != all[1] || all[0].ID == "" {
		t.Errorf("the hook heard %+v", all)
	}
	if len(team.all()) != 1 {
		t.Errorf("the other channel heard %v", team.titles())
	}
	h.reopen()
	c = h.clock(box)
	c.rings(team, hook)
	h.mend("a3")
	c.at("2026-11-17 03:30")
	if d := cmp.Diff([]string{"failed", "failed", "recovered"}, hook.kinds()); d != "" {
		t.Error(d)
	}
}
