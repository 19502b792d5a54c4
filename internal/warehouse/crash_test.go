package warehouse_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/warehouse"

	"github.com/google/go-cmp/cmp"
)

// child names the environment variable that makes the test binary play a part in a process of its own: PART:PATH.
const child = "DAYBOOK_WAREHOUSE_PART"

func TestMain(m *testing.M) {
	if part, path, ok := strings.Cut(os.Getenv(child), ":"); ok {
		if err := play(part, path); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// play loads without end and says each load that it has been told is done, or holds the file until its input ends.
func play(part, path string) error {
	ctx := context.Background()
	w, err := warehouse.Duck(ctx, warehouse.Options{Path: path, Threads: 1, Memory: "256MB"})
	if err != nil {
		return err
	}
	defer w.Close()
	switch part {
	case "hold":
		fmt.Println("held")
		_, err := bufio.NewReader(os.Stdin).ReadString('\n')
		return err
	case "fill":
		return fill(ctx, w, filepath.Dir(path))
	}
	for i := 1; ; i++ {
		if _, err := w.Load(ctx, rowsOf(i)); err != nil {
			return err
		}
		fmt.Println(i)
	}
}

var day = calendar.MustDay("2026-11-19")

// rowsOf is a load of 20000 rows that all say i.
func rowsOf(i int) warehouse.Load {
	return warehouse.Load{Kind: "table", Node: "a", Day: day, Asked: day, SQL: fmt.Sprintf("SELECT %d AS n, i AS id FROM range(20000) AS t(i)", i), Fingerprint: fmt.Sprint(i), Run: "r", At: time.Unix(0, 0)}
}

// start runs the test binary as a part and gives its output line by line.
func start(t *testing.T, part, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), child+"="+part+":"+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

func TestAKilledLoadLeavesRecordAndRowsThatAgree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.duckdb")
	for round := range 4 {
		cmd, out := start(t, "load", path)
		said := ""
		for range 3 + round {
			if !out.Scan() {
				t.Fatal("the loader ended early")
			}
			said = out.Text()
		}
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for out.Scan() {
			said = out.Text()
		}
		w := open(t, path)
		record, ok, err := w.Record(context.Background(), "a", day)
		if err != nil || !ok {
			t.Fatalf("no record: %v", err)
		}
		answer, err := w.Query(context.Background(), "SELECT min(n), max(n), count(*), $day FROM a", day)
		if err != nil {
			t.Fatal(err)
		}
		var loaded int64
		if _, err := fmt.Sscan(record.Fingerprint, &loaded); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]any{loaded, loaded, int64(20000)}, answer.Values[0][:3]); d != "" {
			t.Errorf("record and rows: %s", d)
		}
		if next := fmt.Sprint(loaded - 1); said != record.Fingerprint && said != next {
			t.Errorf("%s was said to be loaded, %s is", said, record.Fingerprint)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFileThatAnotherProcessHoldsIsBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.duckdb")
	cmd, out := start(t, "hold", path)
	if !out.Scan() || out.Text() != "held" {
		t.Fatal("the other process does not hold the file: " + out.Text())
	}
	_, err := warehouse.Duck(context.Background(), warehouse.Options{Path: path})
	if !fault.Is(err, fault.Busy) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", cmd.Process.Pid)) {
		t.Errorf("got %v", err)
	}
}

func TestADamagedFileSaysWhatToDo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.duckdb")
	w := open(t, path)
	if _, err := w.Load(context.Background(), rowsOf(1)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte{}, good...)
	for i := 4096; i < 12288; i++ {
		flipped[i] ^= 0xff
	}
	for name, content := range map[string][]byte{"text": []byte(strings.Repeat("no database ", 1000)), "cut": good[:6000], "flipped": flipped} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "w.duckdb")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			w, err := warehouse.Duck(context.Background(), warehouse.Options{Path: path})
			if err == nil {
				w.Close()
			}
			if !fault.Is(err, fault.Damaged) || !strings.Contains(fault.Hint(err), "rebuilt from the lake") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// fill loads days until the disk is full, then proves that what was there is still there, and that loads work once there is room again.
func fill(ctx context.Context, w *warehouse.DuckDB, dir string) error {
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 4<<20), 0o600); err != nil {
		return err
	}
	_, err := w.Load(ctx, rowsOf(1))
	for i := 1; err == nil && i < 100; i++ {
		big := rowsOf(i)
		big.Day, big.Asked = day.Add(i), day.Add(i)
		big.SQL = fmt.Sprintf("SELECT %d AS n, i AS id, hash(i) AS h FROM range(200000) AS t(i)", i)
		big.Node = "big"
		_, err = w.Load(ctx, big)
	}
	if !fault.Is(err, fault.NoSpace) {
		return fmt.Errorf("the full disk gave: %w", err)
	}
	answer, err := w.Query(ctx, "SELECT count(*) FROM a", day)
	if err != nil {
		return fmt.Errorf("read after the full disk: %w", err)
	}
	if n := answer.Values[0][0]; n != int64(20000) {
		return fmt.Errorf("%v rows after the full disk", n)
	}
	if err := os.Remove(ballast); err != nil {
		return err
	}
	if err := w.Drop(ctx, "big"); err != nil {
		return fmt.Errorf("drop after the full disk: %w", err)
	}
	if _, err := w.Load(ctx, rowsOf(2)); err != nil {
		return fmt.Errorf("load after the full disk: %w", err)
	}
	fmt.Println("survived")
	return nil
}

func TestAFullDiskIsSaidAndLosesNothing(t *testing.T) {
	dir := t.TempDir()
	script := fmt.Sprintf("mount -t tmpfs -o size=16m tmpfs %s && exec %s", dir, os.Args[0])
	if err := exec.Command("unshare", "-rm", "true").Run(); err != nil {
		if os.Getenv("DAYBOOK_TEST") == "strict" {
			t.Fatalf("needs unshare -rm for a small disk: %v", err)
		}
		t.Skipf("needs unshare -rm for a small disk: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "-rm", "sh", "-c", script)
	cmd.Env = append(os.Environ(), child+"=fill:"+filepath.Join(dir, "w.duckdb"))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "survived") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestTheEngineIsTheOneThatWasMeasured(t *testing.T) {
	w := open(t, filepath.Join(t.TempDir(), "w.duckdb"))
	defer w.Close()
	answer, err := w.Query(context.Background(), "SELECT version(), current_setting('TimeZone'), current_setting('autoload_known_extensions')", day)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([][]any{{"v1.5.5", "Asia/Seoul", false}}, answer.Values); d != "" {
		t.Error(d)
	}
}

func TestTheGuardIsAskedBeforeEveryQuery(t *testing.T) {
	no := errors.New("no")
	w, err := warehouse.Duck(context.Background(), warehouse.Options{Path: filepath.Join(t.TempDir(), "w.duckdb"), Guard: func(_ context.Context, sql string) error {
		if strings.Contains(sql, "read_csv") {
			return no
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Query(context.Background(), "SELECT * FROM read_csv('x')", day); !errors.Is(err, no) {
		t.Errorf("got %v", err)
	}
	if _, err := w.Query(context.Background(), "SELECT 1", day); err != nil {
		t.Error(err)
	}
}

func TestSessionsOpenWhileAnotherUsesTheDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w 한글&=+.duckdb")
	w, err := warehouse.Duck(context.Background(), warehouse.Options{Path: path, Memory: "60MB", Threads: 1, Temp: path + ".temp", Readers: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	const spilling = "SELECT count(*) AS n FROM (SELECT hash(i) AS h, i FROM range(3000000) AS t(i) ORDER BY h, i LIMIT 2900000)"
	if _, err := w.Query(context.Background(), spilling, day); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".temp"); err != nil {
		t.Fatalf("nothing was spilled: %v", err)
	}
	errs := make(chan error)
	for range 4 {
		go func() {
			_, err := w.Query(context.Background(), "SELECT current_setting('temp_directory') FROM range(1000000)", day)
			errs <- err
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestAPathThatTheEngineWouldMisreadIsRefused(t *testing.T) {
	for _, name := range []string{"a?b", "a#b", "100%"} {
		if _, err := warehouse.Duck(context.Background(), warehouse.Options{Path: filepath.Join(t.TempDir(), name)}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTooLittleMemoryIsSaid(t *testing.T) {
	w, err := warehouse.Duck(context.Background(), warehouse.Options{Path: filepath.Join(t.TempDir(), "w.duckdb"), Memory: "20MB", Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	load := rowsOf(1)
	load.SQL = "SELECT string_agg(CAST(i AS VARCHAR), ',') AS all_of_them FROM range(20000000) AS t(i)"
	if _, err := w.Load(context.Background(), load); !fault.Is(err, "memory") {
		t.Errorf("got %v", err)
	}
	if _, err := w.Load(context.Background(), rowsOf(1)); err != nil {
		t.Error(err)
	}
}
