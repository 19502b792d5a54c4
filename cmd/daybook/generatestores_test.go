package main

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/generate"
	"daybook/internal/testenv"
)

// aDayThatIsOver by every clock.
const aDayThatIsOver = "2024-11-19"

// variant copies the library that reads DynamoDB and MySQL, and lets the environment lead to a table and a database of the test.
func variant(t *testing.T) (dir, table, dsn string) {
	t.Helper()
	at := testenv.DynamoDB(t)
	dir, table, dsn = t.TempDir(), "dodo-"+rand.Text(), testenv.MariaDB(t)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": at.Endpoint, "AWS_REGION": at.Region, "AWS_ACCESS_KEY_ID": at.AccessKey,
		"AWS_SECRET_ACCESS_KEY": at.SecretKey, "LIBRARY_DB": dsn} {
		t.Setenv(name, value)
	}
	if err := os.CopyFS(dir, os.DirFS("../../examples/library-aws")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "sources/searches.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	writeFiles(t, dir, map[string]string{"sources/searches.yaml": strings.Replace(string(text), "dodo-dynamo-db", table, 1)})
	return dir, table, dsn
}

func TestStoresAreGeneratedAndBuiltFromByTheCommandsOfTheHelp(t *testing.T) {
	dir, table, _ := variant(t)
	made := mustCall(t, "generate", "library", "--days", "1", "--end", aDayThatIsOver, "--per-day", "300", "--to", "dynamodb,mysql", "--table", table)
	count := strings.Fields(made)[2] // 1 days: N requests
	if want := "1 days: " + count + " requests in DynamoDB's " + table + ", "; !strings.HasPrefix(made, want) || !strings.HasSuffix(made, " books in MySQL\n") {
		t.Errorf("generate says %s", made)
	}
	if again := mustCall(t, "generate", "library", "--days", "1", "--end", aDayThatIsOver, "--per-day", "300", "--to", "mysql"); strings.Contains(again, "DynamoDB") {
		t.Errorf("generate says of MySQL alone: %s", again)
	}
	mustCall(t, "run", "-C", dir, "--day", aDayThatIsOver)
	if got := mustCall(t, "query", "-C", dir, "--format", "csv", "SELECT requests FROM daily_usage"); !strings.Contains(got, count) {
		t.Errorf("the mart has %s, and %s were generated", got, count)
	}
}

func TestGenerateIntoNowhereOrElsewhereIsRefused(t *testing.T) {
	t.Setenv("NO_ADDRESS", "user:hidden@nowhere")
	for _, c := range []struct {
		args  []string
		usage bool
		says  string
	}{
		{[]string{"generate", "library"}, true, "-o or --to"},
		{[]string{"generate", "library", "-o", t.TempDir(), "--to", "mysql"}, true, "-o or --to"},
		{[]string{"generate", "library", "--to", "oracle"}, true, "oracle"},
		{[]string{"generate", "library", "--to", "mysql", "--bad", "3", "--mysql", "env:NO_ADDRESS"}, false, "files only"},
		{[]string{"generate", "library", "--to", "mysql", "--mysql", "env:NO_SUCH_NAME"}, false, "NO_SUCH_NAME"},
		{[]string{"generate", "library", "--to", "mysql", "--mysql", "env:NO_ADDRESS"}, false, "USER:PASSWORD@tcp"},
	} {
		out, err := call(t, c.args...)
		if err == nil || (exitCode(err) == 2) != c.usage || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%v: %v\n%s", c.args, err, out)
		}
	}
}

// The post's day had 100,096 searches; reading them alone took its chain 542 s.
func TestADayOfThePostsSizeIsBuiltFromDynamoDBAndMySQL(t *testing.T) {
	day := calendar.MustDay(aDayThatIsOver)
	g := generate.Library{Seed: seed, From: day, To: day, PerDay: 300, ChildrenMax: 50}
	if os.Getenv("DAYBOOK_PROVE") != "" {
		g.PerDay = 165_915 // of the level of November 2026
	}
	dir, table, dsn := variant(t)
	began := time.Now()
	sum, err := g.Fill(t.Context(), generate.Stores{Table: table, MySQL: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d searches and %d selections: put in %.1f s", sum.Requests, sum.Selections, time.Since(began).Seconds())
	for _, what := range []string{"built", "built again"} {
		began := time.Now()
		c := command(dir, "run", "--day", aDayThatIsOver)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		usage := c.ProcessState.SysUsage().(*syscall.Rusage)
		t.Logf("%s in %.1f s, %s of processor time, %d MB at most", what, time.Since(began).Seconds(), c.ProcessState.UserTime()+c.ProcessState.SystemTime(), usage.Maxrss>>10)
		if what == "built" {
			t.Logf("%s", out)
		}
	}
	got := mustCall(t, "query", "-C", dir, "--format", "json", "SELECT requests, failed, (SELECT count(*) FROM selections) AS selections FROM daily_usage")
	for _, n := range []int{sum.Requests, sum.Failed, sum.Selections} {
		if !strings.Contains(got, strconv.Itoa(n)) {
			t.Errorf("the mart has %s, and %+v was generated", got, sum)
		}
	}
}
