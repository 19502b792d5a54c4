package examples_test

import (
	"context"
	"path/filepath"
	"testing"

	"daybook/internal/calendar"
	"daybook/internal/generate"
	"daybook/jobs"
)

// The newest day of generated data, a Thursday.
var thursday = calendar.MustDay("2026-11-19")

// library opens a copy of the example with days of generated data that end on thursday.
func library(t *testing.T, days, perDay int) *house {
	t.Helper()
	dir := copyOf(t, "library")
	fill(t, dir, days, perDay)
	return live(t, dir, nil)
}

func fill(t *testing.T, dir string, days, perDay int) {
	t.Helper()
	_, err := generate.Library{Seed: 1, From: thursday.Add(1 - days), To: thursday, PerDay: perDay, Dir: filepath.Join(dir, "data")}.Write(context.Background())
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) searches(day calendar.Day) []search {
	return searches(h.t, filepath.Join(h.dir, "data/searches", day.String()+".ndjson.gz"))
}

func (h *house) selections(day calendar.Day) []map[string]string {
	return table(h.t, filepath.Join(h.dir, "data/selections", day.String()+".csv"))
}

func (h *house) visits(from, to calendar.Day) visits {
	v := visits{}
	for _, day := range calendar.Range(from, to) {
		v[day] = map[string]bool{}
		for _, s := range h.searches(day) {
			v[day][s.User] = true
		}
	}
	return v
}

// chosen counts the different requests and people behind selections.
func chosen(selections []map[string]string) (requests, people int64) {
	r, p := map[string]bool{}, map[string]bool{}
	for _, s := range selections {
		r[s["query_id"]], p[s["user_id"]] = true, true
	}
	return int64(len(r)), int64(len(p))
}

func TestEveryMartOfTheLibraryEqualsACountOfItsFiles(t *testing.T) {
	h := library(t, 10, 400)
	from := thursday.Add(-9)
	h.build(jobs.Request{Day: from, Through: thursday})
	h.upToDate(from, thursday)
	titles := map[string]any{}
	for _, b := range table(t, filepath.Join(h.dir, "data/books.csv")) {
		titles[b["isbn13"]] = b["title"]
	}
	people := h.visits(from, thursday)
	for _, day := range calendar.Range(from, thursday) {
		list, selections := h.searches(day), h.selections(day)
		h.countDay(day, list, selections, people)
		h.countRankings(day, list)

		books := pick(ofBooks(list).ranked(ofBooks(list).searches, 100), 0, 1, 3)
		for i, b := range books {
			title, known := titles[b[1].(string)]
			if !known {
				t.Fatalf("the generated catalogue lacks %s", b[1])
			}
			books[i] = []any{b[0], b[1], title, b[2]}
		}
		h.holds(day, "SELECT rank, isbn13, title, requests FROM book_ranking WHERE day = $day ORDER BY rank", books)
	}
	if full := h.one(thursday, "SELECT count(*) FROM keyword_ranking WHERE day = $day"); full != 100 {
		t.Errorf("the ranking of keywords has %d rows, too few for its cut to be tried", full)
	}
}

// countDay compares the marts that have no names in them.
func (h *house) countDay(day calendar.Day, list []search, selections []map[string]string, people visits) {
	h.t.Helper()
	requests, failed := int64(len(list)), failures(list)
	with, choosers := chosen(selections)
	h.holds(day, "SELECT day, requests, failed, failure_rate, selections_per_request FROM daily_usage WHERE day = $day",
		[][]any{{day, requests, failed, float64(failed) / float64(requests), float64(len(selections)) / float64(with)}})

	var hours, misses [24]int64
	for _, s := range list {
		hour := s.At.In(h.Project.Zone).Hour()
		hours[hour]++
		if s.failed() {
			misses[hour]++
		}
	}
	var hourly [][]any
	for hour := range hours {
		hourly = append(hourly, []any{int64(hour), hours[hour], misses[hour]})
	}
	h.holds(day, "SELECT hour, requests, failed FROM hourly_usage WHERE day = $day ORDER BY hour", hourly)

	h.holds(day, "SELECT step, stage, requests FROM funnel WHERE day = $day ORDER BY step",
		[][]any{{int64(1), "searched", requests}, {int64(2), "found", requests - failed}, {int64(3), "selected", with}})
	h.holds(day, "SELECT users, choosing_users FROM daily_users WHERE day = $day", [][]any{{int64(len(people[day])), choosers}})
	h.holds(day, "SELECT users_1d, users_7d, users_30d FROM active_users WHERE day = $day",
		[][]any{{people.within(day, day), people.within(day.Add(-6), day), people.within(day.Add(-29), day)}})
	h.holds(day, "SELECT cohort, week, cohort_users, users, share FROM retention WHERE day = $day ORDER BY cohort, week", people.until(day).retention(day))
}

// until leaves out what came later.
func (v visits) until(day calendar.Day) visits {
	out := visits{}
	for d, people := range v {
		if !d.After(day) {
			out[d] = people
		}
	}
	return out
}

// countRankings compares the rankings that need no catalogue.
func (h *house) countRankings(day calendar.Day, list []search) {
	h.t.Helper()
	good, bad, places := found(list), neverFound(list), ofLibraries(list)
	h.holds(day, "SELECT rank, keyword, searches, requests FROM keyword_ranking WHERE day = $day ORDER BY rank", good.ranked(good.uses, 100))
	h.holds(day, "SELECT rank, keyword, searches, requests FROM failed_keywords WHERE day = $day ORDER BY rank", bad.ranked(bad.uses, 0))
	h.holds(day, "SELECT rank, library, requests FROM library_ranking WHERE day = $day ORDER BY rank", pick(places.ranked(places.searches, 0), 0, 1, 3))
}

// Fourteen days in a row, and the edges of the weeks before them: the days between were never built.
var followed = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 20, 27, 28, 29, 30, 34, 41, 42, 55, 56, 62, 76, 77, 83}

func TestPeopleAreFollowedOverTwelveWeeks(t *testing.T) {
	h := library(t, 90, 60)
	people := visits{}
	for _, back := range followed {
		day := thursday.Add(-back)
		h.build(jobs.Request{Nodes: []string{"user_days"}, Day: day})
		people[day] = h.visits(day, day)[day]
	}
	h.build(jobs.Request{Nodes: []string{"daily_usage"}, Day: thursday.Add(-13), Through: thursday})
	h.build(jobs.Request{Nodes: []string{"retention", "active_users", "week_on_week"}, Day: thursday})
	want := people.retention(thursday)
	if len(want) < 30 {
		t.Fatalf("the retention has %d rows, too few to try every week", len(want))
	}
	h.holds(thursday, "SELECT cohort, week, cohort_users, users, share FROM retention WHERE day = $day ORDER BY cohort, week", want)
	h.holds(thursday, "SELECT users_1d, users_7d, users_30d FROM active_users WHERE day = $day",
		[][]any{{people.within(thursday, thursday), people.within(thursday.Add(-6), thursday), people.within(thursday.Add(-29), thursday)}})
	var requests [2]int64
	for d := range 14 {
		requests[d/7] += int64(len(h.searches(thursday.Add(-d))))
	}
	h.holds(thursday, "SELECT days, days_before, requests, requests_before, change FROM week_on_week WHERE day = $day",
		[][]any{{int64(7), int64(7), requests[0], requests[1], float64(requests[0])/float64(requests[1]) - 1}})
}

func TestAWeekThatIsNotWholeIsNotCompared(t *testing.T) {
	h := library(t, 9, 40)
	h.build(jobs.Request{Nodes: []string{"week_on_week"}, Day: thursday.Add(-8), Through: thursday})
	h.holds(thursday, "SELECT days, days_before, change FROM week_on_week WHERE day = $day", [][]any{{int64(7), int64(2), nil}})
}
