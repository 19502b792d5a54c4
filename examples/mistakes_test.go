package examples_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"daybook/internal/calendar"
	"daybook/internal/generate"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
)

// The mistakes that a daily report is usually wrong by. Each test is one of them that the library does not make.

// handmade opens a library whose thursday is these searches and choices; the catalogue knows the books 1 and 2 alone.
func handmade(t *testing.T, choices []string, records ...any) *house {
	t.Helper()
	dir := copyOf(t, "library")
	writeGzip(t, filepath.Join(dir, "data/searches", thursday.String()+".ndjson.gz"), records...)
	writeFile(t, filepath.Join(dir, "data/selections", thursday.String()+".csv"), "id,query_id,isbn13,user_id,selected_at\n"+strings.Join(choices, "\n")+"\n")
	writeFile(t, filepath.Join(dir, "data/books.csv"), "isbn13,title,authors,publisher,class_no,registered_on\n"+
		"9799000000001,하나,,,,2020-01-02\n9799000000002,둘,,,,2020-01-02\n")
	return live(t, dir, nil)
}

func line(n int, at string, words, books []string) any {
	return map[string]any{"query_id": queryID(n), "query_date": nil, "searched_at": at, "user_id": "user-1", "user_search": words, "selected_lib": []string{"정독"}, "isbn13_list": books}
}

const noon = "2026-11-19T12:00:00+09:00"

func (h *house) kpi(name string) string {
	h.t.Helper()
	figures, _, err := h.Figures(context.Background(), "daily", thursday, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	return shown(h.t, figures, name, text.Korean)
}

func TestFailureRateIsOfAllSearchesInPercent(t *testing.T) {
	one := []string{"9799000000001"}
	h := handmade(t, nil, line(1, noon, []string{"가"}, one), line(2, noon, []string{"나"}, one), line(3, noon, []string{"다"}, []string{}))
	h.build(jobs.Request{Day: thursday})
	if got := h.kpi("failure_rate"); got != "33.33%" {
		t.Errorf("one of three is shown as %s", got)
	}
}

func TestMeanOfWholeNumbersKeepsItsFraction(t *testing.T) {
	both := []string{"9799000000001", "9799000000002"}
	choice := func(id, n, book string) string { return id + "," + n + "," + book + ",user-1," + noon }
	h := handmade(t, []string{choice("1", queryID(1), both[0]), choice("2", queryID(1), both[1]), choice("3", queryID(2), both[0])},
		line(1, noon, []string{"가"}, both), line(2, noon, []string{"나"}, both), line(3, noon, []string{"다"}, both))
	h.build(jobs.Request{Day: thursday})
	if got := h.kpi("selections_per_request"); got != "1.50권" {
		t.Errorf("three choices from two searches are shown as %s", got)
	}
	if got := h.kpi("choosing_users"); got != "1명" {
		t.Errorf("one person who chose is shown as %s", got)
	}
}

func TestLoadingADayAgainDoublesNothing(t *testing.T) {
	h := library(t, 1, 150)
	counts := func() (all [][]any) {
		for _, node := range h.Graph.Order {
			if node.Query != nil {
				all = append(all, []any{node.Name, h.one(thursday, "SELECT count(*) FROM "+node.Name)})
			}
		}
		return all
	}
	h.build(jobs.Request{Day: thursday})
	first := counts()
	h.build(jobs.Request{Day: thursday, Force: jobs.ForceFetch})
	for i, c := range counts() {
		if c[1] != first[i][1] || c[1] == int64(0) {
			t.Errorf("%s has %d rows, %d before", c[0], c[1], first[i][1])
		}
	}
}

func TestHeadlineAndTablesAgree(t *testing.T) {
	h := library(t, 1, 300)
	h.build(jobs.Request{Day: thursday})
	want := h.one(thursday, "SELECT requests FROM daily_usage WHERE day = $day")
	for _, sql := range []string{
		"SELECT CAST(sum(requests) AS BIGINT) FROM hourly_usage WHERE day = $day", "SELECT max(requests) FROM funnel WHERE day = $day",
		"SELECT CAST(sum(requests) AS BIGINT) FROM user_days WHERE day = $day", "SELECT requests FROM week_on_week WHERE day = $day",
		"SELECT count(*) FROM requests WHERE day = $day",
	} {
		if got := h.one(thursday, sql); got != want {
			t.Errorf("%s gives %d, the headline says %d", sql, got, want)
		}
	}
}

func TestAJoinThatMultipliesRowsIsStoppedByItsTotal(t *testing.T) {
	h := library(t, 1, 100)
	h.build(jobs.Request{Day: thursday})
	want := h.one(thursday, "SELECT requests FROM daily_usage")
	h.edit("marts/daily_usage.sql", "FROM requests\n", "FROM requests JOIN request_libraries USING (query_id, day)\n")
	h = h.again()
	run, err := h.try(jobs.Request{Day: thursday}, new([]string))
	if err != nil || run.State != store.StateFailed || !strings.Contains(run.Error, "sum(requests) = count(*) of requests") {
		t.Errorf("the run ended %s: %s %v", run.State, run.Error, err)
	}
	if n := h.one(thursday, "SELECT requests FROM daily_usage"); n != want {
		t.Errorf("readers see %d requests, %d before", n, want)
	}
}

func TestCatalogueReadAgainMultipliesNoBook(t *testing.T) {
	h := library(t, 2, 300)
	before := thursday.Add(-1)
	h.build(jobs.Request{Day: before})
	books, then := h.one(before, "SELECT count(*) FROM books"), h.one(before, "SELECT CAST(sum(requests) AS BIGINT) FROM book_ranking WHERE day = $day")
	h.build(jobs.Request{Day: thursday})
	if n := h.one(thursday, "SELECT count(*) FROM books"); n != books {
		t.Errorf("the catalogue has %d books after its second reading, %d before", n, books)
	}
	h.build(jobs.Request{Day: before, Nodes: []string{"book_ranking"}, Force: jobs.ForceRebuild})
	if n := h.one(before, "SELECT count(*) FROM book_ranking WHERE day = $day"); n != 100 {
		t.Errorf("the ranking of books has %d rows", n)
	}
	if n := h.one(before, "SELECT CAST(sum(requests) AS BIGINT) FROM book_ranking WHERE day = $day"); n != then {
		t.Errorf("the ranking counts %d requests, %d before the catalogue was read again", n, then)
	}
}

func TestTwoBooksOfOneNumberAreRefused(t *testing.T) {
	h := handmade(t, nil, line(1, noon, []string{"가"}, []string{"9799000000001"}))
	h.write("data/books.csv", "isbn13,title,authors,publisher,class_no,registered_on\n9799000000001,하나,,,,\n9799000000001,다른 하나,,,,\n")
	run, err := h.try(jobs.Request{Nodes: []string{"book_ranking"}, Day: thursday}, new([]string))
	if err != nil || run.State != store.StateFailed || !strings.Contains(run.Error, "catalogue") {
		t.Errorf("a number with two titles ended %s: %s %v", run.State, run.Error, err)
	}
}

func TestUnknownBookHasNoTitleAndKeepsItsPlace(t *testing.T) {
	h := handmade(t, nil, line(1, noon, []string{"가"}, []string{"9799000000009", "9799000000001"}), line(2, noon, []string{"가"}, []string{"9799000000009"}))
	h.build(jobs.Request{Day: thursday})
	h.holds(thursday, "SELECT rank, isbn13, title, requests FROM book_ranking ORDER BY rank",
		[][]any{{int64(1), "9799000000009", nil, int64(2)}, {int64(2), "9799000000001", "하나", int64(1)}})
}

func TestEmptyAndDecomposedKeywords(t *testing.T) {
	h := handmade(t, nil, line(1, noon, []string{"", "  ", "\t파이썬\n", "\u1111\u1161\u110b\u1175\u110a\u1165\u11ab", "\u3000ㅍ"}, []string{"9799000000001"}))
	h.build(jobs.Request{Day: thursday})
	h.holds(thursday, "SELECT rank, keyword, searches, requests FROM keyword_ranking ORDER BY rank",
		[][]any{{int64(1), "파이썬", int64(2), int64(1)}, {int64(2), "ㅍ", int64(1), int64(1)}})
}

func TestSearchesWithoutBooksAreRequests(t *testing.T) {
	h := handmade(t, nil, line(1, noon, []string{"가", "가", "나"}, []string{}), line(2, noon, []string{"나"}, []string{"9799000000001"}))
	h.build(jobs.Request{Day: thursday})
	h.holds(thursday, "SELECT requests, failed FROM daily_usage", [][]any{{int64(2), int64(1)}})
	h.holds(thursday, "SELECT library, requests FROM library_ranking", [][]any{{"정독", int64(2)}})
	h.holds(thursday, "SELECT keyword, searches, requests FROM failed_keywords", [][]any{{"가", int64(2), int64(1)}})
	h.holds(thursday, "SELECT keyword, searches, requests FROM keyword_ranking", [][]any{{"나", int64(1), int64(1)}})
}

func TestNewBytesReachEveryMartWhenTheyAreAskedFor(t *testing.T) {
	h := library(t, 1, 100)
	h.build(jobs.Request{Day: thursday})
	first := len(h.searches(thursday))
	_, err := generate.Library{Seed: 2, From: thursday, To: thursday, PerDay: 200, Dir: filepath.Join(h.dir, "data")}.Write(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	h.upToDate(thursday, thursday) // what was fetched stays until somebody asks
	if n := h.one(thursday, "SELECT requests FROM daily_usage"); n != int64(first) {
		t.Errorf("%d requests, %d were fetched", n, first)
	}
	h.build(jobs.Request{Nodes: []string{"searches", "choices"}, Downstream: true, Day: thursday, Force: jobs.ForceFetch})
	list := h.searches(thursday)
	if len(list) == first {
		t.Fatal("the new file has as many searches as the old one")
	}
	h.countDay(thursday, list, h.selections(thursday), h.visits(thursday, thursday))
	h.countRankings(thursday, list)
}

func TestADayReadsItsOwnFilesWhateverElseIsThere(t *testing.T) {
	h := library(t, 3, 100)
	day := thursday.Add(-1)
	h.build(jobs.Request{Day: day})
	if n, want := h.one(day, "SELECT count(*) FROM requests"), len(h.searches(day)); n != int64(want) {
		t.Errorf("%d requests, the day's file has %d", n, want)
	}
}

func TestSearchAfterMidnightCountsForTheDayAskedForAndIsSaid(t *testing.T) {
	one := []string{"9799000000001"}
	h := handmade(t, nil, line(1, noon, []string{"가"}, one), line(2, "2026-11-20T00:10:00+09:00", []string{"가"}, one))
	h.build(jobs.Request{Day: thursday})
	h.holds(thursday, "SELECT day, requests FROM daily_usage", [][]any{{thursday, int64(2)}})
	checks, err := h.Store.Checks(context.Background(), "requests", thursday, thursday)
	if err != nil {
		t.Fatal(err)
	}
	warned := 0
	for _, c := range checks {
		if c.State == "warned" && c.Value == "2" && c.Want == "1" {
			warned++
		}
	}
	if warned != 1 {
		t.Errorf("the search of another day is not said: %+v", checks)
	}
}

func TestALineThatDoesNotFitStopsTheDay(t *testing.T) {
	dir := copyOf(t, "library")
	_, err := generate.Library{Seed: 1, From: thursday, To: thursday, PerDay: 50, Bad: 4, Dir: filepath.Join(dir, "data")}.Write(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	h := live(t, dir, nil)
	run, err := h.try(jobs.Request{Day: thursday}, new([]string))
	if err != nil || run.State != store.StateFailed {
		t.Fatalf("the run ended %s: %v", run.State, err)
	}
	if _, made, err := h.Store.Build(context.Background(), "daily_usage", thursday); err != nil || made {
		t.Errorf("a day with bad lines has a mart: %v %v", made, err)
	}
}

func TestADayThatIsNotThereIsMissingNotZero(t *testing.T) {
	h := library(t, 1, 50)
	run, err := h.try(jobs.Request{Day: calendar.MustDay("2026-11-25")}, new([]string))
	if err != nil || run.State != store.StateMissing {
		t.Errorf("a day without files ended %s: %s %v", run.State, run.Error, err)
	}
}
