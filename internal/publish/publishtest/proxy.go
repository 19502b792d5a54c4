package publishtest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy is a way to a server that can be cut.
type Proxy struct {
	Addr string

	mu    sync.Mutex
	left  int64 // bytes to the server until the cut, -1 for no cut
	conns []net.Conn
}

// NewProxy leads to the server at addr until the test ends.
func NewProxy(t testing.TB, addr string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), left: -1}
	t.Cleanup(func() { l.Close(); p.cut() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go p.lead(client, addr)
		}
	}()
	return p
}

// CutAfter cuts all connections, and refuses new ones, once that many more bytes went to the server.
func (p *Proxy) CutAfter(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = bytes
}

// Mend lets connections through again, and reports whether they had been cut.
func (p *Proxy) Mend() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.left == 0
	p.left = -1
	return was
}

func (p *Proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// take says how many of n bytes may pass.
func (p *Proxy) take(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left < 0 {
		return n
	}
	n = int(min(int64(n), p.left))
	p.left -= int64(n)
	return n
}

func (p *Proxy) lead(client net.Conn, addr string) {
	server, err := net.Dial("tcp", addr)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	closed := p.left == 0
	p.conns = append(p.conns, client, server)
	p.mu.Unlock()
	defer client.Close()
	defer server.Close()
	if closed {
		return
	}
	go func() {
		io.Copy(client, server)
		client.Close()
	}()
	buffer := make([]byte, 4096)
	for {
		n, err := client.Read(buffer)
		if may := p.take(n); may > 0 || n == 0 {
			if _, err := server.Write(buffer[:may]); err != nil {
				return
			}
			if may == n && err == nil {
				continue
			}
		}
		if err == nil {
			p.cut()
		}
		return
	}
}
