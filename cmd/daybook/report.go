package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"daybook/internal/calendar"
	"daybook/jobs"
)

func (p *program) reportCommand() *cobra.Command {
	var out, section, locale string
	c := &cobra.Command{
		Use:   "report NAME --day DAY -o FILE",
		Short: "Write a day's report as a file",
		Long:  "Brings the report's day up to date and writes it: .html opens from disk with the network off, .eml is the mail, .json the figures, .pdf and .xlsx are files to hand on, .png the chart and .csv the rows of one section.",
		Example: "  daybook report daily -C library --day 2026-11-19 -o out.html\n" +
			"  daybook report daily -C library --day 2026-11-19 --section hourly_usage_line -o hours.png",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			day, err := calendar.ParseDay(p.day)
			if err != nil {
				return usage(err, c)
			}
			format := strings.TrimPrefix(filepath.Ext(out), ".")
			if out == "" || format == "" {
				return usage(errors.New("no file to write"), c)
			}
			return p.report(c.Context(), args[0], day, out, format, section, locale)
		},
	}
	c.Flags().StringVar(&p.day, "day", "", "the day, such as 2026-11-19")
	c.Flags().StringVarP(&out, "output", "o", "", "the file: .html, .eml, .json, .pdf, .xlsx, .png or .csv")
	c.Flags().StringVar(&section, "section", "", "the section of a .png or .csv")
	c.Flags().StringVar(&locale, "locale", "", "ko or en; the report's first by default")
	return c
}

func (p *program) report(ctx context.Context, name string, day calendar.Day, out, format, section, locale string) error {
	d, err := p.openDoor(ctx, "report")
	if err != nil {
		return err
	}
	defer d.Close()
	req := jobs.Request{Nodes: []string{name}, Day: day, Cause: "cli", By: p.user()}
	if plan, err := d.Plan(ctx, req); err != nil {
		return err
	} else if len(plan.Steps) > 0 {
		if err := p.follow(ctx, d, req); err != nil {
			return err
		}
	}
	body, err := d.Print(ctx, name, day, format, section, locale)
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, body, 0o644); err != nil {
		return err
	}
	p.printf("wrote %s, %d bytes\n", out, len(body))
	return nil
}
