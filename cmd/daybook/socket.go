package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"

	"daybook/handlers"
)

// maxSocketPath is what a unix socket's address can hold.
const maxSocketPath = 100

// socketPath is where the owner of a project listens: in its data directory, or under the runtime directory where that path is too long.
func socketPath(dir string) (string, error) {
	abs, err := filepath.Abs(filepath.Join(dir, dataDir, "sock"))
	if err != nil {
		return "", fmt.Errorf("find the project's socket: %w", err)
	}
	if len(abs) <= maxSocketPath {
		return abs, nil
	}
	runtime := os.Getenv("XDG_RUNTIME_DIR")
	if runtime == "" {
		runtime = os.TempDir()
	}
	sum := sha256.Sum256([]byte(abs))
	return filepath.Join(runtime, "daybook-"+strconv.Itoa(os.Getuid())+"-"+hex.EncodeToString(sum[:8])+".sock"), nil
}

// listenSocket opens the project's socket to its own user alone. The caller holds the project's lock, so a socket that is there is left over.
func listenSocket(dir string) (net.Listener, error) {
	path, err := socketPath(dir)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("take the project's socket: %w", err)
	}
	old := syscall.Umask(0o177) // the socket is 0600 from its first moment
	l, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("listen on the project's socket: %w", err)
	}
	return l, nil
}

// nameCaller notes who is on the other end of the socket, as the kernel says.
func nameCaller(ctx context.Context, c net.Conn) context.Context {
	name := "cli"
	if conn, ok := c.(*net.UnixConn); ok {
		if raw, err := conn.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { // without an answer the caller stays nameless
				if cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
					name += ":" + userName(cred.Uid)
				}
			})
		}
	}
	return handlers.Trusted(ctx, name)
}

func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// version is what the binary was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return info.Main.Version
}
