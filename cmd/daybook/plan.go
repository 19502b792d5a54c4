package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"daybook/internal/project"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
)

func (p *program) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "check",
		Short:   "Prove a project without running it",
		Long:    "Reads every file of the project, resolves what each node reads, binds all SQL against the columns it reads, and compares reports with their marts.",
		Example: "  daybook check -C library",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			pr, graph, parser, err := readProject(c.Context(), p.dir, p.env)
			if err != nil {
				return err
			}
			defer parser.Close()
			count := map[string]int{}
			for _, n := range graph.Order {
				count[n.Kind]++
			}
			p.printf("%s: %d sources, %d tables, %d marts, %d reports: all is well\n", pr.Name,
				count[project.KindSource], count[project.KindTable], count[project.KindMart], count[project.KindReport])
			return nil
		},
	}
}

func (p *program) configCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "config",
		Short:   "Print the project's settings as they are in force",
		Example: "  daybook config -C library",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			pr, err := project.Load(p.dir, p.env)
			if err != nil {
				return err
			}
			p.printf("name: %s\ntimezone: %s\nlocale: %s\nhome: %s\nstore: %s\ncatchup: %d\nattempts: %d\ntimeout: %s\n",
				pr.Name, pr.Zone, pr.Locale, pr.Home, masked(pr.Store), pr.Catchup, pr.Attempts, pr.Timeout)
			p.printf("warehouse: {memory: %s, threads: %d, readers: %d}\n", pr.Engine.Memory, pr.Engine.Threads, pr.Engine.Readers)
			p.printf("mail: {sender: %s, from: %q, base_url: %q}\n", pr.Mail.Sender, pr.Mail.From, pr.Mail.BaseURL)
			for _, r := range pr.Refresh {
				p.printf("refresh: {name: %s, when: %q, timezone: %s, nodes: [%s]}\n", r.Name, r.Schedule, r.Schedule.Zone, strings.Join(r.Nodes, ", "))
			}
			for _, r := range pr.Reports {
				if r.Schedule != nil {
					p.printf("release: {report: %s, when: %q, timezone: %s}\n", r.Name, r.Schedule, r.Schedule.Zone)
				}
			}
			return nil
		},
	}
}

// asking adds the flags that name what to build.
func (p *program) asking(c *cobra.Command, req *jobs.Request) {
	c.Flags().StringVar(&p.day, "day", "", "the day, such as 2026-11-19")
	c.Flags().StringVar(&p.from, "from", "", "the first day")
	c.Flags().StringVar(&p.to, "to", "", "the last day")
	c.Flags().StringSliceVar(&req.Nodes, "node", nil, "only these nodes and what they read")
	c.Flags().BoolVar(&req.Downstream, "downstream", false, "with everything that reads the named nodes")
	c.Flags().StringVar(&req.Reason, "reason", "", "why, for the record")
	c.Flags().Bool("rebuild", false, "make the named nodes again although they are up to date")
	c.Flags().Bool("fetch", false, "ask the named sources again, too")
}

// ask completes a request from the flags.
func (p *program) ask(c *cobra.Command, req *jobs.Request) error {
	from, through, err := p.days(c)
	if err != nil {
		return err
	}
	req.Day, req.Through = from, through
	if again, _ := c.Flags().GetBool("rebuild"); again {
		req.Force = jobs.ForceRebuild
	}
	if again, _ := c.Flags().GetBool("fetch"); again {
		req.Force = jobs.ForceFetch
	}
	req.Cause, req.By = "cli", p.user()
	return nil
}

// user is who calls, for the record.
func (p *program) user() string {
	if name, ok := p.env("USER"); ok && name != "" {
		return "cli:" + name
	}
	return "cli"
}

func (p *program) planCommand() *cobra.Command {
	var req jobs.Request
	c := &cobra.Command{
		Use:     "plan",
		Short:   "Show what a run would build, and why",
		Example: "  daybook plan -C library --day 2026-11-19\n  daybook plan -C library --from 2026-11-01 --to 2026-11-19 --node daily_usage",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := p.ask(c, &req); err != nil {
				return err
			}
			d, err := p.openDoor(c.Context(), "plan")
			if err != nil {
				return err
			}
			defer d.Close()
			plan, err := d.Plan(c.Context(), req)
			if err != nil {
				return err
			}
			return p.showPlan(plan)
		},
	}
	p.asking(c, &req)
	return c
}

func (p *program) showPlan(plan jobs.Plan) error {
	var rows [][]string
	for _, s := range plan.Steps {
		day := "current"
		if !s.Cell.Day.IsZero() {
			day = s.Cell.Day.String()
		}
		why := s.Why.In(text.English)
		if s.Maybe {
			why += " (if it comes out different)"
		}
		rows = append(rows, []string{s.Kind, s.Cell.Node, day, why})
	}
	if p.format != "table" {
		return p.table([]string{"kind", "node", "day", "why"}, rows)
	}
	if len(rows) == 0 {
		p.printf("up to date: all %d builds\n", plan.Fresh)
		return nil
	}
	if err := p.table([]string{"kind", "node", "day", "why"}, rows); err != nil {
		return err
	}
	p.printf("%d to build, %d up to date\n", len(plan.Steps), plan.Fresh)
	if n := len(plan.Later); n > 0 {
		p.printf("%d builds of later days read these days; build them with a backfill through %s\n", n, plan.Later[n-1].Day)
	}
	return nil
}

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
	if p.format == "json" {
		return json.NewEncoder(p.out).Encode(run)
	}
	took := text.English.Took(run.Ended.Sub(run.Started))
	switch run.State {
	case store.StateDone:
		if run.Tasks == 0 {
			p.printf("up to date\n")
			return nil
		}
		p.printf("up to date: %d builds made, %d unchanged, in %s\n", view.made, view.unchanged, took)
		return nil
	case store.StateMissing:
		p.printf("missing at source; %d builds made in %s\n", view.made, took)
	default:
		p.printf("%s: %d made, %d failed, %d skipped, in %s\n", run.State, view.made, view.failed, view.skipped, took)
	}
	return fmt.Errorf("run %d: %w", run.Number, silentError{})
}

// masked hides the password of a database's address.
func masked(dsn string) string {
	if u, err := url.Parse(dsn); err == nil && u.User != nil {
		return u.Redacted()
	}
	return dsn
}
