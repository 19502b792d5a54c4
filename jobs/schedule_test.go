package jobs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/mail"
	"daybook/internal/store"
)

// timed is the shop with schedules.
func timed() files {
	return shop().with(files{
		"daybook.yaml": `name: shop
timezone: Asia/Seoul
attempts: 1
catchup: 3
warehouse: {memory: 256MB, threads: 1}
refresh:
  - {name: nightly, at: "03:00", nodes: all}
groups:
  staff: [{address: ada@example.com, name: Ada, locale: en}, {address: bora@example.com, name: 보라, locale: ko}]
`,
		"reports/usage.yaml": "schedule: {at: \"07:00\"}\nto: [staff]\nlocales: [en, ko]\n" + shop()["reports/usage.yaml"],
	})
}

// clock is the calendar of a house with a clock that the test sets.
type clock struct {
	*Calendar
	h   *house
	now time.Time
}

func (h *house) clock(sender mail.Sender) *clock {
	h.t.Helper()
	c := &clock{h: h}
	h.Now = func() time.Time { return c.now }
	c.Calendar = &Calendar{Runner: h.Runner, Log: h.Log}
	if sender != nil {
		c.Mailer = h.mailer(sender)
	}
	return c
}

// at looks at the clock at a wall-clock time of the project and waits for what begins.
func (c *clock) at(wall string) {
	c.h.t.Helper()
	t, err := time.ParseInLocation("2006-01-02 15:04", wall, c.h.Project.Zone)
	if err != nil {
		c.h.t.Fatal(err)
	}
	c.now = t
	if err := c.Tick(context.Background(), t); err != nil {
		c.h.t.Fatal(err)
	}
	c.waiting.Wait()
}

// occurrences are those of a schedule, oldest first: "2026-11-16 up to date".
func (c *clock) occurrences(key string) []string {
	c.h.t.Helper()
	list, err := c.h.Store.Occurrences(context.Background(), key, 0)
	if err != nil {
		c.h.t.Fatal(err)
	}
	out := []string{}
	for _, o := range list {
		out = append(out, fmt.Sprintf("%s %s", o.Day, o.State))
	}
	slices.Reverse(out)
	return out
}

func (c *clock) runs() int {
	c.h.t.Helper()
	runs, err := c.h.Store.Runs(context.Background(), store.RunFilter{})
	if err != nil {
		c.h.t.Fatal(err)
	}
	return len(runs)
}

func (c *clock) wants(key string, want ...string) {
	c.h.t.Helper()
	if d := cmp.Diff(append([]string{}, want...), c.occurrences(key)); d != "" {
		c.h.t.Error(d)
	}
}

const nightly = "refresh:nightly"

func TestTheFirstStartDoesNotRunThePast(t *testing.T) {
	c := open(t, timed()).clock(nil)
	c.at("2026-11-17 12:00")
	c.at("2026-11-17 12:01")
	c.wants(nightly)
	c.at("2026-11-18 03:00")
	c.wants(nightly, "2026-11-17 up to date")
}

func TestADayIsRefreshedOnceOnTheMorningAfter(t *testing.T) {
	c := open(t, timed()).clock(nil)
	c.at("2026-11-17 02:00")
	c.at("2026-11-17 02:59")
	c.wants(nightly)
	c.at("2026-11-17 03:00")
	c.at("2026-11-17 03:00")
	c.at("2026-11-17 23:59")
	c.wants(nightly, "2026-11-16 up to date")
	if n := c.runs(); n != 1 {
		t.Errorf("%d runs", n)
	}
	run, err := c.h.Store.RunByNumber(t.Context(), 1)
	if err != nil || run.Cause != "schedule" || run.By != nightly || run.Day != monday {
		t.Errorf("run %+v, %v", run, err)
	}
}

func TestAChangedHourRunsNothingTwice(t *testing.T) {
	h := open(t, timed())
	c := h.clock(nil)
	c.at("2026-11-17 02:00")
	c.at("2026-11-17 03:00")
	h.write(files{"daybook.yaml": strings.Replace(timed()["daybook.yaml"], "03:00", "05:00", 1)})
	h.reopen()
	c = h.clock(nil)
	c.at("2026-11-17 06:00")
	c.wants(nightly, "2026-11-16 up to date")
	h.write(files{"daybook.yaml": timed()["daybook.yaml"]})
	h.reopen()
	c = h.clock(nil)
	c.at("2026-11-18 04:00")
	c.wants(nightly, "2026-11-16 up to date", "2026-11-17 up to date")
	if n := c.runs(); n != 2 {
		t.Errorf("%d runs", n)
	}
}

func TestDowntimeIsCaughtUpInOneRunAndWhatIsOlderIsSkipped(t *testing.T) {
	c := open(t, timed()).clock(nil)
	c.at("2026-11-14 12:00")
	c.at("2026-11-19 12:00")
	c.wants(nightly, "2026-11-14 skipped", "2026-11-15 skipped", "2026-11-16 up to date", "2026-11-17 up to date", "2026-11-18 up to date")
	if n := c.runs(); n != 1 {
		t.Errorf("%d runs", n)
	}
	run, err := c.h.Store.RunByNumber(t.Context(), 1)
	if err != nil || run.Day != monday || run.Through != monday.Add(2) {
		t.Errorf("run %+v, %v", run, err)
	}
	o, err := c.h.Store.Occurrences(t.Context(), nightly, 0)
	if err != nil || o[4].Note != "more than 3 days were missed" {
		t.Errorf("occurrences %+v, %v", o, err)
	}
}

// An hourly line is due many times on a day; the cap counts days.
func TestCatchingUpCountsDaysAndNotInstants(t *testing.T) {
	f := timed()
	c := open(t, f.with(files{"daybook.yaml": strings.Replace(f["daybook.yaml"], `at: "03:00"`, `cron: "0 * * * *"`, 1)})).clock(nil)
	c.at("2026-11-16 23:30")
	c.at("2026-11-18 12:00")
	c.wants(nightly, "2026-11-16 up to date", "2026-11-17 up to date")
}

func TestAScheduleInAGapRunsOnceAndInAFoldOnce(t *testing.T) {
	f := timed()
	for zone, hour := range map[string]string{"America/New_York": "02:30", "America/Santiago": "00:00"} { // both have the hour not at all and twice
		c := open(t, f.with(files{"daybook.yaml": strings.NewReplacer("Asia/Seoul", zone, "03:00", hour).Replace(f["daybook.yaml"])})).clock(nil)
		start := calendar.MustDay("2026-01-01").Start(c.h.Project.Zone)
		end := calendar.MustDay("2027-01-01").Start(c.h.Project.Zone)
		var due []calendar.Day
		missed, err := c.missed(t.Context(), c.schedules()[0], start.Add(-time.Second), end.Add(-time.Second))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range missed {
			due = append(due, o.day)
		}
		want := calendar.Range(calendar.MustDay("2025-12-31"), calendar.MustDay("2026-12-30"))
		if !slices.Equal(due, want) {
			t.Errorf("%s: %d days from %s to %s, want %d", zone, len(due), due[0], due[len(due)-1], len(want))
		}
	}
}

func TestWhatWasClaimedWhenTheProcessEndedIsBegunAgain(t *testing.T) {
	h := open(t, timed())
	c := h.clock(nil)
	c.at("2026-11-17 02:00")
	// The process ends between the claim and the run.
	if _, err := h.Store.ClaimOccurrence(t.Context(), nightly, monday, c.now, c.now); err != nil {
		t.Fatal(err)
	}
	h.reopen()
	c = h.clock(nil)
	if err := c.resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.waiting.Wait()
	c.wants(nightly, "2026-11-16 up to date")
	c.at("2026-11-17 03:00")
	if n := c.runs(); n != 1 {
		t.Errorf("%d runs", n)
	}
}

func TestARefreshThatTheEndOfTheProcessInterruptsIsBegunAgain(t *testing.T) {
	g := gateAt("raw committed")
	h := open(t, timed(), g.set)
	c := h.clock(nil)
	c.at("2026-11-17 02:00")
	go func() { <-g.reached; h.Runner.end(errClosed); close(g.through) }()
	c.at("2026-11-17 03:00")
	c.wants(nightly, "2026-11-16 interrupted")
	h.reopen()
	c = h.clock(nil)
	if err := c.resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.waiting.Wait()
	c.wants(nightly, "2026-11-16 up to date")
}

const release = "release:usage"

func TestAReportIsMailedOnceToEverybody(t *testing.T) {
	h := open(t, timed())
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	c := h.clock(box)
	c.at("2026-11-17 06:00")
	c.at("2026-11-17 07:00")
	c.at("2026-11-17 07:05")
	c.wants(release, "2026-11-16 released")
	if letters := h.letters(box); len(letters) != 2 {
		t.Errorf("%d letters", len(letters))
	}
	h.reopen()
	c = h.clock(box)
	c.at("2026-11-17 08:00")
	if letters := h.letters(box); len(letters) != 2 {
		t.Errorf("%d letters after a restart", len(letters))
	}
}

func TestAReportThatIsNotRightIsHeldAndMailedWhenItIsMended(t *testing.T) {
	h := open(t, timed())
	file := timed()["data/2026-11-16.ndjson"]
	h.write(files{"data/2026-11-16.ndjson": "not json\n"})
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	c := h.clock(box)
	c.at("2026-11-17 06:00")
	c.at("2026-11-17 07:00")
	c.at("2026-11-17 07:10")
	c.wants(release, "2026-11-16 held")
	o, _, err := h.Store.LastOccurrence(t.Context(), release)
	if err != nil || !strings.Contains(o.Note, "1 of 1 records of orders do not fit") {
		t.Errorf("held because %q, %v", o.Note, err)
	}
	if letters := h.letters(box); len(letters) != 0 {
		t.Errorf("%d letters", len(letters))
	}
	h.write(files{"data/2026-11-16.ndjson": file})
	h.run(store.StateDone, Request{Nodes: []string{"orders"}, Force: ForceFetch, Downstream: true})
	c.at("2026-11-17 07:11")
	c.wants(release, "2026-11-16 released")
	if letters := h.letters(box); len(letters) != 2 {
		t.Errorf("%d letters", len(letters))
	}
}

func TestAReportOfAMissingDayIsHeldAndSaysSo(t *testing.T) {
	h := open(t, timed().with(files{"data/2026-11-16.ndjson": ""}))
	c := h.clock(mail.Outbox{Dir: h.dir + "/outbox"})
	c.at("2026-11-17 06:00")
	c.at("2026-11-17 07:00")
	o, _, err := h.Store.LastOccurrence(t.Context(), release)
	if err != nil || o.State != store.StateHeld || o.Note != store.StateMissing {
		t.Errorf("occurrence %+v, %v", o, err)
	}
}

func TestADayThatArrivesLateIsAskedForAgainAndMailed(t *testing.T) {
	late := timed()["data/2026-11-16.ndjson"]
	h := open(t, timed().with(files{"data/2026-11-16.ndjson": ""}))
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	c := h.clock(box)
	c.at("2026-11-17 02:00")
	c.at("2026-11-17 03:00")
	c.at("2026-11-17 07:00")
	c.wants(nightly, "2026-11-16 missing at source")
	c.wants(release, "2026-11-16 held")
	before := c.runs()
	h.write(files{"data/2026-11-16.ndjson": late})
	c.at("2026-11-17 07:05")
	if c.runs() != before {
		t.Errorf("%d runs within ten minutes, %d before", c.runs(), before)
	}
	c.at("2026-11-17 07:16")
	c.at("2026-11-17 07:17")
	c.wants(nightly, "2026-11-16 up to date")
	c.wants(release, "2026-11-16 released")
	if letters := h.letters(box); len(letters) != 2 {
		t.Errorf("%d letters", len(letters))
	}
}

func TestAMissingDayIsNotAskedForAgainOnceTheNextOneIsDue(t *testing.T) {
	h := open(t, timed().with(files{"data/2026-11-16.ndjson": ""}))
	c := h.clock(nil)
	c.at("2026-11-17 02:00")
	c.at("2026-11-17 03:00")
	c.at("2026-11-18 03:00")
	c.at("2026-11-18 03:30")
	c.at("2026-11-18 05:00")
	if list := c.occurrences(nightly); len(list) != 2 || list[0] != "2026-11-16 missing at source" {
		t.Errorf("%v", list)
	}
	if n := c.runs(); n != 2 {
		t.Errorf("%d runs", n)
	}
}

func TestTheHeartbeatFollowsTheClockAndStops(t *testing.T) {
	h := open(t, timed())
	c := h.clock(nil)
	c.now = time.Date(2026, 11, 17, 2, 59, 0, 0, h.Project.Zone)
	ticks := make(chan struct{}, 100)
	h.Now = func() time.Time {
		select {
		case ticks <- struct{}{}:
		default:
		}
		return c.now
	}
	c.Beat = time.Millisecond
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-ticks
	<-ticks
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	for len(ticks) > 0 {
		<-ticks
	}
	if seen, err := h.Store.Cursor(t.Context(), "calendar:"+nightly); err != nil || seen != "2026-11-16T17:59:00Z" {
		t.Errorf("the cursor is %q, %v", seen, err)
	}
	if len(ticks) > 0 {
		t.Error("it went on after its end")
	}
}

func TestWhatIsDueNextIsTold(t *testing.T) {
	c := open(t, timed()).clock(mail.Outbox{Dir: t.TempDir()})
	now := time.Date(2026, 11, 17, 4, 0, 0, 0, c.h.Project.Zone)
	got := c.Next(now)
	want := []Upcoming{
		{nightly, time.Date(2026, 11, 18, 3, 0, 0, 0, c.h.Project.Zone), monday.Add(1)},
		{release, time.Date(2026, 11, 17, 7, 0, 0, 0, c.h.Project.Zone), monday},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(monday)); d != "" {
		t.Error(d)
	}
}

// The clock of the bubble begins with the year 2000 and runs as fast as the work allows.
func TestTheHeartbeatRefreshesAndMailsEachMorning(t *testing.T) {
	f := timed()
	for day := range 4 {
		f[fmt.Sprintf("data/2000-01-0%d.ndjson", day+1)] = orders("a1", "b1")
	}
	synctest.Test(t, func(t *testing.T) {
		h := open(t, f)
		box := mail.Outbox{Dir: h.dir + "/outbox"}
		c := &Calendar{Runner: h.Runner, Mailer: h.mailer(box), Log: h.Log, Beat: time.Minute}
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * 24 * time.Hour)
		h.Runner.Close()
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
		(&clock{Calendar: c, h: h}).wants(nightly, "2000-01-01 up to date", "2000-01-02 up to date", "2000-01-03 up to date")
		entries, err := box.List()
		if err != nil || len(entries) != 6 {
			t.Errorf("%d letters, %v", len(entries), err)
		}
		h.close()
	})
}
