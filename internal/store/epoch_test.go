package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"daybook/internal/store"
)

func begin(t *testing.T, s *store.Store, now time.Time) (int64, int) {
	t.Helper()
	epoch, interrupted, err := s.BeginEpoch(t.Context(), now)
	check(t, err)
	return epoch, interrupted
}

func TestNewEpochInterruptsWhatAnOlderOneLeftOpen(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		old, none := begin(t, s, noon)
		same(t, 0, none)
		open := store.Run{State: store.StateRunning, Epoch: old}
		ended := store.Run{State: store.StateFailed, Epoch: old, Ended: noon}
		check(t, s.CreateRun(t.Context(), &open))
		check(t, s.CreateRun(t.Context(), &ended))
		var tasks []store.Task
		for _, state := range []string{store.StateRunning, store.StateRetrying, store.StateQueued, store.StateWaiting, store.StateDone, store.StateFailed} {
			tasks = append(tasks, store.Task{Run: open.ID, Node: state, Day: monday, State: state, Epoch: old})
		}
		check(t, s.AddTasks(t.Context(), tasks))
		failed := store.Attempt{Task: tasks[0].ID, Number: 1, State: store.StateFailed, Started: noon, Ended: noon}
		trying := store.Attempt{Task: tasks[0].ID, Number: 2, State: store.StateRunning, Started: noon}
		check(t, s.SaveAttempt(t.Context(), failed))
		check(t, s.SaveAttempt(t.Context(), trying))
		d := planOne(t, s)
		d.State, d.Epoch = store.DeliverySending, old
		must(s.SetDelivery(t.Context(), d, store.DeliveryPlanned))(t)
		seen := must(s.LastEvent(t.Context()))(t)

		later := noon.Add(time.Hour)
		epoch, interrupted := begin(t, s, later)
		same(t, old+1, epoch)
		same(t, 4, interrupted)
		for i := range tasks[:4] {
			tasks[i].State, tasks[i].Ended = store.StateInterrupted, later
		}
		same(t, tasks, must(s.Tasks(t.Context(), open.ID))(t))
		trying.State, trying.Ended = store.StateInterrupted, later
		same(t, []store.Attempt{failed, trying}, must(s.Attempts(t.Context(), tasks[0].ID))(t))
		open.State, open.Ended = store.StateInterrupted, later
		same(t, []store.Run{ended, open}, must(s.Runs(t.Context(), store.RunFilter{}))(t))
		d.State, d.Sent, d.Updated = store.DeliveryUnknown, d.Updated, later
		same(t, d, must(s.Delivery(t.Context(), d.ID))(t))
		same(t, 6, len(must(s.EventsAfter(t.Context(), seen, 0))(t))) // 4 tasks, 1 run, 1 delivery

		// What belongs to the new epoch is not touched.
		mine := store.Run{State: store.StateRunning, Epoch: epoch}
		check(t, s.CreateRun(t.Context(), &mine))
		same(t, []store.Run{mine}, must(s.RunningRuns(t.Context()))(t))
	})
}

// The child dies by SIGKILL in the middle of a transaction's work; what it had committed is there, the rest is not.
func TestRecordsSurviveAKilledProcess(t *testing.T) {
	if dsn := os.Getenv("STORE_CHILD"); dsn != "" {
		workUntilKilled(t, dsn)
	}
	onEachEngine(t, func(t *testing.T, dsn string) {
		child := exec.Command(os.Args[0], "-test.run=^TestRecordsSurviveAKilledProcess$", "-test.timeout=60s")
		child.Env = append(os.Environ(), "STORE_CHILD="+dsn)
		out := must(child.StdoutPipe())(t)
		check(t, child.Start())
		var committed int64
		lines := bufio.NewScanner(out)
		for committed < 5 && lines.Scan() {
			if _, err := fmt.Sscanf(lines.Text(), "COMMITTED %d", &committed); err != nil {
				t.Log(lines.Text()) // what the test framework says
			}
		}
		check(t, child.Process.Kill())
		_ = child.Wait() // "signal: killed" is what was asked for
		if committed < 5 {
			t.Fatal("the child ended early")
		}

		s := open(t, dsn)
		newest := must(s.Runs(t.Context(), store.RunFilter{Limit: 1}))(t)[0]
		if newest.Number < committed {
			t.Errorf("run %d was committed, the newest is %d", committed, newest.Number)
		}
		begin(t, s, noon)
		same(t, 0, len(must(s.RunningRuns(t.Context()))(t)))
		next := addRun(t, s, store.StateQueued)
		same(t, newest.Number+1, next.Number)
	})
}

func workUntilKilled(t *testing.T, dsn string) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s := must(store.Open(ctx, dsn))(t)
	epoch, _, err := s.BeginEpoch(ctx, noon)
	check(t, err)
	for {
		r := store.Run{State: store.StateRunning, Epoch: epoch}
		check(t, s.CreateRun(ctx, &r))
		fmt.Println("COMMITTED", r.Number)
	}
}
