package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook/static"
)

// call runs daybook as main does and returns what it wrote.
func call(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = run(t.Context(), args, os.LookupEnv, strings.NewReader(""), &out, &errs)
	if err != nil && !isSilent(err) {
		return out.String(), err
	}
	return out.String() + errs.String(), err
}

// mustCall is call for what must succeed.
func mustCall(t *testing.T, args ...string) string {
	t.Helper()
	out, err := call(t, args...)
	if err != nil {
		t.Fatalf("daybook %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// starterProject is a fresh project made by init.
func starterProject(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "visits")
	mustCall(t, "init", "-C", dir)
	return dir
}

const starterDay = "2026-01-01"

func TestANewProjectRunsAtOnceAndTheSecondRunIsUpToDate(t *testing.T) {
	dir := starterProject(t)
	if out := mustCall(t, "check", "-C", dir); !strings.Contains(out, "1 sources, 1 tables, 1 marts, 1 reports: all is well") {
		t.Error(out)
	}
	if out := mustCall(t, "run", "-C", dir, "--day", starterDay); !strings.Contains(out, "up to date: 4 builds made") {
		t.Error(out)
	}
	if out := mustCall(t, "run", "-C", dir, "--day", starterDay); out != "up to date\n" {
		t.Errorf("the second run says %q", out)
	}
	if out := mustCall(t, "plan", "-C", dir, "--day", starterDay); !strings.Contains(out, "up to date: all 4 builds") {
		t.Error(out)
	}
}

func TestAQueryAsJSONIsAnArrayOfObjects(t *testing.T) {
	dir := starterProject(t)
	mustCall(t, "run", "-C", dir, "--day", starterDay)
	out := mustCall(t, "query", "-C", dir, "--format", "json", "--day", starterDay, "SELECT page, views FROM pages WHERE day = $day ORDER BY page")
	var rows []struct {
		Page  string
		Views int
	}
	if err := json.Unmarshal([]byte(out), &rows); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(rows) != 3 || rows[0].Page != "/" || rows[0].Views != 2 {
		t.Errorf("%+v", rows)
	}
}

func TestAQueryMayOnlyReadNamedTables(t *testing.T) {
	dir := starterProject(t)
	for _, sql := range []string{"DROP TABLE pages", "SELECT * FROM read_csv('/etc/passwd')", "SELECT 1; SELECT 2", "COPY pages TO '/tmp/x'"} {
		if out, err := call(t, "query", "-C", dir, sql); err == nil {
			t.Errorf("%s was run: %s", sql, out)
		}
	}
}

func TestAnUnknownNodeIsNamedWithThoseThatExist(t *testing.T) {
	_, err := call(t, "run", "-C", starterProject(t), "--day", starterDay, "--node", "page")
	if err == nil || !strings.Contains(err.Error(), `there is no node "page"; known here: visits, views, pages, daily`) {
		t.Error(err)
	}
}

func TestWrongUseEndsWithTwoAndAFailureWithOne(t *testing.T) {
	dir := starterProject(t)
	for args, want := range map[string]int{
		"run -C " + dir:                     2,
		"run -C " + dir + " --day tomorrow": 2,
		"run -C " + dir + " --colour":       2,
		"nonsense":                          2,
		"run -C " + filepath.Dir(dir) + " --day 2026-01-01": 1,
		"run -C " + dir + " --day 2026-01-02":               1, // missing at source
	} {
		_, err := call(t, strings.Fields(args)...)
		if err == nil {
			t.Errorf("daybook %s succeeded", args)
			continue
		}
		if got := exitCode(err); got != want {
			t.Errorf("daybook %s ends with %d, want %d: %v", args, got, want, err)
		}
	}
}

func TestAMissingDayIsMissingAtSourceAndNamesTheFile(t *testing.T) {
	out, err := call(t, "run", "-C", starterProject(t), "--day", "2026-01-02")
	if !isSilent(err) || !strings.Contains(out, "missing at source") || !strings.Contains(out, "data/visits-2026-01-02.csv") || !strings.Contains(out, "views did not succeed") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestAFailedRunIsAFailureInJSONToo(t *testing.T) {
	out, err := call(t, "run", "-C", starterProject(t), "--day", "2026-01-02", "--format", "json")
	if !isSilent(err) || !strings.Contains(out, `"State":"missing at source"`) {
		t.Errorf("%v: %s", err, out)
	}
}

func TestAReportIsWrittenInEveryFormat(t *testing.T) {
	dir := starterProject(t)
	needBundle(t)
	for name, want := range map[string]string{"out.html": "<!doctype html>", "out.eml": "multipart/mixed", "out.json": `"report":"daily"`, "out.csv": "page", "out.png": "\x89PNG"} {
		file := filepath.Join(t.TempDir(), name)
		mustCall(t, "report", "daily", "-C", dir, "--day", starterDay, "--section", "pages_bar", "-o", file)
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.ToLower(string(body[:min(len(body), 4096)])), strings.ToLower(want)) {
			t.Errorf("%s begins with %q", name, body[:min(len(body), 200)])
		}
	}
}

// needBundle skips a test that draws where static/dist is not built; with make test that is a failure.
func needBundle(t *testing.T) {
	t.Helper()
	_, err := static.New()
	switch {
	case err != nil && os.Getenv("DAYBOOK_TEST") == "strict":
		t.Fatal(err)
	case err != nil:
		t.Skip("static/dist is not built: ", err)
	}
}

func TestAnErrorKeepsWhatIsSaidAroundSeveralCauses(t *testing.T) {
	err := fmt.Errorf("open the project: %w", errors.Join(errors.New("one"), errors.New("two")))
	if got := describe(err); !strings.HasPrefix(got, "daybook: open the project: one") {
		t.Error(got)
	}
	if got := describe(errors.Join(errors.New("one"), errors.New("two"))); got != "daybook: one\ndaybook: two" {
		t.Error(got)
	}
}

func TestInitNeverOverwritesAProject(t *testing.T) {
	dir := starterProject(t)
	if _, err := call(t, "init", "-C", dir); err == nil {
		t.Error("a second init succeeded")
	}
}

func TestAnInterruptedRunIsCanceledAndTheNextOneCompletesIt(t *testing.T) {
	dir := starterProject(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	err := run(ctx, []string{"run", "-C", dir, "--day", starterDay}, os.LookupEnv, strings.NewReader(""), &out, &out)
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v: %s", err, out.String())
	}
	if out := mustCall(t, "run", "-C", dir, "--day", starterDay); !strings.Contains(out, "up to date") {
		t.Error(out)
	}
}

func TestAnAccountIsMadeFromStandardInput(t *testing.T) {
	dir := starterProject(t)
	var out bytes.Buffer
	err := run(t.Context(), []string{"user", "ada@example.com", "--role", "viewer", "-C", dir}, os.LookupEnv, strings.NewReader("correct horse battery\n"), &out, &out)
	if err != nil || !strings.Contains(out.String(), "ada@example.com may sign in as viewer") {
		t.Errorf("%v: %s", err, out.String())
	}
	err = run(t.Context(), []string{"user", "ada@example.com", "--role", "owner", "-C", dir}, os.LookupEnv, strings.NewReader("correct horse battery\n"), &out, &out)
	if err == nil || !strings.Contains(err.Error(), `there is no role "owner"`) {
		t.Error(err)
	}
}

func TestTheDemoGoesOnFromWhatIsThere(t *testing.T) {
	needBundle(t)
	dir := filepath.Join(t.TempDir(), "demo")
	out := mustCall(t, "demo", "-C", dir, "--days", "1", "--no-serve")
	if !strings.Contains(out, "builds made") || !strings.Contains(out, "1 accepted, 0 failed, 0 unknown of 1") {
		t.Error(out)
	}
	letters, err := filepath.Glob(filepath.Join(dir, dataDir, outboxDir, "*", "*.eml"))
	if err != nil || len(letters) != 1 {
		t.Errorf("%d letters, %v", len(letters), err)
	}
	out = mustCall(t, "demo", "-C", dir, "--days", "1", "--no-serve")
	if !strings.HasPrefix(out, "up to date: all 22 builds\n") {
		t.Error(out)
	}
	if again, _ := filepath.Glob(filepath.Join(dir, dataDir, outboxDir, "*", "*.eml")); len(again) != 1 {
		t.Errorf("%d letters after the second start", len(again))
	}
}

func TestConfigHidesThePasswordOfTheRecords(t *testing.T) {
	dir := starterProject(t)
	file := filepath.Join(dir, "daybook.yaml")
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(body, "store: postgres://daybook:secret@db.example.com/daybook\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	out := mustCall(t, "config", "-C", dir)
	if strings.Contains(out, "secret") || !strings.Contains(out, "store: postgres://daybook:xxxxx@db.example.com/daybook") {
		t.Error(out)
	}
}
