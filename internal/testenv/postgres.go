package testenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
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
	server, err := cluster()
	if errors.Is(err, errNotInstalled) {
		missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	name := "t" + strings.ToLower(rand.Text())
	server.exec(t, "CREATE DATABASE "+name)
	t.Cleanup(func() { server.exec(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	return server.url(name)
}

var errNotInstalled = errors.New("PostgreSQL is not installed: apt-get install postgresql")

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
		return "", errNotInstalled
	}
	return filepath.Dir(path), nil
}

// guard runs the server until it ends or standard input does, which the kernel closes with the test process, however
// that ends; then it removes the server's directory. SIGQUIT means "now", SIGTERM would wait for clients.
const guard = `
exec 3<&0
"$@" </dev/null 3<&- & server=$!
(cat <&3 >/dev/null; kill -QUIT $server) & watch=$!
exec 3<&-
wait $server
kill $watch 2>/dev/null
rm -rf "$DIR"
`

func startPostgres() (*postgres, error) {
	programs, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	as, err := account()
	if err != nil {
		return nil, err
	}
	// The account has to reach the directory, and root's own temporary directory may be closed to it.
	parent := ""
	if as != nil {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "daybook-postgres-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for PostgreSQL: %w", err)
	}
	server := &postgres{password: rand.Text()}
	if err := server.start(programs, dir, as); err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL: %w", err), os.RemoveAll(dir))
	}
	return server, nil
}

// account is who runs the server: nil is the user that runs the test, and "postgres" stands in for root, whom
// PostgreSQL refuses.
func account() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", errNotInstalled, err)
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return nil, fmt.Errorf("ids of the user postgres: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func (p *postgres) start(programs, dir string, as *syscall.Credential) error {
	data, secret := filepath.Join(dir, "data"), filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(p.password+"\n"), 0o600); err != nil {
		return err
	}
	if as != nil {
		if err := errors.Join(os.Chown(dir, int(as.Uid), int(as.Gid)), os.Chown(secret, int(as.Uid), int(as.Gid))); err != nil {
			return err
		}
	}
	// A group of its own, so that Ctrl-C in a terminal reaches the test and not the server.
	attributes := &syscall.SysProcAttr{Setpgid: true, Credential: as}
	initdb := exec.Command(filepath.Join(programs, "initdb"), "-D", data, "-U", "postgres", "--pwfile="+secret,
		"-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = dir, attributes
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	p.port = port
	server := exec.Command("/bin/sh", "-c", guard, "guard", filepath.Join(programs, "postgres"), "-D", data,
		"-p", strconv.Itoa(p.port), "-h", "127.0.0.1", "-k", "", "-c", "fsync=off", "-c", "synchronous_commit=off",
		"-c", "full_page_writes=off", "-c", "shared_buffers=64MB", "-c", "max_connections=200", "-c", "wal_level=logical")
	server.Dir, server.SysProcAttr, server.Env = dir, attributes, append(os.Environ(), "DIR="+dir)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	server.Stdout, server.Stderr = log, log
	if _, err := server.StdinPipe(); err != nil { // never closed by us: see guard
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	if err := p.ready(ended); err != nil {
		said, readErr := io.ReadAll(io.NewSectionReader(log, 0, 1<<20)) // by now the guard may have removed the file
		return errors.Join(err, readErr, errors.New(string(said)))
	}
	return nil
}

// ready returns when the server answers.
func (p *postgres) ready(ended <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, p.url("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case end := <-ended:
			return fmt.Errorf("it ended at once: %w", errors.Join(end, err))
		case <-ctx.Done():
			return fmt.Errorf("it did not answer in time: %w", err)
		case <-tick.C:
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
