package jobs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/mail"
	"daybook/internal/store"
)

// on is the timed shop with data of some days, and its report due at an hour; more is of the report.
func on(zone, hour, more string, days ...string) files {
	f := timed()
	f["daybook.yaml"] = strings.Replace(f["daybook.yaml"], "Asia/Seoul", zone, 1)
	f["reports/usage.yaml"] = strings.Replace(f["reports/usage.yaml"], "07:00", hour, 1) + more
	for name := range f {
		if strings.HasPrefix(name, "data/") {
			delete(f, name)
		}
	}
	for i, d := range days {
		f["data/"+d+".ndjson"] = orders(fmt.Sprint("a", i), fmt.Sprint("b", i))
	}
	return f
}

// instant looks at the clock at an instant and waits for what begins.
func (c *clock) instant(t time.Time) {
	c.h.t.Helper()
	c.now = t
	if err := c.Tick(c.h.t.Context(), t); err != nil {
		c.h.t.Fatal(err)
	}
	c.waiting.Wait()
}

// english are the subjects of what Ada got, oldest first, each with the civil day on which it was sent.
func (h *house) english(box mail.Outbox) []string {
	h.t.Helper()
	entries, err := box.List()
	if err != nil {
		h.t.Fatal(err)
	}
	slices.Reverse(entries)
	out := []string{}
	for _, e := range entries {
		if strings.Contains(e.To, "ada@") {
			out = append(out, e.Date.In(h.Project.Zone).Format("2006-01-02 15:04 ")+e.Subject)
		}
	}
	return out
}

func TestTheRightDayIsMailedOnceAtYearEndAndInLeapYearsAndAtMidnight(t *testing.T) {
	const seoul = "Asia/Seoul"
	for name, c := range map[string]struct {
		files  files
		clock  []string
		letter []string
	}{
		"year end": {on(seoul, "07:00", "", "2026-12-31", "2027-01-01"),
			[]string{"2026-12-31 12:00", "2027-01-01 00:00", "2027-01-01 07:00", "2027-01-01 23:59", "2027-01-02 07:00"},
			[]string{"2027-01-01 07:00 Usage (2026-12-31)", "2027-01-02 07:00 Usage (2027-01-01)"}},
		"leap day": {on(seoul, "07:00", "", "2028-02-28", "2028-02-29", "2028-03-01"),
			[]string{"2028-02-28 12:00", "2028-02-29 07:00", "2028-02-29 12:00", "2028-03-01 07:00", "2028-03-01 12:00", "2028-03-02 07:00"},
			[]string{"2028-02-29 07:00 Usage (2028-02-28)", "2028-03-01 07:00 Usage (2028-02-29)", "2028-03-02 07:00 Usage (2028-03-01)"}},
		"no leap day": {on(seoul, "07:00", "", "2027-02-28", "2027-03-01"),
			[]string{"2027-02-28 12:00", "2027-03-01 07:00", "2027-03-02 07:00"},
			[]string{"2027-03-01 07:00 Usage (2027-02-28)", "2027-03-02 07:00 Usage (2027-03-01)"}},
		"midnight, when it is the day before in UTC": {on(seoul, "00:00", "", "2026-11-15", "2026-11-16"),
			[]string{"2026-11-15 23:00", "2026-11-15 23:59", "2026-11-16 00:00", "2026-11-16 08:59", "2026-11-16 09:00", "2026-11-17 00:00", "2026-11-17 00:01"},
			[]string{"2026-11-16 00:00 Usage (2026-11-15)", "2026-11-17 00:00 Usage (2026-11-16)"}},
		"five past midnight": {on(seoul, "00:05", "", "2026-11-15", "2026-11-16"),
			[]string{"2026-11-15 23:00", "2026-11-16 00:00", "2026-11-16 00:05", "2026-11-16 09:00", "2026-11-17 00:04", "2026-11-17 00:05"},
			[]string{"2026-11-16 00:05 Usage (2026-11-15)", "2026-11-17 00:05 Usage (2026-11-16)"}},
		"a minute before UTC's day begins": {on(seoul, "08:59", "", "2026-11-15", "2026-11-16"),
			[]string{"2026-11-16 08:00", "2026-11-16 08:59", "2026-11-16 09:00", "2026-11-16 09:01", "2026-11-17 08:59"},
			[]string{"2026-11-16 08:59 Usage (2026-11-15)", "2026-11-17 08:59 Usage (2026-11-16)"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, c.files)
			box := mail.Outbox{Dir: h.dir + "/outbox"}
			clock := h.clock(box)
			for _, at := range c.clock {
				clock.at(at)
			}
			if d := cmp.Diff(c.letter, h.english(box)); d != "" {
				t.Error(d)
			}
		})
	}
}

// New York: 2026-03-08 has no time from 02:00 to 03:00, 2026-11-01 has the one from 01:00 to 02:00 twice. The clock is looked at every
// quarter of an hour.
func TestAReportThatIsDueInAGapOrAFoldIsMailedOnceAndItsDeadlineComesOnce(t *testing.T) {
	for name, c := range map[string]struct {
		day, hour, deadline string
		missing             bool
		letters             []string
	}{
		"due in the gap":                 {"2026-03-07", "02:30", "03:30", false, []string{"2026-03-08 03:00 Usage (2026-03-07)"}},
		"due in the gap, deadline in it": {"2026-03-07", "02:15", "02:45", true, []string{"2026-03-08 03:15 No report: Usage (2026-03-07)"}},
		"due before, deadline in it":     {"2026-03-07", "01:30", "02:30", true, []string{"2026-03-08 03:00 No report: Usage (2026-03-07)"}},
		"due in the fold":                {"2026-10-31", "01:30", "03:30", false, []string{"2026-11-01 01:30 Usage (2026-10-31)"}},
		"due in the fold, late in it":    {"2026-10-31", "01:15", "01:45", true, []string{"2026-11-01 01:45 No report: Usage (2026-10-31)"}},
	} {
		t.Run(name, func(t *testing.T) {
			days := []string{c.day}
			if c.missing {
				days = nil
			}
			f := on("America/New_York", c.hour, "deadline: \""+c.deadline+"\"\nif_late: notice\n", days...)
			h := open(t, f)
			box := mail.Outbox{Dir: h.dir + "/outbox"}
			clock := h.clock(box)
			begin := calendar.MustDay(c.day).Add(1).Start(h.Project.Zone)
			for at := begin; at.Before(begin.Add(6 * time.Hour)); at = at.Add(15 * time.Minute) {
				clock.instant(at)
			}
			if d := cmp.Diff(c.letters, h.english(box)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTheDeadlineFollowsTheReleaseWhereTheirZoneIsAnotherThanTheProjects(t *testing.T) {
	for _, zone := range []string{"Asia/Seoul", "UTC", "America/Los_Angeles", "Pacific/Auckland"} {
		for _, own := range []string{"Asia/Seoul", "UTC", "America/New_York", "Pacific/Kiritimati"} {
			f := on(zone, "07:00", "deadline: \"09:00\"\n")
			f["reports/usage.yaml"] = strings.Replace(f["reports/usage.yaml"], `{at: "07:00"}`, `{at: "07:00", timezone: `+own+`}`, 1)
			h := open(t, f)
			c := h.clock(mail.Outbox{Dir: h.dir + "/outbox"})
			now := time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)
			for _, next := range c.Calendar.Next(now) {
				if next.Schedule != release {
					continue
				}
				if at, ok := c.Mailer.Deadline("usage", next.Day); !ok || at.Sub(next.Due) != 2*time.Hour {
					t.Errorf("a project in %s whose report is due at 07:00 in %s: deadline %s after it", zone, own, at.Sub(next.Due))
				}
			}
			h.close()
		}
	}
}

func TestTwoReportsOfOneMartAtTheSameHourEachGoOutOnce(t *testing.T) {
	f := timed()
	f["reports/second.yaml"] = strings.Replace(f["reports/usage.yaml"], "title: Usage", "title: Second", 1)
	h := open(t, f)
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	c := h.clock(box)
	c.at("2026-11-17 06:00") // the nightly refresh is over for this day
	for _, at := range []string{"07:00", "07:00", "07:05", "07:20"} {
		c.at("2026-11-17 " + at)
	}
	c.at("2026-11-18 07:00")
	want := []string{"Second (2026-11-16)", "Second (2026-11-17)", "Usage (2026-11-16)", "Usage (2026-11-17)"}
	var got []string
	for _, s := range h.english(box) {
		got = append(got, s[len("2006-01-02 15:04 "):])
	}
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, node := range []string{"orders", "sales", "daily", "items"} {
		tasks, err := h.Store.NodeTasks(t.Context(), node, monday, 0)
		if err != nil {
			t.Fatal(err)
		}
		built := 0
		for _, task := range tasks {
			if task.State == store.StateDone && !task.Started.IsZero() {
				built++
			}
		}
		if built != 1 {
			t.Errorf("%s was built %d times", node, built)
		}
	}
}

// A server that was down for days mails what it catches up, each day's report once; a day that cannot be had is told of once.
func TestAfterDaysOfDowntimeEachDayIsMailedOnceAndItsMissedDeadlineIsHandledOnce(t *testing.T) {
	for rule, third := range map[string]string{"notice": "No report: Usage (2026-11-17)", "partial": "[Partial] Usage (2026-11-17)", "hold": ""} {
		t.Run(rule, func(t *testing.T) {
			f := on("Asia/Seoul", "07:00", "deadline: \"09:00\"\nif_late: "+rule+"\n", "2026-11-14", "2026-11-15", "2026-11-16", "2026-11-18")
			h := open(t, alerts(f, "", "[late]"))
			box := mail.Outbox{Dir: h.dir + "/outbox"}
			team, hook := newBell(t), newBell(t)
			c := h.clock(box)
			c.rings(team, hook)
			c.at("2026-11-14 12:00")
			h.reopen()
			c = h.clock(box)
			c.rings(team, hook)
			for at := time.Date(2026, 11, 19, 12, 0, 0, 0, h.Project.Zone); at.Hour() < 15; at = at.Add(5 * time.Minute) {
				c.instant(at)
			}
			want := []string{"Usage (2026-11-16)", "Usage (2026-11-18)"}
			if third != "" {
				want = append(want, third)
			}
			slices.Sort(want)
			var got []string
			for _, s := range h.english(box) {
				got = append(got, s[len("2006-01-02 15:04 "):])
			}
			slices.Sort(got)
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			state := "released"
			if rule == "hold" {
				state = "held"
			}
			c.wants(release, "2026-11-14 skipped", "2026-11-15 skipped", "2026-11-16 released", "2026-11-17 "+state, "2026-11-18 released")
			if got := team.titles(); len(got) > 2 {
				t.Errorf("alerts %v", got)
			}
		})
	}
}

func TestADeadlineThatPassedWhileTheServerWasDownIsHandledOnceWhenItIsUp(t *testing.T) {
	h := open(t, on("Asia/Seoul", "07:00", "deadline: \"09:00\"\nif_late: notice\n"))
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	c := h.clock(box)
	c.at("2026-11-17 06:00")
	c.at("2026-11-17 07:00")
	c.at("2026-11-17 08:00")
	c.wants(release, "2026-11-16 held")
	h.reopen()
	c = h.clock(box)
	for at := time.Date(2026, 11, 18, 6, 0, 0, 0, h.Project.Zone); at.Hour() < 12; at = at.Add(5 * time.Minute) {
		c.instant(at)
	}
	want := []string{"2026-11-18 06:00 No report: Usage (2026-11-16)", "2026-11-18 09:00 No report: Usage (2026-11-17)"}
	if d := cmp.Diff(want, h.english(box)); d != "" {
		t.Error(d)
	}
}

// The mail server is away at the deadline and for hours after it: what is late by then is still told once.
func TestWhatIsLateWhileTheMailServerIsAwayIsMailedOnceWhenItIsBack(t *testing.T) {
	for rule, subject := range map[string]string{"notice": "No report: Usage (2026-11-16)", "partial": "[Partial] Usage (2026-11-16)"} {
		t.Run(rule, func(t *testing.T) {
			h := open(t, on("Asia/Seoul", "07:00", "deadline: \"09:00\"\nif_late: "+rule+"\n"))
			box := mail.Outbox{Dir: h.dir + "/outbox"}
			sender := &switched{Sender: box, away: true}
			c := h.clock(sender)
			c.at("2026-11-17 06:00")
			for at := time.Date(2026, 11, 17, 7, 0, 0, 0, h.Project.Zone); at.Hour() < 14; at = at.Add(5 * time.Minute) {
				sender.away = at.Hour() < 12
				c.instant(at)
			}
			if got := h.english(box); len(got) != 1 || !strings.HasSuffix(got[0], subject) {
				t.Errorf("letters %q", got)
			}
			editions, err := h.Store.Editions(t.Context(), "usage", monday)
			if err != nil || len(editions) != 1 {
				t.Errorf("%d editions, %v", len(editions), err)
			}
		})
	}
}
