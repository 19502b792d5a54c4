package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"daybook/internal/generate"
)

// measureServer builds a project of some weeks, draws its report's stills, and starts a server on it again and again.
func (b *bench) measureServer(ctx context.Context, dir string) error {
	project := filepath.Join(dir, "library")
	if err := b.buildDays(ctx, dir, project); err != nil {
		return err
	}
	binary := filepath.Join(dir, "daybook")
	build := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", binary, "./cmd/daybook")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the binary: %w: %s", err, out)
	}
	var started, memory []float64
	for round := range b.rounds + 1 {
		took, idle, err := b.start(ctx, binary, project)
		if err != nil {
			return err
		}
		if round > 0 { // the first start brings the files into memory
			started, memory = append(started, took.Seconds()), append(memory, float64(idle)/mega)
		}
	}
	b.table.add(row{what: fmt.Sprintf("start to ready, %d days of %d requests built", b.days, b.perDay), unit: "s", values: started, goal: 0.3})
	b.table.add(row{what: fmt.Sprintf("memory of a server idle for %s", b.idle), unit: "MB", values: memory, goal: 120})
	return b.measureSize(binary)
}

func (b *bench) buildDays(ctx context.Context, dir, project string) error {
	if err := makeProject(project); err != nil {
		return err
	}
	data := filepath.Join(project, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return err
	}
	from := b.day.Add(1 - b.days)
	if _, err := (generate.Library{Seed: b.seed, From: from, To: b.day, PerDay: b.perDay, Dir: data}).Write(ctx); err != nil {
		return err
	}
	h, err := openHouse(ctx, project)
	if err != nil {
		return err
	}
	took, err := timed(func() error { return h.build(ctx, from, b.day, nil) })
	if err == nil {
		b.printf("The started project: %d days of %d requests, built in %.1f s.\n\n", b.days, b.perDay, took.wall.Seconds())
		err = b.measureStills(ctx, h, b.day, dir)
	}
	return errors.Join(err, h.close())
}

// start runs a server until it has answered and stood idle. It gives the time to the first answer that it is ready, and its memory.
func (b *bench) start(ctx context.Context, binary, project string) (took time.Duration, idle int64, err error) {
	addr, err := freeAddress()
	if err != nil {
		return 0, 0, err
	}
	var said bytes.Buffer
	server := exec.Command(binary, "serve", "-C", project, "--addr", addr)
	server.Stdout, server.Stderr = &said, &said
	begin := time.Now()
	if err := server.Start(); err != nil {
		return 0, 0, err
	}
	defer func() {
		err = errors.Join(err, server.Process.Signal(syscall.SIGTERM), server.Wait())
		if err != nil {
			err = fmt.Errorf("%w: %s", err, said.String())
		}
	}()
	if err := ready(ctx, "http://"+addr+"/readyz", begin.Add(30*time.Second)); err != nil {
		return 0, 0, err
	}
	took = time.Since(begin)
	select {
	case <-time.After(b.idle):
	case <-ctx.Done():
		return took, 0, ctx.Err()
	}
	idle, err = procField(fmt.Sprintf("/proc/%d/status", server.Process.Pid), "VmRSS")
	return took, idle, err
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// ready asks until the answer is 200.
func ready(ctx context.Context, url string, deadline time.Time) error {
	client := &http.Client{Timeout: time.Second}
	for time.Now().Before(deadline) && ctx.Err() == nil {
		answer, err := client.Get(url)
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	return errors.Join(ctx.Err(), errors.New("the server did not become ready"))
}

// measureSize compresses the binary as a layer of an image would be.
func (b *bench) measureSize(binary string) error {
	f, err := os.Open(binary)
	if err != nil {
		return err
	}
	defer f.Close()
	var packed counter
	z := gzip.NewWriter(&packed)
	size, err := io.Copy(z, f)
	if err := errors.Join(err, z.Close()); err != nil {
		return err
	}
	b.table.add(row{what: "the binary, stripped", unit: "MB", values: []float64{float64(size) / mega}, goal: 120})
	b.table.add(row{what: "the same, gzipped: as a layer of an image, without a base", unit: "MB", values: []float64{float64(packed) / mega}})
	return nil
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
