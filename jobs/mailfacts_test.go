package jobs

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"daybook/internal/mail"
	"daybook/internal/store"
)

// choosy is a mail server that is away for some addresses.
type choosy struct {
	mail.Sender
	away map[string]bool // "*" is everybody
	sent func(address string)
}

func (s *choosy) Send(ctx context.Context, m mail.Message) (mail.Receipt, error) {
	if s.away[m.To.Address] || s.away["*"] {
		return mail.Receipt{}, &mail.SendError{Kind: mail.Unavailable, Retryable: true, Err: errors.New("no route")}
	}
	if s.sent != nil {
		s.sent(m.To.Address)
	}
	return s.Sender.Send(ctx, m)
}

// to is a project whose report goes to a group.
func to(f files, group string) files {
	f["daybook.yaml"] = f["daybook.yaml"][:strings.Index(f["daybook.yaml"], "groups:")] + "groups:\n  staff: " + group + "\n"
	return f
}

// waiting lists the people of monday's editions whose mail is still planned.
func (h *house) waiting() []string {
	h.t.Helper()
	editions, err := h.Store.Editions(h.t.Context(), "usage", monday)
	if err != nil {
		h.t.Fatal(err)
	}
	var out []string
	for _, e := range editions {
		list, err := h.Store.PendingDeliveries(h.t.Context(), e.ID)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, d := range list {
			out = append(out, d.Address)
		}
	}
	return out
}

// casting is a section that cannot be read where an item is no number.
const casting = "  - {name: n, kind: table, query: \"SELECT CAST(item AS INTEGER) AS n FROM items WHERE day = $day ORDER BY 1\", columns: {n: {title: N}}}\n"

func TestWhatIsMissingChangesAndNobodyHearsItTwice(t *testing.T) {
	for _, rule := range []string{"notice", "partial"} {
		t.Run(rule, func(t *testing.T) {
			h := open(t, to(punctual("if_late: "+rule+"\n").with(files{"data/2026-11-16.ndjson": ""}), three))
			box := mail.Outbox{Dir: h.dir + "/outbox"}
			c := h.clock(&choosy{Sender: box, away: map[string]bool{"cy@example.com": true}})
			for _, at := range []string{"02:00", "03:00", "07:00", "09:10"} {
				c.at("2026-11-17 " + at)
			}
			h.write(files{"data/2026-11-16.ndjson": late}) // missing becomes failed
			c.at("2026-11-17 09:21")
			c.at("2026-11-17 09:32")
			if got := h.subjects(box); len(got) != 2 {
				t.Errorf("letters %q", got)
			}
		})
	}
}

func TestWhoGotOnlyAPartGetsTheWholeWhicheverEditionThatIs(t *testing.T) {
	h := open(t, to(punctual("if_late: partial\n").with(files{"data/2026-11-16.ndjson": late}), three))
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	s := &choosy{Sender: box, away: map[string]bool{}}
	c := h.clock(s)
	for _, at := range []string{"02:00", "03:00", "07:00", "09:10"} {
		c.at("2026-11-17 " + at)
	}
	s.away["ben@example.com"], s.away["cy@example.com"] = true, true
	h.mend("a3", "b3", "c3", "d3")
	c.at("2026-11-17 09:30")
	h.mend("a3", "b3", "c3", "e3") // another edition that moves no headline
	c.at("2026-11-17 09:41")
	s.away = map[string]bool{}
	for _, at := range []string{"09:52", "10:10", "11:00", "12:00"} {
		c.at("2026-11-17 " + at)
	}
	whole := 0
	for _, s := range h.subjects(box) {
		if strings.Contains(s, "[Whole]") {
			whole++
		}
	}
	if left := h.waiting(); whole != 3 || len(left) != 0 {
		t.Errorf("%d got the whole report, %v wait: %q", whole, left, h.subjects(box))
	}
}

func TestARecoveryIsOneOfTheDayThatFailed(t *testing.T) {
	h := open(t, alerts(timed(), "", "[failed]").with(files{"data/2026-11-16.ndjson": late}))
	team, hook := newBell(t), newBell(t)
	c := h.clock(mail.Outbox{Dir: h.dir + "/outbox"})
	c.rings(team, hook)
	c.at("2026-11-19 02:00")
	h.run(store.StateFailed, Request{Day: monday, Through: monday.Add(2)}) // two of the three days go well
	h.run(store.StateDone, Request{Day: sunday, Force: ForceRebuild})
	c.at("2026-11-19 02:10")
	if got := team.titles(); len(got) != 1 || strings.Contains(got[0], "Recovered") {
		t.Errorf("alerts %q", got)
	}
}

func TestACorrectionThatWaitsIsNotALateReport(t *testing.T) {
	h := open(t, alerts(punctual(""), "", "[late]"))
	team, hook := newBell(t), newBell(t)
	s := &choosy{Sender: mail.Outbox{Dir: h.dir + "/outbox"}, away: map[string]bool{}}
	c := h.clock(s)
	c.rings(team, hook)
	for _, at := range []string{"02:00", "03:00", "07:00", "09:10"} {
		c.at("2026-11-17 " + at)
	}
	s.away["*"] = true
	h.mend("a3")
	for _, at := range []string{"09:20", "09:21", "09:22"} {
		c.at("2026-11-17 " + at)
	}
	if got := team.titles(); len(got) != 0 {
		t.Errorf("alerts %q", got)
	}
}

func TestARunThatEndsAfterItsReportWentOutHoldsNothing(t *testing.T) {
	h := open(t, to(punctual("if_late: partial\n").with(files{"data/2026-11-16.ndjson": late}), three))
	c := h.clock(mail.Outbox{Dir: h.dir + "/outbox"})
	for _, at := range []string{"02:00", "03:00", "07:00", "09:00"} {
		c.at("2026-11-17 " + at)
	}
	c.release(t.Context(), release, h.Project.Reports[0], monday) // as askAgain begins it
	c.waiting.Wait()
	c.wants(release, "2026-11-16 released")
}

func TestANoticeSaysThatTheReportItselfFailed(t *testing.T) {
	f := to(punctual("if_late: notice\n"), three)
	f["reports/usage.yaml"] = strings.Replace(f["reports/usage.yaml"], "deadline:", casting+"deadline:", 1)
	h := open(t, f)
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	c := h.clock(box)
	for _, at := range []string{"02:00", "03:00", "07:00", "09:10"} {
		c.at("2026-11-17 " + at)
	}
	for _, l := range h.everyLetter(box) {
		if !strings.Contains(l.Text, "usage: failed") || strings.Contains(l.Text, "no data for this day") {
			t.Errorf("the notice says:\n%s", l.Text)
		}
	}
}

func TestAnOutdatedEditionIsNotSentAgain(t *testing.T) {
	h := mailed(t, three)
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	s := &choosy{Sender: box, away: map[string]bool{"*": true}}
	m := h.mailer(s)
	if _, err := h.deliver(m); err == nil {
		t.Fatal("the server was away")
	}
	first := h.edition()
	h.mend("a3")
	s.away = map[string]bool{}
	if _, err := h.deliver(m); err != nil {
		t.Fatal(err)
	}
	h.mend("z3") // edition 3, which moves no headline and is not sent
	if err := m.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Resend(t.Context(), first.ID, nil, "eve"); err == nil || len(h.subjects(box)) != 3 {
		t.Errorf("sent again: %v, letters %q", err, h.subjects(box))
	}
}

func TestWhatAResendCouldNotSendIsSentLater(t *testing.T) {
	h := open(t, to(timed(), three))
	s := &choosy{Sender: mail.Outbox{Dir: h.dir + "/outbox"}, away: map[string]bool{}}
	c := h.clock(s)
	c.at("2026-11-17 02:00")
	c.at("2026-11-17 03:00")
	if err := h.Store.MirrorSuppressions(t.Context(), []store.Suppression{{Address: "cy@example.com", Reason: "bounce", Source: "ses", Since: c.now}}, c.now); err != nil {
		t.Fatal(err)
	}
	c.at("2026-11-17 07:00")
	if err := h.Store.RemoveSuppression(t.Context(), "cy@example.com"); err != nil {
		t.Fatal(err)
	}
	s.away["*"] = true
	if out, err := c.Mailer.Resend(t.Context(), h.edition().ID, nil, "eve"); err == nil || out.Waiting != 1 {
		t.Fatalf("resent %+v, %v", out, err)
	}
	s.away = map[string]bool{}
	for _, at := range []string{"09:52", "10:10", "11:00"} {
		c.at("2026-11-17 " + at)
	}
	if got := h.states(); !slices.Contains(got, "cy@example.com accepted") {
		t.Errorf("deliveries %q", got)
	}
}

func TestOldFiguresAreNotReleasedForNewOnesThatCannotBeMade(t *testing.T) {
	f := to(timed(), three)
	f["reports/usage.yaml"] += casting
	f["data/2026-11-16.ndjson"] = orders("1a", "2b")
	h := open(t, f)
	h.run(store.StateDone, Request{})
	h.write(files{"data/2026-11-16.ndjson": orders("a3", "b3", "c3")})
	h.run(store.StateFailed, Request{Nodes: []string{"orders"}, Force: ForceFetch, Downstream: true})
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	if out, err := h.mailer(box).Release(t.Context(), "usage", monday, "go", "eve"); err == nil || len(h.subjects(box)) != 0 {
		t.Errorf("released %+v, %v", out, err)
	}
}

func TestAHoldStopsTheMailsThatHaveNotLeft(t *testing.T) {
	h := mailed(t, three)
	var m *Mailer
	n := 0
	s := &choosy{Sender: mail.Outbox{Dir: h.dir + "/outbox"}, sent: func(string) {
		if n++; n == 1 {
			if err := m.Hold(context.Background(), "usage", monday, "wrong", "eve"); err != nil {
				t.Error(err)
			}
		}
	}}
	m = h.mailer(s)
	m.Sender = single{s}
	v, err := m.gate(t.Context(), "usage", monday)
	if err == nil || n != 1 || v.out.Waiting != 2 || v.state != store.StateHeld {
		t.Errorf("%d mails left, verdict %+v, %v", n, v, err)
	}
}

// single has one message in flight.
type single struct{ mail.Sender }

func (s single) Limits(context.Context) (mail.Limits, error) { return mail.Limits{Left: -1}, nil }

func TestAnEmptyDayCompletesNoNoticeWhereEmptyDaysAreSkipped(t *testing.T) {
	f := to(punctual("if_late: notice\nif_empty: skip\n").with(files{"data/2026-11-16.ndjson": ""}), three)
	f["sources/orders.yaml"] += "empty: ok\n"
	h := open(t, f)
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	c := h.clock(box)
	for _, at := range []string{"02:00", "03:00", "07:00", "09:10"} {
		c.at("2026-11-17 " + at)
	}
	h.write(files{"data/2026-11-16.ndjson": "\n"})
	for _, at := range []string{"09:21", "09:32", "09:50"} {
		c.at("2026-11-17 " + at)
	}
	if got := h.subjects(box); len(got) != 3 {
		t.Errorf("letters %q", got)
	}
}

func TestAReleaseThatDidNotReachEverybodySaysSo(t *testing.T) {
	h := mailed(t, three)
	m := h.mailer(&choosy{Sender: mail.Outbox{Dir: h.dir + "/outbox"}, away: map[string]bool{"cy@example.com": true}})
	if out, err := m.Release(t.Context(), "usage", monday, "go", "eve"); err == nil || out.Accepted != 2 || out.Waiting != 1 {
		t.Errorf("released %+v, %v", out, err)
	}
}
