package collect

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

// reserve is what stays free of a disk of that many bytes: the rest of the project needs some, to build and so to make room again.
func reserve(all int64) int64 { return min(all/20, 1e9) }

// Space asks the system how many bytes of the disk under a directory are free, and how many there are; 0 when it has no size.
func Space(dir string) (free, all int64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), int64(s.Blocks) * int64(s.Bsize), nil
}

// spacious is a fault of code no_space while the disk has less than its reserve.
func (s *stream) spacious() error {
	free, all, err := s.space(s.dir)
	if err != nil {
		return explain(err, "ask for the free space of "+s.source.Name)
	}
	if free < reserve(all) {
		return fault.New(fault.NoSpace, fmt.Sprintf("%d MB are free on the disk, too few to take records for %s", free/1e6, s.source.Name),
			fmt.Sprintf("make room on the disk of the project's data: %d MB stay free", reserve(all)/1e6))
	}
	return nil
}

// sent is how much pages have sent on a day.
type sent struct {
	day   calendar.Day
	bytes int64
	over  bool // some were refused
}

// allowed says whether pages may send n bytes more today; it wants mu held.
func (s *stream) allowed(n int64) error {
	if day := calendar.DayOf(s.now(), s.source.Zone); s.sent.day != day {
		s.sent = sent{day: day}
	}
	limit := s.source.Collect.Limit
	if limit == 0 || s.sent.bytes+n <= limit {
		return nil
	}
	s.sent.over = true
	return s.overLimit()
}

func (s *stream) overLimit() *fault.Error {
	e := fault.New(fault.Quota, fmt.Sprintf("pages have sent to %s what they may send on %s", s.source.Name, s.sent.day), "limit: of the source says how much that is")
	e.Until = s.sent.day.End(s.source.Zone)
	return e
}

// told is overLimit once the limit has turned somebody away today.
func (s *stream) told() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sent.over && s.sent.day == calendar.DayOf(s.now(), s.source.Zone) {
		return s.overLimit()
	}
	return nil
}

// sentName is the file that says over a restart how much pages have sent.
const sentName = ".sent"

// noteSent writes that file. It may be lost with the power: then pages may send more on that day.
func (s *stream) noteSent() error {
	s.mu.Lock()
	now := s.sent
	s.mu.Unlock()
	if now.bytes == 0 {
		return nil
	}
	path := filepath.Join(s.dir, sentName)
	if err := os.WriteFile(path+".new", fmt.Appendf(nil, "%s %d\n", now.day, now.bytes), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// readSent reads it. One that cannot be read counts for nothing.
func (s *stream) readSent() error {
	text, err := os.ReadFile(filepath.Join(s.dir, sentName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var day string
	var n int64
	if _, err := fmt.Sscan(string(text), &day, &n); err != nil {
		return nil
	}
	if d, err := calendar.ParseDay(day); err == nil {
		s.sent = sent{day: d, bytes: n}
	}
	return nil
}

// attend makes the directory of the day that records go to, and keeps the books of what pages sent.
func (s *stream) attend() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return errors.Join(s.spacious(), s.told(), explained(os.MkdirAll(s.place(s.today()), 0o700), "note that records for "+s.source.Name+" are taken"),
		explained(s.noteSent(), "note how much pages sent to "+s.source.Name))
}

func explained(err error, doing string) error {
	if err == nil {
		return nil
	}
	return explain(err, doing)
}
