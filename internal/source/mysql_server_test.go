package source_test

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var startMaria = sync.OnceValues(startMariaDB)

// mariaDB returns the address of an empty database on a private MariaDB, which ends with the process.
func mariaDB(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("mariadb-install-db"); err != nil {
		if os.Getenv("DAYBOOK_TEST") == "strict" {
			t.Fatal("MariaDB is not installed")
		}
		t.Skip("MariaDB is not installed")
	}
	address, err := startMaria()
	if err != nil {
		t.Fatal(err)
	}
	name := "t" + strings.ToLower(rand.Text())
	db := opened(t, "mysql", "root:pw@tcp("+address+")/")
	do(t, db, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4")
	t.Cleanup(func() { do(t, db, "DROP DATABASE "+name) })
	return "root:pw@tcp(" + address + ")/" + name
}

func startMariaDB() (string, error) {
	dir, err := os.MkdirTemp("/tmp", "daybook-maria-")
	if err != nil {
		return "", err
	}
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() == 0 {
		u, err := user.Lookup("mysql")
		if err != nil {
			return "", err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, uid, gid); err != nil {
			return "", err
		}
	}
	first := filepath.Join(dir, "first.sql")
	if err := os.WriteFile(first, []byte("CREATE OR REPLACE USER 'root'@'127.0.0.1' IDENTIFIED BY 'pw';\nGRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n"), 0o644); err != nil {
		return "", err
	}
	prepare := exec.Command("mariadb-install-db", "--no-defaults", "--datadir="+dir+"/data", "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
	prepare.Dir, prepare.SysProcAttr = dir, attributes
	if out, err := prepare.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	guard := "exec 3<&0\n\"$@\" </dev/null 3<&- & server=$!\n(cat <&3 >/dev/null; kill -KILL $server) & watch=$!\nexec 3<&-\nwait $server\nkill $watch 2>/dev/null\nrm -rf \"$DIR\"\n"
	server := exec.Command("/bin/sh", "-c", guard, "guard", "/usr/sbin/mariadbd", "--no-defaults", "--datadir="+dir+"/data", "--socket="+dir+"/s", "--pid-file="+dir+"/pid",
		"--port="+port, "--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-buffer-pool-size=64M",
		"--sync-binlog=0", "--character-set-server=utf8mb4", "--init-file="+first)
	server.Dir, server.SysProcAttr, server.Env = dir, attributes, append(os.Environ(), "DIR="+dir)
	if _, err := server.StdinPipe(); err != nil { // closed when the process ends
		return "", err
	}
	if err := server.Start(); err != nil {
		return "", err
	}
	go func() { _ = server.Wait() }() // and hold its standard input
	db, err := sql.Open("mysql", "root:pw@tcp("+address+")/")
	if err != nil {
		return "", err
	}
	defer db.Close()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = db.Ping(); err == nil {
			return address, nil
		}
	}
	return "", errors.Join(errors.New("MariaDB did not answer"), err)
}
