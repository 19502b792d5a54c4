package testenv_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"daybook/internal/testenv"

	"github.com/jackc/pgx/v5"
)

func TestEveryTestGetsAnEmptyDatabaseOfItsOwn(t *testing.T) {
	for _, name := range []string{"first", "second"} {
		t.Run(name, func(t *testing.T) {
			conn, err := pgx.Connect(t.Context(), testenv.Postgres(t))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.Background())
			if _, err := conn.Exec(t.Context(), "CREATE TABLE here (n INT)"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A process that is killed cannot clean up: the server has to notice by itself.
func TestServerAndItsDirectoryEndWithAKilledProcess(t *testing.T) {
	if os.Getenv("TESTENV_CHILD") != "" {
		dsn := testenv.Postgres(t)
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		var data string
		if err := conn.QueryRow(t.Context(), "SHOW data_directory").Scan(&data); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("RUNNING %s %s\n", dsn, data)
		select {} // killed by the parent
	}
	testenv.Postgres(t) // skips where there is none
	child := exec.Command(os.Args[0], "-test.run=^TestServerAndItsDirectoryEndWithAKilledProcess$", "-test.timeout=60s")
	child.Env = append(os.Environ(), "TESTENV_CHILD=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var word, dsn, data string
	_, scanErr := fmt.Fscan(out, &word, &dsn, &data)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // "signal: killed" is what was asked for
	if scanErr != nil || word != "RUNNING" {
		t.Fatalf("the child said %q: %v", word, scanErr)
	}
	within(t, 30*time.Second, "the server stops", func() bool {
		conn, err := pgx.Connect(t.Context(), dsn)
		if err == nil {
			_ = conn.Close(t.Context()) // it will be asked again
		}
		return err != nil
	})
	within(t, 30*time.Second, "the directory goes", func() bool {
		_, err := os.Stat(strings.TrimSuffix(data, "/data"))
		return errors.Is(err, os.ErrNotExist)
	})
}

func within(t *testing.T, d time.Duration, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(d)
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("not within %s: %s", d, what)
		case <-tick.C:
		}
	}
}
