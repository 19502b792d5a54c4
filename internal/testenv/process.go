package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// errNotInstalled is in the chain of an error that says what to install.
var errNotInstalled = errors.New("is not installed")

// need returns what start gives; a part that this machine lacks ends the test by missing.
func need[T any](t testing.TB, start func() (T, error)) T {
	t.Helper()
	part, err := start()
	if errors.Is(err, errNotInstalled) {
		missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return part
}

// guard runs the server until it ends or standard input does, which the kernel closes with the test process, however
// that ends; then it removes the server's directory.
const guard = `
exec 3<&0
"$@" </dev/null 3<&- & server=$!
(cat <&3 >/dev/null; kill -"$SIGNAL" $server) & watch=$!
exec 3<&-
wait $server
kill $watch 2>/dev/null
rm -rf "$DIR"
`

// process is a server in a private directory.
type process struct {
	name   string
	dir    string
	as     *syscall.Credential // nil is the user that runs the test
	signal string              // that ends it now, whoever is connected
	env    []string
	args   []string
}

// directory makes the private directory of a server that runs as the given account.
func directory(name string, as *syscall.Credential) (string, error) {
	// The account has to reach the directory, and root's own temporary directory may be closed to it.
	parent := ""
	if as != nil {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "daybook-"+name+"-")
	if err != nil {
		return "", fmt.Errorf("make a directory for %s: %w", name, err)
	}
	return dir, own(as, dir)
}

// own gives a file to the account.
func own(as *syscall.Credential, file string) error {
	if as == nil {
		return nil
	}
	return os.Chown(file, int(as.Uid), int(as.Gid))
}

// account is who runs a server that refuses root: nil is the user that runs the test, and the named one stands in for root.
func account(name string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("the server of the user %s %w (%w)", name, errNotInstalled, err)
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return nil, fmt.Errorf("ids of the user %s: %w", name, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// attributes put a process into a group of its own, so that Ctrl-C in a terminal reaches the test and not the server.
func attributes(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: as}
}

// start returns when the server answers. What it returns ends the server; it ends with the test process in any case.
func (p process) start(answers func(context.Context) error) (stop func(), err error) {
	cmd := exec.Command("/bin/sh", append([]string{"-c", guard, "guard"}, p.args...)...)
	cmd.Dir, cmd.SysProcAttr = p.dir, attributes(p.as)
	cmd.Env = append(append(os.Environ(), "DIR="+p.dir, "SIGNAL="+p.signal), p.env...)
	log, err := os.Create(filepath.Join(p.dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	stdin, err := cmd.StdinPipe() // closed by stop, or by the kernel: see guard
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	gone := make(chan struct{})
	go func() { ended <- cmd.Wait(); close(gone) }()
	stop = func() {
		_ = stdin.Close() // an end that has come already is as good
		<-gone
	}
	if err := ready(answers, ended); err != nil {
		said, readErr := io.ReadAll(io.NewSectionReader(log, 0, 1<<20)) // by now the guard may have removed the file
		_ = stdin.Close()
		return nil, errors.Join(fmt.Errorf("start %s: %w", p.name, err), readErr, errors.New(string(said)))
	}
	return stop, nil
}

// ready returns when the server answers.
func ready(answers func(context.Context) error, ended <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := answers(ctx)
		if err == nil {
			return nil
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

// module is the directory of go.mod, above the one that the test runs in.
func module() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the directory of the test")
		}
	}
}
