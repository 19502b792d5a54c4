package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"daybook/internal/fault"
)

// lockProject makes this process the owner of the project in dir. While another one is, the error is a fault of code busy that names it.
// The lock ends with the process, however it ends.
func lockProject(data, command string) (release func(), err error) {
	path := filepath.Join(data, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the project's lock: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		owner, _ := os.ReadFile(path)
		f.Close()
		who := strings.TrimSpace(string(owner))
		if who == "" {
			who = "another process"
		}
		return nil, fault.New(fault.Busy, fmt.Sprintf("the project is owned by %s", who), "wait until it ends, or stop it; while a server runs, the other commands go through it")
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock the project: %w", err)
	}
	if err = f.Truncate(0); err == nil {
		_, err = fmt.Fprintf(f, "daybook %s (process %d)\n", command, os.Getpid())
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("write the project's lock: %w", err)
	}
	return func() { f.Close() }, nil
}
