package store_test

import (
	"testing"

	"daybook/internal/calendar"
	"daybook/internal/store"
)

func TestBuildIsOverwrittenByNodeAndDay(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		b := store.Build{Node: "requests", Kind: "table", Day: monday, AsOf: monday.Add(1), Fingerprint: "f1", Output: "o1", Rows: 4, RowsIn: 6, Rejected: 1, Deduplicated: 1,
			Inputs:     []store.Input{{Node: "searches", Day: monday, Hash: "h1"}, {Node: "libraries", Hash: "absent"}},
			Definition: "d1", State: store.StateDone, Run: "r1", Task: "t1", At: noon, Note: "raw gone"}
		full(t, b)
		check(t, s.SaveBuild(t.Context(), store.Build{Node: "requests", Day: monday, Output: "o0"}))
		check(t, s.SaveBuild(t.Context(), b))
		got, found, err := s.Build(t.Context(), "requests", monday)
		check(t, err)
		if !found {
			t.Error("no build")
		}
		same(t, b, got)
		_, found, err = s.Build(t.Context(), "requests", monday.Add(1))
		check(t, err)
		if found {
			t.Error("a build of another day")
		}
	})
}

func TestBuildsAreListedByDayAndByNode(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		for _, b := range []store.Build{{Node: "b", Day: monday}, {Node: "a", Day: monday.Add(1)}, {Node: "a", Day: monday}, {Node: "full"}} {
			check(t, s.SaveBuild(t.Context(), b))
		}
		at := func(builds []store.Build) (out []string) {
			for _, b := range builds {
				out = append(out, b.Node+" "+b.Day.Format("2006-01-02"))
			}
			return out
		}
		same(t, []string{"a 2026-11-16", "b 2026-11-16"}, at(must(s.Builds(t.Context(), monday, monday))(t)))
		same(t, []string{"full 1970-01-01", "a 2026-11-16", "b 2026-11-16"}, at(must(s.Builds(t.Context(), calendar.Day{}, monday))(t)))
		same(t, []string{"a 2026-11-17", "a 2026-11-16"}, at(must(s.NodeBuilds(t.Context(), "a", 9))(t)))
		same(t, []string{"a 2026-11-17"}, at(must(s.NodeBuilds(t.Context(), "a", 1))(t)))

		day, found, err := s.LatestDay(t.Context(), "a")
		check(t, err)
		if !found || day != monday.Add(1) {
			t.Errorf("latest day %v (%v)", day, found)
		}
		_, found, err = s.LatestDay(t.Context(), "nobody")
		check(t, err)
		if found {
			t.Error("a latest day of a node without builds")
		}
	})
}

func TestEndOfATaskIsSavedWhole(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		task := addTask(t, s, "requests", monday, store.StateRunning)
		b := store.Build{Node: "requests", Day: monday, Output: "o1", Task: task.ID}
		rows := store.CheckResult{Node: "requests", Day: monday, Name: "rows", Severity: "blocking", State: "passed", Value: "4", Want: "4",
			Examples: []string{"none, \"at all\""}, At: noon}
		full(t, rows)
		task.State = store.StateDone
		check(t, s.SaveDone(t.Context(), store.Done{Task: task, Build: b, Checks: []store.CheckResult{rows, {Name: "key", State: "warned"}}}))

		same(t, task, must(s.Task(t.Context(), task.ID))(t))
		got, _, err := s.Build(t.Context(), "requests", monday)
		check(t, err)
		same(t, b, got)
		key := store.CheckResult{Node: "requests", Day: monday, Name: "key", State: "warned"}
		same(t, []store.CheckResult{key, rows}, must(s.Checks(t.Context(), "requests", monday, monday))(t))

		// A check that says no keeps what was true, and takes the place of the older checks.
		task.State = store.StateFailed
		rows.State = "failed"
		check(t, s.SaveDone(t.Context(), store.Done{Task: task, Checks: []store.CheckResult{rows}}))
		got, _, err = s.Build(t.Context(), "requests", monday)
		check(t, err)
		same(t, b, got)
		same(t, []store.CheckResult{rows}, must(s.Checks(t.Context(), "requests", monday.Add(-1), monday.Add(1)))(t))

		check(t, s.SaveDone(t.Context(), store.Done{Task: task, Build: b}))
		same(t, []store.CheckResult{rows}, must(s.Checks(t.Context(), "requests", monday, monday))(t))
	})
}

func TestTheEndOfATaskCarriesItsLastLinesAndItsRunsCounts(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		run := store.Run{Cause: "cli", Day: monday, Through: monday, State: store.StateRunning, Tasks: 1, Asked: noon}
		check(t, s.CreateRun(t.Context(), &run))
		tasks := []store.Task{{Run: run.ID, Node: "requests", Kind: "table", Day: monday, State: store.StateRunning}}
		check(t, s.AddTasks(t.Context(), tasks))
		done := run
		done.Done = 1
		tasks[0].State = store.StateDone
		lines := []store.Line{{Task: tasks[0].ID, Run: run.ID, Level: "info", Text: "one", At: noon}, {Task: tasks[0].ID, Run: run.ID, Level: "warn", Text: "two", At: noon}}
		check(t, s.SaveDone(t.Context(), store.Done{Task: tasks[0], Lines: lines, Run: &done}))
		same(t, 1, must(s.Run(t.Context(), run.ID))(t).Done)
		got := must(s.Logs(t.Context(), tasks[0].ID, 0, 0))(t)
		if len(got) != 2 || got[0].Text != "one" || got[1].Text != "two" || got[0].Seq >= got[1].Seq {
			t.Errorf("%+v", got)
		}
	})
}
