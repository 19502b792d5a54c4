package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// row is one line of the result: what was measured, and what it should be.
type row struct {
	what        string
	unit        string
	values      []float64 // one for each measurement
	goal, limit float64   // in the unit, zero for none; smaller is better
}

type table struct{ rows []row }

func (t *table) add(r row) { t.rows = append(t.rows, r) }

// markdown is a table of medians with their spread beside the goals.
func (t *table) markdown() string {
	var b strings.Builder
	b.WriteString("| measured | median | smallest to largest | n | goal | limit | |\n|---|---:|---:|---:|---:|---:|---|\n")
	for _, r := range t.rows {
		m := median(r.values)
		fmt.Fprintf(&b, "| %s | %s | %s to %s | %d | %s | %s | %s |\n", r.what, r.text(m), r.text(slices.Min(r.values)), r.text(slices.Max(r.values)),
			len(r.values), r.bound(r.goal), r.bound(r.limit), r.verdict(m))
	}
	return b.String()
}

func (r row) text(v float64) string {
	digits := 0
	if v < 10 {
		digits = 2
	}
	return strings.TrimSpace(strconv.FormatFloat(v, 'f', digits, 64) + " " + r.unit)
}

func (r row) bound(v float64) string {
	if v == 0 {
		return ""
	}
	return strings.TrimSpace(strconv.FormatFloat(v, 'f', -1, 64) + " " + r.unit)
}

func (r row) verdict(m float64) string {
	switch {
	case r.goal > 0 && m <= r.goal:
		return "goal met"
	case r.limit > 0 && m <= r.limit:
		return "within the limit"
	case r.goal > 0 || r.limit > 0:
		return "missed"
	}
	return ""
}

func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}

func platform() string {
	return fmt.Sprintf("%d cores, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// procField reads a size in bytes from a file of /proc, such as VmHWM from /proc/self/status.
func procField(file, field string) (int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		if name != field {
			continue
		}
		kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		return kilobytes << 10, err
	}
	return 0, fmt.Errorf("%s has no %s", file, field)
}

// spent is what one measurement took.
type spent struct {
	wall time.Duration
	cpu  time.Duration // of all of this process's threads, in user and system mode: what neighbours on the machine change least
}

func timed(do func() error) (spent, error) {
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		return spent{}, err
	}
	begin := time.Now()
	err := do()
	wall := time.Since(begin)
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		return spent{}, err
	}
	used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	return spent{wall, time.Duration(used)}, err
}

const mega = 1e6
