package main

import (
	"fmt"
	"io"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
)

// progress shows a run as it goes: one bar on a terminal, a line for each finished task elsewhere.
type progress struct {
	out                              io.Writer
	bars                             *mpb.Progress
	bar                              *mpb.Bar
	quiet                            bool
	mu                               sync.Mutex
	doing                            string
	made, unchanged, failed, skipped int
}

func (p *program) progress(steps int) *progress {
	v := &progress{out: p.out, quiet: p.format != "table"}
	width, isTerminal := terminal(p.out)
	if !isTerminal || v.quiet || steps == 0 {
		return v
	}
	v.bars = mpb.New(mpb.WithOutput(p.out), mpb.WithWidth(min(width/3, 40)))
	v.bar = v.bars.AddBar(int64(steps),
		mpb.PrependDecorators(decor.CountersNoUnit("%d of %d")),
		mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO), decor.Any(func(decor.Statistics) string { return "  " + v.now() })))
	return v
}

func (v *progress) now() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.doing
}

// task takes a change of a task's state.
func (v *progress) task(t store.Task) {
	v.mu.Lock()
	cell := jobs.Cell{Node: t.Node, Day: t.Day}
	ended := true
	switch t.State {
	case store.StateDone:
		if jobs.ParseWhy(t.Why).Code == "unchanged" {
			v.unchanged++
		} else {
			v.made++
		}
	case store.StateFailed:
		v.failed++
	case store.StateSkipped, store.StateMissing, store.StateQuota, store.StateCanceled, store.StateInterrupted:
		v.skipped++
	default:
		ended = false
		v.doing = cell.String()
	}
	v.mu.Unlock()
	if !ended {
		return
	}
	if v.bar != nil {
		v.bar.Increment()
		if t.State == store.StateFailed {
			fmt.Fprintln(v.bars, v.line(t, cell))
		}
		return
	}
	if !v.quiet {
		fmt.Fprintln(v.out, v.line(t, cell))
	}
}

func (v *progress) line(t store.Task, cell jobs.Cell) string {
	switch t.State {
	case store.StateDone:
		if jobs.ParseWhy(t.Why).Code == "unchanged" {
			return fmt.Sprintf("%-17s %-6s %s: its inputs came out as they were", "unchanged", t.Kind, cell)
		}
		line := fmt.Sprintf("%-17s %-6s %s: %s rows in %s", "built", t.Kind, cell, text.English.Count(t.Rows), text.English.Took(t.Ended.Sub(t.Started)))
		if t.Rejected+t.Deduplicated > 0 {
			line += fmt.Sprintf(" (%s records, %s rejected, %s repeated)", text.English.Count(t.RowsIn), text.English.Count(t.Rejected), text.English.Count(t.Deduplicated))
		}
		if t.Hint != "" {
			line += "; " + t.Hint
		}
		return line
	case store.StateSkipped:
		return fmt.Sprintf("%-17s %-6s %s: %s", "skipped", t.Kind, cell, jobs.ParseWhy(t.Why).In(text.English))
	}
	return fmt.Sprintf("%-17s %-6s %s: %s", t.State, t.Kind, cell, t.Error)
}

// end leaves the terminal as it should be.
func (v *progress) end() {
	if v.bar != nil {
		v.bar.EnableTriggerComplete()
		v.bar.Abort(false)
		v.bars.Wait()
	}
}
