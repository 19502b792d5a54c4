package testenv

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
)

var mariadb = sync.OnceValues(startMariaDB)

// MariaDB returns the address of an empty database (utf8mb4) on a private MariaDB server, as go-sql-driver writes it:
// "root:password@tcp(127.0.0.1:port)/name". The database is dropped when the test ends, the server ends with the process.
func MariaDB(t testing.TB) string {
	t.Helper()
	server := need(t, mariadb)
	name := "t" + strings.ToLower(rand.Text())
	server.exec(t, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4")
	t.Cleanup(func() { server.exec(t, "DROP DATABASE "+name) })
	return server.dsn(name)
}

type maria struct {
	port     int
	password string
}

func (m *maria) dsn(database string) string {
	return fmt.Sprintf("root:%s@tcp(127.0.0.1:%d)/%s", m.password, m.port, database)
}

func (m *maria) exec(t testing.TB, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := m.do(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func (m *maria) do(ctx context.Context, statement string) error {
	db, err := sql.Open("mysql", m.dsn(""))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, statement)
	return err
}

func startMariaDB() (*maria, error) {
	install, err := program("mariadb-install-db", "MariaDB", "apt-get install mariadb-server")
	if err != nil {
		return nil, err
	}
	daemon, err := program("mariadbd", "MariaDB", "apt-get install mariadb-server")
	if err != nil {
		return nil, err
	}
	as, err := account("mysql")
	if err != nil {
		return nil, err
	}
	dir, err := directory("mariadb", as)
	if err != nil {
		return nil, err
	}
	server := &maria{password: rand.Text()}
	if err := server.start(install, daemon, dir, as); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return server, nil
}

func (m *maria) start(install, daemon, dir string, as *syscall.Credential) error {
	data, first := filepath.Join(dir, "data"), filepath.Join(dir, "first.sql")
	// One statement per line is what --init-file understands.
	statements := fmt.Sprintf("CREATE OR REPLACE USER 'root'@'127.0.0.1' IDENTIFIED BY '%s';\nGRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n", m.password)
	if err := errors.Join(os.WriteFile(first, []byte(statements), 0o600), own(as, first)); err != nil {
		return err
	}
	prepare := exec.Command(install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
	temp := "TMPDIR=" + dir // the test's own may be closed to the account
	prepare.Dir, prepare.SysProcAttr, prepare.Env = dir, attributes(as), append(os.Environ(), temp)
	if out, err := prepare.CombinedOutput(); err != nil {
		return fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	m.port = port
	_, err = process{name: "MariaDB", dir: dir, as: as, signal: "KILL", env: []string{temp}, args: []string{daemon, "--no-defaults", "--datadir=" + data,
		"--socket=" + filepath.Join(dir, "socket"), "--pid-file=" + filepath.Join(dir, "pid"), "--port=" + strconv.Itoa(port),
		"--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0",
		"--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M", "--sync-binlog=0", "--character-set-server=utf8mb4",
		"--init-file=" + first}}.start(func(ctx context.Context) error { return m.do(ctx, "DO 1") })
	return err
}

// program finds what PATH has, or /usr/sbin, which the PATH of a plain user lacks.
func program(name, part, install string) (string, error) {
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s %w: %s", part, errNotInstalled, install)
}
