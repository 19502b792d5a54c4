package testenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// cluster is started by the first test of a process that asks, and shared: a start costs a second, a database little.
var cluster = sync.OnceValues(startPostgres)

// Postgres returns the address of an empty database on a private PostgreSQL server. The database is dropped when the
// test ends, the server ends with the process. Where PostgreSQL is not installed the test is skipped.
func Postgres(t testing.TB) string {
	t.Helper()
	server := need(t, cluster)
	name := "t" + strings.ToLower(rand.Text())
	server.exec(t, "CREATE DATABASE "+name)
	t.Cleanup(func() { server.exec(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	return server.url(name)
}

type postgres struct {
	port     int
	password string
}

func (p *postgres) url(database string) string {
	return fmt.Sprintf("postgres://postgres:%s@127.0.0.1:%d/%s?sslmode=disable", p.password, p.port, database)
}

func (p *postgres) exec(t testing.TB, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.url("postgres"))
	if err != nil {
		t.Fatalf("connect to the test server: %v", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// postgresPrograms is the directory of initdb and postgres: the newest of Debian's, or where PATH has initdb.
func postgresPrograms() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		version := func(initdb string) int {
			n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb)))) // no number sorts first
			return n
		}
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("PostgreSQL %w: apt-get install postgresql", errNotInstalled)
	}
	return filepath.Dir(path), nil
}

func startPostgres() (*postgres, error) {
	programs, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	as, err := account("postgres")
	if err != nil {
		return nil, err
	}
	dir, err := directory("postgres", as)
	if err != nil {
		return nil, err
	}
	server := &postgres{password: rand.Text()}
	if err := server.start(programs, dir, as); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return server, nil
}

func (p *postgres) start(programs, dir string, as *syscall.Credential) error {
	data, secret := filepath.Join(dir, "data"), filepath.Join(dir, "password")
	if err := errors.Join(os.WriteFile(secret, []byte(p.password+"\n"), 0o600), own(as, secret)); err != nil {
		return err
	}
	initdb := exec.Command(filepath.Join(programs, "initdb"), "-D", data, "-U", "postgres", "--pwfile="+secret,
		"-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = dir, attributes(as)
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	p.port = port
	// SIGQUIT means "now", SIGTERM would wait for clients.
	_, err = process{name: "PostgreSQL", dir: dir, as: as, signal: "QUIT", args: []string{filepath.Join(programs, "postgres"), "-D", data,
		"-p", strconv.Itoa(p.port), "-h", "127.0.0.1", "-k", "", "-c", "fsync=off", "-c", "synchronous_commit=off",
		"-c", "full_page_writes=off", "-c", "shared_buffers=64MB", "-c", "max_connections=200", "-c", "wal_level=logical"}}.start(p.answers)
	return err
}

func (p *postgres) answers(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.url("postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}
