package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
)

func (p *program) runCommand() *cobra.Command {
	var req jobs.Request
	c := &cobra.Command{
		Use:     "run",
		Short:   "Bring a day up to date",
		Example: "  daybook run -C library --day 2026-11-19\n  daybook run -C library --day 2026-11-19 --node daily_usage --rebuild",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return p.build(c, &req, "run") },
	}
	p.asking(c, &req)
	return c
}

func (p *program) backfillCommand() *cobra.Command {
	var req jobs.Request
	c := &cobra.Command{
		Use:     "backfill",
		Short:   "Bring a range of days up to date",
		Example: "  daybook backfill -C library --from 2026-10-01 --to 2026-10-31",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return p.build(c, &req, "backfill") },
	}
	p.asking(c, &req)
	return c
}

func (p *program) build(c *cobra.Command, req *jobs.Request, command string) error {
	if err := p.ask(c, req); err != nil {
		return err
	}
	d, err := p.openDoor(c.Context(), command)
	if err != nil {
		return err
	}
	defer d.Close()
	return p.follow(c.Context(), d, *req)
}

// follow runs a request and shows how it goes.
func (p *program) follow(ctx context.Context, d door, req jobs.Request) error {
	plan, err := d.Plan(ctx, req)
	if err != nil {
		return err
	}
	view := p.progress(len(plan.Steps))
	req.Observe = view.task
	run, err := d.Run(ctx, req)
	view.end()
	if err != nil {
		return err
	}
	return p.summary(run, view)
}

// summary says how a run ended; anything but success is the exit code's business too.
func (p *program) summary(run store.Run, view *progress) error {
	took := text.English.Took(run.Ended.Sub(run.Started))
	switch {
	case p.format == "json":
		if err := json.NewEncoder(p.out).Encode(run); err != nil {
			return err
		}
	case run.State == store.StateDone && run.Tasks == 0:
		p.printf("up to date\n")
	case run.State == store.StateDone:
		p.printf("up to date: %d builds made, %d unchanged, in %s\n", view.made, view.unchanged, took)
	case run.State == store.StateMissing:
		p.printf("missing at source; %d builds made in %s\n", view.made, took)
	case run.State == store.StateQuota:
		p.printf("waiting for quota; %d builds made in %s\n", view.made, took)
	default:
		p.printf("%s: %d made, %d failed, %d skipped, in %s\n", run.State, view.made, view.failed, view.skipped, took)
	}
	if run.State != store.StateDone {
		return fmt.Errorf("run %d: %w", run.Number, silentError{})
	}
	return nil
}
