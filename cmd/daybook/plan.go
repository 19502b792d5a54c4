package main

import (
	"github.com/spf13/cobra"

	"daybook/internal/text"
	"daybook/jobs"
)

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
	for _, c := range plan.Calls {
		p.printf("%s\n", c)
	}
	if n := len(plan.Later); n > 0 {
		p.printf("%d builds of later days read these days; build them with a backfill through %s\n", n, plan.Later[n-1].Day)
	}
	return nil
}
