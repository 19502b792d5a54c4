package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook/examples"
	"daybook/internal/calendar"
	"daybook/internal/mail/sesdouble"
	"daybook/internal/store"
)

// row is what rehearse --format json says of a scene.
type row struct{ Scenario, People, Accepted, Delivered, Bounced, Complained, Failed, Unknown, Lost, Twice, Requests, Seconds, Verdict, Problem string }

func (r row) String() string {
	return fmt.Sprintf("%s accepted, %s delivered, %s bounced, %s complained, %s failed, %s unknown, %s lost, %s twice: %s %s",
		r.Accepted, r.Delivered, r.Bounced, r.Complained, r.Failed, r.Unknown, r.Lost, r.Twice, r.Verdict, r.Problem)
}

// rehearsed calls rehearse and reads its rows.
func rehearsed(t *testing.T, args ...string) (map[string]row, error) {
	t.Helper()
	t.Setenv(asProgram, "1") // for the processes that it starts
	var out, errs bytes.Buffer
	err := run(t.Context(), append([]string{"rehearse", "--format", "json"}, args...), os.LookupEnv, strings.NewReader(""), &out, &errs)
	var list []row
	if e := json.Unmarshal(out.Bytes(), &list); e != nil {
		t.Fatalf("%v: %v\n%s%s", err, e, out.String(), errs.String())
	}
	rows := map[string]row{}
	for _, r := range list {
		rows[r.Scenario] = r
		if !strings.Contains(errs.String(), r.Scenario+": "+r.Verdict) {
			t.Errorf("no line of progress for %s in %s", r.Scenario, errs.String())
		}
	}
	return rows, err
}

// oneDay is the library example with one small day that is built.
func oneDay(t *testing.T) string {
	t.Helper()
	needBundle(t)
	dir := filepath.Join(t.TempDir(), "library")
	if err := copyProject(examples.Library, "library", dir); err != nil {
		t.Fatal(err)
	}
	mustCall(t, "generate", "library", "--days", "1", "--end", "2026-11-19", "--per-day", "300", "-o", filepath.Join(dir, "data"))
	mustCall(t, "run", "-C", dir, "--day", "2026-11-19")
	return dir
}

func TestARehearsalPlaysEveryWayAndLeavesTheProjectAlone(t *testing.T) {
	dir := oneDay(t)
	serveProject(t, dir) // a server owns the project meanwhile
	t.Setenv("TMPDIR", t.TempDir())
	rows, err := rehearsed(t, "daily", "-C", dir, "--people", "20")
	if err != nil {
		t.Error(err)
	}
	everybody := "20 accepted, 20 delivered, 0 bounced, 0 complained, 0 failed, 0 unknown, 0 lost, 0 twice: ok "
	want := map[string]string{
		"one mail is rejected":   "19 accepted, 19 delivered, 0 bounced, 0 complained, 1 failed, 0 unknown, 0 lost, 0 twice: ok ",
		"bounces and complaints": "20 accepted, 16 delivered, 2 bounced, 2 complained, 0 failed, 0 unknown, 0 lost, 0 twice: ok ",
		"killed at: sending":     "19 accepted, 19 delivered, 0 bounced, 0 complained, 0 failed, 1 unknown, 0 lost, 0 twice: ok ",
	}
	for _, s := range scenes() {
		expected, special := want[s.name]
		if !special {
			expected = everybody
		}
		if got := rows[s.name]; got.String() != expected || got.People != "20" {
			t.Errorf("%s: %s, want %s", s.name, got, expected)
		}
	}
	records, err := store.Peek(t.Context(), storeAddress("sqlite:app.db", filepath.Join(dir, dataDir)))
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	e, err := records.LatestEdition(t.Context(), "daily")
	if err != nil || e.State != "built" {
		t.Errorf("the edition is %s, %v", e.State, err)
	}
	if list, err := records.Deliveries(t.Context(), e.ID); err != nil || len(list) > 0 {
		t.Errorf("the ledger has %d deliveries, %v", len(list), err)
	}
	if list, err := records.People(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("the project has %d people, %v", len(list), err)
	}
	if _, err := os.Stat(filepath.Join(dir, dataDir, "lake", "prints")); err == nil {
		t.Error("the project's lake has prints")
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}

// cast is a rehearsal of a small project.
func cast(t *testing.T, people int) *rehearsal {
	t.Helper()
	needBundle(t)
	t.Setenv(asProgram, "1")
	dir := t.TempDir()
	writeFiles(t, dir, stall())
	mustCall(t, "run", "-C", dir, "--day", "2026-11-19")
	r := &rehearsal{program: &program{env: os.LookupEnv, dir: dir, out: t.Output(), err: t.Output(), format: "table"}, scratch: t.TempDir(), report: "usage"}
	if err := r.cast(t.Context(), people, false); err != nil {
		t.Fatal(err)
	}
	return r
}

// The double of SES lives here and remembers whom it took mail for; the processes that mail are killed, for good, in the middle of the
// edition, and others finish it. At most the one mail in flight is unknown.
func TestKillAtEveryStepBetweenPlannedAndAcceptedLosesNobodyAndMailsNobodyTwice(t *testing.T) {
	r := cast(t, 200)
	steps := 0
	for _, s := range scenes() {
		if s.kill == "" {
			continue
		}
		steps++
		out, err := r.play(t.Context(), s)
		if err != nil || !out.ok() {
			t.Errorf("%s: %v: %s", s.name, err, out.problem())
		}
		if out.people != 200 || out.lost != 0 || out.twice != 0 || out.unknown > 1 || out.delivered+out.unknown != 200 {
			t.Errorf("%s: %+v", s.name, out)
		}
	}
	if steps != 5 {
		t.Errorf("%d steps", steps)
	}
}

func TestARehearsalSaysWhatIsNotAsItShouldBe(t *testing.T) {
	r := cast(t, 2)
	wrong := scene{name: "plain", act: deliver, want: allBut(1), double: sesdouble.Options{Fate: func(string) sesdouble.Fate { return sesdouble.Silence }}}
	out, err := r.play(t.Context(), wrong)
	if err != nil || out.ok() || out.verdict() != "not ok" || out.problem() != "0 delivered, should be 1; 0 failed, should be 1" {
		t.Errorf("%v: %+v", err, out)
	}
	s := scenes()[3]
	s.kill, s.act = "no such point", die
	if out, err := r.play(t.Context(), s); err != nil || !strings.Contains(out.problem(), "the process was not killed at no such point") {
		t.Errorf("%v: %+v", err, out)
	}
	var said bytes.Buffer
	r.program.out = &said
	if err := r.program.showResults([]result{{scene: "plain"}, out}); !isSilent(err) || !strings.Contains(said.String(), "not ok") {
		t.Errorf("%v: %s", err, said.String())
	}
}

func TestAResultFindsWhoIsLostAndWhoGotItTwice(t *testing.T) {
	people := []string{"a", "b", "c", "d", "e", "f", "g"}
	rows := []store.Delivery{
		{Address: "a", State: store.DeliveryDelivered}, {Address: "b", State: store.DeliveryAccepted}, {Address: "c", State: store.DeliveryPlanned},
		{Address: "d", State: store.DeliveryFailed}, {Address: "e", State: store.DeliveryUnknown}, {Address: "f", State: store.DeliveryBounced},
	}
	var r result
	r.add(people, rows, map[string]int{"a": 2, "c": 0, "d": 1, "e": 0, "f": 1})
	if r.people != 7 || r.accepted != 3 || r.delivered != 1 || r.bounced != 1 || r.unknown != 1 || r.failed != 1 || r.lost != 3 || r.twice != 1 {
		t.Errorf("%+v", r) // lost: b was never taken, c waits, g has no row
	}
	for _, want := range []string{"b is recorded as mailed", "d is recorded as failed and got the mail", "0 rows in the ledger for g"} {
		if !strings.Contains(strings.Join(r.problems, "; "), want) {
			t.Errorf("%q is not in %q", want, r.problems)
		}
	}
}

func TestARehearsalNeedsAnEditionAndPeople(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, stall())
	for args, want := range map[string]string{
		"usage":              "build a day first",
		"nothing":            `there is no report "nothing"`,
		"usage --people 0":   "--people is a number from 1",
		"usage --day monday": "monday",
	} {
		if _, err := call(t, append([]string{"rehearse", "-C", dir}, strings.Fields(args)...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
	mustCall(t, "run", "-C", dir, "--day", "2026-11-19")
	for args, want := range map[string]string{"usage": "usage goes to nobody", "usage --day 2026-11-18 --people 1": "there is nothing to rehearse with"} {
		if _, err := call(t, append([]string{"rehearse", "-C", dir}, strings.Fields(args)...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
	_, err := call(t, sceneName, "-C", dir, dir)
	if err == nil || exitCode(err) != 2 || !strings.Contains(err.Error(), "this is a part of daybook rehearse") {
		t.Errorf("the hidden command: %v", err)
	}
}

// simulated SES: the double knows the simulator's addresses as SES does.
func TestTheSimulatorIsMailedThroughTheProjectsOwnAccount(t *testing.T) {
	needBundle(t)
	double, err := sesdouble.Start(sesdouble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer double.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", sesdouble.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", sesdouble.SecretKey)
	dir := t.TempDir()
	files := stall()
	files["daybook.yaml"] += fmt.Sprintf("mail:\n  sender: ses\n  region: %s\n  endpoint: %s\n  from: reports@example.com\n  domains: [example.com]\n  configuration_set: daybook\n  events: {queue: %q, endpoint: %s}\n",
		sesdouble.Region, double.URL, double.QueueURL(), double.URL)
	writeFiles(t, dir, files)
	mustCall(t, "run", "-C", dir, "--day", "2026-11-19")
	rows, err := rehearsed(t, "usage", "-C", dir, "--simulator")
	if got := rows["SES mailbox simulator"]; err != nil || got.String() != "4 accepted, 0 delivered, 0 bounced, 0 complained, 0 failed, 0 unknown, 0 lost, 0 twice: ok " {
		t.Errorf("without a server: %s, %v", got, err)
	}
	serveProject(t, dir)
	rows, err = rehearsed(t, "usage", "-C", dir, "--simulator")
	if got := rows["SES mailbox simulator"]; err != nil || got.String() != "4 accepted, 1 delivered, 2 bounced, 1 complained, 0 failed, 0 unknown, 0 lost, 0 twice: ok " {
		t.Errorf("with a server that hears: %s, %v", got, err)
	}
	if sent := double.Stats().Messages; sent != 8 {
		t.Errorf("%d mails were sent", sent)
	}
}

func TestADayOfARehearsalIsTheLastBuiltOne(t *testing.T) {
	r := cast(t, 1)
	if r.day != calendar.MustDay("2026-11-19") || r.number != 1 || len(r.people) != 1 {
		t.Errorf("%+v", r)
	}
}
