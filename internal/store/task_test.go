package store_test

import (
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/store"
)

// addTask records a task of a new run.
func addTask(t *testing.T, s *store.Store, node string, day calendar.Day, state string) store.Task {
	t.Helper()
	tasks := []store.Task{{Run: addRun(t, s, state).ID, Node: node, Day: day, State: state}}
	check(t, s.AddTasks(t.Context(), tasks))
	return tasks[0]
}

func TestTaskComesBackAsItWasSaved(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		run := addRun(t, s, store.StateRunning)
		tasks := []store.Task{
			{Run: run.ID, Node: "searches", Kind: "fetch", Day: monday, State: store.StateRetrying, Attempt: 2, Why: "never built", Rows: 1, RowsIn: 5,
				Rejected: 3, Deduplicated: 1, Fingerprint: "f1", Output: "o1", Error: "no route", Hint: "check the address", Progress: 0.25,
				Started: noon, Ended: noon.Add(time.Hour), Epoch: 1},
			{Run: run.ID, Node: "requests", State: store.StateWaiting},
		}
		check(t, s.AddTasks(t.Context(), tasks))
		full(t, tasks[0])
		same(t, tasks, must(s.Tasks(t.Context(), run.ID))(t))

		changed := store.Task{ID: tasks[0].ID, Run: run.ID, Node: "searches", Kind: "stage", State: store.StateDone, Rows: 1 << 40}
		check(t, s.UpdateTask(t.Context(), changed))
		same(t, changed, must(s.Task(t.Context(), changed.ID))(t))
		same(t, tasks[1], must(s.Task(t.Context(), tasks[1].ID))(t))
	})
}

func TestManyTasksKeepTheirOrder(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		run := addRun(t, s, store.StateRunning)
		tasks := make([]store.Task, 250)
		for i := range tasks {
			tasks[i] = store.Task{Run: run.ID, Node: "searches", Day: monday.Add(i), State: store.StateQueued}
		}
		check(t, s.AddTasks(t.Context(), tasks))
		same(t, tasks, must(s.Tasks(t.Context(), run.ID))(t))
	})
}

func TestTasksOfNoRunAreRefusedTogether(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		run := addRun(t, s, store.StateRunning)
		tasks := []store.Task{{Run: run.ID, Node: "a"}, {Run: "nobody", Node: "b"}}
		if err := s.AddTasks(t.Context(), tasks); err == nil {
			t.Error("a task of no run was added")
		}
		if tasks[0].ID != "" {
			t.Error("a task that was not added has an id")
		}
		same(t, []store.Task(nil), must(s.Tasks(t.Context(), run.ID))(t))
	})
}

func TestTaskThatDoesNotExistIsNotFound(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		_, err := s.Task(t.Context(), "nobody")
		notFound(t, err)
		notFound(t, s.UpdateTask(t.Context(), store.Task{ID: "nobody"}))
		notFound(t, s.SaveDone(t.Context(), store.Done{Task: store.Task{ID: "nobody"}, Build: store.Build{Node: "a"}}))
		if _, found, err := s.Build(t.Context(), "a", calendar.Day{}); err != nil || found {
			t.Errorf("the build of a task that does not exist was kept (%v)", err)
		}
	})
}

func TestLatestTaskOfANodeAndDayIsTheOneAddedLast(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		addTask(t, s, "b", monday, store.StateFailed)
		b := addTask(t, s, "b", monday, store.StateDone)
		next := addTask(t, s, "a", monday.Add(1), store.StateDone)
		a := addTask(t, s, "a", monday, store.StateRunning)
		addTask(t, s, "a", monday.Add(2), store.StateDone)
		same(t, []store.Task{a, b, next}, must(s.LatestTasks(t.Context(), monday, monday.Add(1)))(t))
	})
}

func TestTasksOfANodeAreListedNewestFirst(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		first := addTask(t, s, "a", monday, store.StateFailed)
		addTask(t, s, "b", monday, store.StateDone)
		other := addTask(t, s, "a", monday.Add(1), store.StateDone)
		again := addTask(t, s, "a", monday, store.StateDone)
		same(t, []store.Task{again, first}, must(s.NodeTasks(t.Context(), "a", monday, 10))(t))
		same(t, []store.Task{again, other}, must(s.NodeTasks(t.Context(), "a", calendar.Day{}, 2))(t))
	})
}

func TestAttemptIsOverwrittenByItsNumber(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		task := addTask(t, s, "a", monday, store.StateRunning)
		one := store.Attempt{Task: task.ID, Number: 1, State: store.StateFailed, Error: "no route", Started: noon, Ended: noon.Add(time.Second)}
		two := store.Attempt{Task: task.ID, Number: 2, State: store.StateRunning, Started: noon.Add(time.Minute)}
		full(t, one)
		check(t, s.SaveAttempt(t.Context(), two))
		check(t, s.SaveAttempt(t.Context(), one))
		two.State, two.Ended = store.StateDone, noon.Add(2*time.Minute)
		check(t, s.SaveAttempt(t.Context(), two))
		same(t, []store.Attempt{one, two}, must(s.Attempts(t.Context(), task.ID))(t))
	})
}

func TestTextThatPostgreSQLWouldRefuseIsKept(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		task := addTask(t, s, "a", monday, store.StateRunning)
		task.Error = "bad row \"\xff\x00한\""
		check(t, s.UpdateTask(t.Context(), task))
		if got := must(s.Task(t.Context(), task.ID))(t).Error; got != "bad row \"\uFFFD\uFFFD한\"" {
			t.Errorf("error %q", got)
		}
		c := store.CheckResult{Name: "k\x00", Examples: []string{"\xff\x00"}}
		check(t, s.SaveDone(t.Context(), store.Done{Task: task, Checks: []store.CheckResult{c}}))
		got := must(s.Checks(t.Context(), "a", monday, monday))(t)
		same(t, []string{"\uFFFD\x00"}, got[0].Examples)
	})
}
