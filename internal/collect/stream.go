package collect

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
)

var errNoSpace, errQuota error = syscall.ENOSPC, syscall.EDQUOT

// stream is the log of one source. Its writer takes everything that waits, writes it and syncs it once, and meanwhile the next ones
// gather.
type stream struct {
	source project.Source
	dir    string
	now    func() time.Time
	size   int64
	sync   func(*os.File) error
	space  func(string) (free, all int64, err error)

	wake  chan struct{} // something waits
	mu    sync.Mutex
	held  int64 // bytes admitted
	pages int64 // those of them for pages
	sent  sent
	queue []*entry
	ended bool

	writing sync.Mutex            // held over what changes files
	open    *segment              // written to, nil for none
	sealed  map[calendar.Day]bool // days that were read; each has a file that says so
}

// entry is an Append that waits.
type entry struct {
	records []byte
	done    chan error
}

// segment is a file that is written to.
type segment struct {
	file    *os.File
	day     calendar.Day
	durable int64 // bytes that are synced
}

func (s *stream) append(records []byte) error {
	e := &entry{records, make(chan error, 1)}
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return fault.New(fault.Unavailable, "the server is stopping", "send it again in a while")
	}
	s.queue = append(s.queue, e)
	s.mu.Unlock()
	s.nudge()
	return <-e.done
}

func (s *stream) nudge() {
	select {
	case s.wake <- struct{}{}:
	default: // it is awake
	}
}

// stop lets the writer end when nothing waits any more.
func (s *stream) stop() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.nudge()
}

// write is the writer.
func (s *stream) write() {
	for range s.wake {
		s.mu.Lock()
		group, ended := s.queue, s.ended
		s.queue = nil
		s.mu.Unlock()
		if len(group) > 0 {
			err := s.commit(group)
			for _, e := range group {
				e.done <- err
			}
		}
		if ended {
			return
		}
	}
}

// today is the day that records go to now: that of the clock, or the first one after it that was not read. A clock that was set back must
// not bring records into a day that the lake has.
func (s *stream) today() calendar.Day {
	day := calendar.DayOf(s.now(), s.source.Zone)
	for s.sealed[day] {
		day = day.Add(1)
	}
	return day
}

// commit makes a group durable, or none of it as far as anybody is told.
func (s *stream) commit(group []*entry) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	day := s.today()
	if s.open != nil && (s.open.day != day || s.open.durable >= s.size) {
		if err := s.shutOpen(); err != nil {
			return err
		}
	}
	if s.open == nil {
		if err := s.begin(day); err != nil {
			return explain(err, "begin a segment of "+s.source.Name)
		}
	}
	var n int64
	for _, e := range group {
		if _, err := s.open.file.Write(e.records); err != nil {
			return s.fail(err)
		}
		n += int64(len(e.records))
	}
	if err := s.sync(s.open.file); err != nil {
		return s.fail(err)
	}
	s.open.durable += n
	return nil
}

// fail gives up the open segment: after a failed write or sync nobody knows what of it the disk has. What was confirmed stays.
func (s *stream) fail(cause error) error {
	o := s.open
	s.open = nil
	err := errors.Join(cause, o.file.Truncate(o.durable), o.file.Close())
	if o.durable == 0 { // a full disk would gather one for every try
		err = errors.Join(err, os.Remove(o.file.Name()))
	}
	return explain(err, "write what was sent to "+s.source.Name)
}

// begin opens the next segment of a day. Its name is durable before anything in it is.
func (s *stream) begin(d calendar.Day) error {
	dir := s.place(d)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	last := 0
	for _, ending := range []string{closed, unclosed} {
		names, err := s.names(d, ending)
		if err != nil {
			return err
		}
		for _, name := range names {
			if n, err := strconv.Atoi(name); err == nil {
				last = max(last, n)
			}
		}
	}
	file, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%06d%s", last+1, unclosed)), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	for _, d := range []string{dir, s.dir, filepath.Dir(s.dir)} {
		if err := syncDir(d); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	s.open = &segment{file: file, day: d}
	return nil
}

// shut closes what is open at the end.
func (s *stream) shut() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return errors.Join(s.shutOpen(), explained(s.noteSent(), "note how much pages sent to "+s.source.Name))
}

// shutOpen closes the open segment, all of which is durable.
func (s *stream) shutOpen() error {
	if s.open == nil {
		return nil
	}
	o := s.open
	s.open = nil
	if err := o.file.Close(); err != nil {
		return explain(err, "close a segment of "+s.source.Name)
	}
	return s.rename(o.file.Name())
}

func (s *stream) rename(path string) error {
	err := os.Rename(path, strings.TrimSuffix(path, unclosed)+closed)
	if err = errors.Join(err, syncDir(filepath.Dir(path))); err != nil {
		return explain(err, "close a segment of "+s.source.Name)
	}
	return nil
}

// segments seals a day that is over and lists it.
func (s *stream) segments(d calendar.Day) ([]Segment, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.open != nil && s.open.day == d {
		if err := s.shutOpen(); err != nil {
			return nil, err
		}
	}
	err := s.mend(d) // what a failed write has left
	var names []string
	if err == nil {
		names, err = s.names(d, closed)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Missing, fmt.Sprintf("nothing was collected for %s on %s", s.source.Name, d),
			"no server was listening on that day, or the lake took the day over and has its raw bytes")
	}
	if err != nil {
		return nil, explain(err, "list what was collected for "+s.source.Name)
	}
	var list []Segment
	for _, name := range names {
		path := filepath.Join(s.place(d), name+closed)
		info, err := os.Stat(path)
		if err != nil {
			return nil, explain(err, "list what was collected for "+s.source.Name)
		}
		list = append(list, Segment{Name: name + closed, Path: path, Bytes: info.Size()})
	}
	if err := s.seal(d); err != nil {
		return nil, explain(err, "note that the day was read of "+s.source.Name)
	}
	return list, nil
}

// seal notes, before anybody reads the day, that nothing is added to it. The note outlives the day and the process.
func (s *stream) seal(d calendar.Day) error {
	if s.sealed[d] {
		return nil
	}
	file, err := os.OpenFile(filepath.Join(s.dir, sealed+d.String()), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Close(), syncDir(s.dir)); err != nil {
		return err
	}
	s.sealed[d] = true
	return nil
}

// remember reads the notes of seal and finishes removals.
func (s *stream) remember() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), removed) {
			if err := os.RemoveAll(filepath.Join(s.dir, e.Name())); err != nil {
				return err
			}
		}
		if text, ok := strings.CutPrefix(e.Name(), sealed); ok {
			d, err := calendar.ParseDay(text)
			if err != nil {
				return fmt.Errorf("read %s: %w", e.Name(), err)
			}
			s.sealed[d] = true
		}
	}
	return nil
}

// recover learns which days were read, closes what an earlier process left open and finishes removals.
func (s *stream) recover() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if err := errors.Join(s.remember(), s.readSent()); err != nil {
		return err
	}
	days, err := s.days()
	if err != nil {
		return err
	}
	for _, d := range days {
		if err := s.mend(d); err != nil {
			return err
		}
	}
	return nil
}

// mend closes the segments of a day that nobody writes to, each cut behind its last whole record; one that has none goes.
func (s *stream) mend(d calendar.Day) error {
	names, err := s.names(d, unclosed)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(s.place(d), name+unclosed)
		whole, err := cut(path)
		if err != nil {
			return err
		}
		if whole == 0 {
			err = os.Remove(path)
		} else {
			err = s.rename(path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
