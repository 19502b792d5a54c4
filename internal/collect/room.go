package collect

import (
	"fmt"

	"daybook/internal/fault"
)

// CodeFull is the code of a fault that says that no more fits into memory for now; the caller had better wait a second.
const CodeFull = "full"

// toll is what a request costs in memory beside its body: its goroutine, headers and buffers.
const toll = 16 << 10

// Room is the part of a source's memory that one request takes. It is for one goroutine.
type Room struct {
	stream *stream
	page   bool
	held   int64
}

// Admit lets a request in of whose body the first bytes are there; it says to have so many, or -1. Page tells that it comes from a web
// page, whose key everybody may know: those take half of the memory at most, so that programs find room. It is over with Release.
//
// It gives a fault of code full when memory is used up, quota until the day's end when pages have sent the bytes of a day, and no_space
// while the disk has too little left.
func (l *Log) Admit(source string, page bool, announced int64) (*Room, error) {
	s, err := l.stream(source)
	if err != nil {
		return nil, err
	}
	if err := s.spacious(); err != nil {
		return nil, err
	}
	r := &Room{stream: s, page: page}
	s.mu.Lock()
	defer s.mu.Unlock()
	if page {
		if err := s.allowed(1); err != nil {
			return nil, err
		}
	}
	if err := r.fits(toll + max(announced, 0)); err != nil { // what would be thrown away half way need not be read
		return nil, err
	}
	r.take(toll)
	return r, nil
}

// Grow takes n more bytes, or gives a fault of code full.
func (r *Room) Grow(n int64) error {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	if err := r.fits(n); err != nil {
		return err
	}
	r.take(n)
	return nil
}

// Spend counts records that go to Append towards what pages may send in a day. Beyond that it gives a fault of code quota.
func (r *Room) Spend(n int64) error {
	if !r.page {
		return nil
	}
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	if err := r.stream.allowed(n); err != nil {
		return err
	}
	r.stream.sent.bytes += n
	return nil
}

// Release gives everything back; again is nothing.
func (r *Room) Release() {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	r.take(-r.held)
}

// fits wants stream.mu held. A request that is alone fits.
func (r *Room) fits(n int64) error {
	s, memory := r.stream, r.stream.source.Collect.Memory
	if s.held > r.held && s.held+n > memory || r.page && s.pages > r.held && s.pages+n > memory/2 {
		return fault.New(CodeFull, fmt.Sprintf("more is sent to %s than the disk takes", s.source.Name), "send it again in a second or later")
	}
	return nil
}

// take wants stream.mu held.
func (r *Room) take(n int64) {
	r.held += n
	r.stream.held += n
	if r.page {
		r.stream.pages += n
	}
}
