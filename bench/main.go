// Package main measures what Daybook promises: a day, a report's mail and stills, and a start, beside their goals.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"daybook/internal/calendar"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one call: how much of everything, and where.
type bench struct {
	requests  int // of the measured day
	rounds    int
	days      int // of the project that is started
	perDay    int // requests on a mean day of it
	letters   int // written to the outbox in one round
	idle      time.Duration
	seed      uint64
	day       calendar.Day // the last one with data
	dir       string
	out       io.Writer
	table     table
	breakdown bool
}

// stillsPart is the argument with which bench starts itself to draw stills and nothing else.
const stillsPart = "stills-only"

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 2 && args[0] == stillsPart {
		return drawOnly(ctx, args[1], out)
	}
	b := &bench{seed: 20, out: out}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&b.requests, "requests", 100_000, "requests of the measured day")
	flags.IntVar(&b.rounds, "rounds", 7, "how often each thing is measured")
	flags.IntVar(&b.days, "days", 28, "days of the project that is started")
	flags.IntVar(&b.perDay, "per-day", 1000, "requests on a mean day of the project that is started")
	flags.IntVar(&b.letters, "letters", 1000, "letters that are written to the outbox in one round")
	flags.DurationVar(&b.idle, "idle", 5*time.Second, "how long a server stands before its memory is read")
	profile := flags.String("profile", "", "write a processor profile of everything to this file, for go tool pprof")
	flags.BoolVar(&b.breakdown, "breakdown", false, "also print how long each task of the day took")
	only := flags.String("only", "", "day, mail or start; all when empty")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if b.requests < 1 || b.rounds < 1 || b.days < 1 || b.perDay < 1 || b.letters < 1 {
		return errors.New("requests, rounds, days, per-day and letters begin at 1")
	}
	zone, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		return err
	}
	// The server that is started follows the clock: its data ends yesterday, so that nothing is due.
	b.day = calendar.DayOf(time.Now(), zone).Add(-1)
	if b.dir, err = os.MkdirTemp("", "daybook-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	machine, err := describeMachine()
	if err != nil {
		return err
	}
	b.printf("%s\n\n", machine)
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if *only == "" || *only == "day" {
		if err := b.measureDay(ctx, filepath.Join(b.dir, "day")); err != nil {
			return fmt.Errorf("measure a day: %w", err)
		}
	}
	if *only == "" || *only == "mail" {
		if err := b.measureMail(ctx, filepath.Join(b.dir, "mail")); err != nil {
			return fmt.Errorf("measure mail: %w", err)
		}
	}
	if *only == "" || *only == "start" {
		if err := b.measureServer(ctx, filepath.Join(b.dir, "server")); err != nil {
			return fmt.Errorf("measure a server: %w", err)
		}
	}
	b.printf("%s", b.table.markdown())
	return nil
}

func (b *bench) printf(format string, args ...any) { fmt.Fprintf(b.out, format, args...) }

// describeMachine says what was measured on.
func describeMachine() (string, error) {
	memory, err := procField("/proc/meminfo", "MemTotal")
	if err != nil {
		return "", err
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "", err
	}
	average, _, _ := strings.Cut(string(load), " ")
	return fmt.Sprintf("%s, %.0f GB of memory, load %s at the start.", platform(), float64(memory)/(1<<30), average), nil
}
