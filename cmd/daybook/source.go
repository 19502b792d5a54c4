package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/project"
	"daybook/internal/secret"
	"daybook/internal/source"
	"daybook/internal/store"
	"daybook/jobs"
)

// sourceCommand looks at sources without building anything. It needs neither the lock nor a server.
func (p *program) sourceCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "source",
		Short: "Look at what a source gives, and write its contract",
		Long: "Fetches a day of a source into a scratch directory, beside a server if one runs. The project's lake, warehouse and records stay as\n" +
			"they are; only calls that an API allows per day are counted.",
		Example: "  daybook source test searches -C library --day 2026-11-19\n  daybook source infer visits -C visits --from files --path 'data/visits-{day}.csv' --day 2026-01-01 --write",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return usage(errors.New("say what to do: test or infer"), c)
		},
	}
	c.AddCommand(p.sourceTestCommand(), p.sourceInferCommand())
	return c
}

// verb begins a command below source.
func (p *program) verb(use, short, long, example string, objects *int) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: cobra.ExactArgs(1)}
	c.Flags().StringVar(&p.day, "day", "", "the day; yesterday where it is not given")
	c.Flags().IntVar(objects, "objects", 3, "stop the fetch after so many objects; 0 fetches all")
	return c
}

func (p *program) sourceTestCommand() *cobra.Command {
	var objects int
	c := p.verb("test NAME", "Fetch a day of a source and hold it against its contract",
		"Fetches the day, shows the first 20 records and what their types look like beside the declared ones, and stages them by the contract.\n"+
			"Exit code 1 when the day cannot be fetched or does not fit.",
		"  daybook source test searches -C library --day 2026-11-19\n  daybook source test events -C github --day 2026-11-19 --objects 0 --format json", &objects)
	c.RunE = func(c *cobra.Command, args []string) error {
		pr, err := project.Load(p.dir, p.env)
		if err != nil {
			return err
		}
		s, err := sourceNamed(pr, args[0])
		if err != nil {
			return err
		}
		probe, closing, err := p.openProbe(c, pr, objects)
		if err != nil {
			return err
		}
		defer closing()
		return p.testSource(c, probe, s)
	}
	return c
}

func sourceNamed(pr *project.Project, name string) (project.Source, error) {
	i := slices.IndexFunc(pr.Sources, func(s project.Source) bool { return s.Name == name })
	if i < 0 {
		var names []string
		for _, s := range pr.Sources {
			names = append(names, s.Name)
		}
		return project.Source{}, fault.New(fault.NotFound, fmt.Sprintf("the project has no source %s", name), "its sources are "+strings.Join(names, ", "))
	}
	return pr.Sources[i], nil
}

func (p *program) testSource(c *cobra.Command, probe *jobs.Probe, s project.Source) error {
	ctx := c.Context()
	day, err := p.probeDay(c, probe.Project)
	if err != nil {
		return err
	}
	found, err := probe.Fetch(ctx, s, day)
	if err != nil {
		return err
	}
	look, err := probe.Look(ctx, found)
	if err != nil {
		return err
	}
	result, verdict := probe.Stage(ctx, found, s)
	if err := p.showProbe(probing{found, look, result, verdict}); err != nil {
		return err
	}
	if verdict != nil && result.Rejects != "" && p.format == "table" {
		return silentError{} // it was shown
	}
	return verdict
}

// probeDay is the day asked for, or yesterday.
func (p *program) probeDay(c *cobra.Command, pr *project.Project) (calendar.Day, error) {
	if p.day == "" {
		return calendar.DayOf(time.Now(), pr.Zone).Add(-1), nil
	}
	day, err := calendar.ParseDay(p.day)
	return day, asUsage(err, c)
}

// openProbe makes a probe with a scratch directory, which closing removes.
func (p *program) openProbe(c *cobra.Command, pr *project.Project, objects int) (probe *jobs.Probe, closing func(), err error) {
	if objects < 0 {
		return nil, nil, usage(errors.New("--objects cannot be negative"), c)
	}
	data := filepath.Join(p.dir, dataDir)
	probe = &jobs.Probe{Project: pr, Now: time.Now, Objects: objects,
		Log: func(level, format string, args ...any) {
			fmt.Fprintf(p.err, "%s: %s\n", level, fmt.Sprintf(format, args...))
		},
		Secret: func(ctx context.Context, ref string) (string, error) {
			if ref == "" {
				return "", nil
			}
			return secret.Resolve(ctx, ref, p.env, pr.Dir)
		},
		Collected: func(_ context.Context, name string, d calendar.Day) ([]source.Segment, error) {
			return closedSegments(filepath.Join(data, "collect"), name, d)
		},
	}
	address := storeAddress(pr.Store, data)
	counts := &allowances{address: address, data: data}
	probe.Spend = counts.spend
	if probe.Temp, err = os.MkdirTemp("", "daybook-source-"); err != nil {
		return nil, nil, fmt.Errorf("make a scratch directory: %w", err)
	}
	closing = func() {
		if probe.Store != nil {
			probe.Store.Close()
		}
		counts.close()
		os.RemoveAll(probe.Temp)
	}
	if root := filepath.Join(data, "lake"); isDir(root) {
		if probe.Lake, err = lake.OpenDir(root); err != nil {
			closing()
			return nil, nil, err
		}
	}
	if probe.Store, err = store.Peek(c.Context(), address); err != nil && !fault.Is(err, fault.NotFound) {
		closing()
		return nil, nil, err
	}
	return probe, closing, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// allowances counts calls where the project counts them. It opens the records when the first call is counted, as most sources have no quota.
type allowances struct {
	address, data string
	records       *store.Store
}

func (a *allowances) spend(ctx context.Context, allowance, window string, limit int64) (bool, error) {
	if a.records == nil {
		if err := a.open(ctx); err != nil {
			return false, err
		}
	}
	return a.records.Spend(ctx, allowance, window, limit)
}

func (a *allowances) open(ctx context.Context) error {
	seen, err := store.Peek(ctx, a.address)
	switch {
	case fault.Is(err, fault.NotFound):
		if err := os.MkdirAll(a.data, 0o700); err != nil {
			return fmt.Errorf("make the project's data directory: %w", err)
		}
	case err != nil:
		return err
	default:
		has, knows, err := seen.Schema(ctx)
		if err = errors.Join(err, seen.Close()); err != nil {
			return err
		}
		if has != knows { // opening them would change them under the server that owns them
			return fault.New(fault.Refused, fmt.Sprintf("the project's records have version %d and this program writes %d, so the call cannot be counted", has, knows),
				"use the program that runs the server")
		}
	}
	a.records, err = store.Open(ctx, a.address)
	return err
}

func (a *allowances) close() {
	if a.records != nil {
		a.records.Close()
	}
}

// closedSegments lists what was collected for a day, without touching what the server still writes.
func closedSegments(root, name string, d calendar.Day) ([]source.Segment, error) {
	dir := filepath.Join(root, name, d.String())
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list what was collected for %s: %w", name, err)
	}
	var list []source.Segment
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".ndjson" {
			list = append(list, source.Segment{Name: e.Name(), Path: filepath.Join(dir, e.Name())})
		}
	}
	if len(list) == 0 {
		return nil, fault.New(fault.Missing, fmt.Sprintf("no closed segment of %s is there for %s", name, d),
			"name a day that was collected and not fetched so far; what was fetched is on the page of the source")
	}
	return list, nil
}
