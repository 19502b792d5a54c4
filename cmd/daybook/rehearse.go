package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"daybook/internal/calendar"
	"daybook/internal/text"
)

// mostRehearsed bounds the people of a rehearsal that names no number.
const mostRehearsed = 200

func (p *program) rehearseCommand() *cobra.Command {
	var people int
	var simulator bool
	c := &cobra.Command{
		Use:   "rehearse REPORT",
		Short: "Try a report's mail with everything that can go wrong, and count who got it",
		Long: `Takes an edition and the report's people, copies them into a scratch directory and mails them to a double of Amazon SES in this
process: a plain send first, then throttling, a rejection, bounces and complaints, cut connections, a paused account, a used-up quota,
and a process that is killed at each step. It ends with a row for each: how many were accepted, delivered, bounced, failed or are
unknown, how many were lost and how many got it twice. The last two must be 0, or the exit code is 1.

The project's records and mailboxes are not touched, and a server may run meanwhile.

With --simulator four real mails go out through the SES account of daybook.yaml, to success@, bounce@, complaint@ and
suppressionlist@simulator.amazonses.com. It needs sender: ses, credentials that may send, and a verified From address; it costs four
messages of the quota and does no harm to the account's reputation. Where the project's server runs and hears events, what it recorded of
the four is waited for; it then lists the simulator's addresses as suppressed.`,
		Example: "  daybook rehearse daily -C library\n  daybook rehearse daily -C library --day 2026-11-19 --people 500 --format csv\n  daybook rehearse daily -C library --simulator",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var day calendar.Day
			if p.day != "" {
				var err error
				if day, err = calendar.ParseDay(p.day); err != nil {
					return usage(err, c)
				}
			}
			if c.Flags().Changed("people") && (people < 1 || simulator) {
				return usage(errors.New("--people is a number from 1, and not for --simulator"), c)
			}
			return p.rehearse(c.Context(), args[0], day, people, simulator)
		},
	}
	c.Flags().StringVar(&p.day, "day", "", "the day, such as 2026-11-19; the last built one by default")
	c.Flags().IntVar(&people, "people", 0, "as many made-up people at example.com; the report's own by default, at most "+strconv.Itoa(mostRehearsed))
	c.Flags().BoolVar(&simulator, "simulator", false, "send four real mails to the mailbox simulator of SES instead")
	return c
}

// rehearse plays every scene, or the one with the simulator, and says what came of each.
func (p *program) rehearse(ctx context.Context, report string, day calendar.Day, people int, simulator bool) error {
	scratch, err := os.MkdirTemp("", "daybook-rehearsal-")
	if err != nil {
		return fmt.Errorf("make a scratch directory: %w", err)
	}
	defer os.RemoveAll(scratch)
	r := &rehearsal{program: p, scratch: scratch, report: report, day: day}
	list := scenes()
	if simulator {
		list = []scene{simulated()}
	}
	if err := r.cast(ctx, people, simulator); err != nil {
		return err
	}
	fmt.Fprintf(p.err, "%s of %s, edition %d, to %s people\n", r.report, r.day, r.number, text.English.Count(int64(len(r.people))))
	var results []result
	for _, s := range list {
		began := time.Now()
		out, err := r.play(ctx, s)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			out.problems = append(out.problems, oneLine(err))
		}
		out.scene, out.took = s.name, time.Since(began)
		fmt.Fprintf(p.err, "%s: %s, %s\n", out.scene, out.verdict(), text.English.Took(out.took))
		results = append(results, out)
	}
	return p.showResults(results)
}

// showResults writes the rows, and ends with 1 when one of them is not ok.
func (p *program) showResults(results []result) error {
	good := true
	rows := make([][]string, len(results))
	for i, out := range results {
		rows[i], good = out.cells(), good && out.ok()
	}
	if err := p.table(resultColumns, rows); err != nil {
		return err
	}
	if !good {
		return silentError{}
	}
	return nil
}
