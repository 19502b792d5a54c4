package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"daybook/internal/mail"
	"daybook/internal/mail/sesdouble"
	"daybook/internal/store"
	"daybook/jobs"
)

// act is a scene that is being played.
type act struct {
	*rehearsal
	scene   scene
	data    string // its data directory
	records *store.Store
	double  *sesdouble.Server
	house   *house // nil where another process acts
}

func (a *act) mailer() *jobs.Mailer { return a.house.press.mailer }

// play sets a scene up in a copy of the base, has it acted, hears all events and counts.
func (r *rehearsal) play(ctx context.Context, s scene) (out result, err error) {
	a := &act{rehearsal: r, scene: s}
	if a.data, err = os.MkdirTemp(r.scratch, "scene-"); err != nil {
		return out, fmt.Errorf("make a scene's directory: %w", err)
	}
	defer os.RemoveAll(a.data)
	if err := os.CopyFS(a.data, os.DirFS(r.base())); err != nil {
		return out, fmt.Errorf("copy the edition: %w", err)
	}
	prints := filepath.Join("lake", "prints")
	if s.unprinted {
		if err := os.RemoveAll(filepath.Join(a.data, prints)); err != nil {
			return out, err
		}
	}
	if a.records, err = store.Open(ctx, storeAddress(scratchStore, a.data)); err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, a.records.Close()) }()
	perform := a.withDouble
	if s.simulator {
		perform = a.simulate
	}
	if err := perform(ctx); err != nil {
		out.problems = append(out.problems, oneLine(err))
	}
	if err := a.count(ctx, &out); err != nil {
		return out, err
	}
	// The letters were rendered, which the scenes to come need not do again.
	if _, e := os.Stat(filepath.Join(r.base(), prints)); errors.Is(e, fs.ErrNotExist) && len(out.problems) == 0 {
		err = os.CopyFS(filepath.Join(r.base(), prints), os.DirFS(filepath.Join(a.data, prints)))
	}
	return out, err
}

func (a *act) withDouble(ctx context.Context) (err error) {
	a.scene.double.Discard = true
	if a.double, err = sesdouble.Start(a.scene.double); err != nil {
		return err
	}
	defer a.double.Close()
	a.double.Again(0.05, again)
	queue, err := mail.NewQueue(ctx, mail.QueueOptions{URL: a.double.QueueURL(), Region: sesdouble.Region, Endpoint: a.double.URL,
		AccessKey: sesdouble.AccessKey, SecretKey: sesdouble.SecretKey, Wait: time.Second})
	if err != nil {
		return err
	}
	if a.scene.kill == "" {
		if a.house, err = a.program.openScene(ctx, a.data, script{Report: a.report, Day: a.day, Endpoint: a.double.URL}); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, a.house.Close()) }()
	}
	var over atomic.Bool
	heard := make(chan error, 1)
	hear := func() { heard <- a.hear(ctx, queue, &over) }
	if !a.scene.deaf {
		go hear()
	}
	err = a.scene.act(ctx, a)
	over.Store(true)
	if a.scene.deaf {
		hear()
	}
	return errors.Join(err, <-heard)
}

const (
	again   = 2 * time.Second      // after which an event that was not taken out of the queue comes once more
	between = 5 * time.Millisecond // looks at a queue without events
	mostBad = 10                   // answers of a queue until nobody asks it again
)

// hear records events as a server does, until the act is over and none is left.
func (a *act) hear(ctx context.Context, queue *mail.Queue, over *atomic.Bool) error {
	ears := &jobs.Mailer{Runner: &jobs.Runner{Store: a.records, Now: time.Now}}
	var errs []error
	for ctx.Err() == nil && len(errs) < mostBad {
		last := over.Load() // before the look: what is published after it is seen next time
		if a.double.Waiting() == 0 {
			if last {
				break
			}
			time.Sleep(between)
			continue
		}
		if err := queue.Receive(ctx, ears.Events); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// mostRounds is how often the calendar would try what waits, here without the minutes between.
const mostRounds = 20

// deliver mails until nobody waits, as the calendar does.
func (a *act) deliver(ctx context.Context) error { return deliverAll(ctx, a.mailer(), a.report, a.day) }

// die has a process of its own end in the middle of the edition, and a second one finish it.
func die(ctx context.Context, a *act) error {
	s := script{Report: a.report, Day: a.day, Endpoint: a.double.URL, Kill: a.scene.kill, Times: 1}
	switch a.scene.kill {
	case "sending", "sent", "settled": // once for each person
		s.Times = some(len(a.people), 2)
	}
	out, err := a.child(ctx, s)
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		return fmt.Errorf("the process was not killed at %s: %w: %s", s.Kill, orNothing(err), out)
	}
	before := a.double.Stats().Messages
	s.Kill = ""
	if out, err := a.child(ctx, s); err != nil {
		return fmt.Errorf("the process that came after it failed: %w: %s", err, out)
	}
	if unknown := len(a.people) - a.double.Stats().Messages; before == len(a.people) && before > 1 || unknown > 1 {
		return fmt.Errorf("%d of %d mails left before the end, %d in all", before, len(a.people), a.double.Stats().Messages)
	}
	return nil
}

// child runs this program once more, as the actor of a script.
func (a *act) child(ctx context.Context, s script) (said []byte, err error) {
	if err := s.write(a.data); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	var out bytes.Buffer
	c := exec.CommandContext(ctx, self, "-C", a.program.dir, sceneName, a.data)
	c.Stdout, c.Stderr = &out, &out
	err = c.Run()
	return bytes.TrimSpace(out.Bytes()), err
}

// count says what the ledger and the double know in the end, and what is wrong with it.
func (a *act) count(ctx context.Context, out *result) error {
	e, err := a.records.Edition(ctx, a.report, a.day, 0)
	if err != nil {
		return err
	}
	deliveries, err := a.records.Deliveries(ctx, e.ID)
	if err != nil {
		return err
	}
	left := map[string]int{} // messages by address, as far as they can be counted
	if a.double != nil {
		for _, m := range a.double.Sent() {
			left[m.To[0]]++
		}
		out.requests = a.double.Requests()
	} else {
		for _, d := range deliveries {
			out.requests += d.Attempt
			if d.MessageID != "" {
				left[d.Address] = 1
			}
		}
	}
	out.add(a.people, deliveries, left)
	out.judge(a.scene.want(len(a.people)))
	return nil
}
