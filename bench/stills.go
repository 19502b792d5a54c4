package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"daybook/internal/calendar"
	"daybook/internal/mail"
	"daybook/internal/still"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
	"daybook/static"
)

// chart is one picture that a mail asks for.
type chart struct {
	Option        json.RawMessage
	Width, Height int
}

// drawn is what the process that only draws says about itself.
type drawn struct {
	Compile float64   // milliseconds, once for a process
	Sets    []float64 // milliseconds for all pictures, each time
	Work    []float64 // the same of processor time
	First   int64     // largest resident memory in bytes after the first set
	Last    int64     // the same after all sets
}

// measureStills draws the pictures of the report's mail in a process of its own.
func (b *bench) measureStills(ctx context.Context, h *house, day calendar.Day, dir string) error {
	charts, err := chartsOfMail(ctx, h, day)
	if err != nil {
		return err
	}
	body, err := json.Marshal(charts)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "charts.json")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var first, compile, memory, later, work []float64
	for range b.rounds {
		out, err := exec.CommandContext(ctx, self, stillsPart, file).Output()
		if err != nil {
			return fmt.Errorf("draw in a process of its own: %w", err)
		}
		var d drawn
		if err := json.Unmarshal(out, &d); err != nil {
			return err
		}
		compile, first, later = append(compile, d.Compile), append(first, d.Sets[0]), append(later, d.Sets[1:]...)
		memory, work = append(memory, float64(d.First)/mega), append(work, d.Work[1:]...)
	}
	what := fmt.Sprintf("the %d stills of a report's mail, PNG at 2x", len(charts))
	b.table.add(row{what: what + ", first time in a process", unit: "ms", values: first, goal: 300, limit: 1000})
	b.table.add(row{what: what + ", later times", unit: "ms", values: later, goal: 300, limit: 1000})
	b.table.add(row{what: "processor time of those later times", unit: "ms", values: work})
	b.table.add(row{what: "compiling the script that draws, once for a process", unit: "ms", values: compile})
	b.table.add(row{what: "peak memory of a process that only draws them once", unit: "MB", values: memory, goal: 80})
	return nil
}

// chartsOfMail writes the report's mail and notes what it asks to be drawn.
func chartsOfMail(ctx context.Context, h *house, day calendar.Day) ([]chart, error) {
	_, edition, err := h.runner.Figures(ctx, h.runner.Project.Home, day, 0)
	if err != nil {
		return nil, err
	}
	var charts []chart
	var one sync.Mutex // the mailer draws several at once
	note := func(_ context.Context, option []byte, width, height int) (still.Picture, error) {
		one.Lock()
		defer one.Unlock()
		charts = append(charts, chart{option, width, height})
		return still.Picture{}, nil
	}
	mailer := &jobs.Mailer{Runner: h.runner, Draw: note, From: mail.Address{Address: "daybook@example.com"}, Base: "https://daybook.example.com"}
	_, err = mailer.Printed(ctx, edition, text.Korean, store.VariantDaily)
	return charts, err
}

// setsDrawn is how often the process that only draws draws all charts.
const setsDrawn = 4

// drawOnly draws the charts of a file and reports on its own process.
func drawOnly(ctx context.Context, file string, out io.Writer) error {
	body, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var charts []chart
	if err := json.Unmarshal(body, &charts); err != nil {
		return err
	}
	files, err := static.New()
	if err != nil {
		return err
	}
	var d drawn
	begin := time.Now()
	fonts := still.Fonts{Regular: files.Bytes("Pretendard-Regular.otf"), Bold: files.Bytes("Pretendard-SemiBold.otf")}
	r, err := still.New(files.Bytes("still.js"), fonts, files.LightTokens())
	if err != nil {
		return err
	}
	d.Compile = milliseconds(time.Since(begin))
	for set := range setsDrawn {
		took, err := timed(func() error { return drawSet(ctx, r, charts) })
		if err != nil {
			return err
		}
		d.Sets, d.Work = append(d.Sets, milliseconds(took.wall)), append(d.Work, milliseconds(took.cpu))
		if d.Last, err = procField("/proc/self/status", "VmHWM"); err != nil {
			return err
		}
		if set == 0 {
			d.First = d.Last
		}
	}
	return json.NewEncoder(out).Encode(d)
}

// drawSet draws the charts as the mailer does, one on each core.
func drawSet(ctx context.Context, r *still.Renderer, charts []chart) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, c := range charts {
		group.Go(func() error {
			_, err := r.PNG(ctx, c.Option, c.Width, c.Height)
			return err
		})
	}
	return group.Wait()
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
