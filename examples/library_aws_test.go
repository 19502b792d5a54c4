package examples_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql" // the driver
	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/generate"
	"daybook/internal/testenv"
	"daybook/internal/text"
	"daybook/jobs"
)

// Three days that are over, whatever the clock of the machine and of the database.
var (
	tuesday = calendar.MustDay("2024-11-19")
	week47  = generate.Library{Seed: 1, From: tuesday, To: tuesday.Add(2), PerDay: 800}
)

// stores are a DynamoDB behind a proxy and a MariaDB with the days of week47.
type stores struct {
	table, dsn string
	proxy      *testenv.Proxy
	db         *sql.DB // one connection, held
	sum        generate.Summary
}

func fillStores(t *testing.T) *stores {
	t.Helper()
	at := testenv.DynamoDB(t)
	s := &stores{table: "dodo-" + rand.Text(), dsn: testenv.MariaDB(t), proxy: testenv.Chaos(t, at.Endpoint)}
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": s.proxy.URL, "AWS_REGION": at.Region, "AWS_ACCESS_KEY_ID": at.AccessKey, "AWS_SECRET_ACCESS_KEY": at.SecretKey} {
		t.Setenv(name, value)
	}
	var err error
	if s.db, err = sql.Open("mysql", s.dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.db.Close() })
	s.db.SetMaxOpenConns(1)
	for range 2 { // the second time changes nothing
		if s.sum, err = week47.Fill(t.Context(), generate.Stores{Table: s.table, MySQL: s.dsn}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// open opens the variant in dir on the stores.
func (s *stores) open(t *testing.T, dir string) *house {
	t.Helper()
	h := live(t, dir, nil)
	h.Secret = func(_ context.Context, ref string) (string, error) {
		if ref != "env:LIBRARY_DB" {
			return "", fmt.Errorf("the project asks for %s", ref)
		}
		return s.dsn, nil
	}
	return h
}

func (s *stores) copy(t *testing.T) (dir string) {
	t.Helper()
	dir = copyOf(t, "library-aws")
	editFile(t, filepath.Join(dir, "sources/searches.yaml"), "\ntable: dodo-dynamo-db\n", "\ntable: "+s.table+"\n")
	return dir
}

// asked counts the calls that reached DynamoDB, and the connections that were made to MariaDB.
func (s *stores) asked(t *testing.T) (calls, connections int) {
	t.Helper()
	var name string
	if err := s.db.QueryRow("SHOW GLOBAL STATUS LIKE 'Connections'").Scan(&name, &connections); err != nil {
		t.Fatal(err)
	}
	return len(s.proxy.Requests()), connections
}

// martsOf are the rows of the variant's marts in a house; one that the house does not have is asked for by the mart's own SQL.
func (h *house) martsOf(day calendar.Day) map[string][][]any {
	h.t.Helper()
	rows := map[string][][]any{"books": h.rows(day, "SELECT * FROM books ORDER BY isbn13")}
	files, err := filepath.Glob("library-aws/marts/*.sql")
	if err != nil || len(files) != 6 {
		h.t.Fatalf("marts: %v, %v", files, err)
	}
	for _, file := range files {
		mart := strings.TrimSuffix(filepath.Base(file), ".sql")
		if _, err := os.Stat(filepath.Join(h.dir, "marts", mart+".sql")); err == nil {
			rows[mart] = h.rows(day, "SELECT * FROM "+mart+" WHERE day = $day ORDER BY 1, 2")
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			h.t.Fatal(err)
		}
		_, query, _ := strings.Cut(string(text), "*/")
		rows[mart] = h.rows(day, "SELECT * FROM ("+query+") AS mart ORDER BY 1, 2")
	}
	return rows
}

func TestTheLibraryFromDynamoDBAndMySQLEqualsCountsAndTheLibraryFromFiles(t *testing.T) {
	s := fillStores(t)
	h := s.open(t, s.copy(t))
	h.build(jobs.Request{Day: week47.From, Through: week47.To})

	dir := copyOf(t, "library")
	files := week47
	files.Dir = filepath.Join(dir, "data")
	if _, err := files.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := live(t, dir, nil)
	f.build(jobs.Request{Day: week47.From, Through: week47.To})

	titles := map[string]any{}
	for _, b := range table(t, filepath.Join(dir, "data/books.csv")) {
		titles[b["isbn13"]] = b["title"]
	}
	var requests, selections int
	for _, day := range calendar.Range(week47.From, week47.To) {
		list, choices := f.searches(day), f.selections(day)
		requests, selections = requests+len(list), selections+len(choices)
		h.countVariant(day, list, choices, titles)
		if diff := cmp.Diff(f.martsOf(day), h.martsOf(day), same); diff != "" {
			t.Errorf("%s (-files +stores)\n%s", day, diff)
		}
	}
	if s.sum.Requests != requests || s.sum.Selections != selections || s.sum.Books != len(titles) {
		t.Errorf("%+v was put; the files have %d, %d and %d", s.sum, requests, selections, len(titles))
	}
}

// countVariant compares every mart of the variant, and what its report says, with what was made.
func (h *house) countVariant(day calendar.Day, list []search, choices []map[string]string, titles map[string]any) {
	h.t.Helper()
	requests, failed := int64(len(list)), failures(list)
	with, _ := chosen(choices)
	h.holds(day, "SELECT day, requests, failed, failure_rate, selections_per_request FROM daily_usage WHERE day = $day",
		[][]any{{day, requests, failed, float64(failed) / float64(requests), float64(len(choices)) / float64(with)}})
	h.countRankings(day, list)
	books := pick(ofBooks(list).ranked(ofBooks(list).searches, 100), 0, 1, 3)
	for i, b := range books {
		books[i] = []any{b[0], b[1], titles[b[1].(string)], b[2]}
	}
	h.holds(day, "SELECT rank, isbn13, title, requests FROM book_ranking WHERE day = $day ORDER BY rank", books)

	people, seen := newTally(), map[string]bool{}
	for _, c := range choices {
		if pair := c["user_id"] + " " + c["query_id"]; !seen[pair] {
			seen[pair] = true
			people.add([]string{c["user_id"]})
		}
	}
	h.holds(day, "SELECT rank, user_id, requests FROM user_ranking WHERE day = $day ORDER BY rank", pick(people.ranked(people.searches, 100), 0, 1, 3))

	figures, _, err := h.Figures(h.t.Context(), "daily", day, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	rate := 100 * float64(failed) / float64(requests)
	if got, want := shown(h.t, figures, "failure_rate", text.Korean), fmt.Sprintf("%.2f%%", rate); got != want || rate < 10 {
		h.t.Errorf("%s: the failure rate is shown as %s, not %s", day, got, want)
	}
}

func TestBuildingTheVariantAgainAsksNeitherStore(t *testing.T) {
	s := fillStores(t)
	h := s.open(t, s.copy(t))
	all := jobs.Request{Day: week47.From, Through: week47.To}
	h.build(all)
	h.upToDate(all.Day, all.Through)
	calls, connections := s.asked(t)
	if calls == 0 || connections < 4 { // of this test, of the generator, of two sources
		t.Fatalf("%d calls and %d connections were seen, too few to be all", calls, connections)
	}
	if built := h.build(all); len(built) > 0 {
		t.Errorf("%v were built again", built)
	}
	// Other definitions are built from what is kept of the sources.
	h.edit("tables/requests.sql", "len(isbn13_list) = 0", "coalesce(len(isbn13_list), 0) = 0")
	h.edit("tables/selections.sql", "FROM choices", "FROM choices WHERE true")
	h.edit("tables/books.sql", "FROM catalogue", "FROM catalogue WHERE true")
	h.Runner.Close()
	if err := h.Warehouse.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.Store.Close(); err != nil {
		t.Fatal(err)
	}
	if built := s.open(t, h.dir).build(all); len(built) < 7 {
		t.Errorf("only %v were built of other definitions", built)
	}
	if c, n := s.asked(t); c != calls || n != connections {
		t.Errorf("a rerun made %d calls of DynamoDB and %d connections to MySQL", c-calls, n-connections)
	}
}

func TestAScanOfTheTableGivesTheDaysOfTheIndex(t *testing.T) {
	s := fillStores(t)
	of := jobs.Request{Nodes: []string{"requests", "request_keywords", "request_libraries", "request_books"}, Day: week47.From, Through: week47.To}
	dir := s.copy(t)
	query := s.open(t, dir)
	query.build(of)
	dir = s.copy(t)
	editFile(t, filepath.Join(dir, "sources/searches.yaml"), "\nread: query\nindex: by_day\n", "\nread: scan\n")
	scan := s.open(t, dir)
	scan.build(of)
	for _, node := range of.Nodes {
		sql := "SELECT * FROM " + node + " ORDER BY ALL"
		if diff := cmp.Diff(query.rows(week47.From, sql), scan.rows(week47.From, sql), same); diff != "" {
			t.Errorf("%s (-query +scan)\n%s", node, diff)
		}
	}
}

// One way of counting: where the two libraries have a table or mart of one name, it is one file but for the requests, of which DynamoDB
// knows less.
func TestTheVariantCountsAsTheLibraryDoes(t *testing.T) {
	files, err := filepath.Glob("library-aws/*/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	shared := 0
	for _, file := range files {
		name := strings.TrimPrefix(file, "library-aws/")
		twin, err := os.ReadFile(filepath.Join("library", name))
		if os.IsNotExist(err) || name == "tables/requests.sql" {
			continue
		}
		text, err2 := os.ReadFile(file)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if shared++; !bytes.Equal(text, twin) {
			t.Errorf("%s is not as the library has it", name)
		}
	}
	if shared != 10 {
		t.Errorf("%d files are shared", shared)
	}
}
