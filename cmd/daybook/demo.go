package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"daybook/examples"
	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/generate"
	"daybook/internal/project"
	"daybook/jobs"
)

// demoPerDay is how many requests a mean day of the demo has.
const demoPerDay = 20000

func (p *program) demoCommand() *cobra.Command {
	var days int
	var noServe bool
	var addr string
	c := &cobra.Command{
		Use:     "demo",
		Short:   "Show everything: made-up data, built, mailed to the outbox, and served",
		Long:    "Copies the library example into the directory, generates its data up to yesterday, builds every day, mails yesterday's report to the outbox and serves the pages. A second call goes on from what is there.",
		Example: "  daybook demo\n  daybook demo -C /tmp/demo --days 7 --no-serve",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if days < 1 {
				return usage(errors.New("--days must be at least 1"), c)
			}
			if !c.Flags().Changed("project") {
				p.dir = "daybook-demo"
			}
			return p.demo(c.Context(), days, addr, !noServe)
		},
	}
	c.Flags().IntVar(&days, "days", 28, "how many days of data")
	c.Flags().BoolVar(&noServe, "no-serve", false, "build and mail, then end")
	c.Flags().StringVar(&addr, "addr", defaultAddr, "where to serve")
	return c
}

func (p *program) demo(ctx context.Context, days int, addr string, serve bool) error {
	if _, err := os.Stat(filepath.Join(p.dir, project.Filename)); errors.Is(err, os.ErrNotExist) {
		if err := copyProject(examples.Library, "library", p.dir); err != nil {
			return err
		}
		p.printf("made the library example in %s\n", p.dir)
	}
	to := yesterday(time.Now(), seoul)
	from := to.Add(1 - days)
	if err := p.demoData(ctx, from, to); err != nil {
		return err
	}
	h, err := p.openHouse(ctx, "demo")
	if err != nil {
		return err
	}
	defer h.Close()
	req := jobs.Request{Day: from, Through: to, Cause: "demo", By: p.user()}
	plan, err := h.runner.Plan(ctx, req)
	if err != nil {
		return err
	}
	if len(plan.Steps) == 0 { // a start that builds nothing is no run
		p.printf("up to date: all %d builds\n", plan.Fresh)
	} else if err := p.follow(ctx, localDoor{h.runner, h}, req); err != nil {
		return err
	}
	if err := h.openPress(ctx); err != nil {
		return err
	}
	if _, err := h.openPost(ctx); err != nil {
		return err
	}
	out, err := h.press.mailer.Deliver(ctx, h.project.Home, to)
	if err != nil {
		return err
	}
	p.printf("mail of %s: %s, in %s\n", to, out, h.outbox().Dir)
	if !serve {
		return nil
	}
	return p.serveHouse(ctx, h, addr)
}

// demoData generates the days that are not there yet.
func (p *program) demoData(ctx context.Context, from, to calendar.Day) error {
	data := filepath.Join(p.dir, "data")
	for _, d := range calendar.Range(from, to) {
		_, err := os.Stat(filepath.Join(data, "searches", d.String()+".ndjson.gz"))
		if errors.Is(err, os.ErrNotExist) {
			return p.generate(ctx, generate.Library{Seed: seed, From: d, To: to, PerDay: demoPerDay, Dir: data})
		}
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, fmt.Sprintf("look for the data of %s", d), "see that "+data+" can be read")
		}
	}
	return nil
}
