package examples_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/jobs"
)

// planned lists the nodes that the day's plan would build, by name.
func (h *house) planned() []string {
	h.t.Helper()
	plan, err := h.Plan(context.Background(), jobs.Request{Day: thursday})
	if err != nil {
		h.t.Fatal(err)
	}
	var names []string
	for _, s := range plan.Steps {
		names = append(names, s.Cell.Node)
	}
	slices.Sort(names)
	return names
}

func TestRunningTwiceBuildsNothingAndForcedGivesTheSame(t *testing.T) {
	h := library(t, 1, 150)
	h.build(jobs.Request{Day: thursday})
	h.upToDate(thursday, thursday)
	if built := h.build(jobs.Request{Day: thursday}); len(built) > 0 {
		t.Errorf("the second run built %v", built)
	}
	first := h.outputs(thursday)
	for _, force := range []string{jobs.ForceRebuild, jobs.ForceFetch} {
		if built := h.build(jobs.Request{Day: thursday, Force: force}); len(built) != len(first) {
			t.Errorf("%s built %d of %d nodes", force, len(built), len(first))
		}
		if diff := cmp.Diff(first, h.outputs(thursday)); diff != "" {
			t.Errorf("%s gave other outputs (-first +again)\n%s", force, diff)
		}
	}
	h.upToDate(thursday, thursday)
}

func TestTwoHousesOfTheSameFilesGiveTheSameOutputs(t *testing.T) {
	one, other := library(t, 2, 100), library(t, 2, 100)
	one.build(jobs.Request{Day: thursday.Add(-1), Through: thursday})
	other.build(jobs.Request{Day: thursday.Add(-1)})
	other.build(jobs.Request{Day: thursday})
	if diff := cmp.Diff(one.outputs(thursday), other.outputs(thursday)); diff != "" {
		t.Errorf("a range and two days give other outputs (-range +days)\n%s", diff)
	}
}

func TestChangedSQLRebuildsItsMartAndWhatReadsIt(t *testing.T) {
	h := library(t, 1, 150)
	h.build(jobs.Request{Day: thursday})
	h.edit("marts/keyword_ranking.sql", "WHERE rank <= 100", "WHERE rank <= 50")
	h.edit("marts/keyword_ranking.sql", "rows: {max: 100}", "rows: {min: 50, max: 50}")
	h = h.again()
	want := []string{"daily", "keyword_ranking"}
	if diff := cmp.Diff(want, h.planned()); diff != "" {
		t.Errorf("a changed ranking plans (-want +planned)\n%s", diff)
	}
	built := h.build(jobs.Request{Day: thursday})
	slices.Sort(built)
	if diff := cmp.Diff(want, built); diff != "" {
		t.Errorf("a changed ranking builds (-want +built)\n%s", diff)
	}
	if n := h.one(thursday, "SELECT count(*) FROM keyword_ranking"); n != 50 {
		t.Errorf("the ranking has %d rows", n)
	}
	h.edit("marts/user_days.sql", "CASE WHEN failed THEN 0 ELSE 1 END AS found", "CASE WHEN failed THEN 0 ELSE 2 END AS found")
	h = h.again()
	if diff := cmp.Diff([]string{"active_users", "daily", "daily_users", "retention", "user_days"}, h.planned()); diff != "" {
		t.Errorf("a changed mart in the middle plans (-want +planned)\n%s", diff)
	}
	before := h.outputs(thursday)
	h.build(jobs.Request{Day: thursday})
	for name, output := range h.outputs(thursday) {
		if changed := output != before[name]; changed != (name == "user_days") {
			t.Errorf("output of %s changed: %v", name, changed)
		}
	}
	h.upToDate(thursday, thursday)
}

func TestWordsAboutAMartRebuildNothing(t *testing.T) {
	h := library(t, 1, 60)
	h.build(jobs.Request{Day: thursday})
	h.edit("marts/daily_usage.sql", "description: The day in one row", "description: What the day came to")
	h.edit("marts/daily_usage.sql", "owner: data team", "owner: library team")
	h.edit("marts/daily_usage.sql", "-- Both sides are one row of the day", "-- One row joins one row")
	h.edit("sources/searches.yaml", "description: names the search", "description: one for each search")
	h.edit("tables/requests.sql", "  failed: the search found no book", "  failed: nothing was found")
	h.edit("reports/daily.yaml", "# What everybody reads in the morning", "# The morning's page")
	h.edit("reports/daily.yaml", `at: "07:00"`, `at: "07:30"`)
	h = h.again()
	h.upToDate(thursday, thursday)
}
