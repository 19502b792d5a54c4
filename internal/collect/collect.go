// Package collect takes in records that are sent one request at a time and keeps them on disk, by source and day of arrival, until the
// lake has them.
package collect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
)

// segmentSize is where a segment is closed and the next one begins.
const segmentSize = 64 << 20

// Options say for whom a Log is.
type Options struct {
	Sources []project.Source                              // those of the kind collect are taken, the others not looked at
	Now     func() time.Time                              // which day it is, in each source's zone
	Size    int64                                         // bytes after which a segment is closed; 0 means 64 MB
	Space   func(dir string) (free, all int64, err error) // bytes of the disk; nil means Space
}

// Log is a write-ahead log: a directory for each source, in it one for each day, in it segments of newline-delimited JSON, numbered in the
// order of arrival. A segment that is written to has another ending than a closed one. One process at a time may open a directory.
type Log struct {
	dir     string
	now     func() time.Time
	streams map[string]*stream
	writers sync.WaitGroup
}

// Segment is a closed file of records, one JSON object a line.
type Segment struct {
	Name  string // unlike any other of the day
	Path  string
	Bytes int64
}

// Open makes the log ready. What a crash has left open is cut behind its last whole record and closed; every record that Append has
// confirmed lies before that.
func Open(dir string, o Options) (*Log, error) {
	l := &Log{dir: dir, now: o.Now, streams: map[string]*stream{}}
	for _, s := range o.Sources {
		if s.From != "collect" {
			continue
		}
		st := &stream{source: s, dir: filepath.Join(dir, s.Name), now: o.Now, size: o.Size, space: o.Space, wake: make(chan struct{}, 1), sealed: map[calendar.Day]bool{}, sync: (*os.File).Sync}
		if st.size == 0 {
			st.size = segmentSize
		}
		if st.space == nil {
			st.space = Space
		}
		if err := st.recover(); err != nil {
			return nil, errors.Join(fmt.Errorf("open what was collected for %s: %w", s.Name, err), l.Close())
		}
		l.streams[s.Name] = st
		l.writers.Go(st.write)
	}
	return l, nil
}

// Close ends the log; what waits is written first. Later appends are refused.
func (l *Log) Close() error {
	for _, s := range l.streams {
		s.stop()
	}
	l.writers.Wait()
	var errs []error
	for _, s := range l.streams {
		errs = append(errs, s.shut())
	}
	return errors.Join(errs...)
}

// Attend notes, until ctx ends, on which days the log was ready to take records: a day with none of them is empty, one that nobody
// attended is missing. What keeps it from noting that is told to trouble once a
// minute, and so are a disk with too little left and pages that have sent all they may.
func (l *Log) Attend(ctx context.Context, trouble func(error)) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		for _, s := range l.streams {
			if err := s.attend(); err != nil {
				trouble(err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Append writes records, as Records gives them, behind those that came before. They are durable when it returns without an error, all
// of them; after an error some of them may be kept, and sending them again may repeat those. It does not keep the bytes.
func (l *Log) Append(ctx context.Context, source string, records []byte) error {
	s, err := l.stream(source)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("collect for %s: %w", source, err)
	}
	return s.append(records)
}

// Segments lists what was collected on a day that is over, in order of arrival; afterwards nothing is added to that day, whatever the
// clock says and however often the log is opened. A day that still runs is a fault of code unavailable, one that nobody attended, or that was removed, one of code missing.
func (l *Log) Segments(ctx context.Context, source string, d calendar.Day) ([]Segment, error) {
	s, err := l.stream(source)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("list what was collected for %s: %w", source, err)
	}
	if end := d.End(s.source.Zone); l.now().Before(end) {
		e := fault.New(fault.Unavailable, fmt.Sprintf("records for %s are still taken on %s", source, d), "the day is whole at "+end.Format(time.RFC3339))
		e.Until = end
		return nil, e
	}
	return s.segments(d)
}

// Days lists the days that have segments, in order, the running one included.
func (l *Log) Days(source string) ([]calendar.Day, error) {
	s, err := l.stream(source)
	if err != nil {
		return nil, err
	}
	return s.days()
}

// Remove forgets a day, which the lake has by now.
func (l *Log) Remove(source string, d calendar.Day) error {
	s, err := l.stream(source)
	if err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.open != nil && s.open.day == d {
		return fault.New(fault.Refused, fmt.Sprintf("records for %s are still taken on %s", source, d), "")
	}
	gone := filepath.Join(s.dir, removed+d.String()) // a half-removed day would be taken for a whole one
	if err := os.RemoveAll(gone); err != nil {
		return explain(err, "remove what was collected for "+source)
	}
	if err := os.Rename(s.place(d), gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return explain(err, "remove what was collected for "+source)
	}
	if err := os.RemoveAll(gone); err != nil {
		return explain(err, "remove what was collected for "+source)
	}
	return nil
}

// Sources lists for whom the log is, in order.
func (l *Log) Sources() []string {
	var names []string
	for name := range l.streams {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (l *Log) stream(source string) (*stream, error) {
	s, ok := l.streams[source]
	if !ok {
		return nil, fault.New(fault.NotFound, fmt.Sprintf("nothing is collected for %q", source), "send to a source whose file says from: collect")
	}
	return s, nil
}

// explain says what a person can do about the disk.
func explain(err error, doing string) error {
	switch {
	case errors.Is(err, errNoSpace), errors.Is(err, errQuota):
		return fault.Wrap(fault.NoSpace, err, doing, "make room on the disk of the project's data")
	case errors.Is(err, fs.ErrPermission):
		return fault.Wrap(fault.Unavailable, err, doing, "let the user that runs daybook write to the project's data")
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// days of a directory: entries that are no day are not ours.
func (s *stream) days() ([]calendar.Day, error) {
	entries, err := os.ReadDir(s.dir) // in name order
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, explain(err, "list what was collected for "+s.source.Name)
	}
	var days []calendar.Day
	for _, e := range entries {
		if d, err := calendar.ParseDay(e.Name()); err == nil && e.IsDir() {
			days = append(days, d)
		}
	}
	return days, nil
}

// place is the directory of a day.
func (s *stream) place(d calendar.Day) string { return filepath.Join(s.dir, d.String()) }

// Endings of segments, what a day is called while it is removed, and the file that says that it was read.
const (
	closed   = ".ndjson"
	unclosed = ".open"
	removed  = ".removed-"
	sealed   = ".sealed-"
)

// names lists the files of a day with an ending, without it and in order.
func (s *stream) names(d calendar.Day, ending string) ([]string, error) {
	entries, err := os.ReadDir(s.place(d))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ending); ok {
			names = append(names, name)
		}
	}
	return names, nil
}
