package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/jobs"
)

// sceneName is the command by which a rehearsal starts a process to be killed. It needs a scene's directory, which only a rehearsal
// makes.
const sceneName = "rehearse-scene"

func (p *program) sceneCommand() *cobra.Command {
	return &cobra.Command{
		Use:    sceneName + " DIRECTORY",
		Short:  "Act in a rehearsal; only daybook rehearse calls it",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var s script
			body, err := os.ReadFile(filepath.Join(args[0], scriptName))
			if err == nil {
				err = json.Unmarshal(body, &s)
			}
			if err != nil || !strings.HasPrefix(s.Endpoint, "http://127.0.0.1:") {
				return usage(fault.New(fault.Refused, "this is a part of daybook rehearse", "call that instead"), c)
			}
			return p.actScript(c.Context(), args[0], s)
		},
	}
}

// actScript mails the edition to everybody who waits for it, or dies on the way.
func (p *program) actScript(ctx context.Context, data string, s script) error {
	h, err := p.openScene(ctx, data, s)
	if err != nil {
		return err
	}
	var passed atomic.Int64
	h.runner.Failpoint = func(name string) {
		if name == s.Kill && passed.Add(1) == int64(s.Times) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until the signal is there
		}
	}
	return errors.Join(deliverAll(ctx, h.press.mailer, s.Report, s.Day), h.Close())
}

// deliverAll mails until nobody waits, as the calendar does.
func deliverAll(ctx context.Context, m *jobs.Mailer, report string, day calendar.Day) error {
	for round := 1; ; round++ {
		out, err := m.Deliver(ctx, report, day)
		switch {
		case out.Planned == 0 || ctx.Err() != nil:
			return orNothing(err)
		case out.Waiting == 0:
			return nil // whom it failed for is in the ledger
		case round == mostRounds:
			return orNothing(err)
		}
	}
}
