package lake

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	cacheBytes = 20e9
	lease      = time.Hour // how long a copy stays after it was handed out, however full the cache is: somebody may be about to open it
)

// cache is local copies of objects: DIR/SHA256/NAME. What was used longest ago goes first.
type cache struct {
	dir   string
	limit int64
	now   func() time.Time

	mu     sync.Mutex
	copies map[string]*copied // by SHA256/NAME
	bytes  int64
}

// copied is a copy, or one that is being made.
type copied struct {
	ready    chan struct{} // closed when it is there, or could not be made
	bytes    int64
	modified time.Time // of the file when it was last found to be whole; zero before
	used     time.Time
}

var cachedRE = regexp.MustCompile(`^[0-9a-f]{64}$`)

// openCache takes over the copies that an earlier process has left, to be proven before their first use.
func openCache(dir string, limit int64) (*cache, error) {
	if limit == 0 {
		limit = cacheBytes
	}
	c := &cache{dir: dir, limit: limit, now: time.Now, copies: map[string]*copied{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the lake's cache: %w", explain(err, dir))
	}
	sums, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open the lake's cache: %w", err)
	}
	there := make(chan struct{})
	close(there)
	for _, sum := range sums {
		if strings.HasSuffix(sum.Name(), temporaryExt) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, sum.Name())))
		}
		if !sum.IsDir() || !cachedRE.MatchString(sum.Name()) {
			continue
		}
		files, readErr := os.ReadDir(filepath.Join(dir, sum.Name()))
		err = errors.Join(err, readErr)
		for _, f := range files {
			if info, infoErr := f.Info(); infoErr == nil && info.Mode().IsRegular() {
				c.copies[sum.Name()+"/"+f.Name()] = &copied{ready: there, bytes: info.Size(), used: info.ModTime()}
				c.bytes += info.Size()
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the lake's cache: %w", err)
	}
	return c, nil
}

// Local implements Lake: a copy, whose size and SHA-256 were compared when it was made.
func (s *S3) Local(ctx context.Context, m Manifest, name string) (string, error) {
	if err := errors.Join(ctx.Err(), m.Key().check(), checkName(m.Generation), checkName(name)); err != nil {
		return "", err
	}
	o, err := m.Object(name)
	if err != nil {
		return "", err
	}
	if !cachedRE.MatchString(o.SHA256) {
		return "", damaged(m, o, "its SHA-256 is none")
	}
	return s.cache.file(ctx, o, func() (io.ReadCloser, error) { return s.open(ctx, m, o) })
}

// file is the copy of an object, made from what open gives when there is none.
func (c *cache) file(ctx context.Context, o Object, open func() (io.ReadCloser, error)) (string, error) {
	id := o.SHA256 + "/" + o.Name
	for {
		c.mu.Lock()
		one, there := c.copies[id]
		if !there {
			one = &copied{ready: make(chan struct{}), bytes: o.Bytes, used: c.now()}
			c.copies[id] = one
			c.bytes += o.Bytes
			c.makeRoom()
			c.mu.Unlock()
			err := c.make(o, open)
			c.settle(id, one, err == nil)
			if err != nil {
				return "", err
			}
			return c.path(id), nil
		}
		c.mu.Unlock()
		select {
		case <-one.ready:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		if c.take(id, one, o) {
			return c.path(id), nil
		}
	}
}

func (c *cache) path(id string) string { return filepath.Join(c.dir, filepath.FromSlash(id)) }

// settle ends the making of a copy.
func (c *cache) settle(id string, one *copied, made bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if made {
		if info, err := os.Stat(c.path(id)); err == nil {
			one.modified = info.ModTime()
		}
	} else {
		c.drop(id, one)
	}
	close(one.ready)
}

// take hands a copy out, or drops it when it is not what it was.
func (c *cache) take(id string, one *copied, o Object) bool {
	c.mu.Lock()
	if c.copies[id] != one {
		c.mu.Unlock()
		return false
	}
	one.used = c.now()
	known := one.modified
	c.mu.Unlock()
	info, err := os.Stat(c.path(id))
	whole := err == nil && info.Mode().IsRegular() && info.Size() == o.Bytes
	if whole && !info.ModTime().Equal(known) { // it was there before this process, or somebody wrote to it
		whole = sumOf(c.path(id)) == o.SHA256
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.copies[id] != one:
		return false
	case !whole:
		c.drop(id, one)
		_ = os.Remove(c.path(id)) // the next copy replaces it otherwise
		return false
	}
	one.modified = info.ModTime()
	return true
}

func sumOf(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return digest(h)
}

func (c *cache) drop(id string, one *copied) {
	delete(c.copies, id)
	c.bytes -= one.bytes
}

// makeRoom removes copies until the others fit, but none that is being made or was handed out a short while ago.
func (c *cache) makeRoom() {
	for c.bytes > c.limit {
		oldest := ""
		for id, one := range c.copies {
			select {
			case <-one.ready:
			default:
				continue
			}
			if c.now().Sub(one.used) > lease && (oldest == "" || one.used.Before(c.copies[oldest].used)) {
				oldest = id
			}
		}
		if oldest == "" {
			return
		}
		if err := os.Remove(c.path(oldest)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return // it stays, and is counted
		}
		_ = os.Remove(filepath.Dir(c.path(oldest))) // the same bytes under another name keep it
		c.drop(oldest, c.copies[oldest])
	}
}

// spill is a copy that is made while its object is stored. It may fail without a word: then there is none.
type spill struct {
	name string // of the file; empty when there is none
	file *os.File
	left int64 // bytes that the cache would keep
}

func (c *cache) spill() *spill {
	f, err := os.CreateTemp(c.dir, "*"+temporaryExt)
	if err != nil {
		return &spill{}
	}
	return &spill{name: f.Name(), file: f, left: c.limit}
}

// Write implements io.Writer.
func (s *spill) Write(p []byte) (int, error) {
	if s.file == nil {
		return len(p), nil
	}
	s.left -= int64(len(p))
	if s.left < 0 {
		s.drop()
	} else if _, err := s.file.Write(p); err != nil {
		s.drop()
	}
	return len(p), nil
}

// drop gives a copy up; a file that was there before stays.
func (s *spill) drop() {
	if s.file != nil {
		_ = s.file.Close()
		_ = os.Remove(s.name)
	}
	s.name, s.file = "", nil
}

// adopt takes a whole copy over, or takes it away where there is one already.
func (c *cache) adopt(o Object, s *spill) {
	if s.name == "" {
		return
	}
	defer os.Remove(s.name) // where it still has that name
	if s.file != nil && s.file.Close() != nil {
		return
	}
	id := o.SHA256 + "/" + o.Name
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.copies[id] != nil || o.Bytes > c.limit || os.MkdirAll(filepath.Dir(c.path(id)), 0o700) != nil || os.Rename(s.name, c.path(id)) != nil {
		return
	}
	ready := make(chan struct{})
	close(ready)
	one := &copied{ready: ready, bytes: o.Bytes, used: c.now().Add(-2 * lease)} // nobody has it yet: it may go before those that somebody has
	if info, err := os.Stat(c.path(id)); err == nil {
		one.modified = info.ModTime()
	}
	c.copies[id] = one
	c.bytes += o.Bytes
	c.makeRoom()
}

// make writes a copy under another name first, so that a copy is whole when it has its own.
func (c *cache) make(o Object, open func() (io.ReadCloser, error)) error {
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := os.CreateTemp(c.dir, "*"+temporaryExt)
	if err != nil {
		return fmt.Errorf("copy %s from the lake: %w", o.Name, explain(err, c.dir))
	}
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.MkdirAll(filepath.Join(c.dir, o.SHA256), 0o700)
	}
	if err == nil {
		err = os.Rename(f.Name(), c.path(o.SHA256+"/"+o.Name))
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the next start takes it otherwise
		return fmt.Errorf("copy %s from the lake: %w", o.Name, explain(err, c.dir))
	}
	return nil
}
