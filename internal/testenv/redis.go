package testenv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"testing"
)

// Redis returns the address of an empty Redis server that ends with the test: a start costs some milliseconds, and databases that
// tests could share have only numbers.
func Redis(t testing.TB) string {
	t.Helper()
	server := need(t, startRedis)
	t.Cleanup(server.stop)
	return server.address
}

type redis struct {
	address string
	stop    func()
}

func startRedis() (redis, error) {
	daemon, err := program("redis-server", "Redis", "apt-get install redis-server")
	if err != nil {
		return redis{}, err
	}
	dir, err := directory("redis", nil)
	if err != nil {
		return redis{}, err
	}
	port, err := freePort()
	if err != nil {
		return redis{}, err
	}
	r := redis{address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	r.stop, err = process{name: "Redis", dir: dir, signal: "KILL", args: []string{daemon, "--bind", "127.0.0.1", "--port", strconv.Itoa(port),
		"--save", "", "--appendonly", "no", "--dir", dir, "--databases", "4"}}.start(r.answers)
	if err != nil {
		return redis{}, errors.Join(err, os.RemoveAll(dir))
	}
	return r, nil
}

func (r redis) answers(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", r.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && line != "+PONG\r\n" {
		err = fmt.Errorf("it said %q", line)
	}
	return err
}
