package examples_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"daybook/internal/calendar"
	"daybook/internal/report"
	"daybook/internal/text"
	"daybook/jobs"
)

// The search log of a service that kept neither times nor people: no date, no list of books, but a flag that says whether the
// search succeeded.
const (
	realSearches = "../../shared/data/library/dynamo_items_reconstructed.ndjson.gz"

	flagSource = `
from: files
path: "data/searches/{day}.ndjson.gz"
key: query_id
columns:
  query_id: {type: uuid, required: true}
  query_date: date
  user_search: {type: "text[]", required: true}
  selected_lib: {type: "text[]", required: true}
  success: {type: boolean, required: true}
`
	flagRequests = `/*
key: query_id
checks:
  - unique: query_id
  - not_null: [query_id, failed]
  - total: {measure: count(*), of: searches, equals: count(*)}
*/
SELECT query_id, NOT success AS failed FROM searches
`
)

// absentParts need the times, people or books that such a log does not have.
var absentParts = []string{"sources/catalogue.yaml", "tables/books.sql", "tables/request_books.sql", "marts/book_ranking.sql", "marts/hourly_usage.sql",
	"marts/user_days.sql", "marts/daily_users.sql", "marts/active_users.sql", "marts/retention.sql"}

var absentSections = regexp.MustCompile(`(mart:|FROM) (book_ranking|hourly_usage|daily_users|active_users|retention)\b`)

// flagged is a copy of the library for such a log; every mart that it keeps is the example's, unchanged.
func flagged(t *testing.T) string {
	t.Helper()
	dir := copyOf(t, "library")
	for _, name := range absentParts {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(dir, "sources/searches.yaml"), flagSource)
	writeFile(t, filepath.Join(dir, "tables/requests.sql"), flagRequests)
	whole, err := os.ReadFile(filepath.Join(dir, "reports/daily.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const begin = "\n  - kind: "
	var kept []string
	for section := range strings.SplitSeq(string(whole), begin) {
		if !absentSections.MatchString(section) {
			kept = append(kept, section)
		}
	}
	writeFile(t, filepath.Join(dir, "reports/daily.yaml"), strings.Join(kept, begin))
	return dir
}

func TestHundredThousandRealSearchesAreCountedAsTheirFileSays(t *testing.T) {
	content, err := os.ReadFile(realSearches)
	if err != nil {
		t.Skipf("the real search log is not here: %v", err)
	}
	day := calendar.MustDay("2023-05-22")
	dir := flagged(t)
	writeFile(t, filepath.Join(dir, "data/searches", day.String()+".ndjson.gz"), string(content))
	writeFile(t, filepath.Join(dir, "data/selections", day.String()+".csv"), "id,query_id,isbn13,user_id,selected_at\n")
	h := live(t, dir, nil)
	h.build(jobs.Request{Day: day})
	h.upToDate(day, day)

	list := h.searches(day)
	if len(list) != 100_096 || failures(list) != 25_063 {
		t.Fatalf("the file has %d searches, %d failed", len(list), failures(list))
	}
	h.holds(day, "SELECT day, requests, failed, failure_rate, selections_per_request FROM daily_usage",
		[][]any{{day, int64(100_096), int64(25_063), 25_063.0 / 100_096, nil}})
	h.holds(day, "SELECT stage, requests FROM funnel ORDER BY step", [][]any{{"searched", int64(100_096)}, {"found", int64(75_033)}, {"selected", int64(0)}})
	h.countRankings(day, list)

	figures, _, err := h.Figures(context.Background(), "daily", day, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"requests": "100,096건", "failure_rate": "25.04%", "selections_per_request": text.None} {
		if got := shown(t, figures, name, text.Korean); got != want {
			t.Errorf("%s is shown as %s, not %s", name, got, want)
		}
	}
}

// shown is a kpi as it is written.
func shown(t *testing.T, f report.Figures, name string, l text.Locale) string {
	t.Helper()
	for _, s := range f.Sections {
		if s.Name == name && s.KPI != nil {
			return s.Number(s.KPI.Value, l)
		}
	}
	t.Fatalf("the report has no kpi %s", name)
	return ""
}

// TestALogWithoutBooksOrPeopleIsEnoughForTheRankings is the same project on a log small enough to be made here.
func TestALogWithoutBooksOrPeopleIsEnoughForTheRankings(t *testing.T) {
	dir := flagged(t)
	day := thursday
	writeGzip(t, filepath.Join(dir, "data/searches", day.String()+".ndjson.gz"), flagLine(1, true, "파이썬", "파이썬"), flagLine(2, false, "파이썬", "ㅍ"), flagLine(3, false, "", " "))
	writeFile(t, filepath.Join(dir, "data/selections", day.String()+".csv"), "id,query_id,isbn13,user_id,selected_at\n")
	h := live(t, dir, nil)
	h.build(jobs.Request{Day: day})
	h.countRankings(day, h.searches(day))
	h.holds(day, "SELECT requests, failed, selections_per_request FROM daily_usage", [][]any{{int64(3), int64(2), nil}})
	h.holds(day, "SELECT keyword, searches, requests FROM keyword_ranking", [][]any{{"파이썬", int64(2), int64(1)}})
	h.holds(day, "SELECT keyword, searches, requests FROM failed_keywords", [][]any{{"ㅍ", int64(1), int64(1)}})
}

func queryID(n int) string {
	return "00000000-0000-4000-8000-" + strings.Repeat("0", 11) + string(rune('0'+n))
}

func flagLine(n int, success bool, words ...string) any {
	return map[string]any{"query_id": queryID(n), "query_date": nil, "user_search": words, "selected_lib": []string{"정독"}, "success": success}
}

// writeGzip writes records as compressed lines of JSON.
func writeGzip(t *testing.T, path string, records ...any) {
	t.Helper()
	var b strings.Builder
	z := gzip.NewWriter(&b)
	e := json.NewEncoder(z)
	for _, r := range records {
		if err := e.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, b.String())
}
